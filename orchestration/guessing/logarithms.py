"""Quantities that a file holds as their logarithm, as data of research often does.

Belongs here: which column, and the formula that undoes it. Does not belong here: computing a column for good
(``landing.expressions``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from orchestration.guessing.columns import Look
from orchestration.guessing.periods import quoted
from orchestration.guessing.vocabulary import EXACT, UNITS, likeness, plain
from orchestration.landing.values import without_marks

_LOG_OF = re.compile(r"(?:log|ln) ?(?P<of>.+)|(?P<of_other>.+) (?:log|ln)")
_LARGEST = 40
"""A natural logarithm beyond it would be of more units than anybody sells."""

_MOST = 0.99
_AS_WRITTEN = 0.02
"""How far from a whole number a quantity may be for the digits that its logarithm was cut to."""

_FORMULAS = ("exp({})", "pow(10, {})", "pow(2, {})", "exp({}) - 1")
"""From the logarithm to the number, the most usual first."""


@dataclass(frozen=True)
class Logarithm:
    """A column of logarithms of units.

    Attributes:
        column: its name.
        formula: what gives the units.
        is_proven: the formula gives whole numbers, so that it is the right one.
    """

    column: str
    formula: str
    is_proven: bool


def logarithm_of_units(looks: Mapping[str, Look]) -> Logarithm | None:
    """The column that is the logarithm of the units, by its name and its values; None where there is none."""
    for name, look in looks.items():
        said = _LOG_OF.fullmatch(plain(name))
        of = said and (said["of"] or said["of_other"])
        if not of or likeness(of, UNITS) < EXACT or look.numbers is None:
            continue
        numbers = pl.DataFrame({"x": look.values}).select(
            without_marks(pl.col("x"), look.numbers.marks[0]).cast(pl.Float64, strict=False)
        )
        if (numbers["x"].abs() > _LARGEST).any():
            continue
        for formula in _FORMULAS:
            if _are_whole(numbers.select(pl.sql_expr(formula.format("x")).alias("units"))["units"]):
                return Logarithm(name, f"round({formula.format(quoted(name))}, 0)", True)
        return Logarithm(name, _FORMULAS[0].format(quoted(name)), False)
    return None


def _are_whole(units: pl.Series) -> bool:
    """Whether almost all are whole numbers, and not all but nothing."""
    off = (units - units.round()).abs()
    return bool((off <= _AS_WRITTEN).mean() >= _MOST and (units.max() or 0) >= 1)  # type: ignore[operator]
