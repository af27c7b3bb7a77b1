"""Weighted scaled pinball loss of one level, as the M5 uncertainty competition defines it.

Belongs here: the loss, and the quantiles of sums. Does not belong here: the mean over the levels
(``m5_scores``).

Source: M5 Competitors' Guide, 2020; Makridakis et al., International Journal of Forecasting 38 (2022),
1365-1385.
"""

from __future__ import annotations

import numpy as np

from forecasting_lib.accuracy.metrics import coverage, quantile_loss
from forecasting_lib.benchmark.m5_levels import Level
from forecasting_lib.benchmark.m5_yardsticks import Yardstick
from forecasting_lib.moment_law import MomentLaw
from forecasting_lib.panel import FloatArray, Forecast
from forecasting_lib.quantile_grid import grid_variance, quantiles_at

M5_QUANTILES = (0.005, 0.025, 0.165, 0.25, 0.5, 0.75, 0.835, 0.975, 0.995)
"""The median and the ends of the central 50, 67, 95 and 99 % intervals."""


def spl(actual: FloatArray, quantiles: FloatArray, yardstick: Yardstick) -> FloatArray:
    """(sums,) mean pinball loss over days and quantiles, over the scale; NaN where the sum has no scale.

    Args:
        actual: (sums, days) units.
        quantiles: (sums, days, 9) at :data:`M5_QUANTILES`.
        yardstick: of these sums.
    """
    loss = quantile_loss(actual, quantiles, M5_QUANTILES) / 2.0
    return np.asarray(loss.mean(axis=-1) / yardstick.absolute)


def wspl(actual: FloatArray, quantiles: FloatArray, yardstick: Yardstick) -> float:
    """The weighted mean of :func:`spl`, whose arguments it takes."""
    return yardstick.weigh(spl(actual, quantiles, yardstick))


def inside_95(actual: FloatArray, quantiles: FloatArray) -> float:
    """The share of the days of all sums that lie in the central 95 %; arguments as in :func:`spl`."""
    low, high = M5_QUANTILES.index(0.025), M5_QUANTILES.index(0.975)
    inside = coverage(actual, quantiles[..., low], quantiles[..., high])
    return float(inside.numerator.sum() / inside.denominator.sum())


def quantiles_of_sums(level: Level, forecast: Forecast) -> FloatArray:
    """Quantiles of the daily sums of a level.

    A sum of one series has that series' own quantiles. A larger one is read from the law of whole units with
    the sum of the means and the sum of the variances, as if the series were independent. Series of a
    store are not, so the law of a large sum is too narrow.

    Args:
        level: of n series.
        forecast: of these series, in this order.

    Returns:
        (sums, h, 9) units at :data:`M5_QUANTILES`.
    """
    levels = np.array(M5_QUANTILES)
    found = np.empty((len(level.members), forecast.horizon, len(levels)))
    added = level.members > 1
    alone = ~added[level.group]
    found[level.group[alone]] = quantiles_at(forecast.quantiles[alone], levels)
    if added.any():
        mean = level.total(forecast.mean)[added]
        variance = level.total(grid_variance(forecast.quantiles))[added]
        law = MomentLaw(mean, variance, np.ones(mean.shape, dtype=np.bool_))
        found[added] = np.stack([law.quantile(level) for level in M5_QUANTILES], axis=-1)
    return found
