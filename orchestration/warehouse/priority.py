"""Who goes first where processors are scarce: the pipeline, before the clients' sessions.

Belongs here: the scheduler's priority of the embedded server's processes while something runs for a client.
Does not belong here: what a role may use up at most (``limits``), starting the server (``embedded``).

PostgreSQL knows no priority of a role, and a client may open sessions, and parallel workers with them, at any
time. So a thread of a run looks for new ones and lowers them once and for all: only root may raise a process
again. Where nobody else wants a processor they are as fast as before. A server of
``DATABASE_URL`` has processes that are not ours; its administrator can do the same there.
"""

from __future__ import annotations

import errno
import os
import re
import threading
from contextlib import suppress
from functools import cache
from pathlib import Path

from orchestration.warehouse.postmaster import cluster_name, recorded_postmaster
from orchestration.warehouse.server import Roles

LOWEST = 19
"""The niceness of a client's session: about a seventieth of a processor beside a program of niceness 0."""

_LOOK_SECONDS = 0.1
"""A session that stays is a client's whole power; one that ends sooner has worked at our cost that long."""


@cache
def keep_clients_behind(data_dir: Path, roles: Roles) -> threading.Thread:
    """Keep the sessions of the embedded server's clients behind everybody else's until this process ends.

    Args:
        data_dir: of the server, which may be stopped and started meanwhile.
        roles: of the installation.

    Returns:
        What does it; the same one for the same server.
    """
    arguments = (data_dir, roles, threading.Event())
    thread = threading.Thread(target=look_for_clients, args=arguments, name="clients behind", daemon=True)
    thread.start()
    return thread


def look_for_clients(data_dir: Path, roles: Roles, ended: threading.Event) -> None:
    """Lower every session of a client soon after it begins, until told to end."""
    lowered: set[int] = set()
    while not ended.wait(_LOOK_SECONDS):
        lowered = lower_clients(data_dir, roles, lowered)


def lower_clients(data_dir: Path, roles: Roles, lowered: set[int]) -> set[int]:
    """Lower the clients' sessions that are not yet, and their parallel workers.

    Args:
        data_dir: of the server.
        roles: of the installation.
        lowered: processes that the last look returned; they are not looked at again.

    Returns:
        The server's processes that need no further look.
    """
    try:
        server = recorded_postmaster(data_dir, data_dir.stat().st_uid)
        if server is None:
            return set()
        children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text()
    except OSError:
        return set()
    there = set(map(int, children.split()))
    titles = {pid: title for pid in there - lowered if (title := _title(pid))}
    found = sessions_of_clients(titles, f"postgres: {cluster_name(data_dir)}: ", roles.client_prefix, lowered)
    return (lowered & there) | {pid for pid in found if _lower(pid)}


def sessions_of_clients(titles: dict[int, str], start: str, prefix: str, known: set[int]) -> set[int]:
    """The processes that work for clients, by what PostgreSQL calls them.

    Args:
        titles: by process, such as ``postgres: cluster: warehouse_client_acme warehouse [local] SELECT``.
        start: of every title of the server.
        prefix: of the clients' roles.
        known: processes that work for clients, whose parallel workers may be among the titles.
    """
    sessions = {pid for pid, title in titles.items() if title.startswith(start + prefix)}
    worker = re.compile(re.escape(start) + r"parallel worker for PID (\d+)")
    return sessions | {
        pid
        for pid, title in titles.items()
        if (found := worker.match(title)) and int(found[1]) in sessions | known
    }


def _title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").rstrip("\0 ")
    except OSError:
        return ""


def _lower(pid: int) -> bool:
    """Lower a process and the group that the kernel makes of its session; False where that must wait.

    Each of PostgreSQL's processes leads a session. With ``sched_autogroup_enabled``, sessions share the
    processors evenly and a process's niceness counts within its own only. Other users than root may
    change one such group in a tenth of a second.
    """
    try:
        os.setpriority(os.PRIO_PROCESS, pid, LOWEST)
        with suppress(FileNotFoundError):
            Path(f"/proc/{pid}/autogroup").write_text(str(LOWEST))
    except OSError as error:
        return error.errno != errno.EAGAIN
    return True
