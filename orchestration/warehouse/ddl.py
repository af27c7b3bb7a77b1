"""Changing the structure of the database while others read it.

Belongs here: how long a change waits for the locks of PostgreSQL on tables and views, whom it waits for and
whom it sends away. Does not belong here: the changes; the project's own locks (``locks``).

Whoever waits for the exclusive lock on a table makes every later reader wait, too. So a change asks for it
for two seconds, gives way, and asks again. A tenant's transaction that has stood in the way for ten seconds
is ended: a forgotten window must not keep an installation from its migration.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg
from sqlalchemy.exc import OperationalError

from orchestration.warehouse.locks import PATIENCE_SECONDS, LockedError, Purpose, ignore, lock_transaction
from orchestration.warehouse.server import Warehouse
from orchestration.warehouse.sessions import end_sessions
from orchestration.warehouse.tables import SCHEMAS

Result = TypeVar("Result")

LOCK_TIMEOUT_MS = 2000
"""How long a change waits for a lock before it gives way to the readers behind it."""

TENANT_SECONDS = 10.0
"""How long a tenant's open transaction may stand in the way of a change."""

_PAUSE_SECONDS = 0.5


@dataclass(frozen=True)
class InTheWay:
    """A session with an open transaction on the project's tables.

    Attributes:
        pid: of the server's process.
        role: its login.
        program: ``application_name``, as that program says.
        is_tenant: whether it is a client's.
    """

    pid: int
    role: str
    program: str
    is_tenant: bool

    def __str__(self) -> str:
        return f"{self.role} (PostgreSQL session {self.pid}" + (f", {self.program})" if self.program else ")")


def change_structure(
    warehouse: Warehouse,
    change: Callable[[psycopg.Connection[Any]], Result],
    *,
    on_wait: Callable[[str], None] = ignore,
) -> Result:
    """Make a change in one transaction of the pipeline's role, however many attempts it takes, and alone.

    Args:
        warehouse: where.
        change: what to do on the connection; is called again after an attempt that got no lock.
        on_wait: told who is in the way, and who was sent away.

    Raises:
        LockedError: another change, or somebody who is no tenant, stood in the way all the time.
    """

    def attempt() -> Result:
        with warehouse.transaction() as connection:
            lock_transaction(connection, Purpose.MIGRATION, on_wait=on_wait)
            connection.execute("select set_config('lock_timeout', %s, true)", (f"{LOCK_TIMEOUT_MS}ms",))
            return change(connection)

    return until_unlocked(warehouse, attempt, on_wait=on_wait)


def until_unlocked(
    warehouse: Warehouse,
    attempt: Callable[[], Result],
    *,
    on_wait: Callable[[str], None] = ignore,
    patience: float = PATIENCE_SECONDS,
) -> Result:
    """Repeat an attempt until it gets its locks.

    Args:
        warehouse: where.
        attempt: leaves nothing behind where it fails with PostgreSQL's ``lock_not_available``.
        on_wait: as for :func:`change_structure`.
        patience: seconds.

    Raises:
        LockedError: as for :func:`change_structure`.
    """
    started = time.monotonic()
    told: set[InTheWay] = set()
    while True:
        try:
            return attempt()
        except psycopg.errors.LockNotAvailable as error:
            failure: Exception = error
        except OperationalError as error:
            if not isinstance(error.orig, psycopg.errors.LockNotAvailable):
                raise
            failure = error
        waited = time.monotonic() - started
        others = in_the_way(warehouse)
        for session in others:
            if session.is_tenant and waited >= TENANT_SECONDS:
                if _ended(warehouse, session):
                    on_wait(f"Ended the session of {session}: its open transaction was in the way.")
            elif session not in told:
                told.add(session)
                on_wait(f"Waiting for the open transaction of {session}.")
        if waited >= patience:
            who = ", ".join(map(str, others)) or "a session that has just ended"
            raise LockedError(
                f"The tables cannot be changed: in the way is {who}, with an open transaction. "
                "End it there, or with pg_terminate_backend, and run the command again."
            ) from failure
        time.sleep(_PAUSE_SECONDS)


def in_the_way(warehouse: Warehouse) -> list[InTheWay]:
    """The sessions that hold a lock on a table or view of the project."""
    with warehouse.connect_admin(autocommit=True) as connection:
        rows = connection.execute(
            """
            select distinct
                activity.pid, activity.usename::text, coalesce(activity.application_name, ''),
                starts_with(activity.usename::text, %s)
            from pg_locks as held
            inner join pg_class as relation on relation.oid = held.relation
            inner join pg_namespace as namespace on namespace.oid = relation.relnamespace
            inner join pg_stat_activity as activity on activity.pid = held.pid
            where held.granted and held.pid <> pg_backend_pid() and activity.usename is not null
                and activity.datname = current_database() and namespace.nspname = any(%s)
            order by 1
            """,
            (warehouse.roles.client_prefix, list(SCHEMAS)),
        ).fetchall()
    return [InTheWay(*row) for row in rows]


def _ended(warehouse: Warehouse, session: InTheWay) -> bool:
    """End a tenant's session; False where the login may not."""
    with warehouse.connect_admin(autocommit=True) as connection:
        try:
            end_sessions(connection, warehouse.roles, role=session.role, pid=session.pid)
        except psycopg.errors.InsufficientPrivilege:
            return False
    return True
