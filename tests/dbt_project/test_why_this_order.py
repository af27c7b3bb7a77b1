"""A line of the plan followed to what it rests on: every number and digest is one that its table holds."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, LiteralString
from uuid import UUID, uuid4

import dagster as dg
import polars as pl
import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from forecasting_lib.demo import generate_retailer, hold_back_retailer
from forecasting_lib.grain import Grain
from orchestration.clients import Client, add_client, remove_client, validated
from orchestration.landing.withdrawal import withdraw
from orchestration.planning.decisions import Choice, decide
from orchestration.running.runs import find_job, run_job
from orchestration.settings import Settings
from orchestration.stages.ingestion import ingest_files
from orchestration.stages.plan_inputs import insert_plan_inputs
from orchestration.warehouse.server import Warehouse
from tests.conftest import SMALL_RETAILER, deliver
from tests.orchestration.api.shops import as_writer

pytestmark = pytest.mark.starts_first

Row = dict[str, Any]

Connection = psycopg.Connection[Row]


@pytest.fixture(scope="module")
def judged(settings: Settings, warehouse: Warehouse, instance: dg.DagsterInstance) -> Client:
    """A retailer whose second run rests on a backtest."""
    client = validated(
        client_id="judged_retail", name="Judged", country="IE", models=["ma7", "seasonal_naive"], grain="day"
    )
    add_client(warehouse, client)
    instance.add_dynamic_partitions("clients", [client.client_id])
    files = generate_retailer(SMALL_RETAILER).deliveries()
    # an item that has left the assortment has no line, and no part in what is tested here
    files["products"] = files["products"].with_columns(pl.lit(None, pl.Date).alias("end_date"))
    first, later = hold_back_retailer(files)
    for part, frames, jobs in (
        ("_first", first, ["client_pipeline", "backtest"]),
        ("_later", later, ["client_pipeline"]),
    ):
        deliver(settings, client.client_id, frames, part)
        for job in jobs:
            outcome = run_job(warehouse, instance, find_job(job), client.client_id)
            assert outcome.succeeded, outcome.problems
    return client


@pytest.fixture(scope="module")
def lines(warehouse: Warehouse, judged: Client) -> list[Row]:
    """Every line of every plan, as the client itself sees them."""
    found = asked(
        warehouse, judged, "select * from analytics.why_this_order order by as_of_date, item_id, location_id"
    )
    assert len({row["as_of_date"] for row in found}) == 2
    return found


def asked(warehouse: Warehouse, client: Client, query: LiteralString, *values: Any) -> list[Row]:
    """Rows that the client's own role sees."""
    with warehouse.connect_admin() as connection, connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(
            sql.SQL("set local role {}").format(sql.Identifier(warehouse.roles.client(client.client_id)))
        )
        return cursor.execute(query, values).fetchall()


@pytest.fixture(scope="module")
def tables(warehouse: Warehouse) -> Iterator[Connection]:
    """A session of the pipeline, which sees the tables as they are."""
    with psycopg.connect(
        warehouse.libpq_url(role=warehouse.roles.pipeline), autocommit=True, row_factory=dict_row
    ) as connection:
        yield connection


def kept(tables: Connection, client: Client, table: str, **key: Any) -> Row:
    """The row of a table that a document says it is from."""
    conditions = [sql.SQL("{} = %s").format(sql.Identifier(name)) for name in key]
    query = sql.SQL("select * from {} where client_id = %s and {}").format(
        sql.Identifier(*table.split(".")), sql.SQL(" and ").join(conditions)
    )
    [row] = tables.execute(query, (client.client_id, *key.values())).fetchall()
    return row


def assert_same(document: Row, row: Row, *but: str) -> None:
    """A document says what its row says, of all that both have a name for."""
    shared = (document.keys() & row.keys()) - set(but)
    assert len(shared) >= 3
    for name in shared:
        said, is_so = document[name], row[name]
        if isinstance(is_so, datetime):
            assert datetime.fromisoformat(said) == is_so, name
        elif isinstance(is_so, Decimal | float):
            assert float(said) == pytest.approx(float(is_so)), name
        elif isinstance(is_so, date | UUID):
            assert said == str(is_so), name
        else:
            assert said == is_so, name


def test_there_is_one_row_per_line_of_each_plan(
    warehouse: Warehouse, judged: Client, lines: list[Row]
) -> None:
    plans = asked(
        warehouse, judged, "select run_id, item_id, location_id, line_no from analytics.replenishment_plan"
    )
    key = ("run_id", "item_id", "location_id", "line_no")
    assert lines
    assert sorted(str([row[k] for k in key]) for row in lines) == sorted(
        str([row[k] for k in key]) for row in plans
    )
    latest = max(row["as_of_date"] for row in lines)
    assert all(row["is_latest"] == (row["as_of_date"] == latest) for row in lines)


def test_run_and_figures_are_those_of_the_tables(
    tables: Connection, judged: Client, lines: list[Row]
) -> None:
    for line in lines:
        run_id = line["run_id"]
        series = {"run_id": run_id, "item_id": line["item_id"], "location_id": line["location_id"]}
        run = kept(tables, judged, "analytics.inventory_runs", run_id=run_id)
        assert_same(line["inventory_run"], run)
        assert line["inventory_run"]["policy"] == run["config"]
        assert line["inventory_run"]["input_digest"] == run["input_digest"]
        metrics = kept(tables, judged, "analytics.inventory_metrics", **series)
        assert_same(line["figures"], metrics)
        # the expected demand of that table has the undershoot in it
        assert_same(
            line["figures"], kept(tables, judged, "analytics.lead_time_demand", **series), "ltd_mean_qty"
        )
        for figure in ("reorder_point_qty", "safety_stock_qty", "inventory_position_qty", "ltd_sd_qty"):
            assert figure in line["figures"]
        plan = kept(tables, judged, "analytics.replenishment_plan", **series, line_no=line["line_no"])
        assert_same(line["figures"], plan, "supplier_id", "flags")


def test_forecast_and_models_are_those_of_the_tables(
    tables: Connection, judged: Client, lines: list[Row]
) -> None:
    for line in lines:
        forecast, plan = line["forecast"], line["inventory_run"]
        run = kept(tables, judged, "analytics.inventory_runs", run_id=line["run_id"])
        assert (forecast["run_id"], forecast["model"]) == (str(run["forecast_run_id"]), run["forecast_model"])
        row = kept(
            tables, judged, "analytics.forecast_runs", run_id=forecast["run_id"], model=forecast["model"]
        )
        assert_same(forecast, row, "status", "reason")
        assert forecast["as_of_date"] == plan["as_of_date"]
        series = kept(
            *(tables, judged, "analytics.forecast_series"),
            run_id=forecast["run_id"],
            model=forecast["model"],
            item_id=line["item_id"],
            location_id=line["location_id"],
        )
        assert_same(forecast, series, "made_by", "choice")
        assert forecast["made_by"] == (series["made_by"] or forecast["model"])
        assert forecast["choice"] == (series["choice"] or row["reason"])
        for model in forecast["models"]:
            made = kept(
                tables, judged, "analytics.forecast_runs", run_id=forecast["run_id"], model=model["model"]
            )
            assert_same(model, made)
    composed = [line for line in lines if line["forecast"]["model"] == "champion"]
    assert composed
    assert all(line["is_latest"] for line in composed)


def test_a_model_by_itself_is_named_with_its_weights(lines: list[Row]) -> None:
    for line in lines:
        [model] = line["forecast"]["models"]
        assert model["model"] == line["forecast"]["made_by"]
        assert model["share"] is None


def test_an_ensemble_is_followed_to_its_members(tables: Connection, judged: Client, lines: list[Row]) -> None:
    """As if one had been judged and made the forecast, which is undone afterwards."""
    line = next(line for line in lines if line["is_latest"])
    shares = {"hist_q": 0.25, "ma7": 0.75}
    settings = {"members": list(shares), "weights": {line["figures"]["demand_class"]: shares}}
    series = (judged.client_id, line["item_id"], line["location_id"])
    with tables.transaction(force_rollback=True):
        judged_too = tables.execute(
            """
            insert into analytics.backtest_runs
            select judged.*
            from analytics.backtest_runs as alone
            cross join lateral jsonb_populate_record(
                alone, jsonb_build_object('model', 'best_two', 'settings', %s::jsonb)
            ) as judged
            where alone.client_id = %s and alone.model = 'ma7'
            """,
            (Jsonb(settings), judged.client_id),
        )
        assert judged_too.rowcount == 1
        made = tables.execute(
            """
            update analytics.forecast_series set made_by = 'best_two'
            where client_id = %s and item_id = %s and location_id = %s and model = 'champion'
            """,
            series,
        )
        assert made.rowcount == 1
        found = tables.execute(
            """
            select forecast from analytics.why_this_order
            where client_id = %s and item_id = %s and location_id = %s and is_latest
            """,
            series,
        ).fetchall()
    assert found
    for row in found:
        assert row["forecast"]["made_by"] == "best_two"
        assert {model["model"]: model["share"] for model in row["forecast"]["models"]} == shares


def test_stock_that_came_with_the_sales_is_followed_to_their_file(
    tables: Connection, judged: Client, lines: list[Row]
) -> None:
    """As if no stock levels had been delivered, which is undone afterwards."""
    for line in filter(lambda line: line["is_latest"], lines):
        series = (judged.client_id, line["item_id"], line["location_id"])
        with tables.transaction(force_rollback=True):
            tables.execute(
                "delete from staging.stock_levels where client_id = %s and item_id = %s and location_id = %s",
                series,
            )
            counted = tables.execute(
                """
                update staging.sales set on_hand_qty = 5
                where client_id = %s and item_id = %s and location_id = %s and date = %s
                returning file_id
                """,
                (*series, line["figures"]["snapshot_date"]),
            ).fetchall()
            tables.execute(
                "delete from analytics.plan_inputs where client_id = %s and run_id = %s",
                (judged.client_id, line["run_id"]),
            )
            insert_plan_inputs(tables, judged.client_id, str(line["run_id"]), line["as_of_date"], Grain.DAY)
            [noted] = tables.execute(
                """
                select stock_file_id from analytics.plan_inputs
                where client_id = %s and run_id = %s and item_id = %s and location_id = %s
                """,
                (judged.client_id, line["run_id"], *series[1:]),
            ).fetchall()
            [said] = tables.execute(
                """
                select files, unknown from analytics.why_this_order
                where client_id = %s and item_id = %s and location_id = %s and run_id = %s and line_no = %s
                """,
                (*series, line["run_id"], line["line_no"]),
            ).fetchall()
        if counted:
            assert noted["stock_file_id"] == counted[0]["file_id"]
            assert said["files"]["stock"]["kind"] == "sales"
            return
        assert said["files"]["stock"] is None
        assert "stock" in said["unknown"]
    pytest.fail("no series with a line sold on the day of its stock")


def test_backtest_and_calibration_are_those_that_the_forecast_followed(
    tables: Connection, judged: Client, lines: list[Row]
) -> None:
    for line in lines:
        if not line["is_latest"]:
            assert line["backtest"] is None
            assert line["calibration"] is None
            assert {"backtest", "calibration"} <= line["unknown"].keys()
            continue
        assert not {"backtest", "calibration"} & line["unknown"].keys()
        backtest, forecast = line["backtest"], line["forecast"]
        row = kept(
            tables, judged, "analytics.forecast_runs", run_id=forecast["run_id"], model=forecast["model"]
        )
        assert backtest["run_id"] == str(row["backtest_run_id"])
        series = kept(
            *(tables, judged, "analytics.backtest_series"),
            run_id=backtest["run_id"],
            item_id=line["item_id"],
            location_id=line["location_id"],
        )
        assert_same(backtest, series)
        assert backtest["leader"] == series["model"]
        leader = kept(
            *(tables, judged, "analytics.backtest_runs"),
            run_id=backtest["run_id"],
            model=series["model"],
        )
        assert_same(backtest, leader, "reason", "n_origins")
        assert [bucket["lag_bucket"] for bucket in line["calibration"]] == ["1", "15-28", "2-7", "8-14"]
        for bucket in line["calibration"]:
            assert bucket["model"] == forecast["made_by"]
            assert_same(
                bucket,
                kept(
                    *(tables, judged, "analytics.calibrations"),
                    run_id=backtest["run_id"],
                    model=bucket["model"],
                    demand_class=bucket["demand_class"],
                    lag_bucket=bucket["lag_bucket"],
                ),
            )


def test_the_build_of_demand_is_the_one_before_the_forecast(
    tables: Connection, judged: Client, lines: list[Row]
) -> None:
    for line in lines:
        build = line["demand_build"]
        assert build["dagster_run_id"] == line["forecast"]["dagster_run_id"]
        assert_same(
            build,
            kept(tables, judged, "analytics.demand_runs", dagster_run_id=build["dagster_run_id"]),
        )
        assert UUID(build["dbt_invocation_id"])
    assert len({line["demand_build"]["dagster_run_id"] for line in lines}) == 2


def files_of(line: Row) -> Iterator[Row]:
    """Every file that a line names."""
    files = line["files"]
    yield from files["sales"]
    yield from files["lead_time"]
    yield from (files[name] for name in ("stock", "item", "supplier") if files[name])
    yield from (order["file"] for order in files["open_orders"] if order["file"])


def test_every_file_is_one_that_was_delivered_and_holds_what_its_digest_says(
    tables: Connection, settings: Settings, judged: Client, lines: list[Row]
) -> None:
    seen: dict[int, Row] = {}
    for line in lines:
        for file in files_of(line):
            seen[file["file_id"]] = file
    assert {file["kind"] for file in seen.values()} >= {"sales", "stock_levels", "products", "suppliers"}
    folder = settings.client_landing_dir(judged.client_id)
    for file_id, file in seen.items():
        row = kept(tables, judged, "ops.landing_files", file_id=file_id)
        assert_same(file, row, "first_date", "last_date")
        [found] = folder.rglob(file["path"].rpartition("/")[2])
        assert hashlib.sha256(found.read_bytes()).hexdigest() == file["sha256"]


def test_files_are_those_that_brought_what_the_plan_used(
    warehouse: Warehouse, judged: Client, lines: list[Row]
) -> None:
    """Of the latest plan, whose deliveries are still what is staged."""
    with_sales = 0
    for line in filter(lambda line: line["is_latest"], lines):
        key = (judged.client_id, line["item_id"], line["location_id"])
        with warehouse.transaction() as connection:
            sold = connection.execute(
                """
                select file_id, count(*), sum(units_sold) from staging.sales
                where client_id = %s and item_id = %s and location_id = %s and date between %s and %s
                group by file_id order by file_id
                """,
                (*key, line["files"]["sales_from"], line["as_of_date"]),
            ).fetchall()
            level = connection.execute(
                """
                select file_id, on_hand_qty from staging.stock_levels
                where client_id = %s and item_id = %s and location_id = %s and date = %s
                """,
                (*key, line["figures"]["snapshot_date"]),
            ).fetchone()
        named = [(file["file_id"], file["rows"], file["units"]) for file in line["files"]["sales"]]
        assert named == [(file_id, count, float(units)) for file_id, count, units in sold]
        with_sales += bool(sold)
        assert level is not None
        assert line["files"]["stock"]["file_id"] == level[0]
        assert line["figures"]["on_hand_qty"] == float(level[1])
        under_way = sum(order["open_qty"] for order in line["files"]["open_orders"])
        assert under_way == pytest.approx(float(line["figures"]["on_order_qty"]))
    assert with_sales


def test_a_delivery_that_was_taken_back_says_so(
    warehouse: Warehouse, new_client: Callable[..., Client], tmp_path: Path
) -> None:
    client = new_client(prefix="taken_back", grain="day")
    path = tmp_path / "sales_1.csv"
    path.write_text("date,item_id,units_sold\n2024-01-01,tea,2\n")
    ingest_files(warehouse, client, [path])
    status = "select status, path, sha256 from analytics.delivered_files order by file_id"
    [loaded] = asked(warehouse, client, status)
    assert loaded == {
        "status": "loaded",
        "path": "sales_1.csv",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    withdraw(warehouse, client, "sales_1.csv", tmp_path)
    assert [row["status"] for row in asked(warehouse, client, status)] == ["withdrawn", "withdrawal"]


def test_documents_hold_no_number_that_is_none_and_say_what_is_not_kept(lines: list[Row]) -> None:
    for line in lines:
        text = json.dumps([value for value in line.values() if isinstance(value, dict | list)], default=str)
        assert not re.search(r"\b(NaN|Infinity)\b", text)
        assert "not kept" in line["unknown"]["line_numbers"]
        for part in ("forecast", "backtest", "calibration", "demand_build", "files"):
            assert (line[part] is None) == (part in line["unknown"]), part


def test_decisions_of_the_line_are_there_and_no_others(
    warehouse: Warehouse, tables: Connection, judged: Client, lines: list[Row]
) -> None:
    line = next(line for line in lines if line["is_latest"] and line["action"] == "order")
    assert line["decisions"] == []
    choice = Choice(
        *(line["run_id"], line["item_id"], line["location_id"], line["line_no"], "approve"),
    )
    with as_writer(warehouse, judged.client_id) as connection:
        [decision_id] = decide(connection, judged.client_id, [choice], "anna")
    found = asked(
        warehouse,
        judged,
        """
        select line_no, run_id, decisions from analytics.why_this_order
        where item_id = %s and location_id = %s
        """,
        line["item_id"],
        line["location_id"],
    )
    for other in found:
        if (other["run_id"], other["line_no"]) == (line["run_id"], line["line_no"]):
            [decision] = other["decisions"]
            row = kept(tables, judged, "analytics.plan_decisions", decision_id=decision_id)
            assert decision["decision_id"] == str(decision_id)
            assert_same(decision, row)
        else:
            assert other["decisions"] == []


def test_another_client_sees_nothing_of_it(
    warehouse: Warehouse, lines: list[Row], new_client: Callable[..., Client]
) -> None:
    stranger = new_client(prefix="stranger")
    assert lines
    for relation in (
        "why_this_order",
        "delivered_files",
        "plan_inputs",
        "demand_runs",
        "forecast_runs_as_known",
    ):
        query = f"select * from analytics.{relation} where client_id = 'judged_retail'"
        assert asked(warehouse, stranger, query) == []


def test_what_was_known_at_a_moment_is_one_run(warehouse: Warehouse, judged: Client) -> None:
    runs = asked(
        warehouse, judged, "select * from analytics.forecast_runs where is_champion order by published_at"
    )
    assert len(runs) == 2
    moments = [
        (runs[0]["published_at"] - timedelta(seconds=1), None),
        (runs[0]["published_at"], runs[0]["run_id"]),
        (runs[1]["published_at"] - timedelta(microseconds=1), runs[0]["run_id"]),
        (runs[1]["published_at"], runs[1]["run_id"]),
        (datetime.now(UTC) + timedelta(days=1), runs[1]["run_id"]),
    ]
    for moment, run_id in moments:
        known = asked(
            *(warehouse, judged),
            """
            select run_id from analytics.forecast_runs_as_known
            where known_from <= %s and coalesce(%s < known_until, true)
            """,
            *(moment, moment),
        )
        assert [row["run_id"] for row in known] == ([] if run_id is None else [run_id]), moment


N_SERIES = 3_000
N_RUNS = 4

GENERATED: tuple[LiteralString, ...] = (
    """
    insert into analytics.delivered_files (
        client_id, file_id, path, status, sha256, size_bytes, rows_loaded, rows_rejected, received_at
    )
    select %(c)s, file, 'sales_' || file || '.csv', 'loaded', 'digest ' || file, 1, 1, 0, now()
    from generate_series(1, 1000) as file
    """,
    """
    insert into analytics.backtest_runs (
        client_id, run_id, model, grain, status, is_current, reason, n_origins, stride_periods,
        horizon_periods, first_origin_date, last_origin_date, code_version, input_digest, dagster_run_id
    )
    values (
        %(c)s, %(backtest)s, 'ma7', 'day', 'published', true, '', 6, 28, 28, '2025-01-01', '2025-06-01', '',
        '', ''
    )
    """,
    """
    insert into analytics.backtest_series (
        client_id, run_id, item_id, location_id, demand_class, n_origins, model, reason, own_weight
    )
    select %(c)s, %(backtest)s, 'item ' || item, 'main', 'smooth', 6, 'ma7', 'BEST', 1
    from generate_series(1, %(n)s) as item
    """,
    """
    insert into analytics.forecast_runs (
        client_id, run_id, model, as_of_date, horizon_days, status, is_current, is_champion, reason,
        code_version, input_digest, backtest_run_id, n_series, dagster_run_id
    )
    select
        %(c)s, md5('f' || run)::uuid, 'champion', date '2025-06-01' + run, 28, 'published', true, true, '',
        '', '', %(backtest)s, %(n)s, ''
    from generate_series(1, %(runs)s) as run
    """,
    """
    insert into analytics.forecast_series (
        client_id, run_id, model, item_id, location_id, status, history_days, observed_days, made_by
    )
    select %(c)s, md5('f' || run)::uuid, 'champion', 'item ' || item, 'main', 'forecast', 400, 400, 'ma7'
    from generate_series(1, %(runs)s) as run cross join generate_series(1, %(n)s) as item
    """,
    """
    insert into analytics.inventory_runs (
        client_id, run_id, as_of_date, forecast_run_id, forecast_model, code_version, input_digest, status,
        is_current, dagster_run_id
    )
    select
        %(c)s, md5('i' || run)::uuid, date '2025-06-01' + run, md5('f' || run)::uuid, 'champion', '', '',
        'published', true, ''
    from generate_series(1, %(runs)s) as run
    """,
    """
    insert into analytics.inventory_metrics (
        client_id, run_id, item_id, location_id, as_of_date, demand_class
    )
    select %(c)s, md5('i' || run)::uuid, 'item ' || item, 'main', date '2025-06-01' + run, 'smooth'
    from generate_series(1, %(runs)s) as run cross join generate_series(1, %(n)s) as item
    """,
    """
    insert into analytics.lead_time_demand (client_id, run_id, item_id, location_id)
    select %(c)s, md5('i' || run)::uuid, 'item ' || item, 'main'
    from generate_series(1, %(runs)s) as run cross join generate_series(1, %(n)s) as item
    """,
    """
    insert into analytics.replenishment_plan (
        client_id, run_id, item_id, location_id, line_no, action, order_date, priority_rank, urgency, reason
    )
    select
        %(c)s, md5('i' || run)::uuid, 'item ' || item, 'main', 1, 'order', date '2025-06-01' + run, item,
        'today', ''
    from generate_series(1, %(runs)s) as run cross join generate_series(1, %(n)s) as item
    """,
    """
    insert into analytics.plan_inputs (
        client_id, run_id, item_id, location_id, sales_from, sales, stock_file_id
    )
    select
        %(c)s, md5('i' || run)::uuid, 'item ' || item, 'main', date '2025-05-01',
        (
            select jsonb_agg(jsonb_build_object('file_id', file, 'rows', 1, 'units', 1))
            from generate_series(1, 28) as file
        ),
        900
    from generate_series(1, %(runs)s) as run cross join generate_series(1, %(n)s) as item
    """,
)


@pytest.fixture(scope="module")
def large(warehouse: Warehouse) -> Iterator[Client]:
    """A client with plans of thousands of lines."""
    client = validated(client_id="large_plans", name="Large")
    add_client(warehouse, client)
    values = {
        **{"c": client.client_id, "backtest": str(uuid4())},
        **{"n": N_SERIES, "runs": N_RUNS},
    }
    with warehouse.transaction() as connection:
        for statement in GENERATED:
            connection.execute(statement, values)
    with warehouse.connect_admin(autocommit=True) as connection:
        connection.execute("vacuum analyze")
    yield client
    remove_client(warehouse, client.client_id)


def steps_of(plan: Row) -> Iterator[Row]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from steps_of(inner)


def test_one_item_is_looked_up_and_no_large_table_is_read(warehouse: Warehouse, large: Client) -> None:
    [[row]] = [
        list(row.values())
        for row in asked(
            *(warehouse, large),
            """
            explain (analyze, timing off, format json)
            select * from analytics.why_this_order where item_id = 'item 77' and location_id = 'main'
            """,
        )
    ]
    steps = list(steps_of(row[0]["Plan"]))
    large_tables = {
        *("replenishment_plan", "inventory_metrics", "lead_time_demand", "plan_inputs"),
        *("forecast_series", "backtest_series"),
    }
    looked_up = {step["Relation Name"] for step in steps if "Relation Name" in step}
    assert large_tables <= looked_up
    assert row[0]["Plan"]["Actual Rows"] == N_RUNS
    for step in steps:
        if step.get("Relation Name") in large_tables:
            assert "Index" in step["Node Type"] or step["Node Type"] == "Bitmap Heap Scan", step
            read = (step["Actual Rows"] + step.get("Rows Removed by Filter", 0)) * step["Actual Loops"]
            assert read <= 2 * N_RUNS, step
