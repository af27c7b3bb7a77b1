"""What a client delivered, as people ask for it.

Belongs here: the list of deliveries. Does not belong here: what the pipeline remembers of files
(``landing.records``) and what needs a look (``states``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

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
