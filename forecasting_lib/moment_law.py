"""The law of a total of which mean and variance are known: how its quantiles and probabilities are read.

Belongs here: negative binomial for counts, gamma for quantities and for counts that vary less than Poisson's.
Does not belong here: where mean and variance come from.

A count is read from the gamma law by rounding to the nearest whole number. Without mean there is no demand,
and without variance the total is its mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import gammainc, gammaincc, gammaincinv
from scipy.stats import nbinom

from forecasting_lib.panel import FloatArray

BoolArray = npt.NDArray[np.bool_]

NO_DEMAND = 1e-9
"""Units, or units squared, below which there are none."""

_HIGHEST = 0.99
_REACH = 10.0
"""Standard deviations beyond the mean that no more than 1 % can lie (Cantelli's inequality)."""

_LONGEST_COUNT = 400.0
_BLOCK = 2048

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
        """(...) units that the total does not exceed with this probability, between 0 and 1.

        Args:
            level: of all totals, or (...) of each.
        """
        found = self.mean.copy()
        levels = np.broadcast_to(np.asarray(level, dtype=np.float64), found.shape)
        spread = self.has_spread
        binomial = spread & self._is_binomial()
        r, p = self._size_and_share(binomial)
        found[binomial] = nbinom.ppf(levels[binomial], r, p)
        gamma = spread & ~binomial
        shape, scale = self._shape_and_scale(gamma)
        found[gamma] = gammaincinv(shape, levels[gamma]) * scale
        return np.where(self.counted & ~binomial, np.rint(found), found)

    def quantiles(self, levels: Sequence[float]) -> FloatArray:
        """(..., k) units at each of some levels up to 0.99: :meth:`quantile` of each, sooner.

        Args:
            levels: k, increasing.
        """
        if levels[-1] > _HIGHEST:
            raise ValueError(f"levels end at {levels[-1]}; {_HIGHEST} is the highest that is looked for")
        found = np.stack([self.mean] * len(levels), axis=-1)
        binomial = self.has_spread & self._is_binomial()
        reach = np.ceil(self.mean + _REACH * np.sqrt(self.variance)) + 1.0
        counted_out = binomial & (reach <= _LONGEST_COUNT)
        r, p = self._size_and_share(counted_out)
        found[counted_out] = _counted(r, p, reach[counted_out], np.array(levels))
        rest = ~counted_out
        others = MomentLaw(self.mean[rest], self.variance[rest], self.counted[rest])
        found[rest] = np.stack([others.quantile(level) for level in levels], axis=-1)
        return found

    def cdf(self, total: FloatArray) -> FloatArray:
        """(...) the probability of at most so many units; NaN where the total is."""
        probability = (total >= np.where(self.counted, np.rint(self.mean), self.mean)).astype(np.float64)
        spread = self.has_spread
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
        jumps = self.counted | ~self.has_spread
        low = np.where(jumps, self.cdf(total - np.where(self.counted, 1.0, 1e-9)), high)
        return np.where(total <= 0.0, 0.0, low), high

    def expected_excess(self, total: FloatArray) -> FloatArray:
        """(...) E[(Y - total)+], units: of each total Y, what lies above so many units.

        >>> law = MomentLaw(np.array([4.0]), np.array([8.0]), np.array([True]))
        >>> law.expected_excess(np.array([9.0])).round(4)
        array([0.1184])

        A count's is linear between whole units. Source: the loss functions of ``docs/methods.md#shortage``.
        """
        excess = np.maximum(self.mean - total, 0.0)
        above = self.has_spread & (total >= 0.0)
        binomial = above & self._is_binomial()
        r, p = self._size_and_share(binomial)
        whole = np.floor(total[binomial])
        odds = (1.0 - p) / p
        beyond, at = nbinom.sf(whole, r, p), nbinom.pmf(whole, r, p)
        loss = (whole + r) * odds * at - (whole - r * odds) * beyond
        excess[binomial] = loss - (total[binomial] - whole) * beyond
        gamma = above & ~binomial
        shape, scale = self._shape_and_scale(gamma)
        standard = total[gamma] / scale
        excess[gamma] = self.mean[gamma] * gammaincc(shape + 1.0, standard) - total[gamma] * gammaincc(
            shape, standard
        )
        return np.where(np.isnan(total), np.nan, np.maximum(excess, 0.0))

    def log_probability(self, total: FloatArray, width: FloatArray) -> FloatArray:
        """(...) logarithm of the probability of a count, or of a quantity within ``width`` either way.

        Args:
            total: (...) units.
            width: (...) units, positive.
        """
        probability = np.zeros(self.mean.shape)
        spread = self.has_spread
        binomial = spread & self._is_binomial()
        r, p = self._size_and_share(binomial)
        probability[binomial] = nbinom.pmf(total[binomial], r, p)
        gamma = spread & ~binomial
        shape, scale = self._shape_and_scale(gamma)
        half = np.where(self.counted[gamma], 0.5, width[gamma])
        low = np.maximum(total[gamma] - half, 0.0)
        probability[gamma] = gammainc(shape, (total[gamma] + half) / scale) - gammainc(shape, low / scale)
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(probability))

    @property
    def has_spread(self) -> BoolArray:
        """(...) whether the total is not its mean with certainty."""
        return (self.mean > NO_DEMAND) & (self.variance > NO_DEMAND)

    def _is_binomial(self) -> BoolArray:
        return np.asarray(self.counted & (self.variance > self.mean * (1.0 + LEAST_EXCESS)))

    def _size_and_share(self, where: BoolArray) -> tuple[FloatArray, FloatArray]:
        mean, variance = self.mean[where], self.variance[where]
        return mean**2 / (variance - mean), mean / variance

    def _shape_and_scale(self, where: BoolArray) -> tuple[FloatArray, FloatArray]:
        mean, variance = self.mean[where], self.variance[where]
        return mean**2 / variance, variance / mean


def _counted(r: FloatArray, p: FloatArray, reach: FloatArray, levels: FloatArray) -> FloatArray:
    """(n, k) quantiles of negative binomials, by adding up their probabilities from zero on.

    Args:
        r, p: (n,) size and share.
        reach: (n,) count at which every level has been passed.
        levels: (k,) increasing.
    """
    found = np.zeros((len(r), len(levels)))
    order = np.argsort(reach, kind="stable")
    for start in range(0, len(r), _BLOCK):
        rows = order[start : start + _BLOCK]
        size, share = r[rows], p[rows]
        probability = share**size
        reached = probability.copy()
        for count in range(int(reach[rows[-1]])):
            short = reached[:, None] < levels
            if not short.any():
                break
            found[rows] += short
            probability = probability * (count + size) / (count + 1) * (1.0 - share)
            reached = reached + probability
    return found
