"""The machine the installation is on: who may read its files, and the room there is for more.

Belongs here: modes and free space of the installation's folders. Does not belong here: what the files say
(``state``) and the database server (``server``).
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestration.diagnosis.findings import Finding, ok, problem, warning
from orchestration.settings import WORKPLACE, Settings

_GIGABYTE = 1024**3
FULL_BYTES = 1 * _GIGABYTE
"""Less than this, and the next run may end in the middle."""

SCARCE_BYTES = 5 * _GIGABYTE

_CLOSED_BY = {"go-rwx": 0o077, "go-rw": 0o066, "o-rwx": 0o007}
"""What ``chmod`` is told -> the permission bits it takes away."""


@dataclass(frozen=True)
class Place:
    """A file or folder that is there.

    Attributes:
        path: of it.
        mode: its permission bits.
        why: what somebody who may read it gets.
        closed_by: what ``chmod`` must be told if it is open, a key of ``_CLOSED_BY``.
        is_secret: whether what it holds opens the database.
    """

    path: Path
    mode: int
    why: str
    closed_by: str
    is_secret: bool = False

    @property
    def excess(self) -> int:
        """The permission bits it has and must not have."""
        return self.mode & _CLOSED_BY[self.closed_by]


@dataclass(frozen=True)
class Disk:
    """A file system with some of the installation's folders on it.

    Attributes:
        holds: what is on it, such as ``home``.
        free_bytes: what this user may still write.
    """

    holds: tuple[str, ...]
    free_bytes: int


def examine_machine(settings: Settings) -> list[Finding]:
    """Modes of files and free space, a finding for each folder and file system."""
    folders = {
        "home": settings.home,
        "landing": settings.landing_dir,
        "reports": settings.reports_dir,
        "database": settings.home / "postgres",
    }
    return [*judge_places(places(settings)), *judge_disks(disks(folders))]


def places(settings: Settings) -> list[Place]:
    """What others must not reach, as far as it is there.

    A folder closed to others closes all below it. Run by root, the embedded server has a user of its own, who
    must be able to pass through the home.
    """
    home_closed_by = "go-rw" if os.geteuid() == 0 else "go-rwx"
    wanted = [
        (settings.home, "everything this installation keeps", home_closed_by, False),
        (settings.dagster_home / "dagster.yaml", "the way to Dagster's database", "go-rw", True),
        (WORKPLACE / ".env", "the passwords in it", "go-rw", True),
        (settings.landing_dir, "what clients deliver", "o-rwx", False),
    ]
    return [
        Place(path, stat.S_IMODE(path.stat().st_mode), why, closed_by, is_secret)
        for path, why, closed_by, is_secret in wanted
        if path.exists()
    ]


def judge_places(found: Iterable[Place]) -> Iterator[Finding]:
    """A finding for each place that is too open; one for all the others."""
    closed = 0
    for place in found:
        if not place.excess:
            closed += 1
            continue
        is_writable = place.excess & (stat.S_IWGRP | stat.S_IWOTH)
        judged = problem if place.is_secret or is_writable else warning
        yield judged(
            f"other users may {'change' if is_writable else 'reach'} {place.path} (mode {place.mode:04o}), "
            f"{place.why}",
            f"chmod {place.closed_by} {place.path}",
        )
    yield ok(f"{closed} of the installation's files and folders are closed to other users")


def disks(folders: Mapping[str, Path]) -> list[Disk]:
    """The file systems that the folders are on; of one that is not there yet, its nearest parent counts."""
    found: dict[int, tuple[list[str], int]] = {}
    for name, folder in folders.items():
        existing = next((path for path in (folder, *folder.parents) if path.exists()), None)
        if existing is not None:
            device = existing.stat().st_dev
            found.setdefault(device, ([], shutil.disk_usage(existing).free))[0].append(name)
    return [Disk(tuple(names), free) for names, free in found.values()]


def judge_disks(found: Iterable[Disk]) -> Iterator[Finding]:
    for disk in found:
        room = f"{disk.free_bytes / _GIGABYTE:.1f} GB free for {', '.join(disk.holds)}"
        if disk.free_bytes < FULL_BYTES:
            yield problem(room, "make room before the next run, which would end in the middle")
        elif disk.free_bytes < SCARCE_BYTES:
            yield warning(room, "make room soon")
        else:
            yield ok(room)
