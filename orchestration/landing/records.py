"""What the warehouse remembers of a delivery: its row, its rejected rows, its audit entries.

Belongs here: reading and writing ``ops.landing_files`` and what hangs on it, always inside the transaction
of the deed. Does not belong here: the deed (``load``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

import psycopg

from orchestration import audit
from orchestration.clients import Client
from orchestration.landing.reasons import FileRefusedError
from orchestration.warehouse.client_facts import publish_feeds
from orchestration.warehouse.server import Warehouse
from orchestration.warehouse.tables.vocabulary import FileStatus

Connection = psycopg.Connection[Any]

KEPT_ROWS_OF_A_REFUSED_FILE = 1_000
"""Rejected rows that are recorded of a file refused whole; its message gives their full number."""


@dataclass(frozen=True)
class Outcome:
    """What became of one file; a row of ``ops.landing_files``.

    Attributes:
        path: name below the landing folder.
        kind: of the contract; None where the name says none.
        status: what became of the file.
        message: one sentence for the operator; None where nothing was unusual.
        file_id: the delivery's number.
        rows_read: data rows of the file; of an M5 sales file, its lines.
        rows_loaded: staging rows inserted or changed. Rows known already and equal are not written.
        rows_rejected: rows of the file that were rejected.
        rows_restated: of the rows loaded, those that replaced another value.
        rows_removed: rows that a snapshot took out of its days.
        rows_left_out: rows of items that the feed's rules leave out.
        units_left_out: sum of their ``units_sold`` as far as it could be read; None for other kinds.
        units_loaded: sum of ``units_sold`` over the rows loaded; None for other kinds.
        first_date: earliest day of the accepted rows, of a refused file of those that were read.
        last_date: latest day likewise.
    """

    path: str
    kind: str | None
    status: FileStatus
    message: str | None = None
    file_id: int = 0
    rows_read: int = 0
    rows_loaded: int = 0
    rows_rejected: int = 0
    rows_restated: int = 0
    rows_removed: int = 0
    rows_left_out: int = 0
    units_left_out: Decimal | None = None
    units_loaded: Decimal | None = None
    first_date: date | None = None
    last_date: date | None = None


@dataclass(frozen=True)
class Identity:
    """What is recorded of a file whatever becomes of it.

    Attributes:
        client: whose file it is.
        path: what it is called: its path below the landing folder.
        sha256: hash of its content.
        size_bytes: its size.
        modified_ns: its time of change before it was read, nanoseconds since 1970; None where it was not
            opened.
        run_id: the Dagster run that took it, where there is one.
    """

    client: Client
    path: str
    sha256: str
    size_bytes: int
    modified_ns: int | None
    run_id: str | None


def last_delivered_day(warehouse: Warehouse, client_id: str) -> date | None:
    """The last complete day of sales of a client: its ``as_of_date``.

    The last day delivered counts as complete, unless the client's feed is intra-day: then the day before it
    does. None where no sales were delivered.
    """
    with warehouse.transaction() as connection:
        row = connection.execute(
            """
            select max(sales.date) - (select intraday_feed from ops.clients where client_id = %(client)s)::int
            from staging.sales as sales
            where sales.client_id = %(client)s
            """,
            {"client": client_id},
        ).fetchone()
    return row[0] if row else None


def record(connection: Connection, identity: Identity, outcome: Outcome) -> int:
    """Write what became of a file; returns its number, which is the outcome's where that has one."""
    row = connection.execute(
        """
        insert into ops.landing_files (
            client_id, file_id, path, sha256, size_bytes, kind, status, message, config_digest,
            rows_read, rows_rejected, rows_left_out, units_left_out, first_date, last_date,
            modified_ns, run_id
        )
        overriding system value values (
            %s, coalesce(%s, nextval(pg_get_serial_sequence('ops.landing_files', 'file_id'))),
            %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s
        )
        returning file_id
        """,
        (
            identity.client.client_id,
            outcome.file_id or None,
            identity.path,
            identity.sha256,
            identity.size_bytes,
            outcome.kind,
            outcome.status,
            outcome.message,
            identity.client.reading_digest(),
            outcome.rows_read,
            outcome.rows_rejected,
            outcome.rows_left_out,
            outcome.units_left_out,
            outcome.first_date,
            outcome.last_date,
            identity.modified_ns,
            identity.run_id,
        ),
    ).fetchone()
    return int(row[0]) if row else 0


def note_state(connection: Connection, identity: Identity) -> None:
    """Remember the time of change under which a known content was found again."""
    connection.execute(
        "update ops.landing_files set modified_ns = %s where client_id = %s and path = %s and sha256 = %s",
        (identity.modified_ns, identity.client.client_id, identity.path, identity.sha256),
    )


def record_duplicate(connection: Connection, identity: Identity, kind: str, loaded_as: str) -> Outcome:
    """Note under a name that its content is there already, unless that was the last thing noted there."""
    outcome = Outcome(
        path=identity.path,
        kind=kind,
        status="duplicate",
        message=f"The same content was loaded before as {loaded_as}; nothing was changed.",
    )
    latest = connection.execute(
        """
        select sha256 from ops.landing_files where client_id = %s and path = %s order by file_id desc limit 1
        """,
        (identity.client.client_id, identity.path),
    ).fetchone()
    if latest == (identity.sha256,):
        return outcome
    outcome = replace(outcome, file_id=record(connection, identity, outcome))
    publish_feeds(connection, identity.client.client_id)
    return outcome


def record_refusal(
    connection: Connection,
    identity: Identity,
    kind: str | None,
    refusal: FileRefusedError,
    *,
    rows_read: int,
) -> Outcome:
    row = connection.execute("select to_regclass('pg_temp.refused')").fetchone()
    has_rows = row is not None and row[0] is not None
    counted = connection.execute("select count(*) from pg_temp.refused").fetchone() if has_rows else (0,)
    rejected = int(counted[0]) if counted else 0
    message = str(refusal)
    first, last = _days_read(connection)
    if rejected > KEPT_ROWS_OF_A_REFUSED_FILE:
        message += f" The first {KEPT_ROWS_OF_A_REFUSED_FILE:,} of {rejected:,} rejected rows are kept."
    outcome = Outcome(
        path=identity.path,
        kind=kind,
        status="rejected",
        message=message,
        rows_read=rows_read,
        rows_rejected=rejected,
        first_date=first,
        last_date=last,
    )
    file_id = record(connection, identity, outcome)
    if has_rows:
        keep_rejected(connection, identity.client.client_id, file_id, limit=KEPT_ROWS_OF_A_REFUSED_FILE)
    outcome = replace(outcome, file_id=file_id)
    record_audit(connection, identity, outcome)
    return outcome


def _days_read(connection: Connection) -> tuple[date | None, date | None]:
    """First and last day of the rows that were read of a file before it was refused; None where none were."""
    is_dated = connection.execute(
        """
        select exists (
            select from pg_attribute
            where attrelid = to_regclass('pg_temp.delivery') and attname = 'date' and not attisdropped
        )
        """
    ).fetchone()
    if is_dated != (True,):
        return None, None
    return connection.execute("select min(date), max(date) from pg_temp.delivery").fetchone() or (None, None)


def dismiss(warehouse: Warehouse, client_id: str, path: str) -> int:
    """Note that nobody needs a refused file any more; returns how many records of that name stood.

    Args:
        warehouse: where.
        client_id: whose file it is.
        path: its name, as ``ops.landing_files.path`` has it.
    """
    with warehouse.transaction() as connection:
        dismissed = connection.execute(
            """
            update ops.landing_files set dismissed_at = now()
            where client_id = %s and path = %s and status = 'rejected' and dismissed_at is null
            """,
            (client_id, path),
        ).rowcount
        if dismissed:
            publish_feeds(connection, client_id)
            audit.record(connection, "dismiss", path, row_count=dismissed, client_id=client_id)
    return dismissed


def keep_rejected(connection: Connection, client_id: str, file_id: int, *, limit: int | None) -> None:
    connection.execute(
        """
        insert into ops.rejected_rows (
            client_id, file_id, line_number, reason, column_name, message, raw, units
        )
        select %s, %s, line_number, reason, column_name, message, raw, units
        from refused
        order by line_number
        limit %s
        """,
        (client_id, file_id, limit),
    )


def record_audit(connection: Connection, identity: Identity, outcome: Outcome) -> None:
    """Write what became of a file to the audit log, and let its client know."""
    publish_feeds(connection, identity.client.client_id)
    about: dict[str, Any] = {"file_id": outcome.file_id, "sha256": identity.sha256, "kind": outcome.kind}
    client_id, run_id = identity.client.client_id, identity.run_id
    if outcome.status == "rejected":
        audit.record(
            connection,
            "reject",
            outcome.path,
            row_count=outcome.rows_read,
            message=outcome.message,
            **about,
            client_id=client_id,
            run_id=run_id,
        )
        return
    audit.record(
        connection,
        "load",
        outcome.path,
        row_count=outcome.rows_loaded,
        rows_read=outcome.rows_read,
        rows_rejected=outcome.rows_rejected,
        rows_removed=outcome.rows_removed,
        units_loaded=None if outcome.units_loaded is None else str(outcome.units_loaded),
        **about,
        client_id=client_id,
        run_id=run_id,
    )
    if outcome.rows_restated:
        before = connection.execute(
            """
            select sum(old_units_sold)::text, sum(new_units_sold)::text, array_agg(distinct replaced_file_id)
            from ops.restated_sales
            where client_id = %s and file_id = %s
            """,
            (identity.client.client_id, outcome.file_id),
        ).fetchone() or (None, None, None)
        audit.record(
            connection,
            "restate",
            outcome.path,
            row_count=outcome.rows_restated,
            units_before=before[0],
            units_after=before[1],
            replaced_file_ids=before[2],
            **about,
            client_id=client_id,
            run_id=run_id,
        )
