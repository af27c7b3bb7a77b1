"""Where a file numbers its periods and names no year: in a column, or in the names of its columns.

Belongs here: which column or columns, and what they count. Does not belong here: dates that are written out
(``content``, ``periods``), since when they are counted, which only a person knows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from forecasting_lib.grain import Grain
from orchestration.guessing.columns import Look
from orchestration.guessing.period_vocabulary import DAY, LETTERS, MONTH, PERIOD, WEEK
from orchestration.guessing.vocabulary import DATE, likeness, plain

SPREADSHEET_DAY = date(1899, 12, 31)
"""Day 1 of spreadsheets, from March 1900 on."""

_SPREADSHEET_DAYS = (32_874, 73_050)
"""The years 1990 to 2099 as spreadsheets number their days."""

_SURE = 4.0
_ENOUGH_COLUMNS = 6
_DENSE = 0.5
"""Of the numbers from the first to the last, that have to be there: others are no running numbers."""

_CYCLES = {Grain.DAY: 31, Grain.WEEK: 53, Grain.MONTH: 12}

_NUMBERED_NAME = re.compile(r"(?P<before>\D*?)(?P<number>\d{1,4})")


@dataclass(frozen=True)
class Numbered:
    """Periods that have numbers in the place of dates.

    Attributes:
        where: the column that holds them; None where the names of columns do.
        grain: what they count, as far as a name says it.
        low: the smallest.
        high: the largest.
        first_day: of number 1, where everybody knows it.
        pattern: of the columns' names, with a star for the number.
        names: of these columns.
    """

    where: str | None
    grain: Grain | None
    low: int
    high: int
    first_day: date | None = None
    pattern: str = ""
    names: tuple[str, ...] = ()

    @property
    def periods(self) -> str:
        """What they count, for a sentence."""
        return self.grain.periods if self.grain else "periods"

    @property
    def may_repeat(self) -> bool:
        """Whether they may begin again every year or month, which the file does not name."""
        return self.high <= _CYCLES[self.grain or Grain.WEEK]

    @property
    def shown(self) -> str:
        """Where they are and which, for a sentence."""
        return f"{self.where or self.pattern!r}, {self.low:,} to {self.high:,}"


def numbered_column(looks: Mapping[str, Look]) -> Numbered | None:
    """The column that numbers the periods; None where there is none."""
    found: list[tuple[float, Numbered]] = []
    for name, look in looks.items():
        if look.numbers is None or look.numbers.has_negative:
            continue
        numbers = look.values.str.extract(r"^(\d+)", 1).cast(int, strict=False).drop_nulls()
        if numbers.is_empty():
            continue
        low, high = int(numbers.min()), int(numbers.max())  # type: ignore[arg-type]
        is_of_days = low >= _SPREADSHEET_DAYS[0] and high <= _SPREADSHEET_DAYS[1]
        if is_of_days and likeness(name, DATE) >= _SURE:
            found.append((20, Numbered(name, Grain.DAY, low, high, SPREADSHEET_DAY)))
        elif look.numbers.is_whole and numbers.n_unique() >= _DENSE * (high - low + 1):
            sign, grain = _counted(name)
            if sign >= _SURE:
                found.append((sign, Numbered(name, grain, low, high)))
    return max(found, key=lambda entry: entry[0])[1] if found else None


def _counted(name: str) -> tuple[float, Grain | None]:
    """How surely a name says that numbers are periods, and which."""
    signs = [
        (likeness(name, names), grain)
        for names, grain in ((WEEK, Grain.WEEK), (MONTH, Grain.MONTH), (DAY, Grain.DAY), (PERIOD, None))
    ]
    return max(signs, key=lambda entry: entry[0])


def numbered_names(names: Sequence[str]) -> Numbered | None:
    """The columns whose names number the periods; None where they are too few or have gaps."""
    groups: dict[str, dict[int, str]] = {}
    for name in names:
        if parts := _NUMBERED_NAME.fullmatch(name.strip()):
            groups.setdefault(parts["before"], {})[int(parts["number"])] = name
    found: list[tuple[int, Numbered]] = []
    for before, columns in groups.items():
        low, high = min(columns), max(columns)
        known = LETTERS.get(plain(before))
        sign, grain = _counted(known[0] if known else before)
        if len(columns) >= _ENOUGH_COLUMNS and len(columns) == high - low + 1 and sign >= _SURE:
            pattern = f"{before}*"
            found.append(
                (len(columns), Numbered(None, grain, low, high, None, pattern, tuple(columns.values())))
            )
    return max(found, key=lambda entry: entry[0])[1] if found else None
