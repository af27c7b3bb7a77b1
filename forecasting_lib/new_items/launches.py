"""What earlier launches did: how their demand ran in, from the first periods to the settled level.

Belongs here: the curve by age. Does not belong here: levels by category (``levels``).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from forecasting_lib.new_items.kin import IntArray
from forecasting_lib.panel import FloatArray

FEW_LAUNCHES = 20.0
"""Earlier launches from which the curve is believed half."""

_STEPS = (1 / 8, 1 / 4, 1 / 2, 1.0)
"""Ends of the steps of the curve, as shares of ``NEW_BELOW``: of days the first week, two, four and eight."""


def launched(ages: IntArray, new_below: int) -> IntArray:
    """Positions of the earlier launches: begun after the deliveries did, and settled since.

    Args:
        ages: (n,) periods since each series began.
        new_below: periods from which a series is not new.
    """
    longest = int(ages.max(initial=0))
    return np.flatnonzero((ages >= 2 * new_below) & (ages <= longest - new_below // 2))


def run_in(history: Sequence[FloatArray], rows: IntArray, new_below: int) -> FloatArray:
    """(new_below,) demand of the first, second ... period of a launch over that of the settled series.

    One where nothing was launched yet, and drawn towards it by ``FEW_LAUNCHES``. Of a launch's own first
    period nothing is used: that it sold is why it counts as the first.

    Args:
        history: of all series.
        rows: the earlier launches.
        new_below: periods that a series is new; the settled level is that of as many after them.
    """
    curve = np.ones(new_below)
    if not len(rows):
        return curve
    young = np.stack([history[row][: 2 * new_below] for row in rows.tolist()])
    observed = ~np.isnan(young)
    demand = np.where(observed, young, 0.0)
    seen = observed[:, new_below:].sum(axis=1)
    settled = np.divide(demand[:, new_below:].sum(axis=1), seen, out=np.zeros(len(rows)), where=seen > 0)
    start = 0
    for share in _STEPS:
        end = max(round(share * new_below), start + 1)
        ages = slice(max(start, 1), end)
        expected = settled * observed[:, ages].sum(axis=1)
        strength = FEW_LAUNCHES * expected.mean()
        if strength > 0.0:
            counts = demand[:, ages].sum(axis=1)[settled > 0.0]
            curve[start:end] = (counts.sum() + strength) / (expected.sum() + strength)
        start = end
    return curve
