"""The backtest stage: what the models of the client's policy would have said at past origins.

Belongs here: the asset and what the UI shows of it. Does not belong here: which origins and what is published
(``backtest_runs``), how models are judged (``forecasting_lib.backtesting``).
"""

import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from forecasting_lib.backtesting.composition import COMPOSED
from forecasting_lib.backtesting.evidence import gathered
from forecasting_lib.backtesting.newcomers import Worth, with_newcomers, worth
from forecasting_lib.backtesting.reliability import held_by_level
from forecasting_lib.backtesting.replay import replay
from forecasting_lib.models.registry import model_entry
from forecasting_lib.origins import Origin
from forecasting_lib.panel import Forecast
from orchestration.clients import CLIENT_PARTITIONS, Client, ClientError, get_client, validated
from orchestration.reading.backtests import judged_backtest, read_comparison, read_reliability
from orchestration.reading.covariate_worth import judged_covariates
from orchestration.reading.histories import demand_grain, first_demand_day, last_demand_day
from orchestration.reading.origins import read_origins
from orchestration.reading.traits import read_traits
from orchestration.resources import DATABASE_RETRIES, Installation
from orchestration.stages.backtest_origins import TooLittleHistoryError, chosen_origins
from orchestration.stages.backtest_runs import (
    BacktestRun,
    Replayed,
    digest_of_origins,
    publish,
)
from orchestration.stages.band_gate import BAND_TOLERANCE, LEAST_SERIES, judge_bands
from orchestration.stages.covariate_use import judged_plans, said_of_covariates, told_by_worth
from orchestration.stages.demand import DEMAND_KEYS
from orchestration.stages.model_plans import PlannedModel, panel_for, plan_models
from orchestration.stages.model_turns import model_turn
from orchestration.stages.pictures import reliability_picture
from orchestration.stages.publishing import standing_judgement
from orchestration.table_assets import table_key, table_spec
from orchestration.warehouse.server import Warehouse
from orchestration.warehouse.tables import analytics

TABLES = (
    analytics.backtest_runs,
    analytics.backtest_series,
    analytics.backtest_scores,
    analytics.backtest_totals,
    analytics.backtest_reliability,
    analytics.calibrations,
    analytics.error_inflation,
    analytics.backtest_new_items,
    analytics.covariate_worth,
)
RUNS_KEY = table_key(analytics.backtest_runs)
RELIABILITY_KEY = table_key(analytics.backtest_reliability)

LEAST_NEW_SERIES = 20
"""Of fewer new series, over all origins, nothing is said."""


class Backtest(dg.Config):
    """What a person may choose for one backtest."""

    origins: int | None = None
    """How many origins; unset takes six, or as many as there is history for."""

    stride: int | None = None
    """Periods from one origin to the next; unset takes 28 days, 4 weeks or 2 months."""

    horizon: int | None = None
    """Periods that each origin is judged on; unset takes the client's horizon."""

    models: list[str] | None = None
    """Models to judge; unset takes those of the client's policy and the yardsticks behind them."""

    judge_covariates: bool = False
    """Judge every covariate anew; unset carries verdicts of the last eight weeks on."""


@dg.multi_asset(
    name="backtests",
    partitions_def=CLIENT_PARTITIONS,
    specs=[table_spec(table, "backtesting", deps=DEMAND_KEYS) for table in TABLES],
    check_specs=[
        dg.AssetCheckSpec(
            "bands_hold",
            asset=RELIABILITY_KEY,
            description="On the last origins the calibrated 80 % and 90 % bands hold what they name, within "
            f"{BAND_TOLERANCE:.0%}, for each demand class of at least {LEAST_SERIES} series.",
        )
    ],
    retry_policy=DATABASE_RETRIES,
)
def backtests(
    context: dg.AssetExecutionContext, config: Backtest, installation: Installation
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """Ask every model of the policy at past origins, and choose, calibrate and judge by what came of it."""
    warehouse, settings = installation.warehouse, installation.settings
    client = _with_models(get_client(warehouse, context.partition_key), config.models)
    grain = demand_grain(warehouse, client.client_id)
    last = last_demand_day(warehouse, client.client_id)
    first = first_demand_day(warehouse, client.client_id)
    if last is None or first is None:
        raise dg.Failure(
            f"{client.client_id} has no demand yet: run its pipeline first.", allow_retries=False
        )
    horizon = config.horizon or client.horizon(grain)
    try:
        asked = chosen_origins(
            first, last, grain, origins=config.origins, stride=config.stride, horizon=horizon
        )
    except (TooLittleHistoryError, ValueError) as error:
        raise dg.Failure(f"No backtest of {client.client_id}: {error}", allow_retries=False) from error
    plans = plan_models(client, settings, grain)
    known = read_origins(
        warehouse,
        client.client_id,
        asked.dates,
        horizon,
        last,
        covariates=any(plan.uses_covariates for plan in plans),
    )
    digest = digest_of_origins(client, asked, known, plans, judge_covariates=config.judge_covariates)
    standing = standing_judgement(warehouse, analytics.backtest_runs, client.client_id, digest)
    if standing is not None:
        context.log.info(f"Backtest {standing} was made from the same inputs; it stands.")
        yield from _report_standing(warehouse, client.client_id, standing)
        return
    with tempfile.TemporaryDirectory(prefix="forecaster-backtest-") as scratch:
        folder = Path(scratch)
        with model_turn(warehouse, context.log.info) if any(p.weights for p in plans) else nullcontext():
            plans = judged_plans(
                told_by_worth(plans, judged_covariates(warehouse, client.client_id)),
                known.origins,
                horizon,
                anew=config.judge_covariates,
                log=context.log.info,
            )
            replayed, replays = _replays(context, plans, known.origins, horizon, folder)
        newcomers = {}
        for name, forecasts in replays.items():
            replays[name], newcomers[name] = with_newcomers(forecasts, known.origins, known.kin)
        evidence = gathered(
            known.origins,
            replays,
            {name: model_entry(name).simplicity for name in replays},
            [name for name in replays if grain not in model_entry(name).yardstick_of],
            folder,
            traits=read_traits(warehouse, client.client_id, known.keys),
            log=context.log.info,
        )
        run = BacktestRun(client, asked, known, replayed, evidence, digest, context.run.run_id, newcomers)
        publish(warehouse, run)
    yield from _report(warehouse, run)


def _with_models(client: Client, models: Sequence[str] | None) -> Client:
    """The client with these models for its policy.

    Raises:
        dagster.Failure: one of them is not known.
    """
    if models is None:
        return client
    try:
        return validated(**{**client.model_dump(), "models": list(models)})
    except ClientError as error:
        # its cause is the parser's own text, and what a run tells of a failure is the first cause
        raise dg.Failure(str(error), allow_retries=False) from None


def _replays(
    context: dg.AssetExecutionContext,
    plans: Sequence[PlannedModel],
    origins: Sequence[Origin],
    horizon: int,
    folder: Path,
) -> tuple[list[Replayed], dict[str, list[Forecast]]]:
    """Ask every planned model that can run."""
    replayed, replays = [], {}
    for plan in plans:
        if plan.skipped_because is not None:
            context.log.info(f"{plan.model} is skipped: {plan.skipped_because}")
            replayed.append(Replayed(plan))
            continue
        started = time.monotonic()
        shown = [
            Origin(panel_for(plan, origin.panel), origin.actual, origin.shut_ahead) for origin in origins
        ]
        replays[plan.model] = replay(plan.forecaster(), shown, horizon, folder)
        seconds = time.monotonic() - started
        context.log.info(f"{plan.model}: {len(origins)} origins in {seconds:.1f} s")
        replayed.append(Replayed(plan, seconds))
    if not replays:
        raise dg.Failure("No model of the policy can run, so none can be judged.", allow_retries=False)
    return replayed, replays


def _report(
    warehouse: Warehouse, run: BacktestRun
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    evidence = run.evidence
    yield _bands_hold(evidence.reliability)
    leaders = Counter(evidence.candidates[number] for number in evidence.verdict.model)
    covariates = [
        f"* **{outcome.plan.model}**: {said}"
        for outcome in run.replayed
        if (said := said_of_covariates(outcome.plan, run.known.origins[-1].panel))
    ]
    yield dg.MaterializeResult(
        asset_key=RUNS_KEY,
        metadata={
            "run_id": run.run_id,
            "origins": ", ".join(day.isoformat() for day in run.asked.dates),
            "models": ", ".join(evidence.candidates),
            "leaders": dg.MetadataValue.md("\n".join(f"* **{m}**: {n}" for m, n in leaders.most_common())),
            "new_items": new_items_sentence({name: worth(sums) for name, sums in run.newcomers.items()}),
            "covariates": dg.MetadataValue.md("\n".join(covariates) or "None were known."),
        },
    )
    shown = _judged(warehouse, run.client.client_id, run.evidence.reliability)
    yield from (
        dg.MaterializeResult(
            asset_key=table_key(table), metadata={"run_id": run.run_id, **shown.get(table.name, {})}
        )
        for table in TABLES
        if table is not analytics.backtest_runs
    )


def _report_standing(
    warehouse: Warehouse, client_id: str, run_id: str
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    unchanged = {"run_id": run_id, "unchanged": "same inputs; the current backtest stands"}
    reliability = read_reliability(warehouse, client_id, run_id)
    yield _bands_hold(reliability)
    shown = _judged(warehouse, client_id, reliability)
    yield from (
        dg.MaterializeResult(asset_key=table_key(table), metadata={**unchanged, **shown.get(table.name, {})})
        for table in TABLES
    )


def _judged(
    warehouse: Warehouse, client_id: str, reliability: pl.DataFrame
) -> dict[str, dict[str, dg.MetadataValue[Any]]]:
    """By table, what the UI shows of a judged backtest: models by class and lag, whether bands are true."""
    judged = judged_backtest(warehouse, client_id)
    if judged is None:
        return {}
    levels = held_by_level(reliability, COMPOSED, judged[1])
    return {
        analytics.backtest_scores.name: {
            "comparison": dg.MetadataValue.md(comparison_table(read_comparison(warehouse, client_id)))
        },
        analytics.backtest_reliability.name: {
            "reliability": dg.MetadataValue.md(reliability_picture(levels, judged[1]))
        },
    }


def comparison_table(comparison: pl.DataFrame) -> str:
    """Every model over all series, and what would have been published by class and lag, as Markdown.

    Args:
        comparison: as :func:`~orchestration.reading.backtests.read_comparison` returns it.
    """
    metrics = ("wape", "bias", "wql", "fva_naive", "fva_ma7", "coverage_80", "coverage_90")
    is_whole = (pl.col("demand_class") == "all") & (pl.col("lag_bucket") == "all")
    shown = comparison.filter(is_whole | (pl.col("model") == COMPOSED)).sort(
        ~is_whole, "wql", "demand_class", "lag_bucket", "model", nulls_last=True
    )
    lines = [
        "| " + " | ".join(("model", "demand", "periods ahead", "series", *metrics)) + " |",
        "|---" * (4 + len(metrics)) + "|",
    ]
    for row in shown.to_dicts():
        values = ["" if row[metric] is None else f"{row[metric]:.4f}" for metric in metrics]
        names = (row["model"], row["demand_class"], row["lag_bucket"], str(row["n_series"]))
        lines.append(f"| {' | '.join((*names, *values))} |")
    return "\n".join(lines)


def new_items_sentence(found: Mapping[str, Mapping[bool, Worth]]) -> str:
    """What the profiles of new items were worth at past origins, for the model that is best with them.

    Args:
        found: of each model, what :func:`worth` says.
    """
    known = {name: both for name, both in found.items() if both}
    series = max((both[True].n_series for both in known.values()), default=0)
    if series < LEAST_NEW_SERIES:
        return f"Unknown: {series} new series at past origins are too few to judge their profiles by."
    name, both = min(known.items(), key=lambda pair: pair[1][True].total_error)
    without, profiled = both[False], both[True]
    return (
        f"Of {series:,} new series {name} was off by {profiled.total_error:.1%} of their totals with a "
        f"profile and by {without.total_error:.1%} without; the 80 % band held {profiled.inside_80:.1%} "
        f"with one and {without.inside_80:.1%} without."
    )


def _bands_hold(reliability: pl.DataFrame) -> dg.AssetCheckResult:
    bands = judge_bands(reliability)
    return dg.AssetCheckResult(
        asset_key=RELIABILITY_KEY,
        check_name="bands_hold",
        passed=bands.hold is True,
        severity=dg.AssetCheckSeverity.WARN,
        description="Unknown: with fewer than three origins nothing is left to judge on."
        if reliability.is_empty()
        else bands.sentence,
    )
