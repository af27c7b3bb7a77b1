"""The law of a total of which mean and variance are known: how its quantiles and probabilities are read.

Belongs here: negative binomial for counts, gamma for quantities and for counts that vary less than Poisson's.
Does not belong here: where mean and variance come from.

A count is read from the gamma law by rounding to the nearest whole number. Without mean there is no demand,
and without variance the total is its mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import gammainc, gammaincinv
from scipy.stats import nbinom

from forecasting_lib.panel import FloatArray

BoolArray = npt.NDArray[np.bool_]

LEAST_EXCESS = 1e-6
"""Share by which the variance has to exceed the mean for a negative binomial."""


@dataclass(frozen=True)
class MomentLaw:
    """One law for each of the entries, matched by moments.

    >>> law = MomentLaw(np.array([4.0]), np.array([8.0]), np.array([True]))
    >>> law.quantile(0.95), law.cdf(np.array([8.0])).round(4)
    (array([9.]), array([0.927]))

    Attributes:
        mean: (...) units, at least 0.
        variance: (...) units squared, at least 0.
        counted: (...) whether the total is a whole number of units.

    Source: ``docs/methods.md#totals``.
    """

    mean: FloatArray
    variance: FloatArray
    counted: BoolArray

    def quantile(self, level: float | FloatArray) -> FloatArray:
        """(...) units that the total does not exceed with this probability.

        Args:
            level: between 0 and 1, one for all or in the shape of the moments.
        """
        level = np.broadcast_to(np.asarray(level, dtype=np.float64), self.mean.shape)
        found = self.mean.copy()
        spread = self._has_spread()
        binomial = spread & self._is_binomial()
        r, p = self._size_and_share(binomial)
        found[binomial] = nbinom.ppf(level[binomial], r, p)
        gamma = spread & ~binomial
        shape, scale = self._shape_and_scale(gamma)
        found[gamma] = gammaincinv(shape, level[gamma]) * scale
        return np.where(self.counted & ~binomial, np.rint(found), found)

    def cdf(self, total: FloatArray) -> FloatArray:
        """(...) the probability of at most so many units; NaN where the total is."""
        probability = (total >= np.where(self.counted, np.rint(self.mean), self.mean)).astype(np.float64)
        spread = self._has_spread()
        binomial = spread & self._is_binomial()
        r, p = self._size_and_share(binomial)
        probability[binomial] = nbinom.cdf(total[binomial], r, p)
        gamma = spread & ~binomial
        shape, scale = self._shape_and_scale(gamma)
        # a count stands for what rounds to it
        reached = total[gamma] + np.where(self.counted[gamma], 0.5, 0.0)
        probability[gamma] = gammainc(shape, np.maximum(reached, 0.0) / scale)
        probability = np.where(total < 0.0, 0.0, probability)
        return np.where(np.isnan(total), np.nan, probability)

    def transform(self, total: FloatArray) -> tuple[FloatArray, FloatArray]:
        """F(y-) and F(y) of each total (...), as ``reliability.transform`` gives them for a grid."""
        high = self.cdf(total)
        jumps = self.counted | ~self._has_spread()
        low = np.where(jumps, self.cdf(total - np.where(self.counted, 1.0, 1e-9)), high)
        return np.where(total <= 0.0, 0.0, low), high

    def _has_spread(self) -> BoolArray:
        return (self.mean > 0.0) & (self.variance > 0.0)

    def _is_binomial(self) -> BoolArray:
        return np.asarray(self.counted & (self.variance > self.mean * (1.0 + LEAST_EXCESS)))

    def _size_and_share(self, where: BoolArray) -> tuple[FloatArray, FloatArray]:
        mean, variance = self.mean[where], self.variance[where]
        return mean**2 / (variance - mean), mean / variance

    def _shape_and_scale(self, where: BoolArray) -> tuple[FloatArray, FloatArray]:
        mean, variance = self.mean[where], self.variance[where]
        return mean**2 / variance, variance / mean
