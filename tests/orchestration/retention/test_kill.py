"""Retention that is killed: all is whole or thinned at any moment, and the next ends as if undisturbed.

The command works in a process of its own until it waits for a lock of the test, and dies there by SIGKILL. A
twin of the client is thinned undisturbed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, LiteralString

import pytest

from orchestration.retention.retain import retain
from orchestration.settings import RESOURCES
from orchestration.stages.scoring import score_due_runs
from orchestration.warehouse.server import Warehouse
from tests.orchestration.retention.stores import Store, open_store

PATIENCE_SECONDS = 300.0

States = Mapping[tuple[Any, ...], tuple[Any, ...]]
"""A thing, by what tells it from the others -> its marks, its rows, its entries in the audit log."""

_DEED: LiteralString = """
    (
        select count(*) from ops.audit_log as deed
        where deed.client_id = run.client_id and deed.action = 'thin' and deed.object = {subject}
    )
"""

_STATES: tuple[LiteralString, ...] = (
    """
    select
        'forecast', as_of_date, is_current, model,
        thinned_at is not null,
        (select count(*) from analytics.forecast_results as rows
            where (rows.client_id, rows.run_id, rows.model) = (run.client_id, run.run_id, run.model)),
        (select count(*) from analytics.forecast_series as rows
            where (rows.client_id, rows.run_id, rows.model) = (run.client_id, run.run_id, run.model)),
        """
    + _DEED.replace("{subject}", "'forecast run ' || run.run_id")
    + """
    from analytics.forecast_runs as run
    where client_id = %s and status = 'published'
    """,
    """
    select
        'scores', as_of_date, run.is_current, model,
        scoring.items_thinned_at is not null,
        (select count(*) from analytics.score_sums as rows
            where (rows.client_id, rows.run_id, rows.model) = (run.client_id, run.run_id, run.model)),
        (select count(*) from analytics.score_totals as rows
            where (rows.client_id, rows.run_id, rows.model) = (run.client_id, run.run_id, run.model)),
        """
    + _DEED.replace("{subject}", "'scores by item of forecast run ' || run.run_id")
    + """
    from analytics.scorings as scoring
    inner join analytics.forecast_runs as run using (client_id, run_id, model, as_of_date)
    where client_id = %s
    """,
    """
    select
        'plan', as_of_date, is_current, '',
        thinned_at is not null,
        projection_thinned_at is not null,
        (select count(*) from analytics.stock_projection as rows
            where (rows.client_id, rows.run_id) = (run.client_id, run.run_id)),
        (select count(*) from analytics.replenishment_plan as rows
            where (rows.client_id, rows.run_id) = (run.client_id, run.run_id)),
        (select count(*) from analytics.lead_time_demand as rows
            where (rows.client_id, rows.run_id) = (run.client_id, run.run_id)),
        (select count(*) from analytics.inventory_metrics as rows
            where (rows.client_id, rows.run_id) = (run.client_id, run.run_id)),
        """
    + _DEED.replace("{subject}", "'inventory run ' || run.run_id")
    + """
    from analytics.inventory_runs as run
    where client_id = %s
    """,
)

_ROW_OF_SECOND_FORECAST: LiteralString = """
    select 1 from analytics.forecast_results
    where client_id = %(client)s and item_id = 'soap' and run_id = (
        select run_id from analytics.forecast_runs where client_id = %(client)s and not is_current limit 1
    )
    for update
"""
_ROW_OF_THIRD_FORECAST: LiteralString = """
    select 1 from analytics.forecast_runs
    where client_id = %(client)s and is_current and as_of_date = (
        select max(as_of_date) from analytics.forecast_runs where client_id = %(client)s and not is_current
    )
    for update
"""
_ROW_OF_THIRD_PLAN: LiteralString = """
    select 1 from analytics.inventory_metrics
    where client_id = %(client)s and item_id = 'soap' and run_id = (
        select run_id from analytics.inventory_runs
        where client_id = %(client)s and is_current and as_of_date = (
            select max(as_of_date) from analytics.inventory_runs
            where client_id = %(client)s and not is_current
        )
    )
    for update
"""

PLACES: tuple[tuple[LiteralString, str, int], ...] = (
    # of the first forecast everything is done and nothing committed
    ("lock table ops.audit_log in share mode", "insert into ops.audit_log", 0),
    # its three models have gone
    (_ROW_OF_SECOND_FORECAST, 'delete from "analytics"."forecast_results"', 3),
    # its scores by item, too, and the second forecast
    (_ROW_OF_THIRD_FORECAST, "update analytics.forecast_runs", 9),
    # the scores of the second, the third forecast, and two plans
    (_ROW_OF_THIRD_PLAN, 'delete from "analytics"."inventory_metrics"', 17),
)
"""What the test locks, how the statement begins that then waits, and how many things are thinned by then."""


def states(store: Store) -> States:
    """What is there of every forecast, of its scores, and of every plan."""
    found = [row for query in _STATES for row in store.rows(query, store.client_id)]
    return {row[:4]: row[4:] for row in found}


@pytest.fixture
def twins(warehouse: Warehouse) -> tuple[Store, Store]:
    """Two clients of whose runs six are past their use."""
    stores = open_store(warehouse, "killed"), open_store(warehouse, "undisturbed")
    for store in stores:
        score_due_runs(warehouse, store.client_id, "test")
        store.age(100)
    return stores


@pytest.mark.slow
def test_a_kill_at_any_place_leaves_everything_whole_or_thinned_and_the_next_finishes(
    twins: tuple[Store, Store],
) -> None:
    store, twin = twins
    whole = states(store)
    assert whole == states(twin)
    # scores by item go once their forecast has: with the retention after that
    for _ in range(2):
        retain(twin.warehouse, twin.client)
    final = states(twin)

    for lock, statement, n_thinned in PLACES:
        with killed_while_it_waits(store, lock, statement):
            assert_thinned(states(store), whole, final, n_thinned)
        assert_thinned(states(store), whole, final, n_thinned)

    for _ in range(2):
        command = start(store)
        said, _ = command.communicate(timeout=PATIENCE_SECONDS)
        assert command.returncode == 0, said
    assert states(store) == final


def assert_thinned(found: States, whole: States, final: States, n_thinned: int) -> None:
    """Everything is as it was or as it will be, and so many things are as they will be."""
    assert found.keys() == whole.keys()
    thinned = {thing for thing in found if found[thing] != whole[thing]}
    assert {thing: found[thing] for thing in thinned} == {thing: final[thing] for thing in thinned}
    assert len(thinned) == n_thinned, sorted(thinned)


def start(store: Store) -> subprocess.Popen[str]:
    """The command in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "orchestration.cli", "retain", "--client", store.client_id],
        env={**os.environ, "PYTHONPATH": str(RESOURCES)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@contextmanager
def killed_while_it_waits(store: Store, lock: LiteralString, statement: str) -> Iterator[None]:
    """The command waits for a lock in a statement during the block, and is dead after it."""
    with store.warehouse.connect_admin() as holding:
        assert holding.execute(lock, {"client": store.client_id}).rowcount != 0
        command = start(store)
        try:
            session = waiting_session(store, statement, command)
            yield
        finally:
            os.killpg(command.pid, signal.SIGKILL)
            command.communicate()
        holding.rollback()
    assert command.returncode == -signal.SIGKILL
    until_gone(store, session)


def waiting_session(store: Store, statement: str, command: subprocess.Popen[str]) -> int:
    """The session that waits for a lock in a statement that begins so, once there is one."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    with store.warehouse.connect_admin(autocommit=True) as connection:
        while time.monotonic() < deadline:
            found = connection.execute(
                """
                select pid from pg_stat_activity
                where datname = current_database() and wait_event_type = 'Lock'
                    and starts_with(ltrim(query, E' \\n'), %s)
                """,
                (statement,),
            ).fetchone()
            if found is not None:
                return int(found[0])
            assert command.poll() is None, command.communicate()[0]
            time.sleep(0.05)
    raise AssertionError(f"nothing came to wait in: {statement}")


def until_gone(store: Store, session: int) -> None:
    """Return once the server has noticed that a session's program is dead."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    with store.warehouse.connect_admin(autocommit=True) as connection:
        while connection.execute("select pid from pg_stat_activity where pid = %s", (session,)).fetchone():
            assert time.monotonic() < deadline, "the server holds on to a dead program's session"
            time.sleep(0.05)
