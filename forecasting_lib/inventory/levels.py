"""Reorder levels: from a forecast, lead times and a policy to safety stock, reorder point, order-up-to level.

Belongs here: the order of the steps and what they give. Does not belong here: each formula (the modules named
after them), stock, orders, tables.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting_lib.grain import Grain
from forecasting_lib.inventory.days import PeriodDays
from forecasting_lib.inventory.demand_law import DemandLaw
from forecasting_lib.inventory.error_growth import ErrorGrowth
from forecasting_lib.inventory.lead_time_demand import (
    QTY_TOLERANCE,
    CumulativeDemand,
    law_of,
    protection_moments,
)
from forecasting_lib.inventory.policies import (
    InventoryPolicy,
    admissible_economic_order_quantity,
    is_batched,
    order_up_to_level,
    reorder_levels,
)
from forecasting_lib.inventory.service_targets import (
    DAYS_PER_YEAR,
    OrderCycle,
    ServiceTargets,
    service_targets,
)
from forecasting_lib.inventory.shelf_life import capped_by_shelf_life
from forecasting_lib.inventory.supply import Supply
from forecasting_lib.inventory.undershoot import undershoot
from forecasting_lib.moment_law import BoolArray
from forecasting_lib.panel import FloatArray, Forecast
from forecasting_lib.quantile_grid import grid_variance


@dataclass(frozen=True)
class ReorderLevels:
    """Reorder levels of n series with the law they come from; every array is (n,), NaN without lead time.

    ``reorder_point = interval_mean + undershoot_mean + safety_stock`` in every row. Of counts whose demand is
    uncertain the reorder point is a whole number; nothing else is rounded.

    Attributes:
        law: demand until the goods of an order are there: over the protection interval, and the undershoot.
        protection_days: length of that interval with the mean lead time.
        interval_mean: units expected over it.
        no_demand: nothing is forecast: every level is zero.
        undershoot_mean: units by which the position lies under the reorder point when an order is placed.
        safety_stock, reorder_point, order_up_to: units.
        outlives_shelf_life: whether a lot takes longer to sell than it keeps.
        eoq: admissible economic order quantity, units; NaN without costs.
        annual_demand: units.
        error_inflation: variance of the demand over the interval, over that of independent daily errors.
        targets: what the client's target asks of each item.
        service_nominal: level at which the law was read.
        service_predicted: what the reorder point reaches, in the measure of the target, as far as a backtest
            has measured.
        is_measured: whether one has.
    """

    law: DemandLaw
    protection_days: FloatArray
    interval_mean: FloatArray
    no_demand: BoolArray
    undershoot_mean: FloatArray
    safety_stock: FloatArray
    reorder_point: FloatArray
    order_up_to: FloatArray
    outlives_shelf_life: BoolArray
    eoq: FloatArray
    annual_demand: FloatArray
    error_inflation: FloatArray
    targets: ServiceTargets
    service_nominal: FloatArray
    service_predicted: FloatArray
    is_measured: BoolArray


def cumulative_demand(
    forecast: Forecast, supply: Supply, policy: InventoryPolicy, growth: ErrorGrowth | None = None
) -> CumulativeDemand:
    """Mean and variance of the demand of days 1..t of every series of a forecast.

    Args:
        forecast: n series.
        supply: of the same; what its history says of variance and whole units.
        policy: which law demand is read from.
        growth: what a backtest measured; None: what stands where none did.
    """
    periods = PeriodDays.of(forecast)
    mean = periods.daily(np.maximum(forecast.mean, 0.0))
    variance = periods.daily(grid_variance(forecast.quantiles))
    return demand_of(mean, variance, supply, policy, forecast.grain, growth)


def demand_of(
    mean: FloatArray,
    variance: FloatArray,
    supply: Supply,
    policy: InventoryPolicy,
    grain: Grain,
    growth: ErrorGrowth | None,
) -> CumulativeDemand:
    """Daily moments cumulated, to be read by the policy's law.

    Args:
        mean: (n, h) units a day.
        variance: (n, h) units squared, errors of different days taken as independent.
        supply, policy, growth: as of :func:`cumulative_demand`.
        grain: of the forecast that they are from.
    """
    if policy.demand_law == "normal":
        return CumulativeDemand.from_daily(mean, variance, supply.last_season_mean)
    return CumulativeDemand.from_daily(
        mean,
        variance,
        supply.last_season_mean,
        history_variance=supply.history_variance,
        growth=growth or ErrorGrowth.unmeasured(supply.demand_classes, grain),
        counted=supply.is_counted,
    )


def levels_of(supply: Supply, demand: CumulativeDemand, policy: InventoryPolicy) -> ReorderLevels:
    """The reorder levels; where nothing is forecast nothing is uncertain either, so all are zero.

    A position that is reviewed and lifted every R days must last L + R days, exactly. One that waits for its
    reorder point must last L days, and what it has fallen below that point by
    (``docs/methods.md#undershoot``); the textbook's method gives it L + R, too.

    Args:
        supply: lead times, review periods and order constraints of n series; its stock is not looked at.
        demand: of the same series, :func:`cumulative_demand` of a forecast.
        policy: the client's choices.
    """
    annual_demand = demand.mean[:, -1] / demand.horizon * DAYS_PER_YEAR
    eoq = np.full_like(annual_demand, np.nan)
    if policy.order_cost is not None and policy.holding_rate is not None:
        eoq = admissible_economic_order_quantity(
            policy.order_cost,
            annual_demand,
            policy.holding_rate * supply.unit_cost,
            supply.moq,
            supply.order_multiple,
        )
    reach = np.maximum(np.nan_to_num(supply.lead_time + supply.review), demand.horizon)
    no_demand = demand.mean_through(reach) <= QTY_TOLERANCE
    waits = is_batched(eoq, supply.moq, supply.order_multiple) & (demand.counted is not None)
    interval = supply.lead_time + np.where(waits, 0.0, supply.review)
    mean, variance = protection_moments(
        demand, supply.lead_time, supply.known_lead_time_sd, np.where(waits, 0.0, supply.review)
    )
    inflation = _inflation(demand, interval)
    passed, passed_variance = _undershoot(supply, demand, waits & ~no_demand)
    mean, variance = (np.where(no_demand & ~np.isnan(mean), 0.0, moment) for moment in (mean, variance))
    passed = np.where(np.isnan(mean), np.nan, passed)
    law = law_of(demand, mean + passed, variance + passed_variance)
    review_demand = demand.mean_through(supply.review)
    lot = order_up_to_level(np.zeros_like(mean), review_demand, eoq, supply.moq, supply.order_multiple)
    targets = service_targets(
        policy,
        _order_cycle(supply, demand, policy, law, np.maximum(lot + np.nan_to_num(passed), review_demand)),
        annual_demand,
        supply.unit_cost,
        supply.unit_risk_value,
        supply.shelf_life,
    )
    nominal = targets.cycle_level
    growth = demand.growth
    if growth is not None:
        nominal = growth.level_to_read(nominal, interval)
    safety_stock, reorder_point = reorder_levels(law, nominal)
    covered = 1.0 - law.exceedance(reorder_point)
    if growth is not None:
        covered = np.where(variance > 0.0, growth.held(covered, interval), covered)
    order_up_to = order_up_to_level(reorder_point, review_demand, eoq, supply.moq, supply.order_multiple)
    capped = capped_by_shelf_life(order_up_to, reorder_point, supply.lead_time, supply.shelf_life, demand)
    return ReorderLevels(
        law=law,
        protection_days=interval,
        interval_mean=mean,
        no_demand=no_demand,
        undershoot_mean=passed,
        safety_stock=safety_stock,
        reorder_point=reorder_point,
        order_up_to=np.where(no_demand, reorder_point, capped.order_up_to),
        outlives_shelf_life=capped.outlives_shelf_life & ~no_demand,
        eoq=eoq,
        annual_demand=annual_demand,
        error_inflation=inflation,
        targets=targets,
        service_nominal=nominal,
        service_predicted=targets.predicted(covered),
        is_measured=np.zeros(len(mean), dtype=np.bool_) if growth is None else growth.is_measured,
    )


def _order_cycle(
    supply: Supply, demand: CumulativeDemand, policy: InventoryPolicy, law: DemandLaw, lot: FloatArray
) -> OrderCycle:
    """From one order to the next; a typical order is for one unit where nothing is demanded."""
    review_demand = demand.mean_through(supply.review)
    before = None
    if policy.service_metric == "fill_rate":
        still = np.zeros(len(lot))
        moments = protection_moments(demand, supply.lead_time, supply.known_lead_time_sd, still)
        before = law_of(demand, *moments)
    return OrderCycle(
        law,
        before,
        lot=np.where(lot > QTY_TOLERANCE, lot, 1.0),
        is_reviewed=(review_demand > QTY_TOLERANCE) & (lot <= review_demand + QTY_TOLERANCE),
        counted=np.zeros(len(lot), dtype=np.bool_) if demand.counted is None else demand.counted,
    )


def _inflation(demand: CumulativeDemand, interval: FloatArray) -> FloatArray:
    """(n,) 1 where nothing is uncertain; NaN where the interval is unknown."""
    independent = demand.independent_through(interval)
    ratio = np.where(np.isnan(interval), np.nan, 1.0)
    np.divide(demand.variance_through(interval), independent, out=ratio, where=independent > 0.0)
    return ratio


def _undershoot(supply: Supply, demand: CumulativeDemand, waits: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Mean and variance of the undershoot of those that wait for their reorder point, zero of the others."""
    if demand.counted is None or not waits.any():
        return np.zeros(len(waits)), np.zeros(len(waits))
    mean, variance = undershoot(
        demand.mean_through(supply.review), demand.independent_through(supply.review), demand.counted
    )
    return np.where(waits, mean, 0.0), np.where(waits, variance, 0.0)
