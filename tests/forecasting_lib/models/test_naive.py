"""Moving average and seasonal naive against a reading of their definitions, one series at a time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting_lib.grain import Grain
from forecasting_lib.models import naive
from forecasting_lib.models.naive import LOOKBACK_PERIODS, RESIDUAL_PERIODS, MovingAverage, SeasonalNaive
from forecasting_lib.panel import QUANTILE_LEVELS, FloatArray, Panel
from tests.forecasting_lib.models.panels import AS_OF, days_of_demand, panel_of, random_panel

NAN = float("nan")
LOOKBACK_DAYS, RESIDUAL_DAYS = LOOKBACK_PERIODS[Grain.DAY], RESIDUAL_PERIODS[Grain.DAY]

histories = st.lists(
    st.lists(days_of_demand, min_size=1, max_size=40).filter(lambda h: not np.isnan(h).all()),
    min_size=1,
    max_size=5,
)


def moving_average(history: FloatArray) -> float:
    """The definition, in words of one series."""
    window = history[-7:]
    window = window[~np.isnan(window)]
    return float(window.mean() if window.size else history[~np.isnan(history)][-7:].mean())


def seasonal_naive(history: FloatArray, lag: int) -> float:
    """The definition, in words of one series and one day ahead."""
    position = len(history) - 7 + (lag - 1) % 7
    while position >= 0 and np.isnan(history[position]):
        position -= 7
    return float(history[position]) if position >= 0 else moving_average(history)


@given(histories)
def test_moving_average_is_the_mean_of_the_last_observed_week(days: list[list[float]]) -> None:
    forecast = MovingAverage().predict(panel_of(*days), 3)
    expected = [[moving_average(np.array(h))] * 3 for h in days]
    np.testing.assert_allclose(forecast.mean, expected, rtol=1e-12)
    np.testing.assert_array_equal(forecast.point, forecast.mean)


@given(histories)
def test_seasonal_naive_repeats_the_last_observed_weekdays(days: list[list[float]]) -> None:
    forecast = SeasonalNaive().predict(panel_of(*days), 9)
    expected = [[seasonal_naive(np.array(h), lag) for lag in range(1, 10)] for h in days]
    np.testing.assert_allclose(forecast.mean, expected, rtol=1e-12)
    np.testing.assert_array_equal(forecast.point, forecast.mean)


def one_step_errors(history: FloatArray) -> list[float]:
    """What the moving average would have missed by on every observed day with a day to average before it."""
    errors = []
    for t in range(1, len(history)):
        before = history[max(0, t - 7) : t]
        before = before[~np.isnan(before)]
        if before.size and not np.isnan(history[t]):
            errors.append(float(history[t] - before.mean()))
    return errors


@given(histories)
def test_moving_average_spread_is_that_of_its_past_errors(days: list[list[float]]) -> None:
    forecast = MovingAverage().predict(panel_of(*days), 1)
    for history, mean, grid in zip(days, forecast.mean[:, 0], forecast.quantiles[:, 0], strict=True):
        errors = one_step_errors(np.array(history))
        spread = np.quantile(errors, QUANTILE_LEVELS) if len(errors) > 1 else np.zeros(21)
        np.testing.assert_allclose(grid, np.maximum(mean + spread, 0), atol=1e-9)


def test_masked_days_are_left_out_of_the_average() -> None:
    forecast = MovingAverage().predict(panel_of([9, 1, 2, 3, NAN, NAN, NAN, 6]), 2)
    assert forecast.mean.tolist() == [[3.0, 3.0]]


def test_a_masked_week_falls_back_to_the_last_observed_days() -> None:
    forecast = MovingAverage().predict(panel_of([100.0] + [4.0] * 7 + [NAN] * 7), 1)
    assert forecast.mean.tolist() == [[4.0]]


def test_a_masked_year_falls_back_to_the_days_before_it() -> None:
    panel = panel_of([100.0] + [4.0] * 7 + [NAN] * (LOOKBACK_DAYS + 3), [2.0] * 30)
    assert MovingAverage().predict(panel, 1).mean.tolist() == [[4.0], [2.0]]
    assert SeasonalNaive().predict(panel, 7).mean.tolist() == [[4.0] * 7, [2.0] * 7]


def test_days_before_the_look_back_do_not_matter() -> None:
    year = np.random.default_rng(4).poisson(5, LOOKBACK_DAYS).astype(np.float64)
    for model in (MovingAverage(), SeasonalNaive()):
        grids = model.predict(panel_of(year, np.concatenate([[900.0] * 500, year])), 7).quantiles
        np.testing.assert_array_equal(grids[0], grids[1])


def test_a_new_item_is_averaged_over_the_days_it_has() -> None:
    assert MovingAverage().predict(panel_of([2.0, 4.0]), 1).mean.tolist() == [[3.0]]


def test_a_masked_weekday_takes_the_week_before() -> None:
    week = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]
    forecast = SeasonalNaive().predict(panel_of([*week, 10.0, NAN, 30.0, 40.0, 50.0, 60.0, 70.0]), 8)
    assert forecast.mean.tolist() == [[10.0, 2.0, 30.0, 40.0, 50.0, 60.0, 70.0, 10.0]]


def test_a_single_past_error_gives_no_spread() -> None:
    forecast = MovingAverage().predict(panel_of([1.0, 9.0]), 1)
    assert forecast.quantiles.tolist() == [[[5.0] * 21]]


def test_only_the_last_56_errors_count() -> None:
    recent = np.random.default_rng(1).poisson(5, RESIDUAL_DAYS + 7).astype(np.float64)
    after_turmoil = np.concatenate([[1000.0, 0.0] * 20, recent])
    for model in (MovingAverage(), SeasonalNaive()):
        grids = model.predict(panel_of(recent, after_turmoil), 7).quantiles[:, 6]
        np.testing.assert_allclose(grids[0], grids[1], rtol=1e-12)


def test_seasonal_naive_spread_is_that_of_its_past_errors() -> None:
    history = np.random.default_rng(2).poisson(8, 200).astype(np.float64)
    errors = (history[7:] - history[:-7])[-RESIDUAL_DAYS:]
    grid = SeasonalNaive().predict(panel_of(history), 1).quantiles[0, 0]
    expected = np.maximum(history[-7] + np.quantile(errors, QUANTILE_LEVELS), 0)
    np.testing.assert_allclose(grid, expected, rtol=1e-12)


@pytest.mark.parametrize("model", [MovingAverage(), SeasonalNaive()])
def test_a_series_does_not_depend_on_its_neighbours(model: MovingAverage | SeasonalNaive) -> None:
    panel = random_panel(12)
    together = model.predict(panel, 14)
    for i in range(len(panel)):
        alone = model.predict(panel.select([i]), 14)
        np.testing.assert_array_equal(alone.mean[0], together.mean[i])
        np.testing.assert_array_equal(alone.quantiles[0], together.quantiles[i])


def test_blocks_of_series_join_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    panel = random_panel(10)
    whole = MovingAverage().predict(panel, 5)
    monkeypatch.setattr(naive, "_SERIES_PER_BLOCK", 3)
    np.testing.assert_array_equal(MovingAverage().predict(panel, 5).quantiles, whole.quantiles)


def test_the_name_tells_the_window() -> None:
    assert MovingAverage().name == "ma7"
    assert MovingAverage(window=28).name == "ma28"


@pytest.mark.parametrize("model", [MovingAverage, SeasonalNaive])
def test_a_window_below_one_day_is_refused(model: type) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        model(0)


def weekly(history: list[float] | FloatArray) -> Panel:
    return Panel(("a",), AS_OF, (np.asarray(history, dtype=np.float64),), grain=Grain.WEEK)


def test_the_season_of_weeks_is_the_year() -> None:
    years = np.arange(104.0) + 1.0
    assert SeasonalNaive().predict(weekly(years), 3).mean.tolist() == [[53.0, 54.0, 55.0]]
    masked = years.copy()
    masked[53] = NAN
    assert SeasonalNaive().predict(weekly(masked), 3).mean.tolist() == [[53.0, 2.0, 55.0]]


def test_a_history_shorter_than_a_year_of_weeks_repeats_what_it_has_and_averages_the_rest() -> None:
    forecast = SeasonalNaive().predict(weekly(np.r_[np.full(40, 2.0), 4.0]), 12)
    mean = (40 * 2.0 + 4.0) / 41
    assert forecast.mean[0].tolist() == pytest.approx([mean] * 11 + [2.0])


def test_weeks_older_than_two_years_are_not_looked_at() -> None:
    recent = np.random.default_rng(4).poisson(5, LOOKBACK_PERIODS[Grain.WEEK]).astype(np.float64)
    longer = np.r_[np.full(60, 500.0), recent]
    short, long = (SeasonalNaive().predict(weekly(h), 9).quantiles for h in (recent, longer))
    np.testing.assert_array_equal(short, long)
