"""The roles of a restored installation: as they were on the server that the backup is of.

Belongs here: logins, passwords, limits, settings and memberships out of a backup. Does not belong here: the
roles' rights, which ``tenancy`` gives.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import sql

from orchestration.warehouse import tenancy
from orchestration.warehouse.archive import Manifest, RoleFacts
from orchestration.warehouse.server import Roles, Warehouse

_LISTS = {"search_path", "temp_tablespaces", "session_preload_libraries", "local_preload_libraries"}
"""Settings whose value is a list of names, each quoted by itself."""

Connection = psycopg.Connection[Any]


def arrange_roles(
    connection: Connection, roles: Roles, clients: Sequence[str], manifest: Manifest
) -> list[str]:
    """Make the roles as the backup has them; returns what the login may not bring back, a sentence each.

    Args:
        connection: the administrative login, inside the transaction that puts the database in its place.
        roles: of the installation.
        clients: those of the restored registry; a role of any other can no longer log in.
        manifest: of the backup.
    """
    for client_id in clients:
        tenancy.create_client_role(connection, roles, client_id)
    for role in _strangers(connection, roles, clients):
        connection.execute(sql.SQL("alter role {} nologin").format(sql.Identifier(role)))
    notes = []
    for suffix, facts in manifest.roles.items():
        name = sql.Identifier(f"{roles.database}{suffix}")
        statements = _attributes(name, facts, with_password=manifest.has_passwords)
        statements += [_setting(sql.SQL("role {}").format(name), setting) for setting in facts.settings]
        in_database = sql.SQL("role {} in database {}").format(name, sql.Identifier(roles.database))
        statements += [_setting(in_database, setting) for setting in facts.settings_in_database]
        statements += [
            sql.SQL("grant {} to {}").format(name, sql.Identifier(member)) for member in facts.members
        ]
        notes += _tried(connection, statements)
    database = sql.SQL("database {}").format(sql.Identifier(roles.database))
    return notes + _tried(connection, [_setting(database, setting) for setting in manifest.database_settings])


def drop_strangers(warehouse: Warehouse, clients: Sequence[str]) -> list[str]:
    """Drop the roles of clients that the restored registry has not; returns which could not be dropped."""
    notes = []
    with warehouse.connect_admin(autocommit=True) as connection:
        for role in _strangers(connection, warehouse.roles, clients):
            notes += _tried(connection, [sql.SQL("drop role {}").format(sql.Identifier(role))])
    return notes


def _strangers(connection: Connection, roles: Roles, clients: Sequence[str]) -> list[str]:
    ours = [
        name for client_id in clients for name in (roles.client(client_id), roles.client_writer(client_id))
    ]
    rows = connection.execute(
        """
        select rolname from pg_roles
        where (starts_with(rolname, %s) or starts_with(rolname, %s)) and rolname <> all(%s)
        order by rolname
        """,
        (roles.client_prefix, roles.writer_prefix, ours),
    ).fetchall()
    return [role for (role,) in rows]


def _attributes(name: sql.Identifier, facts: RoleFacts, *, with_password: bool) -> list[sql.Composed]:
    options = [
        sql.SQL("login" if facts.can_login else "nologin"),
        sql.SQL("connection limit {}").format(sql.Literal(facts.connection_limit)),
        sql.SQL("valid until {}").format(sql.Literal(facts.valid_until or "infinity")),
    ]
    if with_password:
        options.append(sql.SQL("password {}").format(sql.Literal(facts.password)))
    return [sql.SQL("alter role {} {}").format(name, sql.SQL(" ").join(options))]


def _setting(owner: sql.Composed, setting: str) -> sql.Composed:
    name, _, value = setting.partition("=")
    values = next(csv.reader([value], skipinitialspace=True), []) if name in _LISTS else [value]
    return sql.SQL("alter {} set {} to {}").format(
        owner, sql.Identifier(*name.split(".")), sql.SQL(", ").join(map(sql.Literal, values))
    )


def _tried(connection: Connection, statements: Sequence[sql.Composed]) -> list[str]:
    """Execute each statement; one that the login may not, or the server cannot, is named instead."""
    notes = []
    for statement in statements:
        try:
            with connection.transaction():
                connection.execute(statement)
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.ProgrammingError) as error:
            reason = str(error).strip().splitlines()[0]
            notes.append(f"Not brought back, {reason}: an administrator may run: {_shown(statement)}")
    return notes


def _shown(statement: sql.Composed) -> str:
    """The statement without a password."""
    return statement.as_string(None).partition(" password ")[0]
