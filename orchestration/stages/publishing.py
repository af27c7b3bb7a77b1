"""Putting new rows in the place of those in use: what every published run has in common.

Belongs here: the claim, the retirement of the rows in use, the entry in the audit log, and whether a run
stands. Does not belong here: which rows are written.

Published rows are never changed but for ``is_current``, which marks the rows in use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import Table

from orchestration import audit
from orchestration.warehouse.locks import Purpose, lock_transaction
from orchestration.warehouse.server import Warehouse
from orchestration.warehouse.tables.vocabulary import AuditAction


@contextmanager
def claimed(warehouse: Warehouse, purpose: Purpose, client_id: str) -> Iterator[psycopg.Connection[Any]]:
    """A transaction in which nobody else publishes the same of this client."""
    with warehouse.transaction() as connection:
        lock_transaction(connection, purpose, client_id)
        yield connection


@dataclass(frozen=True)
class Superseded:
    """Rows of a publication.

    Attributes:
        written: new rows.
        retired: rows that were in use before and no longer are.
    """

    written: int
    retired: int


def supersede(
    connection: psycopg.Connection[Any],
    table: Table,
    key: Mapping[str, Any],
    insert: Callable[[], int],
    *,
    action: AuditAction,
    subject: str,
    dagster_run_id: str | None,
    **details: Any,
) -> Superseded:
    """Retire the rows in use, write the new ones and record the deed.

    Args:
        connection: of :func:`claimed`.
        table: the table whose ``is_current`` marks the rows in use.
        key: columns and values by which old and new rows answer for the same thing, ``client_id`` among them.
        insert: writes the new rows, current ones, and returns how many there are.
        action: as in the audit log.
        subject: as in the audit log.
        dagster_run_id: the run in the Dagster UI.
        details: recorded beside the number of retired rows.
    """
    retired = connection.execute(
        sql.SQL("update {} set is_current = false where {} and is_current").format(
            sql.Identifier(str(table.schema), table.name),
            sql.SQL(" and ").join(
                sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in key
            ),
        ),
        key,
    ).rowcount
    written = insert()
    audit.record(
        connection,
        action,
        subject,
        client_id=key["client_id"],
        run_id=dagster_run_id,
        row_count=written,
        **details,
        superseded_rows=retired,
    )
    return Superseded(written, retired)


def insert_row(connection: psycopg.Connection[Any], table: Table, row: Mapping[str, Any]) -> None:
    """Insert one row, given as columns and values."""
    connection.execute(
        sql.SQL("insert into {} ({}) values ({})").format(
            sql.Identifier(str(table.schema), table.name),
            sql.SQL(", ").join(map(sql.Identifier, row)),
            sql.SQL(", ").join(map(sql.Placeholder, row)),
        ),
        row,
    )


def standing_judgement(warehouse: Warehouse, table: Table, client_id: str, digest: str) -> str | None:
    """Id of a client's current judgement where it was made from these inputs; None where it was not."""
    query = sql.SQL(
        "select run_id::text from {} where client_id = %s and input_digest = %s and is_current limit 1"
    ).format(sql.Identifier(str(table.schema), table.name))
    with warehouse.transaction() as connection:
        row = connection.execute(query, (client_id, digest)).fetchone()
    return None if row is None else str(row[0])


def standing_run(
    warehouse: Warehouse, table: Table, client_id: str, as_of_date: date, digest: str
) -> str | None:
    """Id of the current run of an as-of date where it is whole and was made from these inputs; else None."""
    query = sql.SQL(
        """
        select run_id::text from {}
        where client_id = %s and as_of_date = %s and input_digest = %s and is_current and thinned_at is null
        """
    ).format(sql.Identifier(str(table.schema), table.name))
    with warehouse.transaction() as connection:
        row = connection.execute(query, (client_id, as_of_date, digest)).fetchone()
    return None if row is None else str(row[0])
