"""How far a query has been read: the greatest value of a column, kept as text with its type.

Belongs here: what may be a watermark, its text, and what follows from it. Does not belong here: the query
(``query_rows``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TypeAlias

from orchestration.pulling.faults import PullError

Mark: TypeAlias = "date | datetime | int | Decimal | float | str"

_READ: dict[str, Callable[[str], Mark]] = {
    "date": date.fromisoformat,
    "datetime": datetime.fromisoformat,
    "int": int,
    "Decimal": Decimal,
    "float": float,
    "str": str,
}
"""How a mark is read from its text, by the name of its type."""


def stored(mark: Mark) -> dict[str, str]:
    """A mark as the database keeps it.

    Raises:
        PullError: values of its type have no order that a query could go on from.
    """
    kind = type(mark).__name__
    if kind not in _READ:
        raise PullError(f"The watermark holds {kind}: take a column of days, moments, numbers or texts.")
    return {"type": kind, "watermark": mark.isoformat() if isinstance(mark, date) else str(mark)}


def read(state: dict[str, str]) -> Mark | None:
    """The mark of a state; None where there is none."""
    return _READ[state["type"]](state["watermark"]) if "watermark" in state else None


def since(mark: Mark | None, overlap_days: int) -> Mark | None:
    """Where the next query begins.

    Raises:
        PullError: days are to be gone back from something that has none.
    """
    if mark is None or overlap_days == 0:
        return mark
    if not isinstance(mark, date):
        raise PullError(f"No days can be gone back from the watermark {mark!r}: set --overlap-days to 0.")
    return mark - timedelta(days=overlap_days)


def advanced(mark: Mark | None, seen: Iterable[Mark | None], now: datetime) -> Mark | None:
    """The greatest of what was seen; it never goes back, and of the future it is the present moment.

    One row with a mistyped year would else keep every later one from being seen.

    Args:
        mark: the one before.
        seen: the column's values.
        now: the present moment, with its zone.

    Raises:
        PullError: the values cannot be compared.
    """
    values = [value for value in (mark, *seen) if value is not None]
    try:
        greatest = max((_no_later(value, now) for value in values), default=None)
    except TypeError:
        kinds = ", ".join(sorted({type(value).__name__ for value in values}))
        raise PullError(f"The watermark holds values of several types ({kinds}): cast it.") from None
    return greatest


def _no_later(mark: Mark, now: datetime) -> Mark:
    """A mark, or the present where it lies ahead by more than any zone is."""
    if isinstance(mark, datetime):
        present = now if mark.tzinfo else now.astimezone(UTC).replace(tzinfo=None)
        return min(mark, present + timedelta(days=1))
    if isinstance(mark, date):
        return min(mark, now.astimezone(UTC).date() + timedelta(days=1))
    return mark
