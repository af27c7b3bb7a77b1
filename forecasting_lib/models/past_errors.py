"""Distributions for models that have none: from their own past errors, or from the shape of recent demand.

Belongs here: how one number a period becomes a quantile grid. Does not belong here: the number.
"""

from __future__ import annotations

import numpy as np

from forecasting_lib.grain import Grain
from forecasting_lib.models.naive import RESIDUAL_PERIODS, last_observed
from forecasting_lib.panel import FloatArray
from forecasting_lib.quantile_grid import empirical_quantiles


def around(mean: FloatArray, errors: FloatArray, growth: FloatArray, grain: Grain) -> FloatArray:
    """The mean and the empirical quantiles of the last known errors, wider further ahead.

    >>> errors = np.array([-1.0, 0.0, 1.0])
    >>> around(np.array([5.0, 5.0]), errors, np.array([1.0, 2.0]), Grain.DAY)[:, [0, 10, 20]].tolist()
    [[4.02, 5.0, 5.98], [3.04, 5.0, 6.96]]

    Args:
        mean: (h,) units a period.
        errors: (t,) actual less one-step answer, the oldest first, NaN where masked; the last
            ``RESIDUAL_PERIODS`` count. With fewer than two the distribution is the mean itself.
        growth: (h,) factor on the errors of each period ahead, 1 for the first.
        grain: of the periods.

    Returns:
        (h, 21), possibly negative.
    """
    if np.count_nonzero(~np.isnan(errors)) < 2:
        return np.repeat(mean[:, None], empirical_quantiles(mean[None]).shape[1], axis=1)
    spread = empirical_quantiles(last_observed(errors[None, :], RESIDUAL_PERIODS[grain]))
    return np.asarray(mean[:, None] + growth[:, None] * spread, dtype=np.float64)


def shaped_like(mean: float, demand: FloatArray, grain: Grain) -> FloatArray:
    """The distribution of recent demand, stretched to another mean: as many zeros, other sizes.

    >>> shaped_like(2.0, np.array([0.0, 0.0, 4.0, 0.0]), Grain.DAY)[[0, 10, 20]].round(2).tolist()
    [0.0, 0.0, 7.76]

    Args:
        mean: units a period.
        demand: (t,) observed units a period, the oldest first; the last ``RESIDUAL_PERIODS`` count.
        grain: of the periods.

    Returns:
        (21,), zero throughout where nothing was sold of late.
    """
    recent = demand[-RESIDUAL_PERIODS[grain] :]
    stretch = mean / recent.mean() if recent.any() else 0.0
    return np.asarray(stretch * empirical_quantiles(recent[None, :])[0], dtype=np.float64)
