"""Tables with one column per item: one line per period, and location where there are several.

Belongs here: which columns are items, and the codes that their names say. Does not belong here: a line
becoming a row per cell (``wide``), judging a line's other columns (``judging``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import polars as pl

from orchestration.landing.batches import Table
from orchestration.landing.contracts import Column
from orchestration.landing.delivery import Delivery
from orchestration.landing.faults import text_faults
from orchestration.landing.reasons import FileRefusedError, Refusal
from orchestration.landing.values import Rules
from orchestration.landing.wide import WideRows

PREFIX = "item: "
"""Before the names of items in a batch: an item may be called like any column."""


class ItemColumns(WideRows):
    """A table whose column names are items.

    Args:
        item: the contract's column of items.
        spelt: a code as the feed has codes spelt.

    Other arguments are those of ``WideRows``.

    Raises:
        FileRefusedError: a name can be no item's, or two are the same item's.
    """

    told: ClassVar[str] = "item_id"

    def __init__(
        self,
        delivery: Delivery,
        table: Table,
        rules: Rules,
        *,
        item: Column,
        spelt: Callable[[pl.Expr], pl.Expr],
        measure: str,
    ) -> None:
        self._item = item
        self._spelt = spelt
        super().__init__(delivery, table, rules, measure=measure)

    def meanings(self, labels: Sequence[str]) -> Mapping[str, str]:
        name = self._item.name
        items = pl.DataFrame({name: [label.removeprefix(PREFIX) for label in labels]}).select(
            self._spelt(pl.col(name))
        )
        for fault in text_faults(self._item):
            bad = items.filter(fault.where).select(fault.message.alias("message"))
            if not bad.is_empty():
                raise self._refused(bad["message"][0])
        repeated = items.filter(pl.col(name).is_duplicated())[name]
        if not repeated.is_empty():
            raise self._refused(f"Two columns are the item {repeated[0]!r}.")
        return dict(zip(labels, items[name].to_list(), strict=True))

    def _refused(self, sentence: str) -> FileRefusedError:
        path = self._delivery.identity.path
        return FileRefusedError(Refusal.BAD_ITEM_COLUMN, f"{path}: {sentence.rstrip('.')}")
