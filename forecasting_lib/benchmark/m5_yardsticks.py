"""What errors at a level of M5 are measured by: the scale and the weight of each sum.

Belongs here: scales, weights, the weighted mean. Does not belong here: errors (``wrmsse``, ``wspl``).

Source: M5 Competitors' Guide, 2020, section *Evaluation*: scales are of the days from the first sale on,
weights are shares of the sales in dollars of the last 28 days that a model sees.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting_lib.accuracy.metrics import mase_scale, rmsse_scale
from forecasting_lib.panel import FloatArray

WEIGHT_DAYS = 28
"""Days before the held-out ones whose sales are the weights."""


@dataclass(frozen=True)
class Yardstick:
    """The scales and weights of the sums of a level.

    Attributes:
        squared: (sums,) units, root mean squared difference of neighbouring days; NaN or 0 is undefined.
        absolute: (sums,) units, mean absolute difference of neighbouring days; likewise.
        weight: (sums,) at least 0, adding up to 1.
    """

    squared: FloatArray
    absolute: FloatArray
    weight: FloatArray

    @classmethod
    def of(cls, history: FloatArray, value: FloatArray) -> Yardstick:
        """The yardstick of some sums.

        Args:
            history: (sums, days) units a day, zeros before the first sale included.
            value: (sums,) sales of the last ``WEIGHT_DAYS`` days, in dollars or in units.

        Raises:
            ValueError: nothing was sold in those days.
        """
        if not value.sum() > 0:
            raise ValueError(f"nothing was sold in the last {WEIGHT_DAYS} days: there are no weights")
        active = [_since_first_sale(row) for row in history]
        return cls(
            squared=np.array([rmsse_scale(row) or np.nan for row in active]),
            absolute=np.array([mase_scale(row, 1) or np.nan for row in active]),
            weight=value / value.sum(),
        )

    def weigh(self, errors: FloatArray) -> float:
        """The weighted mean of scaled errors (sums,); those undefined (NaN) are left out with their weight.

        >>> Yardstick(np.ones(3), np.ones(3), np.array([0.5, 0.25, 0.25])).weigh(np.array([1.0, 4.0, np.nan]))
        2.0
        """
        defined = ~np.isnan(errors)
        weight = self.weight[defined]
        return float(errors[defined] @ weight / weight.sum()) if weight.sum() > 0 else float("nan")


def _since_first_sale(history: FloatArray) -> FloatArray:
    """The days from the first positive one on; none where nothing was sold."""
    sold = np.flatnonzero(history > 0)
    return history[sold[0] :] if len(sold) else history[:0]
