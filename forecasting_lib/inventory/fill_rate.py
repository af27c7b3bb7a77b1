"""Fill rate: the share of demand that is served from the shelf, and the reorder point that reaches one.

Belongs here: both directions, for any law of demand, with the lot that is ordered.
Does not belong here: the law itself, the undershoot that is added to it, the lot.

A fill rate is no cycle service level: the same figure means a different stock, less of it for large lots.
"""

from __future__ import annotations

import numpy as np

from forecasting_lib.inventory.bisection import first_where
from forecasting_lib.inventory.demand_law import DemandLaw
from forecasting_lib.inventory.flags import BoolArray
from forecasting_lib.panel import FloatArray


def achieved_fill_rate(law: DemandLaw, reorder_point: FloatArray, order_quantity: FloatArray) -> FloatArray:
    """Share of demand served at once, (n,): ``1 - (n(s) - n(s + Q)) / Q``, n the expected shortage.

    >>> from forecasting_lib.inventory.demand_laws import PoissonDemand
    >>> achieved_fill_rate(PoissonDemand(np.array([6.0])), np.array([8.0]), np.array([10.0])).round(4)
    array([0.9686])

    Args:
        law: demand over the lead time, with the undershoot where orders are reviewed by the period.
        reorder_point: (n,) s, units.
        order_quantity: (n,) Q, units, positive.

    Source: ``docs/methods.md#fill-rate``.
    """
    short = law.expected_shortage(reorder_point) - law.expected_shortage(reorder_point + order_quantity)
    return np.asarray(1.0 - short / order_quantity)


def fill_rate_of_reviews(
    law: DemandLaw, law_before_review: DemandLaw, order_up_to: FloatArray, review_demand: FloatArray
) -> FloatArray:
    """Share of demand served at once where every review lifts the position to S, (n,); exact.

    ``1 - (n(S) - n_L(S)) / E[D_R]``: what is short when the next order is there, less what was already short
    when the last one came, over the demand in between.

    >>> from forecasting_lib.inventory.demand_laws import PoissonDemand
    >>> S, review_demand = np.array([9.0]), np.array([1.0])
    >>> laws = [PoissonDemand(np.array([mean])) for mean in (6.0, 5.0)]
    >>> fill_rate_of_reviews(*laws, S, review_demand).round(4)
    array([0.8928])

    Args:
        law: demand over the lead time and a review period.
        law_before_review: demand over the lead time alone.
        order_up_to: (n,) S, units.
        review_demand: (n,) E[D_R], units, positive.

    Source: ``docs/methods.md#fill-rate``.
    """
    short = law.expected_shortage(order_up_to) - law_before_review.expected_shortage(order_up_to)
    return np.asarray(1.0 - short / review_demand)


def reorder_point_for_fill_rate(
    law: DemandLaw,
    fill_rate: float | FloatArray,
    order_quantity: FloatArray,
    *,
    whole_units: bool | BoolArray,
) -> FloatArray:
    """The least reorder point that serves this share of demand at once, (n,) units.

    It is negative where the lot alone serves more than that: clip it at zero only as a declared policy.

    >>> from forecasting_lib.inventory.demand_laws import PoissonDemand
    >>> law = PoissonDemand(np.array([6.0]))
    >>> reorder_point_for_fill_rate(law, 0.95, np.array([10.0]), whole_units=True)
    array([8.])

    Args:
        law: demand over the lead time, with the undershoot where orders are reviewed by the period.
        fill_rate: share, strictly between 0 and 1, one for all or (n,).
        order_quantity: (n,) Q, units; NaN or not positive: unknown, and so is the result.
        whole_units: whether stock is kept in whole units, such as of a Poisson law; of all or (n,) of each.

    Raises:
        ValueError: a fill rate is not strictly between 0 and 1.

    Source: ``docs/methods.md#fill-rate``.
    """
    _check_fill_rate(fill_rate)

    def serves(reorder_point: FloatArray) -> BoolArray:
        return np.asarray(achieved_fill_rate(law, reorder_point, lot) >= fill_rate)

    lot = np.where(order_quantity > 0.0, order_quantity, np.nan)
    # at s = -Q nothing is served that is not owed already; a normal law also has demand under zero
    return first_where(serves, -lot - 10.0 * law.sd - 1.0, law.sd + 1.0, whole=whole_units)


def reorder_point_for_shortage_per_cycle(
    law: DemandLaw,
    fill_rate: float | FloatArray,
    order_quantity: FloatArray,
    *,
    whole_units: bool | BoolArray,
) -> FloatArray:
    """The textbook's short form: the least s with ``n(s) <= (1 - beta) Q``, (n,) units.

    It leaves out what is still short when the lot has arrived, so it never asks for less than
    :func:`reorder_point_for_fill_rate`, whose arguments it has. For normal demand it is
    ``G(k) = (1 - beta) Q / sd``.

    >>> from forecasting_lib.inventory.lead_time_demand import NormalDemand
    >>> law = NormalDemand(np.array([900.0]), np.array([221.585198]))
    >>> lot = np.array([1500.0])
    >>> reorder_point_for_shortage_per_cycle(law, 0.95, lot, whole_units=False).round(4)
    array([928.2325])

    Raises:
        ValueError: a fill rate is not strictly between 0 and 1.

    Source: ``docs/methods.md#fill-rate``.
    """
    _check_fill_rate(fill_rate)
    allowed = np.where(order_quantity > 0.0, (1.0 - fill_rate) * order_quantity, np.nan)

    def serves(reorder_point: FloatArray) -> BoolArray:
        return np.asarray(law.expected_shortage(reorder_point) <= allowed)

    # n(x) >= m - x, so nothing under m - allowed serves
    return first_where(serves, law.mean - allowed, law.sd + 1.0, whole=whole_units)


def _check_fill_rate(fill_rate: float | FloatArray) -> None:
    if not ((np.asarray(fill_rate) > 0.0) & (np.asarray(fill_rate) < 1.0)).all():
        raise ValueError(f"fill rate {fill_rate} must lie strictly between 0 and 1, for example 0.98")
