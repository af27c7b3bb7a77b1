"""Whatever goes in and whatever a model answers, what comes out can be published."""

from __future__ import annotations

import tracemalloc
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from forecasting_lib.grain import Grain
from forecasting_lib.models import guards
from forecasting_lib.models.guards import (
    CAP_FACTOR,
    LARGEST_DEMAND,
    Note,
    Reason,
    guarded_predict,
    history_notes,
    shown,
)
from forecasting_lib.models.interface import Forecaster
from forecasting_lib.models.naive import MovingAverage, SeasonalNaive
from forecasting_lib.models.recent_quantiles import RecentQuantiles
from forecasting_lib.panel import FloatArray, Forecast, Panel
from forecasting_lib.ragged import Ragged, lengths_of
from tests.forecasting_lib.models.panels import (
    days_of_any_kind,
    panel_of,
    panels_of_any_kind,
    random_panel,
)

NAN, INF = float("nan"), float("inf")


@dataclass
class Dictated:
    """A model that answers every day of every series with the same numbers, and keeps what it saw."""

    point: float
    mean: float
    grid: FloatArray
    seen: list[Panel] = field(default_factory=list)
    name: ClassVar[str] = "dictated"
    uses_covariates: ClassVar[bool] = True

    def predict(self, panel: Panel, horizon: int) -> Forecast:
        self.seen.append(panel)
        n = len(panel)
        return Forecast(
            panel.series_ids,
            panel.as_of_date,
            np.full((n, horizon), self.point),
            np.full((n, horizon), self.mean),
            np.broadcast_to(self.grid, (n, horizon, 21)).copy(),
            (None,) * n,
        )


def dictated(number: float) -> Dictated:
    return Dictated(number, number, np.full(21, number))


def assert_publishable(forecast: Forecast, panel: Panel, horizon: int) -> None:
    assert forecast.series_ids == panel.series_ids
    assert forecast.quantiles.shape == (len(panel), horizon, 21)
    for numbers in (forecast.point, forecast.mean, forecast.quantiles):
        assert np.isfinite(numbers).all()
        assert (numbers >= 0).all()
        assert not np.signbit(numbers).any()
    assert (np.diff(forecast.quantiles, axis=2) >= 0).all()


@given(
    panels_of_any_kind,
    st.sampled_from([MovingAverage(), SeasonalNaive(), RecentQuantiles()]),
    st.integers(1, 9),
    st.sampled_from(Grain),
)
def test_any_panel_gives_publishable_numbers(
    panel: Panel, model: Forecaster, horizon: int, grain: Grain
) -> None:
    panel = replace(panel, grain=grain)
    assert_publishable(guarded_predict(model, panel, horizon), panel, horizon)


@given(
    panels_of_any_kind,
    days_of_any_kind,
    days_of_any_kind,
    arrays(np.float64, 21, elements=days_of_any_kind),
)
def test_any_answer_gives_publishable_numbers(
    panel: Panel, point: float, mean: float, grid: FloatArray
) -> None:
    forecast = guarded_predict(Dictated(point, mean, grid), panel, 3)
    assert_publishable(forecast, panel, 3)
    for history, means, grids in zip(panel.history, forecast.mean, forecast.quantiles, strict=True):
        sold = history[np.isfinite(history) & (history > 0) & (history <= LARGEST_DEMAND)]
        highest = sold.max() if sold.size else 0.0
        assert means.max() <= CAP_FACTOR * highest
        assert grids.max() <= CAP_FACTOR * highest


@pytest.mark.parametrize(
    ("history", "reason", "number"),
    [
        ([], Reason.NO_HISTORY, 0.0),
        ([NAN, NAN], Reason.ALL_MASKED, 0.0),
        ([INF, -INF], Reason.ALL_MASKED, 0.0),
        ([0.0, NAN, 0.0], Reason.ALL_ZERO, 0.0),
        ([-4.0, 0.0], Reason.ALL_ZERO, 0.0),
        ([6.0], Reason.SINGLE_POINT, 6.0),
        ([0.0, 0.0, 6.0, NAN], Reason.SINGLE_POINT, 6.0),
    ],
)
def test_series_without_a_pattern_never_reach_a_model(
    history: list[float], reason: Reason, number: float
) -> None:
    model = dictated(3.0)
    forecast = guarded_predict(model, panel_of(history), 2)
    assert model.seen == []
    assert forecast.reasons == (reason,)
    for numbers in (forecast.point, forecast.mean, forecast.quantiles):
        assert (numbers == number).all()


def test_guarded_series_stand_between_the_models_own_in_the_panels_order() -> None:
    panel = panel_of([1.0, 2.0], [], [3.0, 4.0], [0.0])
    model = dictated(5.0)
    forecast = guarded_predict(model, panel, 1)
    assert model.seen[0].series_ids == ("s0", "s2")
    assert forecast.mean[:, 0].tolist() == [5.0, 0.0, 5.0, 0.0]
    assert forecast.reasons == (None, Reason.NO_HISTORY, None, Reason.ALL_ZERO)


def test_a_model_sees_history_from_the_first_sale_without_infinities_or_negatives() -> None:
    model = dictated(1.0)
    panel = Panel(
        ("s0",),
        panel_of([]).as_of_date,
        (np.array([0.0, NAN, 4.0, -2.0, INF, 1.0]),),
        {"price": (np.array([9.0, 9.0, 8.0, INF, 7.0, NAN]),)},
        {"price": (np.array([-INF, 5.0]),)},
    )
    guarded_predict(model, panel, 2)
    seen = model.seen[0]
    np.testing.assert_array_equal(seen.history[0], [4.0, 0.0, NAN, 1.0])
    np.testing.assert_array_equal(seen.past_covariates["price"][0], [8.0, NAN, 7.0, NAN])
    np.testing.assert_array_equal(seen.future_covariates["price"][0], [NAN, 5.0])


def test_what_a_model_is_fitted_to_is_what_it_is_shown() -> None:
    struck = np.tile([3.0, 5.0, 4.0, 0.0], 20)
    struck[41] = 9_000.0
    panel = panel_of([0.0, 0.0, 2.0, INF, -1.0, 3.0], [0.0] * 5, struck, [NAN, NAN], [1.0])
    model = dictated(1.0)
    guarded_predict(model, panel, 2)
    fitted_to = shown(panel)
    assert fitted_to.series_ids == ("s0", "s2")
    for given_to_fit, seen in zip(fitted_to.history, model.seen[0].history, strict=False):
        np.testing.assert_array_equal(given_to_fit, seen)
    assert fitted_to.history[0][[0, 2, 3]].tolist() == [2.0, 0.0, 3.0]
    assert fitted_to.history[1][41] == 5.0


@pytest.mark.parametrize("spoiled", ["point", "mean", "grid"])
@pytest.mark.parametrize("number", [NAN, INF, -INF])
def test_an_answer_that_is_not_finite_is_replaced_by_the_moving_average(spoiled: str, number: float) -> None:
    model = dictated(2.0)
    setattr(model, spoiled, np.r_[model.grid[:-1], number] if spoiled == "grid" else number)
    forecast = guarded_predict(model, panel_of([2.0, 4.0]), 2)
    assert forecast.reasons == (Reason.NOT_FINITE,)
    assert forecast.mean.tolist() == [[3.0, 3.0]]


@pytest.mark.parametrize("spoiled", ["point", "mean"])
def test_a_forecast_beyond_ten_times_the_highest_day_is_replaced(spoiled: str) -> None:
    model = dictated(2.0)
    setattr(model, spoiled, 40.1)
    forecast = guarded_predict(model, panel_of([2.0, 4.0]), 1)
    assert forecast.reasons == (Reason.CAPPED,)
    assert forecast.mean.tolist() == [[3.0]]


def test_ten_times_the_highest_day_itself_stands() -> None:
    forecast = guarded_predict(dictated(40.0), panel_of([2.0, 4.0]), 1)
    assert forecast.reasons == (None,)
    assert forecast.mean.tolist() == [[40.0]]


def test_a_far_upper_quantile_is_limited_while_the_rest_stands() -> None:
    grid = np.r_[np.full(20, 2.0), 500.0]
    forecast = guarded_predict(Dictated(2.0, 3.0, grid), panel_of([2.0, 4.0]), 1)
    assert forecast.reasons == (None,)
    assert forecast.quantiles[0, 0].tolist() == [2.0] * 20 + [40.0]


def test_crossing_quantiles_are_sorted_and_negatives_clipped() -> None:
    forecast = guarded_predict(Dictated(-1.0, -0.5, np.linspace(2.0, -2.0, 21)), panel_of([2.0, 4.0]), 1)
    assert forecast.reasons == (None,)
    assert forecast.mean.tolist() == [[0.0]]
    np.testing.assert_allclose(forecast.quantiles[0, 0], np.maximum(np.linspace(-2.0, 2.0, 21), 0))


def test_zeros_before_the_first_sale_change_no_forecast() -> None:
    panel = random_panel(8)
    led = panel_of(*(np.concatenate([np.zeros(11), h]) for h in panel.history))
    for model in (MovingAverage(), SeasonalNaive()):
        np.testing.assert_array_equal(
            guarded_predict(model, led, 7).quantiles, guarded_predict(model, panel, 7).quantiles
        )


def test_an_empty_panel_gives_an_empty_forecast() -> None:
    forecast = guarded_predict(MovingAverage(), panel_of(), 5)
    assert forecast.quantiles.shape == (0, 5, 21)
    assert forecast.to_frame().height == 0


def test_a_horizon_below_one_day_is_refused() -> None:
    with pytest.raises(ValueError, match="horizon is 0 days"):
        guarded_predict(MovingAverage(), panel_of([1.0, 2.0]), 0)


def test_an_answer_in_another_order_is_refused() -> None:
    class Shuffling(MovingAverage):
        def predict(self, panel: Panel, horizon: int) -> Forecast:
            return super().predict(panel.select(range(len(panel))[::-1]), horizon)

    with pytest.raises(ValueError, match="'ma7' was asked for 2 series"):
        guarded_predict(Shuffling(), panel_of([1.0, 2.0], [3.0, 4.0]), 1)


def test_a_first_sale_less_than_14_days_ago_is_noted() -> None:
    old, young = [1.0] + [0.0] * 13, [0.0] * 50 + [1.0] + [0.0] * 12
    assert history_notes(panel_of(old, young, [], [0.0])) == (None, Note.COLD_START, None, None)


def test_a_cold_start_of_months_is_younger_than_half_a_year() -> None:
    panel = replace(panel_of([0.0, 1.0] + [0.0] * 5, [0.0, 1.0] + [0.0] * 4), grain=Grain.MONTH)
    assert history_notes(panel) == (None, Note.COLD_START)


def test_a_model_that_fails_on_weeks_is_replaced_by_the_mean_of_eight() -> None:
    class Silent(MovingAverage):
        def predict(self, panel: Panel, horizon: int) -> Forecast:
            answer = super().predict(panel, horizon)
            return replace(answer, mean=np.full_like(answer.mean, np.nan))

    panel = replace(panel_of([16.0] + [8.0] * 7 + [0.0]), grain=Grain.WEEK)
    forecast = guarded_predict(Silent(), panel, 2)
    assert forecast.mean.tolist() == [[7.0, 7.0]]
    assert forecast.reasons == ("NOT_FINITE",)


def test_an_answer_of_another_grain_is_refused() -> None:
    class OfDays(MovingAverage):
        def predict(self, panel: Panel, horizon: int) -> Forecast:
            return super().predict(replace(panel, grain=Grain.DAY), horizon)

    with pytest.raises(ValueError, match="over 1 months"):
        guarded_predict(OfDays(), replace(panel_of([1.0, 2.0]), grain=Grain.MONTH), 1)


@pytest.mark.parametrize("series_per_block", [1, 3, 4, 100])
def test_series_looked_at_in_blocks_are_forecast_like_all_at_once(
    series_per_block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = random_panel(9, seed=5)
    odd: list[list[float]] = [[], [NAN], [0.0, 0.0], [0.0, 2.0], [INF, -3.0, 1.0, 4.0]]
    struck = np.r_[np.full(60, 2.0), 90_000.0, np.full(20, 2.0)]
    panel = panel_of(*drawn.history, *odd, struck)
    model = RecentQuantiles()
    whole, notes = guarded_predict(model, panel, 4), history_notes(panel)
    monkeypatch.setattr(guards, "_SERIES_PER_BLOCK", series_per_block)
    kept = replace(panel, history=Ragged.of(panel.history, lengths_of(panel.history)))
    for same in (panel, kept):
        found = guarded_predict(model, same, 4)
        for name in ("point", "mean", "quantiles", "raw_mean"):
            np.testing.assert_array_equal(getattr(found, name), getattr(whole, name))
        assert (found.reasons, found.notes) == (whole.reasons, whole.notes)
        assert history_notes(same) == notes
    assert Note.TAIL_SHRUNK in (whole.notes or ())


def test_a_covariate_that_locations_share_is_not_copied_for_every_series() -> None:
    days, series = 1_000, 400
    panel = panel_of(*np.ones((series, days)))
    shared = (np.arange(days) % 2).astype(np.float64)
    told = replace(panel, past_covariates={f"shared_{i}": (shared,) * series for i in range(5)})

    def peak(of: Panel) -> int:
        tracemalloc.start()
        guarded_predict(MovingAverage(), of, 1)
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    assert peak(told) < 1.2 * peak(panel)
