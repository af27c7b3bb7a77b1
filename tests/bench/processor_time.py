"""What work costs in processor time: of this process and of the embedded server.

Belongs here: reading the time, and the work between two readings. Does not belong here: which work.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from orchestration.warehouse.postmaster import read_pid_file

_SETTLE_SECONDS = 1.0
"""Until the server's process has ended and its time is its parent's."""


@dataclass(frozen=True)
class Cost:
    """Seconds on the clock, and of the processors: this process's with its children, and the server's."""

    wall: float
    own: float
    server: float

    @property
    def processor(self) -> float:
        return self.own + self.server


def cost_of(server: psutil.Process, work: Callable[[], object]) -> Cost:
    """Do some work and say what it cost."""
    own, of_server, started = _own_time(), time_of(server), time.perf_counter()
    work()
    wall, own = time.perf_counter() - started, _own_time() - own
    time.sleep(_SETTLE_SECONDS)
    return Cost(wall, own, time_of(server) - of_server)


def server_of(home: Path) -> psutil.Process:
    """The embedded server of a folder, its first process.

    Raises:
        RuntimeError: it does not run.
    """
    said = read_pid_file(home / "postgres")
    if said is None:
        raise RuntimeError("the embedded server does not run")
    return psutil.Process(said.pid)


def _own_time() -> float:
    """Of this process and of its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def time_of(first: psutil.Process) -> float:
    """Of a process, of those it has started and they in turn, and of those of them that have ended."""
    total = 0.0
    for process in (first, *first.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total
