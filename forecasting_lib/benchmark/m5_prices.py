"""What M5's series cost on each day, from the weekly prices of ``sell_prices.csv``.

Belongs here: reading prices and the weeks of days. Does not belong here: what sales are worth as weights
(``m5_yardsticks``).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from forecasting_lib.benchmark.m5_files import M5Sales
from forecasting_lib.panel import FloatArray


def daily_prices(directory: Path, sales: M5Sales, days: range) -> FloatArray | None:
    """The price of each series on each day.

    Args:
        directory: may hold ``sell_prices.csv`` and ``calendar.csv``, or the same as ``.csv.gz``.
        sales: the series.
        days: numbers N of days ``d_N``.

    Returns:
        (n, days) dollars a unit, NaN where the file has none; None where there is no ``sell_prices.csv``.

    Raises:
        ValueError: there are prices and no calendar, a day is not in the calendar, the sales file names no
            items and stores, or a series has two prices in a week.
    """
    prices = _table(directory, "sell_prices.csv")
    if prices is None:
        return None
    calendar = _table(directory, "calendar.csv")
    if calendar is None:
        raise ValueError(f"{directory} has sell_prices.csv, which needs calendar.csv for the weeks of days")
    week_of = dict(calendar.select("d", "wm_yr_wk").iter_rows())
    unknown = [day for day in days if f"d_{day}" not in week_of]
    if unknown:
        raise ValueError(f"calendar.csv of {directory} lacks the day d_{unknown[0]}")
    weeks = [week_of[f"d_{day}"] for day in days]
    distinct = sorted(set(weeks))
    wanted = sales.places.select("store_id", "item_id").with_row_index("row")
    known = prices.filter(pl.col("wm_yr_wk").is_in(distinct)).join(wanted, on=["store_id", "item_id"])
    if known.select(pl.struct("row", "wm_yr_wk").is_duplicated().any()).item():
        raise ValueError(f"sell_prices.csv of {directory} has two prices of an item, store and week")
    by_week = np.full((len(sales.rows), len(distinct)), np.nan)
    by_week[known["row"].to_numpy(), np.searchsorted(distinct, known["wm_yr_wk"].to_numpy())] = known[
        "sell_price"
    ].to_numpy()
    return by_week[:, np.searchsorted(distinct, weeks)]


def _table(directory: Path, name: str) -> pl.DataFrame | None:
    for file in (directory / name, directory / f"{name}.gz"):
        if file.exists():
            return pl.read_csv(file)
    return None
