"""The worklist as a person looks at it: which lines are wanted, what a line is, what there is to choose from.

Belongs here: what is asked and answered. Does not belong here: the queries (``worklist``), how a line looks
(``api.pages``), what may be decided about it (``planning.choices``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from forecasting_lib.inventory.replenishment import Action

LINES_OF_A_PAGE = 50
NOT_NAMED = "-"
"""How a filter asks for lines without a supplier or a class."""

Change = Literal["new", "more_urgent", "quantity"]


@dataclass(frozen=True)
class Wanted:
    """Which lines, in which order.

    Attributes:
        text: part of an item's name or id.
        supplier: its id, or ``NOT_NAMED``; None is any.
        location: its id; None is any.
        abc_xyz: a value class such as A, or both classes such as AX; None is any.
        urgencies: any of these; none is any.
        state: open, approved, ordered, rejected or snoozed; None is any.
        only_changed: without the lines that were the same in the plan before.
        by_supplier: a supplier's lines together, the supplier of the most urgent line first.
        page: from 1 on.
    """

    text: str = ""
    supplier: str | None = None
    location: str | None = None
    abc_xyz: str | None = None
    urgencies: tuple[str, ...] = ()
    state: str | None = "open"
    only_changed: bool = False
    by_supplier: bool = False
    page: int = 1

    @property
    def is_narrowed(self) -> bool:
        """Whether lines are left out for another reason than their state."""
        chosen = (self.text, self.supplier, self.location, self.abc_xyz, self.urgencies, self.only_changed)
        return any(chosen)


@dataclass(frozen=True)
class Line:
    """One line of the worklist; quantities in units, money in the client's currency, None is unknown."""

    run_id: UUID
    as_of_date: date
    priority_rank: int
    line_no: int
    urgency: str
    action: str
    item_id: str
    item_name: str | None
    location_id: str
    location_name: str | None
    supplier_id: str | None
    po_ref: str | None
    order_qty: Decimal | None
    order_date: date | None
    receipt_date: date | None
    order_value: Decimal | None
    unit_cost: Decimal | None
    moq_qty: Decimal | None
    order_multiple_qty: Decimal | None
    on_hand_qty: Decimal | None
    on_order_qty: Decimal | None
    lead_time_days: float | None
    dir_days: float | None
    stockout_date: date | None
    reorder_point_qty: float | None
    stockout_prob_lt: float | None
    days_late: int | None
    value_at_risk: float | None
    abc_xyz_class: str | None
    reason: str
    flags: list[str]
    state: str
    decision_id: UUID | None
    decided_qty: Decimal | None
    decided_order_date: date | None
    decided_receipt_date: date | None
    decided_reason: str | None
    decided_by: str | None
    decided_at: datetime | None
    snoozed_until: date | None
    earlier_urgency: str | None
    earlier_order_qty: Decimal | None
    change: Change | None

    @property
    def is_ordered(self) -> bool:
        """Whether an approval of it is an order with a quantity and dates."""
        return Action(self.action).is_order


@dataclass(frozen=True)
class Proposed:
    """A line as a plan names it."""

    priority_rank: int
    item_id: str
    location_id: str
    line_no: int
    action: str


@dataclass(frozen=True)
class Totals:
    """Lines of one kind, and what they come to.

    Attributes:
        lines: how many.
        units: to order; None where no line has a quantity.
        value: of the orders at unit cost; None where no line has one.
        unpriced_lines: of the orders, those whose value is not known and so not in it.
        value_at_risk: None where no line has one.
    """

    lines: int = 0
    units: float | None = None
    value: float | None = None
    unpriced_lines: int = 0
    value_at_risk: float | None = None


@dataclass(frozen=True)
class Choices:
    """What there is to choose from, and how many lines each choice has beside the other filters.

    Attributes:
        lines: of the plan, whatever is wanted.
        wanted: all lines that are wanted, on this page or another.
        suppliers: id, or None for lines without one -> its wanted lines.
        of_suppliers: id or None -> lines.
        of_locations: id -> lines.
        names_of_locations: id -> name.
        of_classes: both classes -> lines.
        of_urgencies: word -> lines.
        of_states: word -> lines.
        changed: lines that changed since the plan before.
        has_earlier: whether there is a plan before to compare with.
    """

    lines: int
    wanted: Totals
    suppliers: dict[str | None, Totals]
    of_suppliers: dict[str | None, int]
    of_locations: dict[str, int]
    names_of_locations: dict[str, str]
    of_classes: dict[str, int]
    of_urgencies: dict[str, int]
    of_states: dict[str, int]
    changed: int
    has_earlier: bool
