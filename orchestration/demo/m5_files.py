"""M5's files as the demo delivers them: moved to the present, with a stock that M5 does not have.

Belongs here: pure functions from M5's frames to the frames of two deliveries. Does not belong here: writing
them (``files``), and how sales and stock are drawn (``forecasting_lib.demo``).
"""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from forecasting_lib.demo import M5Data, generate_m5_stock, hold_back_m5
from forecasting_lib.demo.m5_layout import walmart_week
from orchestration.landing.m5 import day_dates

STOCK = "stock_levels_generated"
"""Name of the file of generated stock levels: it says what they are, in ``ops.landing_files`` too."""


def m5_deliveries(
    data: M5Data, *, today: date | None
) -> tuple[dict[str, pl.DataFrame], dict[str, pl.DataFrame]]:
    """The two deliveries of an M5 client.

    Args:
        data: its frames; calendar and prices may be empty. Without a calendar, days are the published ones.
        today: the sales end in the week before this day; None leaves the dates as they are.

    Returns:
        First and later delivery, frames by file name without its ending; empty frames are left out. The
        later one repeats no stock level of the first.

    Raises:
        FileRefusedError: the calendar lacks a day of the sales.
    """
    sales = data.sales_train_evaluation
    known = dict(data.calendar.select("d", "date").iter_rows()) if not data.calendar.is_empty() else {}
    days = day_dates([name for name in sales.columns if name.startswith("d_")], known, "calendar.csv")
    shift = 0 if today is None else weeks_shift(max(days.values()), today)
    calendar = data.calendar if known or not shift else _published_calendar(days)
    first, later = hold_back_m5(M5Data(sales, calendar=_moved(calendar, shift), sell_prices=data.sell_prices))
    moved = {label: day + timedelta(days=shift) for label, day in days.items()}
    [held_back] = later
    first[STOCK] = generate_m5_stock(_long(first["sales_train_evaluation"], moved))
    whole = generate_m5_stock(_long(sales, moved))
    later[held_back.replace("sales_train", STOCK)] = whole.join(first[STOCK], on=whole.columns, how="anti")
    return {name: frame for name, frame in first.items() if not frame.is_empty()}, later


def weeks_shift(last_day: date, today: date) -> int:
    """Days to add so that a history ends in the week before today; whole weeks, weekdays stay weekdays."""
    return (today - timedelta(days=1) - last_day).days // 7 * 7


def _moved(calendar: pl.DataFrame, shift: int) -> pl.DataFrame:
    """The calendar with its dates moved; what depends on month and year of a date follows."""
    if calendar.is_empty() or not shift:
        return calendar
    moved = pl.col("date").dt.offset_by(f"{shift}d")
    parts = {"month": moved.dt.month(), "year": moved.dt.year()}
    return calendar.with_columns(
        moved, **{name: part for name, part in parts.items() if name in calendar.columns}
    )


def _published_calendar(days: dict[str, date]) -> pl.DataFrame:
    """M5's calendar as far as it follows from the days themselves."""
    return pl.DataFrame(
        {
            "date": list(days.values()),
            "wm_yr_wk": [walmart_week(day) for day in days.values()],
            "d": list(days),
        }
    )


def _long(wide: pl.DataFrame, days: dict[str, date]) -> pl.DataFrame:
    """``date, item_id, location_id, units_sold`` of the cells that are not empty."""
    labels = [name for name in wide.columns if name in days]
    long = wide.unpivot(
        on=labels, index=["item_id", "store_id"], variable_name="d", value_name="units_sold"
    ).drop_nulls("units_sold")
    return long.select(
        pl.col("d").replace_strict(days, return_dtype=pl.Date).alias("date"),
        "item_id",
        pl.col("store_id").alias("location_id"),
        pl.col("units_sold").cast(pl.Float64),
    )
