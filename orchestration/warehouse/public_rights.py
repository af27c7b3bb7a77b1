"""What every role of a server may do by default, and no client needs: taken away.

Belongs here: functions and databases that PostgreSQL opens to everybody, and that let one login use up what
all share. Does not belong here: limits of a client's role (``limits``), rights on the project's tables
(``tenancy``).

PostgreSQL cannot take a right of everybody from one role, so it is taken from all but those that need it.
Only a superuser may do that, which the embedded server's login is; elsewhere an administrator runs the
statements that ``forecaster doctor --sql`` prints.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import URL, make_url

from orchestration.warehouse.limits import TEMPORARY_FILES
from orchestration.warehouse.server import Warehouse

Connection = psycopg.Connection[Any]

FUNCTIONS = {
    "fill the lock table that all databases share": "^pg_(try_)?advisory_",
    "store large objects, which belong to no table": "^(lo_.*|loread|lowrite)$",
    "write into the write-ahead log and fill the lock table": "^pg_logical_emit_message$",
    "make any number of snapshot files": "^pg_export_snapshot$",
}
"""What a client can do with functions that everybody may call by default -> the names of the functions."""

NEEDED = (
    FUNCTIONS["fill the lock table that all databases share"],
    FUNCTIONS["make any number of snapshot files"],
)
"""What the login keeps: Dagster's storage and the first migration take advisory locks, a backup exports a
snapshot."""

OPEN_BY_DEFAULT = ("postgres", "template1")
"""Databases of every server that everybody may connect to by default."""


@dataclass(frozen=True)
class Statement:
    """Something a superuser should run.

    Attributes:
        database: the database to be connected to.
        text: the statement, without the semicolon.
        until: what a client can do until then, as the rest of a sentence that starts with "a client can".
    """

    database: str
    text: str
    until: str


@dataclass(frozen=True)
class OpenDatabase:
    """A database of the server that everybody may connect to, or make temporary tables in."""

    name: str
    is_template: bool


def restrict_everybody(connection: Connection, warehouse: Warehouse) -> None:
    """Take from everybody what no client needs, as far as the login may.

    The owner of Dagster's database closes it; a superuser runs all that :func:`missing_statements` lists.

    Args:
        connection: the administrative login, on the warehouse's database, after the roles were made.
        warehouse: the installation's.
    """
    with suppress(psycopg.errors.InsufficientPrivilege), psycopg.connect(warehouse.instance_url) as instance:
        database = sql.Identifier(instance.info.dbname)
        instance.execute(sql.SQL("revoke all on database {} from public").format(database))
    if is_superuser(connection):
        for statement in missing_statements(connection, warehouse):
            connection.execute(statement.text.encode())


def is_superuser(connection: Connection) -> bool:
    return connection.execute("show is_superuser").fetchone() == ("on",)


def missing_statements(connection: Connection, warehouse: Warehouse) -> list[Statement]:
    """What a superuser should run so that no client can use up what all share; none where all is done.

    Args:
        connection: the administrative login, on the warehouse's database.
        warehouse: the installation's.
    """
    statements = [
        *_close_functions(connection, warehouse),
        *_close_databases(connection, warehouse),
        *_let_limit_files(connection, warehouse),
    ]
    return [Statement(name, text.as_string(connection), until) for name, text, until in statements]


def open_databases(connection: Connection) -> list[OpenDatabase]:
    """The databases of the server that everybody may connect to, by name."""
    rows = connection.execute(
        """
        select datname, datistemplate
        from pg_database
        where datallowconn and (
            datacl is null
            or exists (select from aclexplode(datacl) where grantee = 0 and privilege_type = 'CONNECT')
        )
        order by datname
        """
    ).fetchall()
    return [OpenDatabase(*row) for row in rows]


def own_databases(warehouse: Warehouse) -> set[str]:
    """Names of the databases on the warehouse's server that no client has business in but its own."""
    admin, instance = make_url(warehouse.admin_url), make_url(warehouse.instance_url)
    names = {warehouse.database, *OPEN_BY_DEFAULT}
    return names | {str(instance.database)} if _server(admin) == _server(instance) else names


def _server(url: URL) -> tuple[object, ...]:
    return url.host, url.port, url.query.get("host")


Draft = tuple[str, sql.Composed, str]
"""Database, statement and what a client can do until it is run."""


def _close_functions(connection: Connection, warehouse: Warehouse) -> Iterator[Draft]:
    """What is closed to everybody else; the login keeps what it needs."""
    for until, pattern in FUNCTIONS.items():
        rows = connection.execute(
            """
            select format('pg_catalog.%%I(%%s)', proname, pg_get_function_identity_arguments(oid))
            from pg_proc
            where pronamespace = 'pg_catalog'::regnamespace and proname ~ %s and (
                proacl is null
                or exists (select from aclexplode(proacl) where grantee = 0 and privilege_type = 'EXECUTE')
            )
            order by 1
            """,
            (pattern,),
        ).fetchall()
        if rows:
            functions = sql.SQL(", ").join(sql.SQL(signature) for (signature,) in rows)
            right = sql.SQL("execute on function {}").format(functions)
            keepers = {connection.info.user} if pattern in NEEDED else ()
            yield from _taken(warehouse, right, keepers, until)


def _close_databases(connection: Connection, warehouse: Warehouse) -> Iterator[Draft]:
    """The logins of both databases keep the right to connect, which makes the databases that are missing."""
    closable = own_databases(warehouse)
    users = {str(make_url(warehouse.instance_url).username or connection.info.user), connection.info.user}
    for database in open_databases(connection):
        if database.name in closable:
            right = sql.SQL("connect, temporary on database {}").format(sql.Identifier(database.name))
            until = f"connect to the database {database.name} and make temporary tables there"
            yield from _taken(warehouse, right, () if database.is_template else users, until)


def _taken(
    warehouse: Warehouse, right: sql.Composed, keepers: Collection[str], until: str
) -> Iterator[Draft]:
    """A right taken from everybody but those who keep it."""
    if keepers:
        names = sql.SQL(", ").join(sql.Identifier(name) for name in sorted(keepers))
        yield warehouse.database, sql.SQL("grant {} to {}").format(right, names), until
    yield warehouse.database, sql.SQL("revoke {} from public").format(right), until


def _let_limit_files(connection: Connection, warehouse: Warehouse) -> Iterator[Draft]:
    (parameter,) = TEMPORARY_FILES
    row = connection.execute(
        "select has_parameter_privilege(current_user, %s, 'set')", (parameter,)
    ).fetchone()
    if row == (False,):
        yield (
            warehouse.database,
            sql.SQL("grant set on parameter {} to {}").format(
                sql.Identifier(parameter), sql.Identifier(connection.info.user)
            ),
            "fill the server's disk with temporary files; run 'forecaster migrate' afterwards",
        )
