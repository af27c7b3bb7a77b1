"""Minimum order values: what to add to an order that is too small for its supplier.

Belongs here: the quantities of one day's lines, raised together until their supplier's minimum is reached.
Does not belong here: which lines there are (``replenishment``), what the order document says of a minimum.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from forecasting_lib.inventory.bisection import first_where
from forecasting_lib.inventory.flags import BoolArray
from forecasting_lib.inventory.lead_time_demand import QTY_TOLERANCE, IntArray
from forecasting_lib.inventory.policies import usable_multiple
from forecasting_lib.panel import FloatArray


@dataclass(frozen=True)
class FilledOrder:
    """Quantities (m,), units, and which of them were raised, (m,)."""

    quantity: FloatArray
    raised: BoolArray


def filled_to_minimum_value(
    quantity: FloatArray,
    supplier: IntArray,
    minimum_value: FloatArray,
    unit_cost: FloatArray,
    order_multiple: FloatArray,
    units_lasting: Callable[[FloatArray], FloatArray],
    longest_days: float,
) -> FilledOrder:
    """Raise the lines of each supplier whose total is under its minimum, those that run out first the most.

    All lines of the supplier are lifted to the same number of days of cover, the least whole one at which
    the total reaches the minimum: a unit more brings most where stock runs out soonest. An order stays as it
    is where it takes more than the longest cover, or where a line's cost is unknown and so is the total.

    >>> lines = {"quantity": np.array([10.0, 10.0]), "supplier": np.array([0, 0])}
    >>> money = {"minimum_value": np.array([100.0, 100.0]), "unit_cost": np.array([1.0, 2.0])}
    >>> def lasting(days):  # 1 and 4 units a day, nothing in stock
    ...     return np.array([1.0, 4.0]) * days
    >>> filled_to_minimum_value(
    ...     **lines, **money, order_multiple=np.full(2, 5.0), units_lasting=lasting, longest_days=90.0
    ... ).quantity
    array([15., 45.])

    Args:
        quantity: (m,) units of each line, admissible, positive.
        supplier: (m,) number of the line's supplier from 0 on; -1 where none is known.
        minimum_value: (m,) money, the same for all lines of a supplier; NaN: none.
        unit_cost: (m,) money per unit; NaN where unknown.
        order_multiple: (m,) units; NaN or not positive: whole units.
        units_lasting: (m,) days of cover -> (m,) units that a line has to order for it.
        longest_days: cover up to which lines are raised.

    Source: ``docs/methods.md#minimum-order-value``.
    """
    count = int(supplier.max(initial=-1)) + 1
    known = supplier >= 0
    minimum = np.full(count, np.nan)
    minimum[supplier[known]] = minimum_value[known]

    def totals(units: FloatArray) -> FloatArray:
        total = np.zeros(count)
        np.add.at(total, supplier[known], (units * unit_cost)[known])
        return total

    short = totals(quantity) < minimum - QTY_TOLERANCE
    if not short.any():
        return FilledOrder(quantity, np.zeros(quantity.shape, dtype=np.bool_))
    multiple = usable_multiple(order_multiple)

    def lifted(days: FloatArray) -> FloatArray:
        lasting = np.ceil(units_lasting(days[supplier]) / multiple - QTY_TOLERANCE) * multiple
        return np.where(known & short[supplier], np.maximum(quantity, lasting), quantity)

    def reaches(days: FloatArray) -> BoolArray:
        return np.asarray(totals(lifted(np.minimum(days, longest_days))) >= minimum - QTY_TOLERANCE)

    days = first_where(reaches, np.where(short, 0.0, np.nan), np.ones(count), whole=True)
    filled = np.where(known & (days <= longest_days)[supplier], lifted(np.nan_to_num(days)), quantity)
    return FilledOrder(filled, filled > quantity + QTY_TOLERANCE)
