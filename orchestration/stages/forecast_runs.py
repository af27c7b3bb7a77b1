"""A forecast run: what every model of the policy made of one history, and how it is published.

Belongs here: which model leads and why, what a run depends on, the rows of a run and the transaction that
publishes them. Does not belong here: how models are chosen and asked (``model_plans``), the asset
(``forecasting``).
"""

import hashlib
import json
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
import psycopg
from psycopg.types.json import Jsonb

from forecasting_lib.accuracy.metrics import rmsse_scale, seasonal_scale
from forecasting_lib.backtesting.composition import COMPOSED
from forecasting_lib.grain import Grain
from forecasting_lib.models.guards import history_notes
from forecasting_lib.panel import Forecast
from orchestration import audit
from orchestration.clients import Client
from orchestration.reading.good_forecasts import GoodForecast
from orchestration.reading.histories import SERIES_COLUMNS, DemandHistory
from orchestration.reading.relatives import told_of
from orchestration.stages.band_gate import Gate
from orchestration.stages.checks import forecast_problems
from orchestration.stages.composing import Composition
from orchestration.stages.covariate_use import said_of_covariates
from orchestration.stages.model_plans import ModelOutcome, PlannedModel, settings_of
from orchestration.stages.provenance import code_version
from orchestration.stages.publishing import claimed, insert_row, supersede
from orchestration.warehouse.bulk import insert_frames
from orchestration.warehouse.locks import Purpose
from orchestration.warehouse.server import Warehouse
from orchestration.warehouse.tables import analytics

_SERIES_PER_BLOCK = 2048
"""Written together: of four weeks, rows of 12 MB."""


@dataclass(frozen=True)
class ForecastRun:
    """One execution of the stage: what every model of the policy made of the same history.

    Attributes:
        client: whose forecast it is.
        history: what the models saw.
        outcomes: one per model of ``models_to_run``, in that order.
        input_digest: digest of everything the outcomes depend on.
        dagster_run_id: the run in the Dagster UI.
        composition: what the current backtest makes of the outcomes; None without one, or where the client's
            policy has its first model lead.
        gate: whether its bands may be planned on, and which forecast stands in; None without a composition.
        run_id: the key of its rows.
    """

    client: Client
    history: DemandHistory
    outcomes: Sequence[ModelOutcome]
    input_digest: str
    dagster_run_id: str
    composition: Composition | None = None
    gate: Gate | None = None
    run_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def preferred(self) -> ModelOutcome | None:
        """The first of the client's policy that has a forecast."""
        return next((o for o in self.outcomes if o.forecast is not None), None)

    @property
    def champion(self) -> ModelOutcome | None:
        """What orders rest on: the composition, or the preferred model where there is none."""
        return self.published[0] if self.composition is not None else self.preferred

    @property
    def stand_in(self) -> GoodForecast | None:
        """What is used in its place; None where it is not held back."""
        return None if self.gate is None else self.gate.stand_in

    @property
    def published(self) -> Sequence[ModelOutcome]:
        """All that has a row: the composition, where there is one, before the models."""
        if self.composition is None:
            return self.outcomes
        return [ModelOutcome(PlannedModel(COMPOSED), self.composition.forecast), *self.outcomes]

    def reason(self, outcome: ModelOutcome) -> str:
        """Why a model was chosen, not chosen or skipped, as a sentence for the planner."""
        if outcome.model == COMPOSED:
            return self._composed_of()
        if outcome.plan.skipped_because is not None:
            return f"Skipped: {outcome.plan.skipped_because}"
        remarks = " ".join(outcome.plan.weights.warnings) if outcome.plan.weights else ""
        grain = self.history.panel.grain
        if grain is not Grain.DAY:
            remarks = f"Promotions, prices and holidays are not used for {grain.periods}. {remarks}"
        elif not outcome.plan.uses_covariates:
            remarks = f"It does not use promotions, prices or holidays. {remarks}"
        else:
            said = said_of_covariates(outcome.plan, self.history.panel)
            remarks = " ".join(filter(None, (said, remarks)))
        if self.composition is not None:
            series = Counter(self.composition.made_by)[outcome.model]
            return f"Leads for {series:,} of {len(self.history.panel):,} series by itself. {remarks}".strip()
        champion = self.champion
        if champion is None or outcome is champion:
            skipped = [o.model for o in self.outcomes[: self.outcomes.index(outcome)]]
            passed_over = f" that ran; {', '.join(skipped)} did not" if skipped else ""
            return f"Leads: the first model of the client's policy{passed_over}. {remarks}".strip()
        return f"Published for comparison; {champion.model} comes before it in the policy. {remarks}".strip()

    def _composed_of(self) -> str:
        assert self.composition is not None
        made_by = Counter(self.composition.made_by).most_common()
        members = ", ".join(f"{model} for {series:,}" for model, series in made_by)
        composed = f"Each series by the model that past days favour, calibrated: {members}."
        return f"{composed} {self.gate.sentence if self.gate else ''}".strip()


def digest_of_inputs(
    client: Client,
    history: DemandHistory,
    plans: Sequence[PlannedModel],
    backtest_run_id: str | None = None,
    stand_in_run_id: str | None = None,
) -> str:
    """SHA-256 of all a forecast depends on: demand, covariates, horizon, models, weights, choices, code.

    Which run stands in for it is part of that: it decides whether the forecast is used.
    """
    panel = history.panel
    choices = {
        "as_of_date": panel.as_of_date.isoformat(),
        "grain": str(panel.grain),
        "horizon": client.horizon(panel.grain),
        "models": [[p.model, p.weights.digest if p.weights else None] for p in plans],
        "worth": [
            [p.model, name, row.verdict, row.gain, row.own_gain]
            for p in plans
            for name, row in sorted(p.judged.items())
        ],
        "backtest": backtest_run_id,
        "stand_in": stand_in_run_id,
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
    for part in told_of(history.kin):
        digest.update(part)
    return digest.hexdigest()


def run_problems(run: ForecastRun) -> dict[str, list[str]]:
    """Reasons not to publish, by model; empty where all forecasts are sound."""
    panel = run.history.panel
    found = {
        o.model: forecast_problems(o.forecast, panel, run.client.horizon(panel.grain))
        for o in run.published
        if o.forecast is not None
    }
    return {model: problems for model, problems in found.items() if problems}


def history_rows(history: DemandHistory) -> pl.DataFrame:
    """What is known of each series whatever the model: one row per active series, then the ended ones.

    Returns:
        ``item_id, location_id, reason, history_days, observed_days, mase_scale, rmsse_scale, has_ended``;
        the reason is the history's own.
    """
    panel = history.panel
    scales = [seasonal_scale(h, panel.grain) or None for h in panel.history]
    active = history.keys.select(SERIES_COLUMNS).with_columns(
        pl.Series("reason", history_notes(panel), dtype=pl.String),
        pl.Series("history_days", [len(h) for h in panel.history], dtype=pl.Int64),
        pl.Series("observed_days", [int(np.isfinite(h).sum()) for h in panel.history], dtype=pl.Int64),
        pl.Series("mase_scale", scales, dtype=pl.Float64),
        pl.Series("rmsse_scale", [rmsse_scale(h) or None for h in panel.history], dtype=pl.Float64),
        pl.lit(False).alias("has_ended"),
    )
    ended = history.ended.with_columns(
        pl.lit("ENDED").alias("reason"),
        pl.lit(0, pl.Int64).alias("history_days"),
        pl.lit(0, pl.Int64).alias("observed_days"),
        pl.lit(True).alias("has_ended"),
    )
    return pl.concat([active, ended], how="diagonal")


def series_rows(
    forecast: Forecast, seen: pl.DataFrame, composition: Composition | None = None
) -> pl.DataFrame:
    """One row per series: forecast, replaced or excluded, what the model saw, and its error scales.

    Args:
        forecast: of the active series.
        seen: as :func:`history_rows` returns it.
        composition: where the forecast is made of several models'.
    """
    n = len(forecast.reasons)
    behind = [None] * (seen.height - n)
    replaced = pl.Series([*forecast.reasons, *behind], dtype=pl.String)
    noted = pl.Series([*(forecast.notes or [None] * n), *behind], dtype=pl.String)
    made_by = [None] * n if composition is None else composition.made_by
    choices = [None] * n if composition is None else composition.choices
    raw = np.full(n, np.nan) if forecast.raw_mean is None else forecast.raw_mean.mean(axis=1)
    status = (
        pl.when("has_ended")
        .then(pl.lit("excluded"))
        .otherwise(pl.when(replaced.is_not_null()).then(pl.lit("replaced")).otherwise(pl.lit("forecast")))
    )
    return seen.with_columns(
        status.alias("status"),
        pl.coalesce(replaced, noted, "reason").alias("reason"),
        pl.Series("raw_mean_qty", [*raw, *behind], dtype=pl.Float64).fill_nan(None),
        pl.Series("made_by", [*made_by, *behind], dtype=pl.String),
        pl.Series("choice", [*choices, *behind], dtype=pl.String),
    ).drop("has_ended")


def publish(warehouse: Warehouse, run: ForecastRun) -> None:
    """Write a forecast run, all models in one transaction; it is the current one unless it is held back.

    A run that is held back takes the place of an earlier one of its as-of date, too, but for the one that
    stands in for it.
    """
    client_id, as_of_date = run.client.client_id, run.history.panel.as_of_date
    with claimed(warehouse, Purpose.FORECAST, client_id) as connection:
        if run.stand_in is not None and run.stand_in.as_of_date == as_of_date:
            audit.record(
                connection,
                "publish",
                f"forecast run {run.run_id}",
                client_id=client_id,
                run_id=run.dagster_run_id,
                row_count=_insert_run(connection, run),
                as_of_date=as_of_date.isoformat(),
                stand_in=run.stand_in.run_id,
            )
            return
        supersede(
            connection,
            analytics.forecast_runs,
            {"client_id": client_id, "as_of_date": as_of_date},
            lambda: _insert_run(connection, run),
            action="publish",
            subject=f"forecast run {run.run_id}",
            dagster_run_id=run.dagster_run_id,
            as_of_date=as_of_date.isoformat(),
            champion=run.champion.model if run.champion else None,
            stand_in=run.stand_in.run_id if run.stand_in else None,
        )


def _insert_run(connection: psycopg.Connection[Any], run: ForecastRun) -> int:
    """Write all models of a run; returns the rows of its forecasts."""
    seen = history_rows(run.history)
    for outcome in run.published:
        _insert_model(connection, run, outcome, seen)
    return sum(o.forecast.mean.size for o in run.published if o.forecast is not None)


def _insert_model(
    connection: psycopg.Connection[Any], run: ForecastRun, outcome: ModelOutcome, seen: pl.DataFrame
) -> None:
    forecast, weights = outcome.forecast, outcome.plan.weights
    composition = run.composition if outcome.model == COMPOSED else None
    gate = run.gate if composition else None
    lead = run.champion if run.stand_in is None else None
    panel = run.history.panel
    *_, days_ahead = panel.grain.lag_days(panel.as_of_date, run.client.horizon(panel.grain))
    row = {
        "client_id": run.client.client_id,
        "run_id": run.run_id,
        "model": outcome.model,
        "as_of_date": panel.as_of_date,
        "grain": str(panel.grain),
        "horizon_days": days_ahead,
        "status": "skipped" if forecast is None else "published",
        "is_current": forecast is not None and run.stand_in is None,
        "is_champion": lead is not None and outcome.model == lead.model,
        "reason": run.reason(outcome),
        "model_id": weights.model_id if weights else outcome.model,
        "weights_source": str(weights.source) if weights else None,
        "weights_digest": weights.digest if weights else outcome.learned_digest,
        "code_version": code_version(),
        "input_watermark": run.history.input_watermark,
        "input_digest": run.input_digest,
        "backtest_run_id": composition.backtest_run_id if composition else None,
        "bands_hold": gate.bands.hold if gate else None,
        "bands_problem": " ".join(gate.bands.problems) or None if gate else None,
        "stand_in_run_id": run.stand_in.run_id if composition and run.stand_in else None,
        "settings": Jsonb({} if composition else settings_of(outcome.plan, panel)),
        "n_series": 0 if forecast is None else len(forecast.series_ids),
        "n_replaced": 0 if forecast is None else sum(r is not None for r in forecast.reasons),
        "dagster_run_id": run.dagster_run_id,
        "duration_seconds": outcome.seconds,
    }
    insert_row(connection, analytics.forecast_runs, row)
    if forecast is None:
        return
    identity = {name: row[name] for name in ("client_id", "run_id", "model")}
    insert_frames(
        connection, "analytics.forecast_series", [series_rows(forecast, seen, composition)], identity
    )
    insert_frames(
        connection, "analytics.forecast_results", _result_rows(forecast, run.history.keys), identity
    )


def _result_rows(forecast: Forecast, keys: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The distributions of some series at a time."""
    for start in range(0, len(forecast.series_ids), _SERIES_PER_BLOCK):
        rows = forecast.to_frame(slice(start, start + _SERIES_PER_BLOCK))
        yield rows.join(keys, on="series_id", maintain_order="left").drop("series_id")
