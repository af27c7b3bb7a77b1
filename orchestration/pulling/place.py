"""The folder of a source below its client's landing folder, and putting a file there whole or not at all.

The client may write there, too, so nothing is reached through a link: every folder is opened by its handle.
A draft has a name that nobody takes for a delivery; one that a killed pull left is begun anew by the next.

Belongs here: making folders, drafts, and giving a draft its name. Does not belong here: what is written, and
what a landing folder is to the pipeline (``landing.folder``).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from orchestration.pulling.faults import PullError

DRAFT = ".pulling.part"

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_NEW_FILE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW


@dataclass(frozen=True)
class Place:
    """A source's folder, open for the time of one pull.

    Attributes:
        path: where it is, for messages.
        handle: of the folder.
    """

    path: Path
    handle: int

    def draft(self) -> BinaryIO:
        """A new empty file to write to and read from; an earlier draft loses its name.

        Raises:
            PullError: there is no room for it, or no right.
        """
        with self.explained(), suppress(FileNotFoundError):
            os.unlink(DRAFT, dir_fd=self.handle)
        with self.explained():
            return os.fdopen(os.open(DRAFT, _NEW_FILE, 0o666, dir_fd=self.handle), "w+b")

    def publish(self, parts: Sequence[str]) -> None:
        """Give the draft, which is on the disk already, its name: from here on it is a delivery.

        Args:
            parts: folders below the source's own, and the name.

        Raises:
            PullError: a link or a folder of the same name is in the way.
        """
        *folders, name = parts
        with self.explained(), _below(self.handle, folders) as folder:
            os.rename(DRAFT, name, src_dir_fd=self.handle, dst_dir_fd=folder)
            os.fsync(folder)
            os.fsync(self.handle)

    def settle(self, file: BinaryIO) -> int:
        """Bring a draft to the disk; returns its size in bytes.

        Raises:
            PullError: the disk is full.
        """
        with self.explained():
            file.flush()
            os.fsync(file.fileno())
            return os.fstat(file.fileno()).st_size

    @contextmanager
    def explained(self) -> Iterator[None]:
        """For a block that touches nothing but this folder: its errors are said as such."""
        try:
            yield
        except OSError as error:
            raise PullError(_not_written(self.path, error)) from error


@contextmanager
def opened_place(landing: Path, source: str) -> Iterator[Place]:
    """The folder of a source, made where it is missing.

    Args:
        landing: the client's landing folder; it may be a link, which is the operator's affair.
        source: name of the source.

    Raises:
        PullError: it cannot be made, or a link is in its place.
    """
    path = landing / source
    try:
        landing.mkdir(parents=True, exist_ok=True)
        top = os.open(landing, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise PullError(_not_written(landing, error)) from error
    try:
        try:
            folder = _inner(top, source)
        except OSError as error:
            raise PullError(_not_written(path, error)) from error
        try:
            yield Place(path, folder)
        finally:
            os.close(folder)
    finally:
        os.close(top)


@contextmanager
def _below(handle: int, folders: Sequence[str]) -> Iterator[int]:
    """A folder below another, made where it is missing."""
    inner = os.dup(handle)
    try:
        for folder in folders:
            outer, inner = inner, _inner(inner, folder)
            os.close(outer)
        yield inner
    finally:
        os.close(inner)


def _inner(handle: int, folder: str) -> int:
    with suppress(FileExistsError):
        os.mkdir(folder, dir_fd=handle)
    return os.open(folder, _FOLDER, dir_fd=handle)


def _not_written(path: Path, error: OSError) -> str:
    return (
        f"{path} cannot be written to ({error.strerror}): see that it is a folder and no link, that there is "
        "room on its disk, and that this user may write there."
    )
