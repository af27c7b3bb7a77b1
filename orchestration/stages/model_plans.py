"""Which models a client's policy asks for, the weights they run on, and what came of asking them.

Belongs here: everything about models between the policy and their forecasts. Does not belong here: any model
(``forecasting_lib.models``), which of them leads and what is published (``forecast_runs``). torch and chronos
are imported only when a Chronos-2 is asked to predict.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Any

from forecasting_lib.covariates import COVARIATES, without_shut_days
from forecasting_lib.grain import Grain
from forecasting_lib.models.guards import guarded_predict, taught
from forecasting_lib.models.interface import Forecaster, Learner
from forecasting_lib.models.registry import create_model, missing_package, model_entry, unfit_because
from forecasting_lib.models.weights import ResolvedWeights, WeightsUnavailable
from forecasting_lib.models.workers import THIS_PROCESS, Workers
from forecasting_lib.new_items.layer import with_profiles
from forecasting_lib.panel import Forecast, Panel
from orchestration.clients import Client
from orchestration.reading.covariate_worth import JudgedCovariate
from orchestration.reading.histories import DemandHistory
from orchestration.reading.tuned_weights import client_weights
from orchestration.settings import Settings

COMPARED = ("ma7", "hist_q")
"""Run behind every policy, where they fit the grain: there is always a forecast to compare with."""

STAND_IN = "hist_q"
"""Leads where the models that a policy prefers do not fit weeks or months."""


@dataclass(frozen=True)
class PlannedModel:
    """A model of the policy with the weights it would run on, or the reason why it cannot run.

    Attributes:
        model: its name.
        weights: it would run on; None of a model without.
        skipped_because: it cannot run.
        judged: what past origins said of a covariate, by its name; one that is not there was not judged.
    """

    model: str
    weights: ResolvedWeights | None = None
    skipped_because: str | None = None
    judged: Mapping[str, JudgedCovariate] = field(default_factory=dict)

    def forecaster(self, **options: Any) -> Forecaster:
        """The model itself, with these settings beyond its weights; nothing is loaded before it predicts."""
        weights = {"path": self.weights.path} if self.weights else {}
        return create_model(self.model, **weights, **options)

    @property
    def uses_covariates(self) -> bool:
        """Whether promotions, prices and holidays reach the forecast."""
        return self.skipped_because is None and self.forecaster().uses_covariates

    @property
    def left_out(self) -> frozenset[str]:
        """The covariates that the model is not told of, because past origins say that they do not help."""
        return frozenset(name for name, row in self.judged.items() if not row.is_used)


@dataclass(frozen=True)
class ModelOutcome:
    """What came of a planned model: a forecast, or none where it was skipped.

    Attributes:
        plan: what was planned.
        forecast: of all series.
        seconds: it took.
        learned_digest: SHA-256 of what it learned from the panel; None of a model that learns nothing.
    """

    plan: PlannedModel
    forecast: Forecast | None = None
    seconds: float = 0.0
    learned_digest: str | None = None

    @property
    def model(self) -> str:
        return self.plan.model


def models_to_run(policy: Sequence[str], grain: Grain) -> list[str]:
    """The client's policy, and the models behind it that every forecast is compared with."""
    compared = [m for m in COMPARED if m not in policy and unfit_because(m, grain) is None]
    return [*policy, *compared]


def plan_models(client: Client, settings: Settings, grain: Grain) -> list[PlannedModel]:
    """Find the weights of every model of the policy; one without them or its package, or unfit, is skipped.

    Of weeks and months, where the first of the policy are skipped, ``STAND_IN`` comes before the rest, unless
    the policy itself has a place for it.
    """
    plans = [_plan(client, settings, model, grain) for model in models_to_run(client.models, grain)]
    if grain is Grain.DAY or STAND_IN in client.models:
        return plans
    passed_over = list(takewhile(lambda plan: plan.skipped_because is not None, plans))
    rest = plans[len(passed_over) :]
    if not passed_over:
        return plans
    return [*passed_over, *sorted(rest, key=lambda plan: plan.model != STAND_IN)]


def _plan(client: Client, settings: Settings, model: str, grain: Grain) -> PlannedModel:
    weights = None
    if model_entry(model).needs_weights and unfit_because(model, grain) is None:
        try:
            weights = client_weights(settings, client.client_id)
        except WeightsUnavailable as error:
            return PlannedModel(model, skipped_because=str(error))
    unable = unfit_because(model, grain, weights) or missing_package(model)
    return PlannedModel(model, None if unable else weights, unable)


def run_models(
    history: DemandHistory,
    client: Client,
    plans: Sequence[PlannedModel],
    log: Callable[[str], None],
    workers: Workers = THIS_PROCESS,
) -> list[ModelOutcome]:
    """Ask every planned model that can run; one with weights is answered by the workers."""
    outcomes = []
    grain, horizon = history.panel.grain, client.horizon(history.panel.grain)
    for plan in plans:
        if plan.skipped_because is not None:
            log(f"{plan.model} is skipped: {plan.skipped_because}")
            outcomes.append(ModelOutcome(plan))
            continue
        options: dict[str, Any] = {"workers": workers} if plan.weights else {}
        if model_entry(plan.model).reports_progress:
            options["progress"] = _progress(plan.model, log)
        started = time.monotonic()
        panel = panel_for(plan, history.panel)
        model = taught(plan.forecaster(**options), panel, horizon)
        forecast = guarded_predict(model, panel, horizon)
        if history.shut_ahead is not None:
            forecast = without_shut_days(forecast, history.shut_ahead)
        if history.kin is not None:
            forecast = with_profiles(forecast, history.panel, history.kin, history.shut_ahead)
        seconds = time.monotonic() - started
        log(f"{plan.model}: {len(history.panel)} series, {horizon} {grain.periods}, in {seconds:.1f} s")
        learned = model.digest if isinstance(model, Learner) else None
        outcomes.append(ModelOutcome(plan, forecast, seconds, learned))
    return outcomes


def panel_for(plan: PlannedModel, panel: Panel) -> Panel:
    """What a model is shown: covariates only where it uses them, for the guards would clean them all."""
    if not plan.uses_covariates:
        return replace(panel, past_covariates={}, future_covariates={})
    if plan.left_out.isdisjoint(panel.past_covariates):
        return panel
    past, future = (
        {name: rows for name, rows in covariates.items() if name not in plan.left_out}
        for covariates in (panel.past_covariates, panel.future_covariates)
    )
    return replace(panel, past_covariates=past, future_covariates=future)


def settings_of(plan: PlannedModel, panel: Panel) -> dict[str, Any]:
    """The model's settings, and the covariates it was shown with where their days ahead come from.

    Beside them what each that there is was worth at past origins.
    """
    shown = panel_for(plan, panel)
    covariates = {
        name: str(COVARIATES[name].ahead) if name in shown.future_covariates else "past only"
        for name in shown.past_covariates
    }
    worth = {name: _worth(plan.judged.get(name)) for name in panel.past_covariates}
    return {
        **model_entry(plan.model).settings,
        **({"covariates": covariates} if covariates else {}),
        **({"covariate_worth": worth} if worth and plan.uses_covariates else {}),
    }


def _worth(row: JudgedCovariate | None) -> dict[str, Any]:
    if row is None:
        return {"verdict": "not_judged"}
    return {
        "verdict": row.verdict,
        "gain": row.gain,
        "standard_error": row.standard_error,
        "own_gain": row.own_gain,
        "own_standard_error": row.own_standard_error,
        "judged_through": row.last_origin_date.isoformat(),
    }


def _progress(model: str, log: Callable[[str], None]) -> Callable[[int, int], None]:
    """Log every tenth of the series."""
    reported = 0

    def report(done: int, total: int) -> None:
        nonlocal reported
        if done * 10 // max(total, 1) > reported:
            reported = done * 10 // max(total, 1)
            log(f"{model}: {done} of {total} series")

    return report
