"""Empirical quantiles of the recent past against their definition, one series at a time."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting_lib.grain import Grain
from forecasting_lib.models.guards import guarded_predict
from forecasting_lib.models.recent_quantiles import WINDOW_PERIODS, RecentQuantiles
from forecasting_lib.panel import MEDIAN_INDEX, QUANTILE_LEVELS, FloatArray, Panel
from tests.forecasting_lib.models.panels import days_of_demand, random_panel

NAN = float("nan")
AS_OF = date(2024, 3, 31)
"""The end of a week and of a month."""


def panel_of(*histories: list[float] | FloatArray, grain: Grain = Grain.DAY) -> Panel:
    ids = tuple(f"s{i}" for i in range(len(histories)))
    return Panel(ids, AS_OF, tuple(np.asarray(h, dtype=np.float64) for h in histories), grain=grain)


@given(
    st.lists(st.lists(days_of_demand, min_size=1, max_size=90), min_size=1, max_size=4),
    st.sampled_from(Grain),
)
def test_quantiles_and_mean_are_those_of_the_last_observed_periods(
    histories: list[list[float]], grain: Grain
) -> None:
    panel = panel_of(*[np.asarray(h) + 0.25 for h in histories], grain=grain)  # no counts: nothing is rounded
    forecast = RecentQuantiles().predict(panel, 3)
    for row, history in enumerate(panel.history):
        seen = history[-104:] if grain is Grain.WEEK else history[-36:] if grain is Grain.MONTH else history
        if np.isnan(seen).all():
            seen = history
        samples = seen[~np.isnan(seen)][-WINDOW_PERIODS[grain] :]
        if not samples.size:
            assert np.isnan(forecast.mean[row]).all()
            continue
        np.testing.assert_allclose(forecast.mean[row], samples.mean(), rtol=1e-12)
        expected = np.quantile(samples, QUANTILE_LEVELS)
        np.testing.assert_allclose(forecast.quantiles[row], [expected] * 3, rtol=1e-9)


def test_counts_have_whole_quantiles_and_keep_the_mean_of_the_samples() -> None:
    forecast = RecentQuantiles().predict(panel_of([0.0, 0.0, 1.0, 5.0, 9.0], grain=Grain.WEEK), 2)
    inner = forecast.quantiles[0, 0]
    assert inner[QUANTILE_LEVELS.index(0.4)] == 1.0, "0.6 lies nearer to one unit than to none"
    assert forecast.point[0, 0] == inner[MEDIAN_INDEX] == 1.0
    assert forecast.mean[0].tolist() == [3.0, 3.0]


def test_a_masked_week_makes_room_for_an_older_one() -> None:
    weeks = [2.0] + [4.0] * 7 + [NAN, NAN]
    assert RecentQuantiles().predict(panel_of(weeks, grain=Grain.WEEK), 1).mean[0, 0] == 30.0 / 8


def test_a_series_that_was_never_observed_is_left_to_the_guards() -> None:
    panel = panel_of([NAN] * 9, [NAN, 0.0, 2.0])
    assert np.isnan(RecentQuantiles().predict(panel, 2).mean[0]).all()
    forecast = guarded_predict(RecentQuantiles(), panel, 2)
    assert forecast.mean[0].tolist() == [0.0, 0.0]
    assert forecast.reasons == ("ALL_MASKED", "SINGLE_POINT")


def test_a_series_does_not_depend_on_its_neighbours() -> None:
    panel = random_panel(8)
    together = RecentQuantiles().predict(panel, 4)
    for i in range(len(panel)):
        alone = RecentQuantiles().predict(panel.select([i]), 4)
        np.testing.assert_array_equal(alone.quantiles[0], together.quantiles[i])
        assert alone.mean[0, 0] == pytest.approx(together.mean[i, 0], rel=1e-15)
