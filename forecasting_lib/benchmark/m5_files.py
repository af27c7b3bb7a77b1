"""Sales in the file layout of the M5 competition, as histories and the days held out from them.

Belongs here: reading the wide sales file and the cut. Does not belong here: the pipeline's own reading of
such files, which checks and stages every row (``orchestration.landing``).
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from forecasting_lib.origins import Origin
from forecasting_lib.panel import FloatArray, Panel

FIRST_DAY = date(2011, 1, 29)
"""Date of ``d_1`` in the competition's calendar; no model of the benchmark looks at dates."""

SHORTEST_HISTORY = 29
"""A series that began later keeps this many days, zeros included: one step more than four weeks."""


def read_m5(
    directory: Path, horizon: int = 28, max_series: int | None = None, *, days_left_off: int = 0
) -> Origin:
    """Read the sales file of a directory and hold its last days out.

    Args:
        directory: has one ``sales_train*.csv`` or ``.csv.gz``, one row per series with a column ``d_N`` per
            day, the days without gaps; any first day is allowed.
        horizon: days to hold out.
        max_series: take this many series, evenly spaced over the file; None takes all.
        days_left_off: days at the end that are read as if they had not come yet, for earlier windows.

    Raises:
        ValueError: there is no such file or more than one, its days have gaps or are too few, a cell is
            empty, ``max_series`` is below 1 or ``days_left_off`` negative.
    """
    if days_left_off < 0:
        raise ValueError("days_left_off must be at least 0")
    if max_series is not None and max_series < 1:
        raise ValueError("max_series must be at least 1")
    files = sorted(directory.glob("sales_train*.csv*"))
    if len(files) != 1:
        found = ", ".join(file.name for file in files) or "none"
        raise ValueError(
            f"{directory} must hold one sales_train*.csv or .csv.gz of M5's layout; found {found}"
        )
    wide = pl.read_csv(files[0])
    labels = [name for name in wide.columns if name.startswith("d_") and name[2:].isdigit()]
    labels = labels[: len(labels) - days_left_off]
    days = np.array([int(label[2:]) for label in labels])
    if len(days) <= horizon + SHORTEST_HISTORY or (np.diff(days) != 1).any():
        raise ValueError(
            f"{files[0]} must have more than {horizon + SHORTEST_HISTORY} day columns d_N, without gaps"
        )
    units = wide.select(pl.col(labels).cast(pl.Float64)).to_numpy()
    if np.isnan(units).any():
        raise ValueError(f"{files[0]} has empty cells; M5's layout has a number in every one")
    rows = np.arange(len(units))
    if max_series is not None and max_series < len(rows):
        rows = np.linspace(0, len(rows) - 1, max_series).astype(np.int64)
    past, actual = units[rows, :-horizon], units[rows, -horizon:]
    return Origin(
        Panel(
            series_ids=tuple(str(row) for row in rows),
            as_of_date=FIRST_DAY + timedelta(days=int(days[-horizon - 1]) - 1),
            history=tuple(since_first_sale(history) for history in past),
        ),
        actual,
    )


def since_first_sale(history: FloatArray) -> FloatArray:
    """The history from its first positive day on, but at least its last ``SHORTEST_HISTORY`` days."""
    sold = np.flatnonzero(history > 0)
    start = sold[0] if len(sold) else len(history)
    return history[min(start, len(history) - SHORTEST_HISTORY) :]
