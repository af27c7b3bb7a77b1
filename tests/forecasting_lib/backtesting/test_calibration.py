"""Calibration: what is wrong is put right, what is right is left, and little evidence changes little."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from scipy import stats

from forecasting_lib.backtesting.calibration import (
    LARGEST_FACTOR,
    Calibration,
    bias_factor,
    calibrated,
    levels_to_read,
)
from forecasting_lib.backtesting.reliability import band_coverage, cell_masses, transform
from forecasting_lib.panel import QUANTILE_LEVELS, FloatArray, Forecast

LEVELS = np.array(QUANTILE_LEVELS)


def normal_grids(deviation: float, rows: int) -> FloatArray:
    return np.tile(stats.norm.ppf(LEVELS, 100, deviation), (rows, 1))


def forecast_of(grids: FloatArray, reasons: tuple[str | None, ...] | None = None) -> Forecast:
    """(n, 21) as a forecast of one period."""
    return Forecast(
        tuple(map(str, range(len(grids)))),
        date(2026, 1, 31),
        grids[:, 10:11].copy(),
        grids.mean(axis=1, keepdims=True),
        grids[:, None, :],
        reasons or (None,) * len(grids),
    )


@pytest.mark.parametrize("believed", [7.5, 20.0])
def test_bands_too_narrow_or_too_wide_hold_what_they_name_afterwards(believed: float) -> None:
    rng = np.random.default_rng(1)
    past, later = rng.normal(100, 10, 20_000), rng.normal(100, 10, 20_000)
    grids = normal_grids(believed, 20_000)
    masses = cell_masses(*transform(past, grids)).sum(axis=0)
    assert abs(float(band_coverage(masses, 80)) - 0.8) > 0.08
    calibration = Calibration(1.0, levels_to_read(masses, 20_000))
    counted = np.zeros(20_000, dtype=np.bool_)
    true = calibrated(forecast_of(grids), ["s"] * 20_000, ["1"], {("s", "1"): calibration}, counted)
    held = cell_masses(*transform(later, true.quantiles[:, 0])).sum(axis=0)
    for percent in (50, 80, 90):
        assert band_coverage(held, percent) == pytest.approx(percent / 100, abs=0.02)
    assert (np.diff(true.quantiles, axis=2) >= 0).all()


def test_few_actuals_change_little_and_none_nothing() -> None:
    masses = cell_masses(*transform(np.full(3, 300.0), normal_grids(10, 3))).sum(axis=0)
    assert np.abs(levels_to_read(masses, 3) - LEVELS).max() < 0.01
    np.testing.assert_array_equal(levels_to_read(np.zeros(22), 0), LEVELS)


def test_a_bias_of_every_window_is_taken_out_and_one_that_comes_and_goes_is_not() -> None:
    hundred = np.full(5, 100.0)
    assert bias_factor(np.array([85.0, 87.0, 84.0, 86.0, 85.0]), hundred) == pytest.approx(0.866, abs=0.005)
    assert bias_factor(np.array([90.0, 115.0, 97.0, 104.0, 92.0]), hundred) == 1.0
    less_than_windows_differ = np.array([97.0, 96.0, 97.0, 96.0, 97.0])
    assert bias_factor(less_than_windows_differ, hundred) == 1.0


def test_a_bias_of_two_windows_or_of_nothing_says_nothing() -> None:
    assert bias_factor(np.array([50.0, 50.0]), np.array([100.0, 100.0])) == 1.0
    assert bias_factor(np.zeros(5), np.zeros(5)) == 1.0
    assert bias_factor(np.array([0.0, 0.0, 0.0]), np.full(3, 100.0)) == 1.0


def test_a_factor_has_a_limit() -> None:
    assert bias_factor(np.full(6, 1000.0), np.full(6, 1.0)) == LARGEST_FACTOR


def test_no_calibration_leaves_every_number() -> None:
    forecast = forecast_of(normal_grids(10, 4))
    same = calibrated(
        forecast, ["s"] * 4, ["1"], {("s", "1"): Calibration(1.0, LEVELS)}, np.zeros(4, dtype=np.bool_)
    )
    np.testing.assert_allclose(same.quantiles, forecast.quantiles, rtol=1e-12)
    other = calibrated(forecast, ["s"] * 4, ["1"], {("t", "1"): Calibration(2.0, LEVELS)}, np.ones(4, bool))
    np.testing.assert_array_equal(other.quantiles, forecast.quantiles)


def test_what_a_guard_said_stays_and_counts_stay_counts() -> None:
    forecast = forecast_of(np.round(normal_grids(10, 2)), ("ALL_ZERO", None))
    wider = Calibration(0.9, np.array([1e-3, *LEVELS[:-2], 0.995]))
    found = calibrated(forecast, ["s"] * 2, ["1"], {("s", "1"): wider}, np.ones(2, dtype=np.bool_))
    np.testing.assert_array_equal(found.quantiles[0], forecast.quantiles[0])
    assert found.mean[0] == forecast.mean[0]
    assert found.mean[1] == pytest.approx(0.9 * forecast.mean[1])
    halves = found.quantiles[1] - np.floor(found.quantiles[1])
    assert np.isclose(halves, 0).mean() > 0.8, "but for the ramps between two counts"
    assert found.point[1, 0] == found.quantiles[1, 0, 10]
