"""A backtest: what it depends on, and how it is published.

Belongs here: the digest of the inputs, the rows and the transaction that publishes them. Does not belong
here: which origins there are (``backtest_origins``), how models are asked and judged
(``forecasting_lib.backtesting``), the asset (``backtesting``).
"""

import hashlib
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import polars as pl
import psycopg
from psycopg.types.json import Jsonb

from forecasting_lib.backtesting.composition import COMPOSED
from forecasting_lib.backtesting.evidence import Evidence, Kept
from forecasting_lib.backtesting.inflation import HELD_LEVELS
from forecasting_lib.grain import Grain
from forecasting_lib.ragged import lengths_of
from orchestration.clients import Client
from orchestration.reading.origins import KnownOrigins
from orchestration.reading.relatives import told_of
from orchestration.stages.backtest_origins import Asked, how_many
from orchestration.stages.model_plans import PlannedModel, settings_of
from orchestration.stages.provenance import code_version
from orchestration.stages.publishing import claimed, insert_row, supersede
from orchestration.warehouse.bulk import insert_frames
from orchestration.warehouse.locks import Purpose
from orchestration.warehouse.server import Warehouse
from orchestration.warehouse.tables import analytics


@dataclass(frozen=True)
class Replayed:
    """What came of a planned model in a backtest: how long it took, or that it was skipped."""

    plan: PlannedModel
    seconds: float = 0.0


@dataclass(frozen=True)
class BacktestRun:
    """One backtest.

    Attributes:
        client: whose.
        asked: how it was made.
        known: the origins.
        replayed: the models of the policy, those skipped among them.
        evidence: what was found.
        input_digest: digest of everything it depends on.
        dagster_run_id: the run in the Dagster UI.
        newcomers: model -> sums over its new series, as ``NO_NEWCOMERS`` has them.
        run_id: the key of its rows.
    """

    client: Client
    asked: Asked
    known: KnownOrigins
    replayed: Sequence[Replayed]
    evidence: Evidence
    input_digest: str
    dagster_run_id: str
    newcomers: Mapping[str, pl.DataFrame]
    run_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def grain(self) -> Grain:
        return self.known.origins[-1].panel.grain


def digest_of_origins(
    client: Client,
    asked: Asked,
    known: KnownOrigins,
    plans: Sequence[PlannedModel],
    *,
    judge_covariates: bool = False,
) -> str:
    """SHA-256 of all that a backtest depends on: origins, what was known at each, models, weights, code.

    Verdicts on covariates that it may carry on are not among it: those of a backtest that stands are its own.
    """
    choices = {
        "dates": [day.isoformat() for day in asked.dates],
        "stride": asked.stride,
        "horizon": asked.horizon,
        "models": [[p.model, p.weights.digest if p.weights else None, p.skipped_because] for p in plans],
        "policy": client.models,
        "judge_covariates": judge_covariates,
        "code_version": code_version(),
        "series": known.keys.rows(),
    }
    digest = hashlib.sha256(json.dumps(choices).encode())
    for origin in known.origins:
        panel = origin.panel
        digest.update(json.dumps(panel.series_ids).encode())
        digest.update(lengths_of(panel.history).tobytes())
        for rows in (panel.history, *panel.past_covariates.values(), *panel.future_covariates.values()):
            for series in rows:
                digest.update(series.tobytes())
        digest.update(origin.actual.tobytes())
    for kin in known.kin:
        for part in told_of(kin):
            digest.update(part)
    return digest.hexdigest()


def publish(warehouse: Warehouse, run: BacktestRun) -> None:
    """Write a backtest in one transaction and make it the one that forecasts rest on."""
    with claimed(warehouse, Purpose.BACKTEST, run.client.client_id) as connection:
        supersede(
            connection,
            analytics.backtest_runs,
            {"client_id": run.client.client_id},
            lambda: _insert_run(connection, run),
            action="publish",
            subject=f"backtest {run.run_id}",
            dagster_run_id=run.dagster_run_id,
            origins=[day.isoformat() for day in run.asked.dates],
        )


def _insert_run(connection: psycopg.Connection[Any], run: BacktestRun) -> int:
    """Write all rows of a backtest; returns how many sums it has."""
    identity = {"client_id": run.client.client_id, "run_id": run.run_id}
    for row in _run_rows(run):
        insert_row(connection, analytics.backtest_runs, {**identity, **row})
    written = insert_frames(connection, "analytics.backtest_scores", _kept_rows(run, "scores"), identity)
    insert_frames(connection, "analytics.backtest_totals", _kept_rows(run, "totals"), identity)
    for table, frame in (
        ("backtest_series", _series_rows(run)),
        ("backtest_reliability", run.evidence.reliability),
        ("calibrations", _calibration_rows(run)),
        ("error_inflation", _inflation_rows(run)),
        ("backtest_new_items", _newcomer_rows(run)),
    ):
        insert_frames(connection, f"analytics.{table}", [frame], identity)
    for outcome in run.replayed:
        for covariate in outcome.plan.judged.values():
            values = {**asdict(covariate), "windows": Jsonb(list(covariate.windows))}
            del values["weights_digest"]  # stands on the model's row of the run
            insert_row(connection, analytics.covariate_worth, {**identity, **values})
    return written


def _run_rows(run: BacktestRun) -> Iterator[dict[str, Any]]:
    evidence, asked = run.evidence, run.asked
    same = {
        "grain": str(run.grain),
        "n_origins": len(asked.dates),
        "stride_periods": asked.stride,
        "horizon_periods": asked.horizon,
        "first_origin_date": asked.dates[0],
        "last_origin_date": asked.dates[-1],
        "judged_from": asked.dates[evidence.judged_from] if evidence.judged_from else None,
        "code_version": code_version(),
        "input_digest": run.input_digest,
        "dagster_run_id": run.dagster_run_id,
    }
    series = sum(len(origin.panel) for origin in run.known.origins)
    for outcome in run.replayed:
        plan, weights = outcome.plan, outcome.plan.weights
        skipped = plan.skipped_because is not None
        yield {
            **same,
            "model": plan.model,
            "status": "skipped" if skipped else "published",
            "is_current": not skipped,
            "reason": f"Skipped: {plan.skipped_because}" if skipped else _judged(asked, run.grain),
            "model_id": weights.model_id if weights else plan.model,
            "weights_digest": weights.digest if weights else None,
            "settings": Jsonb({} if skipped else settings_of(plan, run.known.origins[-1].panel)),
            "n_series": 0 if skipped else series,
            "duration_seconds": None if skipped else outcome.seconds,
        }
    for name, ensemble in evidence.ensembles.items():
        weights_of = {
            of_class: dict(zip(ensemble.members, np.round(values, 6).tolist(), strict=True))
            for of_class, values in ensemble.weights.items()
        }
        yield {
            **same,
            "model": name,
            "status": "published",
            "is_current": True,
            "reason": f"The average of {', '.join(ensemble.members)}.",
            "model_id": name,
            "settings": Jsonb({"members": list(ensemble.members), "weights": weights_of}),
            "n_series": series,
        }
    if evidence.judged_from:
        later = len(asked.dates) - evidence.judged_from
        yield {
            **same,
            "model": COMPOSED,
            "status": "published",
            "is_current": True,
            "reason": f"Each series by the model that led after {how_many(evidence.judged_from)}, "
            f"calibrated, and judged on the {how_many(later)} that followed.",
            "model_id": COMPOSED,
            "settings": Jsonb({"preferred": _preferred(run)}),
            "n_series": sum(len(origin.panel) for origin in run.known.origins[evidence.judged_from :]),
        }


def _preferred(run: BacktestRun) -> str:
    """The first model of the client's policy that was judged."""
    names = run.evidence.candidates
    return next((model for model in run.client.models if model in names), names[0])


def _judged(asked: Asked, grain: Grain) -> str:
    return (
        f"Judged on {asked.horizon} {grain.periods} after {how_many(len(asked.dates))}, "
        f"{asked.dates[0]} to {asked.dates[-1]}."
    )


def _kept_rows(run: BacktestRun, what: str) -> Iterator[pl.DataFrame]:
    for kept in run.evidence.kept:
        frame = pl.read_ipc(getattr(kept, what))
        yield _keyed(run, frame, kept)


def _keyed(run: BacktestRun, frame: pl.DataFrame, kept: Kept) -> pl.DataFrame:
    named = frame.join(run.known.keys, on="series_id", maintain_order="left").drop("series_id")
    if "periods" in named.columns:
        named = named.rename({"periods": "n_periods"})
    return named.with_columns(
        pl.lit(kept.model).alias("model"), pl.lit(run.asked.dates[kept.origin]).alias("origin_date")
    )


def _series_rows(run: BacktestRun) -> pl.DataFrame:
    evidence, verdict = run.evidence, run.evidence.verdict
    names = evidence.candidates
    preferred = _preferred(run)
    scores = [json.dumps(dict(zip(names, np.round(row, 6).tolist(), strict=True))) for row in verdict.score]
    rows = np.arange(len(evidence.series_ids))
    return (
        pl.DataFrame(
            {
                "series_id": pl.Series(evidence.series_ids, dtype=pl.String),
                "demand_class": pl.Series(evidence.classes, dtype=pl.String),
                "n_origins": verdict.origins,
                "model": pl.Series([names[number] for number in verdict.model], dtype=pl.String),
                "reason": pl.Series([str(reason) for reason in verdict.reason], dtype=pl.String),
                "score": verdict.score[rows, verdict.model],
                "preferred_score": verdict.score[:, names.index(preferred)],
                "own_weight": verdict.own_weight,
                "scores": pl.Series(scores, dtype=pl.String),
            }
        )
        .join(run.known.keys, on="series_id", maintain_order="left")
        .drop("series_id")
    )


def _newcomer_rows(run: BacktestRun) -> pl.DataFrame:
    days = pl.DataFrame({"origin": range(len(run.asked.dates)), "origin_date": run.asked.dates})
    return (
        pl.concat(sums.with_columns(pl.lit(model).alias("model")) for model, sums in run.newcomers.items())
        .join(days.cast({"origin": pl.Int64}), on="origin")
        .drop("origin")
    )


def _calibration_rows(run: BacktestRun) -> pl.DataFrame:
    counts = dict(_series_of_classes(run))
    rows = [
        {
            "model": name,
            "demand_class": of_class,
            "lag_bucket": bucket,
            "factor": calibration.factor,
            "read_at": calibration.read_at.tolist(),
            "n_series": counts.get(of_class, 0),
        }
        for name, of_model in run.evidence.calibrations.items()
        for (of_class, bucket), calibration in of_model.items()
    ]
    return pl.DataFrame(rows, schema_overrides={"read_at": pl.List(pl.Float64)}, infer_schema_length=None)


def _series_of_classes(run: BacktestRun) -> Iterator[tuple[str, int]]:
    classes = pl.Series("demand_class", run.evidence.classes, dtype=pl.String)
    yield from classes.value_counts().iter_rows()


def _inflation_rows(run: BacktestRun) -> pl.DataFrame:
    percents = [round(100 * level) for level in HELD_LEVELS]
    rows = []
    for name, of_model in run.evidence.inflations.items():
        for (of_class, periods), inflation in of_model.items():
            shares, totals = run.evidence.held.get((name, of_class, periods), ((None,) * len(percents), None))
            rows.append(
                {
                    "model": name,
                    "demand_class": of_class,
                    "n_periods": periods,
                    "kappa": inflation.kappa,
                    "read_at": inflation.read_at.tolist(),
                    "log_standard_error": inflation.standard_error,
                    "n_totals": inflation.totals,
                    **{f"held_{p}": share for p, share in zip(percents, shares, strict=True)},
                    "n_held": totals,
                }
            )
    return pl.DataFrame(rows, schema_overrides={"read_at": pl.List(pl.Float64)}, infer_schema_length=None)
