"""What becomes of M5's frames before they are delivered: dates moved, stock made up, two parts."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest

from forecasting_lib.demo import M5Config, M5Data, generate_m5_layout, generate_m5_stock
from orchestration.demo.m5_files import STOCK, m5_deliveries, weeks_shift
from orchestration.landing.reasons import FileRefusedError

TODAY = date(2026, 11, 21)
NOTHING = pl.DataFrame()


@pytest.fixture(scope="module")
def data() -> M5Data:
    return generate_m5_layout(
        M5Config(end_date=date(2016, 5, 22), days=90, n_items=4, stores=("CA_1", "TX_1"))
    )


@pytest.mark.parametrize("today", [date(2026, 11, 21) + timedelta(days=n) for n in range(8)])
def test_dates_move_by_whole_weeks_to_within_a_week_of_today(today: date) -> None:
    last = date(2016, 5, 22)
    shift = weeks_shift(last, today)
    assert shift % 7 == 0
    assert 1 <= (today - (last + timedelta(days=shift))).days <= 7


def test_both_deliveries_of_stock_are_one_history_that_the_sales_could_have_had(data: M5Data) -> None:
    first, later = m5_deliveries(data, today=TODAY)

    later_stock = later["stock_levels_generated_d_63_to_d_90"]
    stock = pl.concat([first[STOCK], later_stock])
    days = dict(first["calendar"].select("d", "date").iter_rows())
    long = data.sales_train_evaluation.unpivot(
        on=[f"d_{n}" for n in range(1, 91)], index=["item_id", "store_id"], value_name="units_sold"
    ).select(
        pl.col("variable").replace_strict(days, return_dtype=pl.Date).alias("date"),
        "item_id",
        pl.col("store_id").alias("location_id"),
        pl.col("units_sold").cast(pl.Float64),
    )
    assert stock.sort("date", "item_id", "location_id").equals(generate_m5_stock(long))
    assert later_stock["date"].min() == days["d_63"]
    assert (first[STOCK].height, later_stock.height) == (62 * 8, 28 * 8)


def test_the_calendar_says_of_each_day_what_it_said_of_the_day_before_the_move(data: M5Data) -> None:
    moved = m5_deliveries(data, today=TODAY)[0]["calendar"]
    untouched = [name for name in moved.columns if name not in ("date", "month", "year")]

    assert moved.select(untouched).equals(data.calendar.select(untouched))
    assert moved.filter(pl.col("d") == "d_90")["date"].item() == date(2026, 11, 15)
    assert moved.select(pl.col("date").dt.to_string("%A") == pl.col("weekday")).to_series().all()


def test_without_a_calendar_the_published_days_are_moved(data: M5Data) -> None:
    bare = M5Data(data.sales_train_evaluation, calendar=NOTHING, sell_prices=NOTHING)
    calendar = m5_deliveries(bare, today=TODAY)[0]["calendar"]

    assert calendar.columns == ["date", "wm_yr_wk", "d"]
    assert calendar.row(0)[1:] == (11101, "d_1")
    assert TODAY - timedelta(days=7) <= calendar["date"][-1] < TODAY
    assert "calendar" not in m5_deliveries(bare, today=None)[0]


def test_a_calendar_without_the_days_of_the_sales_is_refused(data: M5Data) -> None:
    with pytest.raises(FileRefusedError, match="does not know d_90"):
        m5_deliveries(
            M5Data(data.sales_train_evaluation, data.calendar.head(89), data.sell_prices), today=TODAY
        )
