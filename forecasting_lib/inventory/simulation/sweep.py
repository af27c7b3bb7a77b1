"""The reorder points of one policy at several levels, day by day.

Belongs here: the container, and reading it between its levels. Does not belong here: how the points are found
(``rolled_levels``, ``baselines``), what they achieve (``judgement``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import ndtri

from forecasting_lib.panel import FloatArray

SWEPT_LEVELS = np.array(
    [0.5, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 0.995, 0.999, 0.9999, 0.99999]
)
"""Nominal service levels, as far up as a law that is too narrow needs to keep 98 %."""

SWEPT_FACTORS = np.array([0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0, 6.0])
"""Times a moving average."""

Scale = Literal["probability", "factor"]


@dataclass(frozen=True)
class LevelSweep:
    """Reorder points at k levels of n items over some days.

    Attributes:
        policy: its name.
        scale: what a level is: a nominal cycle service level, between whose points it is read as the
            normal quantile grows, or a factor, between whose points it is read in a straight line.
        levels: (k,) ascending, at least two.
        reorder_point: (k, n, days) units, not falling along the levels.
        lot: (n, days) units from the reorder point to the order-up-to level; 0 where each review restores it.
        predicted: (k, n) service that each level promises, averaged over the days; NaN: nothing is promised.

    Raises:
        ValueError: the shapes do not fit.
    """

    policy: str
    scale: Scale
    levels: FloatArray
    reorder_point: FloatArray
    lot: FloatArray
    predicted: FloatArray

    def __post_init__(self) -> None:
        k, n, days = self.reorder_point.shape
        if len(self.levels) != k or k < 2 or self.lot.shape != (n, days) or self.predicted.shape != (k, n):
            raise ValueError(f"{self.policy}: {k} x {n} x {days} points do not fit their levels or lots")

    def at(self, levels: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Reorder points (n, days) and promised service (n,) at a level of each item's own, (n,).

        Outside the swept levels it is the nearest of them.
        """
        wanted = np.clip(levels, self.levels[0], self.levels[-1])
        above = np.clip(np.searchsorted(self.levels, wanted), 1, len(self.levels) - 1)
        low, high = self._along(self.levels[above - 1]), self._along(self.levels[above])
        share = (self._along(wanted) - low) / (high - low)
        items = np.arange(len(levels))
        points = (
            self.reorder_point[above - 1, items] * (1.0 - share[:, None])
            + self.reorder_point[above, items] * share[:, None]
        )
        promised = self.predicted[above - 1, items] * (1.0 - share) + self.predicted[above, items] * share
        return points, promised

    def _along(self, levels: FloatArray) -> FloatArray:
        return np.asarray(ndtri(levels) if self.scale == "probability" else levels, dtype=np.float64)


def held_before(points: FloatArray, days: int) -> FloatArray:
    """Levels (..., days) with those of the first day before it, for as many days."""
    return np.concatenate([np.repeat(points[..., :1], days, axis=-1), points], axis=-1)
