"""What the database server says of itself, its roles and their rights, at one moment.

Belongs here: one gathering, read-only. Does not belong here: what any of it means (``server``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from orchestration.warehouse.limits import (
    ClientRole,
    Connection,
    client_roles,
    connections_per_client,
    missing_limits,
    ordinary_connections,
    wanted_settings,
)
from orchestration.warehouse.migrate import current_revision, newest_revision
from orchestration.warehouse.public_rights import (
    Statement,
    is_superuser,
    missing_statements,
    open_databases,
    own_databases,
)
from orchestration.warehouse.server import Roles, Warehouse
from orchestration.warehouse.server_memory import OF_INITDB
from orchestration.warehouse.tenancy import registered_slugs

_FORGOTTEN_MINUTES = 10


@dataclass(frozen=True)
class Session:
    """A client's transaction that nothing is done in.

    Attributes:
        role: the client's.
        pid: of the server's process.
        minutes: since it began.
    """

    role: str
    pid: int
    minutes: float


@dataclass(frozen=True)
class ServerFacts:
    """What the server says, at one moment.

    Attributes:
        version: as the server numbers it, such as 180004.
        is_embedded: whether it is the project's own, which nobody else reaches.
        login: the role of ``DATABASE_URL``.
        is_superuser: whether that is a superuser.
        can_create_roles: whether it may create roles.
        seconds_ahead: of the server's clock, against this machine's.
        time_zone: of a session of the project.
        revision: of the tables; None where there are none.
        newest_revision: the one this program expects.
        registered: slugs of the clients.
        clients: the clients' roles.
        shut_out: roles of registered clients and their writers that the login may not act as.
        incomplete: roles without their limits.
        powerful: client roles that are superusers, create roles or databases, replicate or bypass policies.
        connections: that the server gives to roles without privileges.
        statements: for a superuser to run.
        foreign_databases: others of the server that everybody may connect to.
        untuned: settings of memory and log, where all are what initdb writes on any machine.
        queue: how full the queue of notifications is, 0 to 1.
        forgotten: transactions of clients that nothing is done in.
    """

    version: int
    is_embedded: bool
    login: str
    is_superuser: bool
    can_create_roles: bool
    seconds_ahead: float
    time_zone: str
    revision: str | None
    newest_revision: str | None
    registered: Sequence[str]
    clients: Sequence[ClientRole]
    shut_out: Sequence[str]
    incomplete: Sequence[str]
    powerful: Sequence[str]
    connections: int
    statements: Sequence[Statement]
    foreign_databases: Sequence[str]
    untuned: Mapping[str, str]
    queue: float
    forgotten: Sequence[Session]


def gather(warehouse: Warehouse, *, is_embedded: bool) -> ServerFacts:
    """Ask the server; changes nothing.

    Raises:
        WarehouseError: it does not answer, or the database is not there.
    """
    with warehouse.connect_admin() as connection:
        asked = datetime.now().astimezone()
        ahead, zone, creates, queue = _row(
            connection,
            """
            select
                extract(epoch from clock_timestamp() - %s)::float8,
                current_setting('TimeZone'),
                (select rolcreaterole or rolsuper from pg_roles where rolname = current_user),
                pg_notification_queue_usage()
            """,
            (asked,),
        )
        revision = None
        has_tables = _row(connection, "select to_regclass('ops.alembic_version') is not null") == (True,)
        clients = client_roles(connection, warehouse.roles)
        connections = ordinary_connections(connection)
        limit = connections_per_client(connections, len(clients))
        settings = wanted_settings(connection)
        own = own_databases(warehouse)
        facts: dict[str, Any] = {
            "version": connection.info.server_version,
            "is_embedded": is_embedded,
            "login": connection.info.user,
            "is_superuser": is_superuser(connection),
            "can_create_roles": creates,
            "seconds_ahead": ahead,
            "time_zone": zone,
            "newest_revision": newest_revision(),
            "clients": clients,
            "incomplete": [role.name for role in clients if missing_limits(role, limit, settings)],
            "powerful": _powerful(connection, [role.name for role in clients]),
            "connections": connections,
            "statements": missing_statements(connection, warehouse) if has_tables else [],
            "foreign_databases": [d.name for d in open_databases(connection) if d.name not in own],
            "untuned": _untuned(connection),
            "queue": queue,
            "forgotten": _forgotten(connection, [role.name for role in clients]),
        }
    registered: list[str] = []
    shut_out: list[str] = []
    if has_tables:
        revision = current_revision(warehouse)
        with warehouse.transaction() as connection:
            registered = registered_slugs(connection)
        with warehouse.connect_admin() as connection:
            shut_out = _shut_out(connection, warehouse.roles, registered)
    return ServerFacts(**facts, revision=revision, registered=registered, shut_out=shut_out)


def _powerful(connection: Connection, names: list[str]) -> list[str]:
    rows = connection.execute(
        """
        select rolname from pg_roles
        where rolname = any(%s) and (
            rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls
        )
        order by rolname
        """,
        (names,),
    ).fetchall()
    return [name for (name,) in rows]


def _shut_out(connection: Connection, roles: Roles, registered: list[str]) -> list[str]:
    """A client's role that is missing is another finding; a writer that is missing is one of these."""
    rows = connection.execute(
        """
        select wanted.name from unnest(%s::text[]) as wanted (name)
        left join pg_roles as role on role.rolname = wanted.name
        where case when role.oid is null then starts_with(wanted.name, %s)
            else not pg_has_role(role.oid, 'member') end
        order by wanted.name
        """,
        (
            [name for slug in registered for name in (roles.client(slug), roles.client_writer(slug))],
            roles.writer_prefix,
        ),
    ).fetchall()
    return [name for (name,) in rows]


def _untuned(connection: Connection) -> dict[str, str]:
    rows = connection.execute(
        "select name, current_setting(name) from pg_settings where name = any(%s) order by name",
        (list(OF_INITDB),),
    ).fetchall()
    return dict(rows) if dict(rows) == OF_INITDB else {}


def _forgotten(connection: Connection, names: list[str]) -> list[Session]:
    """As far as the login may see what others do: a superuser and ``pg_read_all_stats`` may."""
    rows = connection.execute(
        """
        select usename, pid, extract(epoch from clock_timestamp() - xact_start)::float8 / 60
        from pg_stat_activity
        where usename = any(%s) and state like 'idle in transaction%%'
            and clock_timestamp() - xact_start > make_interval(mins => %s)
        order by xact_start
        """,
        (names, _FORGOTTEN_MINUTES),
    ).fetchall()
    return [Session(*row) for row in rows]


def _row(connection: Connection, query: str, parameters: tuple[object, ...] = ()) -> tuple[object, ...]:
    row = connection.execute(query.encode(), parameters).fetchone()
    assert row is not None
    return tuple(row)
