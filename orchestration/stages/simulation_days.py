"""Which past days a client's history allows to be replayed.

Belongs here: the days, and why there are too few, as pure functions. Does not belong here: what was known on
them (``reading.origins``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from forecasting_lib.grain import Grain
from forecasting_lib.origins import origin_dates
from orchestration.stages.backtest_origins import LEAST_HISTORY, TooLittleHistoryError

WEEK = 7
JUDGED_DAYS = 126
"""Judged where nobody says how many: eighteen weeks."""

FITTED_DAYS = 112
"""At most so many days before are for fitting levels."""

LEAST_FITTED_DAYS = 56
"""Fewer days fit nothing that would hold."""

WARM_UP_DAYS = 56
"""Days before the first forecast in which stock comes to what the first levels keep."""


@dataclass(frozen=True)
class ReplayDays:
    """The days of a replay.

    Attributes:
        dates: of the weekly origins, the earliest first.
        fitted_weeks: the first of them, on whose days levels are fitted; 0 for none.
    """

    dates: Sequence[date]
    fitted_weeks: int

    @property
    def judged_from(self) -> int:
        """Number of the first origin whose days are judged."""
        return self.fitted_weeks


def replay_days(first: date, last: date, wanted: int | None) -> ReplayDays:
    """The days that a history allows, in whole weeks: those judged first, then those to fit on.

    Args:
        first: first day of demand.
        last: last day of the last complete day of demand.
        wanted: days to judge, rounded up to weeks; None takes ``JUDGED_DAYS`` or as many as there are.

    Raises:
        TooLittleHistoryError: there is not a week to judge, or not all that were asked for.
    """
    least = LEAST_HISTORY[Grain.DAY]
    there = Grain.DAY.periods_between(first, last) + 1
    weeks = (there - least) // WEEK
    judged = -(-(JUDGED_DAYS if wanted is None else wanted) // WEEK)
    if weeks < 1 or (wanted is not None and weeks < judged):
        raise TooLittleHistoryError(
            f"{there} days of demand are too few: {least} before the first forecast and "
            f"{WEEK * (judged if wanted is not None else 1)} to replay are needed."
        )
    judged = min(judged, weeks)
    left = min(weeks - judged, FITTED_DAYS // WEEK)
    fitted = left if left * WEEK >= LEAST_FITTED_DAYS else 0
    dates = origin_dates(last, Grain.DAY, origins=judged + fitted, stride=WEEK, horizon=WEEK)
    return ReplayDays(dates, fitted)
