"""Which series is new, and who its relatives are.

Belongs here: the rule of being new, and the container of what is known of relatives. Does not belong here:
what follows from it (``profile``), where it is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from forecasting_lib.grain import Grain
from forecasting_lib.panel import FloatArray, Panel
from forecasting_lib.ragged import lengths_of

IntArray = npt.NDArray[np.int64]

NEW_BELOW: Mapping[Grain, int] = {Grain.DAY: 56, Grain.WEEK: 8, Grain.MONTH: 6}
"""A series with fewer periods is new; with so many its model stands alone."""


@dataclass(frozen=True)
class Kin:
    """Relatives of a panel's n series.

    Attributes:
        items: (n,) the item of each.
        locations: (n,) its location.
        categories: (n,) its category; None where unknown.
        predecessors: position -> demand, at the same location, of the item that this one replaces: up to the
            panel's last period, oldest first, NaN where masked or unknown.
    """

    items: Sequence[str]
    locations: Sequence[str]
    categories: Sequence[str | None]
    predecessors: Mapping[int, FloatArray] = field(default_factory=dict)


def new_series(panel: Panel) -> IntArray:
    """Positions of the series that are new: known to have begun less than ``NEW_BELOW`` periods ago.

    Where no history of the panel is twice as long, deliveries may have begun later than the series did, and
    none of them is called new.

    >>> from datetime import date
    >>> days = (np.ones(200), np.ones(55), np.ones(56), np.empty(0))
    >>> new_series(Panel(tuple("abcd"), date(2026, 3, 31), days)).tolist()
    [1]
    >>> new_series(Panel(tuple("bc"), date(2026, 3, 31), days[1:3])).tolist()
    []
    """
    lengths = lengths_of(panel.history)
    below = NEW_BELOW[panel.grain]
    if not len(lengths) or lengths.max() < 2 * below:
        return np.empty(0, dtype=np.int64)
    return np.flatnonzero((lengths > 0) & (lengths < below))
