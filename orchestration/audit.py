"""The append-only record of who did what: one function, used inside the transaction of the deed itself."""

from __future__ import annotations

import getpass
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from orchestration.warehouse.tables.vocabulary import AuditAction


def record(
    connection: psycopg.Connection[Any],
    action: AuditAction,
    subject: str,
    *,
    client_id: str | None = None,
    run_id: str | None = None,
    row_count: int | None = None,
    **details: Any,
) -> None:
    """Add one entry to ``ops.audit_log``.

    Args:
        connection: the transaction that does what is recorded; both happen, or neither.
        action: what was done.
        subject: what it was done to, such as a file's path or a run's id.
        client_id: the tenant concerned.
        run_id: the Dagster run, where there is one.
        row_count: rows concerned.
        details: anything JSON can hold; digests and values before and after. Never a secret.
    """
    connection.execute(
        """
        insert into ops.audit_log (client_id, actor, run_id, action, object, row_count, details)
        values (%s, %s, %s, %s, %s, %s, %s)
        """,
        (client_id, actor(), run_id, action, subject, row_count, Jsonb(details)),
    )


def actor() -> str:
    """The user of the operating system whose process acts; unknown where it has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
