"""Where a condition that holds from some quantity on begins to hold, for many items at once.

Belongs here: the search. Does not belong here: any condition.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from forecasting_lib.inventory.flags import BoolArray
from forecasting_lib.panel import FloatArray

_HALVINGS = 200
_DOUBLINGS = 60
_PRECISION = 1e-12


def first_where(
    holds: Callable[[FloatArray], BoolArray], low: FloatArray, step: FloatArray, *, whole: bool | BoolArray
) -> FloatArray:
    """The least quantity at or above ``low`` at which a condition holds, (n,) units.

    >>> root = first_where(lambda x: x * x >= 2.0, np.array([0.0]), np.array([1.0]), whole=False)
    >>> bool(abs(root[0] - 2.0**0.5) < 1e-12)
    True
    >>> first_where(lambda x: x * x >= 20.0, np.array([-3.0]), np.array([1.0]), whole=True)
    array([5.])

    Args:
        holds: (n,) quantities -> (n,) whether the condition holds; once true it stays so for larger ones.
        low: (n,) quantities to begin at; NaN where nothing is searched.
        step: (n,) first step upwards, positive; it doubles until the condition holds.
        whole: whether only whole numbers are looked at, of all or (n,) of each; ``low`` is then rounded down.
            Other quantities are found to within a few units of the twelfth digit.

    Returns:
        (n,) units; NaN where ``low`` or ``step`` is, or where the condition holds nowhere in reach.
    """
    searched = ~np.isnan(low + step)
    below = np.where(searched, np.where(whole, np.floor(low), low), 0.0)
    stride = np.where(searched, np.where(whole, np.ceil(step), step), 1.0)
    begins = holds(below)
    start = below.copy()
    above = below + stride
    for _ in range(_DOUBLINGS):
        short = searched & ~holds(above)
        if not short.any():
            break
        stride = np.where(short, stride * 2.0, stride)
        below = np.where(short, above, below)
        above = np.where(short, above + stride, above)
    reached = holds(above)
    for _ in range(_HALVINGS):
        middle = (below + above) / 2.0
        middle = np.where(whole, np.floor(middle), middle)
        apart = above - below > _PRECISION * np.maximum(np.abs(above), 1.0)
        if not (searched & reached & apart & (middle > below)).any():
            break
        enough = holds(middle)
        above = np.where(enough, middle, above)
        below = np.where(enough, below, middle)
    return np.where(searched & reached, np.where(begins, start, above), np.nan)
