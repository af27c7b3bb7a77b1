"""How much memory and log the embedded server works with, by what the machine has.

PostgreSQL's own figures are made for the smallest machine. They are given at every start, so that a data
directory of an earlier version has them, too; what somebody wrote into its files stands. None of them is
about durability.

Belongs here: the settings, and what a data directory's files say otherwise. Does not belong here: starting
the server (``embedded``).
"""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

import psutil

_MB = 1 << 20

OF_INITDB = {"shared_buffers": "128MB", "max_wal_size": "1GB"}
"""What initdb writes into every postgresql.conf, whatever the machine."""

_CONTAINER_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))

_STATED = re.compile(r"^\s*([a-z_]+)\s*(?:=|\s)\s*'?([^'#\s]+)", re.MULTILINE)


def settings_for(memory_bytes: int) -> dict[str, str]:
    """The settings on a machine of so much memory.

    Buffers get a sixteenth, since models need the rest, and are used up only as tables fill them. Half of the
    memory is expected to keep files that were read. A sort or a hash of one step of a query gets little of
    it, since a query has several and there are many queries; a client's session starts with less. A load of
    half a million rows writes a tenth of the log after which a checkpoint is due.

    >>> settings_for(16 << 30)["shared_buffers"], settings_for(1 << 30)["shared_buffers"]
    ('1024MB', '128MB')
    """
    return {
        "shared_buffers": f"{_between(128, memory_bytes // 16 // _MB, 2_048)}MB",
        "effective_cache_size": f"{_between(256, memory_bytes // 2 // _MB, 65_536)}MB",
        "work_mem": f"{_between(4, memory_bytes // 512 // _MB, 32)}MB",
        "maintenance_work_mem": f"{_between(64, memory_bytes // 64 // _MB, 512)}MB",
        "max_wal_size": f"{_between(1_024, memory_bytes // 8 // _MB, 4_096)}MB",
        "checkpoint_timeout": "15min",
    }


def wanted_settings(data_dir: Path) -> dict[str, str]:
    """The settings that a data directory's files leave to us."""
    stated = stated_settings(data_dir)
    return {
        name: value
        for name, value in settings_for(machine_memory()).items()
        if stated.get(name) in (None, OF_INITDB.get(name))
    }


def stated_settings(data_dir: Path) -> dict[str, str]:
    """What the files of a data directory set; of two lines about one setting the later counts."""
    found: dict[str, str] = {}
    for name in ("postgresql.conf", "postgresql.auto.conf"):
        with suppress(FileNotFoundError):
            found |= dict(_STATED.findall((data_dir / name).read_text(encoding="utf-8", errors="replace")))
    return found


def machine_memory() -> int:
    """Bytes of the machine, or of the container where that may use less."""
    found = int(psutil.virtual_memory().total)
    for path in _CONTAINER_LIMITS:
        with suppress(OSError, ValueError):
            found = min(found, int(path.read_text()))
    return found


def _between(least: int, value: int, most: int) -> int:
    return max(least, min(value, most))
