"""Every approved order leaves once, under one number per supplier, whoever exports or withdraws meanwhile."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from threading import Barrier
from uuid import UUID, uuid4

import pytest

from orchestration.planning.decisions import DecisionError, withdraw
from orchestration.planning.orders import (
    Approved,
    ExportedOrder,
    by_supplier,
    end_lines,
    export,
    value_of,
)
from orchestration.reporting.catalogue import ORDER_LINES
from orchestration.reporting.listings import Wish, read_page
from tests.orchestration.api.shops import LAST_DAY
from tests.orchestration.planning.conftest import Desk, Row


def exported(desk: Desk, *suppliers: str | None) -> list[ExportedOrder]:
    with desk.writing() as connection:
        return export(connection, desk.client_id, "anna", suppliers or None)


def order_lines(desk: Desk, **equal: str) -> list[Row]:
    wish = Wish(1_000, equal={name: [value] for name, value in equal.items()})
    with desk.writing() as connection:
        return read_page(connection, ORDER_LINES, desk.client_id, wish).rows.to_dicts()


def line(supplier: str | None, cost: str | None = "2.5") -> Approved:
    return Approved(uuid4(), supplier, Decimal(4), Decimal(cost) if cost else None)


def test_lines_are_grouped_by_supplier_those_without_one_last() -> None:
    lines = [line(None), line("b"), line("a"), line("b")]
    assert [(supplier, len(found)) for supplier, found in by_supplier(lines)] == [
        ("a", 1),
        ("b", 2),
        (None, 1),
    ]


def test_the_value_of_an_order_is_known_where_every_cost_is() -> None:
    assert value_of([line("a"), line("a", "1")]) == Decimal(14)
    assert value_of([line("a"), line("a", None)]) is None


def test_one_number_per_supplier_and_each_line_once(desk: Desk) -> None:
    exported(desk)
    items = [desk.new_item() for _ in range(3)]
    decisions = [desk.approve(items[0]), desk.approve(items[1])]
    decisions.append(desk.approve(items[2], supplier_id="S9"))
    quantities = [desk.lines(item)[0]["order_qty"] for item in items]
    first, second = exported(desk)
    assert (first.supplier_id, first.lines, first.order_value) == (
        *("S1", 2),
        sum(quantities[:2]) * Decimal("2.5"),
    )
    assert (second.supplier_id, second.lines) == ("S9", 1)
    assert int(second.order_number[2:]) == int(first.order_number[2:]) + 1
    assert exported(desk) == []
    assert [desk.lines(item)[0]["state"] for item in items] == ["ordered"] * 3
    shown = order_lines(desk, order_number=first.order_number)
    assert {row["decision_id"] for row in shown} == {str(decision) for decision in decisions[:2]}
    assert {row["status"] for row in shown} == {"ordered"}
    assert sum(row["order_value"] for row in shown) == float(first.order_value or 0)


def test_a_supplier_can_be_chosen_and_the_rest_waits(desk: Desk) -> None:
    exported(desk)
    item = desk.new_item()
    desk.approve(item, supplier_id="S7")
    assert exported(desk, "S1", None) == []
    assert [row["status"] for row in order_lines(desk, item_id=item)] == ["approved"]
    assert [order.supplier_id for order in exported(desk, "S7")] == ["S7"]


def test_of_two_who_export_at_once_each_line_leaves_with_one(desk: Desk) -> None:
    exported(desk)
    decisions = {desk.approve(desk.new_item(), supplier_id=f"S{number}") for number in range(4)}
    gate = Barrier(2)

    def leave(by: str) -> list[ExportedOrder]:
        with desk.writing() as connection:
            connection.execute("select 1")
            gate.wait()
            return export(connection, desk.client_id, by)

    with ThreadPoolExecutor(2) as pool:
        orders = [order for found in pool.map(leave, ("anna", "bert")) for order in found]
    assert sum(order.lines for order in orders) == len(decisions)
    assert len({order.order_number for order in orders}) == len(orders)
    ends = desk.rows(
        "select ending from analytics.decision_ends where decision_id = any(%s)", list(decisions)
    )
    assert [end["ending"] for end in ends] == ["ordered"] * len(decisions)


def test_an_export_waits_for_another_and_takes_what_that_leaves(desk: Desk) -> None:
    exported(desk)
    desk.approve(desk.new_item(), supplier_id="S1")
    desk.approve(desk.new_item(), supplier_id="S2")
    with ThreadPoolExecutor(1) as pool:
        with desk.writing() as first:
            (one,) = export(first, desk.client_id, "anna", ["S1"])
            second = pool.submit(exported, desk)
            with pytest.raises(TimeoutError):
                second.result(timeout=1)
        (other,) = second.result()
    assert (other.supplier_id, int(other.order_number[2:])) == ("S2", int(one.order_number[2:]) + 1)


def test_a_withdrawal_and_an_export_exclude_each_other(desk: Desk) -> None:
    exported(desk)
    for _ in range(3):
        decision, stays = desk.approve(desk.new_item()), desk.approve(desk.new_item())
        gate = Barrier(2)

        def leave(gate: Barrier = gate) -> int:
            with desk.writing() as connection:
                connection.execute("select 1")
                gate.wait()
                return sum(order.lines for order in export(connection, desk.client_id, "anna"))

        def undo(gate: Barrier = gate, decision: UUID = decision) -> bool:
            try:
                with desk.writing() as connection:
                    connection.execute("select 1")
                    gate.wait()
                    return withdraw(connection, desk.client_id, [decision], "bert") == 1
            except DecisionError:
                return False

        with ThreadPoolExecutor(2) as pool:
            leaving, undoing = pool.submit(leave), pool.submit(undo)
            was_withdrawn, left = undoing.result(), leaving.result()
        ends = {
            row["decision_id"]: row["ending"]
            for row in desk.rows("select * from analytics.decision_ends")
            if row["decision_id"] in (decision, stays)
        }
        assert ends == {decision: "withdrawn" if was_withdrawn else "ordered", stays: "ordered"}
        assert left == (1 if was_withdrawn else 2)


def test_an_export_takes_what_a_withdrawal_that_was_waited_for_leaves(desk: Desk) -> None:
    exported(desk)
    gone, stays = desk.approve(desk.new_item()), desk.approve(desk.new_item())
    with ThreadPoolExecutor(1) as pool:
        with desk.writing() as connection:
            withdraw(connection, desk.client_id, [gone], "bert")
            leaving = pool.submit(exported, desk)
            with pytest.raises(TimeoutError):
                leaving.result(timeout=1)
        (order,) = leaving.result()
    (row,) = order_lines(desk, order_number=order.order_number)
    assert row["decision_id"] == str(stays)


def test_a_line_that_left_is_ended_once_by_hand(desk: Desk) -> None:
    exported(desk)
    received, cancelled, stays = (desk.new_item() for _ in range(3))
    decisions = {item: desk.approve(item) for item in (received, cancelled, stays)}
    with desk.writing() as connection, pytest.raises(DecisionError, match="withdraw the decision") as early:
        end_lines(connection, desk.client_id, [decisions[received]], "received", None, "anna")
    assert early.value.kind == "conflict"
    exported(desk)
    with desk.writing() as connection:
        end_lines(connection, desk.client_id, [decisions[received]], "received", None, "anna")
        end_lines(connection, desk.client_id, [decisions[cancelled]], "cancelled", " Out of it ", "anna")
    rows = desk.rows(
        """
        select decision_id, ending, as_of_date, reason from analytics.order_line_ends
        where decision_id = any(%s)
        """,
        list(decisions.values()),
    )
    ends = {row["decision_id"]: (row["ending"], row["as_of_date"], row["reason"]) for row in rows}
    assert ends[decisions[received]] == ("received", LAST_DAY + timedelta(days=1), None)
    assert ends[decisions[cancelled]] == ("cancelled", LAST_DAY, "Out of it")
    for item, status in ((received, "received"), (cancelled, "cancelled"), (stays, "ordered")):
        assert [row["status"] for row in order_lines(desk, item_id=item)] == [status]
    assert [desk.lines(item)[0]["state"] for item in (received, cancelled)] == ["ordered", "open"]
    with desk.writing() as connection, pytest.raises(DecisionError, match="received already") as twice:
        end_lines(connection, desk.client_id, [decisions[received]], "cancelled", None, "bert")
    assert twice.value.kind == "conflict"
    with desk.writing() as connection, pytest.raises(DecisionError) as unknown:
        end_lines(connection, desk.client_id, [decisions[stays], uuid4()], "received", None, "bert")
    assert (unknown.value.index, unknown.value.kind) == (1, "not_found")


@pytest.mark.parametrize(
    ("delivered", "status"),
    [
        ({}, "confirmed"),
        ({"received_date": LAST_DAY, "received_qty": 4}, "confirmed"),
        ({"received_date": LAST_DAY, "received_qty": 10}, "received"),
        ({"received_date": LAST_DAY}, "received"),
        ({"status": "Cancelled"}, "cancelled"),
        ({"status": "closed"}, "received"),
    ],
)
def test_a_delivered_purchase_order_says_how_the_line_stands(
    desk: Desk, delivered: dict[str, object], status: str
) -> None:
    exported(desk)
    item = desk.new_item()
    desk.approve(item)
    (order,) = exported(desk)
    desk.deliver_order(order.order_number, item, **delivered)
    assert [row["status"] for row in order_lines(desk, item_id=item)] == [status]
    assert [row["item_id"] for row in order_lines(desk, status=status, item_id=item)] == [item]
