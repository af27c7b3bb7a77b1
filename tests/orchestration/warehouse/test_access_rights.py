"""What the API's role and the writers can do in the database, whatever the program in front of it asks."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from orchestration.clients import add_client, remove_client, validated
from orchestration.warehouse.access_rights import LOGS, OF_THE_API, OF_WRITERS
from orchestration.warehouse.migrate import migrate
from orchestration.warehouse.server import Warehouse, role_exists
from orchestration.warehouse.tables import SCHEMAS
from tests.orchestration.warehouse.logins import give_rows, log_in

ASK = "insert into ops.run_requests (client_id, job, asked_by) values (%s, 'forecast', 'somebody')"


@pytest.fixture(scope="module", params=["embedded", "tcp"])
def warehouse(request: pytest.FixtureRequest) -> Warehouse:
    """Both kinds of server: the embedded one, and one on TCP whose owner is no superuser."""
    name = "embedded_warehouse" if request.param == "embedded" else "tcp_warehouse"
    house: Warehouse = request.getfixturevalue(name)
    return house


@pytest.fixture(scope="module")
def pair(warehouse: Warehouse) -> Iterator[tuple[str, str]]:
    """Two clients with rows, and a request each."""
    names = ("asking_a", "asking_b")
    for name in names:
        add_client(warehouse, validated(client_id=name, name=name))
        give_rows(warehouse, name)
        with acting(warehouse, warehouse.roles.client_writer(name)) as connection:
            connection.execute(ASK, (name,))
    yield names
    for name in names:
        remove_client(warehouse, name)


@contextmanager
def acting(warehouse: Warehouse, role: str | None = None) -> Iterator[psycopg.Connection[Any]]:
    """A transaction of the API: its role from the first moment on, another only within the transaction."""
    with psycopg.connect(warehouse.libpq_url(role=warehouse.roles.api)) as connection:
        if role is not None:
            connection.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
        yield connection


def relations(warehouse: Warehouse) -> list[tuple[str, str]]:
    with warehouse.transaction() as connection:
        return connection.execute(
            """
            select namespace.nspname, relation.relname
            from pg_class as relation
            inner join pg_namespace as namespace on namespace.oid = relation.relnamespace
            where namespace.nspname = any(%s) and relation.relkind in ('r', 'p', 'v', 'm')
            """,
            (list(SCHEMAS),),
        ).fetchall()


def readable(connection: psycopg.Connection[Any], found: list[tuple[str, str]]) -> set[str]:
    """The relations of which the connection's role may read a column."""
    names = [f"{schema}.{name}" for schema, name in found]
    rows = connection.execute(
        """
        select name from unnest(%s::text[]) as name
        where has_schema_privilege(split_part(name, '.', 1), 'usage')
            and has_any_column_privilege(name, 'select')
        """,
        (names,),
    ).fetchall()
    return {name for (name,) in rows}


def test_the_api_reads_who_gets_in_and_nothing_of_a_client(
    warehouse: Warehouse, pair: tuple[str, str]
) -> None:
    found = relations(warehouse)
    with acting(warehouse) as connection:
        assert readable(connection, found) == {
            *OF_THE_API,
            "ops.security_events",
        }
    for schema, name in found:
        if schema != "ops":
            with acting(warehouse) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(sql.SQL("select from {}").format(sql.Identifier(schema, name)))


def test_a_writer_reads_what_decisions_are_about_and_nothing_else(
    warehouse: Warehouse, pair: tuple[str, str]
) -> None:
    with acting(warehouse, warehouse.roles.client_writer(pair[0])) as connection:
        assert readable(connection, relations(warehouse)) == set(OF_WRITERS)
        assert connection.execute("select client_id, state from ops.run_requests").fetchall() == [
            (pair[0], "asked")
        ]


REQUEST = "insert into ops.run_requests (client_id, job, asked_by{0}) values ('{1}', 'forecast', 'x'{2})"
ANSWER = """
    insert into ops.idempotent_answers (client_id, asked_by, idempotency_key, request_digest, status)
    values ('asking_b', 'x', 'k', 'd', 202)
"""
MEMBERSHIP = """
    insert into ops.memberships (client_id, user_id, role) values ('asking_a', gen_random_uuid(), 'manager')
"""


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (REQUEST.format("", "asking_b", ""), "policy"),
        (REQUEST.format(", state", "asking_a", ", 'failed'"), "permission"),
        (REQUEST.format(", request_id", "asking_a", ", gen_random_uuid()"), "permission"),
        ("update ops.run_requests set state = 'refused'", "permission"),
        ("delete from ops.run_requests", "permission"),
        (ANSWER, "policy"),
        ("update ops.idempotent_answers set status = 200", "permission"),
        ("select * from ops.users", "permission"),
        (MEMBERSHIP, "permission"),
        ("insert into ops.security_events (event) values ('login')", "permission"),
        ("select * from analytics.ts_demand_daily", "permission"),
        ("create table ops.mine (client_id text)", "permission"),
    ],
)
def test_a_writer_may_not(warehouse: Warehouse, pair: tuple[str, str], statement: str, expected: str) -> None:
    with (
        acting(warehouse, warehouse.roles.client_writer(pair[0])) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege, match=expected),
    ):
        connection.execute(statement.encode())


@pytest.mark.parametrize(
    "statement",
    [
        "insert into ops.users (email, is_operator) values ('a@example.com', true)",
        "update ops.users set is_operator = true",
        "update ops.users set is_active = true",
        "update ops.users set email = 'a@example.com'",
        "delete from ops.users",
        "update ops.memberships set client_id = 'asking_b'",
        "update ops.service_keys set scopes = '{run}'",
        "update ops.service_keys set expires_at = now() + interval '1 year'",
        "delete from ops.service_keys",
        "update ops.refresh_tokens set expires_at = now() + interval '1 year'",
        "select * from ops.clients",
        "select * from ops.run_requests",
        "insert into ops.run_requests (client_id, job, asked_by) values ('asking_a', 'forecast', 'x')",
        "select details from ops.security_events",
        "create table ops.mine (client_id text)",
        "create role friend",
    ],
)
def test_the_api_may_not(warehouse: Warehouse, pair: tuple[str, str], statement: str) -> None:
    with acting(warehouse) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement.encode())


@pytest.mark.parametrize("log", sorted(LOGS))
@pytest.mark.parametrize("deed", ["update {} set client_id = 'x'", "delete from {}", "truncate {}"])
def test_nobody_changes_a_log(warehouse: Warehouse, pair: tuple[str, str], log: str, deed: str) -> None:
    statement = deed.format(log).encode()
    roles = warehouse.roles
    for role in (roles.api, roles.pipeline, roles.client(pair[0]), roles.client_writer(pair[0])):
        with acting(warehouse, role) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)


def test_a_clients_own_login_asks_for_no_run(warehouse: Warehouse, pair: tuple[str, str]) -> None:
    with log_in(warehouse, pair[0], autocommit=True) as connection:
        connection.execute("set default_transaction_read_only = off")
        for statement in (b"select * from ops.run_requests", ASK.replace("%s", f"'{pair[0]}'").encode()):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
        for role in (warehouse.roles.client_writer(pair[0]), warehouse.roles.writer, warehouse.roles.api):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="set role"):
                connection.execute(sql.SQL("set role {}").format(sql.Identifier(role)))


def test_nobody_logs_in_as_the_api_or_a_writer(warehouse: Warehouse, pair: tuple[str, str]) -> None:
    roles = warehouse.roles
    with warehouse.connect_admin() as connection:
        rows = connection.execute(
            "select rolname, rolcanlogin from pg_roles where rolname = any(%s)",
            ([roles.api, roles.writer, roles.client_writer(pair[0])],),
        ).fetchall()
    assert sorted(rows) == sorted(
        (name, False) for name in (roles.api, roles.writer, roles.client_writer(pair[0]))
    )


def test_a_client_takes_what_let_people_in_along_and_leaves_the_people(warehouse: Warehouse) -> None:
    add_client(warehouse, validated(client_id="leaving_too", name="Leaving"))
    email = f"{uuid4().hex}@example.com"
    with acting(warehouse) as connection:
        connection.execute("insert into ops.users (email) values (%s)", (email,))
        connection.execute(
            "insert into ops.memberships (client_id, user_id, role) "
            "select 'leaving_too', user_id, 'manager' from ops.users where email = %s",
            (email,),
        )
        connection.execute(
            """
            insert into ops.service_keys (client_id, name, prefix, key_hash, scopes, created_by, expires_at)
            values ('leaving_too', 'shop', %s, 'h', '{read}', 'somebody', now())
            """,
            (email,),
        )
    with acting(warehouse, warehouse.roles.client_writer("leaving_too")) as connection:
        connection.execute(ASK, ("leaving_too",))
    erased = remove_client(warehouse, "leaving_too")
    for table in ("memberships", "service_keys", "run_requests"):
        assert erased[f"ops.{table}"] == 1
    with warehouse.connect_admin() as connection:
        assert not role_exists(connection, warehouse.roles.client_writer("leaving_too"))
    with acting(warehouse) as connection:
        assert connection.execute("select count(*) from ops.users where email = %s", (email,)).fetchone() == (
            1,
        )


def test_a_removal_takes_along_who_is_let_in_meanwhile(warehouse: Warehouse) -> None:
    """The removal waits for the membership that is not there to be seen yet; later there can be none."""
    add_client(warehouse, validated(client_id="meanwhile", name="Meanwhile"))
    insert = """
        insert into ops.memberships (client_id, user_id, role)
        select 'meanwhile', user_id, 'manager' from ops.users limit 1
    """
    count = "select count(*) from ops.memberships where client_id = 'meanwhile'"
    with acting(warehouse) as connection:
        connection.execute("insert into ops.users (email) values (%s)", (f"{uuid4().hex}@example.com",))
    with ThreadPoolExecutor() as pool:
        with acting(warehouse) as connection:
            connection.execute(insert)
            removal = pool.submit(remove_client, warehouse, "meanwhile")
            with pytest.raises(TimeoutError):
                removal.result(timeout=1.5)
        removal.result(timeout=60)
    with acting(warehouse) as connection:
        assert connection.execute(count).fetchone() == (0,)
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            connection.execute(insert)


def test_a_migration_brings_the_writers_to_clients_of_an_earlier_version(
    warehouse: Warehouse, pair: tuple[str, str]
) -> None:
    role = warehouse.roles.client_writer(pair[1])
    with warehouse.connect_admin() as connection:
        connection.execute(sql.SQL("drop role {}").format(sql.Identifier(role)))
    migrate(warehouse, lambda: None)
    with acting(warehouse, role) as connection:
        assert connection.execute("select client_id from ops.run_requests").fetchall() == [(pair[1],)]
