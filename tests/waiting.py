"""Who waits for whom in PostgreSQL."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import psycopg

_LOOKS = 4
"""A session that is seen asking for a lock this often in a row is waiting for it."""


def is_waited_for(connection: psycopg.Connection[Any], is_over: Callable[[], bool]) -> bool:
    """Whether somebody comes to wait for a lock of the project's (``orchestration.warehouse.locks``).

    Args:
        connection: inside a transaction that holds the lock.
        is_over: whether the work that should wait has ended; False is the answer once it has.
    """
    seen: Counter[int] = Counter()
    while not is_over():
        connection.execute("select pg_stat_clear_snapshot()")
        # what others are doing is shown to the login, not to the pipeline's role
        connection.execute("set role none")
        rows = connection.execute(
            """
            select pid from pg_stat_activity
            where datname = current_database() and pid <> pg_backend_pid() and query like '%ops.locks%'
                and state in ('active', 'idle in transaction')
            """
        ).fetchall()
        connection.execute("reset role")
        asking = {pid for (pid,) in rows}
        seen = Counter({pid: seen[pid] + 1 for pid in asking})
        if any(count >= _LOOKS for count in seen.values()):
            return True
        time.sleep(0.15)
    return False
