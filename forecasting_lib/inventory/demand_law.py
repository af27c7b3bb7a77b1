"""The laws of demand over an interval, behind the seam that reorder levels ask.

Belongs here: the protocol and the law that counts and quantities are read by. Does not belong here: the
textbook's normal law and the moments themselves (``lead_time_demand``), the levels (``levels``).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from forecasting_lib.moment_law import BoolArray, MomentLaw
from forecasting_lib.panel import FloatArray

COUNTS, QUANTITIES = "nb_moments", "gamma_moments"
"""Names of the law matched by moments: of whole units, and of what can be divided."""

_TOLERANCE = 1e-9


class DemandLaw(Protocol):
    """Demand of n series over an interval; NaN where the interval of a series is unknown."""

    @property
    def methods(self) -> list[str]:
        """Name of the law of each series, as ``ltd_method`` publishes it."""

    @property
    def mean(self) -> FloatArray:
        """(n,) units."""

    @property
    def sd(self) -> FloatArray:
        """(n,) units."""

    def quantile(self, level: float | FloatArray) -> FloatArray:
        """(n,) the least quantity that covers demand with a probability strictly between 0 and 1."""

    def exceedance(self, quantity: FloatArray) -> FloatArray:
        """(n,) P(demand > quantity)."""

    def expected_shortage(self, quantity: FloatArray) -> FloatArray:
        """(n,) E[(demand - quantity)+], units."""


@dataclass(frozen=True)
class MomentDemand:
    """Negative binomial for counts, gamma for quantities, with given mean and standard deviation.

    A standard deviation of zero is legal: demand is then its mean with certainty.

    >>> law = MomentDemand(np.array([4.0, 4.0]), np.array([8.0, 8.0]) ** 0.5, np.array([True, False]))
    >>> law.quantile(0.95).round(2), law.exceedance(np.array([9.0, 9.0])).round(4)
    (array([9.  , 9.49]), array([0.0461, 0.0611]))

    Attributes:
        mean: (n,) units; NaN where the interval is unknown, and every method then gives NaN.
        sd: (n,) units.
        counted: (n,) whether demand comes in whole units.
    """

    mean: FloatArray
    sd: FloatArray
    counted: BoolArray

    @property
    def methods(self) -> list[str]:
        return [COUNTS if whole else QUANTITIES for whole in self.counted]

    def quantile(self, level: float | FloatArray) -> FloatArray:
        """See :meth:`DemandLaw.quantile`: of counts a whole number where they are uncertain."""
        return np.asarray(np.where(self._law.has_spread, self._law.quantile(level), self.mean))

    def exceedance(self, quantity: FloatArray) -> FloatArray:
        beyond = 1.0 - self._law.cdf(quantity + _TOLERANCE)
        certain = (self.mean > quantity + _TOLERANCE).astype(np.float64)
        found = np.where(self._law.has_spread, beyond, certain)
        return np.asarray(np.where(np.isnan(self.mean + quantity), np.nan, np.clip(found, 0.0, 1.0)))

    def expected_shortage(self, quantity: FloatArray) -> FloatArray:
        return np.asarray(
            np.where(np.isnan(self.mean + quantity), np.nan, self._law.expected_excess(quantity))
        )

    @cached_property
    def _law(self) -> MomentLaw:
        return MomentLaw(np.maximum(self.mean, 0.0), np.square(self.sd), self.counted)
