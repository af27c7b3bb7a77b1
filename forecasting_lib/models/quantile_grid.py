"""Arithmetic on the quantile grid that every model publishes: order, expectation, empirical quantiles.

Belongs here: pure functions over arrays whose last axis is ``QUANTILE_LEVELS``.
Does not belong here: models, guards, and the higher moments that only inventory needs.
"""

from __future__ import annotations

import math

import numpy as np

from forecasting_lib.panel import QUANTILE_LEVELS, FloatArray

_LEVELS = np.asarray(QUANTILE_LEVELS)
_LOWEST, _HIGHEST = QUANTILE_LEVELS[0], QUANTILE_LEVELS[-1]
_TAIL_FROM = QUANTILE_LEVELS[-2]
_STEEPNESS = 8.0


def _mean_weights() -> FloatArray:
    """The linear functional of :func:`grid_mean` as one weight per level; the weights add up to 1."""
    weights = np.zeros(len(_LEVELS))
    widths = np.diff(_LEVELS)
    weights[:-1] += widths / 2
    weights[1:] += widths / 2
    weights[0] += _LOWEST
    tail_mass = 1 - _HIGHEST
    tail_scale = 1 / math.log((1 - _TAIL_FROM) / tail_mass)
    weights[-1] += tail_mass * (1 + tail_scale)
    weights[-2] -= tail_mass * tail_scale
    return weights


_MEAN_WEIGHTS = _mean_weights()


def demand_grid(quantiles: FloatArray) -> FloatArray:
    """The nearest grid that demand can have: no value below 0, no two levels that cross.

    Args:
        quantiles: (..., 21), units a day, possibly negative or crossing; finite or NaN.

    Returns:
        (..., 21), clipped at 0 and sorted over the levels; a new array. Sorting is the rearrangement of
        Chernozhukov, Fernandez-Val and Galichon (2010), which never raises the quantile loss.
    """
    ordered = np.sort(np.maximum(quantiles, 0.0), axis=-1)
    ordered += 0.0  # turns -0.0 into 0.0
    return ordered


def grid_mean(quantiles: FloatArray) -> FloatArray:
    """Expected value of the distribution that a quantile grid describes.

    The integral of the inverse distribution function over (0, 1): the lowest level's value below 0.01,
    linear between neighbouring levels, and above 0.99 an exponential tail whose scale
    ``(q99 - q95) / ln 5`` makes it pass through both.

    Args:
        quantiles: (..., 21) at ``QUANTILE_LEVELS``, non-decreasing along the last axis.

    Returns:
        (...), in the unit of the quantiles. Never below the lowest quantile.
    """
    return np.asarray(quantiles @ _MEAN_WEIGHTS, dtype=np.float64)


def whole_units(quantiles: FloatArray) -> FloatArray:
    """The grid of demand that comes in whole units: every quantile goes to the nearest whole number.

    A quantile of a count is a whole number, and a network that cannot jump answers with something between
    two. Within a sixteenth of a unit of the middle a ramp takes the place of the jump, which would turn the
    last digits of the model's arithmetic, different from batch to batch, into a unit.

    Args:
        quantiles: (..., 21), units a day, at least 0.

    Returns:
        (..., 21); in order where the quantiles were.
    """
    below = np.floor(quantiles)
    share = np.clip((quantiles - below - 0.5) * _STEEPNESS + 0.5, 0.0, 1.0)
    return np.asarray(below + share, dtype=np.float64)


def empirical_quantiles(samples: FloatArray) -> FloatArray:
    """Quantiles of each row at ``QUANTILE_LEVELS``, linear between order statistics (Hyndman-Fan type 7).

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
