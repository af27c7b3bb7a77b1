"""How far the inventory position lies under the reorder point when an order is placed.

Belongs here: mean and variance of the undershoot from the demand of a review period. Does not belong here:
who has one (``levels``).
"""

from __future__ import annotations

import numpy as np

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
    first_of_u = np.where(counted, (second - m) / (2.0 * m), second / (2.0 * m))
    second_of_u = np.where(counted, (2.0 * third - 3.0 * second + m) / (6.0 * m), third / (3.0 * m))
    mean_of_u = np.maximum(np.where(demanded, first_of_u, 0.0), 0.0)
    variance_of_u = np.maximum(np.where(demanded, second_of_u, 0.0) - mean_of_u**2, 0.0)
    unknown = np.isnan(mean)
    return np.where(unknown, np.nan, mean_of_u), np.where(unknown, np.nan, variance_of_u)
