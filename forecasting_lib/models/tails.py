"""The guard of the tail: days and forecasts far beyond anything that the year around them supports.

Belongs here: which days of a history are unsupported and what a model is shown instead, and how high a
forecast may reach. Does not belong here: when a model is asked (``guards``), typing errors in files.

A forecast of demand has a mean that is added up, and one recording of a whole year's units on one day is
enough to carry it. The rule is a Hampel identifier on the logarithm of the days with demand, counted from the
third largest day in the place of the median, so that two errors cannot vouch for each other and three days
can. Its formula, its source and what it leaves alone: ``docs/methods.md#the-guard-of-the-tail``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from forecasting_lib.grain import Grain
from forecasting_lib.panel import FloatArray, Forecast, Panel
from forecasting_lib.quantile_grid import grid_mean
from forecasting_lib.ragged import Ragged, lengths_of

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Year:
    """The year that supports a period, in periods.

    Attributes:
        length: periods; of days 52 weeks, so that every weekday is in it equally often.
        tolerance: a peak of last year lies within this many periods of a whole number of years.
        least_observed: fewer observed periods since the first sale say nothing about what is large.
    """

    length: int
    tolerance: int
    least_observed: int


YEARS: Mapping[Grain, Year] = {
    Grain.DAY: Year(length=364, tolerance=7, least_observed=28),
    Grain.WEEK: Year(length=52, tolerance=1, least_observed=26),
    Grain.MONTH: Year(length=12, tolerance=1, least_observed=12),
}
"""The constants of weeks and months are the days' in the same spirit; backtests chose the days' only."""

SUPPORTING_DAYS = 3
"""Days that have to reach a level before it counts as one the series sells at."""

LEAST_FACTOR = 5.0
"""A day up to this multiple of the supported level always stands; chosen on backtests."""

HAMPEL_FACTOR = 3.0
"""Robust standard deviations, of the logarithm, beyond the supported level: Hampel's own choice."""

ENOUGH_SALES = 10
"""With fewer days with demand the factor grows with the square of what is missing."""

TWIN_RATIO = 3.0
"""Two large days within this factor are of a size."""

REACH = 3.0
"""A forecast above this multiple of the highest supported day of the last year is cut there."""

EVENTS = ("promotion", "holiday")
"""Covariates that explain a large day: positive where there is an event, 0 where there is none."""

_LARGEST_LOG = 700.0
"""Logarithm of a bound that no day reaches, below that of the largest number."""

_MAD_TO_DEVIATION = 1.4826
"""The median absolute deviation of a normal variable times this is its standard deviation."""


@dataclass(frozen=True)
class Supported:
    """A panel without unsupported days, and how far its forecasts may reach.

    Attributes:
        panel: the panel with every unsupported day at the supported level.
        clipped: (n,) whether the series had such a day.
        ceiling: (n,) units; the largest forecast of a period that the last year supports, infinite where
            too little was observed.
    """

    panel: Panel
    clipped: BoolArray
    ceiling: FloatArray


def supported(panel: Panel) -> Supported:
    """Judge every series of a panel by itself.

    Args:
        panel: histories from their first positive period on, without infinities and nothing negative.
    """
    year = YEARS[panel.grain]
    smaller: dict[int, FloatArray] = {}
    clipped = np.zeros(len(panel), dtype=np.bool_)
    ceiling = np.full(len(panel), np.inf)
    for i, history in enumerate(panel.history):
        if np.count_nonzero(~np.isnan(history)) < year.least_observed:
            continue
        events = {name: panel.past_covariates[name][i] for name in EVENTS if name in panel.past_covariates}
        cleaned, clipped[i] = without_unsupported_days(history, events, year)
        if clipped[i]:
            smaller[i] = cleaned
        recent = cleaned[-year.length :]
        if np.count_nonzero(recent > 0) >= SUPPORTING_DAYS:
            ceiling[i] = REACH * np.nanmax(recent)
    if smaller:
        panel = replace(
            panel,
            history=Ragged.of(
                (smaller.get(i, history) for i, history in enumerate(panel.history)),
                lengths_of(panel.history),
            ),
        )
    return Supported(panel, clipped, ceiling)


def without_unsupported_days(
    history: FloatArray, events: Mapping[str, FloatArray], year: Year = YEARS[Grain.DAY]
) -> tuple[FloatArray, bool]:
    """The history with every unsupported day at the level that its year supports, and whether there was one.

    >>> quiet = np.tile([3.0, 5.0, 4.0, 0.0], 20)
    >>> struck = quiet.copy()
    >>> struck[41] = 9_000.0
    >>> shown, changed = without_unsupported_days(struck, {})
    >>> float(shown[41]), changed, without_unsupported_days(quiet, {})[1]
    (5.0, True, False)

    Args:
        history: (t,) units a period, at least 0, NaN masked.
        events: covariates of the same periods that are positive on days which they explain.
        year: in the periods of the history.
    """
    years = _years(len(history), year.length)
    last = _Level.of(history[years[0]])
    if last is not None and np.nanmax(history) <= LEAST_FACTOR * last.value:
        return history, False  # most series, and no spread had to be estimated
    bounds = np.full(len(history), np.inf)
    values = np.empty(len(history))
    for span in years:
        known = [level for level in (_Level.of(history[span]), last) if level is not None]
        if known:
            level = max(known, key=lambda level: level.bound)
            bounds[span], values[span] = level.bound, level.value
    suspects = np.flatnonzero(history > bounds)
    unsupported = suspects[~_have_twins(history, suspects, events, year)]
    if not len(unsupported):
        return history, False
    shown = history.copy()
    shown[unsupported] = values[unsupported]
    return shown, True


def within_reach(forecast: Forecast, ceiling: FloatArray) -> tuple[Forecast, BoolArray]:
    """The forecast with nothing above the ceiling, and which series it was lowered for.

    On a day whose quantiles are cut the mean is at most the integral of what is left of them.

    Args:
        forecast: of n series, its quantiles in order and at least 0.
        ceiling: (n,) units a period, as :class:`Supported` has it.
    """
    bound = ceiling[:, None]
    cut = np.maximum(forecast.quantiles[:, :, -1], np.maximum(forecast.mean, forecast.point)) > bound
    rows, days = np.nonzero(cut)
    if not len(rows):
        return forecast, np.zeros(len(ceiling), dtype=np.bool_)
    quantiles, mean, point = forecast.quantiles.copy(), forecast.mean.copy(), forecast.point.copy()
    quantiles[rows, days] = np.minimum(quantiles[rows, days], ceiling[rows, None])
    integral = np.minimum(grid_mean(quantiles[rows, days]), ceiling[rows])  # rounding may lift it above
    mean[rows, days] = np.minimum(mean[rows, days], integral)
    point[rows, days] = np.minimum(point[rows, days], ceiling[rows])
    return replace(forecast, quantiles=quantiles, mean=mean, point=point), np.asarray(cut.any(axis=1))


@dataclass(frozen=True)
class _Level:
    """What a year of demand supports: its third-largest day, and the days below it that have demand.

    Attributes:
        value: units of the third-largest day.
        sold: (k,) units of the days with demand but the two largest, so that the spread stays what it is
            when those are clipped.
    """

    value: float
    sold: FloatArray

    @classmethod
    def of(cls, year: FloatArray) -> _Level | None:
        """The level of one year, None where fewer than ``SUPPORTING_DAYS`` have demand."""
        sold = year[year > 0]
        if len(sold) < SUPPORTING_DAYS:
            return None
        kept = np.partition(sold, len(sold) - SUPPORTING_DAYS)[: 1 - SUPPORTING_DAYS]
        return cls(float(kept[-1]), kept)

    @cached_property
    def bound(self) -> float:
        """Units up to which a day stands."""
        sizes = np.log(self.sold)
        spread = _MAD_TO_DEVIATION * float(np.median(np.abs(sizes - np.median(sizes))))
        few = ENOUGH_SALES / (len(self.sold) + SUPPORTING_DAYS - 1)
        least = math.log(LEAST_FACTOR) + 2.0 * math.log(max(1.0, few))
        return math.exp(min(math.log(self.value) + max(least, HAMPEL_FACTOR * spread), _LARGEST_LOG))


def _years(periods: int, length: int) -> list[slice]:
    """A history in years counted back from its last period; the oldest takes what is left over."""
    whole = max(1, periods // length)
    ends = [periods - length * i for i in range(whole)]
    return [slice(start, end) for start, end in zip([*ends[1:], 0], ends, strict=True)]


def _have_twins(
    history: FloatArray, suspects: IntArray, events: Mapping[str, FloatArray], year: Year
) -> BoolArray:
    """Which suspects another one of their size explains: whole years apart, or on a day of the same kind."""
    units = history[suspects]
    alike = np.maximum.outer(units, units) <= TWIN_RATIO * np.minimum.outer(units, units)
    apart = np.abs(np.subtract.outer(suspects, suspects))
    years = np.rint(apart / year.length)
    explained = (years >= 1) & (np.abs(apart - year.length * years) <= year.tolerance)
    for values in events.values():
        on = values[suspects] > 0
        explained |= np.logical_and.outer(on, on) & (apart > 0)
    return np.asarray((alike & explained).any(axis=1))
