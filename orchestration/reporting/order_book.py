"""Approved orders as a person keeps them: what waits to leave, by supplier, and what left, with its outcome.

Belongs here: putting the rows of listings together. Does not belong here: the rows (``catalogue``), exporting
and ending (``planning.orders``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Any

import polars as pl
import psycopg

from orchestration.reporting.catalogue import ORDER_LINES, ORDERS
from orchestration.reporting.listings import Wish, read_page

Connection = psycopg.Connection[Any]
Line = dict[str, Any]
"""A row of the listing of order lines."""

ORDERS_OF_A_PAGE = 25
_MOST_LINES = 10_000


@dataclass(frozen=True)
class Waiting:
    """What waits to leave to one supplier.

    Attributes:
        supplier_id: None where no supplier is known.
        lines: rows of the listing.
        units: of all lines.
        value: of the lines whose cost is known; None where there is none.
        unpriced_lines: those whose cost is not known.
    """

    supplier_id: str | None
    lines: Sequence[Line]
    units: float
    value: float | None
    unpriced_lines: int


@dataclass(frozen=True)
class Sent:
    """An order that left.

    Attributes:
        order_number: comes back as the number of the purchase order.
        supplier_id: None where no supplier is known.
        n_lines: how many.
        order_value: None where the cost of a line is not known.
        exported_by: a user's id or a key's prefix.
        exported_at: when it left.
        order_serial: counts the orders.
        standing: status -> lines; ``overdue`` are those that should have come and did not.
    """

    order_number: str
    supplier_id: str | None
    n_lines: int
    order_value: float | None
    exported_by: str
    exported_at: datetime
    order_serial: int
    standing: Mapping[str, int]


def waiting_orders(connection: Connection, client_id: str) -> list[Waiting]:
    """What is approved and has not left, by supplier; lines without a supplier last.

    Args:
        connection: works as the client's writer, as all of this module does.
        client_id: whose.
    """

    def supplier(line: Line) -> tuple[bool, str]:
        return line["supplier_id"] is None, line["supplier_id"] or ""

    lines = sorted(_lines(connection, client_id, status=["approved"]), key=supplier)
    return [_waiting(list(found)) for _, found in groupby(lines, supplier)]


def sent_orders(
    connection: Connection, client_id: str, as_of_date: date | None, before: int | None = None
) -> tuple[list[Sent], int | None]:
    """The latest orders that left, and the serial to go on before; None at the end.

    Args:
        connection: works as the client's writer.
        client_id: whose.
        as_of_date: of the latest plan, by which a line is overdue.
        before: serial of the last order seen.
    """
    page = read_page(
        connection, ORDERS, client_id, Wish(ORDERS_OF_A_PAGE, after=() if before is None else (before,))
    )
    rows = page.rows.to_dicts()
    numbers = [row["order_number"] for row in rows]
    lines = _lines(connection, client_id, order_number=numbers) if numbers else []
    standing: dict[str, Counter[str]] = {number: Counter() for number in numbers}
    for line in lines:
        standing[line["order_number"]][status_of(line, as_of_date)] += 1
    orders = [Sent(**row, standing=standing[row["order_number"]]) for row in rows]
    return orders, page.next_key[0] if page.next_key else None


def sent_order(
    connection: Connection, client_id: str, order_number: str, as_of_date: date | None
) -> tuple[Sent, list[Line]] | None:
    """One order that left and its lines; None where there is no such order."""
    rows = read_page(
        connection, ORDERS, client_id, Wish(1, equal={"order_number": [order_number]})
    ).rows.to_dicts()
    if not rows:
        return None
    lines: list[Line] = [
        {**line, "status": status_of(line, as_of_date)}
        for line in _lines(connection, client_id, order_number=[order_number])
    ]
    return Sent(**rows[0], standing=Counter(line["status"] for line in lines)), lines


def status_of(line: Line, as_of_date: date | None) -> str:
    """How a line stands; overdue where its goods should have come before the latest plan."""
    is_open = line["status"] in ("ordered", "confirmed")
    is_late = is_open and as_of_date is not None and line["receipt_date"] < as_of_date
    return "overdue" if is_late else str(line["status"])


def _lines(connection: Connection, client_id: str, **equal: Sequence[str]) -> Sequence[Line]:
    rows = read_page(connection, ORDER_LINES, client_id, Wish(_MOST_LINES, equal=equal)).rows
    named = pl.coalesce("item_name", "item_id")
    return rows.sort(named, "item_id", "location_id", "order_date", "decision_id").to_dicts()


def _waiting(lines: Sequence[Line]) -> Waiting:
    values = [line["order_value"] for line in lines if line["order_value"] is not None]
    return Waiting(
        supplier_id=lines[0]["supplier_id"],
        lines=lines,
        units=sum(line["order_qty"] for line in lines),
        value=sum(values) if values else None,
        unpriced_lines=len(lines) - len(values),
    )
