"""Where a file keeps its dates, if not in one column: in parts, or in the names of its columns.

Belongs here: years and months apart, a column per day, week or month. Does not belong here: a column of dates
(``content``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from orchestration.guessing.columns import Look
from orchestration.guessing.period_vocabulary import DAY, MONTH, MONTH_OF_A_YEAR, WEEK, YEAR
from orchestration.guessing.vocabulary import Names, likeness
from orchestration.landing.date_formats import possible_formats
from orchestration.landing.expressions import ExpressionError, columns_of
from orchestration.landing.values import as_date

_ENOUGH_PERIODS = 3
_SURE = 4.0
_ISO_DAY = "%Y-%m-%d"
_ENDS = 10
"""Of the last columns, at least one is a period in a table with a column for each."""


@dataclass(frozen=True)
class DateParts:
    """A date that is made of columns: an expression over them and its format."""

    formula: str
    date_format: str
    columns: tuple[str, ...]


def date_parts(looks: Mapping[str, Look]) -> DateParts | None:
    """The date that a year and a month, a week, or a month and a day make; None where there is no year."""
    year = _whole(looks, YEAR, (1990, 2100))
    if year is None:
        return None
    month, week, day = (
        _whole(looks, names, limits)
        for names, limits in ((MONTH_OF_A_YEAR, (1, 12)), (WEEK, (1, 53)), (DAY, (1, 31)))
    )
    if month and day:
        return DateParts(
            f"{quoted(year)} || '-' || {quoted(month)} || '-' || {quoted(day)}",
            _ISO_DAY,
            (year, month, day),
        )
    if month:
        return DateParts(f"{quoted(year)} || '-' || {quoted(month)}", "%Y-%m", (year, month))
    if named := _named_month(looks):
        name, date_format = named
        return DateParts(f"{quoted(year)} || '-' || {quoted(name)}", f"%Y-{date_format}", (year, name))
    if week:
        return DateParts(f"{quoted(year)} || '-W' || lpad({quoted(week)}, 2, '0')", "%G-W%V", (year, week))
    return None


def _named_month(looks: Mapping[str, Look]) -> tuple[str, str] | None:
    """The column that has the names of months, and how they are written."""
    for name, look in looks.items():
        if likeness(name, MONTH) < _SURE or look.values.is_empty():
            continue
        texts = pl.DataFrame({"text": look.values}).select(pl.format("2000-{}", "text").alias("text"))
        for date_format in ("%B", "%b"):
            if not texts.select(as_date(pl.col("text"), f"%Y-{date_format}").has_nulls()).item():
                return name, date_format
    return None


def date_columns(names: Sequence[str]) -> tuple[str, list[str]] | None:
    """The format of column names that are dates, and those names; None where they are too few.

    A format that reads some periods and not others, such as months of another language, is none.
    """
    texts = pl.DataFrame({"name": pl.Series(names, dtype=pl.String)})
    text = pl.col("name").str.strip_chars()
    for date_format in (_ISO_DAY, *_formats_of(names)):
        days = texts.select(pl.coalesce(as_date(text, date_format), as_date(text, None)))["name"]
        dated = texts["name"].filter(days.is_not_null()).to_list()
        others = texts["name"].filter(days.is_null()).to_list()
        looks_alike = {_shape(name) for name in dated} & {_shape(name) for name in others}
        if len(dated) >= _ENOUGH_PERIODS and len(dated) * 2 >= len(names) and not looks_alike:
            return date_format, dated
    return None


def _shape(name: str) -> str:
    """Where a name has letters and digits: ``Mrz 23`` looks like ``Jan 23`` and is a period, too."""
    return re.sub(r"\d", "9", re.sub(r"[^\W\d_]", "a", name.strip()))


def _formats_of(names: Sequence[str]) -> list[str]:
    """Formats in which a name is a date: totals and descriptions come before or after the periods."""
    for name in (*names[: -_ENDS - 1 : -1], *names[len(names) // 2 :][:1]):
        if found := possible_formats([name]):
            return found
    return []


def _whole(looks: Mapping[str, Look], known: Names, limits: tuple[int, int]) -> str | None:
    """The column of that name whose values are whole numbers within limits."""
    low, high = limits
    best: tuple[float, str] | None = None
    for name, look in looks.items():
        sign = likeness(name, known)
        if sign < _SURE or look.numbers is None or not look.numbers.is_whole or look.values.is_empty():
            continue
        numbers = look.values.cast(float, strict=False)
        if not numbers.is_between(low, high).fill_null(False).all():
            continue
        if best is None or sign > best[0]:
            best = (sign, name)
    return None if best is None else best[1]


def quoted(name: str) -> str:
    """A column's name in SQL, in quotes where it needs them."""
    try:
        if columns_of(name) == [name]:
            return name
    except ExpressionError:
        pass
    return '"' + name.replace('"', '""') + '"'
