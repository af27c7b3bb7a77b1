"""Random processes that both demo clients draw their demand from.

Belongs here: seeded streams, demand sampling by demand class, slow drifts.
Does not belong here: what a retailer or M5 looks like.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from forecasting_lib.demo.assortment import DemandClass

FloatMatrix = npt.NDArray[np.float64]
IntMatrix = npt.NDArray[np.int64]
Days = npt.NDArray[np.datetime64]

_SMOOTH_SHAPE = 30.0
_ERRATIC_SHAPE = 1.4
_INTERMITTENT_EXTRA_UNITS = 0.3
_LUMPY_EXTRA_UNITS = 8.0
_LUMPY_SHAPE = 0.7


def random_stream(seed: int, purpose: str) -> np.random.Generator:
    """A generator of its own for every purpose, so that a change to one draw leaves the others alone."""
    return np.random.default_rng([seed, zlib.crc32(purpose.encode())])


def calendar_days(first: date, days: int) -> Days:
    """``days`` consecutive days from ``first``, as ``datetime64[D]``."""
    return np.datetime64(first, "D") + np.arange(days)


def dates_at(calendar: Days, positions: IntMatrix, name: str = "date") -> pl.Series:
    """The calendar's days at these positions, as a polars Date column; a position outside is null."""
    inside = (positions >= 0) & (positions < len(calendar))
    values = calendar[np.where(inside, positions, 0)].astype("datetime64[D]").astype(np.int32)
    return pl.DataFrame({"value": values, "inside": inside}).select(
        pl.when("inside").then("value").cast(pl.Date).alias(name)
    )[name]


def weekdays(calendar: Days) -> IntMatrix:
    """Monday 0 to Sunday 6."""
    return (calendar.astype("datetime64[D]").astype(np.int64) + 3) % 7


def mean_size(demand_class: DemandClass) -> float:
    """Expected units of one buying occasion: 1 for the classes whose rate is already in units."""
    if demand_class == "intermittent":
        return 1.0 + _INTERMITTENT_EXTRA_UNITS
    if demand_class == "lumpy":
        return 1.0 + _LUMPY_EXTRA_UNITS
    return 1.0


def sample_demand(
    rng: np.random.Generator, rate: FloatMatrix, demand_class: Sequence[DemandClass]
) -> IntMatrix:
    """Draw whole units of demand.

    Smooth and erratic series are negative binomial with mean ``rate`` and shape 30 or 1.4; intermittent
    and lumpy ones are a Bernoulli occasion with probability ``1 - exp(-rate)`` times a size of one plus a
    Poisson (mean 0.3) or a negative binomial (mean 8, shape 0.7) number of units.

    Args:
        rng: the stream to draw from.
        rate: (days, series), non-negative.
        demand_class: one per series.

    Returns:
        (days, series) units.
    """
    classes = np.asarray(demand_class)
    units = np.zeros(rate.shape, dtype=np.int64)
    for name, shape in (("smooth", _SMOOTH_SHAPE), ("erratic", _ERRATIC_SHAPE)):
        at = classes == name
        units[:, at] = rng.poisson(rng.gamma(shape, rate[:, at] / shape))
    at = classes == "intermittent"
    occasions = rng.random(rate[:, at].shape) < -np.expm1(-rate[:, at])
    units[:, at] = occasions * (1 + rng.poisson(_INTERMITTENT_EXTRA_UNITS, occasions.shape))
    at = classes == "lumpy"
    occasions = rng.random(rate[:, at].shape) < -np.expm1(-rate[:, at])
    sizes = rng.poisson(rng.gamma(_LUMPY_SHAPE, _LUMPY_EXTRA_UNITS / _LUMPY_SHAPE, occasions.shape))
    units[:, at] = occasions * (1 + sizes)
    return units


def weekly_drift(rng: np.random.Generator, days: int, series: int, sd: float) -> FloatMatrix:
    """A factor around 1 that wanders from week to week: the exponential of an AR(1) with coefficient 0.8.

    Returns:
        (days, series), stationary with standard deviation ``sd`` on the log scale and mean about 1.
    """
    weeks = days // 7 + 1
    coefficient = 0.8
    level = rng.normal(0.0, sd, series)
    path = np.empty((weeks, series))
    for week in range(weeks):
        path[week] = level
        level = coefficient * level + rng.normal(0.0, sd * np.sqrt(1 - coefficient**2), series)
    return np.exp(np.repeat(path, 7, axis=0)[:days] - sd**2 / 2)


def yearly_wave(calendar: Days, peak_day: FloatMatrix, amplitude: FloatMatrix) -> FloatMatrix:
    """``1 + amplitude * cos(2 pi (day of year - peak) / 365.25)``, (days, series)."""
    day_of_year = (calendar - calendar.astype("datetime64[Y]").astype("datetime64[D]")).astype(np.float64)
    angle = 2 * np.pi * (day_of_year[:, None] - peak_day[None, :]) / 365.25
    return np.asarray(1.0 + amplitude[None, :] * np.cos(angle))
