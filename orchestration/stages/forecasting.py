"""The forecasting stage: every model of the client's policy, published together as one run.

Belongs here: the asset and what the UI shows of it. Does not belong here: how models are chosen and asked
(``model_plans``), what is published (``forecast_runs``), any model (``forecasting_lib.models``).
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from typing import Any

import dagster as dg

from forecasting_lib.models.guards import Note
from forecasting_lib.panel import Forecast
from orchestration.clients import CLIENT_PARTITIONS, get_client
from orchestration.foreign_text import markdown
from orchestration.reading.backtests import current_backtest
from orchestration.reading.covariate_worth import judged_covariates
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
    digest = digest_of_inputs(client, history, plans, backtest.run_id if backtest else None)
    standing = standing_run(warehouse, analytics.forecast_runs, client.client_id, as_of_date, digest)
    if standing is not None:
        context.log.info(f"Run {standing} was made from the same inputs; it stands.")
        yield from _report_standing(warehouse, client.client_id, history, plans, standing)
        return
    workers = workers_for(installation.settings, len(history.panel), context.log.warning)
    with model_turn(warehouse, context.log.info) if any(plan.weights for plan in plans) else nullcontext():
        outcomes = run_models(history, client, plans, context.log.info, workers)
    ran = {outcome.model: outcome.forecast for outcome in outcomes if outcome.forecast is not None}
    composition = compose(history, ran, next(iter(ran)), backtest) if backtest and ran else None
    run = ForecastRun(client, history, outcomes, digest, context.run.run_id, composition)
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
    if (lead := run.champion) is not None and lead.forecast is not None:
        hand_on((run.run_id, lead.model), lead.forecast, history)
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
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """What the UI shows where the current run stands: the same, and that nothing was computed."""
    champion = current_champion(warehouse, client_id, history.panel.as_of_date)
    assert champion is not None, "a standing run has a leading model"
    forecast, _ = read_forecast(warehouse, client_id, *champion)
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
