"""What a file's name says: its kind, whether it is a snapshot, whether it is a workbook.

Belongs here: patterns of names. Does not belong here: what the kinds hold (``kinds``), which names are
refused (``folder``).
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from orchestration.landing.kinds import KINDS, Kind

SUFFIXES = (".csv", ".csv.gz", ".parquet")

WORKBOOKS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
"""Suffixes of files that people export and that are not read."""


def kind_of(path: str) -> Kind | None:
    """The kind a file's name says, or None. Upper and lower case are the same."""
    stem = _stem(path)
    return None if stem is None else _of_stem(stem)


def is_snapshot(path: str, kind: Kind) -> bool:
    """Whether a file's name says that what it lacks is taken out of its days."""
    stem = _stem(path)
    return stem is not None and any(fnmatchcase(stem, pattern) for pattern in kind.snapshots)


def _stem(path: str) -> str | None:
    """A file's name without its suffix, in lower case; None where the suffix is no kind's."""
    name = PurePosixPath(path).name.casefold()
    suffix = next(
        (suffix for suffix in sorted(SUFFIXES, key=len, reverse=True) if name.endswith(suffix)), None
    )
    return None if suffix is None else name.removesuffix(suffix)


def is_workbook(path: str) -> bool:
    """Whether a file's name says that it is a workbook."""
    return path.casefold().endswith(WORKBOOKS)


def meant_kind(path: str) -> Kind | None:
    """The kind a file's name says, be it a workbook or not: what is missing while it is refused."""
    name = PurePosixPath(path).name.casefold()
    return _of_stem(name.rpartition(".")[0]) if is_workbook(path) else kind_of(path)


def _of_stem(stem: str) -> Kind | None:
    return next((kind for kind in KINDS if any(fnmatchcase(stem, p) for p in kind.patterns)), None)


def known_names() -> str:
    """The file names there are, for a message."""
    return ", ".join(f"{pattern}.csv" for kind in KINDS for pattern in kind.patterns)
