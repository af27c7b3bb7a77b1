"""From which day on a delivery changes demand, noted in its own transaction.

Belongs here: which staging tables concern demand by day, and the note in ``ops.demand_changes``. Does not
belong here: what becomes of it (``stages.demand_builds``). Opening days, holidays, locations and products are
not noted: the build compares the calendar and the spans of histories that follow from them.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import LiteralString

from orchestration.landing.records import Connection

DATED = frozenset({"sales", "stock_levels"})
"""Tables whose rows concern the days from their own on."""

_FIRST_DATES: dict[str, LiteralString] = {
    "promotions": "select min(start_date) from staging.promotions where client_id = %s and file_id = %s",
    "prices": """
        select min(calendar.date)
        from staging.calendar as calendar
        inner join staging.prices as prices using (client_id, wm_yr_wk)
        where client_id = %s and prices.file_id = %s
    """,
}
"""Of the rows that a delivery wrote."""


def note_written(
    connection: Connection, client_id: str, table: str, file_id: int, days: Iterable[date]
) -> None:
    """Note what a delivery wrote or took out.

    Args:
        connection: of the delivery's transaction.
        client_id: whose it is.
        table: the staging table that it changed.
        file_id: the delivery.
        days: of the tables in ``DATED``, the first days of the rows that it changed.
    """
    if table in DATED:
        if first := min(days, default=None):
            _note(connection, client_id, table, first)
    elif table in _FIRST_DATES:
        row = connection.execute(_FIRST_DATES[table], (client_id, file_id)).fetchone()
        if row and row[0]:
            _note(connection, client_id, table, row[0])
    elif table == "calendar":
        _note(connection, client_id, table, None)


def note_lifted(connection: Connection, client_id: str, table: str, first_date: date | None) -> None:
    """Note that a delivery was taken back.

    Args:
        connection: of that transaction.
        client_id: whose it is.
        table: the staging table that it had changed.
        first_date: its first day; None where it has none.
    """
    if table in DATED:
        _note(connection, client_id, table, first_date)
    elif table in _FIRST_DATES or table == "calendar":
        _note(connection, client_id, table, None)


def _note(connection: Connection, client_id: str, table: str, first_date: date | None) -> None:
    connection.execute(
        "insert into ops.demand_changes (client_id, table_name, first_date) values (%s, %s, %s)",
        (client_id, table, first_date),
    )
