"""What a client's role may use up: connections, time, temporary files, and the length of its name.

Belongs here: limits that belong to a role. Does not belong here: what every role of the server may do by
default (``public_rights``) and which rows a role may read (``tenancy``).

The number of connections and the temporary files are hard limits. The others are defaults: PostgreSQL lets
every role change them for itself, so they end what was forgotten, not what is meant.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from orchestration.warehouse.server import Roles, WarehouseError

Connection = psycopg.Connection[Any]

CONNECTIONS_PER_CLIENT = 10
"""As many as one client may have open while there are few clients."""

FEWEST_CONNECTIONS = 2
"""As many as a client may have open however many clients there are."""

PIPELINE_CONNECTIONS = 30
"""Connections that no client gets: four runs at a time, the UI, the daemon, a few commands."""

SESSION_SETTINGS = {
    "statement_timeout": "15min",
    "lock_timeout": "30s",
    "idle_in_transaction_session_timeout": "5min",
    "idle_session_timeout": "2h",
    "max_parallel_workers_per_gather": "0",
    "work_mem": "4MB",
}
"""What a client's session starts with; the client may change it."""

TEMPORARY_FILES = {"temp_file_limit": "2GB"}
"""What one session may write to disk while it sorts and joins; nobody but a superuser may change it."""

LONGEST_NAME = 63
"""Bytes of a name that PostgreSQL keeps; it cuts off the rest without an error."""


_LEFT_AS_IT_IS = (psycopg.errors.InsufficientPrivilege, psycopg.errors.InternalError_)


@dataclass(frozen=True)
class ClientRole:
    """A client's login role as the server has it.

    Attributes:
        name: of the role.
        connections: as many as it may have open; -1 without a limit.
        settings: as the server spells them, such as ``lock_timeout=30s``.
        can_login: whether it may log in.
    """

    name: str
    connections: int
    settings: list[str]
    can_login: bool


def connections_per_client(connections: int, clients: int) -> int:
    """The limit of each client, so that all of them together leave the pipeline its own.

    Args:
        connections: as many as the server gives to roles without privileges.
        clients: client roles there are.
    """
    share = (connections - PIPELINE_CONNECTIONS) // max(clients, 1)
    return min(CONNECTIONS_PER_CLIENT, max(FEWEST_CONNECTIONS, share))


def ordinary_connections(connection: Connection) -> int:
    """As many connections as the server gives to roles without privileges."""
    row = connection.execute(
        """
        select sum(case name when 'max_connections' then setting::int else -setting::int end)::int
        from pg_settings
        where name in ('max_connections', 'superuser_reserved_connections', 'reserved_connections')
        """
    ).fetchone()
    return int(row[0]) if row else 0


def client_roles(connection: Connection, roles: Roles) -> list[ClientRole]:
    """The login roles of the installation's clients, by name, registered or not."""
    rows = connection.execute(
        """
        select role.rolname, role.rolconnlimit, coalesce(setting.setconfig, '{}'), role.rolcanlogin
        from pg_roles as role
        left join pg_db_role_setting as setting on setting.setrole = role.oid and setting.setdatabase = 0
        where starts_with(role.rolname, %s)
            and exists (
                select from pg_auth_members as membership
                inner join pg_roles as tenant on tenant.oid = membership.roleid
                where membership.member = role.oid and tenant.rolname = %s
            )
        order by role.rolname
        """,
        (roles.client_prefix, roles.tenant),
    ).fetchall()
    return [ClientRole(*row) for row in rows]


def missing_limits(role: ClientRole, connections: int, settings: dict[str, str]) -> list[sql.Composed]:
    """The clauses of ``alter role`` that bring a client's role to its limits; none where it has them."""
    clauses = []
    if role.connections != connections:
        clauses.append(sql.SQL("connection limit {}").format(sql.Literal(connections)))
    clauses += [
        sql.SQL("set {} = {}").format(sql.Identifier(name), sql.Literal(value))
        for name, value in settings.items()
        if f"{name}={value}" not in role.settings
    ]
    return clauses


def wanted_settings(connection: Connection) -> dict[str, str]:
    """The settings of a client's role, as far as the connection's role may set them."""
    row = connection.execute(
        "select has_parameter_privilege(current_user, %s, 'set')", tuple(TEMPORARY_FILES)
    ).fetchone()
    return SESSION_SETTINGS | TEMPORARY_FILES if row == (True,) else SESSION_SETTINGS


def limit_clients(connection: Connection, roles: Roles) -> None:
    """Bring every client's role to its limits; one that has them is not touched.

    A role that somebody else made, and that the login may not change, stays as it is, and so does one that
    another command is changing at this moment ("tuple concurrently updated"); ``doctor`` names what is left.

    Args:
        connection: the administrative login; needs ``createrole``.
        roles: names of this database's roles.
    """
    clients = client_roles(connection, roles)
    connections = connections_per_client(ordinary_connections(connection), len(clients))
    settings = wanted_settings(connection)
    for role in clients:
        with suppress(*_LEFT_AS_IT_IS), connection.transaction():
            for clause in missing_limits(role, connections, settings):
                connection.execute(sql.SQL("alter role {} {}").format(sql.Identifier(role.name), clause))


def refuse_long_names(roles: Roles, client_ids: Iterable[str] = ()) -> None:
    """Insist that PostgreSQL keeps every role's name whole: of two that it cuts alike, it makes one login.

    Raises:
        WarehouseError: a name is too long; the message says how long a slug may be.
    """
    room = LONGEST_NAME - len(roles.client_prefix.encode())
    if room < 1 or any(
        len(name.encode()) > LONGEST_NAME for name in (roles.pipeline, roles.auditor, roles.tenant)
    ):
        raise WarehouseError(
            f"The database's name {roles.database!r} is too long: the names of its roles start with it, and "
            f"PostgreSQL keeps {LONGEST_NAME} bytes of a name. Choose a shorter one for the database."
        )
    if long := [client_id for client_id in client_ids if len(client_id.encode()) > room]:
        raise WarehouseError(
            f"The database role of {', '.join(map(repr, long))} would be longer than the {LONGEST_NAME} "
            f"bytes that PostgreSQL keeps of a name. In the database {roles.database!r} a slug may have "
            f"{room} {'byte' if room == 1 else 'bytes'}; choose a shorter one, or a shorter name for the "
            "database."
        )
