"""Connections of the API, and the only ways to one: as the API's own role, or as a role of one client.

Belongs here: the pool, and the transactions that take a role and give it back. Does not belong here: who may
have one (``callers``).

A connection begins as the role that knows identities and no row of a client. Work for a client is one
transaction under ``set local role``, which ends with it however it ends, so the next borrower begins anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql
from psycopg_pool import ConnectionPool, PoolTimeout

from orchestration.api.limits import READ_SECONDS, WRITE_SECONDS
from orchestration.api.problems import Kind, ProblemError
from orchestration.reporting.listings import Worker
from orchestration.warehouse.server import Warehouse

Connection = psycopg.Connection[Any]

_MOST_CONNECTIONS = 8
_PATIENCE_SECONDS = 5.0

_READING = "set transaction isolation level repeatable read, read only"
"""One moment for all that a page asks, whatever is published meanwhile."""

_WRITING = "set transaction isolation level read committed, read write"


class Pool:
    """The connections of one process."""

    def __init__(self, warehouse: Warehouse, most: int = _MOST_CONNECTIONS) -> None:
        self._roles = warehouse.roles
        self._pool = ConnectionPool(
            warehouse.libpq_url(role=warehouse.roles.api),
            min_size=1,
            max_size=most,
            open=False,
            timeout=_PATIENCE_SECONDS,
            name="forecaster api",
            check=ConnectionPool.check_connection,
            # every statement of a listing is another text, and a plan must not outlive a role
            kwargs={"prepare_threshold": None, "connect_timeout": 10},
        )

    def open(self) -> None:
        """Begin to connect; a server that is away is waited for by whoever asks."""
        self._pool.open()

    def close(self) -> None:
        """End all connections."""
        self._pool.close()

    def is_ready(self) -> bool:
        """Whether the database answers and has the tables of this version."""
        try:
            with self.as_api() as connection:
                connection.execute("select from ops.revoked_tokens limit 0")
        except (psycopg.Error, PoolTimeout):
            return False
        return True

    def gauges(self) -> dict[str, float]:
        """Connections there are, and requests that wait for one."""
        found = self._pool.get_stats()
        return {
            "connections": found.get("pool_size", 0),
            "connections_available": found.get("pool_available", 0),
            "requests_waiting": found.get("requests_waiting", 0),
        }

    @contextmanager
    def as_api(self) -> Iterator[Connection]:
        """A transaction under the API's own role."""
        with self._pool.connection() as connection:
            connection.execute(_limits(WRITE_SECONDS), prepare=False)
            yield connection

    @contextmanager
    def as_client(self, client_id: str, worker: Worker, *, writes: bool) -> Iterator[Connection]:
        """A transaction under a role of one client.

        Raises:
            ProblemError: there is no such client.
        """
        role = (
            self._roles.client(client_id) if worker is Worker.READER else self._roles.client_writer(client_id)
        )
        with self._pool.connection() as connection:
            begin = sql.SQL("{}; set local role {}; {}").format(
                sql.SQL(_WRITING if writes else _READING),
                sql.Identifier(role),
                _limits(WRITE_SECONDS if writes else READ_SECONDS),
            )
            try:
                connection.execute(begin, prepare=False)
            except (psycopg.errors.InvalidParameterValue, psycopg.errors.InsufficientPrivilege) as error:
                raise ProblemError(Kind.NOT_FOUND, no_client(client_id)) from error
            yield connection

    def become_api(self, connection: Connection) -> None:
        """Let a transaction that worked for a client go on under the API's own role.

        What was done and the record of it, which no role of a client may write, are there both or neither.
        """
        connection.execute(
            sql.SQL("set local role {}").format(sql.Identifier(self._roles.api)), prepare=False
        )


def no_client(client_id: str) -> str:
    """What is said of a client that is not there, and of one that the caller may not see."""
    return f"There is no client {client_id!r} for you; /api/v1/me and the page /planner list yours."


def _limits(seconds: int) -> sql.Composed:
    """Ends what takes too long, and what a killed request has left open."""
    return sql.SQL(
        "set local statement_timeout = {}; set local idle_in_transaction_session_timeout = {}; "
        "set local lock_timeout = '5s'"
    ).format(sql.Literal(f"{seconds}s"), sql.Literal(f"{2 * seconds}s"))
