"""Which column of a file is which column of a kind.

Belongs here: holding names and values against each other. Does not belong here: choosing among the kinds
(``proposal``), the settings that follow (``settings``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from orchestration.guessing.content import (
    Dates,
    Numbers,
    as_dates,
    as_numbers,
    is_yes_or_no,
    without_nothing,
)
from orchestration.guessing.sample import Sample
from orchestration.guessing.vocabulary import NAMES, likeness, plain
from orchestration.landing.contracts import Column, ColumnType
from orchestration.landing.kind import Kind

_CLOSE = 0.8
"""Share of the best sign from which another column may be meant as well."""


_UNIQUE = 0.98
"""Share of rows with a value of their own, from which a column names rows: the others are refused."""

_INDEX = ("unnamed 0", "index", "row", "row id", "row number", "id")


@dataclass(frozen=True)
class Look:
    """A column of a file and what its values could be.

    Attributes:
        name: its name in the file.
        values: its different values, some thousand of them.
        nothing: those that stand for no value; they are not among ``values``.
        has_decimal_commas: the file's fields are apart by semicolons.
        names_rows: almost every row has a value of its own.
    """

    name: str
    values: pl.Series
    nothing: tuple[str, ...]
    has_decimal_commas: bool
    names_rows: bool

    @cached_property
    def dates(self) -> Dates | None:
        return as_dates(self.values)

    @cached_property
    def numbers(self) -> Numbers | None:
        return as_numbers(self.values, has_decimal_commas=self.has_decimal_commas)

    @cached_property
    def says_yes_or_no(self) -> bool:
        return is_yes_or_no(self.values)

    @property
    def is_index(self) -> bool:
        """Whether it numbers the rows, as data frames are written."""
        return self.names_rows and plain(self.name) in _INDEX

    def fits(self, column: Column) -> bool:
        """Whether the values could be those of a column; one without values could be any."""
        if self.values.is_empty():
            return not column.required
        match column.type:
            case ColumnType.DATE:
                return self.dates is not None
            case ColumnType.NUMBER:
                return self.numbers is not None
            case ColumnType.WHOLE:
                return self.numbers is not None and self.numbers.is_whole
            case ColumnType.BOOLEAN:
                return self.says_yes_or_no
            case ColumnType.ID | ColumnType.TEXT:
                return True


@dataclass(frozen=True)
class Match:
    """A column of the file that is taken for one of the kind.

    Attributes:
        theirs: its name in the file.
        sign: how surely its name says so, up to 10.
        others: names that say it almost as surely.
    """

    theirs: str
    sign: float
    others: tuple[str, ...] = ()


def looks_of(sample: Sample) -> dict[str, Look]:
    """The columns of a file, by name."""
    looks = {}
    for name in sample.rows.columns:
        values, nothing = without_nothing(sample.rows[name])
        names_rows = sample.rows[name].n_unique() >= _UNIQUE * sample.rows.height
        looks[name] = Look(name, values, tuple(nothing), sample.has_decimal_commas, names_rows)
    return looks


def matched(kind: Kind, looks: Mapping[str, Look]) -> dict[str, Match]:
    """Our column -> the file's, each used once, the surest first."""
    known = {
        column: (column.name.replace("_", " "), *NAMES[kind.name].get(column.name, ()))
        for column in kind.columns
    }
    signs = sorted(
        (
            (sign, column, theirs)
            for column, names in known.items()
            for theirs, look in looks.items()
            if (sign := likeness(theirs, names)) > 0 and look.fits(column)
        ),
        key=lambda entry: (-entry[0], not entry[1].required),
    )
    found: dict[str, Match] = {}
    taken: set[str] = set()
    for sign, column, theirs in signs:
        if column.name in found or theirs in taken:
            continue
        found[column.name] = Match(theirs, sign)
        taken.add(theirs)
    return {
        name: Match(match.theirs, match.sign, _others(name, match, signs, taken))
        for name, match in found.items()
    }


def _others(
    name: str, match: Match, signs: list[tuple[float, Column, str]], taken: set[str]
) -> tuple[str, ...]:
    """Columns that nothing else is taken for and whose names say almost as surely that they are meant."""
    return tuple(
        theirs
        for sign, column, theirs in signs
        if column.name == name and theirs not in taken and sign >= _CLOSE * match.sign
    )
