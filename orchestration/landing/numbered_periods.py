"""Dates that are running numbers of days, weeks or months, counted from a day that somebody named.

Belongs here: a number into its day. Does not belong here: the setting (``feeds``), dates that are written out
(``values``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import polars as pl

from forecasting_lib.grain import Grain

_WORD = r"^(?:\p{L}[\p{L} ._#-]{0,19})?"
"""What may stand before a number: ``W40``, ``d_7``."""

_NUMBERS = {
    Grain.DAY: r"(\d{1,6})(?:[.,]\d*)?$",
    Grain.WEEK: r"(\d{1,5})(?:[.,]0*)?$",
    Grain.MONTH: r"(\d{1,4})(?:[.,]0*)?$",
}
"""The decimals of a spreadsheet's day are its time. Larger numbers would be days that no calendar has."""


@dataclass(frozen=True)
class Numbering:
    """What a running number counts.

    Attributes:
        grain: the periods.
        first_day: of number 1.
    """

    grain: Grain
    first_day: date

    @property
    def shape(self) -> str:
        """What a text should be, for a message."""
        return f"a number of {self.grain.periods}, 1 being that of {self.first_day}"

    def day_of(self, text: pl.Expr) -> pl.Expr:
        """The first day of the period that a text numbers; null where it is no number."""
        ahead = text.str.extract(_WORD + _NUMBERS[self.grain], 1).cast(pl.Int32) - 1
        if self.grain is Grain.MONTH:
            return pl.lit(self.first_day).dt.offset_by(pl.format("{}mo", ahead))
        days = ahead * (7 if self.grain is Grain.WEEK else 1)
        return (pl.lit(self.first_day).to_physical() + days).cast(pl.Date)

    def day_named(self, pattern: str) -> Callable[[str], date | None]:
        """The day that a column's name says whose number stands at the star of a pattern.

        >>> Numbering(Grain.WEEK, date(2024, 1, 1)).day_named("W*")("W3")
        datetime.date(2024, 1, 15)
        >>> Numbering(Grain.WEEK, date(2024, 1, 1)).day_named("W*")("Wages 3")
        """
        before, _, behind = pattern.strip().casefold().partition("*")

        def named(name: str) -> date | None:
            folded = name.strip().casefold()
            number = folded.removeprefix(before).removesuffix(behind)
            is_numbered = folded == f"{before}{number}{behind}" and number.isascii() and number.isdigit()
            if not is_numbered:
                return None
            day: date | None = pl.DataFrame({"number": [number]}).select(self.day_of(pl.col("number"))).item()
            return day

        return named
