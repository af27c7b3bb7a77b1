"""From a forecast, a stock snapshot and open orders to the four inventory tables.

Belongs here: the order of the steps and the assembly of the tables.
Does not belong here: any formula; each lives in the module named after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from forecasting_lib.inventory.classification import abc_classes, demand_class, xyz_classes
from forecasting_lib.inventory.days import PeriodDays
from forecasting_lib.inventory.error_growth import ErrorGrowth
from forecasting_lib.inventory.flags import Flag, flag_lists
from forecasting_lib.inventory.lead_time_demand import (
    QTY_TOLERANCE,
    CumulativeDemand,
    forward_cover,
    protection_demand,
    two_point_lead_times,
)
from forecasting_lib.inventory.levels import ReorderLevels, cumulative_demand, levels_of
from forecasting_lib.inventory.policies import InventoryPolicy
from forecasting_lib.inventory.projection import (
    ReceiptSchedule,
    StockProjection,
    cover_with_receipts,
    pessimistic_cover,
    project_stock,
    stockout_day,
    unserved_so_far,
)
from forecasting_lib.inventory.replenishment import (
    OrderRule,
    expedite_frame,
    order_frame,
    plan_orders,
    planned_receipts,
    replenishment_plan,
    undecided_frame,
)
from forecasting_lib.inventory.supply import Supply
from forecasting_lib.inventory.tables import (
    LTD_LEVELS,
    LTD_SCHEMA,
    METRICS_SCHEMA,
    PROJECTION_SCHEMA,
    RECEIPTS_SCHEMA,
    SUPPLY_SCHEMA,
    to_table,
)
from forecasting_lib.panel import FloatArray, Forecast


@dataclass(frozen=True)
class InventoryPlan:
    """The four tables, without NaN or infinity: what is unknown is null.

    Attributes:
        metrics: one row per series, ``METRICS_SCHEMA``.
        lead_time_demand: one row per series whose lead time is known, ``LTD_SCHEMA``.
        replenishment: one row per series and line, in rank order, ``REPLENISHMENT_SCHEMA``.
        projection: one row per series and period of the horizon, ``PROJECTION_SCHEMA``.
    """

    metrics: pl.DataFrame
    lead_time_demand: pl.DataFrame
    replenishment: pl.DataFrame
    projection: pl.DataFrame


@dataclass(frozen=True)
class Calibrated:
    """What a backtest measured of the models behind a forecast.

    Attributes:
        growth: of the forecast's series.
        is_stale: whether the days it was measured on are long past.
    """

    growth: ErrorGrowth
    is_stale: bool = False


def plan_inventory(
    forecast: Forecast,
    supply: pl.DataFrame,
    receipts: pl.DataFrame,
    policy: InventoryPolicy,
    calibration: Calibrated | None = None,
) -> InventoryPlan:
    """Positions, reorder levels, cover, orders and stock curve of every series of a forecast.

    Demand until the goods are there is negative binomial or gamma, with lead-time variability, undershoot and
    errors of different periods as far together as backtests have measured. All times are days, whatever the
    forecast's grain: demand is level within a period.

    Args:
        forecast: n series over h periods; its mean and quantiles must be finite.
        supply: columns of ``SUPPLY_SCHEMA``, at most one row per series, as known on the as-of date. A
            series without a row, or without ``on_hand_qty``, has no known stock. Reserved and backordered
            quantities default to zero where stock is known.
        receipts: columns of ``RECEIPTS_SCHEMA``, one row per purchase order line open on the as-of date;
            the caller decides what was visible then.
        policy: the client's choices.
        calibration: what a backtest measured of the models behind the forecast; None: nothing did.

    Raises:
        ValueError: a column is missing, a series repeats in ``supply``, a snapshot is dated after the
            as-of date, or the forecast holds NaN or infinity.
    """
    _check_inputs(forecast, supply, receipts)
    known = Supply.from_frame(supply, forecast.series_ids, policy, forecast.grain)
    periods = PeriodDays.of(forecast)
    mean = np.maximum(forecast.mean, 0.0)
    growth = None if calibration is None else calibration.growth
    demand = cumulative_demand(forecast, known, policy, growth)
    levels = levels_of(known, demand, policy)
    schedule = ReceiptSchedule.from_frame(receipts, forecast.series_ids, forecast.as_of_date, known.lead_time)
    projection = project_stock(known.net_stock, schedule.by_day(demand.horizon), demand)
    metrics = _metrics(
        forecast=forecast,
        supply=known,
        demand=demand,
        levels=levels,
        schedule=schedule,
        projection=projection,
        policy=policy,
        is_stale=calibration is not None and calibration.is_stale,
    )

    rule = OrderRule(
        levels.reorder_point,
        levels.order_up_to,
        orderable=~levels.no_demand,
        sales_are_lost=policy.unmet_demand == "lost",
    )
    lines = plan_orders(known, rule, demand, schedule)
    short_day = stockout_day(known.net_stock, projection.balance)
    replenishment = replenishment_plan(
        [
            expedite_frame(short_day, known, demand, schedule),
            order_frame(lines, known, demand, schedule, policy.excess_horizon_days),
            undecided_frame(known, rule.orderable),
        ],
        metrics,
        forecast.as_of_date,
        demand.horizon,
    )
    planned = planned_receipts(lines, len(forecast.series_ids), demand.horizon)
    return InventoryPlan(
        metrics=metrics,
        lead_time_demand=_lead_time_demand(forecast, levels, demand.growth),
        replenishment=replenishment,
        projection=_projection(
            forecast, periods, mean, projection, planned, levels.safety_stock, policy.unmet_demand == "lost"
        ),
    )


def _check_inputs(forecast: Forecast, supply: pl.DataFrame, receipts: pl.DataFrame) -> None:
    for name, frame, schema in (("supply", supply, SUPPLY_SCHEMA), ("receipts", receipts, RECEIPTS_SCHEMA)):
        missing = [column for column in schema if column not in frame.columns]
        if missing:
            raise ValueError(f"{name} lacks {missing}; send the column with nulls where nothing is known")
    if (supply["snapshot_date"].cast(pl.Date) > forecast.as_of_date).any():
        raise ValueError(f"supply has snapshots after the as-of date {forecast.as_of_date}")
    if not (np.isfinite(forecast.mean).all() and np.isfinite(forecast.quantiles).all()):
        raise ValueError("the forecast holds NaN or infinity; guard it before planning")


def _metrics(
    *,
    forecast: Forecast,
    supply: Supply,
    demand: CumulativeDemand,
    levels: ReorderLevels,
    schedule: ReceiptSchedule,
    projection: StockProjection,
    policy: InventoryPolicy,
    is_stale: bool,
) -> pl.DataFrame:
    n, as_of = len(forecast.series_ids), forecast.as_of_date
    net_stock, on_order = supply.net_stock, schedule.total()
    position = net_stock + on_order
    dir_days = forward_cover(demand.mean, net_stock)
    no_stock = np.isnan(net_stock)
    censored = np.isnan(dir_days) & ~no_stock
    lowest, lowest_day = projection.lowest()
    over_lead_time = protection_demand(demand, supply.lead_time, supply.known_lead_time_sd, np.zeros(n))
    due_in_lead_time = schedule.through(np.ceil(supply.lead_time))
    covered_days = np.full(n, float(policy.excess_horizon_days))
    needed = demand.mean_through(covered_days) + levels.safety_stock
    excess = np.maximum(position - np.maximum(levels.order_up_to, needed), 0.0)
    latest_lead_time = two_point_lead_times(supply.lead_time, supply.known_lead_time_sd)[1]
    promised = ~np.isnan(levels.reorder_point) & ~levels.no_demand & (demand.growth is not None)
    flags = {
        Flag.NO_DEMAND: levels.no_demand,
        **supply.flags(as_of),
        Flag.BACKORDER: (net_stock < -QTY_TOLERANCE) | (supply.backorder > 0.0),
        Flag.OVERDUE_PO: schedule.total_overdue() > 0.0,
        Flag.UNDATED_PO: schedule.total_undated() > 0.0,
        Flag.DIR_CENSORED: censored,
        Flag.HORIZON_TOO_SHORT: latest_lead_time + supply.review > demand.horizon,
        Flag.NEGATIVE_SAFETY_STOCK: (levels.safety_stock < -QTY_TOLERANCE) & (policy.service_target < 0.5),
        Flag.NOT_CALIBRATED: promised & ~levels.is_measured,
        Flag.CALIBRATION_STALE: promised & levels.is_measured & is_stale,
        Flag.EXCESS: excess > QTY_TOLERANCE,
        Flag.DEAD_STOCK: levels.no_demand & (net_stock > QTY_TOLERANCE) & (supply.last_season_mean == 0.0),
    }
    return to_table(
        METRICS_SCHEMA,
        {
            "series_id": forecast.series_ids,
            "snapshot_date": supply.frame["snapshot_date"],
            "on_hand_qty": supply.on_hand,
            "reserved_qty": supply.reserved,
            "backorder_qty": supply.backorder,
            "on_order_qty": on_order,
            "overdue_on_order_qty": schedule.total_overdue(),
            "supplier_id": supply.frame["supplier_id"],
            "lead_time_days": supply.lead_time,
            "lead_time_sd_days": supply.lead_time_sd,
            "lead_time_source": supply.frame["lead_time_source"],
            "review_days": supply.review,
            "ltd_mean_qty": levels.interval_mean,
            "ltd_sd_qty": levels.law.sd,
            "ltd_method": levels.law.methods,
            "undershoot_mean_qty": levels.undershoot_mean,
            "error_inflation": levels.error_inflation,
            "service_metric": [policy.service_metric] * n,
            "service_target": np.full(n, policy.service_target),
            "service_nominal": levels.service_nominal,
            "service_predicted": levels.service_predicted,
            "safety_stock_qty": levels.safety_stock,
            "reorder_point_qty": levels.reorder_point,
            "order_up_to_qty": levels.order_up_to,
            "eoq_qty": levels.eoq,
            "dir_days": dir_days,
            "dir_days_p10": pessimistic_cover(net_stock, demand),
            "dir_days_incl_on_order": cover_with_receipts(projection, demand),
            "dir_censored": pl.Series(np.where(no_stock, np.nan, censored)).fill_nan(None),
            "dir_lower_bound_days": np.where(censored, float(demand.horizon), np.nan),
            "stockout_date": _dates(as_of, _stockout_day(net_stock, projection.balance, levels)),
            "stockout_date_p10": _dates(as_of, _stockout_day(net_stock, projection.low, levels)),
            "stockout_prob_lt": over_lead_time.exceedance(net_stock + due_in_lead_time),
            "min_projected_qty": lowest,
            "min_projected_date": _dates(as_of, lowest_day),
            "excess_qty": excess,
            "excess_value": excess * supply.unit_cost,
            "shortage_qty": np.maximum(levels.reorder_point - position, 0.0),
            "abc_class": abc_classes(levels.annual_demand * supply.unit_value, forecast.series_ids),
            "xyz_class": xyz_classes(supply.frame["weekly_cv"].fill_null(float("nan")).to_numpy()),
            "demand_class": [
                given or demand_class(adi, cv2)
                for given, adi, cv2 in supply.frame.select("demand_class", "adi", "cv2").iter_rows()
            ],
            "adi": supply.frame["adi"],
            "cv2": supply.frame["cv2"],
            "unit_cost": supply.unit_cost,
            "stock_value": np.maximum(supply.on_hand, 0.0) * supply.unit_cost,
            "flags": pl.Series(flag_lists(flags, n), dtype=pl.List(pl.String)),
        },
    )


def _stockout_day(net_stock: FloatArray, balance: FloatArray, levels: ReorderLevels) -> FloatArray:
    """(n,) day of the stock-out that a planner sees: 0, today, where nothing is left of what is wanted."""
    is_out = (net_stock <= QTY_TOLERANCE) & ~levels.no_demand
    return np.where(is_out, 0.0, stockout_day(net_stock, balance))


def _lead_time_demand(forecast: Forecast, levels: ReorderLevels, growth: ErrorGrowth | None) -> pl.DataFrame:
    def quantile(level: float) -> FloatArray:
        read = level if growth is None else growth.level_to_read(level, levels.protection_days)
        return np.maximum(levels.law.quantile(read), 0.0)

    rows = {
        "series_id": forecast.series_ids,
        "protection_days": levels.protection_days,
        "ltd_mean_qty": levels.law.mean,
        "ltd_sd_qty": levels.law.sd,
        "ltd_method": levels.law.methods,
        **{f"q{round(level * 100)}_qty": quantile(level) for level in LTD_LEVELS},
    }
    return to_table(LTD_SCHEMA, rows).filter(pl.col("protection_days").is_not_null())


def _projection(
    forecast: Forecast,
    periods: PeriodDays,
    mean: FloatArray,
    projection: StockProjection,
    planned: FloatArray,
    safety_stock: FloatArray,
    sales_are_lost: bool,
) -> pl.DataFrame:
    """The stock at the end of each of the forecast's periods, and what arrives and is used in it.

    Where sales are lost, stock never falls below zero; ``stockout_prob`` is of demand beyond all of it.
    """
    n, horizon = mean.shape
    ids = pl.Series(forecast.series_ids, dtype=pl.String)
    starts = pl.Series(periods.starts, dtype=pl.Date)
    balance, low, high = projection.balance, projection.low, projection.high
    with_plan = balance + np.cumsum(planned, axis=1)
    if sales_are_lost:
        balance, low, high, with_plan = (
            path + unserved_so_far(path) for path in (balance, low, high, with_plan)
        )
    return to_table(
        PROJECTION_SCHEMA,
        {
            "series_id": ids.gather(np.repeat(np.arange(n), horizon)),
            "date": starts.gather(np.tile(np.arange(horizon), n)),
            "lag_days": np.tile(periods.last_day, n),
            "confirmed_receipts_qty": periods.totals(projection.receipts).ravel(),
            "planned_receipts_qty": periods.totals(planned).ravel(),
            "demand_mean_qty": mean.ravel(),
            "projected_qty": periods.closing(balance).ravel(),
            "with_plan_qty": periods.closing(with_plan).ravel(),
            "p10_qty": periods.closing(low).ravel(),
            "p90_qty": periods.closing(high).ravel(),
            "stockout_prob": periods.closing(projection.stockout_probability()).ravel(),
            "safety_stock_qty": np.repeat(safety_stock, horizon),
        },
    )


def _dates(as_of_date: date, days: FloatArray) -> pl.Series:
    """Calendar days from day numbers counted from the as-of date; NaN: null."""
    offset = pl.DataFrame({"days": pl.Series(days).fill_nan(None).cast(pl.Int64)})
    return offset.select((pl.lit(as_of_date) + pl.duration(days="days")).cast(pl.Date).alias("date"))["date"]
