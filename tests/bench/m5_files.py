"""Files of M5's layout that a bench delivers: generated ones or the genuine ones, and a day more.

Belongs here: making and reading them. Does not belong here: landing them (``landing``, ``demand``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from orchestration.demo.files import write_m5

LAST_DAY = date(2016, 5, 22)


@dataclass(frozen=True)
class M5Files:
    """A first delivery, and the sales of one day more.

    Attributes:
        calendar: of M5's days.
        sales: a column for each day.
        day: a row for each series, one day after the last of ``sales``.
    """

    calendar: Path
    sales: Path
    day_more: Path

    @property
    def first(self) -> list[Path]:
        """The files of the first delivery."""
        return [self.calendar, self.sales]

    @property
    def day(self) -> list[Path]:
        """The files of the second delivery."""
        return [self.day_more]


def m5_files(home: Path, data: Path | None, series: int, days: int) -> M5Files:
    """Make what is not there; the arguments as for :func:`files_of_m5`."""
    data, day = files_of_m5(home, data, series, days), home / "sales_day.csv"
    sales, calendar = next(data.glob("sales_train*")), data / "calendar.csv"
    _sold_next(sales, calendar).write_csv(day)
    return M5Files(calendar, sales, day)


def files_of_m5(home: Path, data: Path | None, series: int, days: int) -> Path:
    """The folder with M5's files: the one that is given, or one that is made.

    Args:
        home: where.
        data: folder with a ``sales_train*`` of M5, as CSV or compressed by gzip, and its ``calendar.csv``;
            None generates them.
        series: to generate.
        days: to generate.
    """
    if data is None:
        data = home / "m5"
        write_m5(data, series, days, LAST_DAY)
    return data


def _sold_next(sales: Path, calendar: Path) -> pl.DataFrame:
    """The sales of the last day again, a day later."""
    wide = pl.read_csv(sales)
    last = [name for name in wide.columns if name.startswith("d_")][-1]
    [day] = pl.read_csv(calendar, try_parse_dates=True).filter(pl.col("d") == last)["date"]
    return wide.select(
        "item_id",
        pl.lit(day + timedelta(days=1)).alias("date"),
        pl.col(last).alias("units_sold"),
        pl.col("store_id").alias("location_id"),
    )


def m5_rows(sales: Path, calendar: Path) -> pl.DataFrame:
    """M5's wide sales as rows of staging, one for each line and day."""
    wide = pl.read_csv(sales)
    dates = pl.read_csv(calendar, try_parse_dates=True).select("d", "date")
    return (
        wide.unpivot(
            on=[name for name in wide.columns if name.startswith("d_")],
            index=["item_id", "store_id"],
            variable_name="d",
            value_name="units_sold",
        )
        .join(dates, on="d", how="left", maintain_order="left")
        .select("item_id", "date", "units_sold", location_id="store_id")
    )
