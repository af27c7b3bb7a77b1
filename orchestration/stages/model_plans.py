"""Which models a client's policy asks for, the weights they run on, and what came of asking them.

Belongs here: everything about models between the policy and their forecasts. Does not belong here: any model
(``forecasting_lib.models``), which of them leads and what is published (``forecast_runs``). torch and chronos
are imported only when a Chronos-2 is asked to predict.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from forecasting_lib.covariates import COVARIATES, without_shut_days
from forecasting_lib.models.guards import guarded_predict
from forecasting_lib.models.interface import Forecaster
from forecasting_lib.models.registry import create_model, model_entry
from forecasting_lib.models.weights import ResolvedWeights, WeightsUnavailable
from forecasting_lib.panel import Forecast, Panel
from orchestration.clients import Client
from orchestration.reading.histories import DemandHistory
from orchestration.reading.tuned_weights import client_weights
from orchestration.settings import Settings

BASELINE = "ma7"


@dataclass(frozen=True)
class PlannedModel:
    """A model of the policy with the weights it would run on, or the reason why it cannot run."""

    model: str
    weights: ResolvedWeights | None = None
    skipped_because: str | None = None

    def forecaster(self, **options: Any) -> Forecaster:
        """The model itself, with these settings beyond its weights; nothing is loaded before it predicts."""
        weights = {"path": self.weights.path} if self.weights else {}
        return create_model(self.model, **weights, **options)

    @property
    def uses_covariates(self) -> bool:
        """Whether promotions, prices and holidays reach the forecast."""
        return self.skipped_because is None and self.forecaster().uses_covariates


@dataclass(frozen=True)
class ModelOutcome:
    """What came of a planned model: a forecast, or none where it was skipped."""

    plan: PlannedModel
    forecast: Forecast | None = None
    seconds: float = 0.0

    @property
    def model(self) -> str:
        return self.plan.model


def models_to_run(policy: Sequence[str]) -> list[str]:
    """The client's policy, and the baseline behind it: there is always a forecast to compare with."""
    return [*policy, *([] if BASELINE in policy else [BASELINE])]


def plan_models(client: Client, settings: Settings) -> list[PlannedModel]:
    """Find the weights of every model of the policy; one without is skipped, with the reason."""
    plans = []
    for model in models_to_run(client.models):
        if not model_entry(model).needs_weights:
            plans.append(PlannedModel(model))
            continue
        try:
            plans.append(PlannedModel(model, client_weights(settings, client.client_id)))
        except WeightsUnavailable as error:
            plans.append(PlannedModel(model, skipped_because=str(error)))
    return plans


def run_models(
    history: DemandHistory, client: Client, plans: Sequence[PlannedModel], log: Callable[[str], None]
) -> list[ModelOutcome]:
    """Ask every planned model that can run."""
    outcomes = []
    for plan in plans:
        if plan.skipped_because is not None:
            log(f"{plan.model} is skipped: {plan.skipped_because}")
            outcomes.append(ModelOutcome(plan))
            continue
        options = {"progress": _progress(plan.model, log)} if plan.weights else {}
        started = time.monotonic()
        forecast = guarded_predict(
            plan.forecaster(**options), panel_for(plan, history.panel), client.horizon_days
        )
        if history.shut_ahead is not None:
            forecast = without_shut_days(forecast, history.shut_ahead)
        seconds = time.monotonic() - started
        log(f"{plan.model}: {len(history.panel)} series, {client.horizon_days} days, in {seconds:.1f} s")
        outcomes.append(ModelOutcome(plan, forecast, seconds))
    return outcomes


def panel_for(plan: PlannedModel, panel: Panel) -> Panel:
    """What a model is shown: covariates only where it uses them, for the guards would clean them all."""
    return panel if plan.uses_covariates else replace(panel, past_covariates={}, future_covariates={})


def settings_of(plan: PlannedModel, panel: Panel) -> dict[str, Any]:
    """The model's settings, and the covariates it was shown with where their days ahead come from."""
    shown = panel_for(plan, panel)
    covariates = {
        name: str(COVARIATES[name].ahead) if name in shown.future_covariates else "past only"
        for name in shown.past_covariates
    }
    return {**model_entry(plan.model).settings, **({"covariates": covariates} if covariates else {})}


def _progress(model: str, log: Callable[[str], None]) -> Callable[[int, int], None]:
    """Log every tenth of the series."""
    reported = 0

    def report(done: int, total: int) -> None:
        nonlocal reported
        if done * 10 // max(total, 1) > reported:
            reported = done * 10 // max(total, 1)
            log(f"{model}: {done} of {total} series")

    return report
