"""AutoETS and Theta against statsforecast's own answers, and their past errors against their definition."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from statsforecast.models import AutoETS, DynamicOptimizedTheta, SimpleExponentialSmoothing

from forecasting_lib.grain import Grain
from forecasting_lib.models.exponential_smoothing import AutoEts
from forecasting_lib.models.interface import Forecaster
from forecasting_lib.models.one_by_one import HISTORY_PERIODS, filled
from forecasting_lib.models.theta import BURN_IN, Theta, one_step_answers
from forecasting_lib.panel import QUANTILE_LEVELS, FloatArray, Panel
from tests.forecasting_lib.models.panels import AS_OF, panel_of

NAN = float("nan")
SEASONS: Mapping[Grain, int] = {Grain.DAY: 7, Grain.WEEK: 1, Grain.MONTH: 12}
MODELS = (AutoEts(), Theta())


def demand(seed: int, periods: int = 150, *, positive: bool = True) -> FloatArray:
    """Demand with a weekly season and a level that wanders, in no whole units."""
    rng = np.random.default_rng(seed)
    level = 20.0 + np.cumsum(rng.normal(0.0, 0.3, periods))
    season = np.tile([0.8, 0.9, 1.0, 1.0, 1.2, 1.5, 0.6], periods // 7 + 1)[:periods]
    noise = np.maximum(level * season + rng.normal(0.0, 2.0, periods), 0.25)
    return noise if positive else np.asarray(np.maximum(noise - 12.3, 0.0), dtype=np.float64)


def of_grain(grain: Grain, *histories: FloatArray) -> Panel:
    return Panel(tuple(f"s{i}" for i in range(len(histories))), AS_OF, histories, grain=grain)


@pytest.mark.parametrize("grain", Grain)
@pytest.mark.parametrize("positive", [True, False])
def test_the_mean_is_statsforecasts_own(grain: Grain, positive: bool) -> None:
    history = demand(1, positive=positive)
    shown = history[-HISTORY_PERIODS[grain] :]
    panel = of_grain(grain, history)
    season = SEASONS[grain]
    for ours, theirs in (
        (AutoEts(), AutoETS(season_length=season, damped=True)),
        (Theta(), DynamicOptimizedTheta(season_length=season)),
    ):
        expected = theirs.forecast(shown, h=10)["mean"]
        np.testing.assert_allclose(ours.predict(panel, 10).mean[0], np.maximum(expected, 0.0), rtol=1e-9)


@pytest.mark.parametrize("is_relative", [True, False])
def test_ets_has_its_own_past_errors_around_its_mean(is_relative: bool) -> None:
    history = demand(2)
    if is_relative:
        history = 9.0 * np.exp(np.log(history / 9.0) * 3.0)
    model = AutoETS(season_length=7, damped=True).fit(history)
    assert model.model_["components"].startswith("M") == is_relative
    theirs, fitted = model.predict(h=9, level=[95]), model.predict_in_sample()["fitted"]
    errors = ((history / fitted - 1.0) * theirs["mean"][0] if is_relative else history - fitted)[-56:]
    widths = theirs["hi-95"] - theirs["mean"]
    found = AutoEts().predict(panel_of(history), 9)
    for lag in range(9):
        spread = np.quantile(errors, QUANTILE_LEVELS) * widths[lag] / widths[0]
        expected = np.maximum(theirs["mean"][lag] + spread, 0.0)
        np.testing.assert_allclose(found.quantiles[0, lag], expected, rtol=1e-7, atol=1e-9)


def test_theta_without_a_season_has_statsforecasts_past_errors_around_its_mean() -> None:
    history = np.random.default_rng(3).gamma(3.0, 4.0, 120)
    model = DynamicOptimizedTheta(season_length=1).fit(history).model_
    np.testing.assert_allclose(history - one_step_answers(model), model["residuals"], atol=1e-9)
    errors = model["residuals"][BURN_IN:][-52:]
    found = Theta().predict(of_grain(Grain.WEEK, history), 4)
    for lag in range(4):
        spread = np.quantile(errors, QUANTILE_LEVELS) * np.sqrt(1.0 + lag * model["par"]["alpha"] ** 2)
        np.testing.assert_allclose(found.quantiles[0, lag], np.maximum(found.mean[0, lag] + spread, 0.0))


@pytest.mark.parametrize("positive", [True, False])
def test_thetas_answer_of_a_day_is_what_it_said_the_day_before(positive: bool) -> None:
    """The season is taken off and put back once, be it factors or summands."""
    history = demand(4, periods=140, positive=positive)
    model = DynamicOptimizedTheta(season_length=7).fit(history).model_
    assert model["decomposition_type"] == ("multiplicative" if positive else "additive")
    answers = one_step_answers(model)
    season = model["seas_forecast"]["mean"]
    adjusted = history / np.tile(season, 20) if positive else history - np.tile(season, 20)
    # Its level is simple exponential smoothing; within a few days of the end its trend moves by little.
    level = SimpleExponentialSmoothing(alpha=model["par"]["alpha"])
    last = level.forecast(adjusted[:-1], h=1)["mean"][0]
    expected = last * season[-1] if positive else last + season[-1]
    assert answers[-1] == pytest.approx(expected, rel=0.05)
    assert np.std((history - answers)[BURN_IN:]) < 0.7 * np.std(history)


@pytest.mark.parametrize("model", MODELS)
def test_masked_days_are_filled_and_make_no_errors(model: Forecaster) -> None:
    history = demand(5)
    masked = history.copy()
    masked[[20, 80, 81, 82, 140, 149]] = NAN
    found = model.predict(panel_of(masked, filled(masked, Grain.DAY)), 7)
    np.testing.assert_array_equal(found.mean[0], found.mean[1])
    assert (found.quantiles[0] != found.quantiles[1]).any()
    zeros = model.predict(panel_of(np.nan_to_num(masked)), 7)
    assert found.mean.sum() > 1.02 * zeros.mean.sum(), "a masked day is no day without demand"


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("grain", Grain)
def test_the_distribution_widens_with_the_horizon(model: Forecaster, grain: Grain) -> None:
    history = 50.0 + np.cumsum(np.random.default_rng(6).normal(0.0, 1.0, 150))
    quantiles = model.predict(of_grain(grain, history), 12).quantiles[0]
    width = quantiles[:, -2] - quantiles[:, 1]
    assert width[11] > 1.5 * width[0]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("periods", [2, 9, 40])
def test_a_constant_has_itself_as_forecast(model: Forecaster, periods: int) -> None:
    found = model.predict(panel_of([4.0] * periods), 3)
    if periods > 2:
        np.testing.assert_allclose(found.quantiles, 4.0)
        np.testing.assert_allclose(found.mean, 4.0)
    else:
        assert np.isnan(found.mean).all() or (found.mean == 4.0).all()


@pytest.mark.parametrize("model", MODELS)
def test_ten_times_the_demand_has_about_ten_times_the_forecast(model: Forecaster) -> None:
    history = demand(7)
    found = model.predict(panel_of(history, 10.0 * history), 7)
    np.testing.assert_allclose(found.mean[1], 10.0 * found.mean[0], rtol=0.02)


@pytest.mark.parametrize("model", MODELS)
def test_what_is_older_than_a_year_does_not_matter(model: Forecaster) -> None:
    year = demand(8, HISTORY_PERIODS[Grain.DAY])
    found = model.predict(panel_of(year, np.r_[np.full(500, 900.0), year]), 7)
    np.testing.assert_array_equal(found.quantiles[0], found.quantiles[1])


def test_a_history_too_short_to_choose_a_form_is_left_to_the_guards() -> None:
    assert np.isnan(AutoEts().predict(panel_of([3.0, 1.0, 2.0]), 2).mean).all()
    assert np.isnan(Theta().predict(panel_of([3.0, 1.0]), 2).mean).all()
