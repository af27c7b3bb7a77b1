"""What one client can use up, and that the others and the pipeline keep theirs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url

from orchestration.clients import add_client, remove_client, validated
from orchestration.diagnosis.findings import Level
from orchestration.diagnosis.server import judge_connections
from orchestration.warehouse import limits
from orchestration.warehouse.cluster import CONNECTIONS
from orchestration.warehouse.limits import (
    ClientRole,
    connections_per_client,
    missing_limits,
    refuse_long_names,
)
from orchestration.warehouse.migrate import upgrade
from orchestration.warehouse.public_rights import is_superuser, missing_statements
from orchestration.warehouse.server import Roles, Warehouse, WarehouseError
from orchestration.warehouse.tenancy import set_client_password
from tests.orchestration.warehouse.logins import PASSWORD, login


@pytest.fixture(scope="module", params=["embedded", "tcp"])
def warehouse(request: pytest.FixtureRequest) -> Warehouse:
    """Both kinds of server: the embedded one, and one on TCP whose owner is no superuser."""
    house: Warehouse = request.getfixturevalue(f"{request.param}_warehouse")
    return house


@pytest.fixture(scope="module")
def client(warehouse: Warehouse) -> Iterator[str]:
    add_client(warehouse, validated(client_id="limited", name="Limited"))
    set_client_password(warehouse, "limited", PASSWORD)
    yield "limited"
    remove_client(warehouse, "limited")


def stored(warehouse: Warehouse, client_id: str) -> ClientRole:
    with warehouse.connect_admin() as connection:
        (found,) = [
            role
            for role in limits.client_roles(connection, warehouse.roles)
            if role.name == warehouse.roles.client(client_id)
        ]
    return found


# --- decisions ----------------------------------------------------------------------------------------


def test_few_clients_get_ten_connections_each() -> None:
    assert {connections_per_client(97, clients) for clients in range(7)} == {10}


def test_many_clients_share_what_the_pipeline_leaves() -> None:
    for clients in range(1, 34):
        assert clients * connections_per_client(97, clients) <= 97 - limits.PIPELINE_CONNECTIONS
    assert connections_per_client(97, 500) == limits.FEWEST_CONNECTIONS


def test_a_new_embedded_server_has_room_for_ten_clients_and_the_pipeline() -> None:
    ordinary = CONNECTIONS - 3
    clients = [ClientRole(f"c{n}", connections_per_client(ordinary, 10), [], True) for n in range(10)]
    assert {role.connections for role in clients} == {limits.CONNECTIONS_PER_CLIENT}
    assert judge_connections(ordinary, clients).level is Level.OK


def test_a_role_with_its_limits_is_left_alone() -> None:
    settings = {"lock_timeout": "30s", "statement_timeout": "15min"}
    role = ClientRole("c", 10, ["search_path=x", "statement_timeout=15min", "lock_timeout=30s"], True)
    assert missing_limits(role, 10, settings) == []
    changed = ClientRole("c", -1, ["statement_timeout=0", "lock_timeout=30s"], True)
    assert [clause.as_string() for clause in missing_limits(changed, 10, settings)] == [
        "connection limit 10",
        "set \"statement_timeout\" = '15min'",
    ]


def test_a_name_that_postgresql_would_cut_is_refused() -> None:
    roles = Roles("w" * 40)
    refuse_long_names(roles, ["s" * 15])
    with pytest.raises(WarehouseError, match=r"'ssssssssssssssss' would be longer.*may have 15 bytes"):
        refuse_long_names(roles, ["short", "s" * 16])


def test_the_length_of_a_name_is_counted_in_bytes() -> None:
    with pytest.raises(WarehouseError, match="may have 15 bytes"):
        refuse_long_names(Roles("ö" * 20), ["s" * 16])


@pytest.mark.parametrize("length", [55, 56, 64])
def test_a_database_whose_name_leaves_no_room_for_roles_is_refused(length: int) -> None:
    with pytest.raises(WarehouseError, match="is too long"):
        refuse_long_names(Roles("w" * length))


# --- on both servers ----------------------------------------------------------------------------------


def test_two_clients_with_the_same_beginning_do_not_share_a_login(tcp_warehouse: Warehouse) -> None:
    """The database's name is long, so that the roles' names differ behind the 63rd byte only."""
    name = f"{tcp_warehouse.database}_{'x' * 30}"
    long = Warehouse(
        make_url(tcp_warehouse.admin_url).set(database=name).render_as_string(hide_password=False),
        tcp_warehouse.instance_url,
    )
    slug = "a" * 20
    with tcp_warehouse.connect_admin(autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    try:
        upgrade(long)
        for last in ("1", "2"):
            with pytest.raises(WarehouseError, match="a slug may have"):
                add_client(long, validated(client_id=slug + last, name="Long"))
        with long.connect_admin() as connection:
            assert limits.client_roles(connection, long.roles) == []
        with long.transaction() as connection:
            connection.execute("insert into ops.clients (client_id, name) values (%s, 'Long')", (slug,))
        with pytest.raises(WarehouseError, match=f"'{slug}' would be longer"):
            upgrade(long)
    finally:
        with tcp_warehouse.connect_admin(autocommit=True) as connection:
            connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
            own = long.roles
            for role in (own.pipeline, own.auditor, own.tenant, own.api, own.writer):
                connection.execute(sql.SQL("drop role {}").format(sql.Identifier(role)))


def test_a_client_of_many_connections_leaves_the_pipeline_its_own(warehouse: Warehouse, client: str) -> None:
    opened: list[psycopg.Connection[Any]] = []
    try:
        allowed = stored(warehouse, client).connections
        opened += [login(warehouse, client) for _ in range(allowed)]
        role = warehouse.roles.client(client)
        with pytest.raises(psycopg.OperationalError, match="too many connections for role"):
            psycopg.connect(warehouse.libpq_url(), user=role, password=PASSWORD)
        with warehouse.transaction() as connection:
            assert connection.execute("select 1").fetchone() == (1,)
    finally:
        for connection in opened:
            connection.close()


def test_a_session_of_a_client_starts_with_limits(warehouse: Warehouse, client: str) -> None:
    with login(warehouse, client) as connection:
        shown = {
            name: connection.execute(sql.SQL("show {}").format(sql.Identifier(name))).fetchone()
            for name in limits.SESSION_SETTINGS
        }
    assert shown == {name: (value,) for name, value in limits.SESSION_SETTINGS.items()}


def test_a_forgotten_transaction_is_ended(warehouse: Warehouse, client: str) -> None:
    with login(warehouse, client) as connection:
        connection.execute("set idle_in_transaction_session_timeout = '10ms'")
        connection.execute("begin")
        with warehouse.connect_admin(autocommit=True) as watcher:
            while watcher.execute(
                "select from pg_stat_activity where pid = %s", (connection.info.backend_pid,)
            ).fetchall():
                pass
        with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
            connection.execute("select 1")


def test_migrate_brings_a_changed_role_back_to_its_limits(warehouse: Warehouse, client: str) -> None:
    name = sql.Identifier(warehouse.roles.client(client))
    with login(warehouse, client) as connection:
        connection.execute("set default_transaction_read_only = off")
        connection.execute("alter role current_user set statement_timeout = 0")
    with warehouse.connect_admin() as connection:
        connection.execute(sql.SQL("alter role {} connection limit -1").format(name))
    assert stored(warehouse, client).connections == -1
    upgrade(warehouse)
    role = stored(warehouse, client)
    assert 0 < role.connections <= limits.CONNECTIONS_PER_CLIENT
    assert {f"{setting}={value}" for setting, value in limits.SESSION_SETTINGS.items()} <= set(role.settings)


def test_a_client_cannot_raise_its_number_of_connections(warehouse: Warehouse, client: str) -> None:
    with login(warehouse, client) as connection:
        connection.execute("set default_transaction_read_only = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("alter role current_user connection limit -1")


def test_temporary_files_are_limited_where_the_login_may(warehouse: Warehouse, client: str) -> None:
    with warehouse.connect_admin() as connection:
        may = "temp_file_limit" in limits.wanted_settings(connection)
        assert may == is_superuser(connection)
    with login(warehouse, client) as connection:
        shown = connection.execute("show temp_file_limit").fetchone()
        assert shown == (limits.TEMPORARY_FILES["temp_file_limit"] if may else "-1",)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("set temp_file_limit = -1")


SHARED = [
    "select count(pg_advisory_lock(i)) from generate_series(1, 10) as i",
    "select pg_try_advisory_xact_lock(1)",
    "select lo_from_bytea(0, 'x')",
    "select lo_create(0)",
    "select pg_logical_emit_message(true, 'x', 'x')",
    "select pg_export_snapshot()",
]


@pytest.mark.parametrize("query", SHARED)
def test_what_all_share_is_closed_to_clients_of_the_embedded_server(
    embedded_warehouse: Warehouse, embedded_client: str, query: str
) -> None:
    with login(embedded_warehouse, embedded_client) as connection:
        connection.execute("set default_transaction_read_only = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(query)


@pytest.fixture(scope="module")
def embedded_client(embedded_warehouse: Warehouse) -> Iterator[str]:
    add_client(embedded_warehouse, validated(client_id="confined", name="Confined"))
    yield "confined"
    remove_client(embedded_warehouse, "confined")


def test_nothing_is_left_for_a_superuser_to_do_on_the_embedded_server(embedded_warehouse: Warehouse) -> None:
    with embedded_warehouse.connect_admin() as connection:
        assert missing_statements(connection, embedded_warehouse) == []


def test_the_statements_for_an_administrator_close_what_they_name(
    tcp_warehouse: Warehouse, tcp_superuser: str
) -> None:
    """Run as printed, by a superuser, and rolled back: other tests meet a server that nobody has closed."""
    with tcp_warehouse.connect_admin() as connection:
        statements = missing_statements(connection, tcp_warehouse)
        owner = connection.info.user
    assert {statement.text.split()[0] for statement in statements} == {"grant", "revoke"}
    with psycopg.connect(tcp_superuser, dbname=tcp_warehouse.database) as connection:
        for statement in statements:
            connection.execute(statement.text.encode())
        connection.execute(sql.SQL("set local role {}").format(sql.Identifier(owner)))
        assert missing_statements(connection, tcp_warehouse) == []
        assert "temp_file_limit" in limits.wanted_settings(connection)
        kept = connection.execute(
            """
            select
                has_database_privilege(current_user, 'postgres', 'connect'),
                has_database_privilege(current_user, 'dagster', 'connect'),
                has_function_privilege(current_user, 'pg_advisory_lock(bigint)', 'execute'),
                has_function_privilege(%s, 'pg_advisory_lock(bigint)', 'execute'),
                has_database_privilege(%s, 'postgres', 'connect')
            """,
            (tcp_warehouse.roles.tenant, tcp_warehouse.roles.tenant),
        ).fetchone()
        assert kept == (True, True, True, False, False)
        connection.rollback()


def test_dagsters_database_is_closed_to_clients(warehouse: Warehouse, client: str) -> None:
    role = warehouse.roles.client(client)
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(warehouse.instance_url, user=role, password=PASSWORD)
