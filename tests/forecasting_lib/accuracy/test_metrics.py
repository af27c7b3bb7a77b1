"""The metrics against utilsforecast and scikit-learn, and the sums against the whole."""

from __future__ import annotations

import math
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
import sklearn.metrics
import utilsforecast.losses

from forecasting_lib.accuracy.metrics import (
    WQL_LEVELS,
    Ratio,
    bias,
    coverage,
    mae,
    mape,
    mase_scale,
    mse,
    pinball,
    rmsse_scale,
    wape,
    wql,
)
from forecasting_lib.panel import QUANTILE_LEVELS, FloatArray

NAN = float("nan")


@pytest.fixture
def actual() -> FloatArray:
    return np.random.default_rng(0).poisson(4, (5, 28)).astype(np.float64)


@pytest.fixture
def forecast() -> FloatArray:
    return np.random.default_rng(1).gamma(4, 1, (5, 28))


@pytest.fixture
def quantiles() -> FloatArray:
    return np.sort(np.random.default_rng(2).gamma(4, 1, (5, 28, 21)), axis=2)


def long_frame(actual: FloatArray, **columns: FloatArray) -> pl.DataFrame:
    n, h = actual.shape
    return pl.DataFrame(
        {
            "unique_id": np.repeat(np.arange(n), h),
            "ds": [date(2024, 1, 1) + timedelta(days=i) for _ in range(n) for i in range(h)],
            "y": actual.ravel(),
            **{name: values.ravel() for name, values in columns.items()},
        }
    )


def test_errors_in_units_are_those_of_scikit_learn(actual: FloatArray, forecast: FloatArray) -> None:
    flat = actual.ravel(), forecast.ravel()
    assert mae(actual, forecast).value == pytest.approx(sklearn.metrics.mean_absolute_error(*flat))
    assert mse(actual, forecast).value == pytest.approx(sklearn.metrics.mean_squared_error(*flat))
    assert mse(actual, forecast).root == pytest.approx(sklearn.metrics.root_mean_squared_error(*flat))


def test_mape_is_scikit_learns_over_the_positive_days(actual: FloatArray, forecast: FloatArray) -> None:
    positive = actual > 0
    expected = sklearn.metrics.mean_absolute_percentage_error(actual[positive], forecast[positive])
    found = mape(actual, forecast)
    assert found.value == pytest.approx(expected)
    assert found.denominator == positive.sum() < actual.size


def test_wape_and_bias_are_those_of_utilsforecast(actual: FloatArray, forecast: FloatArray) -> None:
    frame = long_frame(actual, model=forecast)
    expected = utilsforecast.losses.wape(frame, ["model"])["model"]
    assert [wape(a, f).value for a, f in zip(actual, forecast, strict=True)] == pytest.approx(list(expected))
    errors = utilsforecast.losses.bias(frame, ["model"])["model"]  # forecast less actual, mean units a day
    relative = errors.to_numpy() / actual.mean(axis=1)
    assert [bias(a, f).value for a, f in zip(actual, forecast, strict=True)] == pytest.approx(list(relative))


def test_too_much_forecast_is_a_positive_bias() -> None:
    assert bias(np.array([1.0, 3.0]), np.array([2.0, 4.0])).value == 0.5


@pytest.mark.parametrize("level", [0.01, 0.5, 0.9])
def test_pinball_loss_is_scikit_learns(actual: FloatArray, forecast: FloatArray, level: float) -> None:
    expected = sklearn.metrics.mean_pinball_loss(actual.ravel(), forecast.ravel(), alpha=level)
    assert pinball(actual, forecast, level).value == pytest.approx(expected)


def test_wql_is_twice_utilsforecasts_mean_quantile_loss_over_the_mean_actual(
    actual: FloatArray, quantiles: FloatArray
) -> None:
    columns = {f"q{level}": quantiles[:, :, QUANTILE_LEVELS.index(level)] for level in WQL_LEVELS}
    losses = utilsforecast.losses.mqloss(
        long_frame(actual, **columns), {"model": list(columns)}, quantiles=np.array(WQL_LEVELS)
    )
    expected = 2 * losses["model"].to_numpy().mean() / actual.mean()
    assert wql(actual, quantiles).value == pytest.approx(expected)


def test_wql_of_a_point_at_every_level_is_wape(actual: FloatArray, forecast: FloatArray) -> None:
    degenerate = np.repeat(forecast[:, :, None], 21, axis=2)
    assert wql(actual, degenerate).value == pytest.approx(wape(actual, forecast).value)


def test_wql_refuses_a_level_off_the_grid(actual: FloatArray, quantiles: FloatArray) -> None:
    with pytest.raises(ValueError, match="not in tuple"):
        wql(actual, quantiles, levels=(0.333,))


def test_coverage_is_utilsforecasts_and_counts_the_bounds() -> None:
    actual = np.array([[1.0, 2.0, 3.0, 4.0]])
    lower, upper = np.full((1, 4), 2.0), np.full((1, 4), 3.0)
    expected = utilsforecast.losses.coverage(
        long_frame(actual, **{"model-lo-80": lower, "model-hi-80": upper}), ["model"], level=80
    )
    assert coverage(actual, lower, upper) == Ratio(2, 4)
    assert coverage(actual, lower, upper).value == expected["model"][0]


def test_scales_make_utilsforecasts_mase_and_rmsse(actual: FloatArray, forecast: FloatArray) -> None:
    history = np.random.default_rng(3).poisson(4, (5, 100)).astype(np.float64)
    frame, train = long_frame(actual, model=forecast), long_frame(history)
    mase = utilsforecast.losses.mase(frame, ["model"], seasonality=7, train_df=train)["model"]
    rmsse = utilsforecast.losses.rmsse(frame, ["model"], seasonality=1, train_df=train)["model"]
    for i in range(5):
        error, rms = mae(actual[i], forecast[i]).value, mse(actual[i], forecast[i]).root
        scale, rms_scale = mase_scale(history[i]), rmsse_scale(history[i])
        assert error is not None
        assert rms is not None
        assert scale is not None
        assert rms_scale is not None
        assert error / scale == pytest.approx(mase[i])
        assert rms / rms_scale == pytest.approx(rmsse[i])


def test_scales_leave_out_pairs_with_a_masked_day() -> None:
    history = np.array([1.0, 4.0, NAN, 9.0, 10.0])
    assert rmsse_scale(history) == pytest.approx(math.sqrt((9 + 1) / 2))
    assert mase_scale(history, m=3) == pytest.approx((8 + 6) / 2)


@pytest.mark.parametrize("history", [[], [1.0], [1.0, NAN], [1.0] * 7])
def test_a_history_without_a_pair_has_no_scale(history: list[float]) -> None:
    assert mase_scale(np.array(history)) is None
    assert (rmsse_scale(np.array(history)) is None) is (len(history) < 7)


def test_a_constant_history_has_scale_zero() -> None:
    assert mase_scale(np.full(20, 3.0)) == 0.0
    assert rmsse_scale(np.full(20, 3.0)) == 0.0


def test_masked_days_count_nowhere(actual: FloatArray, forecast: FloatArray, quantiles: FloatArray) -> None:
    masked = actual.copy()
    masked[:, ::3] = NAN
    known = ~np.isnan(masked)
    for metric in (wape, mae, mse, mape, bias):
        assert metric(masked, forecast) == metric(masked[known], forecast[known])
    assert wql(masked, quantiles).value == pytest.approx(wql(masked[known], quantiles[known]).value)
    assert coverage(masked, forecast, forecast + 2).denominator == known.sum()


def test_the_ratio_of_a_group_is_the_sum_of_its_members(actual: FloatArray, forecast: FloatArray) -> None:
    for metric in (wape, mae, mse, mape, bias):
        parts = sum((metric(a, f) for a, f in zip(actual, forecast, strict=True)), Ratio())
        assert parts.value == pytest.approx(metric(actual, forecast).value)


def test_a_metric_over_nothing_is_undefined() -> None:
    nothing, zeros = np.full(3, NAN), np.zeros(3)
    for metric in (wape, mae, mse, mape, bias):
        assert metric(nothing, zeros).value is None
        assert metric(nothing, zeros).root is None
    assert wape(zeros, zeros + 1).value is None
    assert mape(zeros, zeros + 1).value is None
