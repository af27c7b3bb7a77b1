"""Approved orders that leave, one per supplier and each line once, and what becomes of their lines.

Belongs here: the transactions of an export and of the end of a line. Does not belong here: how an order is
written (its lines are a listing), decisions (``decisions``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from orchestration.planning.choices import MOST_TEXT, DecisionError
from orchestration.planning.decisions import MOST

Connection = psycopg.Connection[Any]

_TRIES = 5


@dataclass(frozen=True)
class ExportedOrder:
    """An order that left.

    Attributes:
        order_number: comes back as ``po_id`` of its lines.
        supplier_id: None where no supplier is known.
        lines: how many.
        order_value: None where the cost of a line is not known.
    """

    order_number: str
    supplier_id: str | None
    lines: int
    order_value: Decimal | None


@dataclass(frozen=True)
class Approved:
    """An approved order line that has not left."""

    decision_id: UUID
    supplier_id: str | None
    order_qty: Decimal
    unit_cost: Decimal | None


def export(
    connection: Connection, client_id: str, by: str, supplier_ids: Sequence[str | None] | None = None
) -> list[ExportedOrder]:
    """Give what is approved and has not left a number, one per supplier.

    Somebody who exports or withdraws at the same moment takes lines away; what is left is looked at again.

    Args:
        connection: a transaction that works as the client's writer and sees what others commit meanwhile.
        client_id: whose.
        by: a user's id or a key's prefix.
        supplier_ids: whose orders leave; None among them stands for lines without a supplier, and None
            instead of them for everybody.

    Returns:
        The orders; none where nothing waits to leave.

    Raises:
        DecisionError: others were quicker every time.
    """
    for _ in range(_TRIES):
        try:
            with connection.transaction():
                return _exported(connection, client_id, by, supplier_ids)
        except psycopg.errors.UniqueViolation:
            continue
    raise DecisionError("Others export at this moment; look at the orders, try again.", kind="conflict")


def by_supplier(lines: Sequence[Approved]) -> list[tuple[str | None, list[Approved]]]:
    """The lines of each supplier, those without one last."""

    def key(line: Approved) -> tuple[bool, str]:
        return line.supplier_id is None, line.supplier_id or ""

    return [
        (found[0].supplier_id, found)
        for found in (list(group) for _, group in groupby(sorted(lines, key=key), key))
    ]


def value_of(lines: Sequence[Approved]) -> Decimal | None:
    """What lines cost; None where the cost of one is not known."""
    values = [line.order_qty * line.unit_cost for line in lines if line.unit_cost is not None]
    return sum(values, Decimal()) if len(values) == len(lines) else None


def end_lines(
    connection: Connection,
    client_id: str,
    decision_ids: Sequence[UUID],
    ending: str,
    reason: str | None,
    by: str,
    as_of_date: date | None = None,
) -> int:
    """Say that lines of orders were received or cancelled: all of them or none; returns how many.

    Args:
        connection: as for :func:`export`.
        client_id: whose.
        decision_ids: the decisions that the lines come from.
        ending: received or cancelled.
        reason: in the planner's words.
        by: a user's id or a key's prefix.
        as_of_date: plans of this date and later no longer count them as on order. Where it is left out, a
            cancelled line is missing from the latest plan's date on; a received one from the day after,
            whose stock has it.

    Raises:
        DecisionError: a line is not there, has not left, or has ended before.
    """
    if not 1 <= len(decision_ids) <= MOST:
        raise DecisionError(f"End 1 to {MOST} lines at a time.")
    if ending not in ("received", "cancelled"):
        raise DecisionError("Say whether the lines were received or cancelled.")
    reason = (reason or "").strip() or None
    if reason is not None and len(reason) > MOST_TEXT:
        raise DecisionError(f"Say the reason in {MOST_TEXT} characters.")
    wanted = list(dict.fromkeys(decision_ids))
    found = _left(connection, client_id, wanted)
    for index, decision_id in enumerate(wanted):
        if decision_id not in found:
            raise DecisionError(f"There is no decision {decision_id}.", index, "not_found")
        has_left, earlier = found[decision_id]
        if not has_left:
            raise DecisionError(
                "It has not left as an order; withdraw the decision instead.", index, "conflict"
            )
        if earlier is not None:
            raise DecisionError(f"The line was {earlier} already.", index, "conflict")
    since = as_of_date or _ends_with(connection, client_id, ending)
    try:
        for decision_id in sorted(wanted):
            connection.execute(
                """
                insert into analytics.order_line_ends
                    (client_id, decision_id, ending, as_of_date, reason, ended_by)
                values (%s, %s, %s, %s, %s, %s)
                """,
                (client_id, decision_id, ending, since, reason, by),
            )
    except psycopg.errors.UniqueViolation as error:
        raise DecisionError(
            "Somebody else has just ended the line; look at the orders again.",
            wanted.index(decision_id),
            "conflict",
        ) from error
    return len(wanted)


def _exported(
    connection: Connection, client_id: str, by: str, supplier_ids: Sequence[str | None] | None
) -> list[ExportedOrder]:
    with connection.cursor(row_factory=class_row(Approved)) as cursor:
        waiting = cursor.execute(
            """
            select decision_id, decision.supplier_id, decision.order_qty, decision.unit_cost
            from analytics.plan_decisions as decision
            left join analytics.decision_ends as ends using (client_id, decision_id)
            where client_id = %s and decision.order_qty is not null and ends.ending is null
            """,
            (client_id,),
        ).fetchall()
    chosen = [line for line in waiting if supplier_ids is None or line.supplier_id in supplier_ids]
    (serial,) = connection.execute(
        "select coalesce(max(order_serial), 0) from analytics.approved_orders where client_id = %s",
        (client_id,),
    ).fetchone() or (0,)
    orders, ends = [], []
    for supplier_id, lines in by_supplier(chosen):
        serial += 1
        value = value_of(lines)
        row = connection.execute(
            """
            insert into analytics.approved_orders
                (client_id, order_serial, supplier_id, n_lines, order_value, exported_by)
            values (%s, %s, %s, %s, %s, %s)
            returning order_number, order_value
            """,
            (client_id, serial, supplier_id, len(lines), value, by),
        ).fetchone()
        assert row is not None, "an insert returns what it inserted"
        orders.append(ExportedOrder(row[0], supplier_id, len(lines), row[1]))
        ends += [(line.decision_id, serial) for line in lines]
    # in one order, whoever writes: two never wait for each other
    for decision_id, order_serial in sorted(ends):
        connection.execute(
            """
            insert into analytics.decision_ends (client_id, decision_id, ending, order_serial, ended_by)
            values (%s, %s, 'ordered', %s, %s)
            """,
            (client_id, decision_id, order_serial, by),
        )
    return orders


def _left(
    connection: Connection, client_id: str, decision_ids: Sequence[UUID]
) -> dict[UUID, tuple[bool, str | None]]:
    """Of the decisions that there are: whether each left as an order, and how its line ended."""
    rows = connection.execute(
        """
        select decision_id, coalesce(ends.ending = 'ordered', false), line_end.ending
        from analytics.plan_decisions
        left join analytics.decision_ends as ends using (client_id, decision_id)
        left join analytics.order_line_ends as line_end using (client_id, decision_id)
        where client_id = %s and decision_id = any(%s)
        """,
        (client_id, list(decision_ids)),
    ).fetchall()
    return {decision_id: (has_left, ending) for decision_id, has_left, ending in rows}


def _ends_with(connection: Connection, client_id: str, ending: str) -> date:
    """From which plan's date on a line that ends now is missing."""
    (latest,) = connection.execute(
        "select max(as_of_date) from analytics.inventory_runs where client_id = %s and is_current",
        (client_id,),
    ).fetchone() or (None,)
    assert isinstance(latest, date), "a decision is about a line of a plan"
    return latest + timedelta(days=1) if ending == "received" else latest
