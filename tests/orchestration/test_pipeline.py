"""The whole path, from files to orders and scores, on a real server and a real Dagster instance."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import date, timedelta

import dagster as dg
import polars as pl
import pytest
from psycopg import sql

from forecasting_lib.demo import generate_retailer, hold_back_retailer
from orchestration.clients import Client, sync_partitions
from orchestration.running.runs import find_job, run_job
from orchestration.settings import Settings
from orchestration.warehouse.bulk import read_frame, render
from orchestration.warehouse.server import Warehouse
from orchestration.warehouse.tables import metadata
from tests.conftest import SMALL_RETAILER, deliver
from tests.orchestration.fingerprints import IDENTITY, fingerprints

NewClient = Callable[..., Client]

FIRST, LATER = hold_back_retailer(generate_retailer(SMALL_RETAILER).deliveries())


def scalar(warehouse: Warehouse, query: str, **values: object) -> object:
    return read_frame(warehouse, render(query, **values)).item()


@pytest.fixture
def run(warehouse: Warehouse, instance: dg.DagsterInstance) -> Callable[..., str]:
    def run(client: Client, job: str = "client_pipeline", as_of: date | None = None) -> str:
        sync_partitions(instance, [*instance.get_dynamic_partitions("clients"), client.client_id])
        outcome = run_job(warehouse, instance, find_job(job), client.client_id, as_of=as_of)
        assert outcome.succeeded, outcome.problems
        return outcome.run_id

    return run


def test_every_stage_left_rows(warehouse: Warehouse, pipeline_client: Client) -> None:
    counts = {name: rows for name, (rows, _) in fingerprints(warehouse, pipeline_client.client_id).items()}
    may_be_empty = {
        "ops.rejected_rows",
        "ops.restated_sales",
        "staging.calendar",
        "staging.prices",
    }
    assert {name for name, rows in counts.items() if rows == 0} <= may_be_empty


def test_units_are_conserved_from_the_files_to_daily_demand(
    warehouse: Warehouse, pipeline_client: Client
) -> None:
    """Delivered = demand less clipping + rejected, over both deliveries."""
    delivered = sum(float(part["sales"]["units_sold"].sum()) for part in (FIRST, LATER))
    c = pipeline_client.client_id
    kept, clipped = read_frame(
        warehouse,
        render(
            """
            select sum(demand_qty)::float8 as kept, sum(clipped_qty)::float8 as clipped
            from analytics.ts_demand_daily where client_id = {c}
            """,
            c=c,
        ),
    ).row(0)
    rejected = scalar(
        warehouse,
        "select coalesce(sum(units), 0)::float8 as units from ops.rejected_rows where client_id = {c}",
        c=c,
    )
    assert clipped > 0, "the generated retailer has returns that clip"
    assert kept - clipped + rejected == pytest.approx(delivered, abs=1e-6)


def test_no_output_holds_a_number_that_is_none(warehouse: Warehouse, pipeline_client: Client) -> None:
    """NaN, infinity and the sentinels of other systems, in every numeric column of every output table."""
    assert pipeline_client
    with warehouse.transaction() as connection:
        for table in metadata.sorted_tables:
            if table.schema != "analytics":
                continue
            for column in table.columns:
                if str(column.type) not in ("DOUBLE PRECISION", "DOUBLE", "NUMERIC(18, 4)"):
                    continue
                count = connection.execute(
                    sql.SQL(
                        "select count(*) from {table} where abs({column}) in (9999, 99999, 999999)"
                        " or {column}::text in ('NaN', 'Infinity', '-Infinity')"
                    ).format(
                        table=sql.Identifier("analytics", table.name), column=sql.Identifier(column.name)
                    )
                ).fetchone()
                assert count == (0,), f"{table.name}.{column.name}"


def test_the_reorder_point_reconciles_in_every_row(warehouse: Warehouse, pipeline_client: Client) -> None:
    worst = scalar(
        warehouse,
        """
        select max(abs(reorder_point_qty - ltd_mean_qty - undershoot_mean_qty - safety_stock_qty)) as gap
        from analytics.inventory_metrics where client_id = {c}
        """,
        c=pipeline_client.client_id,
    )
    assert isinstance(worst, float)
    assert worst < 1e-6


def test_earlier_forecasts_are_scored_when_actuals_land(
    warehouse: Warehouse, pipeline_client: Client
) -> None:
    scored = read_frame(
        warehouse,
        render(
            """
            select model, as_of_date, n_rows::int as n_rows, wape, bias
            from analytics.forecast_quality
            where client_id = {c} and is_current and grain = 'client' and lag_bucket = 'all'
            """,
            c=pipeline_client.client_id,
        ),
    )
    assert sorted(scored["model"]) == ["ma7", "seasonal_naive"]
    assert scored["as_of_date"].unique().to_list() == [SMALL_RETAILER.end_date - timedelta(days=28)]
    assert scored["wape"].is_between(0.05, 1.5).all()


def test_the_same_files_again_change_no_row(
    settings: Settings, warehouse: Warehouse, pipeline_client: Client, run: Callable[..., str]
) -> None:
    before = fingerprints(warehouse, pipeline_client.client_id)
    folder = settings.client_landing_dir(pipeline_client.client_id)
    for file in list(folder.glob("*_later.csv")):
        shutil.copyfile(file, folder / f"{file.stem}_again.csv")
    run(pipeline_client)
    assert fingerprints(warehouse, pipeline_client.client_id) == before


def test_another_client_changes_nothing(
    settings: Settings,
    warehouse: Warehouse,
    pipeline_client: Client,
    new_client: NewClient,
    run: Callable[..., str],
) -> None:
    """B has A's items and other numbers: A stays as it was; A's files give a twin the same, to the bit."""
    a = fingerprints(warehouse, pipeline_client.client_id)
    b = new_client(prefix="neighbour", country="IE")
    deliver(settings, b.client_id, {**FIRST, "sales": FIRST["sales"].with_columns(pl.col("units_sold") * 7)})
    run(b)
    assert fingerprints(warehouse, pipeline_client.client_id) == a

    twin = new_client(prefix="twin", country="IE")
    for part, frames in (("_first", FIRST), ("_later", LATER)):
        deliver(settings, twin.client_id, frames, part)
        run(twin)
    first, second = (fingerprints(warehouse, c.client_id, ignore=IDENTITY) for c in (pipeline_client, twin))
    assert first["analytics.forecast_quality"][0] > 0
    assert second == first


def test_nothing_after_the_as_of_date_is_visible(
    settings: Settings, warehouse: Warehouse, new_client: NewClient, run: Callable[..., str]
) -> None:
    """A spike, a stock level and a receipt planted after the as-of date move no forecast and no plan."""
    as_of = SMALL_RETAILER.end_date - timedelta(days=28)
    plain, spiked = (new_client(prefix=prefix, country="IE") for prefix in ("plain", "spiked"))
    deliver(settings, plain.client_id, FIRST)
    deliver(settings, spiked.client_id, FIRST)
    run(plain)
    later = LATER["sales"].with_columns(pl.col("units_sold") * 50)
    deliver(settings, spiked.client_id, {**LATER, "sales": later}, "_later")
    run(spiked, as_of=as_of)
    tables = (
        "forecast_results",
        "forecast_series",
        "inventory_metrics",
        "replenishment_plan",
        "stock_projection",
    )
    seen = [
        {
            name: digest
            for name, digest in fingerprints(warehouse, c.client_id, ignore=IDENTITY).items()
            if name.removeprefix("analytics.") in tables
        }
        for c in (plain, spiked)
    ]
    assert seen[0] == seen[1]
    assert seen[0]["analytics.forecast_results"][0] > 0


def test_loading_the_code_location_imports_no_torch() -> None:
    code = (
        "import sys, orchestration.definitions;"
        "print([m for m in ('torch', 'chronos', 'transformers', 'statsforecast') if m in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip().splitlines()[-1] == "[]"


def test_the_library_imports_neither_dagster_nor_sql() -> None:
    code = (
        "import pkgutil, sys, importlib, forecasting_lib\n"
        "for m in pkgutil.walk_packages(forecasting_lib.__path__, 'forecasting_lib.'):\n"
        "    if not m.name.endswith('__main__'): importlib.import_module(m.name)\n"
        "foreign = ('dagster', 'sqlalchemy', 'psycopg', 'orchestration', 'dbt')\n"
        "print(sorted(m for m in foreign if m in sys.modules))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip().splitlines()[-1] == "[]"


def test_restated_sales_are_followed_by_demand_and_scores(
    settings: Settings, warehouse: Warehouse, pipeline_client: Client, run: Callable[..., str]
) -> None:
    """The last test of this page: it changes what the client delivered."""
    client = pipeline_client

    def scores() -> pl.DataFrame:
        return read_frame(
            warehouse,
            render(
                """
                select scoring_id::text as scoring_id, is_current, model, wape, sum_actual_qty
                from analytics.forecast_quality
                where client_id = {c} and grain = 'client' and lag_bucket = 'all' order by scored_at, model
                """,
                c=client.client_id,
            ),
        )

    first = scores()
    restated = LATER["sales"].head(40).with_columns(pl.col("units_sold").abs() + 100)
    deliver(settings, client.client_id, {"sales": restated}, "_restated")
    run(client)
    after = scores()
    assert after.height == 2 * first.height
    assert after.filter("is_current")["scoring_id"].is_in(first["scoring_id"].implode()).sum() == 0
    added = float((restated["units_sold"] - LATER["sales"].head(40)["units_sold"]).sum())
    moved = after.filter("is_current")["sum_actual_qty"][0] - first["sum_actual_qty"][0]
    assert 0 < moved <= added + 1e-6
    kept = scalar(
        warehouse,
        """
        select sum(new_units_sold - old_units_sold)::float8 as units
        from ops.restated_sales where client_id = {c}
        """,
        c=client.client_id,
    )
    assert kept == pytest.approx(added)
