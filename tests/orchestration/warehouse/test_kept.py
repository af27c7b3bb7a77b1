"""Connections that a run keeps: used again, replaced where the server went away, closed in the end."""

from __future__ import annotations

import psycopg
import pytest

from orchestration.warehouse.bulk import read_frame
from orchestration.warehouse.kept import connections_kept
from orchestration.warehouse.server import Warehouse


def asked(warehouse: Warehouse) -> int:
    with warehouse.transaction() as connection:
        row = connection.execute("select pg_backend_pid()").fetchone()
    assert row is not None
    return int(row[0])


def read(warehouse: Warehouse) -> int:
    return int(read_frame(warehouse, "select pg_backend_pid() as pid").item())


def end(warehouse: Warehouse, *pids: int) -> None:
    with warehouse.connect_admin() as connection:
        connection.execute("select pg_terminate_backend(pid, 5000) from unnest(%s) as pid", (list(pids),))


def alive(warehouse: Warehouse, *pids: int) -> set[int]:
    with warehouse.connect_admin() as connection:
        rows = connection.execute("select pid from pg_stat_activity where pid = any(%s)", (list(pids),))
        return {pid for (pid,) in rows.fetchall()}


def test_connections_are_kept_for_the_length_of_the_block_only(warehouse: Warehouse) -> None:
    assert asked(warehouse) != asked(warehouse)
    with connections_kept():
        kept = asked(warehouse), read(warehouse)
        with connections_kept():
            assert (asked(warehouse), read(warehouse)) == kept
        assert (asked(warehouse), read(warehouse)) == kept

    assert asked(warehouse) not in kept
    assert read(warehouse) not in kept


def test_a_kept_connection_whose_server_went_away_is_replaced(warehouse: Warehouse) -> None:
    with connections_kept():
        kept = asked(warehouse), read(warehouse)
        end(warehouse, *kept)
        assert alive(warehouse, *kept) == set()
        assert asked(warehouse) not in kept
        assert read(warehouse) not in kept


def test_a_question_within_a_question_gets_a_connection_of_its_own(warehouse: Warehouse) -> None:
    with connections_kept(), warehouse.transaction() as outer:
        assert outer.info.backend_pid != asked(warehouse)


def test_a_connection_on_which_something_failed_is_kept_no_longer(warehouse: Warehouse) -> None:
    with connections_kept():
        before = asked(warehouse)
        with pytest.raises(psycopg.errors.DivisionByZero), warehouse.transaction() as connection:
            connection.execute("select 1 / 0")
        assert asked(warehouse) != before


def test_a_kept_connection_remembers_nothing_temporary(warehouse: Warehouse) -> None:
    with connections_kept():
        for _ in range(2):
            with warehouse.transaction() as connection:
                connection.execute("create temporary table scratch (x int)")
                connection.execute("create temporary view of_scratch as select x from scratch")
                pid = connection.info.backend_pid
        assert asked(warehouse) == pid


def test_nothing_that_is_kept_stays_in_a_transaction(warehouse: Warehouse) -> None:
    with connections_kept():
        pids = [asked(warehouse), read(warehouse)]
        with warehouse.connect_admin() as connection:
            rows = connection.execute("select state from pg_stat_activity where pid = any(%s)", (pids,))
            assert {state for (state,) in rows.fetchall()} == {"idle"}
