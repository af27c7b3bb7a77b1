"""Which models run, which one leads, what the planner is told, and when a run is left standing."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from forecasting_lib.covariates import without_shut_days
from forecasting_lib.grain import Grain
from forecasting_lib.models.guards import guarded_predict
from forecasting_lib.models.naive import MovingAverage
from forecasting_lib.models.weights import ResolvedWeights, WeightsSource
from forecasting_lib.panel import Forecast, Panel
from orchestration.clients import Client
from orchestration.reading.histories import DemandHistory
from orchestration.settings import Settings
from orchestration.stages.checks import forecast_problems
from orchestration.stages.forecast_runs import ForecastRun, digest_of_inputs, history_rows, series_rows
from orchestration.stages.model_plans import (
    ModelOutcome,
    PlannedModel,
    models_to_run,
    panel_for,
    plan_models,
    run_models,
    settings_of,
)
from tests.tiny_chronos import save_tiny_chronos

AS_OF = date(2026, 3, 31)


@pytest.fixture
def history() -> DemandHistory:
    """Two series that sell and one that never did."""
    panel = Panel(("0", "1", "2"), AS_OF, (np.arange(1.0, 41.0), np.full(30, 3.0), np.empty(0)))
    keys = pl.DataFrame({"series_id": panel.series_ids, "item_id": list("abc"), "location_id": "main"})
    ended = pl.DataFrame({"item_id": ["gone"], "location_id": ["main"]})
    return DemandHistory(panel, keys, ended, 7)


def client(**fields: object) -> Client:
    return Client(**{"client_id": "acme", "name": "Acme", "horizon_days": 5, **fields})


def forecast_of(history: DemandHistory, horizon: int = 5) -> Forecast:
    return guarded_predict(MovingAverage(), history.panel, horizon)


def run_of(history: DemandHistory, *outcomes: ModelOutcome) -> ForecastRun:
    return ForecastRun(client(), history, outcomes, "digest", "dagster")


def test_the_baselines_are_always_there_to_compare_with() -> None:
    assert models_to_run(["chronos2"], Grain.DAY) == ["chronos2", "ma7", "hist_q"]
    assert models_to_run(["ma7", "seasonal_naive"], Grain.DAY) == ["ma7", "seasonal_naive", "hist_q"]
    assert models_to_run(["hist_q"], Grain.DAY) == ["hist_q", "ma7"]


def test_a_baseline_that_does_not_fit_the_grain_is_not_run_to_compare_with() -> None:
    assert models_to_run(["seasonal_naive"], Grain.WEEK) == ["seasonal_naive", "hist_q"]


@pytest.mark.parametrize("grain", [Grain.WEEK, Grain.MONTH])
def test_recent_quantiles_lead_where_the_preferred_models_do_not_fit_the_grain(
    grain: Grain, settings: Settings
) -> None:
    plans = plan_models(client(models=["ma7", "seasonal_naive"]), settings, grain)
    assert [plan.model for plan in plans] == ["ma7", "hist_q", "seasonal_naive"]
    assert plans[0].skipped_because == f"ma7 forecasts days only, and this demand comes by the {grain}."
    assert [plan.skipped_because for plan in plans[1:]] == [None, None]


def test_a_policy_that_fits_the_grain_or_names_recent_quantiles_keeps_its_order(settings: Settings) -> None:
    for policy, planned in (
        (["seasonal_naive"], ["seasonal_naive", "hist_q"]),
        (["ma7", "seasonal_naive", "hist_q"], ["ma7", "seasonal_naive", "hist_q"]),
    ):
        plans = plan_models(client(models=policy), settings, Grain.WEEK)
        assert [plan.model for plan in plans] == planned


def test_a_model_whose_package_is_missing_is_skipped_with_what_to_install(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = client(models=["gbm", "theta", "hist_dow"])
    assert [plan.skipped_because for plan in plan_models(policy, settings, Grain.DAY)] == [None] * 5
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    gbm, theta, *_ = plan_models(policy, settings, Grain.DAY)
    assert gbm.skipped_because == (
        "gbm needs lightgbm, which is not installed; install it with: pip install 'forecaster[zoo]'."
    )
    assert theta.skipped_because is None


def test_models_of_the_zoo_run_behind_a_policy_and_say_how_far_they_are(history: DemandHistory) -> None:
    told: list[str] = []
    plans = [PlannedModel(model) for model in ("theta", "croston_sba", "gbm", "hist_dow")]
    outcomes = run_models(history, client(), plans, told.append)
    for outcome in outcomes:
        assert outcome.forecast is not None
        assert outcome.forecast.series_ids == history.panel.series_ids
    assert "theta: 2 of 2 series" in told, "the third has nothing to ask about"
    assert settings_of(plans[1], history.panel) == {"method": "croston_sba"}


def test_weights_trained_on_days_are_not_asked_for_weeks(tmp_path: Path, settings: Settings) -> None:
    tiny = save_tiny_chronos(tmp_path / "tiny")
    config = json.loads((tiny / "config.json").read_text())
    (tiny / "config.json").write_text(json.dumps({**config, "grains": ["day"]}))
    daily = settings.model_copy(update={"chronos_model_id": str(tiny)})
    chronos2, lead, *_ = plan_models(client(models=["chronos2"]), daily, Grain.WEEK)
    assert "trained for days only" in str(chronos2.skipped_because)
    assert lead.model == "hist_q"
    assert plan_models(client(models=["chronos2"]), daily, Grain.DAY)[0].skipped_because is None


def test_the_first_model_that_ran_leads_and_the_skipped_one_is_named(history: DemandHistory) -> None:
    skipped = ModelOutcome(PlannedModel("chronos2", skipped_because="no weights here."))
    leading = ModelOutcome(PlannedModel("ma7"), forecast_of(history))
    other = ModelOutcome(PlannedModel("seasonal_naive"), forecast_of(history))
    run = run_of(history, skipped, leading, other)
    assert run.champion is leading
    assert run.reason(skipped) == "Skipped: no weights here."
    assert run.reason(leading).startswith("Leads: the first model of the client's policy that ran; chronos2")
    assert run.reason(other).startswith("Published for comparison; ma7 comes before it")


def test_a_run_in_which_nothing_ran_has_no_champion(history: DemandHistory) -> None:
    assert run_of(history, ModelOutcome(PlannedModel("chronos2", skipped_because="x"))).champion is None


def test_weights_are_found_or_their_absence_explained(tmp_path: Path, settings: Settings) -> None:
    without = settings.model_copy(update={"chronos_model_id": str(tmp_path / "nowhere"), "hub_offline": True})
    plans = {p.model: p for p in plan_models(client(models=["chronos2", "ma7"]), without, Grain.DAY)}
    assert "nowhere" in str(plans["chronos2"].skipped_because)
    assert plans["ma7"] == PlannedModel("ma7")
    with_weights = settings.model_copy(update={"chronos_model_id": str(save_tiny_chronos(tmp_path / "tiny"))})
    plans = {p.model: p for p in plan_models(client(models=["chronos2", "ma7"]), with_weights, Grain.DAY)}
    assert plans["chronos2"].weights is not None
    assert plans["chronos2"].weights.source == "explicit"


def test_every_series_is_forecast_or_listed_with_the_reason(history: DemandHistory) -> None:
    rows = {
        row["item_id"]: row for row in series_rows(forecast_of(history), history_rows(history)).to_dicts()
    }
    assert {item: (row["status"], row["reason"]) for item, row in rows.items()} == {
        "a": ("forecast", None),
        "b": ("forecast", None),
        "c": ("replaced", "NO_HISTORY"),
        "gone": ("excluded", "ENDED"),
    }
    assert rows["a"]["mase_scale"] == 7.0
    assert rows["a"]["rmsse_scale"] == 1.0
    assert rows["b"]["mase_scale"] is None, "a scale of zero is undefined, not zero"


def test_a_forecast_from_a_few_days_stands_and_says_so(history: DemandHistory) -> None:
    young = replace(
        history, panel=replace(history.panel, history=(np.arange(1.0, 14.0), np.ones(14), np.empty(0)))
    )
    rows = series_rows(forecast_of(young), history_rows(young)).sort("item_id")
    assert rows.select("status", "reason").rows()[:2] == [("forecast", "COLD_START"), ("forecast", None)]


def test_a_series_with_a_shrunk_tail_stands_with_its_raw_mean_and_a_reason(history: DemandHistory) -> None:
    struck = np.arange(40.0) % 7 + 1
    struck[37] = 9_000.0
    panel = replace(history.panel, history=(struck, np.ones(40), np.empty(0)))
    forecast = guarded_predict(MovingAverage(), panel, 5)
    rows = series_rows(forecast, history_rows(replace(history, panel=panel))).sort("item_id")
    assert rows.select("status", "reason").rows()[:3] == [
        ("forecast", "TAIL_SHRUNK"),
        ("forecast", None),
        ("replaced", "NO_HISTORY"),
    ]
    assert rows["raw_mean_qty"].to_list() == [pytest.approx(struck[-7:].mean()), None, None, None]
    assert forecast.mean[0].max() < 10.0
    shut = without_shut_days(forecast, np.array([[True, True, False, False, False]] * 3))
    assert series_rows(shut, history_rows(replace(history, panel=panel))).sort("item_id")[
        "raw_mean_qty"
    ].to_list() == [pytest.approx(struck[-7:].mean() * 3 / 5), None, None, None]


def test_the_digest_follows_every_input_and_nothing_else(history: DemandHistory) -> None:
    plans = [PlannedModel("ma7")]
    base = digest_of_inputs(client(), history, plans)
    assert digest_of_inputs(client(name="Renamed"), history, plans) == base
    panel = history.panel
    restated = replace(panel, history=(panel.history[0] + np.eye(1, 40, 12)[0], *panel.history[1:]))
    told, told_otherwise = (replace(history, panel=with_promotion(panel, ahead)) for ahead in (0.0, 0.2))
    others = {
        digest_of_inputs(client(), told, plans),
        digest_of_inputs(client(), told_otherwise, plans),
        digest_of_inputs(client(horizon_days=6), history, plans),
        digest_of_inputs(client(), history, [PlannedModel("seasonal_naive")]),
        digest_of_inputs(client(), replace(history, panel=restated), plans),
        digest_of_inputs(client(), replace(history, ended=history.ended.clear()), plans),
    }
    assert len(others | {base}) == 7


def with_promotion(panel: Panel, ahead: float) -> Panel:
    """The panel with a promotion never seen before, of this depth on every day ahead."""
    return replace(
        panel,
        past_covariates={"promotion": tuple(np.zeros(len(h)) for h in panel.history)},
        future_covariates={"promotion": (np.full(5, ahead),) * len(panel)},
    )


def test_only_a_model_that_uses_covariates_is_shown_them(history: DemandHistory, tmp_path: Path) -> None:
    weights = ResolvedWeights(WeightsSource.EXPLICIT, "tiny", tmp_path, "0")
    user, other = PlannedModel("chronos2", weights), PlannedModel("ma7")
    panel = with_promotion(history.panel, 0.2)
    assert (user.uses_covariates, other.uses_covariates) == (True, False)
    assert panel_for(user, panel) is panel
    assert not panel_for(other, panel).past_covariates
    assert settings_of(user, panel)["covariates"] == {"promotion": "announced"}
    past_only = replace(panel, future_covariates={})
    assert settings_of(user, past_only)["covariates"] == {"promotion": "past only"}
    assert settings_of(other, panel) == {"window": 7}


def test_a_skipped_model_asks_for_no_covariates() -> None:
    assert not PlannedModel("chronos2", skipped_because="no weights here.").uses_covariates


def test_a_model_without_covariates_says_so(history: DemandHistory) -> None:
    leading = ModelOutcome(PlannedModel("ma7"), forecast_of(history))
    other = ModelOutcome(PlannedModel("seasonal_naive"), forecast_of(history))
    run = run_of(history, leading, other)
    for outcome in (leading, other):
        assert run.reason(outcome).endswith("It does not use promotions, prices or holidays.")


def damaged(forecast: Forecast, name: str, value: float) -> Forecast:
    numbers = getattr(forecast, name).copy()
    numbers.flat[3] = value
    return replace(forecast, **{name: numbers})


def test_a_sound_forecast_has_no_problem(history: DemandHistory) -> None:
    assert forecast_problems(forecast_of(history), history.panel, 5) == []


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("mean", float("nan"), "mean are not finite"),
        ("quantiles", float("inf"), "quantiles are not finite"),
        ("point", -1.0, "point are negative"),
        ("quantiles", 1e6, "Quantiles cross"),
        ("mean", 1e9, "units a day"),
    ],
)
def test_a_damaged_forecast_is_not_published(
    history: DemandHistory, name: str, value: float, said: str
) -> None:
    problems = forecast_problems(damaged(forecast_of(history), name, value), history.panel, 5)
    assert any(said in problem for problem in problems)


def test_missing_days_and_series_are_noticed(history: DemandHistory) -> None:
    assert "5 days were asked for, 4 came back." in forecast_problems(
        forecast_of(history, 4), history.panel, 5
    )
    fewer = guarded_predict(MovingAverage(), history.panel.select([0, 1]), 5)
    assert any("3 series were asked for" in p for p in forecast_problems(fewer, history.panel, 5))
