"""A client's session can be ended by a login that has no rights of the client's role, and gets none by it."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from orchestration.clients import add_client, registered_ids, remove_client, validated
from orchestration.warehouse import ddl
from orchestration.warehouse.server import Warehouse
from orchestration.warehouse.sessions import end_sessions
from tests.orchestration.warehouse.logins import log_in


@pytest.fixture
def stranger(tcp_warehouse: Warehouse) -> Iterator[psycopg.Connection[object]]:
    """A session of a client whose role the login is no member of."""
    add_client(tcp_warehouse, validated(client_id="stranger", name="Stranger"))
    role = sql.Identifier(tcp_warehouse.roles.client("stranger"))
    with tcp_warehouse.connect_admin() as connection:
        connection.execute(sql.SQL("revoke {} from current_user").format(role))
    with log_in(tcp_warehouse, "stranger") as session:
        yield session
        session.close()
    remove_client(tcp_warehouse, "stranger")


def has_rights(warehouse: Warehouse, client_id: str) -> bool:
    with warehouse.connect_admin() as connection:
        row = connection.execute(
            "select pg_has_role(%s, 'usage')", (warehouse.roles.client(client_id),)
        ).fetchone()
    return row == (True,)


def test_rights_are_taken_for_the_moment(
    tcp_warehouse: Warehouse, stranger: psycopg.Connection[object]
) -> None:
    assert not has_rights(tcp_warehouse, "stranger")
    with tcp_warehouse.connect_admin(autocommit=True) as connection:
        assert end_sessions(connection, tcp_warehouse.roles, pid=stranger.info.backend_pid) == 1
        assert end_sessions(connection, tcp_warehouse.roles, role="postgres") == 0
    with pytest.raises(psycopg.OperationalError):
        stranger.execute("select 1")
    assert not has_rights(tcp_warehouse, "stranger")


def test_its_open_transaction_does_not_keep_a_client_from_being_removed(
    tcp_warehouse: Warehouse, stranger: psycopg.Connection[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ddl, "LOCK_TIMEOUT_MS", 100)
    monkeypatch.setattr(ddl, "TENANT_SECONDS", 0.1)
    stranger.execute("select count(*) from analytics.ts_demand_daily")
    add_client(tcp_warehouse, validated(client_id="leaving", name="Leaving"))
    told: list[str] = []
    remove_client(tcp_warehouse, "leaving", on_wait=told.append)
    assert "leaving" not in registered_ids(tcp_warehouse)
    assert told[-1].startswith("Ended the session")
