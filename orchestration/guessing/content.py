"""What the values of a column could be: dates in a format, numbers with their marks, yes or no.

Belongs here: looking at values. Does not belong here: names (``vocabulary``), how a text is read for good
(``landing.values``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from orchestration.guessing.totals import is_total
from orchestration.landing.date_formats import possible_formats
from orchestration.landing.values import Marks, as_date, plain_number, without_currency

_LOOKED_AT = 5_000
"""Different values of a column that are looked at."""

_MOST = 0.99
"""Of a column's values, that have to be what the column is taken for."""

_MARKS = (
    Marks(),
    Marks(",", None),
    Marks(".", ","),
    Marks(",", "."),
    Marks(",", " "),
    Marks(".", " "),
    Marks(".", "'"),
)
_NOTHING = ("na", "n/a", "nan", "null", "none", "-", "#n/a", "nil", "?")
"""What exports write where there is no value."""

_YES_AND_NO = ({"true", "false"}, {"t", "f"}, {"yes", "no"}, {"y", "n"}, {"1", "0"})


@dataclass(frozen=True)
class Dates:
    """A column of dates.

    Attributes:
        formats: those in which every value is a day, the most usual first; None stands for ISO.
        totals: values that are no days and say that their rows sum up others.
    """

    formats: tuple[str | None, ...]
    totals: tuple[str, ...] = ()


@dataclass(frozen=True)
class Numbers:
    """A column of numbers.

    Attributes:
        marks: those in which the values are numbers, the most usual first.
        is_whole: none has decimals in the first of them.
        has_negative: some are below zero.
    """

    marks: tuple[Marks, ...]
    is_whole: bool
    has_negative: bool


def without_nothing(values: pl.Series) -> tuple[pl.Series, list[str]]:
    """A column's different values but those that mean nothing, and which of these it has."""
    different = values.drop_nulls().unique(maintain_order=True).head(_LOOKED_AT)
    means_nothing = different.str.to_lowercase().is_in(_NOTHING)
    return different.filter(~means_nothing), different.filter(means_nothing).to_list()


def as_dates(values: pl.Series) -> Dates | None:
    """What a column is as dates; None where it is none."""
    texts = pl.DataFrame({"text": values})
    if values.is_empty():
        return None
    iso = texts.select(as_date(pl.col("text"), None))["text"]
    formats: list[str | None] = [None] if iso.null_count() <= (1 - _MOST) * len(iso) else []
    sampled = values if len(values) < 1_000 else values.gather_every(len(values) // 1_000 + 1)
    formats += possible_formats(sampled.to_list())
    formats = [entry for entry in formats if entry is None or _reads(texts, entry)]
    if formats:
        return Dates(tuple(formats))
    totals = [text for text in values if is_total(text)]
    days = as_dates(values.filter(~values.is_in(totals))) if totals else None
    return None if days is None else Dates(days.formats, tuple(totals))


def _reads(texts: pl.DataFrame, date_format: str) -> bool:
    days = texts.select(as_date(pl.col("text"), date_format))["text"]
    return days.null_count() <= (1 - _MOST) * len(days)


def as_numbers(values: pl.Series, *, has_decimal_commas: bool) -> Numbers | None:
    """What a column is as numbers; None where it is none."""
    if values.is_empty():
        return None
    texts = pl.DataFrame({"text": values}).select(without_currency(pl.col("text")))
    fitting: list[tuple[Marks, pl.Series]] = []
    for marks in sorted(_MARKS, key=lambda marks: (marks.decimal == ",") is not has_decimal_commas):
        numbers = texts.select(plain_number(pl.col("text"), marks))["text"]
        if numbers.null_count() <= (1 - _MOST) * len(numbers):
            fitting.append((marks, numbers))
    if not fitting:
        return None
    first = fitting[0][1].drop_nulls().cast(pl.Float64)
    return Numbers(
        marks=tuple(marks for marks, _ in fitting),
        is_whole=bool((first == first.floor()).all()),
        has_negative=bool((first < 0).any()),
    )


def thousands_or_decimals(values: pl.Series, marks: Sequence[Marks]) -> bool:
    """Whether the same texts are other numbers in other marks, so that only a person knows."""
    texts = pl.DataFrame({"text": values})
    read = [texts.select(plain_number(pl.col("text"), each))["text"] for each in marks]
    return any(not read[0].equals(other) for other in read[1:] if other.null_count() == read[0].null_count())


def is_yes_or_no(values: pl.Series) -> bool:
    """Whether a column says yes or no."""
    lower = set(values.str.to_lowercase().unique().to_list())
    return any(lower <= words for words in _YES_AND_NO) and bool(lower)


def days_of(texts: pl.Series, date_format: str | None) -> pl.Series:
    """The days of a column; null where a text is none."""
    return pl.DataFrame({"text": texts}).select(as_date(pl.col("text"), date_format))["text"]
