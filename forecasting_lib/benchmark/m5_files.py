"""Sales in the file layout of the M5 competition, as histories and the days held out from them.

Belongs here: reading the wide sales file and the cut. Does not belong here: prices (``m5_prices``), and the
pipeline's own reading of such files, which checks and stages every row (``orchestration.landing``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from forecasting_lib.origins import Origin
from forecasting_lib.panel import FloatArray, Panel

FIRST_DAY = date(2011, 1, 29)
"""Date of ``d_1`` in the competition's calendar; no model of the benchmark looks at dates."""

SHORTEST_HISTORY = 29
"""A series that began later keeps this many days, zeros included: one step more than four weeks."""

PLACE_COLUMNS = ("item_id", "dept_id", "cat_id", "store_id", "state_id")
"""What the sales file says of a series beside its units."""


@dataclass(frozen=True)
class M5Sales:
    """The sales file, or some of its series.

    Attributes:
        file: where they were read from.
        first_day: number N of the first column ``d_N``.
        units: (n, days) units a day.
        rows: (n,) the series' rows in the file, from 0 on.
        series_in_file: how many the file has.
        named: n rows, the columns that are not days, as text.
    """

    file: Path
    first_day: int
    units: FloatArray
    rows: npt.NDArray[np.int64]
    series_in_file: int
    named: pl.DataFrame

    @property
    def last_day(self) -> int:
        """Number N of the last column ``d_N``."""
        return self.first_day + int(self.units.shape[1]) - 1

    @property
    def places(self) -> pl.DataFrame:
        """n rows with :data:`PLACE_COLUMNS`.

        Raises:
            ValueError: the file lacks one of them.
        """
        missing = [name for name in PLACE_COLUMNS if name not in self.named.columns]
        if missing:
            raise ValueError(f"{self.file} needs the columns {', '.join(missing)} of M5's layout")
        return self.named.select(PLACE_COLUMNS)

    def origin(self, horizon: int, days_left_off: int = 0) -> Origin:
        """Hold the last days out.

        Args:
            horizon: days to hold out.
            days_left_off: days at the end that are treated as if they had not come yet, for earlier windows.

        Raises:
            ValueError: the days are too few, or ``days_left_off`` is negative.
        """
        if days_left_off < 0:
            raise ValueError("days_left_off must be at least 0")
        seen = self.units.shape[1] - days_left_off - horizon
        if seen <= SHORTEST_HISTORY:
            least = horizon + SHORTEST_HISTORY + days_left_off
            raise ValueError(f"{self.file} must have more than {least} day columns d_N, without gaps")
        return Origin(
            Panel(
                series_ids=tuple(str(row) for row in self.rows),
                as_of_date=FIRST_DAY + timedelta(days=self.first_day + seen - 2),
                history=tuple(since_first_sale(history) for history in self.units[:, :seen]),
            ),
            self.units[:, seen : seen + horizon],
        )


def read_sales(directory: Path, max_series: int | None = None) -> M5Sales:
    """Read the sales file of a directory.

    Args:
        directory: has one ``sales_train*.csv`` or ``.csv.gz``, one row per series with a column ``d_N`` per
            day, the days without gaps; any first day is allowed. Of the competition's two the evaluation's
            is read, which is the validation's and four weeks more.
        max_series: take this many series, evenly spaced over the file; None takes all.

    Raises:
        ValueError: there is no such file or more than one, its days have gaps, a cell is empty, or
            ``max_series`` is below 1.
    """
    if max_series is not None and max_series < 1:
        raise ValueError("max_series must be at least 1")
    file = _sales_file(directory)
    wide = pl.read_csv(file)
    labels = [name for name in wide.columns if name.startswith("d_") and name[2:].isdigit()]
    days = np.array([int(label[2:]) for label in labels])
    if not labels or (np.diff(days) != 1).any():
        raise ValueError(f"{file} must have day columns d_N, without gaps")
    units = wide.select(pl.col(labels).cast(pl.Float64)).to_numpy()
    if np.isnan(units).any():
        raise ValueError(f"{file} has empty cells; M5's layout has a number in every one")
    rows = np.arange(len(units))
    if max_series is not None and max_series < len(rows):
        rows = np.linspace(0, len(rows) - 1, max_series).astype(np.int64)
    named = wide.select(pl.exclude(labels).cast(pl.String))[rows]
    return M5Sales(file, int(days[0]), units[rows], rows, len(units), named)


def read_m5(
    directory: Path, horizon: int = 28, max_series: int | None = None, *, days_left_off: int = 0
) -> Origin:
    """Read the sales file of a directory and hold its last days out.

    Arguments and errors as in :func:`read_sales` and :meth:`M5Sales.origin`.
    """
    return read_sales(directory, max_series).origin(horizon, days_left_off)


def since_first_sale(history: FloatArray) -> FloatArray:
    """The history from its first positive day on, but at least its last ``SHORTEST_HISTORY`` days."""
    sold = np.flatnonzero(history > 0)
    start = sold[0] if len(sold) else len(history)
    return history[min(start, len(history) - SHORTEST_HISTORY) :]


def _sales_file(directory: Path) -> Path:
    files = sorted(directory.glob("sales_train*.csv*"))
    evaluation = [file for file in files if file.name.startswith("sales_train_evaluation.csv")]
    others = [file for file in files if not file.name.startswith("sales_train_validation.csv")]
    if len(evaluation) == 1 and others == evaluation:
        return evaluation[0]
    if len(files) != 1:
        found = ", ".join(file.name for file in files) or "none"
        raise ValueError(
            f"{directory} must hold one sales_train*.csv or .csv.gz of M5's layout; found {found}"
        )
    return files[0]
