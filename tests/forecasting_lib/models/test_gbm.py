"""The gradient-boosted model: what it learns, that it learns the same twice, and what it must not see."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

from forecasting_lib.accuracy.metrics import DECILES, wql
from forecasting_lib.grain import Grain
from forecasting_lib.models import gbm
from forecasting_lib.models.gbm import GradientBoosting, fit, on_the_grid, training_windows
from forecasting_lib.models.gbm_weights import GbmWeights
from forecasting_lib.models.guards import guarded_predict, shown
from forecasting_lib.models.recent_quantiles import RecentQuantiles
from forecasting_lib.panel import MEDIAN_INDEX, QUANTILE_LEVELS, FloatArray, Panel
from tests.forecasting_lib.models.panels import AS_OF, panel_of, random_panel

HORIZON = 14


@pytest.fixture(autouse=True)
def few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tested needs no more of them."""
    monkeypatch.setattr(gbm, "ROUNDS", 40)
    monkeypatch.setattr(gbm, "MOST_WINDOWS", 8_000)


def promoted_panel(n: int, *, seed: int = 0, days: int = 300) -> tuple[Panel, FloatArray]:
    """Series with a weekly season whose promotions triple demand and are announced, and what came then."""
    rng = np.random.default_rng(seed)
    whole = days + HORIZON
    level = rng.uniform(2.0, 30.0, (n, 1))
    season = np.tile([0.7, 0.8, 0.9, 1.0, 1.2, 1.6, 0.8], whole // 7 + 1)[:whole]
    promotion = np.where(rng.random((n, whole)) < 0.15, 0.3, 0.0)
    demand = rng.poisson(level * season * np.where(promotion > 0, 3.0, 1.0)).astype(np.float64)
    panel = Panel(
        series_ids=tuple(f"s{i}" for i in range(n)),
        as_of_date=AS_OF,
        history=tuple(demand[:, :days]),
        past_covariates={"promotion": tuple(promotion[:, :days])},
        future_covariates={"promotion": tuple(promotion[:, days:])},
    )
    return panel, demand[:, days:]


def loss(quantiles: FloatArray, actual: FloatArray) -> float:
    found = wql(actual, quantiles[:, :, DECILES])
    return float(found.numerator.sum() / found.denominator.sum())


def test_announced_promotions_and_weekdays_are_learned() -> None:
    panel, actual = promoted_panel(40)
    ours = loss(GradientBoosting().predict(panel, HORIZON).quantiles, actual)
    told_of_none = replace(panel, past_covariates={}, future_covariates={})
    blind = loss(GradientBoosting().predict(told_of_none, HORIZON).quantiles, actual)
    assert ours < 0.6 * blind < blind < loss(RecentQuantiles().predict(panel, HORIZON).quantiles, actual)


def test_a_promotion_ahead_raises_the_day_it_is_on_and_no_other() -> None:
    panel, _ = promoted_panel(40)
    weights = fit(panel, HORIZON)
    nothing = tuple(np.zeros(HORIZON) for _ in range(len(panel)))
    on_day_5 = tuple(np.where(np.arange(HORIZON) == 4, 0.3, 0.0) for _ in range(len(panel)))
    without, with_it = (
        GradientBoosting(weights).predict(replace(panel, future_covariates={"promotion": f}), HORIZON).mean
        for f in (nothing, on_day_5)
    )
    np.testing.assert_array_equal(np.delete(without, 4, axis=1), np.delete(with_it, 4, axis=1))
    assert np.median(with_it[:, 4] / without[:, 4]) > 2.0


def test_the_past_of_a_covariate_that_is_not_known_ahead_says_nothing_of_the_days_ahead() -> None:
    panel, _ = promoted_panel(30)
    past_only = replace(panel, future_covariates={})
    weights = fit(past_only, HORIZON)
    found = GradientBoosting(weights).predict(past_only, HORIZON)
    told = GradientBoosting(weights).predict(panel, HORIZON)
    assert (found.mean != told.mean).mean() < 0.05, "no tree asks for what was never known"


def test_weights_are_the_same_twice_and_so_are_forecasts() -> None:
    panel, _ = promoted_panel(12)
    first, second = fit(panel, HORIZON), fit(panel, HORIZON)
    assert first.digest == second.digest
    by_itself = GradientBoosting().predict(panel, HORIZON)
    with_weights = GradientBoosting(first).predict(panel, HORIZON)
    np.testing.assert_array_equal(by_itself.quantiles, with_weights.quantiles)
    np.testing.assert_array_equal(by_itself.mean, with_weights.mean)


def test_the_number_of_processors_does_not_matter() -> None:
    code = (
        "from tests.forecasting_lib.models.test_gbm import promoted_panel; "
        "from forecasting_lib.models import gbm; gbm.ROUNDS, gbm.MOST_WINDOWS = 10, 2_000; "
        "print(gbm.fit(promoted_panel(12)[0], 14).digest)"
    )
    digests = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "OMP_NUM_THREADS": threads},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads in ("1", "4")
    ]
    assert digests[0] == digests[1] != ""


def test_stored_weights_forecast_as_before() -> None:
    panel, _ = promoted_panel(12)
    weights = fit(panel, HORIZON)
    stored = GbmWeights.from_bytes(weights.to_bytes())
    np.testing.assert_array_equal(
        GradientBoosting(weights).predict(panel, HORIZON).quantiles,
        GradientBoosting(stored).predict(panel, HORIZON).quantiles,
    )


def test_what_follows_the_as_of_date_is_not_learned() -> None:
    panel, _ = promoted_panel(12)
    elsewhere = replace(
        panel, future_covariates={"promotion": tuple(np.full(HORIZON, 0.9) for _ in range(12))}
    )
    assert fit(panel, HORIZON).digest == fit(elsewhere, HORIZON).digest


def test_only_periods_up_to_the_as_of_date_are_asked_about_in_training() -> None:
    panel = random_panel(30, longest=200)
    windows = training_windows(panel, HORIZON)
    lengths = np.array([len(h) for h in panel.history])
    assert (windows.lag >= 1).all()
    assert (windows.lag <= HORIZON).all()
    assert (windows.back >= windows.lag).all()
    assert (lengths[windows.series] - windows.back >= 28).all()
    assert (windows.back - windows.lag == 0).any(), "the last day is learned, too"


def test_with_weights_a_series_does_not_depend_on_its_neighbours_or_its_place() -> None:
    panel, _ = promoted_panel(12)
    model = GradientBoosting(fit(panel, HORIZON))
    together = model.predict(panel, HORIZON)
    order = [7, 3, 11, 0]
    apart = model.predict(panel.select(order), HORIZON)
    np.testing.assert_array_equal(apart.quantiles, together.quantiles[order])
    np.testing.assert_array_equal(apart.mean, together.mean[order])


def test_with_weights_two_origins_in_one_panel_are_answered_as_in_two(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    later, _ = promoted_panel(8)
    earlier = replace(
        later,
        series_ids=tuple(f"{s}@earlier" for s in later.series_ids),
        history=tuple(h[:-HORIZON] for h in later.history),
        past_covariates={"promotion": tuple(p[:-HORIZON] for p in later.past_covariates["promotion"])},
        future_covariates={"promotion": tuple(p[-HORIZON:] for p in later.past_covariates["promotion"])},
    )
    model = GradientBoosting(fit(earlier, HORIZON))
    both = Panel(
        series_ids=(*later.series_ids, *earlier.series_ids),
        as_of_date=AS_OF,
        history=(*later.history, *earlier.history),
        past_covariates=_joined(later.past_covariates, earlier.past_covariates),
        future_covariates=_joined(later.future_covariates, earlier.future_covariates),
    )
    monkeypatch.setattr(gbm, "_SERIES_PER_BLOCK", 5)
    joined = model.predict(both, HORIZON)
    for part, panel in ((slice(0, 8), later), (slice(8, 16), earlier)):
        alone = model.predict(panel, HORIZON)
        np.testing.assert_array_equal(joined.quantiles[part], alone.quantiles)
        np.testing.assert_array_equal(joined.mean[part], alone.mean)


def _joined(
    first: Mapping[str, Sequence[FloatArray]], second: Mapping[str, Sequence[FloatArray]]
) -> dict[str, Sequence[FloatArray]]:
    return {name: (*first[name], *second[name]) for name in first}


def test_weights_of_an_earlier_origin_forecast_a_later_one() -> None:
    panel, actual = promoted_panel(40)
    earlier = replace(
        panel,
        history=tuple(h[:-60] for h in panel.history),
        past_covariates={"promotion": tuple(p[:-60] for p in panel.past_covariates["promotion"])},
    )
    kept = GradientBoosting(fit(earlier, HORIZON)).predict(panel, HORIZON)
    anew = GradientBoosting().predict(panel, HORIZON)
    assert loss(kept.quantiles, actual) < 1.1 * loss(anew.quantiles, actual)


def test_a_panel_without_a_covariate_that_was_learned_is_answered() -> None:
    panel, _ = promoted_panel(12)
    weights = fit(panel, HORIZON)
    assert weights.covariates == ("promotion",)
    bare = replace(panel, past_covariates={}, future_covariates={})
    assert np.isfinite(GradientBoosting(weights).predict(bare, HORIZON).quantiles).all()


@pytest.mark.parametrize("grain", Grain)
def test_every_grain_is_forecast_in_order_and_in_whole_units(grain: Grain) -> None:
    panel = replace(random_panel(40, longest=150), grain=grain)
    found = guarded_predict(GradientBoosting(), panel, 6)
    assert found.reasons == (None,) * 40
    assert (np.diff(found.quantiles, axis=-1) >= 0).all()
    assert np.mean(found.quantiles == np.rint(found.quantiles)) > 0.8
    np.testing.assert_array_equal(found.point, found.quantiles[:, :, MEDIAN_INDEX])
    totals = np.array([np.nanmean(h[-30:]) for h in panel.history])
    assert found.mean.mean() == pytest.approx(totals.mean(), rel=0.15)


def test_a_shorter_horizon_than_learned_may_be_asked_for_and_no_longer_one() -> None:
    panel = random_panel(20)
    weights = fit(panel, 5)
    whole, part = (GradientBoosting(weights).predict(panel, h).mean for h in (5, 2))
    np.testing.assert_array_equal(part, whole[:, :2])
    with pytest.raises(ValueError, match="fitted for 5 days ahead, and 6 days are asked for; fit anew"):
        GradientBoosting(weights).predict(panel, 6)
    with pytest.raises(ValueError, match="fitted for 5 days ahead, and 2 weeks are asked for"):
        GradientBoosting(weights).predict(replace(panel, grain=Grain.WEEK), 2)


def test_a_panel_with_too_little_past_is_left_to_the_guards() -> None:
    panel = panel_of([1.0, 2.0, 3.0], [4.0] * 40)
    with pytest.raises(ValueError, match="too little past to learn 30 days ahead from"):
        fit(panel, 30)
    assert np.isnan(GradientBoosting().predict(panel, 30).mean).all()
    assert guarded_predict(GradientBoosting(), panel, 30).reasons == ("NOT_FINITE", "NOT_FINITE")
    with pytest.raises(ValueError, match="too little past"):
        fit(panel_of(), 3)


def test_one_day_of_a_years_units_hardly_moves_the_others() -> None:
    panel, _ = promoted_panel(30)
    struck = [h.copy() for h in panel.history]
    struck[4][-100] = 74_215.0
    hit = replace(panel, history=tuple(struck))
    before, after = (
        guarded_predict(GradientBoosting(fit(shown(p), HORIZON)), p, HORIZON) for p in (panel, hit)
    )
    others = np.arange(len(panel)) != 4
    assert np.median(np.abs(after.mean[others] / before.mean[others] - 1.0)) < 0.05
    assert after.mean[4].mean() < 2.0 * before.mean[4].mean()


def test_levels_between_those_with_trees_lie_on_the_line_between_them() -> None:
    learned = np.array([[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]])
    expected = np.interp(QUANTILE_LEVELS[1:], gbm.LEVELS, learned[0])
    np.testing.assert_allclose(on_the_grid(learned)[0, 1:], expected)
    assert on_the_grid(learned)[0, 0] == pytest.approx(1.0 - 0.04 / 0.15)
