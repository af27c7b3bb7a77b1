"""What can be said of a kind of file as data: its columns, its key, its limits.

Belongs here: the vocabulary of a contract, which the readers and the judges work by. Does not belong here:
the kinds there are (``kinds``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import polars as pl

from orchestration.landing.reasons import Reason

LINE_LIMIT = 1 << 20
"""Bytes one line may have; a longer one is refused before it is read."""

MAX_ID_LENGTH = 200
MAX_TEXT_LENGTH = 2_000


class ColumnType(StrEnum):
    """How a column's text is read."""

    ID = "id"
    TEXT = "text"
    NUMBER = "number"
    WHOLE = "whole"
    BOOLEAN = "boolean"
    DATE = "date"


@dataclass(frozen=True)
class Column:
    """One column of a kind.

    Attributes:
        name: what the contract calls it, and what ``column_map`` maps to the client's own name.
        type: how its text is read.
        meaning: one sentence for people.
        required: the file must have the column and every row a value.
        default: value of every row where the file lacks the column.
        may_be_empty: an empty value means the default, though the column is part of the key.
        staged_as: column of the staging table, where it has another name.
        minimum: smallest number allowed.
        maximum: largest number allowed.
        below_minimum: reason given below the minimum.
        is_money: a number that may be written with the sign of a currency.
        planned: dates may lie ahead.
        follows_last_day: dates may not lie more than ``max_gap_days`` after the client's last day.
    """

    name: str
    type: ColumnType
    meaning: str
    required: bool = False
    default: str | None = None
    may_be_empty: bool = False
    staged_as: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    below_minimum: Reason = Reason.OUT_OF_RANGE
    is_money: bool = False
    planned: bool = False
    follows_last_day: bool = False

    @property
    def staged(self) -> str:
        return self.staged_as or self.name


def as_delivered(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows whose columns are those of the staging table already."""
    return rows


@dataclass(frozen=True)
class Cells:
    """The columns of a layout with one for each day, period or item: any number of them, at least one.

    Attributes:
        is_one: whether a name in the file is that of such a column.
        example: such a name, for a message.
        of: what there is a column of, with its article.
        prefix: what stands before the names in a batch, where they could be those of other columns.
    """

    is_one: Callable[[str], bool]
    example: str
    of: str = "a period"
    prefix: str = ""


@dataclass(frozen=True, kw_only=True)
class Contract:
    """What a file of a kind holds.

    Attributes:
        name: value of ``ops.landing_files.kind``.
        table: table of the schema ``staging`` it fills.
        columns: its columns, in the order of the documentation.
        key: staging columns that identify a row, the client apart.
        one_of: groups of columns of which the file and every row need at least one.
        ordered: pairs of columns (start, end); the end may not come first.
        iso_dates: dates are ISO whatever the client's date_format says, because the layout is published.
        line_limit: bytes one line may have.
        cells: the columns of a day, period or item, in a layout with one for each.
        to_staging: accepted rows, typed and under their staging names, to rows of the table.
    """

    name: str
    table: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    one_of: tuple[tuple[str, ...], ...] = ()
    ordered: tuple[tuple[str, str], ...] = ()
    iso_dates: bool = False
    line_limit: int = LINE_LIMIT
    cells: Cells | None = None
    to_staging: Callable[[pl.DataFrame], pl.DataFrame] = as_delivered

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    def is_cell(self, column: str) -> bool:
        """Whether a column of a batch is one of the layout's days, periods or items."""
        return (
            self.cells is not None
            and column.startswith(self.cells.prefix)
            and self.cells.is_one(column.removeprefix(self.cells.prefix))
        )
