"""Two clients whose rows tell whose they are, and callers of the API in their name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import dagster as dg
import polars as pl
import psycopg
import pytest
from fastapi.testclient import TestClient
from psycopg import sql

from orchestration.access import users
from orchestration.access.keys import create_key
from orchestration.access.security_events import Origin
from orchestration.clients import Client, add_client, validated
from orchestration.planning.decisions import Choice, decide
from orchestration.planning.orders import export
from orchestration.resources import Installation
from orchestration.settings import Settings
from orchestration.stages.forecasting import forecasts
from orchestration.stages.inventory import inventory
from orchestration.stages.quality import forecast_quality
from orchestration.warehouse.bulk import insert_frame
from orchestration.warehouse.server import Warehouse

LAST_DAY = date(2026, 3, 31)
DAYS = 90
PASSWORD = "four words that match nothing"
ORIGIN = Origin(actor="tests")


@dataclass(frozen=True)
class Shop:
    """A client of the tests.

    Attributes:
        client: its entry.
        mark: part of every text in its rows that could be nobody else's.
        items: its items.
        keys: scope -> a service key with that scope alone; ``all`` has every scope.
        people: role -> the address of a user with that role.
    """

    client: Client
    mark: str
    items: tuple[str, ...]
    keys: dict[str, str]
    people: dict[str, str]

    @property
    def client_id(self) -> str:
        return self.client.client_id

    def path(self, rest: str = "") -> str:
        return f"/api/v1/clients/{self.client_id}{rest}"

    def key(self, scope: str = "all") -> dict[str, str]:
        """Headers of a program."""
        return {"X-Api-Key": self.keys[scope]}

    def person(self, api: TestClient, role: str) -> dict[str, str]:
        """Headers of a person who signed in."""
        return bearer(api, self.people[role])


def bearer(api: TestClient, email: str) -> dict[str, str]:
    answer = api.post("/api/v1/auth/token", json={"email": email, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def open_shop(settings: Settings, warehouse: Warehouse, client_id: str, mark: str, n_items: int = 3) -> Shop:
    """A client with demand, a scored forecast, today's forecast, a plan, deliveries, users and keys.

    Of its first item an order has left, and one waits to leave.
    """
    client = validated(
        client_id=client_id,
        name=f"{mark} Ltd",
        models=["ma7", "seasonal_naive"],
        default_lead_time_days=5,
        grain="day",
    )
    add_client(warehouse, client)
    items = tuple(f"{mark}-{number}" for number in range(n_items))
    add_history(warehouse, client_id, items)
    materialize(client_id, LAST_DAY - timedelta(days=28), forecasts)
    materialize(client_id, None, forecast_quality, forecasts, inventory)
    keys, people = {}, {}
    with as_writer(warehouse, client_id) as connection:
        first, second = [
            Choice(run_id, items[0], "main", line_no, "approve", supplier_id=f"{mark} supplies")
            for run_id, line_no in connection.execute(
                """
                select run_id, line_no from analytics.planner_worklist
                where item_id = %s and action = 'order' order by line_no limit 2
                """,
                (items[0],),
            ).fetchall()
        ]
        decide(connection, client_id, [first], mark)
        export(connection, client_id, mark)
        decide(connection, client_id, [second], mark)
    with warehouse.transaction() as connection:
        for scope in ("read", "plan", "deliver", "run"):
            keys[scope] = create_key(connection, client_id, f"only {scope}", [scope], 30, ORIGIN)
        keys["all"] = create_key(connection, client_id, "all", ["read", "plan", "deliver", "run"], 30, ORIGIN)
        for role in ("viewer", "planner", "manager"):
            people[role] = f"{role}@{client_id.replace('_', '-')}.example.com"
            users.add_user(connection, people[role], PASSWORD, ORIGIN)
            users.set_role(connection, people[role], client_id, role, ORIGIN)
    return Shop(client, mark, items, keys, people)


@contextmanager
def as_writer(warehouse: Warehouse, client_id: str) -> Iterator[psycopg.Connection[Any]]:
    """A transaction of the API that works as a client's writer."""
    with psycopg.connect(warehouse.libpq_url(role=warehouse.roles.api)) as connection:
        writer = sql.Identifier(warehouse.roles.client_writer(client_id))
        connection.execute(sql.SQL("set local role {}").format(writer))
        yield connection


def materialize(client_id: str, as_of: date | None, *assets: dg.AssetsDefinition) -> None:
    """Run assets of one client as of a day, the latest where none is given."""
    with dg.DagsterInstance.ephemeral() as instance, pytest.MonkeyPatch.context() as environment:
        environment.setenv("CHRONOS_MODEL_ID", "no/such-directory")
        instance.add_dynamic_partitions("clients", [client_id])
        steps = [step for step in ("forecasts", "inventory") if any(a.op.name == step for a in assets)]
        chosen = {"as_of_date": as_of.isoformat() if as_of else None}
        result = dg.materialize(
            assets,
            instance=instance,
            partition_key=client_id,
            resources={"installation": Installation()},
            run_config={"ops": {step: {"config": chosen} for step in steps}},
        )
        assert result.success


def add_history(warehouse: Warehouse, client_id: str, items: tuple[str, ...]) -> None:
    """Ninety days of demand of each item, stock that lasts for a day, a delivery and a rejected row."""
    days = [LAST_DAY - timedelta(days=DAYS - 1 - number) for number in range(DAYS)]
    keys = pl.DataFrame({"client_id": client_id, "item_id": list(items), "location_id": "main"})
    demand = keys.join(pl.DataFrame({"date": days}), how="cross").with_columns(
        (pl.col("date").dt.weekday() + 3).cast(pl.Float64).alias("demand_qty"),
        pl.lit(0.0).alias("clipped_qty"),
        *[
            pl.lit(False).alias(mark)
            for mark in ("is_promotion", "is_holiday", "is_closed", "is_stocked_out", "is_masked")
        ],
    )
    tables = {
        "analytics.ts_demand_daily": demand.with_columns(pl.col("demand_qty").alias("net_sold_qty")),
        "analytics.dim_series": keys.with_columns(
            pl.lit(days[0]).alias("listed_date"),
            pl.lit(days[0]).alias("first_sale_date"),
            pl.lit(DAYS).alias("history_days"),
            pl.lit(DAYS).alias("demand_days"),
            pl.lit(100.0).alias("revenue_365d_value"),
        ),
        "analytics.dim_item": keys.drop("location_id").with_columns(
            pl.col("item_id").alias("name"), pl.lit(True).alias("is_described")
        ),
        "analytics.dim_location": keys.select("client_id", "location_id")
        .unique()
        .with_columns(pl.col("location_id").alias("name"), pl.lit(True).alias("is_described")),
        "staging.stock_levels": keys.with_columns(
            pl.lit(LAST_DAY).alias("date"), pl.lit(9.0).alias("on_hand_qty"), pl.lit(1).alias("file_id")
        ),
    }
    with warehouse.transaction() as connection:
        for table, frame in tables.items():
            insert_frame(connection, table, frame)
        (file_id,) = connection.execute(
            """
            insert into ops.landing_files
                (client_id, path, sha256, size_bytes, kind, status, config_digest, rows_read, rows_rejected)
            values (%s, %s, %s, 9, 'sales', 'loaded', 'none', 2, 1)
            returning file_id
            """,
            (client_id, f"{items[0]}.csv", items[0]),
        ).fetchone() or (0,)
        connection.execute(
            """
            insert into ops.rejected_rows (client_id, file_id, line_number, reason, message, raw)
            values (%s, %s, 2, 'bad_number', 'It is no number.', %s)
            """,
            (client_id, file_id, items[0]),
        )
