"""SNAP days and events of M5's calendar, told to a model beside the sales.

Belongs here: the two flags as covariates of an origin. Does not belong here: the calendar that the pipeline
stages (``orchestration.landing``), prices (``m5_prices``).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from forecasting_lib.benchmark.m5_files import M5Sales
from forecasting_lib.origins import Origin
from forecasting_lib.panel import FloatArray
from forecasting_lib.ragged import lengths_of

HOLIDAY, SNAP = "holiday", "snap"
"""Names of the covariates: 1 on a day with an event, and on one with SNAP purchases in the series' state."""


def told_of_flags(origin: Origin, sales: M5Sales, directory: Path, last_day: int) -> Origin:
    """The origin whose series know events and SNAP days, those ahead included.

    Args:
        origin: of the sales, as :meth:`M5Sales.origin` gives it.
        sales: the same series in the same order.
        directory: holds M5's ``calendar.csv``.
        last_day: number N of the last day ``d_N`` that the origin has seen.

    Raises:
        ValueError: there is no calendar, or it lacks a day or a state of the sales.
    """
    file = directory / "calendar.csv"
    if not file.exists():
        raise ValueError(f"{directory} has no calendar.csv, which says when SNAP days and events are")
    flags = pl.read_csv(file, infer_schema_length=None)
    days = range(sales.first_day, last_day + origin.horizon + 1)
    wanted = pl.DataFrame({"d": [f"d_{day}" for day in days]})
    found = wanted.join(flags, on="d", how="left", maintain_order="left")
    if found["date"].null_count():
        missing = found.filter(pl.col("date").is_null())["d"][0]
        raise ValueError(f"calendar.csv of {directory} lacks the day {missing}")
    events = found["event_name_1"].is_not_null().to_numpy().astype(np.float64)
    by_state = {state: _snap(found, str(state), directory) for state in sales.places["state_id"].unique()}
    of_series = {
        HOLIDAY: [events] * len(origin.panel),
        SNAP: [by_state[state] for state in sales.places["state_id"]],
    }
    lengths = lengths_of(origin.panel.history)
    seen = last_day - sales.first_day + 1
    panel = replace(
        origin.panel,
        past_covariates={
            name: tuple(array[seen - n : seen] for array, n in zip(arrays, lengths, strict=True))
            for name, arrays in of_series.items()
        },
        future_covariates={
            name: tuple(array[seen:] for array in arrays) for name, arrays in of_series.items()
        },
    )
    return replace(origin, panel=panel)


def _snap(calendar: pl.DataFrame, state: str, directory: Path) -> FloatArray:
    if f"snap_{state}" not in calendar.columns:
        raise ValueError(f"calendar.csv of {directory} has no column snap_{state} for the state {state}")
    return calendar[f"snap_{state}"].to_numpy().astype(np.float64)
