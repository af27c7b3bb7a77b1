"""Files of a source: which there are, which are new, and the bytes of one.

Every name and every size comes from the other side and is believed in nothing. Belongs here: fsspec. Does not
belong here: how a host proves itself (``known_hosts``), where a file goes (``place``).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from orchestration.foreign_text import printable
from orchestration.landing.folder import is_skipped, name_problem
from orchestration.pulling.faults import PullError
from orchestration.pulling.secrets import Secrets
from orchestration.references import Url, is_reference, take_apart
from orchestration.sources import Source

MOST_BYTES = 16 << 30
"""Of one file; a larger one is not brought, or is broken off where it says too little of itself."""

_BLOCK = 4 << 20
_MAGIC = "*?["
_MODIFIED = ("mtime", "LastModified", "last_modified", "updated", "modified", "modify")
_ETAGS = ("ETag", "etag")
_SSH = ("sftp", "ssh")
_OF_OBJECTS = ("s3", "s3a")


@dataclass(frozen=True)
class RemoteFile:
    """One file as the other side lists it.

    Attributes:
        path: as the file system names it.
        parts: folders below the first one with a pattern, and the name.
        state: what tells one content from another: its size, and its ETag, else its time of change.
        modified: time of change; None where it is not known.
        inode: of a file of this machine; else None.
    """

    path: str
    parts: tuple[str, ...]
    state: dict[str, str | int]
    modified: datetime | None
    inode: int | None

    @property
    def size_bytes(self) -> int:
        return int(self.state.get("size", 0))

    @property
    def problem(self) -> str | None:
        """Why it is not brought, following its name; None where it is."""
        for part in self.parts:
            if (problem := name_problem(part)) is not None:
                return problem
            if "/" in part or part in ("", "."):
                return "has a part without a name"
            if len(part.encode(errors="replace")) > 255:
                return "has a name that is too long"
        if self.size_bytes > MOST_BYTES:
            return f"has more than {MOST_BYTES:,} bytes"
        return None


class FileStore:
    """The other side, opened for one pull."""

    def __init__(self, files: Any, pattern: str) -> None:
        self._files = files
        self._pattern = pattern

    def listed(self) -> list[RemoteFile]:
        """The files that the URL's path fits, the longest unchanged first; unfinished ones are left out."""
        root = _root_of(self._pattern)
        self._files.invalidate_cache()
        found = self._files.glob(self._pattern, detail=True)
        files = [
            _seen(str(path), root, self._known(str(path), entry))
            for path, entry in found.items()
            if entry.get("type") == "file"
        ]
        finished = [file for file in files if not any(map(is_skipped, file.parts))]
        return sorted(
            finished, key=lambda file: (file.modified or datetime.min.replace(tzinfo=UTC), file.path)
        )

    def _known(self, path: str, entry: Mapping[str, Any]) -> Mapping[str, Any]:
        """What is known of a listed file; a web server's list says no more than its name."""
        return entry if entry.get("size") is not None else self._files.info(path)

    def fetch(self, file: RemoteFile, write: Callable[[bytes], object]) -> bool:
        """Hand on a file's bytes; returns whether it stayed as it was listed meanwhile.

        Raises:
            PullError: it goes on beyond the limit.
        """
        try:
            return self._fetch(file, write)
        except FileNotFoundError:
            return False

    def _fetch(self, file: RemoteFile, write: Callable[[bytes], object]) -> bool:
        total = 0
        with self._files.open(file.path, "rb", block_size=_BLOCK) as content:
            if not _is_listed(file, content):
                return False
            while block := content.read(_BLOCK):
                total += len(block)
                if total > MOST_BYTES:
                    raise PullError(f"{printable(file.path)} goes on beyond {MOST_BYTES:,} bytes; split it.")
                write(block)
        self._files.invalidate_cache()
        now = _seen(file.path, _root_of(self._pattern), self._files.info(file.path))
        return total == file.size_bytes and now.state == file.state

    def close(self) -> None:
        """End the connection, where there is one to end."""
        client = getattr(self._files, "client", None)
        if client is not None:
            client.close()


def open_store(source: Source, secrets: Secrets) -> FileStore:
    """Connect to where a source's files are.

    Raises:
        PullError: an environment variable is not set, or its URL is none.
        Exception: whatever the library says of a host, a login or a protocol.
    """
    import fsspec

    parts = _filled_parts(source.url, secrets)
    options = _nested({name: _option(value, secrets) for name, value in source.options.items()})
    options |= {"username": parts.user} if parts.user else {}
    options |= {"password": parts.password} if parts.password else {}
    if parts.scheme in _SSH:
        host, _, port = parts.host.partition(":")
        options |= {"host": host, **({"port": int(port)} if port else {})}
        from orchestration.pulling.known_hosts import SftpOfKnownHosts

        return FileStore(SftpOfKnownHosts(skip_instance_cache=True, **options), parts.rest)
    if parts.scheme in _OF_OBJECTS:
        options.setdefault("config_kwargs", {"connect_timeout": 15, "read_timeout": 60})
    files = fsspec.filesystem(parts.scheme, skip_instance_cache=True, use_listings_cache=False, **options)
    return FileStore(files, files._strip_protocol(f"{parts.scheme}://{parts.host}{parts.rest}"))


def new_files(
    listed: Iterable[RemoteFile], known: Mapping[str, Mapping[str, object]]
) -> tuple[list[RemoteFile], list[str]]:
    """(files to bring, in their order; what is said of those that must not be brought).

    Args:
        listed: what is there.
        known: path -> state of what was brought before.
    """
    news = [file for file in listed if known.get(file.path) != file.state]
    return (
        [file for file in news if file.problem is None],
        [f"{printable(file.path)} {file.problem}; it is left there." for file in news if file.problem],
    )


def settled(listed: Iterable[RemoteFile], now: datetime, quiet_seconds: float) -> list[RemoteFile]:
    """Without those that somebody may still be writing: changed a moment ago, and no whole objects."""
    return [
        file
        for file in listed
        if "etag" in file.state
        or file.modified is None
        or not 0 <= (now - file.modified).total_seconds() < quiet_seconds
    ]


def quiet_files(store: FileStore, quiet_seconds: float) -> list[RemoteFile]:
    """The files of a store that nobody is writing; waits for one that is, once."""
    listed = store.listed()
    if len(settled(listed, datetime.now(UTC), quiet_seconds)) < len(listed):
        time.sleep(quiet_seconds)
        listed = settled(store.listed(), datetime.now(UTC), quiet_seconds)
    return listed


def _root_of(pattern: str) -> str:
    """The folder above the first part of a path that is a pattern, or above the file."""
    folders = pattern.split("/")[:-1]
    plain = next((n for n, part in enumerate(folders) if any(char in part for char in _MAGIC)), len(folders))
    return "/".join(folders[:plain])


def _seen(path: str, root: str, entry: Mapping[str, Any]) -> RemoteFile:
    below = path.removeprefix(root).removeprefix("/") if path.startswith(root) else path.rpartition("/")[2]
    modified = next((entry[name] for name in _MODIFIED if entry.get(name) is not None), None)
    etag = next((entry[name] for name in _ETAGS if entry.get(name)), None)
    state: dict[str, str | int] = {"size": int(entry.get("size") or 0)}
    if etag is not None:
        state["etag"] = str(etag)
    elif modified is not None:
        state["modified"] = str(modified)
    return RemoteFile(path, tuple(below.split("/")), state, _moment(modified), entry.get("ino"))


def _moment(modified: object) -> datetime | None:
    if isinstance(modified, datetime):
        return modified if modified.tzinfo else modified.replace(tzinfo=UTC)
    if isinstance(modified, int | float):
        return datetime.fromtimestamp(modified, UTC)
    return None


def _is_listed(file: RemoteFile, content: Any) -> bool:
    """Whether what was opened is what was listed; on this machine, a link may have taken its place."""
    return file.inode is None or os.fstat(content.fileno()).st_ino == file.inode


def _filled_parts(url: str, secrets: Secrets) -> Url:
    """A URL's parts with their secrets, which may hold what divides one part from the next.

    Raises:
        PullError: an environment variable is not set, or what it holds is no URL.
    """
    parts = take_apart(secrets.fill(url) if is_reference(url) else url)
    if parts is None:
        raise PullError("What the environment has for the URL is none; it begins as in sftp:// or s3://.")
    return Url(
        parts.scheme,
        secrets.fill(unquote(parts.user)),
        secrets.fill(unquote(parts.password)),
        *map(secrets.fill, (parts.host, parts.rest)),
    )


def _option(said: str, secrets: Secrets) -> str | int | bool:
    """An option's value; one that comes from the environment is a text, whatever it looks like."""
    if (filled := secrets.fill(said)) != said:
        return filled
    if said.lower() in ("true", "false"):
        return said.lower() == "true"
    return int(said) if said.isdecimal() else said


def _nested(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options whose name has dots, as fsspec takes them: ``client_kwargs.region_name``."""
    found: dict[str, Any] = {}
    for name, value in options.items():
        inner = found
        *outer, last = name.split(".")
        for part in outer:
            inner = inner.setdefault(part, {})
        inner[last] = value
    return found
