"""What a query string asks of a listing.

Belongs here: names and limits of parameters. Does not belong here: answering (``reporting.listings``), what a
value means to the database, which judges it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from orchestration.api.limits import MOST_ROWS, MOST_TEXT, USUAL_ROWS
from orchestration.api.paging import LONGEST, unseal
from orchestration.api.problems import ProblemError, not_valid
from orchestration.foreign_text import is_control
from orchestration.reporting.listings import Kind as FieldKind
from orchestration.reporting.listings import Listing, Wish

FROM, TO = "_from", "_to"
LIMIT, PAGE, FIELDS = "limit", "page", "fields"
_MOST_VALUES = 200


@dataclass(frozen=True)
class Asked:
    """A wish, and what its pages are sealed for."""

    wish: Wish
    about: tuple[str, ...]


def parameters(listing: Listing, fixed: Sequence[str] = ()) -> dict[str, str]:
    """Every parameter of a listing with a sentence.

    Args:
        listing: what is asked.
        fixed: filters that the path holds.
    """
    told = {
        name: f"Rows whose {name} is this; repeat it for one of several."
        for name in listing.filters
        if name not in fixed
    }
    for name in listing.ranges:
        told[name + FROM] = f"Rows whose {name} is this or later or more."
        told[name + TO] = f"Rows whose {name} is this or earlier or less."
    return {
        **told,
        FIELDS: "Fields of a row, with commas between; all where it is left out.",
        LIMIT: f"Rows of a page, {USUAL_ROWS} where it is left out, {MOST_ROWS:,} at most.",
        PAGE: "Token of the next page, as the page before gave it.",
    }


def most_text(name: str) -> int:
    """Characters that a parameter's value may have."""
    return LONGEST if name in (PAGE, FIELDS) else MOST_TEXT


def asked(
    listing: Listing,
    client_id: str,
    query: Sequence[tuple[str, str]],
    secrets: Sequence[bytes],
    fixed: Mapping[str, str] | None = None,
) -> Asked:
    """Read a query string.

    Args:
        listing: what is asked.
        client_id: of whom.
        query: names and values, as sent.
        secrets: that page tokens are sealed with.
        fixed: filters that the path holds.

    Raises:
        ProblemError: a name is not known, or a value is not valid.
    """
    fixed = fixed or {}
    values: dict[str, list[str]] = {}
    for name, value in query:
        values.setdefault(name, []).append(_text(name, value))
    known = parameters(listing, tuple(fixed))
    if unknown := sorted(values.keys() - known.keys()):
        raise _invalid(unknown[0], f"there is no such parameter; there are {', '.join(known)}")
    once = {name: _single(name, found) for name, found in values.items() if name not in listing.filters}
    for name, found in values.items():
        if len(found) > _MOST_VALUES:
            raise _invalid(name, f"at most {_MOST_VALUES} values may be named at a time")
    for name, value in fixed.items():
        _text(name, value)
    equal = {
        **{name: values[name] for name in listing.filters if name in values},
        **{name: [value] for name, value in fixed.items()},
    }
    first = {name: once[name + FROM] for name in listing.ranges if name + FROM in once}
    last = {name: once[name + TO] for name in listing.ranges if name + TO in once}
    for named, values_of in equal.items():
        for value in values_of:
            _check(listing, named, named, value)
    for suffix, bounds in ((FROM, first), (TO, last)):
        for named, value in bounds.items():
            _check(listing, named, named + suffix, value)
    about = (client_id, listing.name, json.dumps([equal, first, last], sort_keys=True))
    after = unseal(secrets, about, once[PAGE]) if PAGE in once else []
    wish = Wish(_limit(once), _fields(listing, once), equal, first, last, after)
    return Asked(wish, about)


_SHAPES: Mapping[FieldKind, tuple[Callable[[str], object], str]] = {
    FieldKind.WHOLE: (int, "a whole number such as 12"),
    FieldKind.NUMBER: (float, "a number such as 12.5"),
    FieldKind.DAY: (date.fromisoformat, "a day such as 2026-03-31"),
    FieldKind.MOMENT: (datetime.fromisoformat, "a moment such as 2026-03-31T05:00:00Z"),
    FieldKind.UUID: (UUID, "a UUID"),
    FieldKind.TRUTH: ({"true": True, "false": False}.__getitem__, "true or false"),
}
"""What PostgreSQL would take for more than this, such as 'yesterday', is not taken."""


def _check(listing: Listing, field: str, parameter: str, value: str) -> None:
    kind = listing.by_name[field].kind
    if kind in _SHAPES:
        read, shape = _SHAPES[kind]
        try:
            read(value)
        except (ValueError, KeyError) as error:
            raise _invalid(parameter, f"write {shape}") from error


def _limit(once: Mapping[str, str]) -> int:
    text = once.get(LIMIT, str(USUAL_ROWS))
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MOST_ROWS):
        raise _invalid(LIMIT, f"write a number from 1 to {MOST_ROWS}")
    return int(text)


def _fields(listing: Listing, once: Mapping[str, str]) -> tuple[str, ...]:
    wanted = tuple(filter(None, once.get(FIELDS, "").split(",")))
    if wrong := [name for name in wanted if name not in listing.by_name]:
        raise _invalid(FIELDS, f"{wrong[0]!r} is no field; there are {', '.join(listing.by_name)}")
    return wanted


def _single(name: str, values: Sequence[str]) -> str:
    if len(values) > 1:
        raise _invalid(name, "name it once")
    return values[0]


def _text(name: str, value: str) -> str:
    most = most_text(name)
    if len(value) > most or any(map(is_control, value)):
        raise _invalid(name, f"write at most {most} characters, and no control characters")
    return value


def _invalid(name: str, problem: str) -> ProblemError:
    shown = name[:MOST_TEXT]
    return not_valid(f"query.{shown}", f"The parameter {shown!r} is not valid: {problem}.", problem)
