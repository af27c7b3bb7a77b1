"""Newsvendor: how much to have where what is left over and what is missing both cost money.

Belongs here: the critical ratio, the quantity, its expected cost and profit, for any law of demand.
Does not belong here: the law of demand.
"""

from __future__ import annotations

import numpy as np

from forecasting_lib.inventory.demand_law import DemandLaw
from forecasting_lib.panel import FloatArray


def critical_ratio(overage_cost: FloatArray, underage_cost: FloatArray) -> FloatArray:
    """``cu / (cu + co)``, (n,): the probability of no shortage at which the expected cost is least.

    >>> critical_ratio(np.array([0.18]), np.array([0.70])).round(6)
    array([0.795455])

    Args:
        overage_cost: (n,) co, money per unit left over, positive.
        underage_cost: (n,) cu, money per unit missing, positive.

    Raises:
        ValueError: a cost is not positive.

    Source: ``docs/methods.md#newsvendor``.
    """
    if (overage_cost <= 0.0).any() or (underage_cost <= 0.0).any():
        raise ValueError("overage and underage cost must be positive: without one, there is no best quantity")
    return underage_cost / (underage_cost + overage_cost)


def newsvendor_quantity(law: DemandLaw, overage_cost: FloatArray, underage_cost: FloatArray) -> FloatArray:
    """The quantity of least expected cost, (n,) units: the law's quantile at the critical ratio.

    >>> from forecasting_lib.inventory.lead_time_demand import NormalDemand
    >>> law = NormalDemand(np.array([50.0]), np.array([8.0]))
    >>> newsvendor_quantity(law, np.array([0.18]), np.array([0.70])).round(6)
    array([56.603956])

    Arguments as in :func:`critical_ratio`.

    Raises:
        ValueError: a cost is not positive.
    """
    return law.quantile(critical_ratio(overage_cost, underage_cost))


def newsvendor_cost(
    law: DemandLaw, quantity: FloatArray, overage_cost: FloatArray, underage_cost: FloatArray
) -> FloatArray:
    """Expected cost of a quantity, (n,) money: ``co E[(Q - X)+] + cu E[(X - Q)+]``.

    >>> from forecasting_lib.inventory.demand_laws import PoissonDemand
    >>> law = PoissonDemand(np.array([50.0]))
    >>> newsvendor_cost(law, np.array([56.0]), np.array([1.0]), np.array([4.0])).round(4)
    array([10.0752])

    Args:
        law: demand X.
        quantity: (n,) Q, units, also below zero: stock owed.
        overage_cost: (n,) co, money per unit left over.
        underage_cost: (n,) cu, money per unit missing.

    Source: ``docs/methods.md#newsvendor``.
    """
    missing = law.expected_shortage(quantity)
    left = quantity - law.mean + missing
    return np.asarray(overage_cost * left + underage_cost * missing)


def newsvendor_costs_of_prices(
    price: FloatArray,
    unit_cost: FloatArray,
    salvage_value: FloatArray,
    holding_cost: FloatArray | float = 0.0,
    shortage_cost: FloatArray | float = 0.0,
) -> tuple[FloatArray, FloatArray]:
    """Overage cost (n,) and underage cost (n,), money per unit, from what a unit is bought and sold for.

    ``co = c - v + h`` and ``cu = r - c + p``.

    >>> overage, underage = newsvendor_costs_of_prices(np.array([1.0]), np.array([0.3]), np.array([0.12]))
    >>> overage.round(2), underage.round(2)
    (array([0.18]), array([0.7]))

    Args:
        price: (n,) r, money per unit sold.
        unit_cost: (n,) c, money per unit bought.
        salvage_value: (n,) v, money per unit left over.
        holding_cost: h, money per unit left over, beside what is lost on it.
        shortage_cost: p, money per unit missing, beside the margin that is lost.

    Raises:
        ValueError: not salvage < cost < price, or a holding or shortage cost is negative.
    """
    if (salvage_value >= unit_cost).any() or (unit_cost >= price).any():
        raise ValueError("the salvage value must lie under the unit cost, and that under the price")
    if (np.asarray(holding_cost) < 0.0).any() or (np.asarray(shortage_cost) < 0.0).any():
        raise ValueError("holding and shortage cost must be at least 0")
    return unit_cost - salvage_value + holding_cost, price - unit_cost + shortage_cost


def newsvendor_profit(
    law: DemandLaw,
    quantity: FloatArray,
    price: FloatArray,
    unit_cost: FloatArray,
    salvage_value: FloatArray,
    holding_cost: FloatArray | float = 0.0,
    shortage_cost: FloatArray | float = 0.0,
) -> FloatArray:
    """Expected profit of a quantity, (n,) money: the margin of mean demand less the newsvendor's cost.

    >>> from forecasting_lib.inventory.lead_time_demand import NormalDemand
    >>> law = NormalDemand(np.array([50.0]), np.array([8.0]))
    >>> money = {"price": np.array([1.0]), "unit_cost": np.array([0.3]), "salvage_value": np.array([0.12])}
    >>> newsvendor_profit(law, np.array([56.603956]), **money).round(6)
    array([33.002395])

    Arguments and errors as in :func:`newsvendor_costs_of_prices`, ``quantity`` (n,) units bought.

    Source: ``docs/methods.md#newsvendor``.
    """
    overage, underage = newsvendor_costs_of_prices(
        price, unit_cost, salvage_value, holding_cost, shortage_cost
    )
    return np.asarray((price - unit_cost) * law.mean - newsvendor_cost(law, quantity, overage, underage))
