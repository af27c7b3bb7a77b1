"""What may be chosen of a line, and what follows from leaving something out."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from orchestration.planning.choices import Choice, DecisionError, Line, judged

RUN = UUID(int=1)
ORDER = Line(
    run_id=RUN,
    item_id="tea",
    location_id="main",
    line_no=1,
    as_of_date=date(2026, 3, 31),
    action="order",
    po_ref=None,
    supplier_id="S1",
    order_qty=Decimal("12.0000"),
    order_date=date(2026, 4, 1),
    receipt_date=date(2026, 4, 6),
    unit_cost=Decimal("2.5"),
    state="open",
)
EXPEDITE = replace(ORDER, action="expedite", po_ref="P7")
DECIDE = replace(ORDER, action="decide", order_qty=None, receipt_date=None)


def choice(decision: str = "approve", **chosen: Any) -> Choice:
    return Choice(RUN, "tea", "main", 1, decision, **chosen)


def test_an_approval_takes_what_the_plan_proposes() -> None:
    made = judged(choice(), ORDER)
    assert (made.order_qty, made.order_date, made.receipt_date, made.supplier_id) == (
        *(Decimal(12), date(2026, 4, 1), date(2026, 4, 6)),
        "S1",
    )


def test_the_arrival_moves_with_the_day_of_the_order() -> None:
    made = judged(choice(order_date=date(2026, 4, 3), reason="Not before Friday"), ORDER)
    assert made.receipt_date == date(2026, 4, 8)


def test_the_proposed_quantity_written_out_is_no_change() -> None:
    assert judged(choice(order_qty=Decimal("12")), ORDER).reason is None


def test_another_supplier_needs_no_reason_and_is_kept() -> None:
    assert judged(choice(supplier_id="S2"), ORDER).supplier_id == "S2"


def test_where_nothing_is_proposed_a_person_says_how_much_and_when() -> None:
    made = judged(choice(order_qty=Decimal(5), receipt_date=date(2026, 4, 9)), DECIDE)
    assert (made.order_qty, made.order_date, made.receipt_date) == (
        *(Decimal(5), date(2026, 4, 1)),
        date(2026, 4, 9),
    )


def test_an_open_order_is_accepted_without_an_order() -> None:
    made = judged(choice(), EXPEDITE)
    assert (made.order_qty, made.order_date, made.receipt_date) == (None, None, None)


def test_a_snooze_has_an_end_and_a_rejection_a_reason() -> None:
    assert judged(choice("snooze", until=date(2026, 4, 14)), ORDER).until == date(2026, 4, 14)
    assert judged(choice("reject", reason="  Leaves the range "), ORDER).reason == "Leaves the range"


@pytest.mark.parametrize(
    ("line", "chosen", "said"),
    [
        (ORDER, {"order_qty": Decimal(13)}, "reason"),
        (ORDER, {"order_date": date(2026, 4, 2)}, "reason"),
        (ORDER, {"receipt_date": date(2026, 4, 7), "reason": " "}, "reason"),
        (ORDER, {"order_qty": Decimal(0), "reason": "x"}, "more than nothing"),
        (ORDER, {"order_qty": Decimal("-1"), "reason": "x"}, "more than nothing"),
        (ORDER, {"order_qty": Decimal("NaN"), "reason": "x"}, "more than nothing"),
        (ORDER, {"order_qty": Decimal("1.00001"), "reason": "x"}, "four decimal places"),
        (ORDER, {"order_qty": Decimal("1e12"), "reason": "x"}, "more than nothing"),
        (ORDER, {"order_date": date(2026, 3, 30), "reason": "x"}, "or later"),
        (ORDER, {"receipt_date": date(2026, 3, 31), "reason": "x"}, "cannot arrive before"),
        (ORDER, {"receipt_date": date(2062, 4, 6), "reason": "x"}, "within two years"),
        (ORDER, {"order_date": date.max, "reason": "x"}, "within two years"),
        (ORDER, {"reason": "x" * 501}, "500 characters"),
        (ORDER, {"until": date(2026, 4, 9)}, "leave out until"),
        (ORDER, {"decision": "reject"}, "Give a reason"),
        (ORDER, {"decision": "reject", "reason": "x", "order_qty": Decimal(1)}, "Nothing is ordered"),
        (ORDER, {"decision": "snooze"}, "Say until which day"),
        (ORDER, {"decision": "snooze", "until": date(2026, 3, 31)}, "one after 2026-03-31"),
        (ORDER, {"decision": "snooze", "until": date(2062, 1, 1)}, "within two years"),
        (ORDER, {"decision": "postpone"}, "approve, reject or snooze"),
        (EXPEDITE, {"order_qty": Decimal(1)}, "Nothing is ordered"),
        (DECIDE, {}, "Say how much"),
        (DECIDE, {"order_qty": Decimal(1)}, "Say when"),
    ],
)
def test_what_cannot_be_made_of_a_line_is_refused(line: Line, chosen: dict[str, Any], said: str) -> None:
    with pytest.raises(DecisionError, match=said) as refused:
        judged(choice(**chosen), line)
    assert refused.value.kind == "not_valid"


@pytest.mark.parametrize("state", ["approved", "ordered", "rejected", "snoozed"])
def test_a_line_that_is_decided_is_not_decided_again(state: str) -> None:
    with pytest.raises(DecisionError, match="first") as refused:
        judged(choice(), replace(ORDER, state=state))
    assert refused.value.kind == "conflict"
