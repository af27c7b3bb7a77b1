"""How often the rule for outliers finds an odd day in genuine demand.

Belongs here: M5's days as the rule sees them, and the count. Does not belong here: the rule
(``forecasting_lib.outliers``).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from forecasting_lib.benchmark.m5_files import read_sales
from forecasting_lib.outliers import WINDOW_DAYS, find_outliers


@dataclass(frozen=True)
class Share:
    """Days of series that were judged, and how many of them are odd.

    Attributes:
        judged: days.
        high: of these, odd ones that sold more than was to be expected.
        low: odd ones that sold less.
        series: of all series, those with an odd day.
    """

    judged: int
    high: int
    low: int
    series: float


def measure(data: Path, first: int, last: int | None) -> Share:
    """Judge M5's days from a day on, each series from its first sale; events are left out.

    Args:
        data: folder with a ``sales_train*`` of M5 and its ``calendar.csv``.
        first: number of the first day to judge.
        last: number of the last one; None for the last there is.
    """
    sales = read_sales(data)
    calendar = pl.read_csv(data / "calendar.csv", columns=["d", "event_name_1"])
    events = set(calendar.drop_nulls("event_name_1")["d"])
    demand = sales.units.copy()
    demand[np.cumsum(demand > 0, axis=1) == 0] = np.nan
    is_event = [f"d_{number}" in events for number in range(sales.first_day, sales.last_day + 1)]
    demand[:, is_event] = np.nan
    demand = demand[:, : (last or sales.last_day) - sales.first_day + 1]
    begin = max(first - sales.first_day, WINDOW_DAYS)
    found = find_outliers(demand, begin)
    return Share(
        judged=found.judged,
        high=int(np.count_nonzero(found.score > 0)),
        low=int(np.count_nonzero(found.score < 0)),
        series=len(np.unique(found.series)) / len(demand),
    )
