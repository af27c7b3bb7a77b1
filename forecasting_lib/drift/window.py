"""The days that are looked at: demand and prices of all series, the recent days beside those before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from forecasting_lib.panel import FloatArray

RECENT_DAYS = 14
REFERENCE_DAYS = 84
"""Six times the recent days: whole weeks, so that both hold the same weekdays."""

WINDOW_DAYS = RECENT_DAYS + REFERENCE_DAYS


@dataclass(frozen=True)
class DemandWindow:
    """Demand of n series on T consecutive days.

    Attributes:
        item_ids: (n,) item of each series.
        location_ids: (n,) its location.
        last_date: the last of the days.
        demand: (n, T) units; NaN where masked, closed, or before the series was first delivered.
        price: (n, T) selling price per unit; NaN where unknown.
        listed: (n,) number of the day each series was first delivered on, below 0 where that was before.

    Raises:
        ValueError: the parts are not of the same series and days.
    """

    item_ids: npt.NDArray[np.object_]
    location_ids: npt.NDArray[np.object_]
    last_date: date
    demand: FloatArray
    price: FloatArray
    listed: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        n = len(self.demand)
        if {len(self.item_ids), len(self.location_ids), len(self.listed)} != {n}:
            raise ValueError(f"items, locations and first days must be of {n} series")
        if self.price.shape != self.demand.shape:
            raise ValueError(f"prices of shape {self.price.shape} beside demand of {self.demand.shape}")

    @property
    def days(self) -> int:
        return int(self.demand.shape[1])

    def day(self, number: int) -> date:
        """The date of day ``number``, counted from 0; negative numbers count from the end."""
        back = self.days - 1 - (number if number >= 0 else self.days + number)
        return self.last_date - timedelta(days=back)

    def of(self, series: npt.NDArray[np.bool_] | Sequence[int]) -> DemandWindow:
        """The window of some of its series."""
        return DemandWindow(
            self.item_ids[series],
            self.location_ids[series],
            self.last_date,
            self.demand[series],
            self.price[series],
            self.listed[series],
        )
