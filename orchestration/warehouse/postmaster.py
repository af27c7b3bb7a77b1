"""The process of the embedded server: what its files say of it, and whether that can be believed.

Belongs here: telling the server of a data directory from a stranger whose process has the same number,
asking it whether it answers, ending it. Does not belong here: starting it (``embedded``), its files
(``cluster``).

A process is believed to be the server where it is a ``postgres`` of the server's user with this data
directory among its arguments. The start time in ``postmaster.pid`` is not compared: a clock that was set
would turn the server into a stranger.
"""

from __future__ import annotations

import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import psutil
from psycopg import pq
from psycopg.conninfo import make_conninfo

from orchestration.warehouse.cluster import SUPERUSER, EmbeddedServerError, installation_digest

_POLL_SECONDS = 0.05
_FAST_SECONDS = 60.0
_IMMEDIATE_SECONDS = 10.0
_KILL_SECONDS = 10.0


@dataclass(frozen=True)
class PidFile:
    """What ``postmaster.pid`` says: the process, its data directory, and its socket once there is one."""

    pid: int
    data_dir: str
    socket_dir: str | None
    port: int


def parse_pid_file(text: str) -> PidFile | None:
    """The contents of ``postmaster.pid``; None where the file is empty, torn or none of a server's."""
    lines = [line.strip() for line in text.splitlines()]
    if len(lines) < 4 or not (lines[0].isdecimal() and lines[3].isdecimal()) or int(lines[0]) < 2:
        return None
    return PidFile(int(lines[0]), lines[1], (lines[4] if len(lines) > 4 else "") or None, int(lines[3]))


def read_pid_file(data_dir: Path) -> PidFile | None:
    """What ``postmaster.pid`` says; None where there is none that can be read."""
    try:
        return parse_pid_file((data_dir / "postmaster.pid").read_text(errors="replace"))
    except FileNotFoundError:
        return None


def cluster_name(data_dir: Path) -> str:
    """What the processes of this server have in their titles, those that outlive the first one, too."""
    return f"forecaster-{installation_digest(data_dir)}"


def is_alive(process: psutil.Process) -> bool:
    """Whether it runs; a process that ended and that nobody has asked after does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def recorded_postmaster(data_dir: Path, uid: int) -> psutil.Process | None:
    """The process that ``postmaster.pid`` names, where it is the server of this data directory."""
    said = read_pid_file(data_dir)
    if said is None:
        return None
    try:
        process = psutil.Process(said.pid)
        is_ours = _is_postmaster(process, data_dir, uid)
    except (psutil.NoSuchProcess, ValueError, OverflowError):
        return None
    return process if is_ours else None


def processes_of(data_dir: Path, uid: int) -> tuple[list[psutil.Process], list[psutil.Process]]:
    """Whatever the files say: the servers of this data directory, and what is left of those that are gone."""
    title = f"postgres: {cluster_name(data_dir)}: "
    named_alike, parents, parts = [], {}, []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if _is_postmaster(process, data_dir, uid):
                parents[process.pid] = process.ppid()
                named_alike.append(process)
            elif process.uids().real == uid and " ".join(process.cmdline()).startswith(title):
                parts.append(process)
    # a part that was just made is called as its server is, until it says what it does
    servers = [process for process in named_alike if parents[process.pid] not in parents]
    return servers, [*parts, *(process for process in named_alike if process not in servers)]


def _is_postmaster(process: psutil.Process, data_dir: Path, uid: int) -> bool:
    try:
        arguments = process.cmdline()
        return (
            is_alive(process)
            and process.uids().real == uid
            and bool(arguments)
            and Path(arguments[0]).name == "postgres"
            and ("-D", str(data_dir)) in pairwise(arguments)
        )
    except psutil.AccessDenied:
        return False


def answering(data_dir: Path) -> PidFile | None:
    """Where the server takes connections; None while it does not."""
    said = read_pid_file(data_dir)
    if said is None or said.socket_dir is None:
        return None
    where = make_conninfo(
        host=said.socket_dir, port=said.port, user=SUPERUSER, dbname=SUPERUSER, connect_timeout=5
    )
    return said if pq.PGconn.ping(where.encode()) == pq.Ping.OK else None


def answers_from_elsewhere(data_dir: Path) -> bool:
    """Whether a server whose process cannot be seen, as in another container, works on the data directory."""
    said = answering(data_dir)
    return said is not None and said.data_dir == str(data_dir)


def end_servers(data_dir: Path, uid: int) -> bool:
    """End every process of this data directory's servers; returns whether one of them was a server.

    Sessions are ended and everything is written; what takes too long is ended at once, and the next start
    recovers.

    Raises:
        EmbeddedServerError: something does not end.
    """
    immediately = ((signal.SIGQUIT, _IMMEDIATE_SECONDS), (signal.SIGKILL, _KILL_SECONDS))
    servers, _ = processes_of(data_dir, uid)
    _end(servers, (signal.SIGINT, _FAST_SECONDS), *immediately)
    _end([process for found in processes_of(data_dir, uid) for process in found], *immediately)
    if any(processes_of(data_dir, uid)):
        raise EmbeddedServerError(
            f"The processes of the PostgreSQL in {data_dir} do not end; restart the machine and try again."
        )
    return bool(servers)


def _end(processes: list[psutil.Process], *steps: tuple[signal.Signals, float]) -> None:
    """Send one signal after the other until the processes are gone; never to a number that was used again."""
    for number, patience in steps:
        for process in processes:
            if is_alive(process):
                with suppress(psutil.NoSuchProcess):
                    process.send_signal(number)
        deadline = time.monotonic() + patience
        while any(map(is_alive, processes)) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
