"""Batches as a source writes them into batches as the contract has them.

Belongs here: constants, expressions, how codes are spelt, which items are left out: what a feed says is done
to the text of rows before they are judged. Does not belong here: the settings (``feeds``), reading a format,
what a text means (``values``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

import polars as pl

from orchestration.feeds import Feed
from orchestration.foreign_text import printable, some_of
from orchestration.landing.batches import Batch, Table
from orchestration.landing.codes import reads_item, spelt
from orchestration.landing.contracts import ColumnType, Contract
from orchestration.landing.expressions import ExpressionError, columns_of, computed
from orchestration.landing.layout import further_column
from orchestration.landing.measures import currency_of
from orchestration.landing.reasons import FileRefusedError, Refusal
from orchestration.landing.values import Marks, plain_number

_SHOWN_ITEMS = 5


@dataclass
class LeftOut:
    """The rows that a feed's rules left out so far."""

    rows: int = 0
    units: Decimal = Decimal(0)
    items: dict[str, None] = field(default_factory=dict)

    def remark(self) -> list[str]:
        """What was left out, as a sentence; nothing where nothing was."""
        if not self.rows:
            return []
        shown = some_of(list(self.items), _SHOWN_ITEMS)
        return [printable(f"{self.rows:,} rows of items that the feed leaves out: {shown}.")]


class Shaping:
    """What a feed says is done to the rows of a file.

    Args:
        feed: its settings.
        contract: what the rows are to hold.
        marks: how its numbers are written.
        path: the file, for a message.
        currency: the client's; None where it is not known yet.

    Attributes:
        left_out: the rows that its rules left out so far.
    """

    def __init__(self, feed: Feed, contract: Contract, marks: Marks, path: str, currency: str | None) -> None:
        self._feed = feed
        self._contract = contract
        self._marks = marks
        self._path = path
        self._currency = currency
        self._is_read: dict[str, bool] = {}
        self._sources = {name: columns_of(formula) for name, formula in feed.derived.items()}
        self._further = {further_column(theirs) for of_one in self._sources.values() for theirs in of_one}
        self._typed = _typed(contract)
        self.left_out = LeftOut()

    def shaped(self, table: Table) -> Table:
        """The file with its rows as the contract has them.

        Its batches raise FileRefusedError where an expression cannot be computed.
        """
        return replace(table, batches=self._batches(table.batches))

    def _batches(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        for batch in batches:
            rows = self._without_empty_texts(self._with_supplied(batch.rows))
            rows = self._with_currency(rows)
            rows = rows.with_columns(spelt(self._feed, pl.col(name)) for name in self._codes(rows.columns))
            yield Batch(self._without_left_out(rows), batch.misshapen)

    def _with_supplied(self, rows: pl.DataFrame) -> pl.DataFrame:
        constants = [pl.lit(value).alias(name) for name, value in self._feed.constants.items()]
        derived = [self._derived(name, formula, rows) for name, formula in self._feed.derived.items()]
        return rows.with_columns(*constants, *derived).drop(self._further)

    def _without_empty_texts(self, rows: pl.DataFrame) -> pl.DataFrame:
        empty = [text.casefold() for text in self._feed.empty_texts]
        if not empty:
            return rows
        typed = [name for name in rows.columns if self._contract.is_cell(name) or name in self._typed]
        return rows.with_columns(
            pl.when(~pl.col(name).str.strip_chars().str.to_lowercase().is_in(empty)).then(pl.col(name))
            for name in typed
        )

    def _with_currency(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The currency that the signs of amounts mean, where there are signs and no column of currencies."""
        amounts = [
            column.name
            for column in self._contract.columns
            if column.is_money and column.name in rows.columns
        ]
        if not amounts or "currency" in rows.columns:
            return rows
        signs = rows.select(pl.concat_str(amounts, ignore_nulls=True).str.extract("([€$£¥])"))[amounts[0]]
        if signs.null_count() == len(signs):
            return rows
        meant = {sign: currency_of(sign, self._currency) for sign in signs.drop_nulls().unique()}
        return rows.with_columns(
            signs.replace_strict(meant, default=None, return_dtype=pl.String).alias("currency")
        )

    def _derived(self, name: str, formula: str, rows: pl.DataFrame) -> pl.Series:
        sources = rows.select(pl.col(further_column(theirs)).alias(theirs) for theirs in self._sources[name])
        try:
            return computed(formula, self._contract.column(name), sources, self._marks)
        except ExpressionError as error:
            raise FileRefusedError(
                Refusal.BAD_EXPRESSION, f"{self._path}: {str(error).rstrip('.')}"
            ) from error

    def _codes(self, present: Sequence[str]) -> list[str]:
        if self._feed.code_case == "as_is" and self._feed.code_spaces == "as_is":
            return []
        return [
            column.name
            for column in self._contract.columns
            if column.type is ColumnType.ID and column.name in present
        ]

    def _without_left_out(self, rows: pl.DataFrame) -> pl.DataFrame:
        if not (self._feed.keep_items or self._feed.leave_out_items) or "item_id" not in rows.columns:
            return rows
        items = rows["item_id"].str.strip_chars().fill_null("")
        verdicts = {item: self._reads(item) for item in items.unique().to_list()}
        is_read = items.replace_strict(verdicts, return_dtype=pl.Boolean)
        self._count(rows.filter(~is_read))
        return rows.filter(is_read)

    def _reads(self, item: str) -> bool:
        if item not in self._is_read:
            self._is_read[item] = reads_item(self._feed, item)
        return self._is_read[item]

    def _count(self, rows: pl.DataFrame) -> None:
        self.left_out.rows += rows.height
        self.left_out.items |= dict.fromkeys(rows["item_id"].str.strip_chars().unique(maintain_order=True))
        if "units_sold" in rows.columns:
            units = rows.select(plain_number(pl.col("units_sold").str.strip_chars(), self._marks).sum())
            self.left_out.units += units.item() or Decimal(0)


def _typed(contract: Contract) -> set[str]:
    """The columns that hold neither codes nor texts."""
    return {column.name for column in contract.columns if column.type not in (ColumnType.ID, ColumnType.TEXT)}
