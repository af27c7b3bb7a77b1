"""Arithmetic on the quantile grid that every model publishes: order, moments, whole units, samples.

Belongs here: pure functions over arrays whose last axis is ``QUANTILE_LEVELS``, and the one reading of what
lies between and beyond the levels (``docs/methods.md#the-quantile-grid``).
Does not belong here: models, guards, and demand of more than one day, which inventory adds up.
"""

from __future__ import annotations

import math

import numpy as np

from forecasting_lib.panel import QUANTILE_LEVELS, FloatArray

_LEVELS = np.asarray(QUANTILE_LEVELS)
_WIDTHS = np.diff(_LEVELS)
_BELOW, _BEYOND = QUANTILE_LEVELS[0], 1 - QUANTILE_LEVELS[-1]
"""Probabilities below the lowest level and above the highest."""

_TAIL_DECAY = math.log((1 - QUANTILE_LEVELS[-2]) / _BEYOND)
"""ln 5: an exponential tail through q95 and q99 has the scale ``(q99 - q95) / ln 5``."""

_STEEPNESS = 8.0
_SERIES_PER_CHUNK = 2000


def demand_grid(quantiles: FloatArray) -> FloatArray:
    """The nearest grid that demand can have: no value below 0, no two levels that cross.

    >>> demand_grid(np.array([3.0, 5.0, -1.0]))
    array([0., 3., 5.])

    Args:
        quantiles: (..., 21), units a day, possibly negative or crossing; finite or NaN.

    Returns:
        (..., 21), clipped at 0 and sorted over the levels; a new array. Sorting never raises the quantile
        loss (``docs/methods.md#order``).
    """
    ordered = np.maximum(quantiles, 0.0)
    ordered.sort(axis=-1)
    ordered += 0.0  # turns -0.0 into 0.0
    return ordered


def _first_moment(grid: FloatArray) -> FloatArray:
    """(...) the integral of the inverse distribution function over (0, 1), level by level."""
    top = grid[..., -1]
    body = (grid[..., :-1] + grid[..., 1:]) @ _WIDTHS / 2.0
    return np.asarray(_BELOW * grid[..., 0] + body + _BEYOND * (top + _tail_scale(grid)))


def _second_moment(grid: FloatArray) -> FloatArray:
    """(...) the integral of its square."""
    low, high = grid[..., :-1], grid[..., 1:]
    top, scale = grid[..., -1], _tail_scale(grid)
    body = (low**2 + low * high + high**2) @ _WIDTHS / 3.0
    tail = top**2 + 2.0 * top * scale + 2.0 * scale**2
    return np.asarray(_BELOW * grid[..., 0] ** 2 + body + _BEYOND * tail)


def _tail_scale(grid: FloatArray) -> FloatArray:
    """(...) the scale of the exponential tail above 0.99 that passes through q95 and q99."""
    return np.asarray((grid[..., -1] - grid[..., -2]) / _TAIL_DECAY)


_MEAN_WEIGHTS = _first_moment(np.eye(len(_LEVELS)))
"""The first moment is linear in the quantiles: one weight per level, all positive, adding up to 1."""


def grid_mean(quantiles: FloatArray) -> FloatArray:
    """Expected value of the distribution that a quantile grid describes.

    The integral of the inverse distribution function over (0, 1): the lowest level's value below 0.01,
    linear between neighbouring levels, and above 0.99 an exponential tail through q95 and q99
    (``docs/methods.md#mean-and-variance``). The weights
    of the levels are positive and add up to 1, so the mean lies between the lowest and the highest quantile,
    but for rounding: by no more than 1e-14 of the highest, or 1e-322 where numbers that small lose digits.

    >>> grid = np.asarray(QUANTILE_LEVELS) * 100.0  # uniform from 0 to 100, but for its two ends
    >>> round(float(grid_mean(grid)), 3)
    50.025

    Args:
        quantiles: (..., 21) at ``QUANTILE_LEVELS``, units a day, at least 0 and non-decreasing along the last
            axis, as :func:`demand_grid` makes them.

    Returns:
        (...), in the unit of the quantiles.
    """
    return np.asarray(quantiles @ _MEAN_WEIGHTS, dtype=np.float64)


def grid_variance(quantiles: FloatArray) -> FloatArray:
    """Variance of the distribution that a quantile grid describes, of the same shape as :func:`grid_mean`'s.

    Without the tail a lumpy item's variance is about a quarter too low. Crossing quantiles are sorted,
    negative ones set to zero, first.

    >>> float(grid_variance(np.full((1, 1, 21), 7.0))[0, 0]) < 1e-12
    True

    Args:
        quantiles: (n, h, 21) at ``QUANTILE_LEVELS``, units a day.

    Returns:
        (n, h) units squared, at least 0.
    """
    variance = np.empty(quantiles.shape[:2])
    # Chunks bound the temporaries: 30k series x 90 days x 21 levels would triple half a gigabyte.
    for start in range(0, len(quantiles), _SERIES_PER_CHUNK):
        part = slice(start, start + _SERIES_PER_CHUNK)
        grid = demand_grid(quantiles[part])
        variance[part] = np.maximum(_second_moment(grid) - _first_moment(grid) ** 2, 0.0)
    return variance


def quantiles_at(quantiles: FloatArray, levels: FloatArray) -> FloatArray:
    """Quantiles at other levels of the distributions that grids describe.

    Read as :func:`grid_mean` reads them: the lowest level's value below 0.01, linear between neighbouring
    levels, an exponential tail through q95 and q99 above.

    >>> grid = np.asarray(QUANTILE_LEVELS) * 100.0
    >>> quantiles_at(grid, np.array([0.001, 0.225, 0.998])).round(3).tolist()
    [1.0, 22.5, 103.0]

    Args:
        quantiles: (..., 21), non-decreasing.
        levels: (k,) between 0 and 1.

    Returns:
        (..., k), in the unit of the quantiles.
    """
    inside = np.clip(levels, _LEVELS[0], _LEVELS[-1])
    above = np.clip(np.searchsorted(_LEVELS, inside), 1, len(_LEVELS) - 1)
    share = (inside - _LEVELS[above - 1]) / _WIDTHS[above - 1]
    low, high = quantiles[..., above - 1], quantiles[..., above]
    depth = np.log(_BEYOND / np.minimum(1.0 - levels, _BEYOND))
    return np.asarray(low + share * (high - low) + _tail_scale(quantiles)[..., None] * depth)


def whole_units(quantiles: FloatArray) -> FloatArray:
    """The grid of demand that comes in whole units: every quantile goes to the nearest whole number.

    A quantile of a count is a whole number, and a network that cannot jump answers with something between
    two. Within a sixteenth of a unit of the middle a ramp takes the place of the jump, which would turn the
    last digits of the model's arithmetic, different from batch to batch, into a unit.

    >>> whole_units(np.array([0.2, 1.4, 1.5, 1.6]))
    array([0. , 1. , 1.5, 2. ])

    Args:
        quantiles: (..., 21), units a day, at least 0.

    Returns:
        (..., 21); in order where the quantiles were.
    """
    below = np.floor(quantiles)
    share = np.clip((quantiles - below - 0.5) * _STEEPNESS + 0.5, 0.0, 1.0)
    return np.asarray(below + share, dtype=np.float64)


def empirical_quantiles(samples: FloatArray) -> FloatArray:
    """Quantiles of each row at ``QUANTILE_LEVELS``, linear between order statistics.

    Type 7 of ``docs/methods.md#empirical-quantiles``.

    >>> grid = empirical_quantiles(np.array([[0.0, 10.0, 20.0, np.nan]]))[0]
    >>> [float(grid[QUANTILE_LEVELS.index(level)]) for level in (0.25, 0.5, 0.95)]
    [5.0, 10.0, 19.0]

    Args:
        samples: (n, k); NaN entries are left out.

    Returns:
        (n, 21); a row of NaN where a row has no sample.
    """
    n, k = samples.shape
    if k == 0:
        return np.full((n, len(_LEVELS)), np.nan)
    ordered = np.sort(samples, axis=1)
    counts = np.count_nonzero(~np.isnan(samples), axis=1)
    position = _LEVELS[None, :] * np.maximum(counts - 1, 0)[:, None]
    below = np.floor(position).astype(np.intp)
    above = np.ceil(position).astype(np.intp)
    low = np.take_along_axis(ordered, below, axis=1)
    high = np.take_along_axis(ordered, above, axis=1)
    return np.asarray(low + (high - low) * (position - below), dtype=np.float64)
