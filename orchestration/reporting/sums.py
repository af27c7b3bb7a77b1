"""Sums that are shown with their parts: worked out again, and held against what was published.

Belongs here: what a term and a sum are, and whether the parts make up the whole. Does not belong here: which
sums there are (``order_arithmetic``, ``order_quantities``), how one looks (``api.pages``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from orchestration.reporting.numbers import plain

ROUNDED = "The figures shown are rounded; the sum is exact."


@dataclass(frozen=True)
class Term:
    """One figure of a sum.

    Attributes:
        sign: what stands before it: nothing, ``+``, ``-`` or ``x``; ``=`` before a result.
        name: what it is.
        value: None where it is unknown.
        source: where it comes from; of one that is unknown, what to deliver.
        unit: of the value; empty for units of stock.
        digits: decimals shown at most.
    """

    sign: str
    name: str
    value: float | None
    source: str
    unit: str = ""
    digits: int = 2


@dataclass(frozen=True)
class Sum:
    """Figures that make up another.

    Attributes:
        title: what is worked out.
        terms: in the order in which they are read; the last is the result, as it was published.
        note: what is to be said of it; empty where nothing is.
        problem: why the figures do not follow from each other; None where they do.
    """

    title: str
    terms: tuple[Term, ...]
    note: str = ""
    problem: str | None = None

    @property
    def result(self) -> Term:
        return self.terms[-1]


def checked(title: str, *terms: Term) -> Sum:
    """A sum of known or unknown terms, the result last, that says where it does not come out.

    >>> was, sold, now = Term("", "was", 5.0, ""), Term("-", "sold", 2.0, ""), Term("=", "is", 4.0, "")
    >>> checked("Stock", was, sold, now).problem
    'The parts come to 3, and the plan says 4: do not rely on it, and run the inventory stage again.'
    """
    *parts, result = terms
    found = total(parts)
    if found is None or result.value is None:
        return Sum(title, terms)
    if not is_same(found, result.value):
        return Sum(title, terms, problem=does_not_follow(found, result.value))
    as_shown = [
        Term(part.sign, part.name, round(part.value or 0.0, part.digits), part.source) for part in parts
    ]
    comes_out = math.isclose(
        round(total(as_shown) or 0.0, result.digits), round(result.value, result.digits), abs_tol=1e-9
    )
    return Sum(title, terms, note="" if comes_out else ROUNDED)


def total(terms: Sequence[Term]) -> float | None:
    """What terms come to, read from the first to the last; None where one is unknown."""
    found = 0.0
    for term in terms:
        if term.value is None:
            return None
        if term.sign == "x":
            found *= term.value
        else:
            found += -term.value if term.sign == "-" else term.value
    return found


def is_same(one: float, other: float) -> bool:
    """Whether two figures are equal but for what a table rounds away."""
    return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-3)


def does_not_follow(found: float, said: float) -> str:
    """What is said of a figure that its parts do not make up."""
    return (
        f"The parts come to {plain(found)}, and the plan says {plain(said)}: do not rely on it, and run the "
        "inventory stage again."
    )
