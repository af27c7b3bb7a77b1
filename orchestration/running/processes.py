"""Processes of a service, told from strangers by a mark that each of them inherits.

A process id says nothing for long: it is used again. Belongs here: finding what belongs to a service, however
it was orphaned, and killing it. Does not belong here: the service's file and its lock (``service``).
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil

_MARK = "FORECASTER_SERVICE"
"""Variable with the path of the service's file."""

_KILL_SECONDS = 10.0
_POLL_SECONDS = 0.1


def marked(environment: Mapping[str, str], path: Path) -> dict[str, str]:
    """The environment of a service's first process, for all others to inherit."""
    return {**environment, _MARK: str(path)}


def has_mark(process: psutil.Process, path: Path) -> bool:
    """Whether a process belongs to the service with that file.

    Raises:
        psutil.NoSuchProcess: it has ended.
        psutil.AccessDenied: it is another user's.
    """
    return process.environ().get(_MARK) == str(path)


def find_command(module: str, path: Path) -> psutil.Process | None:
    """The process of a service that runs a module, found by its command line."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if module in process.cmdline() and has_mark(process, path):
                return process
    return None


def living(leader: int, path: Path) -> list[psutil.Process]:
    """What is alive of a service: its session's processes with its mark, be the leader dead.

    What a run has started for others, as a database server, leads a session of its own and is none of them.
    """
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError, PermissionError):
            if os.getsid(process.pid) == leader and has_mark(process, path):
                found.append(process)
    return found


def kill(leader: int, path: Path) -> list[psutil.Process]:
    """Kill what is alive of a service; returns what does not end all the same."""
    deadline = time.monotonic() + _KILL_SECONDS
    while (left := living(leader, path)) and time.monotonic() < deadline:
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        time.sleep(_POLL_SECONDS)
    return left
