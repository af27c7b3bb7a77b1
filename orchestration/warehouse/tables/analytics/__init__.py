"""Schema ``analytics``: everything people query. Filled by dbt, by Python, and by what people decide."""

from orchestration.warehouse.tables.analytics.backtests import (
    backtest_new_items,
    backtest_reliability,
    backtest_runs,
    backtest_scores,
    backtest_series,
    backtest_totals,
    calibrations,
    covariate_worth,
    error_inflation,
)
from orchestration.warehouse.tables.analytics.decisions import (
    approved_orders,
    decision_ends,
    order_line_ends,
    plan_decisions,
)
from orchestration.warehouse.tables.analytics.demand import (
    demand_by_month,
    dim_item,
    dim_location,
    dim_series,
    location_calendar,
    promoted_days,
    ts_demand_daily,
    ts_demand_periods,
)
from orchestration.warehouse.tables.analytics.drift import drift_events
from orchestration.warehouse.tables.analytics.feeds import dim_client, feeds, gap_meanings
from orchestration.warehouse.tables.analytics.forecasts import (
    forecast_results,
    forecast_runs,
    forecast_series,
)
from orchestration.warehouse.tables.analytics.inventory import (
    inventory_flags,
    inventory_metrics,
    inventory_runs,
    lead_time_demand,
    plan_stability,
    purchase_priorities,
    replenishment_plan,
    stock_projection,
)
from orchestration.warehouse.tables.analytics.outliers import demand_outliers, outlier_looks
from orchestration.warehouse.tables.analytics.provenance import delivered_files, demand_runs, plan_inputs
from orchestration.warehouse.tables.analytics.quality import score_sums, score_totals, scorings
from orchestration.warehouse.tables.analytics.service import service_backtest, service_backtest_runs
from orchestration.warehouse.tables.analytics.suppliers import supplier_lead_times

PARTITIONED = (
    *(ts_demand_daily, forecast_results, score_sums, stock_projection),
    *(backtest_scores, backtest_totals),
)
"""One partition per client, made when the client is added."""

__all__ = [
    "PARTITIONED",
    "approved_orders",
    "backtest_new_items",
    "backtest_reliability",
    "backtest_runs",
    "backtest_scores",
    "backtest_series",
    "backtest_totals",
    "calibrations",
    "covariate_worth",
    "decision_ends",
    "delivered_files",
    "demand_by_month",
    "demand_outliers",
    "demand_runs",
    "dim_client",
    "dim_item",
    "dim_location",
    "dim_series",
    "drift_events",
    "error_inflation",
    "feeds",
    "forecast_results",
    "forecast_runs",
    "forecast_series",
    "gap_meanings",
    "inventory_flags",
    "inventory_metrics",
    "inventory_runs",
    "lead_time_demand",
    "location_calendar",
    "order_line_ends",
    "outlier_looks",
    "plan_decisions",
    "plan_inputs",
    "plan_stability",
    "promoted_days",
    "purchase_priorities",
    "replenishment_plan",
    "score_sums",
    "score_totals",
    "scorings",
    "service_backtest",
    "service_backtest_runs",
    "stock_projection",
    "supplier_lead_times",
    "ts_demand_daily",
    "ts_demand_periods",
]
