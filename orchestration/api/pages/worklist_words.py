"""The worklist in words: how a line stands, what changed, what an order would come to.

Belongs here: words for what the columns say, so that no meaning is carried by colour alone. Pure. Does not
belong here: the markup (``templates/pages``), how numbers and dates are spelled, which is the browser's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal

from forecasting_lib.inventory.flags import FLAG_VOCABULARY, Severity
from forecasting_lib.inventory.replenishment import Action
from orchestration.reading.gaps import PlanningState
from orchestration.reporting.worklist_lines import Choices, Line, Proposed, Wanted

URGENCIES: Mapping[str, str] = {
    "stocked_out": "Stocked out",
    "late": "Late",
    "today": "Today",
    "this_week": "This week",
    "planned": "Planned",
}

STATES: Mapping[str, str] = {
    "open": "To decide",
    "approved": "Approved",
    "ordered": "Sent",
    "rejected": "Rejected",
    "snoozed": "Snoozed",
    "all": "All",
}

_ACTIONS: Mapping[str, str] = {action.value: action.value.capitalize() for action in Action}


def status(line: Line) -> str:
    """How a line stands, such as ``Late by 5 days``."""
    if line.urgency == "late" and line.days_late:
        return f"Late by {line.days_late} {'day' if line.days_late == 1 else 'days'}"
    return URGENCIES.get(line.urgency, line.urgency)


def action(line: Line) -> str:
    """What a line asks for."""
    return _ACTIONS.get(line.action, line.action)


def change(line: Line) -> str | None:
    """What is new about a line since the plan before; another quantity is said beside the quantity."""
    if line.change == "new":
        return "New"
    if line.change == "more_urgent" and line.earlier_urgency is not None:
        return f"Was: {URGENCIES.get(line.earlier_urgency, line.earlier_urgency).lower()}"
    return None


def warnings(line: Line) -> list[str]:
    """What is doubtful about the figures of a line, a sentence each."""
    found = [FLAG_VOCABULARY[flag] for flag in FLAG_VOCABULARY if flag in line.flags]
    return [meaning.meaning for meaning in found if meaning.severity is not Severity.INFO]


def plain(quantity: Decimal | None) -> str:
    """A quantity as a field of a form takes it: 36, not 36.0000; empty where it is not known."""
    return "" if quantity is None else f"{quantity.normalize():f}"


def counted(number: int, one: str, many: str | None = None) -> str:
    """``1 line``, ``20 lines``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def done(deed: str, lines: Collection[Proposed]) -> str:
    """What was done with lines."""
    count = counted(len(lines), "line")
    if deed == "approve":
        if not any(Action(line.action).is_order for line in lines):
            return f"{count} accepted."
        return f"{count} approved; the orders wait on the page Orders to be sent."
    return f"{count} rejected." if deed == "reject" else f"{count} snoozed."


def nothing(wanted: Wanted, choices: Choices, planning: PlanningState | None) -> str:
    """Why no line is shown, where nothing stands in the way of lines; never that all is well."""
    if not choices.lines:
        return planning.sentence if planning else "Nothing has been planned yet."
    if wanted.is_narrowed:
        return "No line is as the filters want it."
    if wanted.state == "open":
        return f"All {counted(choices.lines, 'line')} of the plan are decided."
    return f"No line is {STATES[wanted.state or 'all'].lower()}."


STATUSES: Mapping[str, str] = {
    "approved": "approved",
    "ordered": "sent",
    "confirmed": "confirmed",
    "overdue": "overdue",
    "received": "received",
    "cancelled": "cancelled",
}
"""How a line of an order stands."""

TONES: Mapping[str, str] = {
    **dict.fromkeys(("approved", "ordered", "cancelled"), ""),
    **dict.fromkeys(("confirmed", "received"), "good"),
    "overdue": "warning",
}
"""How it looks beside the word."""
