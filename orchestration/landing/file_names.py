"""What a file's name says: its format, its kind, its feed, whether it is a snapshot.

Belongs here: patterns of names. Does not belong here: what the kinds hold (``kinds``), what a feed may say
(``feeds``), which names are refused (``folder``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from orchestration.feeds import Feed
from orchestration.landing.compression import COMPRESSIONS
from orchestration.landing.kind import Kind
from orchestration.landing.kinds import KINDS, kind_named

TABLES_OF_TEXT = (".csv", ".tsv", ".txt")
JSON_LINES = (".jsonl", ".ndjson")
WORKBOOKS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")

SUFFIXES = (
    *(
        f"{text}{compression}"
        for text in (*TABLES_OF_TEXT, *JSON_LINES)
        for compression in ("", *(found.suffix for found in COMPRESSIONS))
    ),
    ".parquet",
    *WORKBOOKS,
)


@dataclass(frozen=True)
class Named:
    """What a file's name says.

    Attributes:
        kind: what it holds.
        feed: how it is read; every setting is as it is unless named, where the client has none for it.
        feed_name: what the client calls that feed; None where it has none.
        is_snapshot: what it lacks is taken out of its days.
    """

    kind: Kind
    feed: Feed
    feed_name: str | None
    is_snapshot: bool


def named(path: str, feeds: Mapping[str, Feed]) -> Named | None:
    """What a file's name says, or None. Upper and lower case are the same.

    Args:
        path: its name, with or without folders.
        feeds: the client's; those that name their files are asked first, in their order.
    """
    stem = _stem(path)
    if stem is None:
        return None
    for name, feed in feeds.items():
        if any(fnmatchcase(stem, pattern.casefold()) for pattern in feed.files):
            kind = kind_named(feed.kind)
            return None if kind is None else Named(kind, feed, name, feed.snapshot)
    kind = _of_stem(stem)
    if kind is None:
        return None
    own = next((name for name, feed in feeds.items() if feed.kind == kind.name and not feed.files), None)
    feed = Feed(kind=kind.name) if own is None else feeds[own]
    is_snapshot = feed.snapshot or any(fnmatchcase(stem, pattern) for pattern in kind.snapshots)
    return Named(kind, feed, own, is_snapshot)


def kind_of(path: str, feeds: Mapping[str, Feed]) -> Kind | None:
    """The kind a file's name says, or None."""
    said = named(path, feeds)
    return None if said is None else said.kind


def _stem(path: str) -> str | None:
    """A file's name without its suffix, in lower case; None where the suffix is no format's."""
    name = PurePosixPath(path).name.casefold()
    suffix = next(
        (suffix for suffix in sorted(SUFFIXES, key=len, reverse=True) if name.endswith(suffix)), None
    )
    return None if suffix is None else name.removesuffix(suffix)


def _of_stem(stem: str) -> Kind | None:
    return next((kind for kind in KINDS if any(fnmatchcase(stem, p) for p in kind.patterns)), None)


def known_names(feeds: Mapping[str, Feed]) -> str:
    """The file names there are, for a message."""
    patterns = [*(name for feed in feeds.values() for name in feed.files)]
    patterns += [pattern for kind in KINDS for pattern in kind.patterns]
    return ", ".join(f"{pattern}.csv" for pattern in patterns)
