"""A line of the plan followed to what it rests on: every number and digest is one that its table holds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, LiteralString

import dagster as dg
import psycopg
import pytest
from psycopg.rows import dict_row

from forecasting_lib.demo import generate_retailer, hold_back_retailer
from orchestration.clients import Client, add_client, validated
from orchestration.running.runs import find_job, run_job
from orchestration.settings import Settings
from orchestration.warehouse.server import Warehouse
from tests.conftest import SMALL_RETAILER, deliver
from tests.orchestration.api.shops import as_reader

pytestmark = pytest.mark.starts_first

Row = dict[str, Any]


@pytest.fixture(scope="module")
def judged(settings: Settings, warehouse: Warehouse, instance: dg.DagsterInstance) -> Client:
    """A retailer whose second run rests on a backtest."""
    client = validated(
        client_id="judged_retail", name="Judged", country="IE", models=["ma7", "seasonal_naive"], grain="day"
    )
    add_client(warehouse, client)
    instance.add_dynamic_partitions("clients", [client.client_id])
    first, later = hold_back_retailer(generate_retailer(SMALL_RETAILER).deliveries())
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
    with (
        as_reader(warehouse, client.client_id) as connection,
        connection.cursor(row_factory=dict_row) as cursor,
    ):
        return cursor.execute(query, values).fetchall()
