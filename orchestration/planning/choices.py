"""A planner's choice about one line of the worklist, and whether it is one: pure, without a database.

Belongs here: what may be chosen of which line, and what follows from leaving something out. Does not belong
here: which lines there are, and whether somebody was quicker (``decisions``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal
from uuid import UUID

from forecasting_lib.inventory.replenishment import Action
from orchestration.errors import UserError

Refusal = Literal["not_valid", "conflict", "not_found"]

MOST_TEXT = 500
"""Characters of a reason."""

_AHEAD = timedelta(days=731)
"""How far from the plan's date a day may lie; further away it is a slip of the finger, and an order that is
counted on for ever."""

_MOST_UNITS = Decimal(10) ** 12
_PLACES = -4


class DecisionError(UserError):
    """A choice that is not written down.

    Attributes:
        sentence: what to do.
        index: which of the choices; None where it is about none in particular.
        kind: whether the choice is wrong, somebody was quicker, or there is no such thing.
    """

    def __init__(self, sentence: str, index: int | None = None, kind: Refusal = "not_valid") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.index = index
        self.kind: Refusal = kind


@dataclass(frozen=True)
class Choice:
    """What somebody wants of one line.

    Attributes:
        run_id: the plan that the line is of.
        item_id: of the line.
        location_id: of the line.
        line_no: of the line.
        decision: approve, reject or snooze.
        order_qty: units; None is the proposed quantity.
        order_date: None is the proposed day.
        receipt_date: None is the proposed day, moved as the order is.
        supplier_id: None is the proposed one.
        reason: in the planner's words.
        until: day until which a snoozed item is not shown.
    """

    run_id: UUID
    item_id: str
    location_id: str
    line_no: int
    decision: str
    order_qty: Decimal | None = None
    order_date: date | None = None
    receipt_date: date | None = None
    supplier_id: str | None = None
    reason: str | None = None
    until: date | None = None

    @property
    def line(self) -> tuple[UUID, str, str, int]:
        """The key of its line."""
        return self.run_id, self.item_id, self.location_id, self.line_no


@dataclass(frozen=True)
class Line:
    """A line as the worklist shows it."""

    run_id: UUID
    item_id: str
    location_id: str
    line_no: int
    as_of_date: date
    action: str
    po_ref: str | None
    supplier_id: str | None
    order_qty: Decimal | None
    order_date: date
    receipt_date: date | None
    unit_cost: Decimal | None
    state: str

    @property
    def key(self) -> tuple[UUID, str, str, int]:
        """What names it."""
        return self.run_id, self.item_id, self.location_id, self.line_no


def judged(choice: Choice, line: Line) -> Choice:
    """The choice with everything filled in that it left to the plan.

    Args:
        choice: as made.
        line: what it is about.

    Raises:
        DecisionError: it cannot be made of this line.
    """
    if line.state != "open":
        raise DecisionError(_DECIDED[line.state].format(name=_named(line)), kind="conflict")
    choice = replace(choice, reason=(choice.reason or "").strip() or None)
    if choice.reason is not None and len(choice.reason) > MOST_TEXT:
        raise DecisionError(f"Say the reason in {MOST_TEXT} characters.")
    if choice.decision == "snooze":
        return _snoozed(choice, line)
    if choice.until is not None:
        raise DecisionError("Only a line that is snoozed has a day until which; leave out until.")
    if choice.decision == "approve" and Action(line.action).is_order:
        return _ordered(choice, line)
    if choice.decision not in ("approve", "reject"):
        raise DecisionError("Decide to approve, reject or snooze the line.")
    if choice.decision == "reject" and choice.reason is None:
        raise DecisionError(f"Give a reason for the rejection of {_named(line)}.")
    return _without_order(choice, line)


_DECIDED = {
    "approved": "{name} is approved already; withdraw that decision first.",
    "ordered": "{name} was ordered already; cancel the line of that order first.",
    "rejected": "{name} is rejected already; withdraw that decision first.",
    "snoozed": "{name} is snoozed; withdraw that decision first.",
}
"""State of a line -> why it cannot be decided now."""


def _named(line: Line) -> str:
    return f"{line.item_id} at {line.location_id}"


def _snoozed(choice: Choice, line: Line) -> Choice:
    if choice.until is None or not line.as_of_date < choice.until <= line.as_of_date + _AHEAD:
        raise DecisionError(
            f"Say until which day {_named(line)} is snoozed: one after {line.as_of_date}, within two years."
        )
    return _without_order(choice, line)


def _without_order(choice: Choice, line: Line) -> Choice:
    if (choice.order_qty, choice.order_date, choice.receipt_date, choice.supplier_id) != (None,) * 4:
        raise DecisionError(
            f"Nothing is ordered for {_named(line)} by this; leave out quantity, days and supplier."
        )
    return replace(choice, supplier_id=line.supplier_id)


def _ordered(choice: Choice, line: Line) -> Choice:
    """An approved order, with the quantity and the days of the plan where no others are given."""
    quantity = line.order_qty if choice.order_qty is None else choice.order_qty
    if quantity is None:
        raise DecisionError(f"Say how much to order for {_named(line)}: the plan proposes no quantity.")
    exponent = quantity.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < _PLACES or not 0 < quantity < _MOST_UNITS:
        raise DecisionError("Order more than nothing, in at most four decimal places.")
    order_date = choice.order_date or line.order_date
    receipt_date = choice.receipt_date
    if receipt_date is None and line.receipt_date is not None:
        receipt_date = _moved(line.receipt_date, order_date - line.order_date)
    if receipt_date is None:
        raise DecisionError(f"Say when {_named(line)} arrives: its lead time is not known.")
    if order_date < line.as_of_date:
        raise DecisionError(f"Order on {line.as_of_date}, the plan's date, or later.")
    if receipt_date < order_date:
        raise DecisionError(f"The goods cannot arrive before they are ordered, on {order_date}.")
    if receipt_date > line.as_of_date + _AHEAD:
        raise DecisionError(f"Order what arrives within two years of {line.as_of_date}, the plan's date.")
    decided = (quantity, order_date, receipt_date)
    if (
        line.action == Action.ORDER
        and choice.reason is None
        and decided != (line.order_qty, line.order_date, line.receipt_date)
    ):
        raise DecisionError(f"Give a reason for another quantity or day than proposed for {_named(line)}.")
    return replace(
        choice,
        order_qty=quantity,
        order_date=order_date,
        receipt_date=receipt_date,
        supplier_id=choice.supplier_id or line.supplier_id,
    )


def _moved(day: date, by: timedelta) -> date:
    try:
        return day + by
    except OverflowError as error:
        raise DecisionError("Order on a day within two years of the plan's date.") from error
