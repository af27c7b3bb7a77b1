"""A tenant's open transaction delays a change of the structure by seconds, and nobody waits in silence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from orchestration.clients import Client, add_client, registered_ids, remove_client, validated
from orchestration.stages.dbt import build_views
from orchestration.warehouse import ddl
from orchestration.warehouse.ddl import change_structure, in_the_way, until_unlocked
from orchestration.warehouse.locks import LockedError
from orchestration.warehouse.migrate import migrate
from orchestration.warehouse.server import Warehouse
from tests.orchestration.warehouse.logins import log_in

NewClient = Callable[..., Client]

READ = "select count(*) from analytics.ts_demand_daily"
"""Locks the table, and every partition of it, until the transaction ends."""


@pytest.fixture
def forgotten(warehouse: Warehouse, new_client: NewClient) -> Iterator[psycopg.Connection[object]]:
    """A tenant's session with an open transaction in which it has read tables and views."""
    with log_in(warehouse, new_client(prefix="forgetful").client_id) as connection:
        connection.execute(READ)
        connection.execute("select count(*) from analytics.planner_worklist")
        yield connection
        connection.close()


def test_a_client_is_added_beside_an_open_transaction(
    warehouse: Warehouse, forgotten: psycopg.Connection[object]
) -> None:
    told: list[str] = []
    add_client(warehouse, validated(client_id="added_meanwhile", name="Added"), on_wait=told.append)
    assert told == []
    assert forgotten.execute(READ).fetchone() == (0,)


def test_migrating_again_needs_no_lock_that_a_reader_has(
    warehouse: Warehouse, forgotten: psycopg.Connection[object]
) -> None:
    told: list[str] = []
    migrate(warehouse, lambda: None, on_wait=told.append)
    assert not build_views(warehouse, on_wait=told.append)
    assert told == []
    assert forgotten.execute(READ).fetchone() == (0,)


def test_a_removal_says_who_is_in_the_way_and_sends_a_tenant_away(
    warehouse: Warehouse,
    new_client: NewClient,
    forgotten: psycopg.Connection[object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ddl, "LOCK_TIMEOUT_MS", 100)
    monkeypatch.setattr(ddl, "TENANT_SECONDS", 0.5)
    leaving, pid = new_client().client_id, forgotten.info.backend_pid
    told: list[str] = []
    remove_client(warehouse, leaving, on_wait=told.append)
    assert leaving not in registered_ids(warehouse)
    assert [str(pid) in sentence for sentence in told] == [True, True]
    assert told[0].startswith("Waiting for the open transaction")
    assert told[1].startswith("Ended the session")
    with pytest.raises(psycopg.OperationalError):
        forgotten.execute(READ)


def test_readers_do_not_queue_behind_a_change_that_waits(
    warehouse: Warehouse, new_client: NewClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change that has not got its lock lets go of its place in the queue."""
    monkeypatch.setattr(ddl, "LOCK_TIMEOUT_MS", 100)
    leaving = new_client().client_id
    with warehouse.transaction() as slow, ThreadPoolExecutor(1) as pool:
        slow.execute(READ)
        waiting: list[str] = []
        removal = pool.submit(remove_client, warehouse, leaving, on_wait=waiting.append)
        while not waiting:
            assert not removal.done()
        for _ in range(3):
            with warehouse.transaction() as reader:
                reader.execute(READ)
        assert not removal.done()
        slow.rollback()
        removal.result()


def test_our_own_transactions_are_waited_for_and_named_in_the_end(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ddl, "TENANT_SECONDS", 0.0)
    monkeypatch.setattr(ddl, "LOCK_TIMEOUT_MS", 50)

    def alter() -> None:
        with warehouse.transaction() as connection:
            connection.execute("set local lock_timeout = 50")
            connection.execute("lock table analytics.dim_item in access exclusive mode")

    with warehouse.transaction() as holder:
        holder.execute("select count(*) from analytics.dim_item")
        pid = holder.info.backend_pid
        with pytest.raises(LockedError, match=f"session {pid}"):
            until_unlocked(warehouse, alter, patience=0.3)
        assert holder.execute("select 1").fetchone() == (1,)
        assert [session.is_tenant for session in in_the_way(warehouse) if session.pid == pid] == [False]


def test_a_change_that_fails_otherwise_fails_at_once(warehouse: Warehouse) -> None:
    with pytest.raises(psycopg.errors.UndefinedTable):
        change_structure(warehouse, lambda connection: connection.execute("drop table ops.not_there"))


def test_views_are_built_anew_where_one_was_changed_by_hand(warehouse: Warehouse) -> None:
    with warehouse.transaction() as connection:
        connection.execute("comment on view analytics.planner_worklist is 'by hand'")
    assert build_views(warehouse)
    assert not build_views(warehouse)
    with warehouse.transaction() as connection:
        row = connection.execute("select obj_description('analytics.planner_worklist'::regclass)").fetchone()
    assert row is not None
    assert row[0] != "by hand"
