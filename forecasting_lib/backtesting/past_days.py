"""The demand of past days as one table, pieced together from origins, its masked days filled in.

Belongs here: days before the first origin and after each, side by side. Does not belong here: what is known
at an origin (``forecasting_lib.origins``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecasting_lib.origins import Origin
from forecasting_lib.panel import FloatArray

_WEEK = 7
_REACH_WEEKS = 8
"""How far a masked day looks for a day of its weekday that is known."""


@dataclass(frozen=True)
class PastDays:
    """Demand of n series by day.

    Attributes:
        demand: (n, t) units a day; NaN: before the series began, or masked.
        origins: column at which the future of each origin begins.
    """

    demand: FloatArray
    origins: tuple[int, ...]

    @classmethod
    def of(cls, origins: Sequence[Origin], series_ids: Sequence[str], stride: int) -> PastDays:
        """What the first origin saw, and the days after each origin until the next.

        Args:
            origins: evenly spaced, the earliest first.
            series_ids: the n series, all of them known at the first origin.
            stride: days from one to the next.
        """
        first = origins[0].panel
        place = {series_id: row for row, series_id in enumerate(first.series_ids)}
        seen = [first.history[place[series_id]] for series_id in series_ids]
        before = max(map(len, seen), default=0)
        demand = np.full((len(series_ids), before + stride * len(origins)), np.nan)
        for row, history in enumerate(seen):
            demand[row, before - len(history) : before] = history
        starts = tuple(before + stride * number for number in range(len(origins)))
        for origin, start in zip(origins, starts, strict=True):
            known = {series_id: row for row, series_id in enumerate(origin.panel.series_ids)}
            pairs = [(row, known[name]) for row, name in enumerate(series_ids) if name in known]
            rows, taken = ([pair[side] for pair in pairs] for side in (0, 1))
            demand[rows, start : start + stride] = origin.actual[taken, :stride]
        return cls(demand, starts)

    def played(self, warm_up: int) -> FloatArray:
        """(n, days) finite demand from some days before the first origin on.

        A masked day has the demand of the nearest day of its weekday that is known, the later of two as
        near; without one within eight weeks, none.
        """
        demand = self.demand[:, self.origins[0] - warm_up :]
        filled = demand.copy()
        for weeks in range(1, _REACH_WEEKS + 1):
            for days in (_WEEK * weeks, -_WEEK * weeks):
                other = np.full_like(demand, np.nan)
                if days > 0:
                    other[:, :-days] = demand[:, days:]
                else:
                    other[:, -days:] = demand[:, :days]
                filled = np.where(np.isnan(filled), other, filled)
        return np.nan_to_num(filled)
