"""The inventory stage plans once for the same inputs, and says the same of a plan that stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, LiteralString

import dagster as dg
import polars as pl
import pytest

from orchestration.clients import Client
from orchestration.reading.histories import current_champion, last_demand_day
from orchestration.resources import Installation
from orchestration.running.runs import find_job, run_job
from orchestration.settings import Settings
from orchestration.stages import inventory as stage
from orchestration.stages import inventory_inputs
from orchestration.stages.forecasting import forecasts
from orchestration.stages.inventory_inputs import read_inputs
from orchestration.stages.inventory_runs import read_summary
from orchestration.stages.plan_changes import changed_lines
from orchestration.stages.publishing import standing_run
from orchestration.warehouse.bulk import read_frame, render
from orchestration.warehouse.server import Warehouse
from orchestration.warehouse.tables import analytics
from tests.conftest import SMALL_RETAILER, run_retailer
from tests.orchestration.fingerprints import IDENTITY, fingerprints


def materialize(
    client_id: str, assets: Sequence[dg.AssetsDefinition] = (stage.inventory,)
) -> tuple[Mapping[str, Mapping[str, Any]], list[tuple[str, bool, Any]]]:
    """Run the stage; returns the metadata of each table and the checks."""
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("clients", [client_id])
        result = dg.materialize(
            assets,
            instance=instance,
            partition_key=client_id,
            resources={"installation": Installation()},
        )
        assert result.success
    tables = {
        event.asset_key.path[-1]: {
            name: value.value for name, value in event.materialization.metadata.items()
        }
        for event in result.get_asset_materialization_events()
        if event.asset_key
    }
    checks = result.get_asset_check_evaluations()
    return tables, [(check.check_name, check.passed, check.description) for check in checks]


@pytest.fixture
def replanned(warehouse: Warehouse, pipeline_client: Client) -> Client:
    """The client with a plan of its latest forecast, made by this stage."""
    materialize(pipeline_client.client_id)
    return pipeline_client


def current_runs(warehouse: Warehouse, client_id: str) -> list[str]:
    query = """
        select run_id::text as run_id from analytics.inventory_runs
        where client_id = {c} order by published_at
    """
    return read_frame(warehouse, render(query, c=client_id))["run_id"].to_list()


def test_a_plan_that_stands_is_not_planned_again_and_reported_the_same(
    warehouse: Warehouse, replanned: Client
) -> None:
    before = current_runs(warehouse, replanned.client_id)
    first = materialize(replanned.client_id)
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(stage, "plan_inventory")
        assert materialize(replanned.client_id) == first
    assert current_runs(warehouse, replanned.client_id) == before
    tables, _ = first
    assert tables["inventory_runs"]["run_id"] in before
    assert tables["inventory_metrics"]["dagster/row_count"] > 0


def test_the_summary_of_a_plan_is_that_of_its_rows(warehouse: Warehouse, replanned: Client) -> None:
    client_id = replanned.client_id
    as_of = last_demand_day(warehouse, client_id)
    assert as_of is not None
    champion = current_champion(warehouse, client_id, as_of)
    assert champion is not None
    digest = read_inputs(warehouse, replanned, champion, as_of).digest()
    run_id = standing_run(warehouse, analytics.inventory_runs, client_id, as_of, digest)
    assert run_id is not None

    def rows(table: LiteralString, columns: LiteralString = "item_id") -> pl.DataFrame:
        query = f"select {columns} from analytics.{table} where client_id = {{c}} and run_id = {{run}}::uuid"
        return read_frame(warehouse, render(query, c=client_id, run=run_id))

    metrics = rows("inventory_metrics", "flags, dir_days, stock_value, excess_value")
    lines = rows("replenishment_plan", "urgency, order_value::float8 as order_value")
    summary = read_summary(warehouse, client_id, run_id)
    assert summary.series == metrics.height > 0
    assert summary.without_stock == metrics["flags"].list.contains("MISSING_STOCK").sum()
    assert summary.without_lead_time == metrics["flags"].list.contains("MISSING_LEAD_TIME").sum()
    assert summary.stocked_out_series == (metrics["dir_days"] == 0).sum()
    assert summary.stock_value == pytest.approx(metrics["stock_value"].sum())
    assert summary.excess_value == pytest.approx(metrics["excess_value"].sum())
    assert summary.lines == lines.height > 0
    assert summary.lines_by_urgency == dict(lines.group_by("urgency").len().iter_rows())
    assert summary.order_value == pytest.approx(lines["order_value"].sum())
    assert summary.projection_rows == rows("stock_projection").height
    assert summary.lead_time_rows == rows("lead_time_demand").height
    assert summary.supplier_rows == rows("supplier_lead_times", "supplier_id").height > 0


def test_a_plan_after_its_forecast_in_one_run_is_the_same_without_reading_the_history_again(
    warehouse: Warehouse, replanned: Client
) -> None:
    client_id = replanned.client_id

    def planned_anew(assets: Sequence[dg.AssetsDefinition]) -> dict[str, tuple[int, str]]:
        with warehouse.transaction() as connection:
            connection.execute(
                "update analytics.inventory_runs set input_digest = '' where client_id = %s", (client_id,)
            )
        before = current_runs(warehouse, client_id)
        materialize(client_id, assets)
        assert len(current_runs(warehouse, client_id)) == len(before) + 1
        return fingerprints(warehouse, client_id, ignore=IDENTITY, current_only=True)

    read_again = planned_anew([stage.inventory])
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(inventory_inputs, "read_history")
        patch.delattr(inventory_inputs, "read_forecast")
        handed_on = planned_anew([forecasts, stage.inventory])
    assert handed_on == read_again


def test_the_stability_of_a_plan_is_that_of_its_forecast_and_lines_beside_those_before(
    settings: Settings, warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    """A plan of a week before the last day, beside one of three weeks earlier: seven days are in both."""
    client = run_retailer(settings, warehouse, instance, SMALL_RETAILER, "stable_retail", "Stable")
    client_id, as_of = client.client_id, SMALL_RETAILER.end_date - timedelta(days=7)
    for job in ("forecast_only", "inventory_only"):
        outcome = run_job(warehouse, instance, find_job(job), client_id, as_of=as_of)
        assert outcome.succeeded, outcome.problems
    last = read_frame(
        warehouse,
        render(
            """
            select
                stability.run_id::text as run_id, stability.earlier_run_id::text as earlier_run_id,
                forecast_churn, earlier_forecast_qty, moved_forecast_qty, overlap_periods, n_lines,
                n_lines_changed, lines_changed_share, earlier_as_of_date
            from analytics.plan_stability as stability
            where client_id = {c} and as_of_date = {as_of}::date
            """,
            c=client_id,
            as_of=as_of,
        ),
    ).row(0, named=True)

    def expected(run_id: str) -> pl.DataFrame:
        query = """
            select item_id, location_id, date, mean_qty
            from analytics.forecast_results as results
            inner join analytics.inventory_runs as runs
                on runs.client_id = results.client_id
                and runs.forecast_run_id = results.run_id
                and runs.forecast_model = results.model
            where results.client_id = {c} and runs.run_id = {run}::uuid
        """
        return read_frame(warehouse, render(query, c=client_id, run=run_id))

    def planned(run_id: str) -> pl.DataFrame:
        query = """
            select
                item_id, location_id, action, line_no, order_qty::float8 as order_qty,
                order_multiple_qty::float8 as order_multiple_qty
            from analytics.replenishment_plan where client_id = {c} and run_id = {run}::uuid
        """
        return read_frame(warehouse, render(query, c=client_id, run=run_id))

    now, then = expected(last["run_id"]), expected(last["earlier_run_id"])
    both = now.join(then, on=["item_id", "location_id", "date"], suffix="_then")
    moved = float((both["mean_qty"] - both["mean_qty_then"]).abs().sum())
    assert last["earlier_as_of_date"] == as_of - timedelta(days=21)
    assert last["overlap_periods"] == both["date"].n_unique() == 7
    assert last["moved_forecast_qty"] == pytest.approx(moved)
    expected_before = float(both["mean_qty_then"].sum())
    assert last["earlier_forecast_qty"] == pytest.approx(expected_before)
    assert last["forecast_churn"] == pytest.approx(moved / expected_before)
    assert moved > 0
    count = changed_lines(planned(last["run_id"]), planned(last["earlier_run_id"]))
    assert (last["n_lines"], last["n_lines_changed"]) == (count.lines, count.changed)
    assert count.lines > 0
    assert last["lines_changed_share"] == pytest.approx(count.changed / count.lines)
    summary = read_summary(warehouse, client_id, last["run_id"])
    assert summary.forecast_churn == last["forecast_churn"]
    assert summary.lines_changed_share == last["lines_changed_share"]
    assert summary.earlier_as_of_date == last["earlier_as_of_date"]
