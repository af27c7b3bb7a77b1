"""Decisions about lines of the worklist: written down once, withdrawn once.

Belongs here: the transactions of a decision and of its withdrawal. Does not belong here: what may be chosen
(``choices``), what leaves as an order (``orders``).

Rows are added and never changed, so what keeps two people from deciding the same are keys: a decision has a
number among those of its item and location, and an end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from orchestration.planning.choices import Choice, DecisionError, Line, judged

__all__ = ["Choice", "DecisionError", "decide", "withdraw"]

Connection = psycopg.Connection[Any]

MOST = 500
"""Decisions at a time."""


def decide(connection: Connection, client_id: str, choices: Sequence[Choice], decided_by: str) -> list[UUID]:
    """Write decisions down: all of them or none.

    Args:
        connection: a transaction that works as the client's writer and sees what others commit meanwhile.
        client_id: whose worklist.
        choices: one per line at most.
        decided_by: a user's id or a key's prefix.

    Returns:
        The number of each decision, in the order of the choices.

    Raises:
        DecisionError: one of them cannot be made; nothing is written then, once the transaction is undone.
    """
    _check_number(len(choices), "Decide")
    # before the lines: whoever commits a decision in between has taken the number that is used here
    numbers = _decisions_so_far(connection, client_id, choices)
    lines = _lines(connection, client_id, choices)
    seen: set[tuple[UUID, str, str, int]] = set()
    rows = []
    for index, choice in enumerate(choices):
        if choice.line in seen:
            raise DecisionError("Decide about each line once.", index)
        seen.add(choice.line)
        line = lines.get(choice.line)
        if line is None:
            raise _no_line(connection, client_id, choice, index)
        try:
            made = judged(choice, line)
        except DecisionError as error:
            raise DecisionError(error.sentence, index, error.kind) from error
        place = (made.item_id, made.location_id)
        number = numbers.get(place, 0)
        numbers[place] = number + 1
        rows.append((index, _row(client_id, made, line, number, decided_by)))
    # in one order, whoever writes: two who decide about the same items never wait for each other
    rows.sort(key=lambda row: (row[1]["item_id"], row[1]["location_id"], row[1]["attempt"]))
    written: dict[int, UUID] = {}
    try:
        for index, row in rows:
            found = connection.execute(_INSERT, row).fetchone()
            assert found is not None, "an insert returns what it inserted"
            written[index] = found[0]
    except psycopg.errors.UniqueViolation as error:
        raise DecisionError(
            f"Somebody else has just decided about {row['item_id']} at {row['location_id']}; "
            "look at the worklist again.",
            index,
            "conflict",
        ) from error
    return [written[index] for index in range(len(choices))]


def withdraw(connection: Connection, client_id: str, decision_ids: Sequence[UUID], by: str) -> int:
    """Take decisions back that have not left as an order: all of them or none; returns how many.

    Args:
        connection: as for :func:`decide`.
        client_id: whose.
        decision_ids: the decisions.
        by: a user's id or a key's prefix.

    Raises:
        DecisionError: one of them is not there, left as an order, or was withdrawn before.
    """
    _check_number(len(decision_ids), "Withdraw")
    wanted = list(dict.fromkeys(decision_ids))
    ends = _ends(connection, client_id, wanted)
    for index, decision_id in enumerate(wanted):
        if decision_id not in ends:
            raise DecisionError(f"There is no decision {decision_id}.", index, "not_found")
        ending, order_number = ends[decision_id]
        if ending == "ordered":
            raise DecisionError(
                f"It left as {order_number}; cancel the line of that order instead.", index, "conflict"
            )
        if ending is not None:
            raise DecisionError(f"The decision {decision_id} was withdrawn already.", index, "conflict")
    try:
        for decision_id in sorted(wanted):
            connection.execute(
                """
                insert into analytics.decision_ends (client_id, decision_id, ending, ended_by)
                values (%s, %s, 'withdrawn', %s)
                """,
                (client_id, decision_id, by),
            )
    except psycopg.errors.UniqueViolation as error:
        raise DecisionError(
            "Somebody else has just withdrawn or ordered it; look at the decisions again.",
            wanted.index(decision_id),
            "conflict",
        ) from error
    return len(wanted)


def _check_number(count: int, verb: str) -> None:
    if not 1 <= count <= MOST:
        raise DecisionError(f"{verb} 1 to {MOST} at a time.")


def _decisions_so_far(
    connection: Connection, client_id: str, choices: Sequence[Choice]
) -> dict[tuple[str, str], int]:
    rows = connection.execute(
        """
        select item_id, location_id, max(attempt) + 1 from analytics.plan_decisions
        where client_id = %s and item_id = any(%s)
        group by item_id, location_id
        """,
        (client_id, sorted({choice.item_id for choice in choices})),
    ).fetchall()
    return {(item_id, location_id): number for item_id, location_id, number in rows}


def _lines(
    connection: Connection, client_id: str, choices: Sequence[Choice]
) -> dict[tuple[UUID, str, str, int], Line]:
    with connection.cursor(row_factory=class_row(Line)) as cursor:
        lines = cursor.execute(
            """
            select
                run_id, item_id, location_id, line_no, as_of_date, action, po_ref, supplier_id, order_qty,
                order_date, receipt_date, unit_cost, state
            from analytics.planner_worklist
            where client_id = %s and item_id = any(%s)
            """,
            (client_id, sorted({choice.item_id for choice in choices})),
        ).fetchall()
    return {line.key: line for line in lines}


def _no_line(connection: Connection, client_id: str, choice: Choice, index: int) -> DecisionError:
    """Why a choice has no line: it is of an earlier plan, or of none."""
    is_of_a_plan = connection.execute(
        """
        select from analytics.replenishment_plan
        where client_id = %s and run_id = %s and item_id = %s and location_id = %s and line_no = %s
        """,
        (client_id, *choice.line),
    ).fetchone()
    thinned = connection.execute(
        "select thinned_at from analytics.inventory_runs where client_id = %s and run_id = %s",
        (client_id, choice.line[0]),
    ).fetchone()
    if thinned is not None and thinned[0] is not None:
        return DecisionError(
            f"That plan was thinned on {thinned[0]:%Y-%m-%d}; look at the worklist and decide about that.",
            index,
            "conflict",
        )
    if is_of_a_plan is None:
        return DecisionError("The plan has no such line; look at the worklist again.", index, "not_found")
    return DecisionError(
        "The plan was made anew since; look at the worklist again and decide about its lines.",
        index,
        "conflict",
    )


def _row(client_id: str, made: Choice, line: Line, number: int, decided_by: str) -> dict[str, Any]:
    return {
        "client_id": client_id,
        "run_id": line.run_id,
        "as_of_date": line.as_of_date,
        "item_id": line.item_id,
        "location_id": line.location_id,
        "line_no": line.line_no,
        "action": line.action,
        "po_ref": line.po_ref,
        "decision": made.decision,
        "supplier_id": made.supplier_id,
        "proposed_qty": line.order_qty,
        "proposed_order_date": line.order_date,
        "proposed_receipt_date": line.receipt_date,
        "order_qty": made.order_qty,
        "order_date": made.order_date,
        "receipt_date": made.receipt_date,
        "unit_cost": line.unit_cost,
        "reason": made.reason,
        "until": made.until,
        "attempt": number,
        "decided_by": decided_by,
    }


_INSERT = """
    insert into analytics.plan_decisions (
        client_id, run_id, as_of_date, item_id, location_id, line_no, action, po_ref, decision, supplier_id,
        proposed_qty, proposed_order_date, proposed_receipt_date, order_qty, order_date, receipt_date,
        unit_cost, reason, until, attempt, decided_by
    )
    values (
        %(client_id)s, %(run_id)s, %(as_of_date)s, %(item_id)s, %(location_id)s, %(line_no)s, %(action)s,
        %(po_ref)s, %(decision)s, %(supplier_id)s, %(proposed_qty)s, %(proposed_order_date)s,
        %(proposed_receipt_date)s, %(order_qty)s, %(order_date)s, %(receipt_date)s, %(unit_cost)s,
        %(reason)s, %(until)s, %(attempt)s, %(decided_by)s
    )
    returning decision_id
"""


def _ends(
    connection: Connection, client_id: str, decision_ids: Sequence[UUID]
) -> dict[UUID, tuple[str | None, str | None]]:
    """Of the decisions that there are: how each ended, and the order that it left with."""
    rows = connection.execute(
        """
        select decision_id, ends.ending, orders.order_number
        from analytics.plan_decisions
        left join analytics.decision_ends as ends using (client_id, decision_id)
        left join analytics.approved_orders as orders using (client_id, order_serial)
        where client_id = %s and decision_id = any(%s)
        """,
        (client_id, list(decision_ids)),
    ).fetchall()
    return {decision_id: (ending, order_number) for decision_id, ending, order_number in rows}
