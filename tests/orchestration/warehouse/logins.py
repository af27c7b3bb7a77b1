"""Clients with rows that log in by themselves, as the tests of what they can do need them."""

from __future__ import annotations

import time
from datetime import date
from typing import Any

import polars as pl
import psycopg

from orchestration.warehouse.bulk import insert_frame
from orchestration.warehouse.server import Warehouse
from orchestration.warehouse.tenancy import set_client_password

PASSWORD = "correct horse/battery:staple"


_PATIENCE_SECONDS = 60.0


def login(warehouse: Warehouse, client_id: str, password: str = PASSWORD) -> psycopg.Connection[Any]:
    """A session of a client's own role on the warehouse's database."""
    return connected(warehouse.libpq_url(), warehouse.roles.client(client_id), password)


def connected(url: str, role: str, password: str = PASSWORD) -> psycopg.Connection[Any]:
    """A session of a role, once the server has ended those that count against its limit and were closed."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return psycopg.connect(url, user=role, password=password, autocommit=True, connect_timeout=10)
        except psycopg.OperationalError as error:
            if "too many connections for role" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def log_in(warehouse: Warehouse, client_id: str, *, autocommit: bool = False) -> psycopg.Connection[Any]:
    """The same for a client that has no password yet: it is given one."""
    set_client_password(warehouse, client_id, PASSWORD)
    connection = login(warehouse, client_id)
    connection.autocommit = autocommit
    return connection


def give_rows(warehouse: Warehouse, client_id: str) -> None:
    """One item, one location, one day of demand."""
    item = pl.DataFrame(
        {"client_id": [client_id], "item_id": ["tea"], "name": ["Tea"], "is_described": [True]}
    )
    demand = pl.DataFrame(
        {
            "client_id": [client_id],
            "item_id": ["tea"],
            "location_id": ["main"],
            "date": [date(2026, 3, 1)],
            "demand_qty": [7.0],
            "net_sold_qty": [7.0],
            "clipped_qty": [0.0],
            **{f"is_{flag}": [False] for flag in ("promotion", "holiday", "closed", "stocked_out", "masked")},
        }
    )
    with warehouse.transaction() as connection:
        insert_frame(connection, "analytics.dim_item", item)
        insert_frame(connection, "analytics.ts_demand_daily", demand)
