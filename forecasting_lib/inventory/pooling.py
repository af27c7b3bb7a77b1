"""Safety stock of several locations, kept at each of them or pooled in one place.

Belongs here: both totals, from the covariance of the errors of cumulative demand.
Does not belong here: that covariance, and networks of more than one echelon (``guaranteed_service``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting_lib.inventory.lead_time_demand import safety_factor
from forecasting_lib.panel import FloatArray


@dataclass(frozen=True)
class PooledSafetyStock:
    """Safety stock of n items over their locations, (n,) units each.

    Attributes:
        at_each_location: the sum where every location serves its own demand.
        pooled: where one stock serves all of them, at the same service level.
    """

    at_each_location: FloatArray
    pooled: FloatArray


def pooled_safety_stock(service_level: float, covariance: FloatArray) -> PooledSafetyStock:
    """``z sum_i sqrt(C_ii)`` at each location, ``z sqrt(1' C 1)`` pooled, for normal errors.

    >>> sums = pooled_safety_stock(0.95, equicorrelated(np.array([[10.0, 10.0, 10.0, 10.0]]), 0.0))
    >>> sums.at_each_location.round(4), sums.pooled.round(4)
    (array([65.7941]), array([32.8971]))

    Args:
        service_level: probability of no stock-out in a cycle.
        covariance: (n, k, k) C, units squared: of the errors of the demand of k locations over their
            protection interval.

    Raises:
        ValueError: the service level is not strictly between 0 and 1, or a covariance is none.

    Source: Eppen 1979, ``docs/methods.md#pooling``.
    """
    total = covariance.sum(axis=(1, 2))
    variance = np.diagonal(covariance, axis1=1, axis2=2)
    if (variance < 0.0).any() or (total < -1e-9 * variance.sum(axis=1)).any():
        raise ValueError("a covariance gives a sum of demands a negative variance; it is not one")
    z = safety_factor(service_level)
    return PooledSafetyStock(z * np.sqrt(variance).sum(axis=1), z * np.sqrt(np.maximum(total, 0.0)))


def equicorrelated(sds: FloatArray, correlation: float | FloatArray) -> FloatArray:
    """(n, k, k) covariance of k locations that all have the same correlation with each other.

    Args:
        sds: (n, k) standard deviations, units.
        correlation: from -1 / (k - 1) to 1, one for all or (n,).

    Raises:
        ValueError: the correlation is none that k locations can have.
    """
    locations = sds.shape[1]
    rho = np.broadcast_to(np.asarray(correlation, dtype=np.float64), sds.shape[:1])
    if (rho > 1.0).any() or (rho * (locations - 1) < -1.0 - 1e-12).any():
        raise ValueError(f"{locations} locations cannot all have a correlation of {correlation}")
    same = np.eye(locations)
    return np.asarray(sds[:, :, None] * sds[:, None, :] * np.where(same > 0.0, 1.0, rho[:, None, None]))
