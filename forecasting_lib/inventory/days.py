"""From the forecast's periods to the days that lead times are counted in, and back to its periods.

Belongs here: the days of each period, demand at a level rate within it, totals and closing values of periods.
Does not belong here: any decision; the rest of this package counts days whatever the grain.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from forecasting_lib.grain import Grain
from forecasting_lib.panel import FloatArray, Forecast


@dataclass(frozen=True)
class PeriodDays:
    """The days of the h periods of a horizon.

    Demand of a week or a month is taken at a level rate within it (``docs/methods.md#days-and-units``), so
    that a lead time of ten days is ten days of demand and not two weeks.

    Attributes:
        starts: first day of each period.
        last_day: (h,) number of each period's last day, counted from the as-of date.
    """

    starts: tuple[date, ...]
    last_day: npt.NDArray[np.int64]

    @classmethod
    def of(cls, forecast: Forecast) -> PeriodDays:
        as_of_date, horizon, grain = forecast.as_of_date, forecast.horizon, forecast.grain
        return cls(
            tuple(grain.starts_after(as_of_date, horizon)),
            np.array(grain.lag_days(as_of_date, horizon), dtype=np.int64),
        )

    @property
    def length(self) -> npt.NDArray[np.int64]:
        """(h,) days in each period."""
        return np.diff(self.last_day, prepend=0)

    def daily(self, totals: FloatArray) -> FloatArray:
        """(n, days) units a day, or units squared, of periods with these totals (n, h).

        >>> week = PeriodDays((date(2024, 4, 1),), np.array([7]))
        >>> week.daily(np.array([[14.0]])).tolist()
        [[2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0]]
        """
        return np.repeat(totals / self.length, self.length, axis=1)

    def totals(self, daily: FloatArray) -> FloatArray:
        """(n, h) the sums of each period's days, of an array (n, days)."""
        return np.add.reduceat(daily, self.last_day - self.length, axis=1)

    def closing(self, daily: FloatArray) -> FloatArray:
        """(n, h) the values at the end of each period's last day, of an array (n, days)."""
        return daily[:, self.last_day - 1]


REVIEW_DAYS = {Grain.DAY: 1, Grain.WEEK: 7, Grain.MONTH: 30}
"""Days between reviews where nobody says: demand of a finer rhythm than its grain is never seen."""
