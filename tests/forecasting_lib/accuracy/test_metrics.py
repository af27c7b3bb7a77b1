"""The metrics against utilsforecast and scikit-learn, and the masks and the sums against the whole."""

from __future__ import annotations

import math
from collections.abc import Callable
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
    mase_scale,
    mse,
    quantile_loss,
    rmsse_scale,
    scaled,
    seasonal_scale,
    total_error,
    wape,
    wql,
)
from forecasting_lib.grain import Grain
from forecasting_lib.panel import FloatArray

NAN = float("nan")

OF_A_POINT: tuple[Callable[[FloatArray, FloatArray], Ratio], ...] = (wape, mae, mse, bias, total_error)


@pytest.fixture
def actual() -> FloatArray:
    return np.random.default_rng(0).poisson(4, (5, 28)).astype(np.float64)


@pytest.fixture
def forecast() -> FloatArray:
    return np.random.default_rng(1).gamma(4, 1, (5, 28))


@pytest.fixture
def quantiles() -> FloatArray:
    return np.sort(np.random.default_rng(2).gamma(4, 1, (5, 28, 9)), axis=2)


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


def pooled(ratio: Ratio) -> float:
    """The metric of all series together."""
    return float(ratio.numerator.sum() / ratio.denominator.sum())


def test_errors_in_units_are_those_of_scikit_learn(actual: FloatArray, forecast: FloatArray) -> None:
    for i in range(5):
        one = actual[i], forecast[i]
        assert mae(actual, forecast).value[i] == pytest.approx(sklearn.metrics.mean_absolute_error(*one))
        assert mse(actual, forecast).value[i] == pytest.approx(sklearn.metrics.mean_squared_error(*one))
        assert mse(actual, forecast).root[i] == pytest.approx(sklearn.metrics.root_mean_squared_error(*one))


def test_wape_and_bias_are_those_of_utilsforecast(actual: FloatArray, forecast: FloatArray) -> None:
    frame = long_frame(actual, model=forecast)
    expected = utilsforecast.losses.wape(frame, ["model"]).sort("unique_id")["model"]
    assert wape(actual, forecast).value == pytest.approx(expected.to_numpy())
    errors = utilsforecast.losses.bias(frame, ["model"]).sort("unique_id")[
        "model"
    ]  # forecast less actual, mean units a day
    assert bias(actual, forecast).value == pytest.approx(errors.to_numpy() / actual.mean(axis=1))


def test_too_much_forecast_is_a_positive_bias() -> None:
    assert bias(np.array([1.0, 3.0]), np.array([2.0, 4.0])).value == 0.5


def test_errors_of_a_total_do_not_cancel_between_series() -> None:
    actual, forecast = np.array([[2.0, 4.0], [1.0, 1.0]]), np.array([[1.0, 4.0], [0.0, 3.0]])
    assert total_error(actual, forecast).value.tolist() == [1 / 6, 1 / 2]
    assert pooled(total_error(actual, forecast)) == 2 / 8
    assert pooled(bias(actual, forecast)) == 0.0


@pytest.mark.parametrize("level", [0.01, 0.5, 0.9])
def test_the_quantile_loss_of_one_level_is_twice_scikit_learns_pinball_loss(
    actual: FloatArray, forecast: FloatArray, level: float
) -> None:
    expected = sklearn.metrics.mean_pinball_loss(actual.ravel(), forecast.ravel(), alpha=level)
    loss = quantile_loss(actual, forecast[..., None], (level,))
    assert loss.shape == actual.shape
    assert loss.mean() / 2 == pytest.approx(expected)


def test_wql_is_twice_utilsforecasts_mean_quantile_loss_over_the_mean_actual(
    actual: FloatArray, quantiles: FloatArray
) -> None:
    columns = {f"q{level}": quantiles[:, :, i] for i, level in enumerate(WQL_LEVELS)}
    losses = utilsforecast.losses.mqloss(
        long_frame(actual, **columns), {"model": list(columns)}, quantiles=np.array(WQL_LEVELS)
    )
    by_series = 2 * losses.sort("unique_id")["model"].to_numpy()
    assert wql(actual, quantiles).value == pytest.approx(by_series / actual.mean(axis=1))
    assert pooled(wql(actual, quantiles)) == pytest.approx(by_series.mean() / actual.mean())


def test_wql_of_a_point_at_every_level_is_wape(actual: FloatArray, forecast: FloatArray) -> None:
    degenerate = np.repeat(forecast[:, :, None], 9, axis=2)
    assert wql(actual, degenerate).value == pytest.approx(wape(actual, forecast).value)


def test_every_draw_of_the_actuals_has_its_loss(actual: FloatArray, quantiles: FloatArray) -> None:
    draws = np.stack([actual, actual + 1.0])
    for draw, loss in zip(draws, quantile_loss(draws, quantiles), strict=True):
        np.testing.assert_array_equal(loss, quantile_loss(draw, quantiles))


def test_the_order_in_memory_does_not_change_a_loss(actual: FloatArray, quantiles: FloatArray) -> None:
    by_level = np.ascontiguousarray(np.moveaxis(quantiles, -1, 0))
    np.testing.assert_allclose(
        quantile_loss(actual, np.moveaxis(by_level, 0, -1)), quantile_loss(actual, quantiles), rtol=1e-14
    )


def test_quantiles_that_are_not_one_per_level_are_refused(actual: FloatArray, quantiles: FloatArray) -> None:
    for wrong in (quantiles[..., :1], quantiles[..., :8]):
        with pytest.raises(ValueError, match="quantiles a day for 9 levels"):
            wql(actual, wrong)


def test_coverage_is_utilsforecasts_and_counts_the_bounds() -> None:
    actual = np.array([[1.0, 2.0, 3.0, 4.0]])
    lower, upper = np.full((1, 4), 2.0), np.full((1, 4), 3.0)
    expected = utilsforecast.losses.coverage(
        long_frame(actual, **{"model-lo-80": lower, "model-hi-80": upper}), ["model"], level=80
    )
    found = coverage(actual, lower, upper)
    assert (found.numerator[0], found.denominator[0]) == (2, 4)
    assert found.value[0] == expected["model"][0]


def test_scales_make_utilsforecasts_mase_and_rmsse(actual: FloatArray, forecast: FloatArray) -> None:
    history = np.random.default_rng(3).poisson(4, (5, 100)).astype(np.float64)
    frame, train = long_frame(actual, model=forecast), long_frame(history)
    mase = utilsforecast.losses.mase(frame, ["model"], seasonality=7, train_df=train).sort("unique_id")[
        "model"
    ]
    rmsse = utilsforecast.losses.rmsse(frame, ["model"], seasonality=1, train_df=train).sort("unique_id")[
        "model"
    ]
    scales = np.array([mase_scale(row) for row in history], dtype=np.float64)
    rms_scales = np.array([rmsse_scale(row) for row in history], dtype=np.float64)
    assert scaled(mae(actual, forecast).value, scales).value == pytest.approx(mase.to_numpy())
    assert scaled(mse(actual, forecast).root, rms_scales).value == pytest.approx(rmsse.to_numpy())


def test_a_series_without_a_scale_does_not_enter_the_mean() -> None:
    found = scaled(np.array([1.0, 2.0, NAN, 6.0]), np.array([2.0, NAN, 1.0, 4.0]))
    assert found.denominator.tolist() == [1.0, 0.0, 0.0, 1.0]
    assert pooled(found) == 1.0


def test_scales_leave_out_pairs_with_a_masked_day() -> None:
    history = np.array([1.0, 4.0, NAN, 9.0, 10.0])
    assert rmsse_scale(history) == pytest.approx(math.sqrt((9 + 1) / 2))
    assert mase_scale(history, m=3) == pytest.approx((8 + 6) / 2)


@pytest.mark.parametrize("history", [[], [1.0], [1.0, NAN], [1.0] * 7])
def test_a_history_without_a_pair_has_no_scale(history: list[float]) -> None:
    assert mase_scale(np.array(history)) is None
    assert (rmsse_scale(np.array(history)) is None) is (len(history) < 7)


def test_the_season_of_a_scale_is_the_grains() -> None:
    year = np.arange(60.0)
    year[-8:] += 4.0
    assert seasonal_scale(year, Grain.WEEK) == mase_scale(year, m=52) == 56.0
    assert seasonal_scale(year, Grain.MONTH) == mase_scale(year, m=12)
    assert seasonal_scale(year, Grain.DAY) == mase_scale(year)


def test_less_than_a_year_of_weeks_is_scaled_by_its_neighbours_and_less_than_a_week_of_days_not_at_all() -> (
    None
):
    short = np.array([1.0, 3.0, NAN, 2.0, 7.0])
    assert seasonal_scale(short, Grain.WEEK) == 3.5
    assert seasonal_scale(short, Grain.DAY) is None
    assert seasonal_scale(np.array([1.0]), Grain.MONTH) is None


def test_a_constant_history_has_scale_zero() -> None:
    assert mase_scale(np.full(20, 3.0)) == 0.0
    assert rmsse_scale(np.full(20, 3.0)) == 0.0


def test_masked_days_count_nowhere(actual: FloatArray, forecast: FloatArray, quantiles: FloatArray) -> None:
    masked = actual.copy()
    masked[:, ::3] = NAN
    known = ~np.isnan(masked[0])
    for metric in OF_A_POINT:
        left = metric(masked[:, known], forecast[:, known])
        assert metric(masked, forecast).value == pytest.approx(left.value)
        assert metric(masked, forecast).denominator == pytest.approx(left.denominator)
    assert wql(masked, quantiles).value == pytest.approx(wql(masked[:, known], quantiles[:, known]).value)
    assert coverage(masked, forecast, forecast + 2).denominator.tolist() == [known.sum()] * 5
    assert (quantile_loss(masked, quantiles)[:, ~known] == 0.0).all()


def test_the_metric_of_a_group_is_that_of_its_days_in_a_row(
    actual: FloatArray, forecast: FloatArray, quantiles: FloatArray
) -> None:
    for metric in (wape, mae, mse, bias):
        assert pooled(metric(actual, forecast)) == pytest.approx(
            metric(actual.ravel(), forecast.ravel()).value
        )
    assert pooled(wql(actual, quantiles)) == pytest.approx(
        wql(actual.ravel(), quantiles.reshape(-1, 9)).value
    )


def test_a_metric_over_nothing_is_undefined() -> None:
    nothing, zeros = np.full((1, 3), NAN), np.zeros((1, 3))
    for metric in OF_A_POINT:
        assert np.isnan(metric(nothing, zeros).value).all()
        assert np.isnan(metric(nothing, zeros).root).all()
    assert np.isnan(wape(zeros, zeros + 1).value).all()
    assert np.isnan(wql(zeros, np.ones((1, 3, 9))).value).all()
