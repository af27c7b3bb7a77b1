"""Lead times in whole periods, drawn per order.

Belongs here: the law of an item's lead time and draws from it. Does not belong here: how a law is estimated,
and that orders do not overtake each other (``run``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from forecasting_lib.panel import FloatArray, IntArray


@dataclass(frozen=True)
class LeadTimeLaw:
    """The lead times of n items: the values that occur, and how often.

    Attributes:
        periods: (n, k) whole periods, non-decreasing along a row.
        cumulative: (n, k) probability of at most as many; the last column is 1.

    Raises:
        ValueError: a lead time is negative, or probabilities do not end in 1.
    """

    periods: IntArray
    cumulative: FloatArray

    def __post_init__(self) -> None:
        if self.periods.shape != self.cumulative.shape or self.periods.ndim != 2:
            raise ValueError(
                f"lead times of shape {self.periods.shape} for {self.cumulative.shape} probabilities"
            )
        if (self.periods < 0).any():
            raise ValueError("a lead time is negative: count the periods from order to receipt")
        if not np.allclose(self.cumulative[:, -1], 1.0, atol=1e-6):
            raise ValueError("the probabilities of a lead time must add up to 1")

    def __len__(self) -> int:
        return len(self.periods)

    @classmethod
    def of(cls, pmf: Mapping[int, float], items: int) -> LeadTimeLaw:
        """The same law for all items.

        >>> LeadTimeLaw.of({5: 0.25, 7: 0.75}, 2).mean.tolist()
        [6.5, 6.5]

        Args:
            pmf: probability of each number of periods.
            items: how many items.
        """
        periods = np.array(sorted(pmf), dtype=np.int64)
        cumulative = np.cumsum([pmf[int(value)] for value in periods])
        return cls(np.tile(periods, (items, 1)), np.tile(cumulative, (items, 1)))

    @classmethod
    def from_moments(cls, mean: FloatArray, sd: FloatArray) -> LeadTimeLaw:
        """Whole lead times around ``mean - sd`` and ``mean + sd``, with exactly these means.

        Each of the two values is shared out between the whole numbers beside it. Where ``sd`` exceeds the
        mean the shorter is zero and the longer rarer.

        >>> law = LeadTimeLaw.from_moments(np.array([7.0, 4.5]), np.array([2.0, 0.0]))
        >>> law.periods.tolist(), law.mean.tolist()
        ([[5, 5, 9, 9], [4, 5, 4, 5]], [7.0, 4.5])

        Args:
            mean: (n,) periods, at least 0.
            sd: (n,) periods, at least 0.
        """
        below = np.minimum(mean, sd)
        above = np.divide(sd**2, below, out=np.zeros_like(mean), where=below > 0.0)
        longer = np.divide(below, below + above, out=np.full_like(mean, 0.5), where=below + above > 0.0)
        periods, probability = [], []
        for value, share in ((mean - below, 1.0 - longer), (mean + above, longer)):
            floor = np.floor(value)
            rest = value - floor
            periods += [floor, np.ceil(value)]
            probability += [share * (1.0 - rest), share * rest]
        return cls(
            np.stack(periods, axis=1).astype(np.int64), np.cumsum(np.stack(probability, axis=1), axis=1)
        )

    @classmethod
    def from_observed(cls, observed: Sequence[npt.NDArray[np.int64]]) -> LeadTimeLaw:
        """The lead times that were observed, each as likely.

        >>> LeadTimeLaw.from_observed([np.array([3, 9]), np.array([6])]).mean.tolist()
        [6.0, 6.0]

        Args:
            observed: of each item its lead times in periods, at least one.

        Raises:
            ValueError: an item has none.
        """
        most = max((len(values) for values in observed), default=1)
        periods = np.zeros((len(observed), most), dtype=np.int64)
        cumulative = np.ones((len(observed), most))
        for row, values in enumerate(observed):
            if not len(values):
                raise ValueError(f"item {row} has no lead time: give it its supplier's or the default")
            periods[row] = np.max(values)
            periods[row, : len(values)] = np.sort(values)
            cumulative[row, : len(values)] = np.arange(1, len(values) + 1) / len(values)
        return cls(periods, cumulative)

    @property
    def mean(self) -> FloatArray:
        """(n,) periods."""
        return np.asarray((self._probability * self.periods).sum(axis=1))

    @property
    def sd(self) -> FloatArray:
        """(n,) periods."""
        second = (self._probability * self.periods.astype(np.float64) ** 2).sum(axis=1)
        return np.asarray(np.sqrt(np.maximum(second - self.mean**2, 0.0)))

    def draw(self, periods: int, rng: np.random.Generator) -> IntArray:
        """(n, periods) the lead time of an order placed in each period, whatever rule places it.

        Rules that are given the same draws meet the same suppliers: common random numbers.
        """
        chance = rng.random((len(self), periods))
        place = np.zeros((len(self), periods), dtype=np.int64)
        for column in range(self.periods.shape[1] - 1):
            place += chance >= self.cumulative[:, column, None]
        return np.take_along_axis(self.periods, place, axis=1)

    @property
    def _probability(self) -> FloatArray:
        return np.asarray(np.diff(self.cumulative, axis=1, prepend=0.0), dtype=np.float64)
