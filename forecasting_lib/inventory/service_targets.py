"""What a client's target asks of each item: one cycle service level, whatever the target counts.

Belongs here: from cycles, a fill rate or money to the level at which the law of demand is read.
Does not belong here: the reorder point at that level (``policies``), the formulas themselves (``fill_rate``,
``newsvendor``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting_lib.inventory.bisection import first_where
from forecasting_lib.inventory.demand_law import DemandLaw
from forecasting_lib.inventory.fill_rate import achieved_fill_rate, fill_rate_of_reviews
from forecasting_lib.inventory.flags import BoolArray
from forecasting_lib.inventory.newsvendor import critical_ratio
from forecasting_lib.inventory.policies import InventoryPolicy, ServiceMetric
from forecasting_lib.panel import FloatArray

DAYS_PER_YEAR = 365.0
LEAST_LEVEL, HIGHEST_LEVEL = 1e-6, 1.0 - 1e-9
"""Levels that are read: beyond them a lot serves nearly everything by itself, or a unit short costs all."""


@dataclass(frozen=True)
class OrderCycle:
    """From one order of an item to the next, of n items.

    Attributes:
        law: demand until the goods of an order are there: over the lead time, and the review period or the
            undershoot.
        law_before_review: demand over the lead time alone; None where nobody asks for a fill rate.
        lot: (n,) units of a typical order, positive.
        is_reviewed: (n,) whether every review lifts the position: the lot is a review period's demand.
        counted: (n,) whether the law is one of whole units.
    """

    law: DemandLaw
    law_before_review: DemandLaw | None
    lot: FloatArray
    is_reviewed: BoolArray
    counted: BoolArray

    def fill_rate(self, reorder_point: FloatArray) -> FloatArray:
        """(n,) share of demand that a reorder point serves at once."""
        by_lots = achieved_fill_rate(self.law, reorder_point, self.lot)
        if self.law_before_review is None:
            return by_lots
        by_reviews = fill_rate_of_reviews(self.law, self.law_before_review, reorder_point, self.lot)
        return np.where(self.is_reviewed, by_reviews, by_lots)


@dataclass(frozen=True)
class ServiceTargets:
    """The targets of n items.

    Attributes:
        metrics: n words, what the target of an item counts.
        target: (n,) the client's target in that measure; by cost, the critical ratio.
        cycle_level: (n,) probability of no stock-out in a cycle that it comes to; NaN without a law.
        cycle: what the target is about.
    """

    metrics: list[ServiceMetric]
    target: FloatArray
    cycle_level: FloatArray
    cycle: OrderCycle

    def predicted(self, covered: FloatArray) -> FloatArray:
        """(n,) what is reached, in the measure of each item's target.

        Args:
            covered: (n,) probability that the reorder point covers demand until the goods are there.
        """
        is_fill_rate = np.array([metric == "fill_rate" for metric in self.metrics], dtype=np.bool_)
        if not is_fill_rate.any():
            return covered
        point = self.cycle.law.quantile(_readable(covered, self.cycle.counted))
        return np.where(is_fill_rate, np.clip(self.cycle.fill_rate(point), 0.0, 1.0), covered)


def service_targets(
    policy: InventoryPolicy,
    cycle: OrderCycle,
    annual_demand: FloatArray,
    unit_cost: FloatArray,
    unit_risk_value: FloatArray,
    shelf_life_days: FloatArray,
) -> ServiceTargets:
    """The cycle service level of every item.

    * ``csl_cycle``: the target itself.
    * ``fill_rate``: the level of the least reorder point that serves the target's share of demand at once.
    * ``cost``: ``cu / (cu + h T)``: a unit more is held for the cycle T in between two orders, or is short at
      its end. One that expires within the cycle is lost, and its unit cost is added to h T. An item whose
      unit cost or shortage cost is unknown keeps the target as a cycle service level.

    >>> from forecasting_lib.inventory.lead_time_demand import NormalDemand
    >>> law, one, never = NormalDemand(np.array([900.0]), np.array([221.6])), np.ones(1), np.array([np.nan])
    >>> level = {}
    >>> for metric in ("csl_cycle", "fill_rate", "cost"):
    ...     policy = InventoryPolicy(0.95, service_metric=metric, holding_rate=0.2)
    ...     cycle = OrderCycle(law, None, 1500.0 * one, one > 2.0, one > 2.0)
    ...     found = service_targets(policy, cycle, 36500.0 * one, one, 4.0 * one, never)
    ...     level[metric] = round(float(found.cycle_level[0]), 4)
    >>> level
    {'csl_cycle': 0.95, 'fill_rate': 0.5507, 'cost': 0.9979}

    Args:
        policy: the client's choices.
        cycle: laws and lots of n items.
        annual_demand: (n,) units.
        unit_cost: (n,) money; NaN where unknown.
        unit_risk_value: (n,) money that a unit short loses; NaN where unknown.
        shelf_life_days: (n,) days until a unit expires; NaN where it does not.

    Source: ``docs/methods.md#service-targets``.
    """
    target = np.full_like(cycle.law.mean, policy.service_target)
    metrics: list[ServiceMetric] = [policy.service_metric] * len(target)
    if policy.service_metric == "fill_rate":
        return ServiceTargets(metrics, target, _level_of_fill_rate(cycle, policy.service_target), cycle)
    if policy.service_metric == "cost" and policy.holding_rate is not None:
        years = np.divide(cycle.lot, annual_demand, out=np.zeros_like(target), where=annual_demand > 0.0)
        lost = np.where(shelf_life_days < years * DAYS_PER_YEAR, unit_cost, 0.0)
        held = policy.holding_rate * unit_cost * years + lost
        short = policy.shortage_cost_rate * unit_risk_value
        known = (held > 0.0) & (short > 0.0)
        ratio = critical_ratio(np.where(known, held, 1.0), np.where(known, short, 1.0))
        target = np.where(known, np.clip(ratio, LEAST_LEVEL, HIGHEST_LEVEL), target)
        metrics = ["cost" if priced else "csl_cycle" for priced in known]
    return ServiceTargets(metrics, target, target, cycle)


def _level_of_fill_rate(cycle: OrderCycle, fill_rate: float) -> FloatArray:
    law = cycle.law
    point = first_where(
        lambda reorder_point: np.asarray(cycle.fill_rate(reorder_point) >= fill_rate),
        -cycle.lot - 10.0 * law.sd - 1.0,
        law.sd + 1.0,
        whole=cycle.counted,
    )
    return _readable(1.0 - law.exceedance(point), cycle.counted)


def _readable(level: FloatArray, counted: BoolArray) -> FloatArray:
    """(n,) a level at which a law gives back the quantity of which this is the probability.

    A whole unit is found again just under its own probability.
    """
    return np.asarray(np.clip(np.where(counted, level - 1e-9, level), LEAST_LEVEL, HIGHEST_LEVEL))
