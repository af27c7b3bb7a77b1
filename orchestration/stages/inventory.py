"""The inventory stage: from the champion's forecast to positions, reorder points and purchase proposals.

Belongs here: the asset and what the UI shows of it. Does not belong here: what is read and published
(``inventory_runs``), any formula (``forecasting_lib.inventory``).
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg

from forecasting_lib.inventory import plan_inventory
from orchestration.clients import CLIENT_PARTITIONS, get_client
from orchestration.reading.gaps import find_gaps
from orchestration.reading.good_forecasts import standing_in
from orchestration.reading.histories import ThinnedError, current_champion
from orchestration.resources import DATABASE_RETRIES, Installation
from orchestration.stages.as_of import AsOf, chosen_as_of
from orchestration.stages.gap_checks import gap_check
from orchestration.stages.inventory_inputs import read_inputs
from orchestration.stages.inventory_runs import (
    InventoryRun,
    PlanSummary,
    publish,
    read_summary,
)
from orchestration.stages.publishing import standing_run
from orchestration.table_assets import table_key, table_spec
from orchestration.warehouse.gap_meanings import GAP_MEANINGS
from orchestration.warehouse.gap_vocabulary import Gap
from orchestration.warehouse.tables import analytics, staging

FORECASTS_KEY = table_key(analytics.forecast_results)
METRICS_KEY = table_key(analytics.inventory_metrics)
TABLES = (
    analytics.inventory_runs,
    analytics.lead_time_demand,
    analytics.inventory_metrics,
    analytics.replenishment_plan,
    analytics.stock_projection,
    analytics.purchase_priorities,
    analytics.supplier_lead_times,
    analytics.plan_inputs,
    analytics.plan_stability,
)
SUPPLY_KEYS = [
    table_key(table)
    for table in (
        *(staging.stock_levels, staging.purchase_orders, staging.suppliers),
        analytics.plan_decisions,
    )
]


@dg.multi_asset(
    name="inventory",
    retry_policy=DATABASE_RETRIES,
    partitions_def=CLIENT_PARTITIONS,
    specs=[table_spec(table, "inventory", deps=[FORECASTS_KEY, *SUPPLY_KEYS]) for table in TABLES],
    check_specs=[
        dg.AssetCheckSpec(
            "stock_is_known",
            asset=METRICS_KEY,
            description="Every forecast item has a stock level; without one there is no order proposal.",
        ),
        dg.AssetCheckSpec(
            "lead_time_is_known",
            asset=METRICS_KEY,
            description="Every forecast item has a lead time: receipts, its supplier's or the default.",
        ),
        dg.AssetCheckSpec(
            "nothing_else_is_missing",
            asset=METRICS_KEY,
            description="Nothing else keeps orders from being right, such as old stock or unknown orders.",
        ),
    ],
)
def inventory(
    context: dg.AssetExecutionContext, config: AsOf, installation: Installation
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """Turn the leading forecast into stock positions, reorder points and purchase proposals."""
    warehouse = installation.warehouse
    client = get_client(warehouse, context.partition_key)
    as_of_date = chosen_as_of(warehouse, client.client_id, config.as_of_date)
    champion = current_champion(warehouse, client.client_id, as_of_date)
    if champion is None and (earlier := standing_in(warehouse, client.client_id, as_of_date)) is not None:
        context.log.warning(
            f"The forecast as of {as_of_date} was held back: the plan is made of the one as of "
            f"{earlier.as_of_date}."
        )
        champion = earlier.run_id, earlier.model
    if champion is None:
        raise dg.Failure(
            f"There is no forecast as of {as_of_date}: run forecast_only with the same as_of_date first.",
            allow_retries=False,
        )
    try:
        inputs = read_inputs(warehouse, client, champion, as_of_date)
    except ThinnedError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    digest = inputs.digest()
    run_id = standing_run(warehouse, analytics.inventory_runs, client.client_id, as_of_date, digest)
    if run_id is None:
        calibration = inputs.calibration
        plan = plan_inventory(
            inputs.forecast,
            inputs.positions,
            inputs.receipts,
            inputs.policy,
            None if calibration is None else calibration.calibrated,
        )
        run = InventoryRun(client, plan, inputs, digest, context.run.run_id)
        publish(warehouse, run)
        run_id = run.run_id
    else:
        context.log.info(f"Run {run_id} was made from the same inputs; it stands.")
    summary = read_summary(warehouse, client.client_id, run_id)
    yield from _report(client.client_id, run_id, summary, inputs.forecast_as_of_date)
    yield gap_check(
        "nothing_else_is_missing",
        METRICS_KEY,
        find_gaps(warehouse, client.client_id),
        {"orders", "values"},
        but={Gap.NO_STOCK, Gap.NO_LEAD_TIME},
    )


def _report(
    client_id: str, run_id: str, summary: PlanSummary, forecast_as_of_date: date
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """What the UI shows of a plan."""
    for check, missing, gap, what in (
        ("stock_is_known", summary.without_stock, Gap.NO_STOCK, "a stock level"),
        ("lead_time_is_known", summary.without_lead_time, Gap.NO_LEAD_TIME, "a lead time"),
    ):
        yield dg.AssetCheckResult(
            asset_key=METRICS_KEY,
            check_name=check,
            passed=missing == 0,
            severity=dg.AssetCheckSeverity.WARN,
            description=GAP_MEANINGS[gap].advice(client_id, missing, summary.series)
            if missing
            else f"All {summary.series:,} series have {what}.",
            metadata={"series": missing},
        )
    metadata: dict[str, dict[str, Any]] = {
        "inventory_runs": {"run_id": run_id, "forecast_as_of_date": forecast_as_of_date.isoformat()},
        "lead_time_demand": {"dagster/row_count": summary.lead_time_rows},
        "inventory_metrics": {
            "dagster/row_count": summary.series,
            "stock_value": summary.stock_value,
            "excess_value": summary.excess_value,
            "stocked_out_series": summary.stocked_out_series,
        },
        "replenishment_plan": {
            "dagster/row_count": summary.lines,
            "order_value": summary.order_value,
            "lines_by_urgency": dict(sorted(summary.lines_by_urgency.items())),
        },
        "stock_projection": {"dagster/row_count": summary.projection_rows},
        "purchase_priorities": {"dagster/row_count": summary.priority_rows},
        "supplier_lead_times": {"dagster/row_count": summary.supplier_rows},
        "plan_inputs": {"dagster/row_count": summary.input_rows},
        "plan_stability": _stability_metadata(summary),
    }
    for table in TABLES:
        yield dg.MaterializeResult(asset_key=table_key(table), metadata=metadata[table.name])


def _stability_metadata(summary: PlanSummary) -> dict[str, Any]:
    """How much of the plan before a plan changed: one plottable number each, where there is one."""
    if summary.earlier_as_of_date is None:
        return {"compared_with": "no plan before it"}
    numbers = {
        "forecast_churn": summary.forecast_churn,
        "lines_changed_share": summary.lines_changed_share,
    }
    return {
        "compared_with": f"the plan as of {summary.earlier_as_of_date}",
        **{name: dg.MetadataValue.float(value) for name, value in numbers.items() if value is not None},
    }
