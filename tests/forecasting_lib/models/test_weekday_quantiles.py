"""Quantiles of the same weekday against their definition, and against the benchmark's own reading of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting_lib.accuracy.metrics import DECILES
from forecasting_lib.benchmark.baselines import recent_quantiles
from forecasting_lib.grain import Grain
from forecasting_lib.models.weekday_quantiles import WeekdayQuantiles
from forecasting_lib.panel import MEDIAN_INDEX, QUANTILE_LEVELS, FloatArray, Panel
from tests.forecasting_lib.models.panels import AS_OF, days_of_demand, panel_of, random_panel

NAN = float("nan")


def samples_of(history: FloatArray, lag: int) -> FloatArray:
    """The definition, in words of one series and one day ahead."""
    same = (
        history[len(history) - 7 + (lag - 1) % 7 :: -7] if len(history) >= 7 - (lag - 1) % 7 else history[:0]
    )
    same = same[~np.isnan(same)][:8]
    return same if same.size else history[~np.isnan(history)][-56:]


@given(
    st.lists(
        st.lists(days_of_demand, min_size=1, max_size=90).filter(lambda h: not np.isnan(h).all()),
        min_size=1,
        max_size=4,
    )
)
def test_a_day_has_the_quantiles_and_the_mean_of_the_last_eight_of_its_weekday(
    histories: list[list[float]],
) -> None:
    panel = panel_of(*[np.asarray(h) + 0.25 for h in histories])  # no counts: nothing is rounded
    forecast = WeekdayQuantiles().predict(panel, 10)
    for row, history in enumerate(panel.history):
        for lag in range(1, 11):
            samples = samples_of(history, lag)
            np.testing.assert_allclose(forecast.mean[row, lag - 1], samples.mean(), rtol=1e-12)
            expected = np.quantile(samples, QUANTILE_LEVELS)
            np.testing.assert_allclose(forecast.quantiles[row, lag - 1], expected, rtol=1e-9)


def test_without_masked_days_it_is_the_benchmarks_histq_dow8() -> None:
    rng = np.random.default_rng(3)
    panel = panel_of(*[rng.gamma(2.0, 3.0, 100) for _ in range(5)])
    reference = recent_quantiles(panel, 20, season=7, seasons=8)
    forecast = WeekdayQuantiles().predict(panel, 20)
    assert reference.deciles is not None
    np.testing.assert_allclose(forecast.quantiles[:, :, DECILES], reference.deciles, rtol=1e-12)
    np.testing.assert_allclose(forecast.mean, reference.mean, rtol=1e-12)


def test_a_masked_day_makes_room_for_an_older_one_of_its_weekday() -> None:
    history = np.tile([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], 9)
    history[0], history[-7] = 90.0, NAN
    assert WeekdayQuantiles().predict(panel_of(history), 1).mean[0, 0] == (90.0 + 7 * 1.0) / 8


def test_a_weekday_that_is_always_closed_takes_all_days() -> None:
    history = np.tile([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, NAN], 10)
    forecast = WeekdayQuantiles().predict(panel_of(history), 7)
    assert forecast.mean[0].tolist() == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, pytest.approx(200 / 56)]


def test_counts_have_whole_quantiles() -> None:
    forecast = WeekdayQuantiles().predict(
        panel_of(np.random.default_rng(1).poisson(4.0, 80).astype(float)), 7
    )
    inner = forecast.quantiles[0]
    assert (inner == np.rint(inner)).mean() > 0.9
    np.testing.assert_array_equal(forecast.point[0], inner[:, MEDIAN_INDEX])


def test_twice_the_demand_has_twice_the_forecast() -> None:
    panel = random_panel(6)
    double = panel_of(*[2.5 * history for history in panel.history])
    raw = panel_of(*[1.25 * history for history in panel.history])
    np.testing.assert_allclose(
        WeekdayQuantiles().predict(double, 9).mean, 2 * WeekdayQuantiles().predict(raw, 9).mean, rtol=1e-12
    )


def test_weeks_are_refused() -> None:
    weeks = Panel(("a",), AS_OF, (np.ones(10),), grain=Grain.WEEK)
    with pytest.raises(ValueError, match="hist_dow forecasts days, and this panel's periods are weeks"):
        WeekdayQuantiles().predict(weeks, 2)
