"""What a client delivered, as people ask for it.

Belongs here: the list of deliveries, what came of each kind, why rows were rejected. Does not belong here:
what the pipeline remembers of files (``landing.records``) and what needs a look (``states``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from psycopg.rows import class_row

from orchestration.warehouse.asking import Place, asking
from orchestration.warehouse.tables.vocabulary import FileStatus


@dataclass(frozen=True)
class ListedDelivery:
    """One row of ``ops.landing_files``."""

    file_id: int
    path: str
    kind: str | None
    status: FileStatus
    rows_loaded: int
    first_date: date | None
    last_date: date | None
    message: str | None


def latest_deliveries(place: Place, client_id: str, limit: int) -> Sequence[ListedDelivery]:
    """A client's deliveries and withdrawals, the latest first."""
    with (
        asking(place) as connection,
        connection.cursor(row_factory=class_row(ListedDelivery)) as cursor,
    ):
        return cursor.execute(
            """
            select file_id, path, kind, status, rows_loaded, first_date, last_date, message
            from ops.landing_files
            where client_id = %s
            order by file_id desc
            limit %s
            """,
            (client_id, limit),
        ).fetchall()


@dataclass(frozen=True)
class DeliveredKind:
    """One row of ``analytics.feeds``: what came of one kind of file."""

    kind: str
    files_loaded: int
    files_refused: int
    rows_loaded: int
    rows_rejected: int
    first_date: date | None
    last_date: date | None
    last_loaded_at: datetime | None


def delivered_kinds(place: Place, client_id: str) -> Sequence[DeliveredKind]:
    """What a client delivered by kind, the latest day first."""
    with (
        asking(place) as connection,
        connection.cursor(row_factory=class_row(DeliveredKind)) as cursor,
    ):
        return cursor.execute(
            """
            select
                kind, files_loaded, files_refused, rows_loaded, rows_rejected, first_date, last_date,
                last_loaded_at
            from analytics.feeds
            where client_id = %s
            order by last_date desc nulls last, kind
            """,
            (client_id,),
        ).fetchall()


@dataclass(frozen=True)
class RejectedFor:
    """How many rows of a file were rejected for one reason."""

    reason: str
    column_name: str | None
    rows: int
    first_line: int


def rejected_for(place: Place, client_id: str, file_id: int) -> Sequence[RejectedFor]:
    """Why rows of a file were not loaded, the most frequent reason first.

    Args:
        place: of the pipeline's role or the client's writer.
        client_id: whose file.
        file_id: the delivery's number.
    """
    with asking(place) as connection, connection.cursor(row_factory=class_row(RejectedFor)) as cursor:
        return cursor.execute(
            """
            select reason, column_name, count(*) as rows, min(line_number) as first_line
            from ops.rejected_rows
            where client_id = %s and file_id = %s
            group by reason, column_name
            order by rows desc, reason, column_name
            """,
            (client_id, file_id),
        ).fetchall()
