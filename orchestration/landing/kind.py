"""What a kind of file is: its contract, its names, and which of the rules there are it follows.

Belongs here: the form of an entry. Does not belong here: the kinds there are (``kinds``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from forecasting_lib.grain import Grain
from orchestration.landing.batches import Table
from orchestration.landing.contracts import Contract
from orchestration.landing.delivery import Delivery
from orchestration.landing.judging import LongRows, Rows
from orchestration.landing.values import Rules
from orchestration.landing.whole_file import refuse_repeated


@dataclass(frozen=True, kw_only=True)
class Kind(Contract):
    """One kind of file.

    Attributes:
        patterns: file names without their suffix, in lower case, ``*`` matching anything.
        snapshots: those of the patterns whose file is all there is of its days: what it lacks is taken out.
        rows: takes the file's batches apart into accepted and rejected rows.
        whole_file: what repeated keys mean, decided when all rows are there.
        measure: what the cells of a table with one column per period are; None where there is no such table.
        totals_of: what its rows are totals of, where the layout says so and the dates need not tell.
        names_unused: columns that nobody asks for are named in the record; not where a published layout has
            some.
    """

    patterns: tuple[str, ...]
    snapshots: tuple[str, ...] = ()
    rows: Callable[[Delivery, Table, Rules], Rows] = LongRows
    whole_file: Callable[[Delivery], None] = refuse_repeated
    measure: str | None = None
    totals_of: Grain | None = None
    names_unused: bool = True

    @property
    def has_sales(self) -> bool:
        """Whether its rows are units sold."""
        return self.table == "sales"
