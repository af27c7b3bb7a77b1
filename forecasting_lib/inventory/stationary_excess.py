"""Undershoot: by how much the inventory position lies under the reorder point when an order is placed.

Belongs here: mean and variance of that quantity under the law of stationary excess.
Does not belong here: the reorder point that takes it into account.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting_lib.panel import FloatArray


@dataclass(frozen=True)
class Undershoot:
    """Mean (n,) and variance (n,) of the undershoot, units and units squared; 0 where nothing is demanded."""

    mean: FloatArray
    variance: FloatArray

    @property
    def sd(self) -> FloatArray:
        """(n,) units."""
        return np.sqrt(self.variance)


def undershoot_of_normal_demand(review_mean: FloatArray, review_sd: FloatArray) -> Undershoot:
    """Undershoot where the demand of a review period is normal.

    ``E[U] = E[J^2] / (2 E[J])`` and ``E[U^2] = E[J^3] / (3 E[J])``.

    >>> day = undershoot_of_normal_demand(np.array([100.0]), np.array([40.0]))
    >>> day.mean, day.sd.round(6)
    (array([58.]), array([39.614812]))

    Args:
        review_mean: (n,) E[J], units demanded between two reviews.
        review_sd: (n,) its standard deviation, of demand and not of a forecast's errors.

    Source: ``docs/methods.md#undershoot``.
    """
    second = review_mean**2 + review_sd**2
    third = review_mean**3 + 3.0 * review_mean * review_sd**2
    return undershoot_of_moments(review_mean, second, third)


def undershoot_of_moments(mean: FloatArray, second: FloatArray, third: FloatArray) -> Undershoot:
    """Undershoot of divisible demand, from E[J], E[J^2] and E[J^3] of a review period's demand, (n,) each."""
    return _undershoot(mean, second / 2.0, third / 3.0)


def undershoot_of_whole_units(mean: FloatArray, second: FloatArray, third: FloatArray) -> Undershoot:
    """Undershoot of demand in whole units: ``P(U = u) = P(J > u) / E[J]``.

    ``E[U] = E[J (J - 1)] / (2 E[J])`` and ``E[U^2] = E[(J - 1) J (2 J - 1)] / (6 E[J])``.

    >>> one_at_a_time = undershoot_of_whole_units(np.array([0.3]), np.array([0.3]), np.array([0.3]))
    >>> one_at_a_time.mean, one_at_a_time.variance.round(9)
    (array([0.]), array([0.]))

    Args:
        mean, second, third: (n,) E[J], E[J^2] and E[J^3] of the demand J between two reviews.

    Source: ``docs/methods.md#undershoot``.
    """
    return _undershoot(mean, (second - mean) / 2.0, (2.0 * third - 3.0 * second + mean) / 6.0)


def _undershoot(mean: FloatArray, first: FloatArray, second: FloatArray) -> Undershoot:
    demanded = mean > 0.0
    shift, square = (
        np.where(np.isnan(mean), np.nan, np.divide(moment, mean, out=np.zeros_like(mean), where=demanded))
        for moment in (first, second)
    )
    return Undershoot(shift, np.maximum(square - shift**2, 0.0))
