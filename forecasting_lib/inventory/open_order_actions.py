"""What to do about open orders that bring more, or sooner, than is needed: cancel, reduce, postpone.

Belongs here: which order, by how much or until when. Does not belong here: orders that come too late
(``replenishment.expedite_frame``), new orders, the sentence and the rank of a line.

Source: ``docs/methods.md#open-orders``.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from forecasting_lib.inventory.lead_time_demand import QTY_TOLERANCE, CumulativeDemand
from forecasting_lib.inventory.projection import ReceiptSchedule
from forecasting_lib.inventory.replenishment import Action, round_to_order_quantity
from forecasting_lib.inventory.supply import Supply
from forecasting_lib.panel import FloatArray

POSTPONE_FROM_DAYS = 7
"""An order that comes fewer days before its need is left alone."""

REDUCE_FROM_SHARE = 0.1
"""An order of which less could be saved is left alone."""


def surplus_order_frame(
    excess: FloatArray,
    given: FloatArray,
    safety_stock: FloatArray,
    supply: Supply,
    demand: CumulativeDemand,
    receipts: ReceiptSchedule,
) -> pl.DataFrame:
    """Open orders to cancel, reduce or postpone; one row per order at most.

    Overdue orders and those due by tomorrow are left alone. Excess is taken off the orders that come last
    first: one that it swallows is cancelled, the one that it reaches into is reduced to what its supplier
    would accept. What is left is postponed where the stock without it and the orders after it stays above
    the safety stock for a week or more beyond its arrival.

    Args:
        excess: (n,) units of stock and orders beyond what the excess horizon needs; NaN: unknown.
        given: (n,) units of it that are moved to other locations.
        safety_stock: (n,) units; NaN: unknown.
        supply, demand, receipts: of the same n series.

    Returns:
        Columns of ``expedite_frame``, ``need_day`` being the day that the order is needed (none where it is
        cancelled), ``order_qty`` the units that the action concerns and ``kept_qty`` those that stay ordered.
    """
    lines = receipts.frame.with_columns(
        pl.col("open_qty").cum_sum().over("row").alias("through"),
        pl.col("open_qty").sum().over("row").alias("all"),
    )
    row = lines["row"].to_numpy()
    quantity, through = lines["open_qty"].to_numpy(), lines["through"].to_numpy()
    later = lines["all"].to_numpy() - through
    day = lines["day"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    # what is due by tomorrow has left its supplier
    movable = ~lines["overdue"].to_numpy() & ~(day <= 1.0)
    swallowed = np.clip(np.nan_to_num(excess[row]) - given[row] - later, 0.0, quantity)
    needed = quantity - swallowed
    kept = np.minimum(round_to_order_quantity(needed, supply.moq[row], supply.order_multiple[row]), quantity)
    freed = np.where(movable & (quantity - kept >= REDUCE_FROM_SHARE * quantity), quantity - kept, 0.0)
    before = supply.net_stock[row] - given[row] + through - quantity - safety_stock[row]
    need_day = np.floor(demand.days_until(before, row)) + 1.0
    early = need_day - day
    action = np.select(
        [
            (freed > QTY_TOLERANCE) & (kept <= QTY_TOLERANCE),
            freed > QTY_TOLERANCE,
            movable & (early >= POSTPONE_FROM_DAYS),
        ],
        [Action.CANCEL.value, Action.REDUCE.value, Action.POSTPONE.value],
        default="",
    )
    concerned = np.where(action == Action.POSTPONE.value, quantity, freed)
    return pl.DataFrame(
        {
            "row": row,
            "action": action,
            "po_supplier_id": lines["supplier_id"],
            "po_ref": lines["po_id"],
            "po_order_date": lines["order_date"],
            "need_day": np.where(action == Action.CANCEL.value, np.nan, need_day),
            "receipt_day": day,
            "order_qty": concerned,
            "kept_qty": quantity - np.where(action == Action.POSTPONE.value, 0.0, freed),
            "excess_qty": excess[row],
            "order_value": concerned * supply.unit_cost[row],
            "early_days": early,
            "moq_overshoot": np.zeros(row.size, dtype=bool),
            "stocked_out": np.zeros(row.size, dtype=bool),
        }
    ).filter(pl.col("action") != "")
