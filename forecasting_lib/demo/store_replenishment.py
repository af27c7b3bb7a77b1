"""A store's stock over time: periodic review, deliveries that may be late, lost sales.

Belongs here: the day-by-day balance that turns demand into sales, stock and orders.
Does not belong here: where demand and lead times come from, and the project's own inventory methods: the
retailer of the demo plans by a plain rule of thumb, so that there is something to improve.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from forecasting_lib.demo.processes import FloatMatrix, IntMatrix

_MEMORY_DAYS = 28


@dataclass(frozen=True)
class ReplenishmentPolicy:
    """The (R, s, S) rule of each series; every array has one element per series.

    ``s`` covers the mean demand of lead time and review period plus ``safety_factor`` standard deviations
    (variance ``dispersion`` times the mean), ``S`` adds ``cycle_days`` of mean demand. The mean is the
    store's own exponentially smoothed sales, started at ``initial_rate``.
    """

    lead_time_days: FloatMatrix
    review_days: FloatMatrix
    cycle_days: FloatMatrix
    safety_factor: FloatMatrix
    dispersion: FloatMatrix
    initial_rate: FloatMatrix
    moq_qty: IntMatrix
    order_multiple_qty: IntMatrix

    def reorder_point(self, rate: FloatMatrix) -> FloatMatrix:
        """``s`` in units at this mean daily demand."""
        expected = rate * (self.lead_time_days + self.review_days)
        return expected + self.safety_factor * np.sqrt(self.dispersion * expected)

    def order_quantity(self, shortfall: FloatMatrix) -> IntMatrix:
        """The smallest multiple that is at least the shortfall and the minimum order."""
        wanted = np.maximum(shortfall, self.moq_qty)
        return (np.ceil(wanted / self.order_multiple_qty) * self.order_multiple_qty).astype(np.int64)


@dataclass(frozen=True)
class StockPath:
    """What happened, each (days, series) in units.

    Attributes:
        sales: units served, never above the stock of the day.
        returned: units brought back, on days without sales.
        receipts: units received in the morning.
        on_hand: units at close of business.
        ordered: units ordered in the morning.
    """

    sales: IntMatrix
    returned: IntMatrix
    receipts: IntMatrix
    on_hand: IntMatrix
    ordered: IntMatrix


def simulate_store(
    demand: IntMatrix,
    returns: npt.NDArray[np.bool_],
    *,
    policy: ReplenishmentPolicy,
    may_order: npt.NDArray[np.bool_],
    arrival_day: IntMatrix,
    first_day: IntMatrix,
    open_days: npt.NDArray[np.bool_],
) -> StockPath:
    """Run every series through its days: receive, order, sell, take returns back.

    Stock follows ``on_hand(t) = on_hand(t-1) + receipts(t) - sales(t) + returned(t)`` from the day after
    ``first_day``, whose stock is an opening balance of ``S`` less the sales of that day.

    Args:
        demand: (days, series) units wanted, zero before ``first_day`` and on closed days.
        returns: (days, series) a customer would bring one unit back.
        policy: the reorder rule.
        may_order: (days, series) an order may be placed that morning.
        arrival_day: (days, series) the day on which an order placed that morning arrives, at least the
            next day; ``days`` or more means after the end.
        first_day: (series,) index of the day the item is first stocked.
        open_days: (days, series) the store trades.
    """
    days, series = demand.shape
    sales, returned, receipts, on_hand, ordered = (np.zeros((days, series), dtype=np.int64) for _ in range(5))
    arriving = np.zeros((days + 1, series), dtype=np.int64)
    columns = np.arange(series)
    stock = np.zeros(series, dtype=np.int64)
    on_order = np.zeros(series, dtype=np.int64)
    rate = policy.initial_rate.copy()
    opening = np.ceil(policy.reorder_point(rate) + rate * policy.cycle_days).astype(np.int64)
    ever_sold = np.zeros(series, dtype=np.bool_)

    for day in range(days):
        receipts[day] = arriving[day]
        stock = stock + arriving[day]
        on_order = on_order - arriving[day]
        stock = np.where(first_day == day, opening, stock)

        reorder_point = policy.reorder_point(rate)
        position = stock + on_order
        triggered = may_order[day] & (position <= reorder_point)
        shortfall = reorder_point + rate * policy.cycle_days - position
        ordered[day] = np.where(triggered, policy.order_quantity(shortfall), 0)
        arriving[np.minimum(arrival_day[day], days), columns] += ordered[day]
        on_order = on_order + ordered[day]

        sales[day] = np.minimum(demand[day], stock)
        returned[day] = returns[day] & open_days[day] & ever_sold & (sales[day] == 0)
        ever_sold |= sales[day] > 0
        stock = stock - sales[day] + returned[day]
        on_hand[day] = stock
        informative = open_days[day] & (first_day <= day) & (stock > 0)
        rate = rate + np.where(informative, (sales[day] - rate) / _MEMORY_DAYS, 0.0)

    return StockPath(sales=sales, returned=returned, receipts=receipts, on_hand=on_hand, ordered=ordered)
