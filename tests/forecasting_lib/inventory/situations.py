"""Forecasts, supply rows and open orders with numbers a person can follow, for the inventory tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from forecasting_lib.inventory.plan import InventoryPlan, plan_inventory
from forecasting_lib.inventory.policies import InventoryPolicy
from forecasting_lib.inventory.tables import RECEIPTS_SCHEMA, SUPPLY_SCHEMA
from forecasting_lib.panel import MEDIAN_INDEX, QUANTILE_LEVELS, FloatArray, Forecast
from forecasting_lib.quantile_grid import grid_mean, grid_variance

AS_OF = date(2026, 11, 20)

TEXTBOOK = InventoryPolicy(service_target=0.95, demand_law="normal")
"""Normal demand over L + R, so that a reorder point can be worked out by hand."""


def grid_of(mean: FloatArray, sd: FloatArray) -> FloatArray:
    """A quantile grid (..., 21) whose moments are exactly these; needs ``sd`` up to about ``mean``."""
    shape = -np.log(1.0 - np.asarray(QUANTILE_LEVELS))
    base_mean, base_variance = grid_mean(shape), grid_variance(shape.reshape(1, 1, -1))[0, 0]
    standard = (shape - base_mean) / np.sqrt(base_variance)
    grid: FloatArray = mean[..., None] + sd[..., None] * standard
    return grid


def forecast_of(daily_means: Sequence[Sequence[float]], daily_sd: float = 0.0) -> Forecast:
    """One series ``s0, s1, ...`` per row of daily means, the same deviation on every day with demand."""
    mean = np.asarray(daily_means, dtype=np.float64)
    quantiles = grid_of(mean, np.where(mean > 0.0, daily_sd, 0.0))
    return Forecast(
        series_ids=tuple(f"s{i}" for i in range(mean.shape[0])),
        as_of_date=AS_OF,
        point=quantiles[:, :, MEDIAN_INDEX],
        mean=mean,
        quantiles=quantiles,
        reasons=(None,) * mean.shape[0],
    )


def supply_of(*rows: Mapping[str, Any]) -> pl.DataFrame:
    """Supply rows for ``s0, s1, ...``; columns not named are null."""
    return pl.DataFrame(
        [{"series_id": f"s{i}", **row} for i, row in enumerate(rows)],
        schema=SUPPLY_SCHEMA,
    )


def receipts_of(*rows: Mapping[str, Any]) -> pl.DataFrame:
    """Open order lines of ``s0`` unless they say otherwise; columns not named are null."""
    return pl.DataFrame([{"series_id": "s0", **row} for row in rows], schema=RECEIPTS_SCHEMA)


STOCKED: Mapping[str, Any] = {
    "snapshot_date": AS_OF,
    "on_hand_qty": 60.0,
    "supplier_id": "acme",
    "lead_time_days": 4.0,
    "lead_time_sd_days": 0.0,
    "lead_time_source": "supplier",
    "unit_cost": 2.0,
    "unit_price": 5.0,
    "history_days": 400,
    "nonzero_days": 300,
}
"""A supply row without anything to flag."""


def plan_one(
    daily_means: Sequence[float],
    supply: Mapping[str, Any],
    *open_orders: Mapping[str, Any],
    daily_sd: float = 0.0,
    policy: InventoryPolicy | None = None,
) -> InventoryPlan:
    """The plan of a single series ``s0``, by the textbook unless a policy says otherwise."""
    return plan_inventory(
        forecast_of([daily_means], daily_sd),
        supply_of(supply),
        receipts_of(*open_orders),
        policy or TEXTBOOK,
    )


def metrics_of(plan: InventoryPlan) -> dict[str, Any]:
    """The metrics row of a plan of one series."""
    return plan.metrics.row(0, named=True)
