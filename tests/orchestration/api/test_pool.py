"""Connections of two clients in turns: whatever happens to a transaction, the next borrower begins anew."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from random import Random
from typing import Any

import psycopg
import pytest

from orchestration.api.pool import Pool
from orchestration.api.problems import ProblemError
from orchestration.reporting.listings import Worker
from orchestration.warehouse.server import Warehouse
from tests.orchestration.api.shops import Shop

AT_ONCE = 8


@pytest.fixture(scope="module")
def pool(warehouse: Warehouse) -> Iterator[Pool]:
    """Fewer connections than there are borrowers."""
    pool = Pool(warehouse, most=3)
    pool.open()
    yield pool
    pool.close()


def who(connection: Any) -> tuple[str, str]:
    row = connection.execute("select current_user, current_setting('transaction_read_only')").fetchone()
    return str(row[0]), str(row[1])


class LeftHalfWayError(Exception):
    """Of a route that fails between its role and its answer."""


@pytest.mark.parametrize("turns", [400, pytest.param(10_000, marks=pytest.mark.slow)])
def test_the_next_borrower_is_never_somebody_else(
    pool: Pool, warehouse: Warehouse, shop: Shop, other: Shop, turns: int
) -> None:
    roles = warehouse.roles

    def turn(number: int) -> None:
        chance = Random(number)
        client_id = chance.choice([shop, other]).client_id
        worker = chance.choice(list(Worker))
        expected = roles.client(client_id) if worker is Worker.READER else roles.client_writer(client_id)
        writes = chance.random() < 0.5
        with (
            suppress(LeftHalfWayError, psycopg.errors.QueryCanceled, psycopg.errors.DivisionByZero),
            pool.as_client(client_id, worker, writes=writes) as connection,
        ):
            assert who(connection) == (expected, "off" if writes else "on")
            match chance.randrange(5):
                case 0:
                    raise LeftHalfWayError
                case 1:
                    connection.execute("select 1 / 0")
                case 2:
                    connection.execute("set local statement_timeout = '1ms'")
                    connection.execute("select pg_sleep(1)")
                case 3:
                    connection.execute("rollback")
        with pool.as_api() as connection:
            assert who(connection) == (roles.api, "off")

    with ThreadPoolExecutor(AT_ONCE) as borrowers:
        for done in [borrowers.submit(turn, number) for number in range(turns)]:
            done.result()


def test_a_reader_writes_nothing(pool: Pool, shop: Shop) -> None:
    with (
        pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
        pool.as_client(shop.client_id, Worker.WRITER, writes=False) as connection,
    ):
        connection.execute(
            "insert into ops.run_requests (client_id, job, asked_by) values (%s, 'forecast', 'nobody')",
            (shop.client_id,),
        )


def test_the_apis_own_role_reads_no_row_of_a_client(pool: Pool) -> None:
    for table in ("analytics.planner_worklist", "staging.sales", "ops.landing_files", "ops.run_requests"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), pool.as_api() as connection:
            connection.execute(f"select from {table} limit 1")


def test_a_client_that_is_not_there_is_a_problem(pool: Pool) -> None:
    with (
        pytest.raises(ProblemError, match="There is no client"),
        pool.as_client("nobody_at_all", Worker.READER, writes=False),
    ):
        pass
