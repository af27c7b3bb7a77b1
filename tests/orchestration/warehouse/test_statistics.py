"""What ``explain`` tells a client of rows that it cannot read."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url

from orchestration.clients import add_client, remove_client, validated
from orchestration.warehouse.bulk import insert_frame
from orchestration.warehouse.migrate import SCRIPTS, upgrade
from orchestration.warehouse.server import Warehouse
from orchestration.warehouse.statistics import columns_with_statistics, hide_statistics
from orchestration.warehouse.tenancy import set_client_password
from tests.orchestration.warehouse.logins import PASSWORD, login

CLIENTS = ("curious", "discreet")


@pytest.fixture(scope="module", params=["embedded", "tcp"])
def warehouse(request: pytest.FixtureRequest) -> Warehouse:
    """Both kinds of server: the embedded one, and one on TCP whose owner is no superuser."""
    house: Warehouse = request.getfixturevalue(f"{request.param}_warehouse")
    return house


@pytest.fixture(scope="module")
def curious(warehouse: Warehouse) -> Iterator[psycopg.Connection[Any]]:
    """A client beside one whose items are nearly all of one category and whose days are of one item."""
    for client_id in CLIENTS:
        add_client(warehouse, validated(client_id=client_id, name=client_id))
        set_client_password(warehouse, client_id, PASSWORD)
    with warehouse.transaction() as connection:
        give_items(connection)
    with login(warehouse, "curious") as connection:
        yield connection
    for client_id in CLIENTS:
        remove_client(warehouse, client_id)


def give_items(connection: psycopg.Connection[Any]) -> None:
    for client_id, category in zip(CLIENTS, ("tea", "fireworks"), strict=True):
        items = pl.DataFrame({"item_id": [f"{client_id}{number}" for number in range(4_000)]})
        insert_frame(
            connection,
            "analytics.dim_item",
            items.select(
                pl.lit(client_id).alias("client_id"),
                "item_id",
                pl.col("item_id").alias("name"),
                pl.lit(category).alias("category"),
                pl.lit(category).alias("department"),
                pl.lit(7).alias("shelf_life_days"),
                pl.lit(value=True).alias("is_described"),
            ),
        )
    for client_id, item in zip(CLIENTS, ("tea", "rocket"), strict=True):
        connection.execute(
            """
            insert into analytics.ts_demand_daily (
                client_id, item_id, location_id, date, demand_qty, net_sold_qty, clipped_qty, is_promotion,
                is_holiday, is_closed, is_stocked_out, is_masked
            )
            select %s, %s, 'main', date '2020-01-01' + day, 1, 1, 0, false, false, false, false, false
            from generate_series(1, 4000) as day
            """,
            (client_id, item),
        )
    connection.execute("analyze analytics.dim_item")
    connection.execute("analyze analytics.ts_demand_daily")


def estimated(connection: psycopg.Connection[Any], condition: str) -> list[str]:
    """The plan's lines that hold estimates."""
    rows = connection.execute(f"explain select * from {condition}").fetchall()
    return [line for (line,) in rows if "rows=" in line]


@pytest.mark.parametrize(
    ("theirs", "nobodys"),
    [
        ("analytics.dim_item where category = 'fireworks'", "analytics.dim_item where category = 'unknown'"),
        ("analytics.dim_item where item_id = 'discreet7'", "analytics.dim_item where item_id = 'unknown'"),
        ("analytics.dim_item where shelf_life_days = '7'", "analytics.dim_item where shelf_life_days = '8'"),
        ("analytics.dim_item where category > 'f'", "analytics.dim_item where category > 'g'"),
        (
            "analytics.ts_demand_daily where item_id = 'rocket'",
            "analytics.ts_demand_daily where item_id = 'unknown'",
        ),
    ],
)
def test_explain_does_not_tell_what_another_client_has(
    curious: psycopg.Connection[Any], theirs: str, nobodys: str
) -> None:
    assert estimated(curious, theirs) == estimated(curious, nobodys)


def test_explain_would_tell_it_if_statistics_were_collected(
    warehouse: Warehouse, curious: psycopg.Connection[Any]
) -> None:
    """The test above can fail: with the server's defaults, as this column has them for once, it would."""
    switch_on = "alter table analytics.dim_item alter column department set statistics -1"
    try:
        with warehouse.transaction() as connection:
            connection.execute(switch_on)
            connection.execute("analyze analytics.dim_item")
            # with columns that a generated one is made of, whose type cannot be set
            connection.execute("analyze analytics.inventory_metrics")
        theirs = estimated(curious, "analytics.dim_item where department = 'fireworks'")
        nobodys = estimated(curious, "analytics.dim_item where department = 'unknown'")
        assert theirs != nobodys
    finally:
        with warehouse.transaction() as connection:
            assert columns_with_statistics(connection) == [("dim_item", "department")]
            hide_statistics(connection)


def test_no_column_of_a_shared_table_is_forgotten(warehouse: Warehouse) -> None:
    with warehouse.transaction() as connection:
        assert columns_with_statistics(connection) == []


def test_an_upgrade_forgets_statistics_that_were_collected(warehouse: Warehouse, tmp_path: Path) -> None:
    """Of a database from before: rows, statistics, views on top; every statement of the upgrade runs."""
    scripts = tmp_path / "migrations"
    shutil.copytree(SCRIPTS, scripts)
    for later in (path for path in (scripts / "versions").glob("0*.py") if path.name >= "0006"):
        later.unlink()
    name = f"{warehouse.database}_before"
    url = make_url(warehouse.admin_url).set(database=name).render_as_string(hide_password=False)
    before = Warehouse(url.replace(" ", "%20"), warehouse.instance_url)
    with warehouse.connect_admin(autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    try:
        upgrade(before, scripts)
        with before.transaction() as connection:
            connection.execute("create view analytics.on_top as select category from analytics.dim_item")
            connection.execute(
                """
                insert into analytics.dim_item (client_id, item_id, name, category, is_described)
                select 'c', 'i' || i, 'n', 'fireworks', true from generate_series(1, 100) as i
                """
            )
            connection.execute("analyze analytics.dim_item")
            # with columns that a generated one is made of, whose type cannot be set
            connection.execute("analyze analytics.inventory_metrics")
        assert rows_expected(before) == 100
        upgrade(before)
        assert rows_expected(before) < 10
    finally:
        with warehouse.connect_admin(autocommit=True) as connection:
            connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
            own = before.roles
            for role in (own.pipeline, own.auditor, own.tenant, own.api, own.writer):
                connection.execute(sql.SQL("drop role {}").format(sql.Identifier(role)))


def rows_expected(warehouse: Warehouse) -> float:
    """How many of the 100 rows the planner expects to be of the category that all of them are of."""
    with warehouse.transaction() as connection:
        row = connection.execute(
            "explain (format json) select * from analytics.dim_item where category = 'fireworks'"
        ).fetchone()
    assert row is not None
    return float(row[0][0]["Plan"]["Plan Rows"])
