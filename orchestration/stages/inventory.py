"""The inventory stage: from the champion's forecast to positions, reorder points and purchase proposals.

Belongs here: the asset and the transaction that publishes. Does not belong here: any formula
(``forecasting_lib.inventory``), any query of the supply side (``supply``).
"""

import hashlib
import json
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
from orchestration.reading.histories import SERIES_COLUMNS, read_forecast, read_history
from orchestration.reading.supply import read_supply
from orchestration.resources import DATABASE_RETRIES, Installation
from orchestration.stages.forecasting import RESULTS_KEY, AsOf, chosen_as_of
from orchestration.stages.provenance import code_version
from orchestration.table_assets import table_key, table_spec
from orchestration.warehouse.bulk import insert_frame
from orchestration.warehouse.locks import Purpose, lock_transaction
from orchestration.warehouse.server import Warehouse
from orchestration.warehouse.tables import analytics, staging

METRICS_KEY = table_key(analytics.inventory_metrics)
TABLES = (
    analytics.inventory_runs,
    analytics.lead_time_demand,
    analytics.inventory_metrics,
    analytics.replenishment_plan,
    analytics.stock_projection,
)
SUPPLY_KEYS = [table_key(t) for t in (staging.stock_levels, staging.purchase_orders, staging.suppliers)]


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


@dataclass(frozen=True)
class InventoryInputs:
    """Everything a plan depends on.

    Attributes:
        champion: (run id, model) of the forecast it starts from.
        forecast: that forecast.
        positions: one row per series: stock, supplier, lead time, constraints and demand statistics.
        receipts: one row per open purchase order line.
        policy: the client's choices.
    """

    champion: tuple[str, str]
    forecast: Forecast
    positions: pl.DataFrame
    receipts: pl.DataFrame
    policy: InventoryPolicy

    def digest(self) -> str:
        """SHA-256 of the inputs and the code; the same inputs are not planned again."""
        choices = [*self.champion, asdict(self.policy), code_version()]
        digest = hashlib.sha256(json.dumps(choices).encode())
        digest.update(self.positions.write_csv().encode())
        digest.update(self.receipts.sort("series_id", "po_id").write_csv().encode())
        return digest.hexdigest()


def read_inputs(
    warehouse: Warehouse, client: Client, champion: tuple[str, str]
) -> tuple[InventoryInputs, pl.DataFrame, int | None]:
    """Read what a plan needs: inputs, ``series_id, item_id, location_id`` and the input watermark."""
    forecast, keys = read_forecast(warehouse, client.client_id, *champion)
    history = read_history(warehouse, client.client_id, forecast.as_of_date)
    supply = read_supply(warehouse, client, keys, forecast.as_of_date)
    profile = (
        demand_profile(history.panel, forecast.horizon)
        .join(history.keys, on="series_id")
        .drop("series_id")
        .join(keys, on=SERIES_COLUMNS)
        .drop(SERIES_COLUMNS)
    )
    positions = supply.positions.join(profile, on="series_id", how="left", maintain_order="left")
    inputs = InventoryInputs(champion, forecast, positions, supply.receipts, policy_of(client))
    return inputs, keys, history.input_watermark


def is_standing(warehouse: Warehouse, client_id: str, as_of_date: date, digest: str) -> str | None:
    """Id of the current run where it was made from these inputs; None where it was not."""
    with warehouse.transaction() as connection:
        row = connection.execute(
            """
            select run_id::text from analytics.inventory_runs
            where client_id = %s and as_of_date = %s and input_digest = %s and is_current
            """,
            (client_id, as_of_date, digest),
        ).fetchone()
    return None if row is None else str(row[0])


@dataclass(frozen=True)
class InventoryRun:
    """One execution of the stage.

    Attributes:
        client: whose plan it is.
        plan: the engine's four tables.
        keys: ``series_id, item_id, location_id`` of the plan's series.
        inputs: what it was computed from.
        input_watermark: highest file_id whose rows were visible.
        dagster_run_id: the run in the Dagster UI.
        run_id: the key of its rows.
    """

    client: Client
    plan: InventoryPlan
    keys: pl.DataFrame
    inputs: InventoryInputs
    input_watermark: int | None
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
    client_id, plan, as_of_date = run.client.client_id, run.plan, run.inputs.forecast.as_of_date
    with warehouse.transaction() as connection:
        lock_transaction(connection, Purpose.INVENTORY, client_id)
        connection.execute(
            """
            update analytics.inventory_runs set is_current = false
            where client_id = %s and as_of_date = %s and is_current
            """,
            (client_id, as_of_date),
        )
        connection.execute(
            """
            insert into analytics.inventory_runs (
                client_id, run_id, as_of_date, forecast_run_id, forecast_model, code_version, input_digest,
                config, status, is_current, input_watermark, dagster_run_id
            ) values (%s, %s, %s, %s, %s, %s, %s, %s, 'published', true, %s, %s)
            """,
            (
                client_id,
                run.run_id,
                as_of_date,
                *run.inputs.champion,
                code_version(),
                run.inputs.digest(),
                Jsonb(asdict(run.inputs.policy)),
                run.input_watermark,
                run.dagster_run_id,
            ),
        )
        metrics = run.keyed(plan.metrics).with_columns(
            pl.lit(as_of_date).alias("as_of_date"), pl.col("review_days").cast(pl.Int32)
        )
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
            as_of_date=as_of_date.isoformat(),
            forecast_run_id=run.inputs.champion[0],
        )


@dg.multi_asset(
    name="inventory",
    retry_policy=DATABASE_RETRIES,
    partitions_def=CLIENT_PARTITIONS,
    specs=[table_spec(table, "inventory", deps=[RESULTS_KEY, *SUPPLY_KEYS]) for table in TABLES],
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
    inputs, keys, watermark = read_inputs(warehouse, client, champion)
    standing = is_standing(warehouse, client.client_id, as_of_date, inputs.digest())
    plan = plan_inventory(inputs.forecast, inputs.positions, inputs.receipts, inputs.policy)
    if standing is not None:
        context.log.info(f"Run {standing} was made from the same inputs; it stands.")
        yield from _report(standing, plan)
        return
    run = InventoryRun(client, plan, keys, inputs, watermark, context.run_id)
    publish(warehouse, run)
    yield from _report(run.run_id, plan)


def _report(run_id: str, plan: InventoryPlan) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """What the UI shows of a plan."""
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
        "inventory_runs": {"run_id": run_id},
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
        yield dg.MaterializeResult(asset_key=table_key(table), metadata=metadata[table.name])
