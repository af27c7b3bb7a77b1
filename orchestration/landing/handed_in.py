"""A delivery that arrives as bytes: into the client's landing folder, where it is seen like any other.

Belongs here: its name and how it gets there whole. Does not belong here: whose it is and who may bring it
(``access``), reading it (``load``): whatever is in it is judged there and nowhere else.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from orchestration.landing.kind import Kind

SUFFIXES = {
    "text/csv": ".csv",
    "application/x-ndjson": ".jsonl",
    "application/vnd.apache.parquet": ".parquet",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
}
"""The suffix of a file that arrives under a media type; text comes uncompressed."""


@dataclass(frozen=True)
class HandedIn:
    """A file as it lies in the landing folder."""

    path: str
    sha256: str
    size_bytes: int


def described(kind: Kind, suffix: str, content: bytes) -> HandedIn:
    """What a delivery will be called: the same content has the same name, so sending it twice is one file."""
    digest = hashlib.sha256(content).hexdigest()
    return HandedIn(f"{kind.name}_api_{digest[:16]}{suffix}", digest, len(content))


def hand_in(folder: Path, delivery: HandedIn, content: bytes) -> None:
    """Put a delivery into a landing folder: under its name it is whole and on the disk, or not there.

    Args:
        folder: the client's; made where it is missing.
        delivery: as described.
        content: its bytes.

    Raises:
        OSError: the folder or the file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{delivery.path}.{secrets.token_hex(8)}.part"
    try:
        with draft.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(folder / delivery.path)
    finally:
        with suppress(FileNotFoundError):
            draft.unlink()
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
