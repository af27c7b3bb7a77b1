"""Which past days a client's history allows a backtest to look from.

Belongs here: the dates, and why there are too few, as pure functions. Does not belong here: what was known on
them (``reading.origins``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from forecasting_lib.grain import Grain
from forecasting_lib.origins import origin_dates

ORIGINS = 6
"""Asked for where nobody says how many: four to choose on, two to judge the choice."""

STRIDES: Mapping[Grain, int] = {Grain.DAY: 28, Grain.WEEK: 4, Grain.MONTH: 2}
"""Periods from one origin to the next; of days whole weeks, so that each begins on the same weekday."""

LEAST_HISTORY: Mapping[Grain, int] = {Grain.DAY: 112, Grain.WEEK: 52, Grain.MONTH: 18}
"""Periods of demand that the first origin has to see."""


class TooLittleHistoryError(Exception):
    """There is no origin with enough before it and a horizon behind it; the message says what is missing."""


@dataclass(frozen=True)
class Asked:
    """How a backtest is to be made.

    Attributes:
        dates: of the origins, the earliest first.
        stride: periods from one to the next.
        horizon: periods that each is judged on.
    """

    dates: Sequence[date]
    stride: int
    horizon: int


def chosen_origins(
    first: date, last: date, grain: Grain, *, origins: int | None, stride: int | None, horizon: int
) -> Asked:
    """The origins that a history allows.

    Args:
        first: first day of demand.
        last: last day of the last complete period of demand.
        grain: what a period is.
        origins: how many; None takes ``ORIGINS``, or as many as there is history for.
        stride: periods from one to the next; None takes the grain's.
        horizon: periods ahead.

    Raises:
        TooLittleHistoryError: not even the last origin has ``LEAST_HISTORY``, or not all that were asked for.
    """
    step = STRIDES[grain] if stride is None else stride
    wanted = ORIGINS if origins is None else origins
    dates = origin_dates(last, grain, origins=wanted, stride=step, horizon=horizon)
    enough = [day for day in dates if grain.periods_between(first, day) + 1 >= LEAST_HISTORY[grain]]
    if not enough or (origins is not None and len(enough) < origins):
        count = origins or 1
        needed = LEAST_HISTORY[grain] + horizon + step * (count - 1)
        there = grain.periods_between(first, last) + 1
        raise TooLittleHistoryError(
            f"{there} {grain.periods} of demand are too few: {how_many(count)} with {LEAST_HISTORY[grain]} "
            f"{grain.periods} before and {horizon} behind need {needed}."
        )
    return Asked(enough, step, horizon)


def how_many(origins: int) -> str:
    """So many origins, in words."""
    return "one origin" if origins == 1 else f"{origins} origins"
