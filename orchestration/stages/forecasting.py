"""The forecasting stage: every model of the client's policy, published together as one run.

Belongs here: the asset and what the UI shows of it. Does not belong here: how models are chosen and asked
(``model_plans``), what is published (``forecast_runs``), any model (``forecasting_lib.models``).
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from typing import Any

import dagster as dg

from forecasting_lib.backtesting.composition import COMPOSED
from forecasting_lib.models.guards import Note
from forecasting_lib.panel import Forecast, Panel
from orchestration.clients import CLIENT_PARTITIONS, Client, get_client
from orchestration.foreign_text import markdown
from orchestration.reading.backtests import CurrentBacktest, current_backtest, read_reliability
from orchestration.reading.covariate_worth import judged_covariates
from orchestration.reading.good_forecasts import GoodForecast, held_back_run, last_good_forecast
from orchestration.reading.handed_on import hand_on
from orchestration.reading.histories import (
    DemandHistory,
    current_champion,
    demand_grain,
    read_forecast,
    read_history,
)
from orchestration.reading.known_facts import history_as_known
from orchestration.reading.odd_days import cleaned
from orchestration.resources import DATABASE_RETRIES, Installation
from orchestration.stages.as_of import AsOf, chosen_as_of
from orchestration.stages.band_gate import BAND_TOLERANCE, LEAST_AHEAD, Gate, judge_bands
from orchestration.stages.composing import compose
from orchestration.stages.covariate_use import told_by_worth
from orchestration.stages.demand import DEMAND_KEYS
from orchestration.stages.forecast_runs import ForecastRun, digest_of_inputs, publish, run_problems
from orchestration.stages.model_plans import PlannedModel, plan_models, run_models
from orchestration.stages.model_turns import model_turn
from orchestration.stages.outliers import OUTLIERS_KEY
from orchestration.stages.pictures import picture_or_why_not
from orchestration.stages.publishing import standing_run
from orchestration.stages.ray_workers import workers_for
from orchestration.table_assets import table_key, table_spec
from orchestration.warehouse.server import Warehouse
from orchestration.warehouse.tables import analytics

RUNS_KEY = table_key(analytics.forecast_runs)
SERIES_KEY = table_key(analytics.forecast_series)
RESULTS_KEY = table_key(analytics.forecast_results)


@dg.multi_asset(
    name="forecasts",
    partitions_def=CLIENT_PARTITIONS,
    specs=[
        table_spec(table, "forecasting", deps=[*DEMAND_KEYS, OUTLIERS_KEY])
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
            "bands_hold",
            asset=RUNS_KEY,
            description="The calibrated bands that the forecast rests on held what they name at past days, "
            f"within {BAND_TOLERANCE:.0%}; what cannot be judged is no all-clear.",
        ),
        dg.AssetCheckSpec(
            "preferred_model_ran",
            asset=RUNS_KEY,
            description="The client's first choice of model ran on its own weights.",
        ),
    ],
    retry_policy=DATABASE_RETRIES,
)
def forecasts(
    context: dg.AssetExecutionContext, config: AsOf, installation: Installation
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """Forecast every active series with every model of the client's policy."""
    warehouse = installation.warehouse
    client = get_client(warehouse, context.partition_key)
    as_of_date = chosen_as_of(warehouse, client.client_id, config.as_of_date)
    grain = demand_grain(warehouse, client.client_id)
    plans = told_by_worth(
        plan_models(client, installation.settings, grain), judged_covariates(warehouse, client.client_id)
    )
    covariates = any(plan.uses_covariates for plan in plans)
    seen = read_history(warehouse, client.client_id, as_of_date, prices=covariates)
    seen = cleaned(warehouse, client.client_id, seen)
    history = history_as_known(
        warehouse, client.client_id, seen, client.horizon(grain), covariates=covariates
    )
    backtest = current_backtest(warehouse, client.client_id) if client.champion == "backtest" else None
    gate = _gate(warehouse, client, backtest, history.panel) if backtest else None
    stand_in = gate.stand_in if gate else None
    digest = digest_of_inputs(
        client,
        history,
        plans,
        backtest.run_id if backtest else None,
        stand_in.run_id if stand_in else None,
    )
    if stand_in is not None:
        standing = held_back_run(warehouse, client.client_id, as_of_date, digest)
    else:
        standing = standing_run(warehouse, analytics.forecast_runs, client.client_id, as_of_date, digest)
    if standing is not None:
        context.log.info(f"Run {standing} was made from the same inputs; it stands.")
        yield _bands_check(client, gate)
        yield from _report_standing(warehouse, client.client_id, history, plans, standing, stand_in)
        return
    workers = workers_for(installation.settings, len(history.panel), context.log.warning)
    with model_turn(warehouse, context.log.info) if any(plan.weights for plan in plans) else nullcontext():
        outcomes = run_models(history, client, plans, context.log.info, workers)
    ran = {outcome.model: outcome.forecast for outcome in outcomes if outcome.forecast is not None}
    composition = compose(history, ran, next(iter(ran)), backtest) if backtest and ran else None
    run = ForecastRun(
        client, history, outcomes, digest, context.run.run_id, composition, gate if composition else None
    )
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
    lead = run.champion if run.stand_in is None else None
    if lead is not None and lead.forecast is not None:
        hand_on((run.run_id, lead.model), lead.forecast, history)
    yield from _report(run)


def _report(run: ForecastRun) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """What the UI shows of a published run."""
    champion = run.champion
    yield _bands_check(run.client, run.gate)
    yield _preferred_model_check(run.outcomes[0].plan)
    yield dg.MaterializeResult(
        asset_key=RUNS_KEY,
        metadata={
            "run_id": run.run_id,
            "as_of_date": run.history.panel.as_of_date.isoformat(),
            "grain": str(run.history.panel.grain),
            "champion": champion.model if champion else "none",
            "models": dg.MetadataValue.md(
                "\n".join(f"* **{o.model}**: {markdown(run.reason(o))}" for o in run.published)
            ),
        },
    )
    lead = champion.forecast if champion else None
    noted = Counter((lead.notes if lead else None) or ())
    yield dg.MaterializeResult(
        asset_key=SERIES_KEY,
        metadata={
            "series": len(run.history.panel),
            "ended_series": run.history.ended.height,
            "replaced_by_guards": sum(r is not None for r in lead.reasons) if lead else 0,
            "tails_shrunk": noted[Note.TAIL_SHRUNK],
            "new_items": noted[Note.NEW_ITEM] + noted[Note.SUCCESSOR],
        },
    )
    rows = sum(o.forecast.mean.size for o in run.published if o.forecast)
    yield dg.MaterializeResult(
        asset_key=RESULTS_KEY,
        metadata={"dagster/row_count": rows, **(_shape(run.history, lead) if lead else {})},
    )


def _report_standing(
    warehouse: Warehouse,
    client_id: str,
    history: DemandHistory,
    plans: Sequence[PlannedModel],
    run_id: str,
    stand_in: GoodForecast | None,
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """What the UI shows where a run stands: the same, and that nothing was computed."""
    champion = (
        current_champion(warehouse, client_id, history.panel.as_of_date)
        if stand_in is None
        else (run_id, COMPOSED)
    )
    assert champion is not None, "a standing run has a leading model"
    forecast, _ = read_forecast(warehouse, client_id, *champion)
    if stand_in is None:
        hand_on(champion, forecast, history)
    unchanged = {
        "run_id": run_id,
        "champion": champion[1],
        "unchanged": "same inputs; the current run stands",
    }
    yield dg.AssetCheckResult(
        asset_key=RESULTS_KEY, check_name="output_is_sound", passed=True, metadata=unchanged
    )
    yield _preferred_model_check(plans[0])
    yield dg.MaterializeResult(asset_key=RUNS_KEY, metadata=unchanged)
    yield dg.MaterializeResult(asset_key=SERIES_KEY, metadata={**unchanged, "series": len(history.panel)})
    yield dg.MaterializeResult(asset_key=RESULTS_KEY, metadata={**unchanged, **_shape(history, forecast)})


def _gate(warehouse: Warehouse, client: Client, backtest: CurrentBacktest, panel: Panel) -> Gate:
    """Whether the bands may be planned on, and where they may not, what the client wants instead."""
    bands = judge_bands(read_reliability(warehouse, client.client_id, backtest.run_id))
    ahead = math.ceil(LEAST_AHEAD * client.horizon(panel.grain))
    keeps = client.when_bands_fail == "keep_last_good"
    stand_in = (
        last_good_forecast(warehouse, client.client_id, panel.as_of_date, panel.grain, ahead)
        if keeps and bands.hold is False
        else None
    )
    return Gate(bands, keeps, stand_in, ahead, panel.grain)


def _bands_check(client: Client, gate: Gate | None) -> dg.AssetCheckResult:
    if client.champion == "first":
        description = "Not judged: the client has its first model lead, whose bands are not calibrated."
    elif gate is None:
        description = "Unknown: no backtest has been made yet; 'forecaster backtest' makes one."
    else:
        description = gate.sentence or gate.bands.sentence
    return dg.AssetCheckResult(
        asset_key=RUNS_KEY,
        check_name="bands_hold",
        passed=client.champion == "first" or (gate is not None and gate.bands.hold is True),
        severity=dg.AssetCheckSeverity.WARN,
        description=description,
    )


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
        f"expected_units_per_{lead.grain}": float(lead.mean.sum()) / lead.horizon,
        "picture": dg.MetadataValue.md(picture_or_why_not(history.panel, lead, titles)),
    }
