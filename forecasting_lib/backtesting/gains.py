"""Whether one forecast is better than another: the gain in a few past windows, and what chance makes of it.

Belongs here: losses in a window, their mean gain with its standard error. Does not belong here: what follows
for a covariate (``covariate_worth``) or a model (``champions``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecasting_lib.panel import FloatArray

LEAST_WINDOWS = 3
"""Windows without which nothing is clear."""

STANDARD_ERRORS = 2.0
"""By so many a gain has to be above zero to be clear."""


@dataclass(frozen=True)
class Losses:
    """A loss in one window: with what is judged, without it, and the demand that it is of.

    Attributes:
        with_qty: (n,) of each series.
        without_qty: (n,) the same, of the other forecast.
        actual_qty: units.
        n_actuals: known actuals.
    """

    with_qty: FloatArray
    without_qty: FloatArray
    actual_qty: float
    n_actuals: int

    @property
    def wql_with(self) -> float | None:
        return float(self.with_qty.sum()) / self.actual_qty if self.actual_qty > 0.0 else None

    @property
    def wql_without(self) -> float | None:
        return float(self.without_qty.sum()) / self.actual_qty if self.actual_qty > 0.0 else None

    @property
    def gain(self) -> float | None:
        """Share by which the loss is smaller with it; None where there is none without."""
        without = float(self.without_qty.sum())
        return 1.0 - float(self.with_qty.sum()) / without if without > 0.0 else None

    @property
    def variance(self) -> float:
        """Of the gain, were other series drawn."""
        without, n = float(self.without_qty.sum()), len(self.without_qty)
        if without == 0.0 or n < 2:
            return 0.0
        apart = self.with_qty - self.with_qty.sum() / without * self.without_qty
        return float(np.square(apart).sum()) / without**2 * n / (n - 1)


@dataclass(frozen=True)
class Gain:
    """The mean gain of the windows that decide.

    Attributes:
        share: by which the loss is smaller; negative where it is greater.
        standard_error: of ``share``; the greater one of that from other windows and that from other series.
        n_windows: windows it rests on.
    """

    share: float
    standard_error: float
    n_windows: int

    @property
    def is_clear(self) -> bool:
        """Above zero by more than chance."""
        return self.n_windows >= LEAST_WINDOWS and self.share > STANDARD_ERRORS * self.standard_error

    @property
    def is_clear_loss(self) -> bool:
        """Below zero by more than chance."""
        return self.n_windows >= LEAST_WINDOWS and -self.share > STANDARD_ERRORS * self.standard_error


def mean_gain(losses: Sequence[Losses]) -> Gain | None:
    """The mean over windows, each weighing alike: a window in which much is sold is still one window.

    Of few windows that happen to agree the spread says little, so the error is at least what drawing other
    series would make it.
    """
    told = [(found.gain, found.variance) for found in losses if found.gain is not None]
    if not told:
        return None
    gains = np.array([gain for gain, _ in told])
    of_series = float(np.mean([variance for _, variance in told]))
    of_windows = float(gains.var(ddof=1)) if len(gains) > 1 else 0.0
    return Gain(float(gains.mean()), float(np.sqrt(max(of_series, of_windows) / len(gains))), len(gains))
