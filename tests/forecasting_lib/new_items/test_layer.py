"""New series join their relatives' profile: which ones, by how much, and what comes of it is a forecast."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting_lib.backtesting.newcomers import with_newcomers, worth
from forecasting_lib.grain import Grain
from forecasting_lib.models.guards import Note, Reason, guarded_predict
from forecasting_lib.models.naive import MovingAverage
from forecasting_lib.models.recent_quantiles import RecentQuantiles
from forecasting_lib.new_items.kin import NEW_BELOW, Kin, new_series
from forecasting_lib.new_items.launches import run_in
from forecasting_lib.new_items.layer import joined, with_profiles
from forecasting_lib.new_items.profile import profiles
from forecasting_lib.origins import Origin
from forecasting_lib.panel import FloatArray, Forecast, Panel
from tests.forecasting_lib.new_items.retailers import HORIZON, Population, population

MODEL = RecentQuantiles()


def forecast_of(panel: Panel) -> Forecast:
    return guarded_predict(MODEL, panel, HORIZON)


def total_error(mean: np.ndarray, actual: np.ndarray) -> float:
    return float(np.abs(mean.sum(axis=1) - actual.sum(axis=1)).sum() / actual.sum())


@pytest.fixture(scope="module")
def shops() -> Population:
    return population(1)


def test_the_total_of_new_series_is_nearer_with_a_profile_and_its_bands_are_true() -> None:
    """Over populations that nothing was chosen on."""
    off: dict[str, list[float]] = {"without": [], "with": []}
    inside, days = 0, 0
    for seed in range(100, 108):
        shops = population(seed)
        own = forecast_of(shops.panel)
        found = joined(own, shops.panel, shops.kin)
        assert found is not None
        actual = shops.actual[found.rows]
        off["without"].append(total_error(own.mean[found.rows], actual))
        off["with"].append(total_error(found.mean, actual))
        held = (actual >= found.quantiles[..., 2]) & (actual <= found.quantiles[..., 18])
        inside += int(np.count_nonzero(held))
        days += actual.size
    assert np.mean(off["with"]) < 0.8 * np.mean(off["without"]), off
    assert 0.78 <= inside / days <= 0.92


def test_the_others_are_left_to_the_bit_and_each_new_one_says_so(shops: Population) -> None:
    own = forecast_of(shops.panel)
    found = with_profiles(own, shops.panel, shops.kin)
    new = new_series(shops.panel)
    rest = np.setdiff1d(np.arange(len(shops.panel)), new)
    for attribute in ("point", "mean", "quantiles"):
        np.testing.assert_array_equal(getattr(found, attribute)[rest], getattr(own, attribute)[rest])
    assert found.notes is not None
    assert {found.notes[row] for row in new} == {Note.NEW_ITEM}
    assert {found.notes[row] for row in rest} == {None}


def test_a_shop_without_new_series_has_the_forecast_it_had(shops: Population) -> None:
    old = shops.panel.select(np.flatnonzero([len(h) >= 56 for h in shops.panel.history]).tolist())
    own = forecast_of(old)
    assert with_profiles(own, old, shops.kin) is own


def test_the_model_is_believed_more_by_the_day_and_stands_alone_at_eight_weeks() -> None:
    distances = []
    for age in (2, 20, 40, 54):
        shops = population(3, ages=(age,), locations=1)
        far = replace(forecast_of(shops.panel), mean=np.full((24, HORIZON), 50.0))
        found = joined(far, shops.panel, shops.kin)
        profile = profiles(shops.panel, far.mean, shops.kin)
        assert found is not None
        assert profile is not None
        distances.append((found.mean - profile.mean).sum() / (50.0 - profile.mean).sum())
    np.testing.assert_allclose(distances, (np.array([2, 20, 40, 54]) / 56) ** 2)
    assert not len(new_series(population(3, ages=(56,)).panel))


def test_where_deliveries_may_have_begun_after_the_series_none_is_new() -> None:
    shops = population(4, ages=(30,), days=111)
    own = forecast_of(shops.panel)
    assert with_profiles(own, shops.panel, shops.kin) is own
    assert len(new_series(population(4, ages=(30,), days=112).panel)) == 3


def test_without_enough_relatives_the_model_stands_alone(shops: Population) -> None:
    few = shops.panel.select([0, *range(60, 69)])
    kin = Kin(["new", *"abcdefghi"], ["shop"] * 10, ["tea"] * 10)
    own = forecast_of(few)
    assert with_profiles(own, few, kin) is own


def test_a_week_that_was_never_seen_has_the_weekdays_of_its_category() -> None:
    shops = population(5, ages=(3,))
    found = profiles(shops.panel, shops.expected, shops.kin)
    assert found is not None
    expected = shops.expected[found.rows]
    shape = found.mean / found.mean.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(shape, expected / expected.mean(axis=1, keepdims=True), atol=0.12)


def test_a_successor_starts_where_its_predecessor_was() -> None:
    shops = population(6, ages=(2,), locations=1, items=40)
    (row,) = new_series(shops.panel)
    shop = replace(
        shops.kin,
        predecessors={int(row): np.where(np.arange(112) < 110, np.resize([28.0, 32.0], 112), np.nan)},
    )
    own = forecast_of(shops.panel)
    alone, after = (profiles(shops.panel, own.mean, kin) for kin in (shops.kin, shop))
    assert alone is not None
    assert after is not None
    true = shops.expected[row].mean()
    assert abs(after.mean.mean() - 30.0) < abs(alone.mean.mean() - 30.0)
    assert after.mean.mean() > alone.mean.mean() > 0.5 * true
    notes = with_profiles(own, shops.panel, shop).notes
    assert notes is not None
    assert notes[row] == Note.SUCCESSOR


def test_the_first_sale_is_not_read_as_what_every_day_sells() -> None:
    """A slow item that sold one unit today has not one unit a day for its level."""
    shops = population(7, ages=(1,), items=60, locations=1)
    slow = [np.where((np.arange(200) + row) % 10 == 0, 1.0, 0.0) for row in range(1, 60)]
    panel = replace(shops.panel, history=(np.array([1.0]), *slow))
    own = forecast_of(panel)
    assert own.reasons[0] == Reason.SINGLE_POINT
    found = with_profiles(own, panel, shops.kin)
    assert found.reasons[0] is None
    assert 0.03 < found.mean[0].mean() < 0.3
    assert found.quantiles[0, :, -1].max() >= 1.0


def test_a_promotion_ahead_lifts_a_new_item_that_never_had_one() -> None:
    shops = population(8, ages=(10,), locations=1)
    n, days = len(shops.panel), [len(h) for h in shops.panel.history]
    rng = np.random.default_rng(8)
    on = [rng.random(d) < (0.1 if d > 56 else 0.0) for d in days]
    panel = replace(
        shops.panel,
        history=tuple(
            np.where(o, 2.0 * h, h).astype(np.float64) for o, h in zip(on, shops.panel.history, strict=True)
        ),
        past_covariates={"promotion": tuple(np.where(o, 0.25, 0.0) for o in on)},
        future_covariates={"promotion": tuple(np.eye(1, HORIZON, 3)[0] * 0.25 * (i == 0) for i in range(n))},
    )
    plain = replace(panel, future_covariates={"promotion": tuple(np.zeros(HORIZON) for _ in range(n))})
    own = forecast_of(panel)
    lifted, level = (profiles(p, own.mean, shops.kin) for p in (panel, plain))
    assert lifted is not None
    assert level is not None
    ratio = lifted.mean[0] / level.mean[0]
    assert ratio[3] == pytest.approx(2.0, abs=0.25)
    np.testing.assert_allclose(np.delete(ratio, 3), 1.0)


def test_a_closed_day_ahead_stays_without_demand(shops: Population) -> None:
    shut = np.zeros((len(shops.panel), HORIZON), dtype=np.bool_)
    shut[:, 5] = True
    own = forecast_of(shops.panel)
    own = replace(
        own, mean=np.where(shut, 0.0, own.mean), quantiles=np.where(shut[:, :, None], 0.0, own.quantiles)
    )
    found = joined(own, shops.panel, shops.kin, shut)
    assert found is not None
    assert not found.mean[:, 5].any()
    assert not found.quantiles[:, 5].any()
    assert found.mean[:, 6].all()


def test_a_single_enormous_day_of_a_relative_moves_no_profile_by_much(shops: Population) -> None:
    own = forecast_of(shops.panel)
    struck = [h.copy() for h in shops.panel.history]
    struck[-1][-9] = 1e6
    plain, hit = (
        profiles(panel, own.mean, shops.kin)
        for panel in (shops.panel, replace(shops.panel, history=tuple(struck)))
    )
    assert plain is not None
    assert hit is not None
    np.testing.assert_allclose(hit.mean.sum(axis=1), plain.mean.sum(axis=1), rtol=0.15)


def test_earlier_launches_that_ran_in_slowly_say_so() -> None:
    slow = np.concatenate([np.linspace(1.0, 10.0, 56), np.full(60, 10.0)])
    curve = run_in([slow] * 200, np.arange(200), 56)
    assert curve[3] < 0.35 < curve[20] < curve[40] < 0.9
    np.testing.assert_array_equal(run_in([], np.empty(0, dtype=np.int64), 56), np.ones(56))
    few = run_in([slow] * 5, np.arange(5), 56)
    assert few[3] > 0.8, "five launches are drawn towards one"


@pytest.mark.parametrize("grain", [Grain.WEEK, Grain.MONTH])
def test_weeks_and_months_have_profiles_too(grain: Grain) -> None:
    shops = population(9, ages=(3,), days=60, weekly=np.ones(7))
    panel = replace(shops.panel, grain=grain, as_of_date=grain.period_end(date(2026, 3, 1)))
    found = joined(guarded_predict(MODEL, panel, 6), panel, shops.kin)
    assert NEW_BELOW[grain] > 3
    assert found is not None
    assert len(found.rows) == 3


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_whatever_is_delivered_the_answer_is_a_forecast(seed: int, counted: bool) -> None:
    """Zeros, masked days, infinities, negative and huge days, unknown categories, one location or several."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(12, 30))
    history: list[FloatArray] = []
    for row in range(n):
        length = 130 if row else int(rng.integers(1, 56))
        length = length if rng.random() < 0.7 else int(rng.integers(0, 131))
        days = rng.poisson(rng.gamma(0.5, 6.0), length) * (1.0 if counted else 0.37)
        days[rng.random(length) < 0.2] = np.nan
        days[rng.random(length) < 0.02] = rng.choice([np.inf, -3.0, 1e12, 0.0])
        history.append(days.astype(np.float64))
    panel = Panel(tuple(map(str, range(n))), date(2026, 3, 31), tuple(history))
    kin = Kin(
        [str(i // 2) for i in range(n)],
        [str(i % 2) for i in range(n)],
        [(None, "a", "b")[int(rng.integers(3))] for _ in range(n)],
        {0: rng.poisson(4.0, 150).astype(np.float64)},
    )
    own = guarded_predict(MovingAverage() if seed % 2 else MODEL, panel, 9)
    found = with_profiles(own, panel, kin)
    for numbers in (found.point, found.mean, found.quantiles):
        assert np.isfinite(numbers).all()
        assert (numbers >= 0.0).all()
    assert (np.diff(found.quantiles, axis=2) >= 0.0).all()


def test_a_backtest_sums_new_series_with_their_profile_and_without(shops: Population) -> None:
    own = forecast_of(shops.panel)
    without = replace(own, quantiles=own.quantiles.copy())
    actual = shops.actual.copy()
    actual[0, 3] = np.nan
    origin = Origin(shops.panel, actual)
    (found,), sums = with_newcomers([own], [origin], [shops.kin])
    expected = with_profiles(without, shops.panel, shops.kin)
    np.testing.assert_array_equal(found.quantiles, expected.quantiles)
    np.testing.assert_array_equal(found.mean, expected.mean)
    rows = new_series(shops.panel)
    known = ~np.isnan(actual[rows])
    for is_profiled, forecast in ((False, without), (True, expected)):
        of = sums.filter(pl.col("is_profiled") == is_profiled).row(0, named=True)
        units, mean = np.where(known, actual[rows], 0.0), np.where(known, forecast.mean[rows], 0.0)
        assert of["n_series"] == len(rows) == 12
        assert of["n_actuals"] == known.sum()
        assert worth(sums)[is_profiled].total_error == pytest.approx(total_error(mean, units))
        low, high = (forecast.quantiles[rows][..., level] for level in (1, 19))
        assert of["n_inside_90"] == np.count_nonzero(known & (units >= low) & (units <= high))
    assert worth(sums)[True].wql < worth(sums)[False].wql
    nothing, none = with_newcomers([own], [origin], [None])
    assert nothing == [own]
    assert worth(none) == {}
