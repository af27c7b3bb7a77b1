"""Which files of a landing folder are finished, and which are new.

Belongs here: the hash of a content, and the decisions of the new-files sensor as pure functions. Does not
belong here: listing a folder and opening a file (``folder``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from typing import BinaryIO

from orchestration.feeds import Feed
from orchestration.landing.file_names import kind_of
from orchestration.landing.folder import LandingFile
from orchestration.landing.kinds import KINDS
from orchestration.landing.known_files import KnownFile

_BLOCK = 1 << 20


def settled(files: Iterable[LandingFile], now: float, quiet_seconds: float) -> list[LandingFile]:
    """The files that were left alone for a while; a time of change in the future counts as old."""
    return [file for file in files if not 0 <= now - file.modified_ns / 1e9 < quiet_seconds]


def finished(known: Iterable[KnownFile], reading_digest: str) -> list[KnownFile]:
    """The records of what is done with: a refused file only while the settings it is read with are the same.

    Of a name the latest record counts: a content that comes back after another one is a new delivery.

    Args:
        known: everything that was ever recorded for the client, in that order.
        reading_digest: ``Client.reading_digest()`` as it is now.
    """
    latest = {entry.path: entry for entry in known}.values()
    return [entry for entry in latest if entry.status != "rejected" or entry.config_digest == reading_digest]


def pending(
    files: Iterable[LandingFile], done: Collection[KnownFile], feeds: Mapping[str, Feed]
) -> list[LandingFile]:
    """The files that have to be looked at, in the order they are loaded.

    A file whose size and time of change are those of a finished record of its name is not opened. Any other
    is: its content may be done with all the same. What must not be opened is known by its name and problem.

    Args:
        files: as listed.
        done: the records that are ``finished``.
        feeds: the client's, which may say what kind a file is.
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
        key=lambda file: (_position(file.path, feeds), file.modified_ns, file.path),
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


def _position(path: str, feeds: Mapping[str, Feed]) -> int:
    kind = kind_of(path, feeds)
    return KINDS.index(kind) if kind else len(KINDS)
