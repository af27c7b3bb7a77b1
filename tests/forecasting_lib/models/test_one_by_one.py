"""What models that are fitted to one series at a time are shown, and how their answers are put together."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting_lib.grain import Grain
from forecasting_lib.models.one_by_one import HISTORY_PERIODS, Answer, filled, forecast_one_by_one
from forecasting_lib.panel import FloatArray, Panel
from tests.forecasting_lib.models.panels import AS_OF, days_of_demand, panel_of

NAN = float("nan")


def last_day(history: FloatArray) -> Answer:
    """Answers three periods with what it was shown: first, last and number of periods."""
    shown = np.array([history[0], history[-1], len(history)])
    return Answer(shown, np.repeat(shown[:, None], 21, axis=1))


@given(st.lists(days_of_demand, min_size=1, max_size=80).filter(lambda h: not np.isnan(h).all()))
def test_a_masked_day_is_filled_with_the_last_four_of_its_weekday(days: list[float]) -> None:
    history = np.array(days)
    complete = filled(history, Grain.DAY)
    for day, units in enumerate(history):
        if not np.isnan(units):
            assert complete[day] == units
            continue
        phase = history[day % 7 :: 7]
        before, after = (part[~np.isnan(part)] for part in (phase[: day // 7], phase[day // 7 :]))
        samples = before[-4:] if before.size else after[:4] if after.size else history[~np.isnan(history)]
        assert complete[day] == pytest.approx(samples.mean(), rel=1e-12)


def test_masked_weeks_and_months_are_filled_whatever_their_phase() -> None:
    history = np.r_[[50.0], np.arange(1.0, 9.0), NAN, NAN, 30.0]
    assert filled(history, Grain.WEEK)[9:11].tolist() == [4.5, 4.5]
    assert filled(history, Grain.MONTH)[9:11].tolist() == [5.5, 5.5]


def test_a_masked_day_is_not_filled_from_what_was_filled() -> None:
    assert filled(np.array([2.0, NAN, NAN, 8.0]), Grain.WEEK).tolist() == [2.0, 2.0, 2.0, 8.0]


@pytest.mark.parametrize("grain", Grain)
def test_a_model_is_shown_the_recent_past_from_its_first_observed_period_on(grain: Grain) -> None:
    most = HISTORY_PERIODS[grain]
    long = np.arange(1.0, most + 101.0)
    masked = long.copy()
    masked[: 100 + 5] = NAN
    panel = Panel(("a", "b", "c"), AS_OF, (long, masked, np.array([NAN, 4.0, NAN])), grain=grain)
    shown = forecast_one_by_one(panel, 3, lambda h: last_day(np.nan_to_num(h))).mean
    assert shown.tolist() == [[101.0, most + 100.0, most], [106.0, most + 100.0, most - 5.0], [4.0, 0.0, 2.0]]


def test_a_series_whose_recent_past_is_masked_is_shown_all_of_it() -> None:
    history = np.r_[[5.0, 6.0], np.full(HISTORY_PERIODS[Grain.DAY], NAN)]
    shown: list[FloatArray] = []

    def answer(history: FloatArray) -> Answer:
        shown.append(history)
        return last_day(np.array([1.0]))

    forecast_one_by_one(panel_of(history), 3, answer)
    np.testing.assert_array_equal(shown[0], history)


def test_a_series_that_is_none_for_the_model_and_one_never_observed_are_left_to_the_guards() -> None:
    def answer(history: FloatArray) -> Answer:
        if len(history) < 3:
            raise NotImplementedError("tiny")
        return last_day(history)

    forecast = forecast_one_by_one(panel_of([1.0, 2.0], [NAN, NAN, NAN], [1.0, 2.0, 3.0]), 3, answer)
    assert np.isnan(forecast.mean[:2]).all()
    assert np.isnan(forecast.quantiles[:2]).all()
    assert forecast.mean[2].tolist() == [1.0, 3.0, 3.0]


def test_a_mistake_in_a_model_is_no_matter_of_the_series() -> None:
    def answer(history: FloatArray) -> Answer:
        return history.no_such_attribute  # type: ignore[attr-defined, no-any-return]

    with pytest.raises(AttributeError):
        forecast_one_by_one(panel_of([1.0, 2.0]), 3, answer)


def test_warnings_of_the_library_stay_with_it() -> None:
    def answer(history: FloatArray) -> Answer:
        warnings.warn("of a constant", RuntimeWarning, stacklevel=1)
        return last_day(history / 1.0)

    forecast_one_by_one(panel_of([1.0, 2.0]), 3, answer)


def test_negative_means_and_quantiles_go_to_zero_in_order_and_counts_to_whole_units() -> None:
    def answer(history: FloatArray) -> Answer:
        return Answer(np.array([-2.0]), np.linspace(4.3, -1.0, 21)[None])

    forecast = forecast_one_by_one(panel_of([1.0, 2.0], [1.5, 2.0]), 1, answer)
    assert forecast.mean.tolist() == [[0.0], [0.0]]
    assert forecast.quantiles[0, 0, [0, -1]].tolist() == [0.0, 4.0]
    assert forecast.quantiles[1, 0, [0, -1]].tolist() == [0.0, 4.3]
    assert (np.diff(forecast.quantiles, axis=-1) >= 0).all()


def test_progress_is_told_from_time_to_time_and_at_the_end() -> None:
    told: list[tuple[int, int]] = []
    panel = panel_of(*[[1.0, 2.0]] * 150)
    forecast_one_by_one(panel, 3, last_day, lambda done, total: told.append((done, total)))
    assert told == [(64, 150), (128, 150), (150, 150)]
