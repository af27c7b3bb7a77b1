"""A lock keeps apart what shares purpose and subject, is out of tenants' reach, and names its holder."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from orchestration.clients import Client, remove_client
from orchestration.warehouse.locks import (
    OF_A_CLIENT,
    OF_THE_INSTALLATION,
    LockedError,
    NoSuchLockError,
    Purpose,
    lock_transaction,
    try_lock_session,
    unlock_session,
)
from orchestration.warehouse.migrate import upgrade
from orchestration.warehouse.server import Warehouse
from tests.orchestration.warehouse.logins import log_in
from tests.waiting import is_waited_for

NewClient = Callable[..., Client]

TRANSACTIONAL = [purpose for purpose in Purpose if purpose is not Purpose.RUN]


def subject_of(purpose: Purpose, client: Client) -> str:
    return "" if purpose in OF_THE_INSTALLATION else client.client_id


@pytest.mark.parametrize("purpose", TRANSACTIONAL)
def test_a_transaction_holds_its_lock_to_its_end(
    warehouse: Warehouse, new_client: NewClient, purpose: Purpose
) -> None:
    subject = subject_of(purpose, new_client())
    with warehouse.transaction() as other:
        with warehouse.transaction() as connection:
            lock_transaction(connection, purpose, subject)
            with pytest.raises(LockedError):
                lock_transaction(other, purpose, subject, patience=0.05)
        lock_transaction(other, purpose, subject)


def test_who_waits_is_told_who_holds_the_lock(warehouse: Warehouse, new_client: NewClient) -> None:
    client_id = new_client().client_id
    told: list[str] = []
    with warehouse.transaction() as connection, warehouse.transaction() as other:
        lock_transaction(connection, Purpose.LANDING, client_id)
        with pytest.raises(LockedError, match=r"held by forecaster .* end it") as refused:
            lock_transaction(other, Purpose.LANDING, client_id, on_wait=told.append, patience=1.5)
        pid = connection.info.backend_pid
    assert f":{os.getpid()} (PostgreSQL session {pid})" in str(refused.value)
    assert [client_id in sentence and str(pid) in sentence for sentence in told] == [True]


def test_waiting_in_vain_leaves_the_transaction_as_it_was(
    warehouse: Warehouse, new_client: NewClient
) -> None:
    client_id = new_client().client_id
    with warehouse.transaction() as connection, warehouse.transaction() as other:
        lock_transaction(connection, Purpose.SCORE, client_id)
        other.execute("create temporary table mine on commit drop as select 1 as one")
        before = other.execute("show lock_timeout").fetchone()
        with pytest.raises(LockedError):
            lock_transaction(other, Purpose.SCORE, client_id, patience=0.05)
        assert other.execute("select one from mine").fetchone() == (1,)
        lock_transaction(other, Purpose.DEMAND, client_id)
        assert other.execute("show lock_timeout").fetchone() == before


def test_a_session_holds_its_lock_until_it_closes(warehouse: Warehouse, new_client: NewClient) -> None:
    client_id = new_client().client_id
    with warehouse.connect_pipeline() as other:
        with warehouse.connect_pipeline() as session:
            assert try_lock_session(session, Purpose.RUN, client_id) is None
            assert try_lock_session(session, Purpose.RUN, client_id) is None
            holder = try_lock_session(other, Purpose.RUN, client_id)
            assert holder is not None
            assert holder.pid == session.info.backend_pid
            assert f":{os.getpid()}" in str(holder)
        # the server notices the end of a session by itself
        while try_lock_session(other, Purpose.RUN, client_id):
            pass


def test_a_session_gives_up_its_own_lock_at_once_and_no_other(
    warehouse: Warehouse, new_client: NewClient
) -> None:
    client_id = new_client().client_id
    with warehouse.connect_pipeline() as session, warehouse.connect_pipeline() as other:
        assert try_lock_session(session, Purpose.PULL, client_id) is None
        unlock_session(other, Purpose.PULL, client_id)
        assert try_lock_session(other, Purpose.PULL, client_id) is not None
        unlock_session(session, Purpose.PULL, client_id)
        assert try_lock_session(other, Purpose.PULL, client_id) is None


def test_a_session_holds_its_lock_without_an_open_transaction(
    warehouse: Warehouse, new_client: NewClient
) -> None:
    client_id = new_client().client_id
    with warehouse.connect_pipeline() as session, warehouse.connect_pipeline() as other:
        try_lock_session(session, Purpose.RUN, client_id)
        open_ = other.execute(
            "select count(*) from pg_locks where pid = %s", (session.info.backend_pid,)
        ).fetchone()
        assert open_ == (0,)


def test_of_many_sessions_one_gets_the_lock(warehouse: Warehouse, new_client: NewClient) -> None:
    client_id = new_client().client_id
    start = threading.Barrier(8)

    def attempt(connection: psycopg.Connection[object]) -> bool:
        start.wait()
        return try_lock_session(connection, Purpose.RUN, client_id) is None

    connections = [warehouse.connect_pipeline() for _ in range(8)]
    try:
        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(attempt, connections)) == 1
    finally:
        for connection in connections:
            connection.close()


def test_a_session_that_only_bears_the_holders_name_holds_nothing(
    warehouse: Warehouse, new_client: NewClient
) -> None:
    """A tenant may give its session any name: the login is compared, too."""
    client_id = new_client().client_id
    role = warehouse.roles.client(client_id)
    with warehouse.connect_admin(autocommit=True) as admin:
        admin.execute(
            """
            insert into ops.locks (purpose, subject, holder_pid, holder_name, holder_login)
            select 'run', %s, pg_backend_pid(), current_setting('application_name'), %s
            on conflict (purpose, subject) do update
            set holder_pid = excluded.holder_pid, holder_name = excluded.holder_name,
                holder_login = excluded.holder_login
            """,
            (client_id, role),
        )
        with warehouse.connect_pipeline() as session:
            assert try_lock_session(session, Purpose.RUN, client_id) is None


def test_other_clients_and_other_purposes_do_not_wait(warehouse: Warehouse, new_client: NewClient) -> None:
    one, two = new_client().client_id, new_client().client_id
    with warehouse.transaction() as connection, warehouse.transaction() as other:
        lock_transaction(connection, Purpose.DEMAND, one)
        lock_transaction(other, Purpose.DEMAND, two, patience=0.05)
        for purpose in OF_A_CLIENT:
            if purpose is not Purpose.DEMAND:
                lock_transaction(other, purpose, one, patience=0.05)
        for purpose in OF_THE_INSTALLATION:
            lock_transaction(other, purpose, patience=0.05)


def test_a_migration_waits_for_another(warehouse: Warehouse) -> None:
    with ThreadPoolExecutor(1) as pool:
        with warehouse.transaction() as connection:
            lock_transaction(connection, Purpose.MIGRATION)
            second = pool.submit(upgrade, warehouse)
            assert is_waited_for(connection, second.done)
        second.result()


def test_a_client_that_is_gone_has_no_lock(warehouse: Warehouse, new_client: NewClient) -> None:
    client_id = new_client().client_id
    remove_client(warehouse, client_id)
    for purpose in TRANSACTIONAL:
        if purpose in OF_A_CLIENT:
            with warehouse.transaction() as connection, pytest.raises(NoSuchLockError, match=client_id):
                lock_transaction(connection, purpose, client_id)
    with warehouse.connect_pipeline() as session, pytest.raises(NoSuchLockError, match=client_id):
        try_lock_session(session, Purpose.RUN, client_id)


@pytest.mark.parametrize(
    "attempt",
    [
        "select * from ops.locks for update",
        "lock table ops.locks in access share mode",
        "select pg_advisory_lock(hashtextextended('run:{client}', 0))",
        "select pg_advisory_lock(hashtextextended('landing:{client}', 0))",
        "select pg_advisory_lock(hashtextextended('migration:', 0))",
        "select pg_advisory_lock(hashtextextended('ops.locks', 0))",
    ],
)
def test_a_tenant_keeps_nobody_waiting(warehouse: Warehouse, new_client: NewClient, attempt: str) -> None:
    """Whatever of it a tenant may do, the client it aims at is locked and migrated as ever."""
    attacker, victim = new_client().client_id, new_client().client_id
    with log_in(warehouse, attacker) as tenant:
        try:
            tenant.execute(attempt.format(client=victim))
        except psycopg.errors.InsufficientPrivilege:
            tenant.rollback()
        with warehouse.transaction() as connection:
            for purpose in TRANSACTIONAL:
                lock_transaction(
                    connection,
                    purpose,
                    subject_of(purpose, Client(client_id=victim, name="V")),
                    patience=0.05,
                )
        with warehouse.connect_pipeline() as session:
            assert try_lock_session(session, Purpose.RUN, victim) is None
        assert upgrade(warehouse) == []
