"""The worklist's form: from its fields to what was decided about which lines.

Belongs here: reading the fields, and what is said of one that cannot be read. Pure. Does not belong here:
whether a decision may be made (``planning.choices``).

A line is named by the plan's run and its rank there, which no text of a client can be taken for. A decision
about one line comes from that line's button, one about many from the boxes that are ticked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from uuid import UUID

from fastapi.datastructures import FormData

from forecasting_lib.inventory.replenishment import Action
from orchestration.api.pages.visits import text_of
from orchestration.errors import UserError
from orchestration.planning.decisions import MOST, Choice
from orchestration.reporting.worklist_lines import Proposed

DEEDS = ("approve", "reject", "snooze")

_NOT_OURS = "Load the page again; what it sent cannot be read."


class FormError(UserError):
    """A form that nothing can be done with.

    Attributes:
        sentence: what to do.
        rank: of the line that it is about; None where it is about no single one.
    """

    def __init__(self, sentence: str, rank: int | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.rank = rank


@dataclass(frozen=True)
class Deed:
    """What a form asks for: something to do with lines of a plan.

    Attributes:
        name: approve, reject or snooze.
        run_id: the plan that was on the page.
        ranks: of the lines in it.
    """

    name: str
    run_id: UUID
    ranks: tuple[int, ...]


def deed_of(form: FormData) -> Deed:
    """What is to be done with which lines.

    Raises:
        FormError: no line is chosen, or the form is none of ours.
    """
    of_one = text_of(form, "approve") or text_of(form, "only")
    name = "approve" if text_of(form, "approve") else text_of(form, "deed")
    numbers = [of_one] if of_one else [str(number) for number in form.getlist("line")]
    try:
        run_id = UUID(text_of(form, "run_id"))
        ranks = tuple(dict.fromkeys(int(number[:9]) for number in numbers))
    except ValueError as error:
        raise FormError(_NOT_OURS) from error
    if name not in DEEDS:
        raise FormError(_NOT_OURS)
    if not ranks:
        raise FormError("Tick the lines that you want to decide about.")
    if len(ranks) > MOST:
        raise FormError(f"Decide about at most {MOST} lines at a time.")
    return Deed(name, run_id, ranks)


def ids_of(form: FormData, name: str) -> list[UUID]:
    """The decisions that a field names.

    Raises:
        FormError: it names none.
    """
    try:
        return [UUID(str(text)) for text in form.getlist(name)]
    except ValueError as error:
        raise FormError(_NOT_OURS) from error


def choices_from(form: FormData, deed: Deed, proposed: Mapping[int, Proposed]) -> Sequence[Choice]:
    """The decisions of a form, in the order of its lines.

    Args:
        form: of the page.
        deed: what is to be done with which lines.
        proposed: rank -> what the plan says of its line.

    Raises:
        FormError: a line is not in the plan, or a field of one cannot be read.
    """
    until = _day(form, "until") if deed.name == "snooze" else None
    reason = _reason(form, f"why.{deed.name}")
    choices = []
    for rank in deed.ranks:
        line = proposed.get(rank)
        if line is None:
            raise FormError("Load the list again; the plan has no such line any more.", rank)
        is_order = deed.name == "approve" and Action(line.action).is_order
        choices.append(
            Choice(
                *(deed.run_id, line.item_id, line.location_id, line.line_no),
                decision=deed.name,
                order_qty=_quantity(form, rank) if is_order else None,
                order_date=_day(form, "order_date", rank) if is_order else None,
                receipt_date=_day(form, "receipt_date", rank) if is_order else None,
                reason=_reason(form, f"reason.{rank}") if is_order else reason,
                until=until,
            )
        )
    return choices


def _quantity(form: FormData, rank: int) -> Decimal | None:
    """What is ordered; None, which is as proposed, where the page has no field for it."""
    if f"qty.{rank}" not in form:
        return None
    try:
        quantity = Decimal(text_of(form, f"qty.{rank}"))
    except InvalidOperation as error:
        raise FormError("Write the quantity as a number, such as 12 or 12.5.", rank) from error
    if not quantity.is_finite() or quantity <= 0:
        raise FormError("Write a quantity above zero; to order nothing, reject the line.", rank)
    return quantity


def _day(form: FormData, name: str, rank: int | None = None) -> date | None:
    """A day; None, which is as proposed, where the field is empty."""
    text = text_of(form, name if rank is None else f"{name}.{rank}")
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise FormError("Write the day as 2026-03-31.", rank) from error


def _reason(form: FormData, name: str) -> str | None:
    return text_of(form, name).replace("\0", "") or None
