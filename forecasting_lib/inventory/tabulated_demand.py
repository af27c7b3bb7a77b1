"""Demand in whole units whose probabilities are tabulated, and the exact law of its sum over a lead time.

Belongs here: a table as a law of demand, sums of independent days, the mixture over lead times, undershoot.
Does not belong here: laws matched by moments (``demand_laws``), which need no table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from forecasting_lib.panel import FloatArray

_ROUNDING = 1e-12


@dataclass(frozen=True)
class TabulatedDemand:
    """A law of demand given by its probabilities.

    >>> law = TabulatedDemand(np.array([[0.5, 0.3, 0.2]]))
    >>> law.quantile(0.8), law.expected_shortage(np.array([1.0])).round(2)
    (array([1.]), array([0.2]))

    Attributes:
        probabilities: (n, m) of 0, 1, ... m - 1 units; rows add up to 1.

    Raises:
        ValueError: a probability is negative, or a row does not add up to 1.

    Source: ``docs/methods.md#laws-of-demand``.
    """

    method: ClassVar[str] = "tabulated"
    probabilities: FloatArray

    @property
    def methods(self) -> list[str]:
        """The law's name, of each item."""
        return [self.method] * len(self.mean)

    def __post_init__(self) -> None:
        if (self.probabilities < 0.0).any() or (abs(self.probabilities.sum(axis=1) - 1.0) > 1e-6).any():
            raise ValueError("probabilities must be at least 0 and add up to 1 in every row")

    @cached_property
    def mean(self) -> FloatArray:
        """(n,) units."""
        return np.asarray(self.probabilities @ self._units)

    @cached_property
    def sd(self) -> FloatArray:
        """(n,) units."""
        return np.sqrt(np.maximum(self.probabilities @ self._units**2 - self.mean**2, 0.0))

    @property
    def _units(self) -> FloatArray:
        return np.arange(self.probabilities.shape[1], dtype=np.float64)

    @cached_property
    def _beyond(self) -> FloatArray:
        """(n, m + 1) P(demand >= k), summed from the far end so that small ones are true."""
        tail = np.cumsum(self.probabilities[:, ::-1], axis=1)[:, ::-1]
        return np.hstack([tail, np.zeros((len(tail), 1))])

    @cached_property
    def _loss(self) -> FloatArray:
        """(n, m + 1) E[(demand - k)+], units."""
        above = np.cumsum(self._beyond[:, :0:-1], axis=1)[:, ::-1]
        return np.hstack([above, np.zeros((len(above), 1))])

    def quantile(self, level: float | FloatArray) -> FloatArray:
        """Fewest units that cover demand with this probability, (n,).

        Raises:
            ValueError: a level is not strictly between 0 and 1.
        """
        levels = np.broadcast_to(np.asarray(level, dtype=np.float64), self.mean.shape)
        if not ((levels > 0.0) & (levels < 1.0)).all():
            raise ValueError(f"service level {level} must lie strictly between 0 and 1, for example 0.95")
        short = self._beyond[:, 1:] > 1.0 - levels[:, None] + _ROUNDING
        return np.asarray(short.sum(axis=1), dtype=np.float64)

    def exceedance(self, quantity: FloatArray) -> FloatArray:
        """P(demand > quantity), (n,)."""
        place = np.clip(np.floor(quantity) + 1.0, 0.0, self.probabilities.shape[1])
        return self._read(self._beyond, place)

    def expected_shortage(self, quantity: FloatArray) -> FloatArray:
        """E[(demand - quantity)+], (n,) units, linear between whole quantities."""
        held = np.clip(quantity, 0.0, float(self.probabilities.shape[1]))
        whole = np.floor(held)
        inside = self._read(self._loss, whole) - (held - whole) * self.exceedance(held)
        return np.where(quantity < 0.0, self.mean - quantity, np.maximum(inside, 0.0))

    @staticmethod
    def _read(table: FloatArray, place: FloatArray) -> FloatArray:
        at = np.nan_to_num(place).astype(np.int64)
        return np.where(np.isnan(place), np.nan, table[np.arange(len(table)), at])


def demand_over_lead_times(
    daily: TabulatedDemand, lead_times: Mapping[int, float], extra_days: int = 0
) -> TabulatedDemand:
    """Exact law of demand over a random lead time, days being independent and alike.

    >>> coin = TabulatedDemand(np.array([[0.5, 0.5]]))
    >>> demand_over_lead_times(coin, {1: 0.5, 2: 0.5}).probabilities.round(3)
    array([[0.375, 0.5  , 0.125]])

    Args:
        daily: demand of one day.
        lead_times: whole days -> probability, adding up to 1.
        extra_days: days beside the lead time, such as a review period.

    Raises:
        ValueError: a lead time is negative, or the probabilities do not add up to 1.

    Source: ``docs/methods.md#laws-of-demand``.
    """
    if min(lead_times) < 0 or abs(sum(lead_times.values()) - 1.0) > 1e-6 or min(lead_times.values()) < 0.0:
        raise ValueError("lead times must be at least 0 and their probabilities add up to 1")
    longest = max(lead_times) + extra_days
    size = longest * (daily.probabilities.shape[1] - 1) + 1
    transform = np.fft.rfft(daily.probabilities, n=_room(size), axis=1)
    mixed = sum(p * transform ** (days + extra_days) for days, p in lead_times.items())
    return _from_transform(np.asarray(mixed), size)


def undershoot_of_tabulated_demand(review: TabulatedDemand) -> TabulatedDemand:
    """Law of the undershoot: ``P(U = u) = P(J > u) / E[J]``, J the demand of a review period.

    >>> undershoot_of_tabulated_demand(TabulatedDemand(np.array([[0.0, 0.5, 0.5]]))).probabilities.round(4)
    array([[0.6667, 0.3333, 0.    ]])

    Raises:
        ValueError: nothing is demanded, and nothing is ever ordered.

    Source: ``docs/methods.md#undershoot``.
    """
    if (review.mean <= 0.0).any():
        raise ValueError("without demand nothing is ordered, and there is no undershoot")
    tail = review._beyond[:, 1:]
    return TabulatedDemand(tail / tail.sum(axis=1, keepdims=True))


def sum_of_demands(one: TabulatedDemand, other: TabulatedDemand) -> TabulatedDemand:
    """Exact law of the sum of two independent demands of the same n items."""
    size = one.probabilities.shape[1] + other.probabilities.shape[1] - 1
    parts = [np.fft.rfft(law.probabilities, n=_room(size), axis=1) for law in (one, other)]
    return _from_transform(parts[0] * parts[1], size)


def _room(size: int) -> int:
    return 1 << max(size - 1, 1).bit_length()


def _from_transform(transform: npt.NDArray[np.complex128], size: int) -> TabulatedDemand:
    found = np.maximum(np.fft.irfft(transform, n=_room(size), axis=1)[:, :size], 0.0)
    return TabulatedDemand(found / found.sum(axis=1, keepdims=True))
