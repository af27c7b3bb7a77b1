"""Two policies that need no model: the textbook formula on history, and a moving average times a factor.

Belongs here: their reorder points as they would have stood on each day. Does not belong here: what they
achieve (``judgement``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from forecasting_lib.inventory.simulation.sweep import LevelSweep
from forecasting_lib.panel import FloatArray

TEXTBOOK = "textbook_normal"
"""Normal demand with the mean and deviation of history."""

MOVING_AVERAGE = "ma7_factor"
"""The mean of the last seven days over the protection interval, times a factor."""

HISTORY_DAYS = 365
"""History that the textbook formula looks at."""


@dataclass(frozen=True)
class Protection:
    """The interval that stock must last, of n items; every array is (n,) days.

    Attributes:
        lead_time: mean.
        lead_time_sd: standard deviation, 0 where it is not known.
        review: from one review to the next.
    """

    lead_time: FloatArray
    lead_time_sd: FloatArray
    review: FloatArray


def textbook_levels(
    demand: FloatArray,
    origins: Sequence[int],
    protection: Protection,
    service_levels: FloatArray,
    lot: FloatArray,
) -> LevelSweep:
    """``s = mu (L + R) + z sqrt((L + R) sigma^2 + mu^2 sigma_L^2)`` with mu and sigma of the last year.

    Args:
        demand: (n, t) units a day; NaN: before the series began, or masked.
        origins: columns of ``demand`` at which each origin's future begins, evenly spaced.
        protection: of the n series.
        service_levels: (k,) ascending.
        lot: (n, days), as every policy that is compared has it.

    Source: ``docs/methods.md#protection-interval``.
    """
    interval = protection.lead_time + protection.review
    z = ndtri(service_levels)
    points = []
    for start in origins:
        mean, sd = _moments(demand[:, max(start - HISTORY_DAYS, 0) : start])
        spread = np.sqrt(interval * sd**2 + mean**2 * protection.lead_time_sd**2)
        points.append(mean * interval + z[:, None] * spread)
    promised = np.repeat(service_levels[:, None], len(demand), axis=1)
    return LevelSweep(TEXTBOOK, "probability", service_levels, _held(points, lot), lot, promised)


def moving_average_levels(
    demand: FloatArray, origins: Sequence[int], protection: Protection, factors: FloatArray, lot: FloatArray
) -> LevelSweep:
    """The mean of the last seven days times L + R, times a factor; arguments as :func:`textbook_levels`."""
    interval = protection.lead_time + protection.review
    points = []
    for start in origins:
        mean, _ = _moments(demand[:, max(start - 7, 0) : start])
        points.append(factors[:, None] * (mean * interval))
    nothing = np.full((len(factors), len(demand)), np.nan)
    return LevelSweep(MOVING_AVERAGE, "factor", factors, _held(points, lot), lot, nothing)


def _moments(window: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and sample deviation of the known days of each row; 0 where there are too few."""
    known = ~np.isnan(window)
    count = known.sum(axis=1)
    mean = np.where(known, window, 0.0).sum(axis=1) / np.maximum(count, 1)
    squares = np.where(known, (window - mean[:, None]) ** 2, 0.0).sum(axis=1)
    return mean, np.sqrt(squares / np.maximum(count - 1, 1))


def _held(points: Sequence[FloatArray], lot: FloatArray) -> FloatArray:
    """(k, n, days) the points of each origin on every day until the next."""
    return np.repeat(np.stack(points, axis=-1), lot.shape[1] // len(points), axis=-1)
