"""Days of demand that the eight weeks before them do not explain.

Belongs here: which days, how far out, and what was to be expected of them. Does not belong here: what becomes
of them (people decide), and the guard that keeps one day from carrying a forecast (``models.tails``).

The rule is a Hampel identifier on a scale on which the spread of counts is the same at every level, for each
day against its past alone: a later day changes no verdict. Formula and sources: ``docs/methods.md#outliers``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from forecasting_lib.panel import FloatArray, IntArray

BoolArray = npt.NDArray[np.bool_]

WINDOW_DAYS = 56
"""Whole weeks, so that every weekday is in them equally often."""

LEAST_DAYS = 28
"""Fewer known days before it tell nothing of a day."""

LEAST_SCORE = 6.0
"""Robust deviations; chosen so that genuine demand shows about one such day in a thousand."""

_MAD_TO_DEVIATION = 1.4826
_COUNTING_DEVIATION = 1.0
"""Spread of a Poisson count on the scale of :func:`_stabilised`; less of it is not believed."""


@dataclass(frozen=True)
class Outliers:
    """The days that were found, each array with an element per day, by series and day.

    Attributes:
        judged: days that were judged, odd or not.
        series: row of the series.
        day: column of the day.
        score: robust deviations above what was to be expected, negative below.
        expected: units that were to be expected, at least 0.
    """

    judged: int
    series: IntArray
    day: IntArray
    score: FloatArray
    expected: FloatArray


def find_outliers(demand: FloatArray, first_day: int = WINDOW_DAYS) -> Outliers:
    """Judge each known day by the known days of the eight weeks before it.

    A day is an outlier at ``LEAST_SCORE`` deviations if at most one day of the eight weeks lies as far out,
    and it does from the last week's own level, too: a level that shifts is believed within a week.

    >>> tea = np.tile([4.0, 5.0, 6.0, 5.0, 4.0, 9.0, 8.0], 12)[None, :]
    >>> tea[0, 70] = 60.0
    >>> found = find_outliers(tea)
    >>> found.day.tolist(), found.expected.round().tolist()
    ([70], [4.0])

    Args:
        demand: (n, T) units of consecutive days; NaN where a day is not known or has an explanation of its
            own, such as a promotion: it is not judged, and others are not judged by it.
        first_day: column of the first day to judge; days with fewer than eight weeks before them are left.
    """
    scale = _stabilised(demand)
    judged = 0
    found: list[tuple[IntArray, int, FloatArray, FloatArray]] = []
    for day in range(max(first_day, WINDOW_DAYS), demand.shape[1]):
        window, today = scale[:, day - WINDOW_DAYS : day], scale[:, day]
        can_be_judged = ~np.isnan(today) & (np.count_nonzero(~np.isnan(window), axis=1) >= LEAST_DAYS)
        judged += int(np.count_nonzero(can_be_judged))
        suspects = np.flatnonzero(can_be_judged & _is_farther_than_all_but_one(window, today))
        if suspects.size:
            score, level = _score(window[suspects], today[suspects])
            far = np.abs(score) >= LEAST_SCORE
            found.append((suspects[far], day, score[far], level[far]))
    series = np.concatenate([s for s, _, _, _ in found] or [np.empty(0, np.int64)])
    days = np.concatenate([np.full(len(s), day) for s, day, _, _ in found] or [np.empty(0, np.int64)])
    order = np.lexsort((days, series))
    score = np.concatenate([s for _, _, s, _ in found] or [np.empty(0)])
    level = np.concatenate([lv for _, _, _, lv in found] or [np.empty(0)])
    return Outliers(judged, series[order], days[order], score[order], _in_units(level[order]))


def _stabilised(units: FloatArray) -> FloatArray:
    """Twice the square root of units plus three eighths (Anscombe 1948)."""
    return np.asarray(2.0 * np.sqrt(np.maximum(units, 0.0) + 0.375))


def _in_units(scale: FloatArray) -> FloatArray:
    return np.maximum(np.square(np.maximum(scale, 0.0) / 2.0) - 0.375, 0.0)


def _is_farther_than_all_but_one(window: FloatArray, today: FloatArray) -> BoolArray:
    """(n,) whether today is above or below all days before it that are known, but for one of them."""
    known = ~np.isnan(window)
    second_largest = np.partition(np.where(known, window, -np.inf), -2, axis=1)[:, -2]
    second_smallest = np.partition(np.where(known, window, np.inf), 1, axis=1)[:, 1]
    return np.asarray((today > second_largest) | (today < second_smallest))


def _score(window: FloatArray, today: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Robust deviations of today from what its weekday's past has, and that level on the scale.

    Where the last week as a whole lies apart, the deviation is the smaller of those from the eight weeks and
    from the level of that week.

    Args:
        window: (k, WINDOW_DAYS), the days before, the last of them yesterday.
        today: (k,).
    """
    weeks = window.reshape(len(window), -1, 7)
    median = np.nanmedian(window, axis=1)
    unknown: BoolArray = np.asarray(np.isnan(weeks).all(axis=1))
    weekdays = np.where(
        unknown, median[:, None], np.nanmedian(np.where(unknown[:, None, :], 0.0, weeks), axis=1)
    )
    apart = weeks - weekdays[:, None, :]
    spread = np.nanmedian(np.abs(apart).reshape(window.shape), axis=1)
    deviation = np.maximum(_MAD_TO_DEVIATION * spread, _COUNTING_DEVIATION)
    level = weekdays[:, 0]  # the columns of a week begin with today's weekday
    last_week = apart[:, -1]
    nothing: BoolArray = np.asarray(np.isnan(last_week).all(axis=1))
    shift = np.nanmedian(np.where(nothing[:, None], 0.0, last_week), axis=1)
    far, since = (today - level) / deviation, (today - level - shift) / deviation
    return np.where(far > 0, np.clip(since, 0.0, far), np.clip(since, far, 0.0)), level
