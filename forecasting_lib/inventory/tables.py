"""The columns of every frame that enters or leaves the inventory engine.

Belongs here: names, types and grain, and the one function that casts to them.
Does not belong here: how a column is computed.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

LTD_LEVELS: tuple[float, ...] = (0.50, 0.80, 0.90, 0.95, 0.98, 0.99)

SUPPLY_SCHEMA: dict[str, pl.DataType] = {
    "series_id": pl.String(),
    "snapshot_date": pl.Date(),
    "on_hand_qty": pl.Float64(),
    "reserved_qty": pl.Float64(),
    "backorder_qty": pl.Float64(),
    "supplier_id": pl.String(),
    "lead_time_days": pl.Float64(),
    "lead_time_sd_days": pl.Float64(),
    "lead_time_source": pl.String(),
    "review_days": pl.Float64(),
    "moq_qty": pl.Float64(),
    "order_multiple_qty": pl.Float64(),
    "unit_cost": pl.Float64(),
    "unit_price": pl.Float64(),
    "last_season_mean_qty": pl.Float64(),
    "adi": pl.Float64(),
    "cv2": pl.Float64(),
    "demand_class": pl.String(),
    "weekly_cv": pl.Float64(),
    "history_days": pl.Int64(),
    "nonzero_days": pl.Int64(),
    "history_variance": pl.Float64(),
    "is_counted": pl.Boolean(),
}
"""Input: one row per series; every column but ``series_id`` may be null."""

RECEIPTS_SCHEMA: dict[str, pl.DataType] = {
    "series_id": pl.String(),
    "po_id": pl.String(),
    "supplier_id": pl.String(),
    "order_date": pl.Date(),
    "expected_date": pl.Date(),
    "open_qty": pl.Float64(),
}
"""Input: one row per purchase order line open on the as-of date; dates may be null."""

METRICS_SCHEMA: dict[str, pl.DataType] = {
    "series_id": pl.String(),
    "snapshot_date": pl.Date(),
    "on_hand_qty": pl.Float64(),
    "reserved_qty": pl.Float64(),
    "backorder_qty": pl.Float64(),
    "on_order_qty": pl.Float64(),
    "overdue_on_order_qty": pl.Float64(),
    "supplier_id": pl.String(),
    "lead_time_days": pl.Float64(),
    "lead_time_sd_days": pl.Float64(),
    "lead_time_source": pl.String(),
    "review_days": pl.Float64(),
    "ltd_mean_qty": pl.Float64(),
    "ltd_sd_qty": pl.Float64(),
    "ltd_method": pl.String(),
    "undershoot_mean_qty": pl.Float64(),
    "error_inflation": pl.Float64(),
    "service_metric": pl.String(),
    "service_target": pl.Float64(),
    "service_nominal": pl.Float64(),
    "service_predicted": pl.Float64(),
    "safety_stock_qty": pl.Float64(),
    "reorder_point_qty": pl.Float64(),
    "order_up_to_qty": pl.Float64(),
    "eoq_qty": pl.Float64(),
    "dir_days": pl.Float64(),
    "dir_days_p10": pl.Float64(),
    "dir_days_incl_on_order": pl.Float64(),
    "dir_censored": pl.Boolean(),
    "dir_lower_bound_days": pl.Float64(),
    "stockout_date": pl.Date(),
    "stockout_date_p10": pl.Date(),
    "stockout_prob_lt": pl.Float64(),
    "min_projected_qty": pl.Float64(),
    "min_projected_date": pl.Date(),
    "excess_qty": pl.Float64(),
    "excess_value": pl.Float64(),
    "shortage_qty": pl.Float64(),
    "abc_class": pl.String(),
    "xyz_class": pl.String(),
    "demand_class": pl.String(),
    "adi": pl.Float64(),
    "cv2": pl.Float64(),
    "unit_cost": pl.Float64(),
    "stock_value": pl.Float64(),
    "flags": pl.List(pl.String()),
}
"""One row per series."""

LTD_SCHEMA: dict[str, pl.DataType] = {
    "series_id": pl.String(),
    "protection_days": pl.Float64(),
    "ltd_mean_qty": pl.Float64(),
    "ltd_sd_qty": pl.Float64(),
    "ltd_method": pl.String(),
    **{f"q{round(level * 100)}_qty": pl.Float64() for level in LTD_LEVELS},
}
"""One row per series whose lead time is known; quantiles ascend."""

REPLENISHMENT_SCHEMA: dict[str, pl.DataType] = {
    "series_id": pl.String(),
    "line_no": pl.Int64(),
    "action": pl.String(),
    "supplier_id": pl.String(),
    "source_location_id": pl.String(),
    "po_ref": pl.String(),
    "need_date": pl.Date(),
    "order_date": pl.Date(),
    "receipt_date": pl.Date(),
    "net_need_qty": pl.Float64(),
    "moq_qty": pl.Float64(),
    "order_multiple_qty": pl.Float64(),
    "order_qty": pl.Float64(),
    "order_value": pl.Float64(),
    "cover_days_after": pl.Float64(),
    "days_late": pl.Int64(),
    "lost_units_at_risk_qty": pl.Float64(),
    "value_at_risk": pl.Float64(),
    "priority_rank": pl.Int64(),
    "urgency": pl.String(),
    "reason": pl.String(),
    "flags": pl.List(pl.String()),
}
"""One row per series and line, in rank order."""

PROJECTION_SCHEMA: dict[str, pl.DataType] = {
    "series_id": pl.String(),
    "date": pl.Date(),
    "lag_days": pl.Int32(),
    "confirmed_receipts_qty": pl.Float64(),
    "planned_receipts_qty": pl.Float64(),
    "demand_mean_qty": pl.Float64(),
    "projected_qty": pl.Float64(),
    "with_plan_qty": pl.Float64(),
    "p10_qty": pl.Float64(),
    "p90_qty": pl.Float64(),
    "stockout_prob": pl.Float64(),
    "safety_stock_qty": pl.Float64(),
}
"""One row per series and period of the horizon, dated by its first day; stocks are those of its last day."""


def to_table(schema: Mapping[str, pl.DataType], columns: Mapping[str, object]) -> pl.DataFrame:
    """The frame of these columns, in the schema's order and types; NaN becomes null.

    Args:
        schema: column -> type.
        columns: column -> array, series or list; every column of the schema, others are left out.
    """
    frame = pl.DataFrame(dict(columns), strict=False)
    typed = frame.select(pl.col(name).cast(dtype) for name, dtype in schema.items())
    return typed.with_columns(pl.col(float_columns(schema)).fill_nan(None))


def float_columns(schema: Mapping[str, pl.DataType]) -> list[str]:
    """The names of the schema's floating-point columns."""
    return [name for name, dtype in schema.items() if dtype == pl.Float64()]
