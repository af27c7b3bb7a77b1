"""Which files of a landing folder are there, which are finished, and which are new.

Belongs here: listing a folder safely, the hash of a content, and the decisions of the new-files sensor as
pure functions. Does not belong here: opening a file (``load``).
"""

from __future__ import annotations

import hashlib
import os
import stat
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from orchestration.landing.kinds import KINDS, kind_of
from orchestration.landing.records import KnownFile

_LITTER = frozenset({"thumbs.db", "desktop.ini"})
_UNFINISHED = (".part", ".tmp", ".crdownload", ".filepart", "~")
_BLOCK = 1 << 20


@dataclass(frozen=True)
class LandingFile:
    """One file as the listing shows it.

    Attributes:
        path: path below the landing folder, with ``/``; printable and storable whatever the name is.
        size_bytes: its size.
        modified_ns: its time of change, nanoseconds since 1970.
        problem: why it must not be opened, as a sentence without its end; None for a plain file.
    """

    path: str
    size_bytes: int
    modified_ns: int
    problem: str | None = None


def scan(folder: Path) -> list[LandingFile]:
    """List the files below a folder; an absent folder has none.

    Left out: hidden files and folders, unfinished transfers (``*.part`` and the like), litter of desktops.
    Listed with a ``problem``, so that the refusal is seen: links that lead out of the folder, links to
    folders, anything that is not a regular file (opening a pipe would wait for ever), and names with
    ``..``, control characters or bytes that are not UTF-8.
    """
    root = folder.resolve()
    found: list[LandingFile] = []
    for directory, folders, names in os.walk(folder):
        links = [name for name in folders if Path(directory, name).is_symlink()]
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        visible = [Path(directory, name) for name in [*names, *links] if not _is_skipped(name)]
        found.extend(filter(None, (_inspect(path, folder, root) for path in visible)))
    return sorted(found, key=lambda file: file.path)


def listed(path: Path) -> LandingFile:
    """A file that a person named, wherever it is; the records know it by its name."""
    status = path.stat()
    return LandingFile(path.name, status.st_size, status.st_mtime_ns)


def settled(files: Iterable[LandingFile], now: float, quiet_seconds: float) -> list[LandingFile]:
    """The files that were left alone for a while; a time of change in the future counts as old."""
    return [file for file in files if not 0 <= now - file.modified_ns / 1e9 < quiet_seconds]


def finished(known: Iterable[KnownFile], reading_digest: str) -> list[KnownFile]:
    """The records of what is done with: a refused file only while the settings it is read with are the same.

    Args:
        known: everything that was ever recorded for the client.
        reading_digest: ``Client.reading_digest()`` as it is now.
    """
    return [entry for entry in known if entry.status != "rejected" or entry.config_digest == reading_digest]


def pending(files: Iterable[LandingFile], done: Collection[KnownFile]) -> list[LandingFile]:
    """The files that have to be looked at, in the order they are loaded.

    A file whose size and time of change are those of a finished record of its name is not opened. Any other
    is: its content may be done with all the same. What must not be opened is known by its name and problem.

    Args:
        files: as listed.
        done: the records that are ``finished``.
    """
    states = {(entry.path, entry.size_bytes, entry.modified_ns) for entry in done}
    contents = {(entry.path, entry.sha256) for entry in done}
    return sorted(
        (
            file
            for file in files
            if (
                (file.path, file.size_bytes, file.modified_ns) not in states
                if file.problem is None
                else (file.path, unopened_hash(file.path, file.problem)) not in contents
            )
        ),
        key=lambda file: (_position(file.path), file.modified_ns, file.path),
    )


def unopened_hash(path: str, problem: str) -> str:
    """What stands for the content of something that must not or cannot be opened."""
    return hashlib.sha256(f"{path}\0{problem}".encode()).hexdigest()


def content_hash(content: BinaryIO) -> str:
    """SHA-256 of the rest of a file, read in blocks."""
    digest = hashlib.sha256()
    while block := content.read(_BLOCK):
        digest.update(block)
    return digest.hexdigest()


def name_problem(name: str) -> str | None:
    """Why a file's name is not accepted, or None."""
    if ".." in name:
        return "has '..' in its name"
    if printable(name) != name:
        return "has a control character or a byte that is not UTF-8 in its name"
    return None


def printable(path: str) -> str:
    """A path that every log and database can hold: control characters and stray bytes are escaped."""
    return "".join(
        char.encode("unicode_escape").decode("ascii") if unicodedata.category(char) in ("Cc", "Cs") else char
        for char in path
    )


def _position(path: str) -> int:
    kind = kind_of(path)
    return KINDS.index(kind) if kind else len(KINDS)


def _is_skipped(name: str) -> bool:
    lower = name.casefold()
    is_hidden = name.startswith(".") and not name.startswith("..")
    return is_hidden or lower in _LITTER or lower.endswith(_UNFINISHED)


def _inspect(path: Path, folder: Path, root: Path) -> LandingFile | None:
    """What the listing says of one entry; None where it vanished meanwhile."""
    relative = path.relative_to(folder).as_posix()
    problem = next(filter(None, map(name_problem, relative.split("/"))), None)
    try:
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            if not path.resolve().is_relative_to(root):
                problem = "is a link that leads out of the landing folder"
            elif not path.is_file():
                problem = "is a link to something that is not a file"
            else:
                status = path.stat()
        elif not stat.S_ISREG(status.st_mode):
            problem = "is not a regular file"
    except (OSError, RuntimeError):
        return None
    return LandingFile(printable(relative), status.st_size, status.st_mtime_ns, problem)
