"""(r, Q) policies by cost: order the lot Q whenever the inventory position falls to r.

Belongs here: the cost of a pair, the best pair, the best r of a given lot.
Does not belong here: lots and levels that are set by a service target (``policies``, ``fill_rate``).

Stock is watched all the time, demand comes unit by unit and waits where there is no stock. For a compound
demand, and by the period, the levels leave out the undershoot.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting_lib.inventory.bisection import first_where
from forecasting_lib.inventory.demand_law import DemandLaw
from forecasting_lib.inventory.flags import BoolArray
from forecasting_lib.inventory.newsvendor import newsvendor_cost, newsvendor_quantity
from forecasting_lib.panel import FloatArray


@dataclass(frozen=True)
class RQLevels:
    """A reorder point with its lot, (n,) each; NaN where nothing is demanded or demand is unknown.

    Attributes:
        reorder_point: r, units.
        order_quantity: Q, units.
        cost: expected money per unit of time: ordering, holding and shortage.
    """

    reorder_point: FloatArray
    order_quantity: FloatArray
    cost: FloatArray


def r_q_cost(
    reorder_point: FloatArray,
    order_quantity: FloatArray,
    order_cost: FloatArray,
    holding_cost: FloatArray,
    shortage_cost: FloatArray,
    demand_rate: FloatArray,
    lead_time_law: DemandLaw,
) -> FloatArray:
    """Expected cost of an (r, Q) policy per unit of time, (n,) money; exact for Poisson demand.

    ``c(r, Q) = (K D + sum_{y = r + 1}^{r + Q} g(y)) / Q``, g the newsvendor's cost of a position.

    >>> from forecasting_lib.inventory.demand_laws import PoissonDemand
    >>> one = np.ones(1)
    >>> money = (100.0 * one, 20.0 * one, 150.0 * one)
    >>> r_q_cost(3.0 * one, 5.0 * one, *money, 1.5 * one, PoissonDemand(3.0 * one)).round(6)
    array([107.923581])

    Args:
        reorder_point: (n,) r, whole units.
        order_quantity: (n,) Q, whole units, at least 1.
        order_cost: (n,) K, money per order, positive.
        holding_cost: (n,) h, money per unit and unit of time, positive.
        shortage_cost: (n,) p, money per unit waiting and unit of time, positive.
        demand_rate: (n,) D, units per unit of time.
        lead_time_law: demand of the lead time, whole units.

    Raises:
        ValueError: a cost is not positive, or a lot is under one unit.

    Source: Federgruen and Zheng 1992, ``docs/methods.md#r-q-policies``.
    """
    _check_costs(order_cost, holding_cost, shortage_cost)
    if (order_quantity < 1.0).any():
        raise ValueError("an order must be for one unit at least")
    total = order_cost * demand_rate
    for above in range(1, int(np.nan_to_num(order_quantity).max(initial=1.0)) + 1):
        money = newsvendor_cost(lead_time_law, reorder_point + above, holding_cost, shortage_cost)
        total = np.where(above <= order_quantity, total + money, total)
    return np.asarray(total / order_quantity)


def optimal_r_q(
    order_cost: FloatArray,
    holding_cost: FloatArray,
    shortage_cost: FloatArray,
    demand_rate: FloatArray,
    lead_time_law: DemandLaw,
) -> RQLevels:
    """The (r, Q) policy of least expected cost, by the exact algorithm of Federgruen and Zheng.

    The positions that a policy visits are taken from the cheapest outwards while the next costs no more than
    the policy. Arguments and errors as in :func:`r_q_cost`.

    >>> from forecasting_lib.inventory.demand_laws import PoissonDemand
    >>> one = np.ones(1)
    >>> best = optimal_r_q(100.0 * one, 20.0 * one, 150.0 * one, 1.5 * one, PoissonDemand(3.0 * one))
    >>> best.reorder_point, best.order_quantity, best.cost.round(6)
    (array([3.]), array([5.]), array([107.923581]))

    Source: Federgruen and Zheng 1992, ``docs/methods.md#r-q-policies``.
    """
    _check_costs(order_cost, holding_cost, shortage_cost)

    def money(position: FloatArray) -> FloatArray:
        return newsvendor_cost(lead_time_law, position, holding_cost, shortage_cost)

    cheapest = newsvendor_quantity(lead_time_law, holding_cost, shortage_cost)
    known = ~np.isnan(cheapest + demand_rate) & (demand_rate > 0.0)
    lowest, highest = cheapest.copy(), cheapest.copy()
    total = order_cost * demand_rate + money(cheapest)
    below, above = money(lowest - 1.0), money(highest + 1.0)
    growing = known
    while growing.any():
        lot = highest - lowest + 1.0
        down = below < above
        cost = np.where(down, below, above)
        growing = growing & (cost * lot <= total)
        lowest = np.where(growing & down, lowest - 1.0, lowest)
        highest = np.where(growing & ~down, highest + 1.0, highest)
        total = np.where(growing, total + cost, total)
        below, above = money(lowest - 1.0), money(highest + 1.0)
    lot = highest - lowest + 1.0
    return RQLevels(
        *(np.where(known, values, np.nan) for values in (lowest - 1.0, lot, total / lot)),
    )


def reorder_point_for_lot(
    order_quantity: FloatArray,
    holding_cost: FloatArray,
    shortage_cost: FloatArray,
    lead_time_law: DemandLaw,
) -> FloatArray:
    """The cheapest r of a given lot of divisible units, (n,): that with ``g(r) = g(r + Q)``.

    >>> from forecasting_lib.inventory.lead_time_demand import NormalDemand
    >>> law = NormalDemand(np.array([1300.0 / 12.0]), np.array([150.0 / 12.0**0.5]))
    >>> lot, holding, shortage = np.array([318.5]), np.array([0.225]), np.array([7.5])
    >>> reorder_point_for_lot(lot, holding, shortage, law).round(4)
    array([127.7435])

    Args:
        order_quantity: (n,) Q, units, positive.
        holding_cost: (n,) h, money per unit and unit of time, positive.
        shortage_cost: (n,) p, money per unit waiting and unit of time, positive.
        lead_time_law: demand of the lead time, of a continuous law.

    Raises:
        ValueError: a cost or a lot is not positive.

    Source: ``docs/methods.md#r-q-policies``.
    """
    _check_costs(order_cost=holding_cost, holding_cost=holding_cost, shortage_cost=shortage_cost)
    if (order_quantity <= 0.0).any():
        raise ValueError("an order must be for more than nothing")

    def is_past(reorder_point: FloatArray) -> BoolArray:
        here, above = (
            newsvendor_cost(lead_time_law, position, holding_cost, shortage_cost)
            for position in (reorder_point, reorder_point + order_quantity)
        )
        return np.asarray(here <= above)

    # g is convex, so that its minimum lies between r and r + Q
    cheapest = newsvendor_quantity(lead_time_law, holding_cost, shortage_cost)
    return first_where(is_past, cheapest - order_quantity, order_quantity, whole=False)


def _check_costs(order_cost: FloatArray, holding_cost: FloatArray, shortage_cost: FloatArray) -> None:
    if (order_cost <= 0.0).any() or (holding_cost <= 0.0).any() or (shortage_cost <= 0.0).any():
        raise ValueError("order, holding and shortage cost must be positive")
