"""What empty shelves do to a forecast of the retailer, whose customers' wishes are known."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from forecasting_lib.demo import RetailerData
from forecasting_lib.models.guards import guarded_predict
from forecasting_lib.models.naive import MovingAverage
from forecasting_lib.panel import FloatArray, Panel
from tests.forecasting_lib.demo.conftest import END_DATE

HORIZON, RECENT_DAYS, WINDOWS = 28, 56, 13
KEY = ["item_id", "location_id", "date"]


def matrices(retailer: RetailerData) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """(series, days) units sold, stock at the end, units wanted, and whether the store was open."""
    days = retailer.stock_levels.sort(KEY)
    open_days = (
        retailer.sales.select("location_id", "date").unique().with_columns(pl.lit(1.0).alias("is_open"))
    )
    days = (
        days.join(retailer.sales.select(*KEY, "units_sold"), on=KEY, how="left", maintain_order="left")
        .join(retailer.wanted, on=KEY, how="left", maintain_order="left")
        .join(open_days, on=["location_id", "date"], how="left", maintain_order="left")
    )
    whole = days.filter(pl.len().over("item_id", "location_id") == days["date"].n_unique())
    n = whole.select("item_id", "location_id").n_unique()
    columns = ("units_sold", "on_hand_qty", "wanted_qty", "is_open")
    sold, stock, wanted, is_open = (
        whole[name].fill_null(0).to_numpy().astype(np.float64).reshape(n, -1) for name in columns
    )
    return np.maximum(sold, 0), stock, wanted, is_open


def bias(retailer: RetailerData, *, masks_empty_shelves: bool) -> float:
    """Of the 28-day totals of series whose shelf was empty lately, against what customers wanted."""
    sold, stock, wanted, is_open = matrices(retailer)
    is_empty = (is_open == 1) & (stock == 0) & (sold == 0)
    is_hidden = (is_open == 0) | (is_empty & masks_empty_shelves)
    demand = np.where(is_hidden, np.nan, sold)
    ran_out = (is_open == 1) & (stock == 0)
    totals = np.zeros(2)
    for window in range(1, WINDOWS + 1):
        origin = demand.shape[1] - HORIZON * window
        ahead = slice(origin, origin + HORIZON)
        chosen = ran_out[:, origin - RECENT_DAYS : origin].any(axis=1) & (wanted[:, ahead].sum(axis=1) > 0)
        panel = Panel(
            tuple(str(row) for row in np.flatnonzero(chosen)),
            END_DATE - timedelta(days=HORIZON * window),
            tuple(demand[chosen, :origin]),
        )
        expected = guarded_predict(MovingAverage(window=7), panel, HORIZON).mean
        totals += (expected * is_open[chosen, ahead]).sum(), wanted[chosen, ahead].sum()
    return float(totals[0] / totals[1] - 1.0)


def test_masked_a_shelf_that_was_empty_biases_no_forecast_and_as_zeros_it_does(
    retailer: RetailerData,
) -> None:
    masked, unmasked = (bias(retailer, masks_empty_shelves=masks) for masks in (True, False))
    assert abs(masked) < 0.03
    assert unmasked < masked - 0.02


def test_what_was_wanted_is_what_was_sold_and_what_was_lost(retailer: RetailerData) -> None:
    sold = int(retailer.sales["units_sold"].clip(0).sum())
    assert int(retailer.wanted["wanted_qty"].sum()) == sold + int(retailer.truth["lost_qty"].sum())
    assert "wanted" not in retailer.deliveries()
    assert retailer.wanted["wanted_qty"].min() == pytest.approx(1)
