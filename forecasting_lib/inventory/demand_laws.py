"""Laws of demand over an interval that are matched by its moments: Poisson, negative binomial and gamma.

Belongs here: what ``demand_law.DemandLaw`` asks of a law, for demand in whole units and in fractions of them.
Does not belong here: the normal law and where the moments come from (``lead_time_demand``).

The parameters of all of them are arrays of one entry per item, and NaN where an item's interval is unknown.
Without a mean there is no demand. Probabilities are taken from the upper tail, so that small ones are true.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import betainc, gammainc, gammaincc, gammaincinv, gammaln, xlogy
from scipy.stats import nbinom, poisson

from forecasting_lib.panel import FloatArray


@dataclass(frozen=True)
class PoissonDemand:
    """Whole units whose variance is their mean.

    >>> law = PoissonDemand(np.array([3.2]))
    >>> law.quantile(0.95), law.expected_shortage(np.array([6.0])).round(6)
    (array([6.]), array([0.069591]))

    Attributes:
        mean: (n,) units, at least 0.

    Raises:
        ValueError: a mean is negative.

    Source: ``docs/methods.md#laws-of-demand``.
    """

    method: ClassVar[str] = "poisson"
    mean: FloatArray

    @property
    def methods(self) -> list[str]:
        """The law's name, of each item."""
        return [self.method] * len(self.mean)

    def __post_init__(self) -> None:
        _check_moments(self.mean, self.mean)

    @property
    def sd(self) -> FloatArray:
        """(n,) units."""
        return np.sqrt(self.mean)

    def quantile(self, level: float | FloatArray) -> FloatArray:
        """Fewest units that cover demand with this probability, (n,).

        Raises:
            ValueError: a level is not strictly between 0 and 1.
        """
        _check_level(level)
        return np.asarray(poisson.ppf(level, self.mean), dtype=np.float64)

    def exceedance(self, quantity: FloatArray) -> FloatArray:
        """P(demand > quantity), (n,)."""
        whole = np.floor(quantity)
        beyond = gammainc(np.maximum(whole, 0.0) + 1.0, self.mean)
        return _between(whole, self.mean, beyond)

    def expected_shortage(self, quantity: FloatArray) -> FloatArray:
        """E[(demand - quantity)+], (n,) units: ``(m - x) P(X > x) + m P(X = x)`` at whole x."""
        whole = np.floor(quantity)
        held = np.maximum(whole, 0.0)
        probability = np.exp(xlogy(held, self.mean) - self.mean - gammaln(held + 1.0))
        beyond = gammainc(held + 1.0, self.mean)
        loss = (self.mean - held) * beyond + self.mean * probability
        return _shortage(quantity, whole, self.mean, loss, beyond)


@dataclass(frozen=True)
class NegativeBinomialDemand:
    """Whole units whose variance exceeds their mean; where it does not, Poisson's law.

    >>> law = NegativeBinomialDemand(np.array([8.0]), np.array([158.4]))
    >>> law.quantile(0.95), law.expected_shortage(np.array([33.0])).round(6)
    (array([33.]), array([0.823206]))

    Attributes:
        mean: (n,) units, at least 0.
        variance: (n,) units squared, at least 0.

    Raises:
        ValueError: a mean or a variance is negative.

    Source: ``docs/methods.md#laws-of-demand``.
    """

    method: ClassVar[str] = "negative_binomial"
    mean: FloatArray
    variance: FloatArray

    @property
    def methods(self) -> list[str]:
        """The law's name, of each item."""
        return [self.method] * len(self.mean)

    def __post_init__(self) -> None:
        _check_moments(self.mean, self.variance)

    @property
    def sd(self) -> FloatArray:
        """(n,) units, of the law that is used."""
        return np.sqrt(np.maximum(self.mean, self.variance))

    def quantile(self, level: float | FloatArray) -> FloatArray:
        """Fewest units that cover demand with this probability, (n,).

        Raises:
            ValueError: a level is not strictly between 0 and 1.
        """
        _check_level(level)
        size, share = self._size_and_share()
        found = np.asarray(nbinom.ppf(level, size, share), dtype=np.float64)
        return np.where(self._overdispersed(), found, PoissonDemand(self.mean).quantile(level))

    def exceedance(self, quantity: FloatArray) -> FloatArray:
        """P(demand > quantity), (n,)."""
        size, share = self._size_and_share()
        whole = np.floor(quantity)
        beyond = betainc(np.maximum(whole, 0.0) + 1.0, size, 1.0 - share)
        found = _between(whole, self.mean, beyond)
        return np.where(self._overdispersed(), found, PoissonDemand(self.mean).exceedance(quantity))

    def expected_shortage(self, quantity: FloatArray) -> FloatArray:
        """E[(demand - quantity)+], (n,) units (Zipkin 2000, equation C.14)."""
        size, share = self._size_and_share()
        odds = (1.0 - share) / share
        whole = np.floor(quantity)
        held = np.maximum(whole, 0.0)
        probability = np.asarray(nbinom.pmf(held, size, share), dtype=np.float64)
        beyond = betainc(held + 1.0, size, 1.0 - share)
        loss = (size * odds - held) * beyond + (held + size) * odds * probability
        found = _shortage(quantity, whole, self.mean, loss, beyond)
        return np.where(self._overdispersed(), found, PoissonDemand(self.mean).expected_shortage(quantity))

    def _overdispersed(self) -> FloatArray:
        return np.asarray((self.mean > 0.0) & (self.variance > self.mean * (1.0 + 1e-9)))

    def _size_and_share(self) -> tuple[FloatArray, FloatArray]:
        """(n,) r and p; 1 and one half where the law is Poisson's and nobody asks for them."""
        excess = np.where(self._overdispersed(), self.variance - self.mean, 1.0)
        size = np.where(self._overdispersed(), self.mean**2 / excess, 1.0)
        share = np.where(self._overdispersed(), self.mean / (self.mean + excess), 0.5)
        return size, share


@dataclass(frozen=True)
class GammaDemand:
    """Units that can be divided, such as kilograms; without a variance, the mean with certainty.

    >>> law = GammaDemand(np.array([100.0]), np.array([2500.0]))
    >>> s = law.quantile(0.95)
    >>> s.round(4), law.expected_shortage(s).round(4)
    (array([193.8414]), array([1.7711]))

    Attributes:
        mean: (n,) units, at least 0.
        variance: (n,) units squared, at least 0.

    Raises:
        ValueError: a mean or a variance is negative.

    Source: ``docs/methods.md#laws-of-demand``.
    """

    method: ClassVar[str] = "gamma"
    mean: FloatArray
    variance: FloatArray

    @property
    def methods(self) -> list[str]:
        """The law's name, of each item."""
        return [self.method] * len(self.mean)

    def __post_init__(self) -> None:
        _check_moments(self.mean, self.variance)

    @property
    def sd(self) -> FloatArray:
        """(n,) units."""
        return np.sqrt(self.variance)

    def quantile(self, level: float | FloatArray) -> FloatArray:
        """Smallest quantity that covers demand with this probability, (n,) units.

        Raises:
            ValueError: a level is not strictly between 0 and 1.
        """
        _check_level(level)
        shape, scale = self._shape_and_scale()
        return np.where(self._spread(), gammaincinv(shape, level) * scale, self.mean)

    def exceedance(self, quantity: FloatArray) -> FloatArray:
        """P(demand > quantity), (n,)."""
        shape, scale = self._shape_and_scale()
        beyond = gammaincc(shape, np.maximum(quantity, 0.0) / scale)
        certain = np.where(self.mean > quantity, 1.0, 0.0)
        found = _between(quantity, self.mean, np.where(self._spread(), beyond, certain))
        return np.where(np.isnan(quantity), np.nan, found)

    def expected_shortage(self, quantity: FloatArray) -> FloatArray:
        """E[(demand - quantity)+], (n,) units: ``m P(X' > x) - x P(X > x)``, X' of a shape larger by 1."""
        shape, scale = self._shape_and_scale()
        held = np.maximum(quantity, 0.0)
        loss = self.mean * gammaincc(shape + 1.0, held / scale) - held * gammaincc(shape, held / scale)
        found = np.where(quantity < 0.0, self.mean - quantity, np.maximum(loss, 0.0))
        return np.where(self._spread(), found, np.maximum(self.mean - quantity, 0.0))

    def _spread(self) -> FloatArray:
        return np.asarray((self.mean > 0.0) & (self.variance > 0.0))

    def _shape_and_scale(self) -> tuple[FloatArray, FloatArray]:
        """(n,) shape and scale; 1 where nothing varies and nobody asks for them."""
        mean = np.where(self._spread(), self.mean, 1.0)
        variance = np.where(self._spread(), self.variance, 1.0)
        return mean**2 / variance, variance / mean


def _check_moments(mean: FloatArray, variance: FloatArray) -> None:
    if (mean < 0.0).any() or (variance < 0.0).any():
        raise ValueError("means and variances of demand must be at least 0; NaN where they are unknown")


def _check_level(level: float | FloatArray) -> None:
    if not (np.isnan(level) | ((np.asarray(level) > 0.0) & (np.asarray(level) < 1.0))).all():
        raise ValueError(f"service level {level} must lie strictly between 0 and 1, for example 0.95")


def _between(whole: FloatArray, mean: FloatArray, beyond: FloatArray) -> FloatArray:
    """(n,) P(demand > whole): 1 under zero, 0 without demand, unknown where either is."""
    probability = np.where(whole < 0.0, 1.0, np.where(mean > 0.0, beyond, 0.0))
    return np.where(np.isnan(whole + mean), np.nan, probability)


def _shortage(
    quantity: FloatArray, whole: FloatArray, mean: FloatArray, loss: FloatArray, beyond: FloatArray
) -> FloatArray:
    """(n,) expected shortage of whole demand at any quantity, linear between whole ones."""
    at_least_zero = np.maximum(loss - (quantity - whole) * beyond, 0.0)
    served = np.where(quantity < 0.0, mean - quantity, np.where(mean > 0.0, at_least_zero, 0.0))
    return np.where(np.isnan(quantity + mean), np.nan, served)
