"""The whole path, from files to orders and scores, on a real server and a real Dagster instance."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from math import isfinite

import dagster as dg
import polars as pl
import pytest
from psycopg import sql
from sqlalchemy import Float, Integer, Numeric

from forecasting_lib.demo import generate_retailer, hold_back_retailer
from orchestration.clients import Client, add_client, sync_partitions, validated
from orchestration.running.runs import find_job, run_job
from orchestration.settings import Settings
from orchestration.warehouse.bulk import read_frame, render
from orchestration.warehouse.server import Warehouse
from orchestration.warehouse.tables import metadata
from tests.conftest import SMALL_RETAILER, deliver
from tests.orchestration.fingerprints import IDENTITY, OF_PEOPLE, compared_columns, fingerprints

pytestmark = pytest.mark.starts_first

RETAILER = generate_retailer(SMALL_RETAILER)
FIRST, LATER = hold_back_retailer(RETAILER.deliveries())
AS_OF = SMALL_RETAILER.end_date - timedelta(days=28)

NOT_OF_THIS_RETAILER = {
    *("ops.rejected_rows", "ops.restated_sales", "ops.pulled"),
    *("staging.calendar", "staging.prices", "staging.opening_days", "staging.outlier_verdicts"),
    *("analytics.ts_demand_periods", "analytics.backtest_runs", "analytics.backtest_series"),
    "analytics.backtest_scores",
    *("analytics.backtest_totals", "analytics.backtest_reliability"),
    *("analytics.backtest_new_items", "analytics.calibrations", "analytics.error_inflation"),
    *("analytics.service_backtest_runs", "analytics.service_backtest", "analytics.covariate_worth"),
}
"""Tables that stay empty: its rows are good and final, it is planned by day, delivers no opening days, has
no source, and neither its models nor its levels were judged."""

MAY_BE_EMPTY = {"analytics.drift_events", "analytics.demand_outliers"}
"""Whether its demand drifts is the retailer's own affair."""

FOLLOWS_A_FORECAST = [
    f"analytics.{table}"
    for table in (
        *("forecast_results", "forecast_series", "inventory_metrics", "lead_time_demand"),
        *("replenishment_plan", "stock_projection"),
    )
]

NUMBER = (Float, Integer, Numeric)

SENTINELS = (9_999, 99_999, 999_999)
"""What other systems write for a number they do not know."""


def scalar(warehouse: Warehouse, query: str, **values: object) -> object:
    return read_frame(warehouse, render(query, **values)).item()


@pytest.fixture(scope="module")
def run(warehouse: Warehouse, instance: dg.DagsterInstance) -> Callable[..., str]:
    def run(client: Client, job: str = "client_pipeline", as_of: date | None = None) -> str:
        sync_partitions(instance, [*instance.get_dynamic_partitions("clients"), client.client_id])
        outcome = run_job(warehouse, instance, find_job(job), client.client_id, as_of=as_of)
        assert outcome.succeeded, outcome.problems
        return outcome.run_id

    return run


@dataclass(frozen=True)
class Twin:
    """A client with the files of ``pipeline_client``; this page may change it, and keeps what it was."""

    client: Client
    at_first: dict[str, tuple[int, str]]


@pytest.fixture(scope="module")
def twin(settings: Settings, warehouse: Warehouse, run: Callable[..., str]) -> Twin:
    client = validated(client_id="twin_retail", name="Twin", country="IE", models=["ma7", "seasonal_naive"])
    add_client(warehouse, client)
    for part, frames in (("_first", FIRST), ("_later", LATER)):
        deliver(settings, client.client_id, frames, part)
        run(client)
    return Twin(client, fingerprints(warehouse, client.client_id, ignore=IDENTITY))


@dataclass(frozen=True)
class Neighbour:
    """A client with the same items and a wild month; what ``pipeline_client`` had before it came."""

    client: Client
    others_before: dict[str, tuple[int, str]]


@pytest.fixture(scope="module")
def neighbour(
    settings: Settings, warehouse: Warehouse, pipeline_client: Client, run: Callable[..., str]
) -> Neighbour:
    """It delivers everything at once and runs as of the day before its wild month."""
    before = fingerprints(warehouse, pipeline_client.client_id)
    client = validated(client_id="wild_retail", name="Wild", country="IE", models=["ma7", "seasonal_naive"])
    add_client(warehouse, client)
    deliver(settings, client.client_id, FIRST)
    sales = LATER["sales"].with_columns(pl.col("units_sold") * 50)
    deliver(settings, client.client_id, {**LATER, "sales": sales}, "_later")
    run(client, as_of=AS_OF)
    return Neighbour(client, before)


def test_every_stage_left_rows(warehouse: Warehouse, pipeline_client: Client) -> None:
    counts = {name: rows for name, (rows, _) in fingerprints(warehouse, pipeline_client.client_id).items()}
    assert {name for name, rows in counts.items() if rows == 0} == NOT_OF_THIS_RETAILER


def test_nothing_but_names_and_moments_is_left_out_of_a_comparison() -> None:
    everything, compared = compared_columns(), compared_columns(IDENTITY)
    assert {column for columns in everything.values() for column in columns} > IDENTITY
    assert compared.keys() == everything.keys()
    assert len(compared) >= 24
    assert sum(map(len, compared.values())) >= 330
    assert all(compared.values())


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


def test_what_empty_shelves_cost_is_estimated_within_fifteen_percent(
    warehouse: Warehouse, pipeline_client: Client
) -> None:
    estimates = read_frame(
        warehouse,
        render(
            """
            select
                shelf,
                sum(lost_sales_qty) as units,
                count(*) filter (where lost_sales_qty is null) as unknown
            from analytics.lost_sales where client_id = {c} group by shelf order by shelf
            """,
            c=pipeline_client.client_id,
        ),
    )
    assert estimates["shelf"].to_list() == ["empty", "ran_out"]
    assert estimates["unknown"].sum() == 0
    assert estimates["units"].sum() == pytest.approx(float(RETAILER.truth["lost_qty"].sum()), rel=0.15)


def test_no_output_holds_a_number_that_is_none(warehouse: Warehouse, pipeline_client: Client) -> None:
    """NaN, infinity and the sentinels of other systems, in every number of every output table."""
    looked_at: dict[str, list[str]] = {}
    with warehouse.transaction() as connection:
        for table in metadata.sorted_tables:
            if table.schema != "analytics" or "client_id" not in table.columns:
                continue
            if f"analytics.{table.name}" in NOT_OF_THIS_RETAILER | OF_PEOPLE:
                continue
            numbers = [column.name for column in table.columns if isinstance(column.type, NUMBER)]
            rows = connection.execute(
                sql.SQL("select {columns} from {table} where client_id = {client}").format(
                    columns=sql.SQL(", ").join(map(sql.Identifier, numbers)),
                    table=sql.Identifier("analytics", table.name),
                    client=sql.Literal(pipeline_client.client_id),
                )
            ).fetchall()
            assert rows or f"analytics.{table.name}" in MAY_BE_EMPTY, table.name
            for name, values in zip(numbers, zip(*rows, strict=True), strict=bool(rows)):
                odd = [v for v in values if v is not None and (not isfinite(v) or abs(v) in SENTINELS)]
                assert odd == [], f"{table.name}.{name}"
            looked_at[table.name] = numbers
    assert {"forecast_results", "score_sums", "inventory_metrics", "ts_demand_daily"} <= set(looked_at)
    assert sum(map(len, looked_at.values())) >= 130


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
    assert sorted(scored["model"]) == ["hist_q", "ma7", "seasonal_naive"]
    assert scored["as_of_date"].unique().to_list() == [AS_OF]
    assert scored["wape"].is_between(0.05, 1.5).all()


def test_the_same_files_again_change_no_row(
    settings: Settings, warehouse: Warehouse, twin: Twin, run: Callable[..., str]
) -> None:
    before = fingerprints(warehouse, twin.client.client_id)
    folder = settings.client_landing_dir(twin.client.client_id)
    by_age = sorted(folder.glob("*_*.csv"), key=lambda file: file.stat().st_mtime_ns)
    latest = {file.stem.rpartition("_")[0]: file for file in by_age}
    assert len(latest) >= len(LATER)
    for file in latest.values():
        shutil.copyfile(file, folder / f"{file.stem}_again.csv")
    run(twin.client)
    assert fingerprints(warehouse, twin.client.client_id) == before


def test_another_client_changes_nothing(
    warehouse: Warehouse, pipeline_client: Client, neighbour: Neighbour
) -> None:
    assert fingerprints(warehouse, pipeline_client.client_id) == neighbour.others_before


def test_the_same_files_give_another_client_the_same_to_the_bit(
    warehouse: Warehouse, pipeline_client: Client, twin: Twin
) -> None:
    first = fingerprints(warehouse, pipeline_client.client_id, ignore=IDENTITY)
    assert twin.at_first == first
    assert {name for name, (rows, _) in first.items() if rows == 0} == NOT_OF_THIS_RETAILER


def test_nothing_after_the_as_of_date_is_visible(
    warehouse: Warehouse, pipeline_client: Client, neighbour: Neighbour
) -> None:
    """A spike, a stock level and a receipt planted after the as-of date move no forecast and no plan."""
    planned, redone = (
        fingerprints(warehouse, c.client_id, ignore=IDENTITY, as_of=AS_OF)
        for c in (pipeline_client, neighbour.client)
    )
    for table in FOLLOWS_A_FORECAST:
        assert redone[table] == planned[table], table
        assert planned[table][0] > 0, table


def test_restated_sales_are_followed_by_demand_and_scores(
    settings: Settings, warehouse: Warehouse, twin: Twin, run: Callable[..., str]
) -> None:
    client = twin.client

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
    assert not first.is_empty()
    restated = LATER["sales"].head(40).with_columns(pl.col("units_sold").abs() + 100)
    deliver(settings, client.client_id, {"sales": restated}, "_restated")
    run(client)
    after = scores()
    assert after.height == first.height
    assert after["is_current"].all()
    assert after["scoring_id"].is_in(first["scoring_id"].implode()).sum() == 0
    added = float((restated["units_sold"] - LATER["sales"].head(40)["units_sold"]).sum())
    moved = after["sum_actual_qty"][0] - first["sum_actual_qty"][0]
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
