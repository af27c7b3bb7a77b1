"""Reorder levels: from a forecast, lead times and a policy to safety stock, reorder point, order-up-to level.

Belongs here: the order of the steps and what they give. Does not belong here: each formula (the modules named
after them), stock, orders, tables.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting_lib.inventory.days import PeriodDays
from forecasting_lib.inventory.demand_law import DemandLaw
from forecasting_lib.inventory.flags import BoolArray
from forecasting_lib.inventory.lead_time_demand import (
    QTY_TOLERANCE,
    CumulativeDemand,
    NormalDemand,
    protection_demand,
)
from forecasting_lib.inventory.policies import (
    InventoryPolicy,
    admissible_economic_order_quantity,
    order_up_to_level,
    reorder_levels,
)
from forecasting_lib.inventory.supply import Supply
from forecasting_lib.panel import FloatArray, Forecast
from forecasting_lib.quantile_grid import grid_variance

DAYS_PER_YEAR = 365.0


@dataclass(frozen=True)
class ReorderLevels:
    """Reorder levels of n series with the law they come from; every array is (n,), NaN without lead time.

    ``reorder_point = law.mean + undershoot_mean + safety_stock`` in every row.

    Attributes:
        law: demand over the protection interval.
        protection_days: its length with the mean lead time.
        no_demand: nothing is forecast: every level is zero.
        undershoot_mean: units by which the position lies under the reorder point when an order is placed.
        safety_stock, reorder_point, order_up_to: units.
        eoq: admissible economic order quantity, units; NaN without costs.
        annual_demand: units.
        service_nominal: level at which the law was read.
        service_predicted: probability that the reorder point is enough.
    """

    law: DemandLaw
    protection_days: FloatArray
    no_demand: BoolArray
    undershoot_mean: FloatArray
    safety_stock: FloatArray
    reorder_point: FloatArray
    order_up_to: FloatArray
    eoq: FloatArray
    annual_demand: FloatArray
    service_nominal: FloatArray
    service_predicted: FloatArray


def cumulative_demand(forecast: Forecast, supply: Supply) -> CumulativeDemand:
    """Mean and variance of the demand of days 1..t of every series of a forecast."""
    periods = PeriodDays.of(forecast)
    return CumulativeDemand.from_daily(
        periods.daily(np.maximum(forecast.mean, 0.0)),
        periods.daily(grid_variance(forecast.quantiles)),
        supply.last_season_mean,
    )


def levels_of(supply: Supply, demand: CumulativeDemand, policy: InventoryPolicy) -> ReorderLevels:
    """The reorder levels; where nothing is forecast nothing is uncertain either, so all are zero.

    Args:
        supply: lead times, review periods and order constraints of n series; its stock is not looked at.
        demand: of the same series, :func:`cumulative_demand` of a forecast.
        policy: the client's choices.
    """
    law = protection_demand(demand, supply.lead_time, supply.known_lead_time_sd, supply.review)
    reach = np.maximum(np.nan_to_num(supply.lead_time + supply.review), demand.horizon)
    no_demand = demand.mean_through(reach) <= QTY_TOLERANCE
    nothing = no_demand & ~np.isnan(law.mean)
    law = NormalDemand(np.where(nothing, 0.0, law.mean), np.where(nothing, 0.0, law.sd))
    undershoot_mean = np.zeros_like(law.mean)
    safety_stock, reorder_point = reorder_levels(law, policy.service_target, undershoot_mean)
    annual_demand = demand.mean[:, -1] / demand.horizon * DAYS_PER_YEAR
    eoq = np.full_like(law.mean, np.nan)
    if policy.order_cost is not None and policy.holding_rate is not None:
        eoq = admissible_economic_order_quantity(
            policy.order_cost,
            annual_demand,
            policy.holding_rate * supply.unit_cost,
            supply.moq,
            supply.order_multiple,
        )
    review_demand = demand.mean_through(supply.review)
    order_up_to = order_up_to_level(reorder_point, review_demand, eoq, supply.moq, supply.order_multiple)
    return ReorderLevels(
        law=law,
        protection_days=supply.lead_time + supply.review,
        no_demand=no_demand,
        undershoot_mean=undershoot_mean,
        safety_stock=safety_stock,
        reorder_point=reorder_point,
        order_up_to=np.where(no_demand, reorder_point, order_up_to),
        eoq=eoq,
        annual_demand=annual_demand,
        service_nominal=np.full_like(law.mean, policy.service_target),
        service_predicted=1.0 - law.exceedance(reorder_point),
    )
