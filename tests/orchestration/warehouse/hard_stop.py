"""What a power cut or a full disk leaves of the embedded server: dead processes and torn files."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import psutil

from orchestration.warehouse.postmaster import is_alive, processes_of

GENUINE = "{pid}\n{data_dir}\n1795552811\n5432\n{data_dir}-socket\n\n  2361681    688168\nready   \n"
"""``postmaster.pid`` of a server that runs."""


def owner_of(data_dir: Path) -> int:
    return data_dir.stat().st_uid


def kill_server(data_dir: Path, *, with_children: bool = True) -> None:
    """End the server, and by default whatever it has started, without a chance to tidy up."""
    servers, parts = processes_of(data_dir, owner_of(data_dir))
    assert servers
    killed = [*servers, *(parts if with_children else [])]
    for process in killed:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(killed, timeout=60)
    assert not any(map(is_alive, killed))


def write_as_owner(path: Path, content: bytes) -> None:
    """Replace what a file of the server holds, without changing whose it is."""
    is_new = not path.exists()
    path.write_bytes(content)
    if is_new:
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid)


def names_process(data_dir: Path, pid: int) -> None:
    """Leave a ``postmaster.pid`` that names a process."""
    text = GENUINE.format(pid=pid, data_dir=data_dir)
    write_as_owner(data_dir / "postmaster.pid", text.encode())
