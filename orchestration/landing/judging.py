"""Batches of text into typed rows, and the rows that are refused with their reason.

Belongs here: taking a batch apart, and the rows of a file with one row a line. Does not belong here: what may
be wrong (``faults``), one column per day (``m5``), what needs the whole file (``whole_file``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from orchestration.landing.batches import LINE, RAW, Batch, Table
from orchestration.landing.contracts import Column, ColumnType, Contract
from orchestration.landing.delivery import REJECTED_SCHEMA, Delivery
from orchestration.landing.faults import Fault, faults_of, storable
from orchestration.landing.values import BOOK, Rules, read_value, typed_name


@dataclass(frozen=True)
class Judged:
    """A batch taken apart.

    Attributes:
        rows_read: rows of the file it came from.
        accepted: the staging columns, typed, then ``line_number``.
        rejected: ``line_number, reason, column_name, message, raw, units``; one row per rejected row, with
            the first thing that is wrong. ``units`` is ``units_sold`` where it could be read.
    """

    rows_read: int
    accepted: pl.DataFrame
    rejected: pl.DataFrame


class Rows(Protocol):
    """The rows of a file, batch by batch."""

    def judged(self) -> Iterator[Judged]:
        """Each batch taken apart; raises FileRefusedError where the file turns bad."""
        ...

    def described(self) -> Mapping[str, pl.DataFrame]:
        """Staging table -> what the rows read so far say of its entities, where no file describes them."""
        ...


class LongRows:
    """A file with one row a line, and nothing in it about anything else."""

    def __init__(self, delivery: Delivery, table: Table, rules: Rules) -> None:
        self._delivery = delivery
        self._table = table
        self._rules = rules

    def judged(self) -> Iterator[Judged]:
        for batch in self._table.batches:
            yield judge(batch, self._delivery.contract, self._rules)

    def described(self) -> Mapping[str, pl.DataFrame]:
        return {}


def judge(batch: Batch, contract: Contract, rules: Rules) -> Judged:
    """Judge and type the rows of one batch.

    Args:
        batch: as read. Surrounding blanks are dropped and an empty text is no value.
        contract: what the rows hold; columns it has and the frame lacks are left out, or get their default.
        rules: what else the rows are judged by.
    """
    present = [column for column in contract.columns if column.name in batch.rows.columns]
    texts = batch.rows.with_columns(
        pl.col(column.name).str.strip_chars().replace("", None).alias(column.name) for column in present
    )
    typed = texts.with_columns(_typed(texts, column, contract, rules) for column in present)
    faults = list(faults_of(contract, present, rules))
    judged = typed.with_columns(_first_of(faults).alias("fault"))
    good = judged.filter(pl.col("fault").is_null())
    bad = judged.filter(pl.col("fault").is_not_null())
    return Judged(
        rows_read=batch.rows.height + batch.misshapen.height,
        accepted=_staged(good, contract, present),
        rejected=pl.concat([_rejections(bad, faults), _misshapen(batch.misshapen)]).sort(LINE),
    )


def _typed(texts: pl.DataFrame, column: Column, contract: Contract, rules: Rules) -> pl.Series:
    """A column's texts as its type; where they repeat, each is read once."""
    name = typed_name(column.name)
    value = read_value(column, contract, rules).alias(name)
    delivered = texts.select(column.name)
    if column.type in (ColumnType.ID, ColumnType.TEXT):
        return delivered.select(value).to_series()
    distinct = delivered.unique()
    if 2 * distinct.height > delivered.height:
        return delivered.select(value).to_series()
    read = distinct.with_columns(value)
    return delivered.join(read, on=column.name, how="left", nulls_equal=True, maintain_order="left")[name]


def _first_of(faults: Sequence[Fault]) -> pl.Expr:
    """Number of the first fault of each row; null for a good row."""
    return pl.coalesce(
        pl.when(fault.where).then(pl.lit(number, dtype=pl.Int16)) for number, fault in enumerate(faults)
    )


def _rejections(bad: pl.DataFrame, faults: Sequence[Fault]) -> pl.DataFrame:
    units = typed_name("units_sold")
    parts = [
        part.select(
            LINE,
            pl.lit(faults[number].reason.value).alias("reason"),
            pl.lit(faults[number].column).alias("column_name"),
            faults[number].message.alias("message"),
            storable(pl.col(RAW)).alias(RAW),
            (pl.col(units) if units in part.columns else pl.lit(None, dtype=BOOK)).alias("units"),
        )
        for (number,), part in bad.group_by("fault", maintain_order=True)
        if isinstance(number, int)
    ]
    return pl.concat(parts) if parts else pl.DataFrame(schema=REJECTED_SCHEMA)


def _misshapen(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(
        pl.lit(None, dtype=pl.String).alias("column_name"), pl.lit(None, dtype=BOOK).alias("units")
    ).select(*REJECTED_SCHEMA)


def _staged(good: pl.DataFrame, contract: Contract, present: Sequence[Column]) -> pl.DataFrame:
    names = {column.name for column in present}
    typed_columns = [_with_default(column).alias(column.staged) for column in present]
    defaults = [
        pl.lit(column.default).alias(column.staged)
        for column in contract.columns
        if column.name not in names and column.default is not None
    ]
    return contract.to_staging(good.select(*typed_columns, *defaults, LINE))


def _with_default(column: Column) -> pl.Expr:
    value = pl.col(typed_name(column.name))
    return value.fill_null(column.default) if column.may_be_empty else value
