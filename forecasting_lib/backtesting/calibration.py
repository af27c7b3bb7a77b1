"""Making a distribution true: the bias taken out of it, its levels read where past actuals fell.

Belongs here: fitting on earlier origins, shrunk to no change where they say little, and applying the result
to a later forecast. Does not belong here: which series belong together (the caller's segments), totals of
several periods (``inflation``).

Recalibration reads each quantile at another level of the same distribution: if 7 % of the actuals fell below
the quantiles at 5 %, the quantile at 5 % is read lower (Kuleshov, Fenner and Ermon 2018, "Accurate
uncertainties for deep learning using calibrated regression"). A forecast in whole units stays in whole units.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from forecasting_lib.backtesting.reliability import share_below
from forecasting_lib.panel import MEDIAN_INDEX, QUANTILE_LEVELS, FloatArray, Forecast
from forecasting_lib.quantile_grid import demand_grid, quantiles_at, whole_units

_LEVELS = np.array(QUANTILE_LEVELS)

PRIOR_ACTUALS = 500.0
"""Actuals of series of their own that no miscalibration weighs as much as."""

WINDOW_SPREAD = 0.10
"""Least standard deviation of a total's relative bias from one window to another.

Of four weeks of M5, eight weeks of VN2 and half-years of health posts it was 5 to 25 %; with less, factors
made later windows worse.
"""

LEAST_ORIGINS = 3
"""Fewer do not tell a bias that stays from one that passes."""

LARGEST_FACTOR = 1.25
"""A bias beyond this is an event of those windows, not a property of the model."""


@dataclass(frozen=True)
class Calibration:
    """What is done to the forecasts of one segment in one lag bucket.

    Attributes:
        factor: means and quantiles are multiplied by it; 1 leaves them.
        read_at: (21,) the level at which each level of the grid is read, increasing.
    """

    factor: float
    read_at: FloatArray


def bias_factor(actual: FloatArray, forecast: FloatArray) -> float:
    """What a forecast has to be multiplied by, as far as its origins agree.

    The mean over origins of log(actual / forecast), shrunk by ``1 - variance of that mean / its square`` and
    not below zero: a bias that only one window had is left alone (James and Stein 1961, positive part). Four
    windows that happen to agree are not taken to agree better than windows do (``WINDOW_SPREAD``).

    >>> round(bias_factor(np.array([80.0, 82.0, 79.0, 80.0]), np.full(4, 100.0)), 3)
    0.812
    >>> bias_factor(np.array([90.0, 112.0, 95.0, 103.0]), np.full(4, 100.0))
    1.0

    Args:
        actual: (o,) units sold after each origin.
        forecast: (o,) units expected of the same periods.

    Returns:
        Between 1 / ``LARGEST_FACTOR`` and ``LARGEST_FACTOR``; 1 with fewer than ``LEAST_ORIGINS``.
    """
    judged = (actual > 0.0) & (forecast > 0.0)
    origins = int(judged.sum())
    if origins < LEAST_ORIGINS:
        return 1.0
    logs = np.log(actual[judged] / forecast[judged])
    mean = float(logs.mean())
    noise = max(float(logs.var(ddof=1)), WINDOW_SPREAD**2) / origins
    kept = max(0.0, 1.0 - noise / mean**2) if mean != 0.0 else 0.0
    return float(np.clip(np.exp(kept * mean), 1.0 / LARGEST_FACTOR, LARGEST_FACTOR))


def levels_to_read(masses: FloatArray, independent: float) -> FloatArray:
    """Where each level of the grid is to be read, so that it holds the share of actuals it names.

    Args:
        masses: (22,) of the actuals' transforms, ``reliability.cell_masses`` added up.
        independent: how many actuals count as independent of each other: those of one series and origin are
            one at most.

    Returns:
        (21,) levels, increasing; the grid itself where there is no actual.
    """
    return read_levels(masses, independent / (independent + PRIOR_ACTUALS))


def read_levels(masses: FloatArray, weight: float) -> FloatArray:
    """Where each level of the grid is to be read, with a weight of its own.

    Args:
        masses: (22,) as of :func:`levels_to_read`.
        weight: how far the actuals are believed, 0 to 1; with 0 the grid stays.

    Returns:
        (21,) levels, increasing; the grid itself where there is no actual.
    """
    below = share_below(masses)
    if np.isnan(below).any():
        return _LEVELS.copy()
    achieved = np.array([0.0, *(_LEVELS + weight * (below - _LEVELS)), 1.0])
    # equal shares at neighbouring levels: each a little above the one before, so that the map has an inverse
    achieved = np.maximum.accumulate(achieved + np.arange(len(achieved)) * 1e-9)
    read = np.interp(_LEVELS, achieved / achieved[-1], np.array([0.0, *QUANTILE_LEVELS, 1.0]))
    return np.asarray(np.clip(read, 1e-4, 1.0 - 1e-4), dtype=np.float64)


def calibrated(
    forecast: Forecast,
    segments: Sequence[str],
    buckets: Sequence[str],
    calibrations: Mapping[tuple[str, str], Calibration],
    counted: npt.NDArray[np.bool_],
) -> Forecast:
    """The forecast with each segment's calibration; what a guard replaced stays as it is.

    Args:
        forecast: of n series over h periods.
        segments: of each series.
        buckets: of each period.
        calibrations: by segment and bucket; those that are not there leave the numbers alone.
        counted: (n,) the series whose demand comes in whole units.
    """
    point, mean, quantiles = forecast.point.copy(), forecast.mean.copy(), np.array(forecast.quantiles)
    own = np.array([reason is None for reason in forecast.reasons])
    names, bucket_names = np.array(segments, dtype=object), np.array(buckets, dtype=object)
    for (segment, bucket), calibration in calibrations.items():
        rows = np.flatnonzero(own & (names == segment))
        periods = np.flatnonzero(bucket_names == bucket)
        if not len(rows) or not len(periods):
            continue
        part = np.ix_(rows, periods)
        grid = calibration.factor * quantiles_at(quantiles[part], calibration.read_at)
        grid = np.where(counted[rows][:, None, None], whole_units(grid), grid)
        quantiles[part] = demand_grid(grid)
        mean[part] *= calibration.factor
        point[part] = quantiles[part][:, :, MEDIAN_INDEX]
    return replace(forecast, point=point, mean=mean, quantiles=quantiles)
