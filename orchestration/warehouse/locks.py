"""Locks: what waits for what, who holds what, and how long anybody waits.

Belongs here: every purpose that somebody waits for, and how it is taken. Does not belong here: what is done
under a lock; locks on tables that PostgreSQL takes by itself (``ddl``).

A lock is a row of ``ops.locks``, on which tenants have no rights: what they cannot name they cannot take.
There is one per client and purpose, made with the client, and one per purpose of the whole installation. A
purpose is held either by a transaction, which locks the row, or by a session, whose name is written there.
dbt takes its lock in SQL (``dbt_project/macros/client_slice.sql``), from the same table.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import sql

from orchestration.errors import UserError

Connection = psycopg.Connection[Any]


class Purpose(StrEnum):
    """What a lock keeps apart; with a subject, that of one client only."""

    MIGRATION = "migration"
    """Changing the structure of the database."""

    VIEWS = "views"
    """Creating the reporting views, which all clients share."""

    MODEL = "model"
    """Having a model with weights in memory: one process at a time. Held by a session."""

    RUN = "run"
    """A client's turn: one run of it at a time. Held by a session."""

    PULL = "pull"
    """Pulling from a client's sources. Held by a session."""

    LANDING = "landing"
    """Loading a client's files."""

    DEMAND = "demand"
    """Rebuilding a client's demand, by dbt or by hand."""

    FORECAST = "forecast"
    """Publishing a client's forecast."""

    BACKTEST = "backtest"
    """Publishing a client's backtest."""

    SIMULATION = "simulation"
    """Publishing a replay of a client's past days."""

    INVENTORY = "inventory"
    """Publishing a client's plan."""

    SCORE = "score"
    """Scoring a client's forecasts."""


OF_THE_INSTALLATION = (Purpose.MIGRATION, Purpose.VIEWS, Purpose.MODEL)
"""Purposes without a subject."""

OF_A_CLIENT = tuple(purpose for purpose in Purpose if purpose not in OF_THE_INSTALLATION)

PATIENCE_SECONDS = 900.0
"""How long a transaction waits for another: longer than the largest load takes."""

_SILENT_SECONDS = 1.0
_POLL_SECONDS = 0.1

_ROW = "true from ops.locks where purpose = %(purpose)s and subject = %(subject)s"


class LockedError(UserError):
    """Somebody else holds the lock; the message says who, and what to do."""


class NoSuchLockError(UserError):
    """The client whose lock was wanted is not registered, or no longer."""


@dataclass(frozen=True)
class Holder:
    """The session that holds a lock.

    Attributes:
        pid: of the server's process.
        name: ``application_name``: the program, its machine and process.
    """

    pid: int
    name: str

    def __str__(self) -> str:
        return f"{self.name or 'a program without a name'} (PostgreSQL session {self.pid})"


def ignore(_message: str) -> None:
    """For whoever need not be told why something waits."""


def provide(connection: Connection) -> None:
    """Make the locks of the installation and of every registered client that are not there.

    Args:
        connection: of the pipeline's role; commits or not as its transaction does.
    """
    connection.execute(
        """
        insert into ops.locks (purpose, subject)
        select purpose, '' from unnest(%s::text[]) as purpose
        union all
        select purpose, client_id from ops.clients cross join unnest(%s::text[]) as purpose
        on conflict do nothing
        """,
        (list(OF_THE_INSTALLATION), list(OF_A_CLIENT)),
    )


def lock_transaction(
    connection: Connection,
    purpose: Purpose,
    subject: str = "",
    *,
    on_wait: Callable[[str], None] = ignore,
    patience: float = PATIENCE_SECONDS,
) -> None:
    """Wait for the lock and hold it until the transaction ends.

    Args:
        connection: not in autocommit mode; its transaction begins here where it has not.
        purpose: what it is for.
        subject: the client; empty where the lock is the whole installation's.
        on_wait: told once who is waited for, where somebody is.
        patience: seconds to wait.

    Raises:
        LockedError: it was not to be had in that time.
        NoSuchLockError: there is no such client, or it was removed meanwhile.
    """
    deadline = time.monotonic() + patience
    told = False
    while True:
        row = {"purpose": purpose, "subject": subject}
        # never blocked, so never in a savepoint: the row then bears the transaction's own number
        if connection.execute(f"select {_ROW} for update skip locked", row).fetchone():
            return
        if connection.execute(f"select {_ROW}", row).fetchone() is None:
            raise NoSuchLockError(_without_a_row(purpose, subject))
        message = f"{_named(purpose, subject)} is held by {_holder_of_row(connection, purpose, subject)}."
        if time.monotonic() >= deadline:
            raise LockedError(
                f"{message} It was waited for {patience / 60:.0f} minutes; "
                "try again when that has ended, or end it."
            )
        if not told and time.monotonic() >= deadline - patience + _SILENT_SECONDS:
            told = True
            on_wait(f"{message} Waiting for it.")
        time.sleep(_POLL_SECONDS)


def try_lock_session(connection: Connection, purpose: Purpose, subject: str = "") -> Holder | None:
    """Take the lock until the connection closes; where another session holds it, that session is returned.

    The row names its holder and is committed at once, so that nothing keeps a transaction open; a holder is
    believed for as long as the server knows a session of that process, name and login.

    Args:
        connection: of the pipeline's role, in autocommit mode; is given a name of its own.
        purpose: what it is for.
        subject: the client.

    Raises:
        NoSuchLockError: there is no such client.
    """
    name = str(connection.info.parameter_status("application_name"))
    if not name.endswith("]"):
        name = f"{name[:50]} [{uuid4().hex[:8]}]"
        connection.execute(sql.SQL("set application_name = {}").format(sql.Literal(name)))
    row = {"purpose": purpose, "subject": subject, "name": name}
    with connection.transaction():
        held = connection.execute(
            """
            select holder_pid, holder_name, holder_login from ops.locks
            where purpose = %(purpose)s and subject = %(subject)s for update
            """,
            row,
        ).fetchone()
        if held is None:
            raise NoSuchLockError(_without_a_row(purpose, subject))
        # a statement of its own: it sees who has taken the lock while the row was waited for
        holder = connection.execute(
            """
            select pid, application_name from pg_stat_activity
            where pid = %s and application_name = %s and usename = %s and pid <> pg_backend_pid()
            """,
            held,
        ).fetchone()
        if holder is not None:
            return Holder(*holder)
        connection.execute(
            """
            update ops.locks
            set holder_pid = pg_backend_pid(), holder_name = %(name)s, holder_login = session_user,
                taken_at = clock_timestamp()
            where purpose = %(purpose)s and subject = %(subject)s
            """,
            row,
        )
    return None


def unlock_session(connection: Connection, purpose: Purpose, subject: str = "") -> None:
    """Give up a lock that this session holds; a session that closes is believed for a moment longer."""
    connection.execute(
        """
        update ops.locks set holder_pid = null, holder_name = null, holder_login = null, taken_at = null
        where purpose = %s and subject = %s and holder_pid = pg_backend_pid()
            and holder_name = current_setting('application_name') and holder_login = session_user
        """,
        (purpose, subject),
    )


def _holder_of_row(connection: Connection, purpose: Purpose, subject: str) -> str:
    """The session that holds a row, as well as the server tells."""
    row = connection.execute(
        """
        select activity.pid, activity.application_name
        from ops.locks as lock
        inner join pg_locks as held
            on held.locktype = 'transactionid' and held.granted and held.transactionid = lock.xmax
        inner join pg_stat_activity as activity on activity.pid = held.pid
        where lock.purpose = %s and lock.subject = %s
        """,
        (purpose, subject),
    ).fetchone()
    return str(Holder(*row)) if row else "a session that has just ended"


def _named(purpose: Purpose, subject: str) -> str:
    return f"The lock {purpose.value!r}" + (f" of {subject}" if subject else "")


def _without_a_row(purpose: Purpose, subject: str) -> str:
    if subject:
        return f"There is no client {subject!r}, or it was removed a moment ago."
    return f"The lock {purpose.value!r} is missing; run 'forecaster migrate' first."
