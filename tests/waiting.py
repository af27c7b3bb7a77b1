"""Who waits for whom in PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg


def is_waited_for(connection: psycopg.Connection[Any], is_over: Callable[[], bool]) -> bool:
    """Whether somebody comes to wait for an advisory lock of this connection.

    Args:
        connection: inside a transaction that holds the lock.
        is_over: whether the work that should wait has ended; False is the answer once it has.
    """
    while not is_over():
        row = connection.execute(
            """
            select exists (
                select from pg_locks
                where locktype = 'advisory' and pg_backend_pid() = any(pg_blocking_pids(pid))
            )
            """
        ).fetchone()
        if row == (True,):
            return True
    return False
