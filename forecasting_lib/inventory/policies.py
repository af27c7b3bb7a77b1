"""The client's policy: reorder points, order-up-to levels and lot sizes.

Belongs here: the policy's choices, the levels compared with the inventory position, the lot ordered.
Does not belong here: the law of demand itself (lead_time_demand) or dated orders (replenishment).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from forecasting_lib.inventory.demand_law import DemandLaw
from forecasting_lib.inventory.lead_time_demand import QTY_TOLERANCE, safety_factor
from forecasting_lib.moment_law import BoolArray
from forecasting_lib.panel import FloatArray

ServiceMetric = Literal["csl_cycle"]
LawName = Literal["moments", "normal"]

NEGLIGIBLE_COST = 1e-9
"""Yearly holding money per unit below which no lot is economic: the formula would run off to infinity."""


@dataclass(frozen=True)
class InventoryPolicy:
    """What a client decides once for all its series.

    Attributes:
        service_target: probability of no stock-out per cycle, strictly between 0 and 1.
        service_metric: what the target counts: replenishment cycles.
        review_days: days between order reviews where the supply row has none; None: a period of the
            forecast, 30 days for a month.
        holding_rate: yearly cost of holding a unit over its unit cost; None: no economic lot.
        order_cost: money per order; None: no economic lot.
        excess_horizon_days: days of demand above which stock counts as excess.
        negative_stock: ``backorder`` keeps a negative stock as owed to customers, ``zero`` takes it for a
            booking error.
        unmet_demand: ``backorder`` where customers wait for goods, ``lost`` where they go elsewhere and what
            a stock-out before the order's arrival turns away is not ordered again.
        demand_law: ``moments`` reads demand over the protection interval from a negative binomial or gamma
            law with inflated errors and the undershoot; ``normal`` is the textbook's method.

    Raises:
        ValueError: a value lies outside its range.
    """

    service_target: float
    service_metric: ServiceMetric = "csl_cycle"
    review_days: int | None = None
    holding_rate: float | None = None
    order_cost: float | None = None
    excess_horizon_days: int = 90
    negative_stock: Literal["backorder", "zero"] = "backorder"
    unmet_demand: Literal["backorder", "lost"] = "backorder"
    demand_law: LawName = "moments"

    def __post_init__(self) -> None:
        safety_factor(self.service_target)
        if self.service_metric != "csl_cycle":
            raise ValueError(f"service metric {self.service_metric!r}: only 'csl_cycle' is computed")
        if (self.review_days or 0) < 0 or self.excess_horizon_days < 1:
            raise ValueError("review_days must be at least 0 and excess_horizon_days at least 1")
        for cost in (self.holding_rate, self.order_cost):
            if cost is not None and not 0.0 < cost < float("inf"):
                raise ValueError(
                    f"holding_rate or order_cost {cost}: positive, or left out for no economic lot"
                )
        if self.negative_stock not in ("backorder", "zero"):
            raise ValueError(f"negative_stock {self.negative_stock!r} must be 'backorder' or 'zero'")
        if self.unmet_demand not in ("backorder", "lost"):
            raise ValueError(f"unmet_demand {self.unmet_demand!r} must be 'backorder' or 'lost'")
        if self.demand_law not in ("moments", "normal"):
            raise ValueError(f"demand_law {self.demand_law!r} must be 'moments' or 'normal'")


def reorder_levels(demand: DemandLaw, service_level: float | FloatArray) -> tuple[FloatArray, FloatArray]:
    """Reorder point for a cycle service level: the quantile of demand until the goods are there.

    ``s`` is the quantile of X = D + U, demand over the protection interval and undershoot, and
    ``SS = s - E[D] - E[U]``. In the textbook method ``U = 0`` and ``s = E[X] + z sd[X]``.

    >>> from forecasting_lib.inventory.lead_time_demand import NormalDemand
    >>> week = NormalDemand(mean=np.array([140.0]), sd=np.array([7.0]) ** 0.5 * 8.0)
    >>> safety_stock, reorder_point = reorder_levels(week, 0.90)
    >>> round(float(safety_stock[0]), 2), round(float(reorder_point[0]), 2)
    (27.13, 167.13)

    Args:
        demand: law of X, lead-time variability included.
        service_level: probability of no stock-out in a cycle, of all or (n,) of each.

    Returns:
        Safety stock (n,) and reorder point (n,), units; NaN where demand is.

    Raises:
        ValueError: the service level is not strictly between 0 and 1.

    Source: ``docs/methods.md#reorder-point``.
    """
    reorder_point = demand.quantile(service_level)
    return reorder_point - demand.mean, reorder_point


def economic_order_quantity(
    order_cost: float, annual_demand: FloatArray, annual_holding_cost: FloatArray
) -> FloatArray:
    """``sqrt(2 K D / h)``, (n,) units; NaN where h is unknown or nothing.

    >>> round(float(economic_order_quantity(8.0, np.array([1300.0]), np.array([0.225]))[0]), 2)
    304.05

    Args:
        order_cost: K, money per order.
        annual_demand: (n,) D, units a year, of the forecast.
        annual_holding_cost: (n,) h, money per unit and year.

    Source: ``docs/methods.md#economic-order-quantity``.
    """
    ratio = np.full_like(annual_demand, np.nan)
    np.divide(
        2.0 * order_cost * annual_demand,
        annual_holding_cost,
        out=ratio,
        where=annual_holding_cost > NEGLIGIBLE_COST,
    )
    return np.sqrt(ratio)


def annual_order_and_holding_cost(
    quantity: FloatArray, order_cost: float, annual_demand: FloatArray, annual_holding_cost: FloatArray
) -> FloatArray:
    """``K D / Q + h Q / 2``, (n,) money a year; NaN where Q is zero."""
    orders = np.full_like(quantity, np.nan)
    np.divide(annual_demand, quantity, out=orders, where=quantity > 0.0)
    return order_cost * orders + annual_holding_cost * quantity / 2.0


def admissible_economic_order_quantity(
    order_cost: float,
    annual_demand: FloatArray,
    annual_holding_cost: FloatArray,
    moq: FloatArray,
    order_multiple: FloatArray,
) -> FloatArray:
    """The cheapest quantity that the supplier accepts, (n,) units.

    The cost is convex, so it is enough to compare the multiples below and above the economic order
    quantity, neither under the minimum; the smaller wins a tie. Rounding up alone would be wrong. Zero where
    there is no demand.

    >>> demand, holding, no_minimum = np.array([1300.0]), np.array([0.225]), np.array([np.nan])
    >>> admissible_economic_order_quantity(8.0, demand, holding, no_minimum, np.array([48.0]))  # not 336
    array([288.])

    Args:
        order_cost: K, money per order.
        annual_demand: (n,) units a year.
        annual_holding_cost: (n,) money per unit and year; unknown: NaN, and so is the result.
        moq: (n,) minimum order, units; NaN: none.
        order_multiple: (n,) units; NaN or not positive: whole units.
    """
    multiple = usable_multiple(order_multiple)
    best = economic_order_quantity(order_cost, annual_demand, annual_holding_cost)
    least = np.maximum(np.ceil(np.nan_to_num(moq) / multiple - QTY_TOLERANCE), 1.0) * multiple
    lower = np.maximum(np.floor(best / multiple) * multiple, least)
    upper = np.maximum(np.ceil(best / multiple) * multiple, least)
    costs = [
        annual_order_and_holding_cost(q, order_cost, annual_demand, annual_holding_cost)
        for q in (lower, upper)
    ]
    cheapest = np.where(costs[0] <= costs[1] * (1.0 + 1e-12), lower, upper)
    return np.where(best == 0.0, 0.0, cheapest)


def order_up_to_level(
    reorder_point: FloatArray,
    review_demand: FloatArray,
    eoq: FloatArray,
    moq: FloatArray,
    order_multiple: FloatArray,
) -> FloatArray:
    """The level S that an order restores, (n,) units.

    Without a reason to batch, neither an economic lot nor a minimum above one multiple, the policy is
    (R,S) and S is the quantile over L + R, that is the reorder point. With one it is (R,s,S) with
    ``S = s + max(EOQ, E[D_R], MOQ)``.

    >>> s, review_demand, unknown = np.array([50.0]), np.array([10.0]), np.array([np.nan])
    >>> order_up_to_level(s, review_demand, unknown, moq=unknown, order_multiple=unknown)
    array([50.])
    >>> order_up_to_level(s, review_demand, unknown, moq=np.array([24.0]), order_multiple=np.array([12.0]))
    array([74.])

    Args:
        reorder_point: (n,) units.
        review_demand: (n,) E[D_R], mean demand of one review period, units.
        eoq: (n,) admissible economic order quantity; NaN: unknown.
        moq: (n,) units; NaN: none.
        order_multiple: (n,) units; NaN: whole units.

    Source: ``docs/methods.md#order-up-to-level``.
    """
    lot = np.maximum(np.maximum(np.nan_to_num(eoq), np.nan_to_num(moq)), review_demand)
    return reorder_point + np.where(is_batched(eoq, moq, order_multiple), lot, 0.0)


def is_batched(eoq: FloatArray, moq: FloatArray, order_multiple: FloatArray) -> BoolArray:
    """(n,) whether there is a reason to order less often than at every review.

    An economic lot, or a minimum above one multiple: the policy is then (R,s,S), else (R,S).
    """
    return np.asarray((np.nan_to_num(eoq) > 0.0) | (np.nan_to_num(moq) > usable_multiple(order_multiple)))


def usable_multiple(order_multiple: FloatArray) -> FloatArray:
    """The order multiple, one unit where none is known or it is not positive, (n,) units."""
    return np.where(order_multiple > 0.0, order_multiple, 1.0)
