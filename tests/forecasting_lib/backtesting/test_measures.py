"""Sums and totals of a forecast whose actuals are known, against computations of others."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mean_absolute_error, mean_pinball_loss, mean_squared_error

from forecasting_lib.backtesting.measured import losses
from forecasting_lib.backtesting.measures import DaySums, Totals
from forecasting_lib.grain import Grain
from forecasting_lib.panel import QUANTILE_COLUMNS, QUANTILE_LEVELS, FloatArray, Forecast
from forecasting_lib.quantile_grid import demand_grid, grid_variance

AS_OF = date(2026, 1, 31)


def random_forecast(seed: int, series: int = 7, days: int = 28) -> tuple[Forecast, FloatArray]:
    """Counts with zeros and masked days, and a forecast of them."""
    rng = np.random.default_rng(seed)
    quantiles = demand_grid(rng.poisson(3, (series, days, 21)).astype(np.float64))
    actual = rng.poisson(2, (series, days)).astype(np.float64)
    actual[rng.random(actual.shape) < 0.15] = np.nan
    forecast = Forecast(
        tuple(f"s{i}" for i in range(series)),
        AS_OF,
        quantiles[:, :, 10].copy(),
        quantiles.mean(axis=2),
        quantiles,
        (None,) * series,
    )
    return forecast, actual


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000))
def test_sums_by_lag_are_what_scikit_learn_finds(seed: int) -> None:
    forecast, actual = random_forecast(seed)
    found = DaySums.of(forecast, actual)
    assert found.buckets == ("1", "2-7", "8-14", "15-28")
    bounds = {"1": (0, 1), "2-7": (1, 7), "8-14": (7, 14), "15-28": (14, 28)}
    for number, name in enumerate(found.buckets):
        for row in range(len(actual)):
            days = slice(*bounds[name])
            known = ~np.isnan(actual[row, days])
            sums = {column: values[row, number] for column, values in found.columns.items()}
            assert sums["n_rows"] == known.sum()
            assert sums["n_masked"] == (~known).sum()
            if not known.any():
                assert sums["sum_abs_error_qty"] == sums["sum_decile_losses_qty"] == 0
                continue
            y = actual[row, days][known]
            point, mean = forecast.point[row, days][known], forecast.mean[row, days][known]
            assert sums["sum_abs_error_qty"] / len(y) == pytest.approx(mean_absolute_error(y, point))
            assert sums["sum_squared_error"] / len(y) == pytest.approx(mean_squared_error(y, mean))
            pinball = sum(
                2 * mean_pinball_loss(y, forecast.quantiles[row, days, 2 * k][known], alpha=k / 10)
                for k in range(1, 10)
            )
            assert sums["sum_decile_losses_qty"] / len(y) == pytest.approx(pinball)
            q05, q95 = forecast.quantiles[row, days, 1][known], forecast.quantiles[row, days, 19][known]
            assert sums["n_inside_90"] == ((q05 <= y) & (y <= q95)).sum()
            assert sums["n_on_bound_90"] == ((q05 == y) | (y == q95)).sum()
            positive = y > 0
            assert sums["n_positive"] == positive.sum()
            shares = np.abs(point - y)[positive] / y[positive]
            assert sums["sum_abs_pct_error"] == pytest.approx(shares.sum())


def test_the_frame_has_a_row_for_each_series_and_bucket_without_nan() -> None:
    forecast, actual = random_forecast(1)
    frame = DaySums.of(forecast, actual).to_frame(forecast.series_ids)
    assert frame.height == 28
    assert frame["series_id"].to_list()[:4] == ["s0"] * 4
    numbers = frame.select(pl.col(pl.Float64))
    assert not numbers.select(pl.any_horizontal(pl.all().is_nan().any())).item()


@given(seed=st.integers(0, 10_000))
def test_totals_add_up_the_periods_and_a_masked_one_makes_them_unknown(seed: int) -> None:
    forecast, actual = random_forecast(seed)
    found = Totals.of(forecast, actual, np.ones(7, dtype=np.bool_))
    assert found.periods == (1, 7, 14, 21, 28)
    variance = grid_variance(forecast.quantiles)
    for number, days in enumerate(found.periods):
        np.testing.assert_allclose(found.mean[:, number], forecast.mean[:, :days].sum(axis=1))
        np.testing.assert_allclose(found.variance[:, number], variance[:, :days].sum(axis=1))
        unknown = np.isnan(actual[:, :days]).any(axis=1)
        np.testing.assert_array_equal(np.isnan(found.actual[:, number]), unknown)


def test_the_loss_of_a_total_is_that_of_its_laws_quantile() -> None:
    forecast, actual = random_forecast(4)
    found = Totals.of(forecast, actual, np.ones(7, dtype=np.bool_))
    pinball = found.pinball()
    row, interval = np.argwhere(~np.isnan(found.actual))[0]
    for index, level in enumerate(QUANTILE_LEVELS):
        quantile = found.law.quantile(level)[row, interval]
        y = [found.actual[row, interval]]
        assert pinball[row, interval, index] == pytest.approx(mean_pinball_loss(y, [quantile], alpha=level))
    frame = found.to_frame(forecast.series_ids, pinball)
    assert frame.height == int((~np.isnan(found.actual)).sum())
    assert [f"pinball_{c}" for c in QUANTILE_COLUMNS] == frame.columns[-21:]


def test_intervals_longer_than_the_horizon_are_left_out() -> None:
    forecast, actual = random_forecast(1, days=10)
    assert Totals.of(forecast, actual, np.ones(7, dtype=np.bool_)).periods == (1, 7)
    ones = np.ones((1, 5))
    weekly = Forecast(("w",), date(2026, 2, 1), ones, ones, np.ones((1, 5, 21)), (None,), Grain.WEEK)
    assert Totals.of(weekly, np.ones((1, 5)), np.ones(1, dtype=np.bool_)).periods == (1, 2, 4)


def test_a_series_that_was_not_judged_has_no_loss_and_a_bias_costs() -> None:
    forecast, actual = random_forecast(2)
    actual[0] = np.nan
    days, totals = DaySums.of(forecast, actual), Totals.of(forecast, actual, np.ones(7, dtype=np.bool_))
    scales = np.full(7, 2.0)
    scales[1] = np.nan
    found = losses(days, totals, totals.pinball(), scales)
    assert np.isnan(found[:2]).all()
    assert (found[2:] > 0).all()
    assert losses(days, totals, totals.pinball(), scales * 2)[2] == pytest.approx(found[2] / 2)
