"""The run through the periods: receive, review, demand, for all items at once.

Belongs here: stock and pipeline from one period to the next, and the sums of what came of it. Does not belong
here: how much is ordered (``rules``), shares and intervals over items (``pooling``).

Time runs in periods, days unless the caller says otherwise. On the morning of period t what is due arrives,
then reviews order, then demand of period t comes. An order placed in period t arrives on the morning of
``t + L``, no earlier than any order before it (``docs/methods.md#simulation``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting_lib.inventory.flags import BoolArray
from forecasting_lib.inventory.lead_time_demand import QTY_TOLERANCE
from forecasting_lib.inventory.simulation.rules import OrderingRule, StockState
from forecasting_lib.panel import FloatArray, IntArray


@dataclass(frozen=True)
class SimulatedService:
    """What came of each of n items in the periods that count; every array is (n,).

    Attributes:
        periods: how many periods count.
        demand: units demanded.
        served: of these, units handed out at once.
        short_periods: periods with demand that was lost, or that ended with units owed.
        on_hand: sum of the units on hand at the ends of the periods.
        cycles: mornings with a receipt: each ends a replenishment cycle.
        short_cycles: of these, cycles with a period that was short.
        reviews: mornings on which the order of a review was due, whether or not it was placed.
        short_reviews: of these, those with a short period since the one before.
        orders: orders placed.
        ordered: units ordered.
        final_position: units on hand, less owed, and on order, after the last period.
    """

    periods: int
    demand: FloatArray
    served: FloatArray
    short_periods: FloatArray
    on_hand: FloatArray
    cycles: FloatArray
    short_cycles: FloatArray
    reviews: FloatArray
    short_reviews: FloatArray
    orders: FloatArray
    ordered: FloatArray
    final_position: FloatArray

    def __len__(self) -> int:
        return len(self.demand)

    @property
    def csl_cycle(self) -> FloatArray:
        """(n,) share of the cycles without a short period; NaN without a cycle."""
        return 1.0 - _share(self.short_cycles, self.cycles)

    @property
    def csl_period(self) -> FloatArray:
        """(n,) the same of the intervals from one review's receipt to the next's; NaN without one."""
        return 1.0 - _share(self.short_reviews, self.reviews)

    @property
    def fill_rate(self) -> FloatArray:
        """(n,) share of the units that were handed out at once; NaN without demand."""
        return _share(self.served, self.demand)

    @property
    def ready_rate(self) -> FloatArray:
        """(n,) share of the periods that were not short."""
        return 1.0 - self.short_periods / self.periods

    @property
    def mean_on_hand(self) -> FloatArray:
        """(n,) units on hand at the end of a period, on average."""
        return self.on_hand / self.periods

    @property
    def unserved(self) -> FloatArray:
        """(n,) units that were not handed out at once: lost, or owed for a while."""
        return self.demand - self.served


def simulate(
    demand: FloatArray,
    rule: OrderingRule,
    lead_times: IntArray,
    *,
    review_periods: IntArray | int = 1,
    sales_are_lost: bool = False,
    warm_up: int = 0,
    net_stock: FloatArray | None = None,
    arriving: FloatArray | None = None,
) -> SimulatedService:
    """Run a rule through given demand.

    >>> from forecasting_lib.inventory.simulation.rules import OrderUpTo
    >>> level = OrderUpTo(np.array([3.0]), np.array([3.0]))
    >>> came = simulate(np.full((1, 10), 2.0), level, np.ones((1, 10), dtype=np.int64))
    >>> float(came.fill_rate[0]), float(came.mean_on_hand[0])
    (0.55, 0.1)

    Args:
        demand: (n, periods) units, finite.
        rule: what each review orders.
        lead_times: (n, periods) whole periods from an order placed in a period to its receipt, as
            ``LeadTimeLaw.draw`` gives them.
        review_periods: from one review to the next, one number or (n,); all are reviewed in the first period.
        sales_are_lost: what stock does not serve is lost; otherwise customers wait.
        warm_up: the first periods, which do not count.
        net_stock: (n,) units on hand before the first period; absent: what the rule restores.
        arriving: (k, n) units that arrive in each of the first periods; absent: none.

    Raises:
        ValueError: shapes do not fit, demand is not finite, or no period counts.
    """
    _check(demand, lead_times, warm_up)
    items, periods = demand.shape
    every = np.broadcast_to(np.asarray(review_periods, dtype=np.int64), (items,))
    by_period, leads = np.ascontiguousarray(demand.T), np.ascontiguousarray(lead_times.T)
    opening = rule.opening_stock() if net_stock is None else net_stock
    state = _Running(opening, periods, int(lead_times.max(initial=0)), arriving)
    tally = _Tally(items)
    for period in range(periods):
        counts = period >= warm_up
        stock = state.morning(period)
        reviewed = period % every == 0
        ordered = np.where(reviewed, rule.orders(period, stock), 0.0)
        state.order(period, leads[period], reviewed, ordered)
        tally.morning(state.pipeline[period] > 0.0, state.due[period], ordered, counts=counts)
        served, short = state.serve(by_period[period], sales_are_lost=sales_are_lost)
        tally.evening(by_period[period], served, short, state.stock, counts=counts)
    position = state.stock + state.pipeline[periods:].sum(axis=0)
    return SimulatedService(periods=periods - warm_up, final_position=position, **tally.sums)


class _Running:
    """Stock and pipeline while time passes.

    Attributes:
        stock: (n,) net units.
        pipeline: (periods + more, n) units that arrive on each morning.
        due: likewise, whether the order of a review was due then, placed or not.
    """

    def __init__(self, opening: FloatArray, periods: int, longest: int, arriving: FloatArray | None) -> None:
        given = 0 if arriving is None else len(arriving)
        self._ahead = max(longest, given) + 1
        self.stock = np.array(opening, dtype=np.float64)
        self.pipeline = np.zeros((periods + self._ahead + given, len(self.stock)))
        if arriving is not None:
            self.pipeline[:given] = arriving
        self.due = np.zeros(self.pipeline.shape, dtype=np.bool_)
        self._columns = np.arange(len(self.stock))
        self._latest = np.zeros(len(self.stock), dtype=np.int64)

    def morning(self, period: int) -> StockState:
        """Book what arrives; what a rule then sees."""
        self.stock = self.stock + self.pipeline[period]
        return StockState(self.stock, self.pipeline[period + 1 : period + 1 + self._ahead])

    def order(self, period: int, lead_times: IntArray, reviewed: BoolArray, ordered: FloatArray) -> None:
        """Put orders on their way, none before an earlier one; one without lead time is there at once."""
        placed = ordered > 0.0
        arrival = np.maximum(period + lead_times, self._latest)
        self._latest = np.where(placed, arrival, self._latest)
        self.pipeline[arrival[placed], self._columns[placed]] += ordered[placed]
        self.stock = self.stock + np.where(arrival == period, ordered, 0.0)
        self.due[arrival[reviewed], self._columns[reviewed]] = True

    def serve(self, wanted: FloatArray, *, sales_are_lost: bool) -> tuple[FloatArray, BoolArray]:
        """Units handed out at once, and where the period is short."""
        served = np.minimum(np.maximum(self.stock, 0.0), wanted)
        if sales_are_lost:
            self.stock = self.stock - served
            return served, wanted > served + QTY_TOLERANCE
        self.stock = self.stock - wanted
        return served, self.stock < -QTY_TOLERANCE


class _Tally:
    """The sums of ``SimulatedService``, and which cycles and intervals have been short so far."""

    def __init__(self, items: int) -> None:
        names = (
            *("demand", "served", "short_periods", "on_hand", "cycles", "short_cycles"),
            *("reviews", "short_reviews", "orders", "ordered"),
        )
        self.sums = {name: np.zeros(items) for name in names}
        self._short_in_cycle = np.zeros(items, dtype=np.bool_)
        self._short_since_review = np.zeros(items, dtype=np.bool_)

    def morning(self, received: BoolArray, due: BoolArray, ordered: FloatArray, *, counts: bool) -> None:
        if counts:
            self.sums["cycles"] += received
            self.sums["short_cycles"] += received & self._short_in_cycle
            self.sums["reviews"] += due
            self.sums["short_reviews"] += due & self._short_since_review
            self.sums["orders"] += ordered > 0.0
            self.sums["ordered"] += ordered
        self._short_in_cycle &= ~received
        self._short_since_review &= ~due

    def evening(
        self, wanted: FloatArray, served: FloatArray, short: BoolArray, stock: FloatArray, *, counts: bool
    ) -> None:
        self._short_in_cycle |= short
        self._short_since_review |= short
        if counts:
            self.sums["demand"] += wanted
            self.sums["served"] += served
            self.sums["short_periods"] += short
            self.sums["on_hand"] += np.maximum(stock, 0.0)


def _check(demand: FloatArray, lead_times: IntArray, warm_up: int) -> None:
    if demand.ndim != 2 or demand.shape != lead_times.shape:
        raise ValueError(f"lead times of shape {lead_times.shape} for demand of shape {demand.shape}")
    if not np.isfinite(demand).all() or (demand < 0.0).any():
        raise ValueError("demand must be known and not negative: fill in what is masked before simulating")
    if (lead_times < 0).any():
        raise ValueError("a lead time is negative: count the periods from order to receipt")
    if not 0 <= warm_up < demand.shape[1]:
        raise ValueError(f"a warm-up of {warm_up} leaves none of {demand.shape[1]} periods to count")


def _share(part: FloatArray, whole: FloatArray) -> FloatArray:
    return np.divide(part, whole, out=np.full_like(whole, np.nan), where=whole > 0.0)
