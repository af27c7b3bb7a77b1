"""The inventory stage: from the champion's forecast to positions, reorder points and purchase proposals.

Belongs here: the asset and the transaction that publishes. Does not belong here: any formula
(``forecasting_lib.inventory``), any query of the supply side (``supply``).
"""

import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

import dagster as dg
import polars as pl
from psycopg.types.json import Jsonb

from forecasting_lib.inventory import InventoryPlan, InventoryPolicy, demand_profile, plan_inventory
from forecasting_lib.panel import Forecast
from orchestration import audit
from orchestration.clients import CLIENT_PARTITIONS, Client, get_client
from orchestration.forecasting import RESULTS_KEY, AsOf, chosen_as_of
from orchestration.panels import DemandHistory, read_forecast, read_history
from orchestration.provenance import code_version
from orchestration.resources import Installation
from orchestration.supply import read_supply
from orchestration.warehouse.bulk import insert_frame
from orchestration.warehouse.server import Warehouse

METRICS_KEY = dg.AssetKey(["analytics", "inventory_metrics"])
PLAN_KEY = dg.AssetKey(["analytics", "replenishment_plan"])
TABLES = {
    "inventory_runs": "One row per execution of the inventory stage: inputs and policy.",
    "lead_time_demand": "One row per series: demand over lead time plus review period.",
    "inventory_metrics": "One row per item and location: position, reorder point, cover, flags.",
    "replenishment_plan": "One row per proposed order, the most urgent first.",
    "stock_projection": "One row per series and day: where the stock goes, with and without the plan.",
}


def policy_of(client: Client) -> InventoryPolicy:
    """The inventory policy of a client's registry entry."""
    return InventoryPolicy(
        service_target=client.service_level,
        review_days=client.review_days,
        negative_stock=client.negative_stock,
    )


def current_champion(warehouse: Warehouse, client_id: str, as_of_date: date) -> tuple[str, str] | None:
    """(run id, model) of the leading forecast of an as-of date; None where none was published."""
    with warehouse.transaction() as connection:
        row = connection.execute(
            """
            select run_id::text, model from analytics.forecast_runs
            where client_id = %s and as_of_date = %s and is_current and is_champion
            """,
            (client_id, as_of_date),
        ).fetchone()
    return None if row is None else (row[0], row[1])


def plan_client(
    warehouse: Warehouse, client: Client, forecast: Forecast, keys: pl.DataFrame, history: DemandHistory
) -> InventoryPlan:
    """Join forecast, demand history and supply side, and plan."""
    supply = read_supply(warehouse, client, keys, forecast.as_of_date)
    profile = demand_profile(history.panel, forecast.horizon)
    same_series = history.keys.rename({"series_id": "history_id"}).join(keys, on=["item_id", "location_id"])
    profile = (
        profile.rename({"series_id": "history_id"})
        .join(same_series.select("history_id", "series_id"), on="history_id")
        .drop("history_id")
    )
    positions = supply.positions.join(profile, on="series_id", how="left", maintain_order="left")
    return plan_inventory(forecast, positions, supply.receipts, policy_of(client))


@dataclass(frozen=True)
class InventoryRun:
    """One execution of the stage.

    Attributes:
        client: whose plan it is.
        plan: the engine's four tables.
        keys: ``series_id, item_id, location_id`` of the plan's series.
        as_of_date: close of business the position is taken at.
        input_watermark: highest file_id whose rows were visible.
        champion: (run id, model) of the forecast it was computed from.
        dagster_run_id: the run in the Dagster UI.
        run_id: the key of its rows.
    """

    client: Client
    plan: InventoryPlan
    keys: pl.DataFrame
    as_of_date: date
    input_watermark: int | None
    champion: tuple[str, str]
    dagster_run_id: str
    run_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def keyed(self, frame: pl.DataFrame) -> pl.DataFrame:
        """A table of the plan with the columns that identify its rows in the warehouse."""
        return (
            frame.join(self.keys, on="series_id", maintain_order="left")
            .drop("series_id")
            .with_columns(
                pl.lit(self.client.client_id).alias("client_id"), pl.lit(self.run_id).alias("run_id")
            )
        )


def publish(warehouse: Warehouse, run: InventoryRun) -> None:
    """Write an inventory run in one transaction and make it the current one."""
    client_id, plan = run.client.client_id, run.plan
    with warehouse.transaction() as connection:
        connection.execute("select pg_advisory_xact_lock(hashtext('inventory:' || %s))", (client_id,))
        connection.execute(
            """
            update analytics.inventory_runs set is_current = false
            where client_id = %s and as_of_date = %s and is_current
            """,
            (client_id, run.as_of_date),
        )
        connection.execute(
            """
            insert into analytics.inventory_runs (
                client_id, run_id, as_of_date, forecast_run_id, forecast_model, code_version, config, status,
                is_current, input_watermark, dagster_run_id
            ) values (%s, %s, %s, %s, %s, %s, %s, 'published', true, %s, %s)
            """,
            (
                client_id,
                run.run_id,
                run.as_of_date,
                *run.champion,
                code_version(),
                Jsonb(asdict(policy_of(run.client))),
                run.input_watermark,
                run.dagster_run_id,
            ),
        )
        metrics = run.keyed(plan.metrics).with_columns(pl.lit(run.as_of_date).alias("as_of_date"))
        insert_frame(connection, "analytics.inventory_metrics", metrics)
        insert_frame(connection, "analytics.lead_time_demand", run.keyed(plan.lead_time_demand))
        insert_frame(connection, "analytics.replenishment_plan", run.keyed(plan.replenishment))
        insert_frame(connection, "analytics.stock_projection", run.keyed(plan.projection))
        audit.record(
            connection,
            "publish",
            f"inventory run {run.run_id}",
            client_id=client_id,
            run_id=run.dagster_run_id,
            row_count=plan.metrics.height,
            as_of_date=run.as_of_date.isoformat(),
            forecast_run_id=run.champion[0],
        )


@dg.multi_asset(
    name="inventory",
    partitions_def=CLIENT_PARTITIONS,
    specs=[
        dg.AssetSpec(
            ["analytics", table],
            description=description,
            deps=[RESULTS_KEY],
            group_name="inventory",
            owners=["team:forecaster"],
            kinds={"python", "postgres"},
        )
        for table, description in TABLES.items()
    ],
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
    if champion is None:
        raise dg.Failure(
            f"There is no forecast as of {as_of_date}: run forecast_only with the same as_of_date first.",
            allow_retries=False,
        )
    forecast, keys = read_forecast(warehouse, client.client_id, *champion)
    history = read_history(warehouse, client.client_id, as_of_date)
    plan = plan_client(warehouse, client, forecast, keys, history)
    run = InventoryRun(client, plan, keys, as_of_date, history.input_watermark, champion, context.run_id)
    publish(warehouse, run)
    yield from _report(run)


def _report(run: InventoryRun) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """What the UI shows of a published plan."""
    plan = run.plan
    for check, flag in (("stock_is_known", "MISSING_STOCK"), ("lead_time_is_known", "MISSING_LEAD_TIME")):
        missing = int(plan.metrics["flags"].list.contains(flag).sum())
        yield dg.AssetCheckResult(
            asset_key=METRICS_KEY,
            check_name=check,
            passed=missing == 0,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"{missing} of {plan.metrics.height} series are without.",
            metadata={"series": missing},
        )
    urgency = plan.replenishment.group_by("urgency").len().sort("urgency")
    metadata: dict[str, dict[str, Any]] = {
        "inventory_runs": {"run_id": run.run_id},
        "lead_time_demand": {"dagster/row_count": plan.lead_time_demand.height},
        "inventory_metrics": {
            "dagster/row_count": plan.metrics.height,
            "stock_value": float(plan.metrics["stock_value"].sum()),
            "excess_value": float(plan.metrics["excess_value"].sum()),
            "stocked_out_series": int((plan.metrics["dir_days"] == 0).sum()),
        },
        "replenishment_plan": {
            "dagster/row_count": plan.replenishment.height,
            "order_value": float(plan.replenishment["order_value"].sum()),
            "lines_by_urgency": {row["urgency"]: row["len"] for row in urgency.to_dicts()},
        },
        "stock_projection": {"dagster/row_count": plan.projection.height},
    }
    for table in TABLES:
        yield dg.MaterializeResult(asset_key=["analytics", table], metadata=metadata[table])
