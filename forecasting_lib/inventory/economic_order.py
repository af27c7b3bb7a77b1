"""Economic order quantities beyond the classic one: with planned backorders, with price breaks.

Belongs here: lots that are chosen by their yearly cost.
Does not belong here: the classic lot and what a policy does with it (``policies``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting_lib.inventory.lead_time_demand import QTY_TOLERANCE
from forecasting_lib.inventory.policies import annual_order_and_holding_cost, usable_multiple
from forecasting_lib.panel import FloatArray


@dataclass(frozen=True)
class LotWithBackorders:
    """The cheapest lot where customers wait, (n,) each.

    Attributes:
        quantity: units.
        backordered_share: share of the demand that waits.
        annual_cost: money a year, of ordering, holding and waiting; purchases are not in it.
    """

    quantity: FloatArray
    backordered_share: FloatArray
    annual_cost: FloatArray


def economic_order_quantity_with_backorders(
    order_cost: FloatArray, annual_demand: FloatArray, holding_cost: FloatArray, backorder_cost: FloatArray
) -> LotWithBackorders:
    """``Q = sqrt(2 K D (h + p) / (h p))``, of which the share ``h / (h + p)`` waits.

    >>> K, D, h, p = (np.array([x]) for x in (8.0, 1300.0, 0.225, 5.0))
    >>> lot = economic_order_quantity_with_backorders(K, D, h, p)
    >>> lot.quantity.round(4), lot.backordered_share.round(4), lot.annual_cost.round(4)
    (array([310.8126]), array([0.0431]), array([66.9214]))

    Args:
        order_cost: (n,) K, money per order, at least 0.
        annual_demand: (n,) D, units a year, at least 0.
        holding_cost: (n,) h, money per unit and year, positive.
        backorder_cost: (n,) p, money per unit waiting and year, positive.

    Raises:
        ValueError: a value lies outside its range.

    Source: ``docs/methods.md#economic-order-quantity``.
    """
    if (holding_cost <= 0.0).any() or (backorder_cost <= 0.0).any():
        raise ValueError("holding and backorder cost must be positive")
    if (order_cost < 0.0).any() or (annual_demand < 0.0).any():
        raise ValueError("order cost and annual demand must be at least 0")
    share = holding_cost / (holding_cost + backorder_cost)
    quantity = np.sqrt(2.0 * order_cost * annual_demand / (backorder_cost * share))
    return LotWithBackorders(quantity, share, quantity * backorder_cost * share)


@dataclass(frozen=True)
class LotWithPriceBreaks:
    """The cheapest lot where the price of all its units falls with its size, (n,) each.

    Attributes:
        quantity: units; NaN without demand or without a price.
        bracket: index of the price that is paid, from 0; -1 where the quantity is unknown.
        annual_cost: money a year: purchases, ordering and holding.
    """

    quantity: FloatArray
    bracket: FloatArray
    annual_cost: FloatArray


def economic_order_quantity_with_price_breaks(
    order_cost: float,
    annual_demand: FloatArray,
    holding_rate: float,
    breakpoints: FloatArray,
    unit_costs: FloatArray,
    moq: FloatArray | None = None,
    order_multiple: FloatArray | None = None,
) -> LotWithPriceBreaks:
    """The lot of least yearly cost ``c D + K D / Q + i c Q / 2`` under all-units discounts.

    Within a bracket the cost is convex, so its best lot is the economic order quantity at its price, moved
    to the nearest quantity of the bracket; with a minimum and a multiple, the multiples around it are
    compared. Of equally cheap lots that of the lowest bracket is taken.

    >>> lot = economic_order_quantity_with_price_breaks(
    ...     8.0, np.array([1300.0]), 0.3, np.array([[0.0, 400.0, 800.0]]), np.array([[0.75, 0.72, 0.68]])
    ... )
    >>> lot.quantity, lot.bracket, lot.annual_cost.round(2)
    (array([800.]), array([2]), array([978.6]))

    Args:
        order_cost: K, money per order, at least 0.
        annual_demand: (n,) D, units a year, at least 0.
        holding_rate: i, yearly holding cost over unit cost, positive.
        breakpoints: (n, b) smallest quantity of each bracket, ascending from 0; NaN: no such bracket.
        unit_costs: (n, b) money per unit of all units of a lot in the bracket, positive; NaN likewise.
        moq: (n,) minimum order, units; NaN: none. Absent: none.
        order_multiple: (n,) units; NaN or not positive: whole units. Absent: any quantity will do.

    Raises:
        ValueError: a value lies outside its range, or breakpoints do not ascend from 0.

    Source: ``docs/methods.md#economic-order-quantity``.
    """
    _check_breaks(order_cost, annual_demand, holding_rate, breakpoints, unit_costs)
    demand, holding = annual_demand[:, None], holding_rate * unit_costs
    best = np.sqrt(2.0 * order_cost * demand / holding)
    least = np.zeros_like(annual_demand) if moq is None else np.nan_to_num(moq)
    first = np.maximum(breakpoints, least[:, None])
    beyond = np.hstack([breakpoints[:, 1:], np.full((len(breakpoints), 1), np.inf)])
    beyond = np.where(np.isnan(beyond), np.inf, beyond)
    if order_multiple is None:
        candidates = [np.maximum(best, first)]
    else:
        multiple = usable_multiple(order_multiple)[:, None]
        first = np.maximum(np.ceil(first / multiple - QTY_TOLERANCE), 1.0) * multiple
        last = (np.ceil(beyond / multiple - QTY_TOLERANCE) - 1.0) * multiple
        candidates = [
            np.maximum(np.minimum(nearest(best / multiple) * multiple, last), first)
            for nearest in (np.floor, np.ceil)
        ]
    lots = np.stack([np.where(lot < beyond, lot, np.nan) for lot in candidates], axis=-1)
    costs = unit_costs[..., None] * demand[..., None] + annual_order_and_holding_cost(
        lots, order_cost, np.broadcast_to(demand[..., None], lots.shape), holding[..., None]
    )
    flat_lots, flat_costs = lots.reshape(len(lots), -1), costs.reshape(len(costs), -1)
    known = np.isfinite(flat_costs)
    chosen = np.where(known, flat_costs, np.inf).argmin(axis=1)
    rows = np.arange(len(lots))
    unknown = ~known.any(axis=1) | (annual_demand <= 0.0)
    return LotWithPriceBreaks(
        np.where(unknown, np.nan, flat_lots[rows, chosen]),
        np.where(unknown, -1, chosen // lots.shape[-1]),
        np.where(unknown, np.nan, flat_costs[rows, chosen]),
    )


def _check_breaks(
    order_cost: float,
    annual_demand: FloatArray,
    holding_rate: float,
    breakpoints: FloatArray,
    unit_costs: FloatArray,
) -> None:
    if order_cost < 0.0 or (annual_demand < 0.0).any() or holding_rate <= 0.0:
        raise ValueError("order cost and annual demand must be at least 0, the holding rate positive")
    if breakpoints.shape != unit_costs.shape or (unit_costs <= 0.0).any():
        raise ValueError("every breakpoint needs one positive unit cost")
    if (breakpoints[:, 0] != 0.0).any() or (np.diff(breakpoints, axis=1) <= 0.0).any():
        raise ValueError("breakpoints must ascend from 0")
