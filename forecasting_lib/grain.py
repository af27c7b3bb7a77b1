"""The periods in which a client's demand comes: days, weeks or months.

Belongs here: where a period begins and ends, how periods are counted, how long a season of them is.
Does not belong here: which grain a feed has (who reads it decides), and anything that adds up demand.

A week begins on Monday (ISO 8601), a month on its first day. A period is named by its first day; an as-of
date is a period's last day.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

_FIRST_MONDAY = date(1, 1, 1).toordinal()
_EPOCH = date(1970, 1, 1)


class Grain(StrEnum):
    """The length of a period.

    >>> Grain.WEEK.period_start(date(2024, 5, 1)), Grain.WEEK.period_end(date(2024, 5, 1))
    (datetime.date(2024, 4, 29), datetime.date(2024, 5, 5))
    >>> Grain.MONTH.shift(date(2024, 11, 1), 3)
    datetime.date(2025, 2, 1)
    """

    DAY = "day"
    WEEK = "week"
    MONTH = "month"

    @property
    def season_length(self) -> int:
        """Periods in a season: the week of days, the year of weeks or months."""
        return _SEASON_LENGTHS[self]

    @property
    def days_per_period(self) -> float:
        """Mean number of days in a period: 1, 7, 30.4375."""
        return _DAYS_PER_PERIOD[self]

    @property
    def periods(self) -> str:
        """The plural, for sentences: ``days``, ``weeks``, ``months``."""
        return f"{self.value}s"

    def number(self, day: date) -> int:
        """A number of the period that holds the day; the next period's is greater by 1."""
        if self is Grain.MONTH:
            return 12 * day.year + day.month - 1
        return (day.toordinal() - _FIRST_MONDAY) // (7 if self is Grain.WEEK else 1)

    def number_of(self, day: pl.Expr) -> pl.Expr:
        """:meth:`number` of a column of dates, up to a constant."""
        import polars as pl

        if self is Grain.MONTH:
            return 12 * day.dt.year() + day.dt.month().cast(pl.Int32)
        since_epoch = day.cast(pl.Date).to_physical()
        return (since_epoch + _EPOCH.weekday()).floordiv(7) if self is Grain.WEEK else since_epoch

    def period_start(self, day: date) -> date:
        """First day of the period that holds the day."""
        if self is Grain.MONTH:
            return day.replace(day=1)
        return day - timedelta(days=day.weekday()) if self is Grain.WEEK else day

    def period_start_of(self, day: pl.Expr) -> pl.Expr:
        """:meth:`period_start` of a column of dates."""
        return day.dt.truncate({Grain.DAY: "1d", Grain.WEEK: "1w", Grain.MONTH: "1mo"}[self])

    def period_end(self, day: date) -> date:
        """Last day of the period that holds the day."""
        return self.shift(self.period_start(day), 1) - timedelta(days=1)

    def is_period_end(self, day: date) -> bool:
        """Whether a period ends with the day."""
        return self.period_end(day) == day

    def shift(self, start: date, periods: int) -> date:
        """First day of the period so many after, or before where negative, the one that holds ``start``."""
        if self is Grain.MONTH:
            year, month = divmod(self.number(start) + periods, 12)
            return date(year, month + 1, 1)
        return self.period_start(start) + timedelta(days=periods * (7 if self is Grain.WEEK else 1))

    def periods_between(self, earlier: date, later: date) -> int:
        """Periods from the one that holds ``earlier`` to the one that holds ``later``; 0 within one.

        >>> Grain.MONTH.periods_between(date(2024, 1, 31), date(2024, 3, 1))
        2
        """
        return self.number(later) - self.number(earlier)

    def days_in_period(self, day: date) -> int:
        """Days in the period that holds the day."""
        return (self.period_end(day) - self.period_start(day)).days + 1

    def starts_after(self, as_of_date: date, horizon: int) -> list[date]:
        """First days of the ``horizon`` periods after the one that holds the as-of date."""
        return [self.shift(as_of_date, lag) for lag in range(1, horizon + 1)]

    def lag_days(self, as_of_date: date, horizon: int) -> list[int]:
        """Days from the as-of date to the last day of each of the periods after it.

        >>> Grain.MONTH.lag_days(date(2024, 1, 31), 3), Grain.DAY.lag_days(date(2024, 1, 31), 3)
        ([29, 60, 90], [1, 2, 3])
        """
        return [
            (self.period_end(start) - as_of_date).days for start in self.starts_after(as_of_date, horizon)
        ]


_SEASON_LENGTHS: Mapping[Grain, int] = {Grain.DAY: 7, Grain.WEEK: 52, Grain.MONTH: 12}

_DAYS_PER_PERIOD: Mapping[Grain, float] = {Grain.DAY: 1.0, Grain.WEEK: 7.0, Grain.MONTH: 365.25 / 12}
