"""An inventory run: the rows that a plan is published as, and what is said of them.

Belongs here: the transaction that publishes, the sums that are shown. Does not belong here: what a plan
depends on (``inventory_inputs``), any formula (``forecasting_lib.inventory``), the asset (``inventory``).
"""

from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import polars as pl
import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from forecasting_lib.inventory import Flag, InventoryPlan
from orchestration.clients import Client
from orchestration.stages.inventory_inputs import InventoryInputs
from orchestration.stages.plan_changes import compared, insert_stability, plan_before
from orchestration.stages.plan_inputs import insert_plan_inputs
from orchestration.stages.provenance import code_version
from orchestration.stages.publishing import claimed, insert_row, supersede
from orchestration.warehouse.bulk import insert_frame
from orchestration.warehouse.locks import Purpose
from orchestration.warehouse.server import Warehouse
from orchestration.warehouse.tables import analytics


@dataclass(frozen=True)
class InventoryRun:
    """One execution of the stage.

    Attributes:
        client: whose plan it is.
        plan: the engine's tables.
        inputs: what it was computed from.
        input_digest: their digest.
        dagster_run_id: the run in the Dagster UI.
        run_id: the key of its rows.
    """

    client: Client
    plan: InventoryPlan
    inputs: InventoryInputs
    input_digest: str
    dagster_run_id: str
    run_id: str = field(default_factory=lambda: str(uuid4()))

    def keyed(self, frame: pl.DataFrame) -> pl.DataFrame:
        """A table of the plan with the columns that identify its rows in the warehouse."""
        return (
            frame.join(self.inputs.keys, on="series_id", maintain_order="left")
            .drop("series_id")
            .with_columns(
                pl.lit(self.client.client_id).alias("client_id"), pl.lit(self.run_id).alias("run_id")
            )
        )


def publish(warehouse: Warehouse, run: InventoryRun) -> None:
    """Write an inventory run in one transaction and make it the current one."""
    as_of_date = run.inputs.forecast.as_of_date
    with claimed(warehouse, Purpose.INVENTORY, run.client.client_id) as connection:
        supersede(
            connection,
            analytics.inventory_runs,
            {"client_id": run.client.client_id, "as_of_date": as_of_date},
            lambda: _insert_run(connection, run),
            action="publish",
            subject=f"inventory run {run.run_id}",
            dagster_run_id=run.dagster_run_id,
            as_of_date=as_of_date.isoformat(),
            forecast_run_id=run.inputs.champion[0],
        )


def _insert_run(connection: psycopg.Connection[Any], run: InventoryRun) -> int:
    """Write a run and the tables of its plan; returns the series planned."""
    plan, as_of_date = run.plan, run.inputs.forecast.as_of_date
    forecast_run_id, forecast_model = run.inputs.champion
    calibration = run.inputs.calibration
    insert_row(
        connection,
        analytics.inventory_runs,
        {
            "client_id": run.client.client_id,
            "run_id": run.run_id,
            "as_of_date": as_of_date,
            "forecast_run_id": forecast_run_id,
            "forecast_model": forecast_model,
            "backtest_run_id": None if calibration is None else calibration.backtest_run_id,
            "forecast_as_of_date": run.inputs.forecast_as_of_date,
            "code_version": code_version(),
            "input_digest": run.input_digest,
            "config": Jsonb(asdict(run.inputs.policy)),
            "status": "published",
            "is_current": True,
            "input_watermark": run.inputs.input_watermark,
            "decisions_read_at": run.inputs.decisions.at,
            "decisions_just_read": list(map(UUID, run.inputs.decisions.just_made)),
            "dagster_run_id": run.dagster_run_id,
        },
    )
    metrics = run.keyed(plan.metrics).with_columns(
        pl.lit(as_of_date).alias("as_of_date"), pl.col("review_days").cast(pl.Int32)
    )
    insert_frame(connection, "analytics.inventory_metrics", metrics)
    insert_frame(connection, "analytics.lead_time_demand", run.keyed(plan.lead_time_demand))
    before = plan_before(connection, run.client.client_id, as_of_date)
    lines = compared(run.keyed(plan.replenishment), None if before is None else before.lines)
    insert_frame(connection, "analytics.replenishment_plan", lines)
    insert_frame(connection, "analytics.stock_projection", run.keyed(plan.projection))
    insert_frame(connection, "analytics.purchase_priorities", run.keyed(plan.priorities))
    suppliers = run.inputs.supplier_lead_times.with_columns(
        pl.lit(run.client.client_id).alias("client_id"), pl.lit(run.run_id).alias("run_id")
    )
    insert_frame(connection, "analytics.supplier_lead_times", suppliers)
    insert_plan_inputs(connection, run.client.client_id, run.run_id, as_of_date, run.inputs.forecast.grain)
    if before is not None:
        key = {"client_id": run.client.client_id, "run_id": run.run_id}
        insert_stability(connection, key, as_of_date, run.inputs.champion, lines, before)
    return plan.metrics.height


@dataclass(frozen=True)
class PlanSummary:
    """What the UI shows of a published plan.

    Attributes:
        series: series planned.
        without_stock: of these, the ones whose stock nobody delivered.
        without_lead_time: of these, the ones without a lead time.
        stocked_out_series: of these, the ones with nothing on hand to sell.
        stock_value: money.
        excess_value: money.
        order_value: money, of all lines.
        lines: lines of the plan.
        lines_by_urgency: of these, how many are how urgent.
        lead_time_rows: rows of ``lead_time_demand``.
        projection_rows: rows of ``stock_projection``.
        priority_rows: rows of ``purchase_priorities``.
        supplier_rows: rows of ``supplier_lead_times``.
        input_rows: rows of ``plan_inputs``.
        earlier_as_of_date: of the plan before; None where there was none.
        forecast_churn: units by which the forecast moved since, as a share of what it was.
        lines_changed_share: share of the lines that changed by more than one pack since.
    """

    series: int
    without_stock: int
    without_lead_time: int
    stocked_out_series: int
    stock_value: float
    excess_value: float
    order_value: float
    lines: int
    lines_by_urgency: dict[str, int]
    lead_time_rows: int
    projection_rows: int
    priority_rows: int
    supplier_rows: int
    input_rows: int
    earlier_as_of_date: date | None
    forecast_churn: float | None
    lines_changed_share: float | None


def read_summary(warehouse: Warehouse, client_id: str, run_id: str) -> PlanSummary:
    """Read the summary of a published plan, one that stands or one just written."""
    with (
        warehouse.transaction() as connection,
        connection.cursor(row_factory=class_row(PlanSummary)) as cursor,
    ):
        return cursor.execute(
            """
            with planned as (
                select * from analytics.inventory_metrics
                where client_id = %(client)s and run_id = %(run)s
            ),

            line as (
                select * from analytics.replenishment_plan
                where client_id = %(client)s and run_id = %(run)s
            ),

            stability as (
                select * from analytics.plan_stability
                where client_id = %(client)s and run_id = %(run)s
            )

            select
                count(*) as series,
                count(*) filter (where %(no_stock)s = any(flags)) as without_stock,
                count(*) filter (where %(no_lead_time)s = any(flags)) as without_lead_time,
                count(*) filter (where dir_days = 0) as stocked_out_series,
                coalesce(sum(stock_value), 0)::float8 as stock_value,
                coalesce(sum(excess_value), 0)::float8 as excess_value,
                (select coalesce(sum(order_value), 0)::float8 from line) as order_value,
                (select count(*) from line) as lines,
                (
                    select coalesce(jsonb_object_agg(urgency, lines), '{}')
                    from (select urgency, count(*) as lines from line group by urgency) as by_urgency
                ) as lines_by_urgency,
                (
                    select count(*) from analytics.lead_time_demand
                    where client_id = %(client)s and run_id = %(run)s
                ) as lead_time_rows,
                (
                    select count(*) from analytics.stock_projection
                    where client_id = %(client)s and run_id = %(run)s
                ) as projection_rows,
                (
                    select count(*) from analytics.purchase_priorities
                    where client_id = %(client)s and run_id = %(run)s
                ) as priority_rows,
                (
                    select count(*) from analytics.supplier_lead_times
                    where client_id = %(client)s and run_id = %(run)s
                ) as supplier_rows,
                (
                    select count(*) from analytics.plan_inputs
                    where client_id = %(client)s and run_id = %(run)s
                ) as input_rows,
                (select earlier_as_of_date from stability) as earlier_as_of_date,
                (select forecast_churn from stability) as forecast_churn,
                (select lines_changed_share from stability) as lines_changed_share
            from planned
            """,
            {
                "client": client_id,
                "run": run_id,
                "no_stock": str(Flag.MISSING_STOCK),
                "no_lead_time": str(Flag.MISSING_LEAD_TIME),
            },
        ).fetchall()[0]
