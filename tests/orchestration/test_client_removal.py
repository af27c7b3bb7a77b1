"""Removing a client leaves neither a login nor a row, whatever the client and its loads do meanwhile."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from orchestration.clients import Client, add_client, registered_ids, remove_client
from orchestration.landing.load import load_file
from orchestration.warehouse import limits
from orchestration.warehouse.locks import NoSuchLockError, Purpose, lock_transaction
from orchestration.warehouse.server import Warehouse, WarehouseError
from tests.orchestration.warehouse.logins import log_in
from tests.waiting import is_waited_for

NewClient = Callable[..., Client]


def test_removing_ends_sessions_and_drops_what_the_client_made(
    warehouse: Warehouse, new_client: NewClient
) -> None:
    """A large object or default privileges of the role once left a client half removed, with its login."""
    client_id = new_client().client_id
    role = warehouse.roles.client(client_id)
    with warehouse.connect_admin(autocommit=True) as admin:
        # as a database of an earlier version, or an administrator, may have allowed
        with contextlib.suppress(psycopg.errors.InsufficientPrivilege):
            admin.execute(f"grant execute on function lo_create(oid) to {role}")
        with log_in(warehouse, client_id, autocommit=True) as tenant:
            tenant.execute("set default_transaction_read_only = off")
            row = tenant.execute("select lo_create(0)").fetchone()
            assert row is not None
            tenant.execute("alter default privileges grant select on tables to public")
            remove_client(warehouse, client_id)
            with pytest.raises(psycopg.OperationalError):
                tenant.execute("select 1")
        assert admin.execute(
            "select count(*) from pg_largeobject_metadata where oid = %s", (row[0],)
        ).fetchone() == (0,)
        assert admin.execute("select count(*) from pg_roles where rolname = %s", (role,)).fetchone() == (0,)


def test_those_who_stay_share_the_connections_of_who_goes(
    warehouse: Warehouse, new_client: NewClient
) -> None:
    """The diagnosis found their limits too low once a client of many was gone."""
    with warehouse.connect_admin() as admin:
        room = limits.ordinary_connections(admin)
        others = len(limits.client_roles(admin, warehouse.roles))
    many = max(1, (room - limits.PIPELINE_CONNECTIONS) // (limits.CONNECTIONS_PER_CLIENT - 1) - others)
    stays, *leave = [new_client().client_id for _ in range(many + 1)]
    for client_id in leave:
        remove_client(warehouse, client_id)
        with warehouse.connect_admin() as admin:
            roles = limits.client_roles(admin, warehouse.roles)
        [role] = [role for role in roles if role.name == warehouse.roles.client(stays)]
        assert role.connections == limits.connections_per_client(room, len(roles))


def test_a_role_that_owns_something_elsewhere_is_shut_out_and_the_removal_can_be_finished(
    warehouse: Warehouse, new_client: NewClient
) -> None:
    client_id = new_client().client_id
    role = warehouse.roles.client(client_id)
    with psycopg.connect(warehouse.instance_url, autocommit=True) as admin:
        admin.execute(f"grant {role} to current_user")
        admin.execute(f"create schema {client_id}_owned authorization {role}")
        try:
            with pytest.raises(WarehouseError, match=r"can no longer log in.*drop owned by"):
                remove_client(warehouse, client_id)
            with pytest.raises(psycopg.OperationalError, match="not permitted to log in"):
                log_in(warehouse, client_id)
            assert client_id in registered_ids(warehouse)
        finally:
            admin.execute(f"drop owned by {role}")
    remove_client(warehouse, client_id)
    assert client_id not in registered_ids(warehouse)


def test_a_removal_waits_for_a_load_and_leaves_none_of_its_rows(
    warehouse: Warehouse, new_client: NewClient, tmp_path: Path
) -> None:
    """Rows that a load committed after a removal would be inherited by the next client of that slug."""
    client = new_client()
    path = tmp_path / "sales.csv"
    path.write_text("date,item_id,location_id,units_sold\n2026-01-05,A,L,3\n")
    with ThreadPoolExecutor(2) as pool:
        with warehouse.transaction() as load:
            lock_transaction(load, Purpose.LANDING, client.client_id)
            removal = pool.submit(remove_client, warehouse, client.client_id)
            assert is_waited_for(load, removal.done)
            second = pool.submit(load_file, warehouse, client, path, path.name)
            load.execute(
                """
                insert into ops.landing_files (client_id, path, sha256, size_bytes, status, config_digest)
                values (%s, 'late.csv', 'x', 1, 'loaded', 'x')
                """,
                (client.client_id,),
            )
        removal.result()
        # the second load came before the removal, or found the client gone
        with contextlib.suppress(NoSuchLockError):
            second.result()
    with pytest.raises(NoSuchLockError, match=client.client_id):
        load_file(warehouse, client, path, path.name)
    with warehouse.transaction() as connection:
        for table in ("ops.landing_files", "staging.sales", "staging.products", "ops.locks"):
            column = "subject" if table == "ops.locks" else "client_id"
            query = sql.SQL("select count(*) from {} where {} = %s").format(
                sql.Identifier(*table.split(".")), sql.Identifier(column)
            )
            assert connection.execute(query, (client.client_id,)).fetchone() == (0,), table


def test_a_load_that_waited_goes_by_the_settings_of_the_client_it_then_finds(
    warehouse: Warehouse, new_client: NewClient, tmp_path: Path
) -> None:
    """The client may have been removed and another of its slug added while the load waited."""
    removed = new_client()
    path = tmp_path / "sales.csv"
    path.write_text("date,SKU,location_id,units_sold\n2026-01-05,A,L,3\n")
    remove_client(warehouse, removed.client_id)
    mapped = removed.model_copy(update={"column_map": {"sales": {"item_id": "SKU"}}})
    add_client(warehouse, mapped)
    assert load_file(warehouse, removed, path, path.name).status == "loaded"
    with warehouse.transaction() as connection:
        assert connection.execute(
            "select config_digest from ops.landing_files where client_id = %s", (removed.client_id,)
        ).fetchone() == (mapped.reading_digest(),)
