"""Tables with one column per period or item into long rows, batch by batch.

Belongs here: one line becoming a row per cell, which lines are refused, and columns that are periods. Does
not belong here: judging a line's other columns (``judging``), columns that are items (``item_columns``), the
layout that M5 published (``m5``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import ClassVar

import polars as pl

from orchestration.landing.batches import LINE, RAW, Table
from orchestration.landing.delivery import REJECTED_SCHEMA, Delivery
from orchestration.landing.faults import date_fault
from orchestration.landing.judging import Judged, judge
from orchestration.landing.reasons import FileRefusedError, Reason, Refusal
from orchestration.landing.values import BOOK, Rules, as_date, plain_number


class WideRows(ABC):
    """A wide file on its way to long rows.

    Zeros are kept: an item that was listed and not sold differs from one that was not listed. An empty cell
    is no row.

    Args:
        delivery: whose rows they are.
        table: the file; it has at least one column of a period.
        rules: what rows are judged by.
        measure: staging column that the cells are values of.

    Attributes:
        told: staging column that the names of the columns tell; the other parts of the key tell lines apart.
        lines: the lines accepted so far, under their staging names, without their cells.

    Raises:
        FileRefusedError: what a column is about is not known, or not acceptable.
    """

    told: ClassVar[str] = "date"

    def __init__(
        self, delivery: Delivery, table: Table, rules: Rules, *, measure: str = "units_sold"
    ) -> None:
        self._delivery = delivery
        self._contract = delivery.contract
        self._table = table
        self._rules = rules
        self._measure = measure
        self._key = [name for name in self._contract.key if name != self.told]
        self._prefix = self._contract.cells.prefix if self._contract.cells else ""
        self._meanings = self.meanings([name for name in table.columns if self._contract.is_cell(name)])
        self._seen: pl.DataFrame | None = None
        self.lines: list[pl.DataFrame] = []

    @abstractmethod
    def meanings(self, labels: Sequence[str]) -> Mapping[str, date] | Mapping[str, str]:
        """The day or the item that each column of cells is about.

        Raises:
            FileRefusedError: there is none for a column, or it is not acceptable.
        """

    def judged(self) -> Iterator[Judged]:
        """Long rows: the key, the measure, ``line_number``.

        A line with one bad cell is refused whole: its other periods would look complete.
        """
        for batch in self._table.batches:
            lines = judge(batch, self._contract, self._rules)
            cells = batch.rows.select(*self._meanings, LINE, RAW)
            delivered = self._with_whole_key(lines.accepted).join(
                cells, on=LINE, how="left", maintain_order="left"
            )
            repeated = self._take_repeated(delivered)
            # one period after the other, each in the order of the index
            long = self._unpivot(_without(delivered, repeated).sort(self._key))
            bad = self._first_bad_cells(long)
            rejected = pl.concat([lines.rejected, repeated])
            self.lines.append(_without(lines.accepted, pl.concat([repeated, bad])))
            yield Judged(
                rows_read=lines.rows_read,
                accepted=self._staged(_without(long, bad)),
                rejected=pl.concat([self._with_units(rejected, cells), bad]).sort(LINE),
            )

    def described(self) -> Mapping[str, pl.DataFrame]:
        """What the lines say of items and locations; nothing, unless a layout describes them."""
        return {}

    def _with_whole_key(self, lines: pl.DataFrame) -> pl.DataFrame:
        """The lines with an empty text for what the layout has no column for."""
        return lines.with_columns(pl.lit("").alias(name) for name in self._key if name not in lines.columns)

    def _take_repeated(self, lines: pl.DataFrame) -> pl.DataFrame:
        """Rejections of the lines whose key came before; remembers the others."""
        keys = lines.select(self._key)
        if self._seen is None:
            self._seen = keys.clear()
        named = "item_id" if self.told == "date" else "date"
        is_known = pl.lit(keys.join(self._seen.with_columns(known=True), on=self._key, how="left")["known"])
        repeated = lines.filter(is_known.fill_null(False) | ~pl.struct(self._key).is_first_distinct())
        self._seen = pl.concat([self._seen, keys]).unique()
        return repeated.select(
            LINE,
            pl.lit(Reason.DUPLICATE_KEY_IN_FILE.value).alias("reason"),
            pl.lit(named).alias("column_name"),
            pl.format(
                "An earlier line has the {} {} and the location {} too.",
                pl.lit(named.removesuffix("_id")),
                pl.col(named).cast(pl.String),
                "location_id",
            ).alias("message"),
            RAW,
            pl.lit(None, dtype=BOOK).alias("units"),
        )

    def _with_units(self, rejected: pl.DataFrame, cells: pl.DataFrame) -> pl.DataFrame:
        """The rejections with the units of their lines, as far as those can be read."""
        if self._measure != "units_sold":
            return rejected
        totals = (
            self._unpivot(cells.join(rejected, on=LINE, how="semi"))
            .drop_nulls(self._measure)
            .group_by(LINE)
            .agg(pl.col(self._measure).sum().cast(BOOK).alias("units"))
        )
        return rejected.drop("units").join(totals, on=LINE, how="left", maintain_order="left")

    def _unpivot(self, lines: pl.DataFrame) -> pl.DataFrame:
        """One row per line and cell: what the line has, ``cell, text`` and the measure."""
        text = pl.col("text").str.strip_chars().replace("", None)
        return (
            lines.unpivot(
                on=list(self._meanings),
                index=[name for name in (LINE, RAW, *self._key) if name in lines.columns],
                variable_name="cell",
                value_name="text",
            )
            .with_columns(text)
            .with_columns(plain_number(pl.col("text"), self._rules.marks).alias(self._measure))
        )

    def _first_bad_cells(self, long: pl.DataFrame) -> pl.DataFrame:
        """One rejection per line that holds a cell that is no number; its units are those of the others."""
        is_bad = pl.col("text").is_not_null() & pl.col(self._measure).is_null()
        column = pl.col("cell").filter(is_bad).first().str.strip_prefix(self._prefix)
        bad_lines = long.filter(is_bad).select(LINE).unique()
        has_units = self._measure == "units_sold"
        return (
            long.join(bad_lines, on=LINE, how="semi", maintain_order="left")
            .group_by(LINE, maintain_order=True)
            .agg(
                pl.lit(Reason.BAD_NUMBER.value).alias("reason"),
                column.alias("column_name"),
                pl.format(
                    "{} '{}' is not a plain number.",
                    column,
                    pl.col("text").filter(is_bad).first().str.slice(0, 60),
                ).alias("message"),
                pl.col(RAW).first(),
                (pl.col(self._measure).sum() if has_units else pl.lit(None)).cast(BOOK).alias("units"),
            )
            .select(pl.col(name).cast(dtype) for name, dtype in REJECTED_SCHEMA.items())
        )

    def _staged(self, long: pl.DataFrame) -> pl.DataFrame:
        meaning = pl.col("cell").replace_strict(
            self._meanings, return_dtype=pl.Date if self.told == "date" else pl.String
        )
        return long.filter(pl.col(self._measure).is_not_null()).select(
            *self._key, meaning.alias(self.told), self._measure, LINE
        )


def _without(rows: pl.DataFrame, rejected: pl.DataFrame) -> pl.DataFrame:
    """The rows whose lines are not among the rejected ones."""
    return rows if rejected.is_empty() else rows.join(rejected, on=LINE, how="anti", maintain_order="left")


class DatedColumns(WideRows):
    """A table with a column per day, week or month; arguments and errors are those of ``WideRows``."""

    def meanings(self, labels: Sequence[str]) -> Mapping[str, date]:
        days = self.dates(labels)
        for label, day in days.items():
            if reason := date_fault(day, self._rules):
                raise FileRefusedError(
                    Refusal.DAY_OUT_OF_RANGE,
                    f"{self._delivery.identity.path}: {label} is {day}. {reason.sentence.rstrip('.')}",
                )
        return days

    @abstractmethod
    def dates(self, labels: Sequence[str]) -> Mapping[str, date]:
        """The day that each column is about; of a week or month its first.

        Raises:
            FileRefusedError: there is none for a column.
        """


class PeriodColumns(DatedColumns):
    """A table whose column names say a day.

    Args:
        day_named: the day that a name says; None where it says none.

    Other arguments and errors are those of ``WideRows``.
    """

    def __init__(
        self,
        delivery: Delivery,
        table: Table,
        rules: Rules,
        *,
        day_named: Callable[[str], date | None],
        measure: str,
    ) -> None:
        self._day_named = day_named
        super().__init__(delivery, table, rules, measure=measure)

    def dates(self, labels: Sequence[str]) -> Mapping[str, date]:
        return {label: day for label in labels if (day := self._day_named(label)) is not None}


@lru_cache(maxsize=4_096)
def named_date(name: str, date_format: str) -> date | None:
    """The day that a column's name says in a format, or in ISO as a date of a workbook; None if it says none.

    >>> named_date("2024-03", "%Y-%m")
    datetime.date(2024, 3, 1)
    >>> named_date("2024-03-01", "%b %Y")
    datetime.date(2024, 3, 1)
    >>> named_date("Total", "%Y-%m")
    """
    texts = pl.DataFrame({"name": [name.strip()]})
    text = pl.col("name")
    day: date | None = texts.select(pl.coalesce(as_date(text, date_format), as_date(text, None))).item()
    return day
