"""The file of a backup: a zip of its parts with a manifest, sealed, written whole or not at all.

Belongs here: what the file looks like, and telling a whole one from a damaged one. Does not belong here:
what is put into it (``backup``) and what is made of it (``restore``).

The zip's comment is the SHA-256 of everything before it, so that a file that was cut short or changed
anywhere is refused. That shows damage; it is no signature.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Literal

from pydantic import BaseModel, ValidationError

from orchestration.errors import UserError

CHUNK = 1 << 20

_MANIFEST = "manifest.json"
_SEAL_LENGTH = 64

Told = Callable[[str, int], None]
"""Is told what is worked on and how many bytes of it are done."""


class ArchiveError(UserError):
    """The file of a backup cannot be written or used; the message says what to do."""


class PartFacts(BaseModel):
    """What is known of one part."""

    bytes: int
    sha256: str


class RoleFacts(BaseModel):
    """One role of an installation as it was on its server."""

    can_login: bool
    connection_limit: int
    valid_until: str | None
    password: str | None
    """SCRAM hash; None where there is none, or the backup's login may not read it."""

    settings: list[str]
    """``name=value``, in every database."""

    settings_in_database: list[str]
    members: list[str]
    """Roles of other names that may act as this one, but for the administrative login."""


class Manifest(BaseModel):
    """What a backup is of.

    Roles are named by what follows the name of the database: ``_pipeline``, ``_client_acme``.
    """

    format: Literal[1] = 1
    created_at: str
    project_version: str
    revision: str
    database: str
    server_version: int
    programs_version: int
    database_settings: list[str]
    has_passwords: bool
    roles: dict[str, RoleFacts]
    rows: dict[str, int]
    parts: dict[str, PartFacts] = {}


@dataclass
class ArchiveWriter:
    """A backup that is being written."""

    _zip: zipfile.ZipFile
    _tell: Told
    _facts: dict[str, PartFacts] = field(default_factory=dict)

    def add(self, name: str, source: IO[bytes]) -> PartFacts:
        """Append one part, read to the end of its source."""
        digest, size = hashlib.sha256(), 0
        with self._zip.open(name, "w", force_zip64=True) as part:
            while chunk := source.read(CHUNK):
                digest.update(chunk)
                part.write(chunk)
                size += len(chunk)
                self._tell(name, size)
        self._facts[name] = PartFacts(bytes=size, sha256=digest.hexdigest())
        return self._facts[name]

    def finish(self, manifest: Manifest) -> Manifest:
        """Append the manifest, completed by what the parts came to."""
        complete = manifest.model_copy(update={"parts": self._facts})
        self._zip.writestr(_MANIFEST, complete.model_dump_json(indent=2))
        return complete


@dataclass(frozen=True)
class Archive:
    """A whole backup, open for reading."""

    manifest: Manifest
    seal: str
    """Digest of the file; its identity."""

    _zip: zipfile.ZipFile

    def open(self, name: str) -> IO[bytes]:
        return self._zip.open(name)

    def files(self, folder: str) -> Iterator[tuple[PurePosixPath, IO[bytes]]]:
        """The parts below a folder, each by its path there.

        Raises:
            ArchiveError: a path leads out of the folder.
        """
        for name in self.manifest.parts:
            path = PurePosixPath(name)
            if path.parts[0] != folder or len(path.parts) < 2:
                continue
            if ".." in path.parts:
                raise ArchiveError(f"The backup holds a file with the path {name!r}; it is not restored.")
            with self.open(name) as source:
                yield path.relative_to(folder), source


class _Sealed:
    """Everything that is written to a file, hashed but for the last bytes, which will be the seal.

    Without a position, so that the zip is written from its beginning to its end.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._held = b""

    def write(self, data: bytes) -> int:
        self._file.write(data)
        held = self._held + bytes(data)
        self._digest.update(held[:-_SEAL_LENGTH])
        self._held = held[-_SEAL_LENGTH:]
        return len(data)

    def flush(self) -> None:
        self._file.flush()

    def seal(self) -> None:
        self._file.seek(-_SEAL_LENGTH, os.SEEK_END)
        self._file.write(self._digest.hexdigest().encode())


@contextmanager
def new_archive(path: Path, tell: Told) -> Iterator[ArchiveWriter]:
    """Write a backup; it gets its name when it is whole and on the disk, and is its owner's only.

    Args:
        path: the name; the file is written beside it under a name that ends in ``.part``.
        tell: is told of each part as it grows.

    Raises:
        ArchiveError: the name is taken, another backup is writing there, or the disk is full.
    """
    if path.exists():
        raise ArchiveError(f"{path} exists already; name another file.")
    draft = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _not_writable(draft, error) from error
    with os.fdopen(descriptor, "r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ArchiveError(f"Another backup is writing {path}; name another file.") from error
        os.fchmod(descriptor, 0o600)
        try:
            file.truncate()
            sealed = _Sealed(file)
            with zipfile.ZipFile(sealed, "w") as archive:  # type: ignore[call-overload]
                archive.comment = b"0" * _SEAL_LENGTH
                yield ArchiveWriter(archive, tell)
            sealed.seal()
            file.flush()
            os.fsync(descriptor)
            draft.rename(path)
        except BaseException as error:
            draft.unlink(missing_ok=True)
            if isinstance(error, OSError) and error.filename is None:
                raise _not_writable(draft, error) from error
            raise
    _sync_folder(path.parent)


@contextmanager
def open_archive(path: Path, tell: Told) -> Iterator[Archive]:
    """Open a backup for reading, after all of it was compared with its seal.

    Args:
        path: the file.
        tell: is told how much of it was compared.

    Raises:
        ArchiveError: it is not there, was cut short or changed, or a newer version made it.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise ArchiveError(f"{path} cannot be read: {error.strerror}.") from error
    with file:
        seal = _seal_of(file, lambda size: tell(path.name, size))
        if seal is None:
            raise ArchiveError(
                f"{path} is no whole backup: it was cut short, or changed after it was made. Use another one."
            )
        with zipfile.ZipFile(file) as archive:
            yield Archive(_manifest(archive, path), seal, archive)


def _seal_of(file: IO[bytes], tell: Callable[[int], None]) -> str | None:
    """The seal, where it is that of the file."""
    left = file.seek(0, os.SEEK_END) - _SEAL_LENGTH
    if left < 0:
        return None
    file.seek(0)
    digest = hashlib.sha256()
    while chunk := file.read(min(CHUNK, left)):
        digest.update(chunk)
        left -= len(chunk)
        tell(file.tell())
    seal = digest.hexdigest()
    return seal if file.read() == seal.encode() else None


def _manifest(archive: zipfile.ZipFile, path: Path) -> Manifest:
    text = archive.read(_MANIFEST)
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        raise ArchiveError(
            f"{path} was made by another version of the project that writes backups otherwise; "
            "restore it with that version or a newer one."
        ) from error


def _not_writable(path: Path, error: OSError) -> ArchiveError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ArchiveError(f"There is no space left for {path}; free some, or name a file on another disk.")
    return ArchiveError(f"{path} cannot be written: {error.strerror or error}.")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
