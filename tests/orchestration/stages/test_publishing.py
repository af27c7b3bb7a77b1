"""What every publication has in common: it waits its turn, retires what it replaces, and is recorded."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from orchestration.clients import Client
from orchestration.stages.publishing import Superseded, claimed, insert_row, standing_run, supersede
from orchestration.warehouse.locks import Purpose
from orchestration.warehouse.server import Warehouse
from orchestration.warehouse.tables import analytics
from tests.waiting import is_waited_for

AS_OF = date(2026, 3, 31)


def run_row(client_id: str, as_of: date, digest: str) -> dict[str, Any]:
    return {
        "client_id": client_id,
        "run_id": str(uuid.uuid4()),
        "as_of_date": as_of,
        "forecast_run_id": str(uuid.uuid4()),
        "forecast_model": "ma7",
        "code_version": "1",
        "input_digest": digest,
        "config": Jsonb({}),
        "dagster_run_id": "dagster",
        "status": "published",
        "is_current": True,
    }


def publish(warehouse: Warehouse, client_id: str, as_of: date, digest: str, rows: int = 1) -> Superseded:
    def insert() -> int:
        for _ in range(rows):
            insert_row(connection, analytics.inventory_runs, run_row(client_id, as_of, digest))
        return rows

    with claimed(warehouse, Purpose.INVENTORY, client_id) as connection:
        return supersede(
            connection,
            analytics.inventory_runs,
            {"client_id": client_id, "as_of_date": as_of},
            insert,
            action="publish",
            subject=f"run of {digest}",
            dagster_run_id="dagster",
            digest=digest,
        )


def test_a_run_takes_the_place_of_that_of_its_day_only(
    warehouse: Warehouse, new_client: Callable[..., Client]
) -> None:
    client_id, other = new_client().client_id, new_client().client_id
    assert publish(warehouse, other, AS_OF, "other") == Superseded(1, 0)
    assert publish(warehouse, client_id, date(2026, 3, 1), "earlier") == Superseded(1, 0)
    assert publish(warehouse, client_id, AS_OF, "first") == Superseded(1, 0)
    assert publish(warehouse, client_id, AS_OF, "second") == Superseded(1, 1)
    with warehouse.transaction() as connection:
        current = connection.execute(
            """
            select input_digest from analytics.inventory_runs
            where client_id = any(%s) and is_current order by 1
            """,
            ([client_id, other],),
        ).fetchall()
    assert current == [("earlier",), ("other",), ("second",)]


def test_a_run_stands_while_it_is_current_and_was_made_from_the_same(
    warehouse: Warehouse, new_client: Callable[..., Client]
) -> None:
    client_id = new_client().client_id

    def standing(digest: str, as_of: date = AS_OF) -> str | None:
        return standing_run(warehouse, analytics.inventory_runs, client_id, as_of, digest)

    publish(warehouse, client_id, AS_OF, "first")
    assert standing("first") is not None
    assert standing("second") is None
    assert standing("first", date(2026, 3, 1)) is None
    publish(warehouse, client_id, AS_OF, "second")
    assert standing("first") is None
    assert standing("second") is not None


def test_a_publication_is_recorded_with_what_it_replaced(
    warehouse: Warehouse, new_client: Callable[..., Client]
) -> None:
    client_id = new_client().client_id
    publish(warehouse, client_id, AS_OF, "first")
    publish(warehouse, client_id, AS_OF, "second")
    with warehouse.transaction() as connection:
        entries = connection.execute(
            """
            select action, object, run_id, row_count, details from ops.audit_log
            where client_id = %s and action = 'publish' order by object
            """,
            (client_id,),
        ).fetchall()
    assert entries == [
        ("publish", "run of first", "dagster", 1, {"digest": "first", "superseded_rows": 0}),
        ("publish", "run of second", "dagster", 1, {"digest": "second", "superseded_rows": 1}),
    ]


def test_a_publication_that_fails_leaves_the_run_in_use_as_it_was(
    warehouse: Warehouse, new_client: Callable[..., Client]
) -> None:
    client_id = new_client().client_id
    publish(warehouse, client_id, AS_OF, "first")
    with pytest.raises(psycopg.errors.UniqueViolation):
        publish(warehouse, client_id, AS_OF, "twice", rows=2)
    assert standing_run(warehouse, analytics.inventory_runs, client_id, AS_OF, "first") is not None


def test_two_publications_of_a_client_wait_for_each_other(
    warehouse: Warehouse, new_client: Callable[..., Client]
) -> None:
    client_id = new_client().client_id
    with ThreadPoolExecutor(1) as pool:
        with claimed(warehouse, Purpose.INVENTORY, client_id) as connection:
            second = pool.submit(publish, warehouse, client_id, AS_OF, "second")
            assert is_waited_for(connection, second.done)
        assert second.result() == Superseded(1, 0)
