"""A day that its year does not support is not what a model learns from; what a year repeats stays."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting_lib.grain import Grain
from forecasting_lib.models.guards import Note, guarded_predict
from forecasting_lib.models.naive import MovingAverage, SeasonalNaive
from forecasting_lib.models.tails import (
    LEAST_FACTOR,
    REACH,
    YEARS,
    supported,
    within_reach,
    without_unsupported_days,
)
from forecasting_lib.panel import FloatArray, Forecast, Panel
from forecasting_lib.quantile_grid import grid_mean
from tests.forecasting_lib.models.panels import AS_OF, days_of_demand, panel_of

YEAR = YEARS[Grain.DAY]
LONG = 2 * YEAR.length


def regular(days: int = LONG, rate: float = 10.0, seed: int = 3) -> FloatArray:
    """Poisson demand that begins with a sale."""
    demand = np.random.default_rng(seed).poisson(rate, days).astype(np.float64)
    demand[0] = max(demand[0], 1.0)
    return demand


def struck(history: FloatArray, *days: int, by: float = 74_215.0) -> FloatArray:
    """The history with these days, counted from its end backwards as -1, -2 ..., at a quantity."""
    changed = history.copy()
    changed[list(days)] = by
    return changed


def changed_days(history: FloatArray, **events: FloatArray) -> list[int]:
    """The days, counted back from the end, that a model is not shown as they are."""
    shown, changed = without_unsupported_days(history, events)
    differs = np.flatnonzero(~((shown == history) | np.isnan(history))) - len(history)
    assert changed == bool(len(differs))
    return [int(day) for day in differs]


@pytest.mark.parametrize("day", [-1, -20, -300, -500, -LONG + 1])
def test_a_single_outlier_is_shown_at_the_level_of_its_year_whenever_it_was(day: int) -> None:
    history = struck(regular(), day)
    assert changed_days(history) == [day]
    shown, _ = without_unsupported_days(history, {})
    assert shown[day] <= regular().max()


@pytest.mark.parametrize("days", [(-200, -90), (-91, -90), (-2, -1)])
def test_two_outliers_do_not_vouch_for_each_other(days: tuple[int, int]) -> None:
    assert changed_days(struck(regular(), *days)) == list(days)


def test_three_days_of_a_year_at_a_level_are_how_a_series_sells() -> None:
    assert changed_days(struck(regular(), -3, -2, -1)) == []
    assert changed_days(struck(regular(), -300, -200, -100)) == []


@pytest.mark.parametrize("days_ago", [3, 10, 60])
def test_a_shift_of_the_level_stands_from_its_third_day(days_ago: int) -> None:
    history = regular()
    history[-days_ago:] *= 40
    assert changed_days(history) == []


def test_the_level_before_a_fall_stands() -> None:
    history = regular()
    history[:-400] *= 40
    assert changed_days(history) == []


def test_a_peak_that_came_last_year_too_stands() -> None:
    peaks = struck(regular(LONG + 100), -30, -30 - YEAR.length, by=200.0)
    assert changed_days(peaks) == []
    moved_by_a_weekday = struck(regular(LONG + 100), -30, -32 - YEAR.length, by=200.0)
    assert changed_days(moved_by_a_weekday) == []


def test_a_day_of_another_size_a_year_ago_is_no_peak() -> None:
    peak_and_error = struck(struck(regular(LONG + 100), -30, by=200.0), -30 - YEAR.length, by=20_000.0)
    assert changed_days(peak_and_error) == [-30 - YEAR.length, -30]


def test_rare_promotions_that_sell_alike_stand_and_a_lone_one_does_not() -> None:
    history = struck(regular(), -220, -40, by=300.0)
    promotion = np.zeros(LONG)
    promotion[[-220, -40]] = 0.3
    assert changed_days(history) == [-220, -40]
    assert changed_days(history, promotion=promotion) == []
    assert changed_days(struck(regular(), -40, by=300.0), promotion=promotion) == [-40]


def test_an_outlier_on_a_promotion_day_is_none_of_its_promotions() -> None:
    promotion = np.zeros(LONG)
    promotion[-220:-215] = promotion[-40:-35] = 0.3
    history = struck(np.where(promotion > 0, 60.0, regular()), -38)
    assert changed_days(history, promotion=promotion) == [-38]


def test_weekly_peaks_and_lumpy_sizes_are_not_outliers() -> None:
    weekly = regular()
    weekly[::7] *= 20
    assert changed_days(weekly) == []
    rng = np.random.default_rng(5)
    flagged = 0
    for _ in range(200):
        sizes = np.ceil(np.exp(rng.normal(1.0, 1.5, LONG)))
        lumpy = np.where(rng.random(LONG) < 0.15, sizes, 0.0)
        flagged += without_unsupported_days(lumpy, {})[1]
    assert flagged <= 4, "of 200 series whose sizes are lognormal with a deviation of 1.5"


def test_slow_items_are_judged_by_the_few_days_they_sold() -> None:
    slow = np.zeros(LONG)
    slow[[0, 60, 200, 420, 500, 600]] = 1.0
    assert changed_days(slow) == []
    assert changed_days(struck(slow, -30, by=6.0)) == []
    assert changed_days(struck(slow, -30, by=5_000.0)) == [-30]


def test_a_year_that_sold_nothing_else_is_judged_by_the_last_one() -> None:
    revived = regular()
    revived[1 : YEAR.length] = 0.0
    assert changed_days(struck(revived, -500)) == [-500]


def test_sizes_without_a_common_scale_bound_nothing() -> None:
    """The smallest number there is beside ordinary ones: their spread is beyond any bound."""
    history = [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 5e-324, 6.0]
    panel = replace(panel_of(history), grain=Grain.MONTH)
    assert np.isfinite(guarded_predict(MovingAverage(), panel, 1).mean).all()


def test_a_new_item_is_not_judged() -> None:
    launch = np.full(YEAR.least_observed - 1, 2.0)
    launch[3] = 500.0
    found = supported(panel_of(launch))
    assert not found.clipped[0]
    assert found.ceiling[0] == np.inf


def test_every_series_is_judged_by_itself() -> None:
    histories = [struck(regular(seed=i, rate=2.0 + i), -50 - i) for i in range(4)] + [regular(100)]
    together = supported(panel_of(*histories))
    for i, history in enumerate(histories):
        alone = supported(panel_of(history))
        np.testing.assert_array_equal(together.panel.history[i], alone.panel.history[0])
        assert together.ceiling[i] == alone.ceiling[0]
    assert together.clipped.tolist() == [True] * 4 + [False]


histories = st.lists(
    st.one_of(days_of_demand, st.sampled_from([0.0, 0.0, 900.0, 1e6])),
    min_size=YEAR.least_observed,
    max_size=90,
).map(np.array)


@given(histories)
def test_judging_again_changes_nothing(history: FloatArray) -> None:
    once, _ = without_unsupported_days(history, {})
    twice, changed = without_unsupported_days(once, {})
    assert not changed
    np.testing.assert_array_equal(once, twice)


@given(histories)
def test_days_only_fall_to_a_quantity_that_was_sold_and_few_of_them(history: FloatArray) -> None:
    shown, _ = without_unsupported_days(history, {})
    np.testing.assert_array_equal(np.isnan(shown), np.isnan(history))
    different = shown < history
    assert np.count_nonzero(different) <= 2
    assert (shown[different] * LEAST_FACTOR < history[different]).all()
    assert np.isin(shown[different], history).all()
    np.testing.assert_array_equal(shown[~different], history[~different])


@given(histories, st.sampled_from([2.0**-9, 0.25, 8.0, 2.0**20]))
def test_the_unit_of_measure_does_not_matter(history: FloatArray, unit: float) -> None:
    shown, _ = without_unsupported_days(history, {})
    scaled, _ = without_unsupported_days(history * unit, {})
    np.testing.assert_array_equal(scaled, shown * unit)


grids = st.lists(st.floats(0.0, 1e6), min_size=21, max_size=21).map(sorted)


def forecast_of(grid: list[float]) -> Forecast:
    quantiles = np.array(grid)[None, None, :]
    return Forecast(("s",), AS_OF, quantiles[:, :, 10], grid_mean(quantiles), quantiles, (None,))


@given(grids, st.floats(0.1, 1e5))
def test_a_forecast_within_reach_is_in_order_below_the_ceiling_and_stays(
    grid: list[float], ceiling: float
) -> None:
    before = forecast_of(grid)
    after, lowered = within_reach(before, np.array([ceiling]))
    assert (np.diff(after.quantiles) >= 0).all()
    assert (after.quantiles >= 0).all()
    assert after.quantiles.max() <= ceiling
    assert (after.mean <= before.mean).all()
    assert (after.mean <= np.nextafter(after.quantiles.max(), np.inf) * (1 + 1e-12)).all()
    assert (after.mean >= after.quantiles.min() * (1 - 1e-12)).all()
    assert lowered[0] == (max(grid) > ceiling)
    again, lowered_again = within_reach(after, np.array([ceiling]))
    assert not lowered_again[0]
    np.testing.assert_array_equal(again.mean, after.mean)


@pytest.mark.parametrize(("model", "raw"), [(MovingAverage(), 74_275.0), (SeasonalNaive(), 74_275.0)])
def test_the_yardsticks_of_a_week_with_an_outlier_are_those_of_its_level(
    model: MovingAverage | SeasonalNaive, raw: float
) -> None:
    quiet = np.tile([8.0, 12.0, 10.0, 10.0, 11.0, 9.0, 10.0], 60)
    forecast = guarded_predict(model, panel_of(struck(quiet, -4)), 7)
    assert forecast.notes == (Note.TAIL_SHRUNK,)
    assert forecast.reasons == (None,)
    assert forecast.raw_mean is not None
    assert forecast.raw_mean.sum() == pytest.approx(raw)
    assert forecast.mean.sum() == pytest.approx(72.0)
    assert forecast.quantiles.max() <= REACH * 12.0


def test_a_forecast_that_reaches_beyond_three_times_the_last_year_is_cut_and_says_so() -> None:
    class Reaching(MovingAverage):
        def predict(self, panel: Panel, horizon: int) -> Forecast:
            forecast = super().predict(panel, horizon)
            quantiles = forecast.quantiles.copy()
            quantiles[:, :, -1] = 500.0
            return replace(forecast, quantiles=quantiles, mean=grid_mean(quantiles))

    history = regular(100)
    forecast = guarded_predict(Reaching(), panel_of(history), 3)
    assert forecast.notes == (Note.TAIL_SHRUNK,)
    assert forecast.quantiles.max() == REACH * history.max()
    assert forecast.raw_mean is not None
    assert (forecast.raw_mean > 1.3 * forecast.mean).all()


def test_a_forecast_of_what_was_always_sold_carries_no_note() -> None:
    forecast = guarded_predict(MovingAverage(), panel_of(regular(), regular(40, rate=0.3)), 5)
    assert forecast.notes == (None, None)
    assert forecast.raw_mean is None


def test_a_model_is_told_of_the_covariates_of_the_series_it_is_asked_about_twice() -> None:
    seen: list[Panel] = []

    class Looking(MovingAverage):
        def predict(self, panel: Panel, horizon: int) -> Forecast:
            seen.append(panel)
            return super().predict(panel, horizon)

    panel = Panel(
        ("quiet", "struck"),
        date(2024, 3, 31),
        (regular(100), struck(regular(120), -50)),
        {"price": (np.full(100, 1.0), np.full(120, 2.0))},
        {"price": (np.full(4, 1.0), np.full(4, 2.0))},
    )
    forecast = guarded_predict(Looking(), panel, 4)
    assert [len(history) for history in seen[0].history] == [100, 120, 120]
    assert seen[0].history[1].max() < seen[0].history[2].max()
    assert [prices[0] for prices in seen[0].future_covariates["price"]] == [1.0, 2.0, 2.0]
    assert forecast.series_ids == panel.series_ids
    assert forecast.notes == (None, Note.TAIL_SHRUNK)


@pytest.mark.parametrize("grain", [Grain.WEEK, Grain.MONTH])
def test_beside_an_outlier_a_model_is_asked_in_the_grain_of_the_panel(grain: Grain) -> None:
    quiet = regular(3 * YEARS[grain].length)
    alone = guarded_predict(SeasonalNaive(), replace(panel_of(quiet), grain=grain), 13)
    both = guarded_predict(SeasonalNaive(), replace(panel_of(quiet, struck(quiet, -20)), grain=grain), 13)
    assert both.notes == (None, Note.TAIL_SHRUNK)
    np.testing.assert_array_equal(both.mean[0], alone.mean[0])
    np.testing.assert_array_equal(both.quantiles[0], alone.quantiles[0])
