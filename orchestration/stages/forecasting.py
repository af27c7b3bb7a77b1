"""The forecasting stage: every model of the client's policy, published together as one run.

Belongs here: the asset, which models run and which one leads, the transaction that publishes. Does not
belong here: any model (``forecasting_lib.models``). torch and chronos are imported only when a Chronos-2 is
asked to predict.
"""

import hashlib
import json
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import dagster as dg
import numpy as np
import polars as pl
import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from forecasting_lib.accuracy.metrics import mase_scale, rmsse_scale
from forecasting_lib.covariates import COVARIATES, without_shut_days
from forecasting_lib.models.guards import guarded_predict, history_notes
from forecasting_lib.models.interface import Forecaster
from forecasting_lib.models.registry import create_model, model_entry
from forecasting_lib.models.weights import ResolvedWeights, WeightsUnavailable
from forecasting_lib.panel import Forecast, Panel
from orchestration import audit
from orchestration.clients import CLIENT_PARTITIONS, Client, get_client
from orchestration.reading.histories import (
    SERIES_COLUMNS,
    DemandHistory,
    last_demand_day,
    read_forecast,
    read_history,
)
from orchestration.reading.known_facts import history_with_covariates, history_with_shut_days
from orchestration.reading.tuned_weights import client_weights
from orchestration.resources import DATABASE_RETRIES, Installation
from orchestration.settings import Settings
from orchestration.stages.checks import forecast_problems
from orchestration.stages.demand import DEMAND_KEYS
from orchestration.stages.pictures import forecast_picture
from orchestration.stages.provenance import code_version
from orchestration.table_assets import table_key, table_spec
from orchestration.warehouse.bulk import insert_frame
from orchestration.warehouse.locks import Purpose, lock_transaction
from orchestration.warehouse.server import Warehouse
from orchestration.warehouse.tables import analytics

RUNS_KEY = table_key(analytics.forecast_runs)
SERIES_KEY = table_key(analytics.forecast_series)
RESULTS_KEY = table_key(analytics.forecast_results)

BASELINE = "ma7"


class AsOf(dg.Config):
    """What a planner may choose for one run."""

    as_of_date: str | None = None
    """Last day the models may see, ISO; unset means the last complete day of demand."""


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


@dataclass(frozen=True)
class ForecastRun:
    """One execution of the stage: what every model of the policy made of the same history.

    Attributes:
        client: whose forecast it is.
        history: what the models saw.
        outcomes: one per model of ``models_to_run``, in that order.
        input_digest: digest of everything the outcomes depend on.
        dagster_run_id: the run in the Dagster UI.
        run_id: the key of its rows.
    """

    client: Client
    history: DemandHistory
    outcomes: Sequence[ModelOutcome]
    input_digest: str
    dagster_run_id: str
    run_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def champion(self) -> ModelOutcome | None:
        """The model that leads: the first of the client's policy that has a forecast."""
        return next((o for o in self.outcomes if o.forecast is not None), None)

    def reason(self, outcome: ModelOutcome) -> str:
        """Why a model was chosen, not chosen or skipped, as a sentence for the planner."""
        if outcome.plan.skipped_because is not None:
            return f"Skipped: {outcome.plan.skipped_because}"
        remarks = " ".join(outcome.plan.weights.warnings) if outcome.plan.weights else ""
        if not outcome.plan.uses_covariates:
            remarks = f"It does not use promotions, prices or holidays. {remarks}"
        champion = self.champion
        if champion is None or outcome is champion:
            skipped = [o.model for o in self.outcomes[: self.outcomes.index(outcome)]]
            passed_over = f" that ran; {', '.join(skipped)} did not" if skipped else ""
            return f"Leads: the first model of the client's policy{passed_over}. {remarks}".strip()
        return f"Published for comparison; {champion.model} comes before it in the policy. {remarks}".strip()


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


def digest_of_inputs(client: Client, history: DemandHistory, plans: Sequence[PlannedModel]) -> str:
    """SHA-256 of all that a forecast depends on: demand, covariates, the horizon, models, weights, code."""
    panel = history.panel
    choices = {
        "as_of_date": panel.as_of_date.isoformat(),
        "horizon_days": client.horizon_days,
        "models": [[p.model, p.weights.digest if p.weights else None] for p in plans],
        "code_version": code_version(),
        "series": history.keys.rows(),
        "ended": history.ended.rows(),
        "lengths": [len(h) for h in panel.history],
        "past_covariates": list(panel.past_covariates),
        "future_covariates": list(panel.future_covariates),
    }
    digest = hashlib.sha256(json.dumps(choices).encode())
    for rows in (panel.history, *panel.past_covariates.values(), *panel.future_covariates.values()):
        for series in rows:
            digest.update(series.tobytes())
    if history.shut_ahead is not None:
        digest.update(history.shut_ahead.tobytes())
    return digest.hexdigest()


def standing_run(
    warehouse: Warehouse, client_id: str, as_of_date: date, digest: str
) -> tuple[str, str] | None:
    """(run id, champion) of the current run where it was made from these inputs; None where it was not."""
    with warehouse.transaction() as connection:
        row = connection.execute(
            """
            select run_id::text, model from analytics.forecast_runs
            where client_id = %s and as_of_date = %s and input_digest = %s and is_current and is_champion
            """,
            (client_id, as_of_date, digest),
        ).fetchone()
    return None if row is None else (row[0], row[1])


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


def run_problems(run: ForecastRun) -> dict[str, list[str]]:
    """Reasons not to publish, by model; empty where all forecasts are sound."""
    found = {
        o.model: forecast_problems(o.forecast, run.history.panel, run.client.horizon_days)
        for o in run.outcomes
        if o.forecast is not None
    }
    return {model: problems for model, problems in found.items() if problems}


def series_rows(forecast: Forecast, history: DemandHistory) -> pl.DataFrame:
    """One row per series: forecast, replaced or excluded, what the model saw, and its error scales."""
    panel = history.panel
    remarks = [reason or note for reason, note in zip(forecast.reasons, history_notes(panel), strict=True)]
    statuses = ["forecast" if reason is None else "replaced" for reason in forecast.reasons]
    active = history.keys.select(SERIES_COLUMNS).with_columns(
        pl.Series("status", statuses, dtype=pl.String),
        pl.Series("reason", remarks, dtype=pl.String),
        pl.Series("history_days", [len(h) for h in panel.history], dtype=pl.Int64),
        pl.Series("observed_days", [int(np.isfinite(h).sum()) for h in panel.history], dtype=pl.Int64),
        pl.Series("mase_scale", [mase_scale(h) or None for h in panel.history], dtype=pl.Float64),
        pl.Series("rmsse_scale", [rmsse_scale(h) or None for h in panel.history], dtype=pl.Float64),
    )
    ended = history.ended.with_columns(
        pl.lit("excluded").alias("status"),
        pl.lit("ENDED").alias("reason"),
        pl.lit(0, pl.Int64).alias("history_days"),
        pl.lit(0, pl.Int64).alias("observed_days"),
    )
    return pl.concat([active, ended], how="diagonal")


def publish(warehouse: Warehouse, run: ForecastRun) -> None:
    """Write a forecast run, all models in one transaction, and make it the current one."""
    client_id, as_of_date = run.client.client_id, run.history.panel.as_of_date
    with warehouse.transaction() as connection:
        lock_transaction(connection, Purpose.FORECAST, client_id)
        connection.execute(
            """
            update analytics.forecast_runs set is_current = false
            where client_id = %s and as_of_date = %s and is_current
            """,
            (client_id, as_of_date),
        )
        for outcome in run.outcomes:
            _publish_model(connection, run, outcome)
        audit.record(
            connection,
            "publish",
            f"forecast run {run.run_id}",
            client_id=client_id,
            run_id=run.dagster_run_id,
            row_count=sum(o.forecast.mean.size for o in run.outcomes if o.forecast is not None),
            as_of_date=as_of_date.isoformat(),
            champion=run.champion.model if run.champion else None,
        )


def _publish_model(connection: psycopg.Connection[Any], run: ForecastRun, outcome: ModelOutcome) -> None:
    forecast, weights = outcome.forecast, outcome.plan.weights
    row = {
        "client_id": run.client.client_id,
        "run_id": run.run_id,
        "model": outcome.model,
        "as_of_date": run.history.panel.as_of_date,
        "horizon_days": run.client.horizon_days,
        "status": "skipped" if forecast is None else "published",
        "is_current": forecast is not None,
        "is_champion": outcome is run.champion,
        "reason": run.reason(outcome),
        "model_id": weights.model_id if weights else outcome.model,
        "weights_source": str(weights.source) if weights else None,
        "weights_digest": weights.digest if weights else None,
        "code_version": code_version(),
        "input_watermark": run.history.input_watermark,
        "input_digest": run.input_digest,
        "settings": Jsonb(settings_of(outcome.plan, run.history.panel)),
        "n_series": 0 if forecast is None else len(forecast.series_ids),
        "n_replaced": 0 if forecast is None else sum(r is not None for r in forecast.reasons),
        "dagster_run_id": run.dagster_run_id,
        "duration_seconds": outcome.seconds,
    }
    connection.execute(
        sql.SQL("insert into analytics.forecast_runs ({}) values ({})").format(
            sql.SQL(", ").join(map(sql.Identifier, row)), sql.SQL(", ").join(map(sql.Placeholder, row))
        ),
        row,
    )
    if forecast is None:
        return
    identity = [pl.lit(row[name]).alias(name) for name in ("client_id", "run_id", "model")]
    series = series_rows(forecast, run.history).with_columns(identity)
    insert_frame(connection, "analytics.forecast_series", series)
    days = forecast.to_frame().join(run.history.keys, on="series_id", maintain_order="left")
    insert_frame(connection, "analytics.forecast_results", days.drop("series_id").with_columns(identity))


def chosen_as_of(warehouse: Warehouse, client_id: str, wanted: str | None) -> date:
    """The as-of date of a run.

    Raises:
        dagster.Failure: no demand yet, not a date, or a date after the last complete day.
    """
    last = last_demand_day(warehouse, client_id)
    if last is None:
        raise dg.Failure(f"{client_id} has no demand yet: deliver a sales file first.", allow_retries=False)
    if wanted is None:
        return last
    try:
        chosen = date.fromisoformat(wanted)
    except ValueError as error:
        raise dg.Failure(
            f"as_of_date {wanted!r} is not an ISO date such as 2026-03-31.", allow_retries=False
        ) from error
    if chosen > last:
        raise dg.Failure(
            f"as_of_date {chosen} lies after the last complete day of demand, {last}.", allow_retries=False
        )
    return chosen


@dg.multi_asset(
    name="forecasts",
    partitions_def=CLIENT_PARTITIONS,
    specs=[
        table_spec(table, "forecasting", deps=DEMAND_KEYS)
        for table in (analytics.forecast_runs, analytics.forecast_series, analytics.forecast_results)
    ],
    check_specs=[
        dg.AssetCheckSpec(
            "output_is_sound",
            asset=RESULTS_KEY,
            blocking=True,
            description="Finite, non-negative, sorted, complete, in a sane band; else nothing is published.",
        ),
        dg.AssetCheckSpec(
            "preferred_model_ran",
            asset=RUNS_KEY,
            description="The client's first choice of model ran on its own weights.",
        ),
    ],
    pool="chronos",
    retry_policy=DATABASE_RETRIES,
)
def forecasts(
    context: dg.AssetExecutionContext, config: AsOf, installation: Installation
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """Forecast every active series with every model of the client's policy."""
    warehouse = installation.warehouse
    client = get_client(warehouse, context.partition_key)
    as_of_date = chosen_as_of(warehouse, client.client_id, config.as_of_date)
    history = read_history(warehouse, client.client_id, as_of_date)
    plans = plan_models(client, installation.settings)
    history = history_with_shut_days(warehouse, client.client_id, history, client.horizon_days)
    if any(plan.uses_covariates for plan in plans):
        history = history_with_covariates(warehouse, client.client_id, history, client.horizon_days)
    digest = digest_of_inputs(client, history, plans)
    standing = standing_run(warehouse, client.client_id, as_of_date, digest)
    if standing is not None:
        context.log.info(f"Run {standing[0]} was made from the same inputs; it stands.")
        yield from _report_standing(warehouse, client.client_id, history, plans, standing)
        return
    outcomes = run_models(history, client, plans, context.log.info)
    run = ForecastRun(client, history, outcomes, digest, context.run_id)
    problems = run_problems(run)
    yield dg.AssetCheckResult(
        asset_key=RESULTS_KEY,
        check_name="output_is_sound",
        passed=not problems,
        metadata={"problems": problems},
    )
    if problems:
        raise dg.Failure(f"Nothing was published: {problems}", allow_retries=False)
    publish(warehouse, run)
    yield from _report(run)


def _report(run: ForecastRun) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """What the UI shows of a published run."""
    champion = run.champion
    yield _preferred_model_check(run.outcomes[0].plan)
    yield dg.MaterializeResult(
        asset_key=RUNS_KEY,
        metadata={
            "run_id": run.run_id,
            "as_of_date": run.history.panel.as_of_date.isoformat(),
            "champion": champion.model if champion else "none",
            "models": dg.MetadataValue.md(
                "\n".join(f"* **{o.model}**: {run.reason(o)}" for o in run.outcomes)
            ),
        },
    )
    lead = champion.forecast if champion else None
    yield dg.MaterializeResult(
        asset_key=SERIES_KEY,
        metadata={
            "series": len(run.history.panel),
            "ended_series": run.history.ended.height,
            "replaced_by_guards": sum(r is not None for r in lead.reasons) if lead else 0,
        },
    )
    rows = sum(o.forecast.mean.size for o in run.outcomes if o.forecast)
    yield dg.MaterializeResult(
        asset_key=RESULTS_KEY,
        metadata={"dagster/row_count": rows, **(_shape(run.history, lead) if lead else {})},
    )


def _report_standing(
    warehouse: Warehouse,
    client_id: str,
    history: DemandHistory,
    plans: Sequence[PlannedModel],
    standing: tuple[str, str],
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """What the UI shows where the current run stands: the same, and that nothing was computed."""
    run_id, champion = standing
    forecast, _ = read_forecast(warehouse, client_id, run_id, champion)
    unchanged = {"run_id": run_id, "champion": champion, "unchanged": "same inputs; the current run stands"}
    yield dg.AssetCheckResult(
        asset_key=RESULTS_KEY, check_name="output_is_sound", passed=True, metadata=unchanged
    )
    yield _preferred_model_check(plans[0])
    yield dg.MaterializeResult(asset_key=RUNS_KEY, metadata=unchanged)
    yield dg.MaterializeResult(asset_key=SERIES_KEY, metadata={**unchanged, "series": len(history.panel)})
    yield dg.MaterializeResult(asset_key=RESULTS_KEY, metadata={**unchanged, **_shape(history, forecast)})


def _preferred_model_check(first: PlannedModel) -> dg.AssetCheckResult:
    warnings = [first.skipped_because or "", *(first.weights.warnings if first.weights else ())]
    return dg.AssetCheckResult(
        asset_key=RUNS_KEY,
        check_name="preferred_model_ran",
        passed=not any(warnings),
        severity=dg.AssetCheckSeverity.WARN,
        description=" ".join(warnings).strip() or f"{first.model} ran as the client's first choice.",
    )


def _shape(history: DemandHistory, lead: Forecast) -> dict[str, Any]:
    """The leading forecast as a number to plot and a picture to look at."""
    titles = {series_id: f"{item} at {location}" for series_id, item, location in history.keys.iter_rows()}
    return {
        "expected_units_per_day": float(lead.mean.sum()) / lead.horizon,
        "picture": dg.MetadataValue.md(forecast_picture(history.panel, lead, titles)),
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
