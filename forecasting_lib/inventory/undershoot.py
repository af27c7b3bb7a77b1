"""How far the inventory position lies under the reorder point when an order is placed.

Belongs here: mean and variance of the undershoot from those of a review period's demand. Does not belong
here: the formula over its moments (``stationary_excess``), who has one (``levels``).
"""

from __future__ import annotations

import numpy as np

from forecasting_lib.inventory.stationary_excess import undershoot_of_moments, undershoot_of_whole_units
from forecasting_lib.moment_law import NO_DEMAND, BoolArray
from forecasting_lib.panel import FloatArray


def undershoot(mean: FloatArray, variance: FloatArray, counted: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Mean and variance of the undershoot, (n,) each: the stationary excess of a review period's demand J.

    Of counts ``E[U] = E[J(J-1)] / 2E[J]`` and ``E[U^2] = E[(J-1)J(2J-1)] / 6E[J]``, of quantities
    ``E[J^2] / 2E[J]`` and ``E[J^3] / 3E[J]``; the third moment is the negative binomial's, or the gamma's.

    >>> mean, variance = undershoot(np.array([1.0, 1.0]), np.array([1.0, 1.0]), np.array([True, False]))
    >>> mean, variance.round(4)
    (array([0.5, 1. ]), array([0.5833, 1.    ]))

    Args:
        mean: (n,) E[J], units.
        variance: (n,) of J.
        counted: (n,) whether it is a count.

    Source: ``docs/methods.md#undershoot``.
    """
    demanded = mean > NO_DEMAND
    m = np.where(demanded, mean, 1.0)
    v = np.where(demanded, variance, 0.0)
    second = v + m**2
    central = np.where(counted, v * (2.0 * v / m - 1.0), 2.0 * v**2 / m)
    third = central + 3.0 * m * v + m**3
    whole, divisible = (of(m, second, third) for of in (undershoot_of_whole_units, undershoot_of_moments))
    mean_of_u = np.maximum(np.where(counted, whole.mean, divisible.mean), 0.0)
    variance_of_u = np.where(counted, whole.variance, divisible.variance)
    nothing = np.where(np.isnan(mean), np.nan, 0.0)
    return np.where(demanded, mean_of_u, nothing), np.where(demanded, variance_of_u, nothing)
