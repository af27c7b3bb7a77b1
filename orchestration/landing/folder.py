"""A landing folder: what lies in it, and opening that without following a link.

Clients write to their folders while these are read, so a name may stand for something else a moment later.
Everything below the folder is reached through a handle, one component at a time, and what was opened has to
be what the listing saw. The folder itself is the operator's and may be a link.

Belongs here: listing, looking at an entry, opening it. Does not belong here: which files are new
(``discovery``) and what is in them (``load``).
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from orchestration.errors import UserError
from orchestration.foreign_text import is_control
from orchestration.landing.reasons import Refusal

_LITTER = frozenset({"thumbs.db", "desktop.ini"})
_UNFINISHED = (".part", ".tmp", ".crdownload", ".filepart", "~")
_DEEPEST = 32
"""Folders below each other; each costs an opening for every folder and file in it."""

# Without O_NONBLOCK, opening a pipe waits for its writer.
_NOTHING_ELSE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
_SWAPPED = (errno.ELOOP, errno.ENOTDIR)
"""What opening says of a link where a file or a folder was."""


@dataclass(frozen=True)
class LandingFile:
    """One file as the listing shows it.

    Attributes:
        path: path below the landing folder, with ``/``; storable whatever the name is.
        size_bytes: its size.
        modified_ns: its time of change, nanoseconds since 1970.
        problem: why it must not be opened, as a sentence without its end; None for a plain file.
        inode: device and number of the file.
        target: for a link, the path below the landing folder of the file that it led to.
    """

    path: str
    size_bytes: int
    modified_ns: int
    problem: str | None = None
    inode: tuple[int, int] | None = None
    target: str | None = None


class FileChangedError(UserError):
    """The file was written to or replaced while it was read; nothing is recorded, the next run takes it."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} was written to while it was read; the next run takes it.")


class NotOpenedError(Exception):
    """A file must not or cannot be opened.

    Attributes:
        refusal: why.
        problem: the same in words, following the name.
    """

    def __init__(self, refusal: Refusal, problem: str) -> None:
        self.refusal = refusal
        self.problem = problem
        super().__init__(problem)


def scan(folder: Path) -> list[LandingFile]:
    """List the files below a folder; an absent folder has none.

    Left out: hidden files and folders, unfinished transfers (``*.part`` and the like), litter of desktops.
    Listed with a ``problem``, so that the refusal is seen: links that lead out of the folder, to a folder,
    to nothing or to themselves, anything that is not a regular file, names with ``..``, control characters
    or bytes that are not UTF-8, and folders below too many others.
    """
    found: list[LandingFile] = []
    waiting: list[tuple[str, ...]] = [()]
    while waiting:
        parts = waiting.pop()
        for name, status in _entries(folder, parts):
            below = (*parts, name)
            if not stat.S_ISDIR(status.st_mode):
                if not is_skipped(name):
                    found.append(_seen(folder, below, status))
            elif name.startswith("."):
                continue
            elif len(below) <= _DEEPEST:
                waiting.append(below)
            else:
                problem = f"is a folder below {_DEEPEST} others"
                found.append(LandingFile(_storable("/".join(below)), 0, 0, problem))
    return sorted(found, key=lambda file: file.path)


def listed(path: Path) -> LandingFile:
    """A file that a person named, wherever it is; the records know it by its name."""
    status = path.stat()
    return LandingFile(path.name, status.st_size, status.st_mtime_ns)


def open_listed(folder: Path, file: LandingFile) -> BinaryIO:
    """Open a file of a landing folder: the one that was listed, or none.

    Raises:
        NotOpenedError: it must not be opened, or the operating system does not let it be read.
        FileChangedError: another file has taken its place.
    """
    if file.problem is not None:
        raise NotOpenedError(Refusal.UNSAFE_NAME, file.problem)
    *folders, name = (file.target or file.path).split("/")
    try:
        with _opened(folder, folders) as handle:
            descriptor = os.open(name, _NOTHING_ELSE, dir_fd=handle)
    except OSError as error:
        raise _not_opened(folder, file, error) from error
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and _inode(status) == file.inode:
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    raise _not_opened(folder, file, None)


def open_named(source: Path, landing: Path | None) -> BinaryIO:
    """Open a file that a person named.

    The person vouches for the way to it, links included, but not for what a client may have put into its
    landing folder: there, the rules are those of ``open_listed``.

    Args:
        source: the file.
        landing: the folder that holds the clients' landing folders.

    Raises:
        NotOpenedError: it must not be opened, or the operating system does not let it be read.
        FileChangedError: another file has taken its place.
    """
    folder, parts = _vouched_for(source, landing)
    try:
        file = _look(folder, parts)
    except OSError as error:
        raise NotOpenedError(Refusal.UNREADABLE, _unreadable(error)) from error
    return open_listed(folder, file)


def name_problem(name: str) -> str | None:
    """Why a file's name is not accepted, or None."""
    if ".." in name:
        return "has '..' in its name"
    if any(map(is_control, name)):
        return "has a control character or a byte that is not UTF-8 in its name"
    return None


def is_skipped(name: str) -> bool:
    """Whether a name stands for nothing that was delivered: hidden, unfinished, or litter of a desktop."""
    lower = name.casefold()
    is_hidden = name.startswith(".") and not name.startswith("..")
    return is_hidden or lower in _LITTER or lower.endswith(_UNFINISHED)


def _vouched_for(source: Path, landing: Path | None) -> tuple[Path, tuple[str, ...]]:
    """The folder a person vouches for, and the way on: a client's landing folder, or the file's own."""
    absolute = Path(os.path.abspath(source))  # noqa: PTH100 - '..' must not be resolved through a link
    if landing is not None and landing.exists():
        for ancestor in reversed(absolute.parents):
            if ancestor.exists() and ancestor.samefile(landing):
                client, *below = absolute.relative_to(ancestor).parts
                return (ancestor / client, tuple(below)) if below else (ancestor, (client,))
    resolved = absolute.resolve()
    return resolved.parent, (resolved.name,)


@contextmanager
def _opened(folder: Path, parts: Sequence[str]) -> Iterator[int]:
    """A handle of a folder below the landing folder; no part of the way is a link.

    Raises:
        OSError: there is none.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in parts:
            inner = os.open(part, _NOTHING_ELSE | os.O_DIRECTORY, dir_fd=handle)
            os.close(handle)
            handle = inner
        yield handle
    finally:
        os.close(handle)


def _entries(folder: Path, parts: Sequence[str]) -> Iterator[tuple[str, os.stat_result]]:
    """Names in a folder below the landing folder, and what each is; what vanished meanwhile is left out."""
    try:
        with _opened(folder, parts) as handle:
            for name in os.listdir(handle):  # noqa: PTH208 - a path would be looked up anew
                try:
                    yield name, os.stat(name, dir_fd=handle, follow_symlinks=False)
                except FileNotFoundError:
                    continue
    except OSError:
        return


def _look(folder: Path, parts: Sequence[str]) -> LandingFile:
    """What the listing says of one entry as it is now.

    Raises:
        OSError: it is not there.
    """
    with _opened(folder, parts[:-1]) as handle:
        status = os.stat(parts[-1], dir_fd=handle, follow_symlinks=False)
    return _seen(folder, parts, status)


def _seen(folder: Path, parts: Sequence[str], status: os.stat_result) -> LandingFile:
    """What the listing says of an entry that is no folder."""
    relative, target = "/".join(parts), None
    problem = next(filter(None, map(name_problem, parts)), None)
    if stat.S_ISLNK(status.st_mode):
        led_to = _led_to(folder, relative)
        if isinstance(led_to, str):
            problem = led_to
        else:
            target, status = led_to
    elif not stat.S_ISREG(status.st_mode):
        problem = "is not a regular file"
    return LandingFile(
        _storable(relative), status.st_size, status.st_mtime_ns, problem, _inode(status), target
    )


def _led_to(folder: Path, relative: str) -> tuple[str, os.stat_result] | str:
    """The file a link leads to, as its path below the landing folder and its state; or what is wrong."""
    root = folder.resolve()
    try:
        target = root.joinpath(relative).resolve()
    except RuntimeError:
        return "is a link that leads to itself"
    if not target.is_relative_to(root):
        return "is a link that leads out of the landing folder"
    parts = target.relative_to(root).parts
    try:
        with _opened(folder, parts[:-1]) as handle:
            status = os.stat(parts[-1] if parts else ".", dir_fd=handle, follow_symlinks=False)
    except OSError:
        return "is a link to something that is not a file"
    return (
        ("/".join(parts), status)
        if stat.S_ISREG(status.st_mode)
        else ("is a link to something that is not a file")
    )


def _not_opened(folder: Path, file: LandingFile, error: OSError | None) -> NotOpenedError | FileChangedError:
    """Why a listed file was not opened, from what has taken its place.

    Args:
        folder: the landing folder.
        file: as listed.
        error: of the opening; None where something was opened that is not the file.
    """
    try:
        now = _look(folder, file.path.split("/"))
    except OSError:
        now = file
    if now.problem is not None:
        return NotOpenedError(Refusal.UNSAFE_NAME, now.problem)
    if error is None or error.errno in _SWAPPED or now.inode != file.inode:
        return FileChangedError(file.path)
    return NotOpenedError(Refusal.UNREADABLE, _unreadable(error))


def _storable(path: str) -> str:
    """A path that the database can hold; one that is not as it was has a problem and is never opened."""
    return "".join(
        char.encode("unicode_escape").decode("ascii") if is_control(char) else char for char in path
    )


def _unreadable(error: OSError) -> str:
    return f"cannot be read ({error.strerror})"


def _inode(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
