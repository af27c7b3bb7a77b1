"""Averages of forecasts against sums by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting_lib.grain import Grain
from forecasting_lib.models.ensembles import averaged
from forecasting_lib.models.guards import guarded_predict
from forecasting_lib.models.naive import MovingAverage, SeasonalNaive
from forecasting_lib.models.recent_quantiles import RecentQuantiles
from forecasting_lib.panel import MEDIAN_INDEX, Forecast
from forecasting_lib.quantile_grid import demand_grid
from tests.forecasting_lib.models.panels import AS_OF, random_panel


def forecast_of(seed: int, *, n: int = 3, h: int = 4) -> Forecast:
    rng = np.random.default_rng(seed)
    quantiles = demand_grid(rng.gamma(2.0, 3.0, (n, h, 21)))
    mean = rng.gamma(2.0, 3.0, (n, h))
    ids = tuple(f"s{i}" for i in range(n))
    return Forecast(ids, AS_OF, quantiles[:, :, MEDIAN_INDEX], mean, quantiles, (None,) * n)


def test_equal_weights_are_the_mean_of_each_level() -> None:
    members = [forecast_of(seed) for seed in range(3)]
    found = averaged(members)
    np.testing.assert_allclose(found.quantiles, np.mean([m.quantiles for m in members], axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.mean, np.mean([m.mean for m in members], axis=0), rtol=1e-12)
    np.testing.assert_array_equal(found.point, found.quantiles[:, :, MEDIAN_INDEX])
    assert (found.series_ids, found.as_of_date, found.grain) == (("s0", "s1", "s2"), AS_OF, Grain.DAY)


def test_weights_by_series_choose_for_each_its_own_mixture() -> None:
    first, second = forecast_of(1), forecast_of(2)
    found = averaged([first, second], [[1, 0], [0, 2], [3, 1]])
    np.testing.assert_array_equal(found.quantiles[0], first.quantiles[0])
    np.testing.assert_array_equal(found.mean[1], second.mean[1])
    np.testing.assert_allclose(found.mean[2], 0.75 * first.mean[2] + 0.25 * second.mean[2], rtol=1e-12)


def test_only_the_ratio_of_weights_counts() -> None:
    members = [forecast_of(1), forecast_of(2)]
    np.testing.assert_array_equal(
        averaged(members, [1.0, 3.0]).quantiles, averaged(members, [0.25, 0.75]).quantiles
    )


@given(st.integers(0, 2**32 - 1), st.lists(st.floats(0, 1e6), min_size=3, max_size=3).filter(any))
def test_quantiles_of_an_average_never_cross(seed: int, weights: list[float]) -> None:
    found = averaged([forecast_of(seed + i, n=1, h=2) for i in range(3)], weights)
    assert (np.diff(found.quantiles, axis=-1) >= 0).all()
    assert (found.quantiles >= 0).all()


def test_a_model_with_itself_is_itself() -> None:
    forecast = guarded_predict(RecentQuantiles(), random_panel(5), 7)
    found = averaged([forecast, forecast])
    np.testing.assert_array_equal(found.quantiles, forecast.quantiles)
    assert found.reasons == forecast.reasons


def test_a_forecast_without_weight_may_be_unknown() -> None:
    known, unknown = forecast_of(1), forecast_of(2)
    unknown = replace(unknown, mean=np.full_like(unknown.mean, np.nan))
    np.testing.assert_array_equal(averaged([known, unknown], [1, 0]).mean, known.mean)
    assert np.isnan(averaged([known, unknown]).mean).all()


def test_a_reason_stands_where_no_model_that_counts_had_an_answer() -> None:
    replaced = replace(forecast_of(1), reasons=("CAPPED", "ALL_ZERO", "NOT_FINITE"))
    other = replace(forecast_of(2), reasons=(None, "ALL_ZERO", None))
    assert averaged([replaced, other], [[1, 1], [1, 1], [1, 0]]).reasons == (None, "ALL_ZERO", "NOT_FINITE")


def test_notes_and_the_mean_without_the_guard_of_the_tail_are_kept() -> None:
    first, second = forecast_of(1), forecast_of(2)
    raw = np.full_like(first.mean, np.nan)
    raw[1] = 100.0
    first = replace(first, notes=(None, "TAIL_SHRUNK", None), raw_mean=raw)
    found = averaged([first, second])
    assert found.notes == (None, "TAIL_SHRUNK", None)
    assert found.raw_mean is not None
    assert np.isnan(found.raw_mean[[0, 2]]).all()
    np.testing.assert_allclose(found.raw_mean[1], (100.0 + second.mean[1]) / 2)
    assert averaged([second, second]).raw_mean is None
    assert averaged([second, second]).notes is None


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (replace(forecast_of(2), series_ids=("s0", "s2", "s1")), "differ in series_ids; they cannot"),
        (forecast_of(2, h=5), "differ in horizon: 4 and 5"),
        (
            replace(forecast_of(2), as_of_date=date(2024, 3, 24)),
            "differ in as_of_date: 2024-03-31 and 2024-03-24",
        ),
        (replace(forecast_of(2), grain=Grain.WEEK), "differ in grain: day and week"),
    ],
)
def test_forecasts_of_different_things_are_not_averaged(other: Forecast, message: str) -> None:
    with pytest.raises(ValueError, match=f"forecasts 1 and 2 {message}"):
        averaged([forecast_of(1), other])


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0], r"weights have the shape \(1,\); \(2,\) or \(3, 2\) is needed"),
        ([1.0, -0.5], "finite and at least 0"),
        ([1.0, float("nan")], "finite and at least 0"),
        ([[1, 1], [0, 0], [1, 1]], "every series needs a forecast with a weight above 0"),
    ],
)
def test_weights_that_do_not_fit_are_refused(weights: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        averaged([forecast_of(1), forecast_of(2)], weights)


def test_nothing_is_not_averaged() -> None:
    with pytest.raises(ValueError, match="no forecast to average"):
        averaged([])


def test_guarded_forecasts_of_a_panel_average_into_a_sound_one() -> None:
    panel = random_panel(10)
    found = averaged(
        [guarded_predict(m, panel, 7) for m in (MovingAverage(), SeasonalNaive(), RecentQuantiles())]
    )
    assert np.isfinite(found.quantiles).all()
    assert (np.diff(found.quantiles, axis=-1) >= 0).all()
