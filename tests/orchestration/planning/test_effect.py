"""A decision changes the next plan, and no plan of an earlier day."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import polars as pl
import pytest

from forecasting_lib.grain import Grain
from orchestration.planning.decisions import DecisionError, withdraw
from orchestration.planning.orders import end_lines, export
from orchestration.reading.histories import current_champion
from orchestration.reading.supply import read_supply
from orchestration.stages.forecasting import forecasts
from orchestration.stages.inventory import inventory
from orchestration.stages.inventory_inputs import read_inputs
from orchestration.warehouse.server import Warehouse
from tests.orchestration.api.shops import LAST_DAY, materialize
from tests.orchestration.planning.conftest import WEEK_BEFORE, Desk, open_desk

TOMORROW = LAST_DAY + timedelta(days=1)


def open_receipts(desk: Desk, item: str, as_of: date = LAST_DAY) -> list[tuple[str | None, float]]:
    """(purchase order, units) on order of an item, as a plan of this date would read it."""
    keys = pl.DataFrame({"series_id": ["0"], "item_id": [item], "location_id": ["main"]})
    receipts = read_supply(desk.warehouse, desk.client, keys, as_of, Grain.DAY).receipts
    return list(receipts.select("po_id", "open_qty").iter_rows())


def digest(desk: Desk) -> str:
    champion = current_champion(desk.warehouse, desk.client_id, LAST_DAY)
    assert champion is not None
    return read_inputs(desk.warehouse, desk.client, champion, LAST_DAY).digest()


def open_orders(desk: Desk, item: str) -> list[date]:
    """On which days the worklist proposes to order an item."""
    return [
        line["order_date"]
        for line in desk.lines(item)
        if line["action"] == "order" and line["state"] == "open"
    ]


def leave(desk: Desk) -> str:
    with desk.writing() as connection:
        (order,) = export(connection, desk.client_id, "anna")
    return order.order_number


def test_an_approved_order_is_on_order_in_the_next_plan_and_not_proposed_again(desk: Desk) -> None:
    item, other = desk.new_item(), desk.new_item()
    before, proposed, untouched = desk.on_order(item), desk.lines(item)[0], desk.lines(other)
    desk.approve(item)
    desk.plan()
    assert desk.on_order(item) - before == proposed["order_qty"]
    assert proposed["order_date"] not in open_orders(desk, item)
    # it comes too late, as was known when it was approved
    assert [(line["state"], line["po_ref"]) for line in desk.lines(item) if line["action"] == "expedite"] == [
        ("approved", None)
    ]
    now = desk.lines(other)
    assert [line["order_qty"] for line in now] == [line["order_qty"] for line in untouched]
    assert now[0]["run_id"] != untouched[0]["run_id"]


def test_a_plan_that_counts_an_approved_order_names_the_decision(desk: Desk) -> None:
    item = desk.new_item()
    decision = desk.approve(item)
    desk.plan()
    with desk.warehouse.transaction() as connection:
        found = connection.execute(
            """
            select files, figures from analytics.why_this_order
            where client_id = %s and item_id = %s and is_latest
            """,
            (desk.client_id, item),
        ).fetchall()
    assert found
    for files, figures in found:
        orders = files["open_orders"]
        assert str(decision) in [order["decision_id"] for order in orders]
        assert all(order["file"] is None for order in orders if order["decision_id"])
        assert sum(order["open_qty"] for order in orders) == figures["on_order_qty"]


def test_a_decision_changes_what_a_plan_is_made_of_and_undoing_it_changes_it_back(desk: Desk) -> None:
    item = desk.new_item()
    before = digest(desk)
    decision = desk.approve(item)
    approved = digest(desk)
    assert approved != before
    with desk.writing() as connection:
        withdraw(connection, desk.client_id, [decision], "anna")
    assert digest(desk) == before
    desk.approve(item, order_qty=Decimal(777), reason="Fair")
    assert digest(desk) not in (before, approved)


def test_an_earlier_day_knows_nothing_of_it(desk: Desk) -> None:
    item = desk.new_item()
    quantity = desk.lines(item)[0]["order_qty"]
    desk.approve(item)
    assert open_receipts(desk, item, LAST_DAY - timedelta(days=1)) == []
    assert open_receipts(desk, item) == [(None, float(quantity))]
    assert open_receipts(desk, item, TOMORROW) == [(None, float(quantity))]


def test_an_order_that_comes_back_in_a_file_is_counted_once_by_the_files_rules(desk: Desk) -> None:
    item = desk.new_item()
    quantity = float(desk.lines(item)[0]["order_qty"])
    desk.approve(item)
    number = leave(desk)
    assert open_receipts(desk, item) == [(number, quantity)]
    desk.deliver_order(number, item, ordered_qty=9, order_date=TOMORROW)
    assert open_receipts(desk, item) == [(number, quantity)]
    assert open_receipts(desk, item, TOMORROW) == [(number, 9.0)]


def test_an_order_that_was_received_or_cancelled_is_no_longer_on_order(desk: Desk) -> None:
    items = [desk.new_item() for _ in range(4)]
    decisions = [desk.approve(item) for item in items]
    number = leave(desk)
    desk.deliver_order(number, items[0], status="cancelled")
    desk.deliver_order(number, items[1], received_date=LAST_DAY, received_qty=10)
    with desk.writing() as connection:
        end_lines(connection, desk.client_id, decisions[2:3], "cancelled", None, "anna")
        end_lines(connection, desk.client_id, decisions[3:], "received", None, "anna")
    assert [open_receipts(desk, item) for item in items[:3]] == [[], [], []]
    assert len(open_receipts(desk, items[3])) == 1
    assert open_receipts(desk, items[3], TOMORROW) == []


def test_what_was_cancelled_is_proposed_again(desk: Desk) -> None:
    item = desk.new_item()
    # orders that were delivered of other items have told of the supplier's lead time since
    desk.plan()
    proposed = desk.lines(item)[0]
    decision = desk.approve(item)
    desk.plan()
    assert proposed["order_date"] not in open_orders(desk, item)
    leave(desk)
    with desk.writing() as connection:
        end_lines(connection, desk.client_id, [decision], "cancelled", "Out of it", "anna")
    desk.plan()
    again = desk.lines(item)[0]
    assert (again["order_date"], again["order_qty"], again["state"]) == (
        proposed["order_date"],
        proposed["order_qty"],
        "open",
    )


def unaware_of(desk: Desk, seconds: int) -> None:
    """Let the latest plan be one that read what was decided some seconds before now, and none of it."""
    with desk.warehouse.transaction() as connection:
        connection.execute(
            """
            update analytics.inventory_runs
            set decisions_read_at = now() - make_interval(secs => %s), decisions_just_read = '{}'
            where client_id = %s and is_current
            """,
            (seconds, desk.client_id),
        )


def test_a_plan_that_could_not_know_of_an_approval_leads_to_no_second_order(desk: Desk) -> None:
    item, undone = desk.new_item(), desk.new_item()
    proposed = desk.lines(item)[0]
    decision, withdrawn = desk.approve(item), desk.approve(undone)
    with desk.writing() as connection:
        withdraw(connection, desk.client_id, [withdrawn], "anna")
    with desk.warehouse.transaction() as connection:
        # the same lines under another run: made of inputs that were read before the approval
        connection.execute("create temporary table copied on commit drop as select gen_random_uuid() as id")
        for table in ("inventory_runs", "replenishment_plan", "inventory_metrics"):
            names = [
                name
                for (name,) in connection.execute(
                    """
                    select attname from pg_attribute
                    where attrelid = %s::regclass and attnum > 0 and not attisdropped and attgenerated = ''
                        and attname <> 'run_id'
                    """,
                    (f"analytics.{table}",),
                ).fetchall()
            ]
            if table == "inventory_runs":
                connection.execute(
                    "update analytics.inventory_runs set is_current = false where client_id = %s",
                    (desk.client_id,),
                )
            chosen = ", ".join("true" if name == "is_current" else name for name in names)
            connection.execute(
                f"""
                insert into analytics.{table} (run_id, {", ".join(names)})
                select (select id from copied), {chosen} from analytics.{table}
                where client_id = %s and run_id = %s
                """.encode(),
                (desk.client_id, proposed["run_id"]),
            )
    unaware_of(desk, 30)
    (line, *_) = desk.lines(item)
    assert line["run_id"] != proposed["run_id"]
    assert (line["state"], line["decision_id"]) == ("approved", decision)
    assert desk.lines(undone)[0]["state"] == "open"
    with pytest.raises(DecisionError, match="approved already") as refused:
        desk.approve(item)
    assert refused.value.kind == "conflict"
    desk.plan()
    assert {line["state"] for line in desk.lines(item) if line["action"] == "order"} <= {"open"}
    assert proposed["order_date"] not in open_orders(desk, item)


@pytest.fixture(scope="module")
def weekly(warehouse: Warehouse) -> Desk:
    """A client with a plan as of a week before its last day, and the forecast of that day."""
    desk = open_desk(warehouse, "desk_of_two_weeks")
    materialize(desk.client_id, WEEK_BEFORE, forecasts)
    desk.deliver_order("P-late", "item-0", order_date=WEEK_BEFORE, expected_date=LAST_DAY + timedelta(days=9))
    desk.deliver_order("P-held", "item-1", order_date=WEEK_BEFORE, expected_date=LAST_DAY + timedelta(days=9))
    desk.plan(WEEK_BEFORE)
    return desk


def test_what_the_plan_of_a_week_later_keeps_of_decisions(weekly: Desk) -> None:
    late, looked_at, short, long, rejected, approved, plain = (f"item-{number}" for number in range(7))
    actions = {line["action"]: number for number, line in enumerate(weekly.lines(looked_at))}
    weekly.decide(
        weekly.choice(looked_at, line=actions["expedite"]),
        weekly.choice(short, "snooze", until=LAST_DAY),
        weekly.choice(long, "snooze", until=TOMORROW),
        weekly.choice(rejected, "reject", reason="Not this week"),
        weekly.choice(approved),
    )
    assert {line["is_new"] for line in weekly.lines(plain)} == {None}
    assert {line["state"] for line in weekly.lines(short)} == {"snoozed"}
    before = weekly.lines(plain)
    materialize(weekly.client_id, None, forecasts, inventory)

    states = {line["action"]: line["state"] for line in weekly.lines(looked_at)}
    assert (states["expedite"], states.get("order", "open")) == ("approved", "open")
    assert {line["state"] for line in weekly.lines(late)} == {"open"}
    assert {line["state"] for line in weekly.lines(short)} == {"open"}
    assert {line["state"] for line in weekly.lines(long)} == {"snoozed"}
    assert {line["state"] for line in weekly.lines(rejected)} == {"open"}
    assert weekly.on_order(approved) == before[0]["order_qty"]
    now = weekly.lines(plain)
    for earlier, line in zip(before, now, strict=True):
        assert (line["earlier_urgency"], line["earlier_order_qty"], line["is_new"]) == (
            earlier["urgency"],
            earlier["order_qty"],
            False,
        )


def test_an_order_that_is_late_is_accepted_until_its_arrival_changes(desk: Desk) -> None:
    item = desk.new_item()
    proposed = desk.lines(item)[0]
    desk.approve(item)
    number = leave(desk)
    desk.plan()

    def late() -> list[tuple[str, str]]:
        return [(line["po_ref"], line["state"]) for line in desk.lines(item) if line["action"] == "expedite"]

    assert late() == [(number, "ordered")]
    desk.deliver_order(number, item, ordered_qty=50, expected_date=proposed["receipt_date"])
    desk.plan()
    assert late() == [(number, "ordered")]
    with desk.warehouse.transaction() as connection:
        connection.execute(
            """
            update staging.purchase_orders set expected_date = expected_date + 2
            where client_id = %s and po_id = %s
            """,
            (desk.client_id, number),
        )
    desk.plan()
    assert late() == [(number, "open")]
