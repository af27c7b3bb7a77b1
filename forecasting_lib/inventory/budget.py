"""Which units to buy first when money is short: lots ranked by what each saves for what it costs.

Belongs here: the lots, their benefit, the list and what of it a sum buys. Does not belong here: how much is
needed in all (levels, replenishment).

Source: ``docs/methods.md#budget``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from forecasting_lib.inventory.demand_law import DemandLaw
from forecasting_lib.inventory.flags import BoolArray
from forecasting_lib.inventory.lead_time_demand import QTY_TOLERANCE
from forecasting_lib.inventory.policies import usable_multiple
from forecasting_lib.inventory.replenishment import round_to_order_quantity
from forecasting_lib.panel import FloatArray

MOST_LOTS = 20
"""Lots that the way from the position to the last level worth buying is cut into, at most."""

LAST_LEVEL = 0.99
"""Nothing is listed beyond this quantile of the demand of the protection interval."""

PRIORITY_SCHEMA: dict[str, pl.DataType] = {
    "row": pl.Int64(),
    "lot_no": pl.Int64(),
    "priority_rank": pl.Int64(),
    "order_qty": pl.Float64(),
    "order_value": pl.Float64(),
    "benefit_value": pl.Float64(),
    "benefit_per_money": pl.Float64(),
    "spent_value": pl.Float64(),
}
"""One row per series (its position) and lot, the most worth per money first."""


@dataclass(frozen=True)
class Candidates:
    """n series that could be bought; arrays are (n,), NaN where unknown.

    Attributes:
        law: demand over the protection interval.
        position: units in stock and on order.
        moq, order_multiple: units; NaN: none.
        unit_cost: money a unit costs.
        unit_benefit: money that one unserved unit loses.
    """

    law: DemandLaw
    position: FloatArray
    moq: FloatArray
    order_multiple: FloatArray
    unit_cost: FloatArray
    unit_benefit: FloatArray

    @property
    def is_ranked(self) -> BoolArray:
        """(n,) whether everything is known that a rank needs."""
        known = ~np.isnan(self.law.mean + self.position + self.unit_cost + self.unit_benefit)
        return np.asarray(known & (np.nan_to_num(self.unit_cost) > 0.0))


def purchase_priorities(candidates: Candidates) -> pl.DataFrame:
    """The lots of all series, ranked by the money that each saves for each unit of money that it costs.

    The first lot of a series is the smallest that its supplier sells, the others are multiples, so that every
    quantity bought from the top is admissible. A lot saves the units by which it lowers the expected shortage
    over the protection interval, times what a lost unit loses. The expected shortage is convex, so within a
    series no lot is worth more than the one before it.

    Returns:
        Columns of ``PRIORITY_SCHEMA``; the benefit per money never grows along the rows.
    """
    n = candidates.position.size
    multiple = usable_multiple(candidates.order_multiple)
    first = round_to_order_quantity(np.ones(n), candidates.moq, candidates.order_multiple)
    room = np.maximum(candidates.law.quantile(LAST_LEVEL) - candidates.position, 0.0)
    step = np.ceil(np.maximum(room - first, 0.0) / (MOST_LOTS - 1) / multiple - QTY_TOLERANCE) * multiple
    step = np.maximum(step, multiple)
    short = candidates.law.expected_shortage(candidates.position)
    wanted = candidates.is_ranked & (room > QTY_TOLERANCE)
    worth_before = np.full(n, np.inf)
    bought = np.zeros(n)
    lots = []
    for number in range(1, MOST_LOTS + 1):
        quantity = first if number == 1 else step
        wanted = wanted & (bought < room - QTY_TOLERANCE)
        if not wanted.any():
            break
        short_after = candidates.law.expected_shortage(candidates.position + bought + quantity)
        saved = np.maximum(short - short_after, 0.0) * candidates.unit_benefit
        cost = quantity * candidates.unit_cost
        worth = np.zeros(n)
        np.divide(saved, cost, out=worth, where=wanted)
        # what rounding adds to one lot is no reason to buy it before the lot before it
        worth = np.minimum(worth, worth_before)
        row = np.flatnonzero(wanted)
        lots.append(
            pl.DataFrame(
                {
                    "row": row,
                    "lot_no": np.full(row.size, number),
                    "order_qty": quantity[row],
                    "order_value": cost[row],
                    "benefit_value": saved[row],
                    "benefit_per_money": worth[row],
                }
            )
        )
        bought, short, worth_before = bought + quantity, short_after, worth
    listed = pl.concat(lots) if lots else pl.DataFrame(schema=PRIORITY_SCHEMA)
    return (
        listed.filter(pl.col("benefit_per_money") > 0.0)
        .sort("benefit_per_money", "row", "lot_no", descending=[True, False, False])
        .with_columns(
            pl.int_range(1, pl.len() + 1).alias("priority_rank"),
            pl.col("order_value").cum_sum().alias("spent_value"),
        )
        .select(pl.col(name).cast(dtype) for name, dtype in PRIORITY_SCHEMA.items())
    )


def within_budget(priorities: pl.DataFrame, amount: float, by: Sequence[str] = ("row",)) -> pl.DataFrame:
    """The lots that a sum buys, from the top; a lot that is too dear for what is left ends its series.

    Args:
        priorities: rows of :func:`purchase_priorities`, in their order.
        amount: money to spend.
        by: what names a series.

    Returns:
        The rows that are bought, ``spent_value`` being the money spent with each.
    """
    left, waiting = float(amount), priorities
    bought = [priorities.head(0)]
    while waiting.height:
        waiting = waiting.filter((pl.col("order_value") <= left + QTY_TOLERANCE).cum_min().over(by))
        fits = waiting.select(pl.col("order_value").cum_sum() <= left + QTY_TOLERANCE).to_series()
        count = int(fits.sum())
        taken = waiting.head(count)
        bought.append(taken)
        left -= float(taken["order_value"].sum())
        waiting = waiting.slice(count)
    return pl.concat(bought).with_columns(pl.col("order_value").cum_sum().alias("spent_value"))
