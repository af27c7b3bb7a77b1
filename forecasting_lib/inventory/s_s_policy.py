"""(s, S) policies by cost: order up to S when a review finds the inventory position at or below s.

Belongs here: the cost of a pair of levels, the best pair, the power approximation of it.
Does not belong here: levels that are set by a service target (``policies``).

Demand is independent from one review period to the next, in whole units, and waits where there is no stock.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting_lib.inventory.bisection import first_where
from forecasting_lib.inventory.demand_law import DemandLaw
from forecasting_lib.inventory.flags import BoolArray
from forecasting_lib.inventory.lead_time_demand import IntArray
from forecasting_lib.inventory.newsvendor import newsvendor_cost, newsvendor_quantity
from forecasting_lib.panel import FloatArray


@dataclass(frozen=True)
class SSLevels:
    """A pair of levels, (n,) each; NaN where nothing is demanded or demand is unknown.

    Attributes:
        reorder_point: s, units.
        order_up_to: S, units.
        cost: expected money per review period: ordering, holding and shortage.
    """

    reorder_point: FloatArray
    order_up_to: FloatArray
    cost: FloatArray


def s_s_cost(
    reorder_point: FloatArray,
    order_up_to: FloatArray,
    order_cost: FloatArray,
    holding_cost: FloatArray,
    shortage_cost: FloatArray,
    period_law: DemandLaw,
    protection_law: DemandLaw | None = None,
) -> FloatArray:
    """Exact expected cost of an (s, S) policy per review period, (n,) money.

    ``c(s, S) = (K + sum_{d < S - s} m(d) g(S - d)) / M(S - s)``: g is the newsvendor's cost of a position,
    m(d) the expected number of reviews that find the position d under S, M its sum.

    >>> from forecasting_lib.inventory.demand_laws import PoissonDemand
    >>> one = np.ones(1)
    >>> s_s_cost(4.0 * one, 10.0 * one, 5.0 * one, one, 4.0 * one, PoissonDemand(6.0 * one)).round(6)
    array([8.034112])

    Args:
        reorder_point, order_up_to: (n,) s < S, whole units.
        order_cost: (n,) K, money per order, positive.
        holding_cost: (n,) h, money per unit left at a period's end, positive.
        shortage_cost: (n,) p, money per unit missing then, positive.
        period_law: demand of one review period, whole units.
        protection_law: demand of the lead time and one review period; absent: the lead time is 0.

    Raises:
        ValueError: a cost is not positive, or not s < S in whole units.

    Source: Zheng and Federgruen 1991, ``docs/methods.md#s-s-policies``.
    """
    costs = _Costs(order_cost, holding_cost, shortage_cost, protection_law or period_law)
    width = order_up_to - reorder_point
    whole = (np.floor(reorder_point) == reorder_point) & (np.floor(order_up_to) == order_up_to)
    if not (np.isnan(width) | (whole & (width >= 1.0))).all():
        raise ValueError("reorder points must lie under their order-up-to levels, both in whole units")
    span = int(np.nan_to_num(width).max(initial=1.0))
    visits = _visits(period_law, span)
    inside = np.arange(span) < width[:, None]
    money = np.stack([costs.of_position(order_up_to - d) for d in range(span)], axis=1)
    total = order_cost + np.where(inside, visits * money, 0.0).sum(axis=1)
    return np.asarray(total / np.where(inside, visits, 0.0).sum(axis=1))


def optimal_s_s(
    order_cost: FloatArray,
    holding_cost: FloatArray,
    shortage_cost: FloatArray,
    period_law: DemandLaw,
    protection_law: DemandLaw | None = None,
) -> SSLevels:
    """The (s, S) policy of least expected cost, by the exact algorithm of Zheng and Federgruen.

    It looks at every S from the best position without ordering costs up to the one that alone costs more
    than the best policy found, all items at a time. Arguments and errors as in :func:`s_s_cost`.

    >>> from forecasting_lib.inventory.demand_laws import PoissonDemand
    >>> one = np.ones(1)
    >>> best = optimal_s_s(5.0 * one, one, 4.0 * one, PoissonDemand(6.0 * one))
    >>> best.reorder_point, best.order_up_to, best.cost.round(6)
    (array([4.]), array([10.]), array([8.034112]))

    Source: Zheng and Federgruen 1991, ``docs/methods.md#s-s-policies``.
    """
    costs = _Costs(order_cost, holding_cost, shortage_cost, protection_law or period_law)
    cheapest = costs.cheapest_position()
    known = ~np.isnan(cheapest) & (period_law.exceedance(np.zeros_like(cheapest)) > 0.0)
    if not known.any():
        nothing = np.full_like(cheapest, np.nan)
        return SSLevels(nothing, nothing, nothing)
    search = _Search.begin(costs, period_law, cheapest, known)
    while search.advance():
        pass
    return SSLevels(
        np.where(known, search.reorder_point, np.nan),
        np.where(known, search.order_up_to, np.nan),
        np.where(known, search.cost, np.nan),
    )


def s_s_power_approximation(
    order_cost: FloatArray,
    holding_cost: FloatArray,
    shortage_cost: FloatArray,
    period_mean: FloatArray,
    protection_mean: FloatArray,
    protection_sd: FloatArray,
) -> SSLevels:
    """(s, S) by the revised power approximation: no search, from mean and deviation alone.

    >>> one = np.ones(1)
    >>> near = s_s_power_approximation(2.5 * one, 0.18 * one, 0.7 * one, 50.0 * one, 50.0 * one, 8.0 * one)
    >>> near.reorder_point.round(4), near.order_up_to.round(4)
    (array([40.1946]), array([74.2902]))

    Args:
        order_cost, holding_cost, shortage_cost: (n,) as in :func:`s_s_cost`.
        period_mean: (n,) units demanded in one review period, positive.
        protection_mean: (n,) units demanded in the lead time and one review period.
        protection_sd: (n,) their standard deviation, positive.

    Returns:
        The levels, in fractions of units; their cost is NaN, for nothing evaluates it.

    Raises:
        ValueError: a cost, a mean or a deviation is not positive.

    Source: Ehrhardt and Mosier 1984, ``docs/methods.md#s-s-policies``.
    """
    _check_costs(order_cost, holding_cost, shortage_cost)
    if (period_mean <= 0.0).any() or (protection_mean <= 0.0).any() or (protection_sd <= 0.0).any():
        raise ValueError("means and deviation of demand must be positive")
    lot = (
        1.30
        * period_mean**0.494
        * (order_cost / holding_cost) ** 0.506
        * (1.0 + (protection_sd / period_mean) ** 2) ** 0.116
    )
    z = np.sqrt(lot / protection_sd * holding_cost / shortage_cost)
    reorder_point = 0.973 * protection_mean + protection_sd * (0.183 / z + 1.063 - 2.192 * z)
    return SSLevels(reorder_point, reorder_point + lot, np.full_like(lot, np.nan))


@dataclass(frozen=True)
class _Costs:
    """What an order costs, and a position (``g``), of n items."""

    order: FloatArray
    holding: FloatArray
    shortage: FloatArray
    law: DemandLaw

    def __post_init__(self) -> None:
        _check_costs(self.order, self.holding, self.shortage)

    def of_position(self, position: FloatArray) -> FloatArray:
        return newsvendor_cost(self.law, position, self.holding, self.shortage)

    def cheapest_position(self) -> FloatArray:
        return newsvendor_quantity(self.law, self.holding, self.shortage)


@dataclass
class _Search:
    """The best policy found of n items; every S under ``tried`` has been looked at.

    ``position_cost`` (n, t) is g of the positions above ``lowest``, ``visits`` (n, t) is m, ``passed``
    (n, t + 1) its sums from 0 on. ``lowest`` is the s of the first S; later ones are not under it.
    """

    lowest: FloatArray
    position_cost: FloatArray
    visits: FloatArray
    passed: FloatArray
    order_cost: FloatArray
    reorder_point: FloatArray
    order_up_to: FloatArray
    cost: FloatArray
    tried: FloatArray
    open: BoolArray

    @classmethod
    def begin(cls, costs: _Costs, period_law: DemandLaw, cheapest: FloatArray, known: BoolArray) -> _Search:
        first = np.where(known, cheapest, 0.0)
        lowest, cost = _reorder_point_of(costs, period_law, first, known)
        dearer = first_where(
            lambda level: np.asarray(costs.of_position(level) > cost) | ~known,
            first,
            np.ones_like(first),
            whole=True,
        )
        width = int(np.where(known, dearer - lowest, 1.0).max())
        money = np.stack([costs.of_position(lowest + 1.0 + k) for k in range(width)], axis=1)
        visits = _visits(period_law, width)
        passed = np.hstack([np.zeros((len(first), 1)), np.cumsum(visits, axis=1)])
        return cls(
            lowest, money, visits, passed, costs.order, lowest.copy(), first.copy(), cost, first.copy(), known
        )

    def advance(self) -> bool:
        """Look at the next S of every item whose next S alone costs no more than its best policy."""
        column = self.tried + 1.0 - self.lowest - 1.0
        self.open = self.open & (column < self.position_cost.shape[1])
        rows = np.flatnonzero(self.open)
        alone = self.position_cost[rows, column[rows].astype(np.int64)]
        self.open[rows[alone > self.cost[rows]]] = False
        rows = np.flatnonzero(self.open)
        self.tried[rows] += 1.0
        cost = self._cost_of(rows, self.reorder_point[rows], self.tried[rows])
        better = cost < self.cost[rows]
        self._take(rows[better], cost[better])
        return bool(rows.size)

    def _take(self, rows: IntArray, cost: FloatArray) -> None:
        """These items have a better S; their s rises while the next position costs more than the policy."""
        self.order_up_to[rows] = self.tried[rows]
        self.cost[rows] = cost
        while rows.size:
            above = (self.reorder_point[rows] - self.lowest[rows]).astype(np.int64)
            rises = self.cost[rows] <= self.position_cost[rows, above]
            rows = rows[rises]
            self.reorder_point[rows] += 1.0
            self.cost[rows] = self._cost_of(rows, self.reorder_point[rows], self.order_up_to[rows])

    def _cost_of(self, rows: IntArray, reorder_point: FloatArray, order_up_to: FloatArray) -> FloatArray:
        """c(s, S) of some items, (m,)."""
        first = (reorder_point - self.lowest[rows]).astype(np.int64)
        last = (order_up_to - self.lowest[rows]).astype(np.int64) - 1
        column = np.arange(self.visits.shape[1])
        back = last[:, None] - column
        inside = (column >= first[:, None]) & (back >= 0)
        visits = np.take_along_axis(self.visits[rows], np.maximum(back, 0), axis=1)
        total = self.order_cost[rows] + np.where(inside, visits * self.position_cost[rows], 0.0).sum(axis=1)
        return np.asarray(total / self.passed[rows, last - first + 1])


def _reorder_point_of(
    costs: _Costs, period_law: DemandLaw, order_up_to: FloatArray, known: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """The best s for an S, (n,), the highest whose own position costs as much, and its cost (n,)."""
    renewal = _Renewal(period_law)
    total, visits = costs.order.astype(np.float64), np.where(known, 0.0, 1.0)
    below = order_up_to.copy()
    searching = known.copy()
    cost = np.full_like(order_up_to, np.nan)
    while searching.any():
        found = renewal.next()
        total = np.where(searching, total + found * costs.of_position(below), total)
        visits = np.where(searching, visits + found, visits)
        below = np.where(searching, below - 1.0, below)
        cost = np.where(searching, total / visits, cost)
        searching = searching & (cost > costs.of_position(below))
    return below, cost


class _Renewal:
    """m(0), m(1), ... one after the other: visits to the position d under S in a cycle, (n,) each."""

    def __init__(self, period_law: DemandLaw) -> None:
        self._law = period_law
        self._beyond = period_law.exceedance(np.zeros_like(period_law.mean))
        self._moves = np.where(self._beyond > 0.0, self._beyond, np.nan)
        self._probabilities: list[FloatArray] = []
        self._visits: list[FloatArray] = []

    def next(self) -> FloatArray:
        """m of the next d."""
        d = len(self._visits)
        if d == 0:
            self._visits.append(1.0 / self._moves)
            return self._visits[0]
        beyond = self._law.exceedance(np.full_like(self._beyond, float(d)))
        self._probabilities.append(np.maximum(self._beyond - beyond, 0.0))
        self._beyond = beyond
        arrivals = np.einsum("ln,ln->n", np.stack(self._probabilities), np.stack(self._visits[::-1]))
        self._visits.append(arrivals / self._moves)
        return self._visits[-1]


def _visits(period_law: DemandLaw, width: int) -> FloatArray:
    """m(0) ... m(width - 1), (n, width)."""
    renewal = _Renewal(period_law)
    return np.stack([renewal.next() for _ in range(width)], axis=1)


def _check_costs(order_cost: FloatArray, holding_cost: FloatArray, shortage_cost: FloatArray) -> None:
    if (order_cost <= 0.0).any() or (holding_cost <= 0.0).any() or (shortage_cost <= 0.0).any():
        raise ValueError("order, holding and shortage cost must be positive")
