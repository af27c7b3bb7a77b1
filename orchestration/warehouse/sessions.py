"""Ending the sessions of clients.

Belongs here: which sessions, and the right to end them. Does not belong here: when that is called for
(``ddl``, ``beside``, ``tenancy``).
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from orchestration.warehouse.server import Roles

Connection = psycopg.Connection[Any]


def end_sessions(
    connection: Connection,
    roles: Roles,
    *,
    role: str | None = None,
    database: str | None = None,
    pid: int | None = None,
) -> int:
    """Send sessions of client roles their end, at once; it takes them a moment.

    Only who has a role's rights may end its sessions, so the login takes them for the moment; the transaction
    that took them is rolled back.

    Args:
        connection: the administrative login, in autocommit mode.
        roles: of the installation; nobody else's sessions are touched.
        role: those of this one only.
        database: those in this one only.
        pid: this one only.

    Returns:
        How many there were.

    Raises:
        psycopg.errors.InsufficientPrivilege: the login may not have the rights of a role.
    """
    with connection.transaction(force_rollback=True):
        sessions = connection.execute(
            """
            select pid, usename, pg_has_role(usename, 'usage') from pg_stat_activity
            where starts_with(usename, %(prefix)s)
                and usename = coalesce(%(role)s, usename)
                and datname = coalesce(%(database)s, datname)
                and pid = coalesce(%(pid)s, pid)
            """,
            {"prefix": roles.client_prefix, "role": role, "database": database, "pid": pid},
        ).fetchall()
        for name in {name for _, name, has_rights in sessions if not has_rights}:
            connection.execute(sql.SQL("grant {} to current_user").format(sql.Identifier(name)))
        for number, _, _ in sessions:
            connection.execute("select pg_terminate_backend(%s)", (number,))
    return len(sessions)
