"""Decisions are written down once, by one person, and can be taken back until they leave."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from threading import Barrier
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from orchestration.planning.decisions import Choice, DecisionError, decide, withdraw
from orchestration.planning.orders import export
from orchestration.reporting.questions import urgent_lines
from tests.orchestration.api.shops import LAST_DAY
from tests.orchestration.planning.conftest import Desk

SINCE = LAST_DAY + timedelta(days=14)


def test_an_approval_holds_what_was_proposed_and_what_was_decided(desk: Desk) -> None:
    item = desk.new_item()
    (line, *_) = desk.lines(item)
    more = line["order_qty"] + 5
    decision = desk.approve(item, order_qty=more, reason="Fair on Saturday")
    (row,) = desk.rows("select * from analytics.plan_decisions where decision_id = %s", decision)
    assert (row["proposed_qty"], row["order_qty"]) == (line["order_qty"], more)
    assert (row["order_date"], row["receipt_date"]) == (line["order_date"], line["receipt_date"])
    assert (row["unit_cost"], row["supplier_id"], row["decided_by"]) == (Decimal("2.5"), "S1", "anna")
    (shown, *others) = desk.lines(item)
    assert (shown["state"], shown["decision_id"], shown["decided_qty"]) == ("approved", decision, more)
    assert (shown["decided_reason"], shown["decided_by"]) == ("Fair on Saturday", "anna")
    assert {other["state"] for other in others} <= {"open"}


def test_a_snooze_hides_every_line_of_the_item_and_a_rejection_one(desk: Desk) -> None:
    snoozed, rejected = desk.new_item(), desk.new_item()
    assert len(desk.lines(snoozed)) > 1
    desk.decide(
        desk.choice(snoozed, "snooze", until=SINCE),
        desk.choice(rejected, "reject", reason="Leaves the range"),
    )
    assert {(line["state"], line["snoozed_until"]) for line in desk.lines(snoozed)} == {("snoozed", SINCE)}
    assert [line["state"] for line in desk.lines(rejected)][:2] == ["rejected", "open"]


def test_reports_show_what_nobody_has_decided(desk: Desk) -> None:
    item, other = desk.new_item(), desk.new_item()
    desk.decide(desk.choice(item, "snooze", until=SINCE))
    shown = set(urgent_lines(desk.warehouse, desk.client_id, 1_000)["item_id"])
    assert (item in shown, other in shown) == (False, True)


def test_decisions_of_a_batch_come_back_in_the_order_in_which_they_were_made(desk: Desk) -> None:
    items = [desk.new_item() for _ in range(3)][::-1]
    made = desk.decide(*(desk.choice(item) for item in items), desk.choice(items[0], line=1))
    for item, decision in zip(items, made, strict=False):
        assert desk.lines(item)[0]["decision_id"] == decision
    assert desk.lines(items[0])[1]["decision_id"] == made[3]


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"line_no": 900}, "not_found"),
        ({"run_id": uuid4()}, "not_found"),
        ({"item_id": "x' or 'a'='a"}, "not_found"),
        ({"order_qty": Decimal(1)}, "not_valid"),
    ],
)
def test_one_wrong_choice_leaves_nothing_of_its_batch(desk: Desk, change: dict[str, Any], kind: str) -> None:
    right, wrong = desk.new_item(), desk.new_item()
    choice = desk.choice(wrong)
    fields = {name: getattr(choice, name) for name in ("run_id", "item_id", "location_id", "line_no")}
    with pytest.raises(DecisionError) as refused:
        desk.decide(desk.choice(right), Choice(**{**fields, "decision": "approve", **change}))
    assert (refused.value.index, refused.value.kind) == (1, kind)
    assert desk.lines(right)[0]["state"] == "open"


def test_a_line_is_decided_once_also_within_a_batch(desk: Desk) -> None:
    item = desk.new_item()
    with pytest.raises(DecisionError, match="once") as refused:
        desk.decide(desk.choice(item), desk.choice(item, "reject", reason="x"))
    assert refused.value.index == 1
    decided = desk.choice(item)
    desk.approve(item)
    with pytest.raises(DecisionError, match="approved already") as twice:
        desk.decide(decided)
    assert twice.value.kind == "conflict"


def test_of_two_who_decide_at_once_one_is_refused(desk: Desk) -> None:
    item = desk.new_item()
    choice = desk.choice(item)
    gate = Barrier(2)

    def approve(by: str) -> str:
        try:
            with desk.writing() as connection:
                connection.execute("select 1")
                gate.wait()
                decide(connection, desk.client_id, [choice], by)
        except DecisionError as error:
            return error.kind
        return "done"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(approve, ("anna", "bert"))) == ["conflict", "done"]
    rows = desk.rows("select decided_by from analytics.plan_decisions where item_id = %s", item)
    assert len(rows) == 1


def test_a_decision_that_is_not_committed_yet_keeps_another_from_the_same_item(desk: Desk) -> None:
    """Whoever looked before the first is there to be seen waits for it, and is refused."""
    item = desk.new_item()
    choice = desk.choice(item)
    with ThreadPoolExecutor(1) as pool:
        with desk.writing() as first:
            decide(first, desk.client_id, [choice], "anna")
            second = pool.submit(desk.decide, choice, by="bert")
            with pytest.raises(TimeoutError):
                second.result(timeout=1)
        with pytest.raises(DecisionError, match="just decided") as refused:
            second.result()
    assert refused.value.kind == "conflict"


def test_what_is_withdrawn_can_be_decided_again(desk: Desk) -> None:
    item = desk.new_item()
    decision = desk.approve(item)
    with desk.writing() as connection:
        assert withdraw(connection, desk.client_id, [decision, decision], "bert") == 1
    assert desk.lines(item)[0]["state"] == "open"
    with desk.writing() as connection, pytest.raises(DecisionError, match="already") as refused:
        withdraw(connection, desk.client_id, [decision], "bert")
    assert refused.value.kind == "conflict"
    again = desk.approve(item)
    assert desk.lines(item)[0]["decision_id"] == again
    attempts = desk.rows(
        "select attempt from analytics.plan_decisions where item_id = %s order by attempt", item
    )
    assert [row["attempt"] for row in attempts] == [0, 1]


def test_what_left_or_is_not_there_is_not_withdrawn(desk: Desk) -> None:
    item = desk.new_item()
    decision = desk.approve(item)
    with desk.writing() as connection:
        number = next(order.order_number for order in export(connection, desk.client_id, "anna"))
    other = desk.approve(desk.new_item())
    with (
        desk.writing() as connection,
        pytest.raises(DecisionError, match=f"left as {number}; cancel") as refused,
    ):
        withdraw(connection, desk.client_id, [other, decision], "anna")
    assert (refused.value.index, refused.value.kind) == (1, "conflict")
    with desk.writing() as connection, pytest.raises(DecisionError) as unknown:
        withdraw(connection, desk.client_id, [uuid4()], "anna")
    assert unknown.value.kind == "not_found"
    assert desk.rows("select from analytics.decision_ends where decision_id = %s", other) == []


@pytest.mark.parametrize("count", [0, 501])
def test_a_batch_has_a_size(desk: Desk, count: int) -> None:
    with desk.writing() as connection:
        with pytest.raises(DecisionError, match="1 to 500"):
            withdraw(connection, desk.client_id, [uuid4()] * count, "anna")
        with pytest.raises(DecisionError, match="1 to 500"):
            decide(connection, desk.client_id, [Choice(uuid4(), "a", "b", 1, "approve")] * count, "anna")


@pytest.mark.parametrize(
    "statement",
    [
        "update analytics.plan_decisions set order_qty = 1",
        "delete from analytics.plan_decisions",
        "delete from analytics.decision_ends",
        "update analytics.approved_orders set supplier_id = 'mine'",
        "insert into analytics.plan_decisions (client_id, decided_at) values ('{client}', now())",
        "insert into analytics.approved_orders (client_id, exported_at) values ('{client}', now())",
        "insert into analytics.decision_ends (client_id, decision_id, ending, ended_by) "
        "values ('somebody', gen_random_uuid(), 'withdrawn', 'x')",
    ],
)
def test_the_database_lets_a_writer_add_decisions_of_its_client_and_no_more(
    desk: Desk, statement: str
) -> None:
    with desk.writing() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement.replace("{client}", desk.client_id).encode())


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"order_qty": 0, "reason": "x"}, "ordered"),
        ({"order_qty": None, "reason": "x"}, "ordered"),
        ({"receipt_date": LAST_DAY, "reason": "x"}, "ordered"),
        ({"order_qty": 7}, "change_has_a_reason"),
        ({"decision": "reject", "order_qty": None, "order_date": None, "receipt_date": None}, "rejection"),
        ({"until": SINCE}, "until"),
        ({"reason": "  "}, "reason"),
        ({"decision": "postpone"}, "decision"),
    ],
)
def test_the_database_refuses_what_is_no_decision(
    desk: Desk, change: dict[str, Any], constraint: str
) -> None:
    ordered = {"order_qty": 5, "order_date": SINCE, "receipt_date": SINCE}
    row = {
        **{"client_id": desk.client_id, "run_id": uuid4(), "as_of_date": LAST_DAY, "item_id": "bare"},
        **{"location_id": "main", "line_no": 1, "action": "order", "decision": "approve", "attempt": 0},
        **{"proposed_qty": 5, "proposed_order_date": SINCE, "proposed_receipt_date": SINCE},
        **ordered,
        **{"reason": None, "until": None, "decided_by": "anna", **change},
    }
    columns = ", ".join(row)
    values = ", ".join(f"%({name})s" for name in row)
    with desk.writing() as connection, pytest.raises(psycopg.errors.CheckViolation, match=constraint):
        connection.execute(
            f"insert into analytics.plan_decisions ({columns}) values ({values})".encode(), row
        )
