"""Generated stock could have led to the sales it was generated from."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting_lib.demo import generate_m5_stock

SERIES = ["item_id", "location_id"]


def receipts(sales: pl.DataFrame, stock: pl.DataFrame) -> pl.Series:
    """What must have been delivered on each day for the balance to hold."""
    days = stock.join(sales, on=["date", *SERIES], how="left").sort(*SERIES, "date")
    before = pl.col("on_hand_qty").shift(1).over(SERIES)
    needed = pl.col("on_hand_qty") - before + pl.col("units_sold").fill_null(0)
    return days.select(needed.alias("receipt_qty"))["receipt_qty"].drop_nulls()


def test_no_day_needs_a_negative_delivery_and_no_shelf_is_ever_empty(m5_sales_long: pl.DataFrame) -> None:
    stock = generate_m5_stock(m5_sales_long)
    assert stock.height == m5_sales_long.height
    assert (receipts(m5_sales_long, stock) >= 0).all()
    assert stock["on_hand_qty"].min() == 1


def test_stock_is_of_the_order_of_weeks_of_sales(m5_sales_long: pl.DataFrame) -> None:
    stock = generate_m5_stock(m5_sales_long)
    cover_days = float(stock["on_hand_qty"].sum()) / float(m5_sales_long["units_sold"].sum())
    assert 5 < cover_days < 40


def test_a_later_delivery_leaves_the_earlier_levels_as_they_were(m5_sales_long: pl.DataFrame) -> None:
    cut = max(m5_sales_long["date"]) - timedelta(days=28)
    early = generate_m5_stock(m5_sales_long.filter(pl.col("date") <= cut))
    whole = generate_m5_stock(m5_sales_long)
    assert early.equals(whole.filter(pl.col("date") <= cut))


def test_a_series_does_not_depend_on_its_neighbours(m5_sales_long: pl.DataFrame) -> None:
    one_store = pl.col("location_id") == "TX_1"
    alone = generate_m5_stock(m5_sales_long.filter(one_store))
    assert alone.equals(generate_m5_stock(m5_sales_long).filter(one_store))


def test_another_seed_gives_another_history(m5_sales_long: pl.DataFrame) -> None:
    store = m5_sales_long.filter(pl.col("location_id") == "CA_1")
    assert not generate_m5_stock(store, seed=1).equals(generate_m5_stock(store, seed=2))


@settings(max_examples=40, deadline=None)
@given(
    units=st.lists(st.integers(-3, 400), min_size=1, max_size=80),
    seed=st.integers(0, 2**31),
)
def test_any_sales_balance(units: list[int], seed: int) -> None:
    first = date(2024, 2, 1)
    sales = pl.DataFrame(
        {
            "date": [first + timedelta(days=day) for day in range(len(units))],
            "item_id": "FOODS_1_901",
            "location_id": "CA_1",
            "units_sold": units,
        }
    )
    stock = generate_m5_stock(sales.sample(fraction=1.0, shuffle=True, seed=1), seed=seed)
    assert stock["date"].to_list() == sales["date"].to_list()
    assert (stock["on_hand_qty"] >= 1).all()
    assert all(receipt >= 0 for receipt in receipts(sales, stock))


def test_missing_days_are_days_without_sales_from_the_first_row_on() -> None:
    sales = pl.DataFrame(
        {
            "date": [date(2024, 1, 1), date(2024, 1, 5), date(2024, 1, 3)],
            "item_id": ["A", "A", "B"],
            "location_id": "CA_1",
            "units_sold": [2, 1, 4],
        }
    )
    stock = generate_m5_stock(sales)
    assert stock.group_by("item_id").len().sort("item_id").rows() == [("A", 5), ("B", 3)]


def test_no_sales_give_no_stock() -> None:
    empty = pl.DataFrame(
        schema={"date": pl.Date, "item_id": pl.String, "location_id": pl.String, "units_sold": pl.Int64}
    )
    stock = generate_m5_stock(empty)
    assert stock.columns == ["date", *SERIES, "on_hand_qty"]
    assert stock.is_empty()


def test_two_rows_for_one_day_are_refused() -> None:
    row = {"date": [date(2024, 1, 1)] * 2, "item_id": "A", "location_id": "CA_1", "units_sold": [1, 2]}
    with pytest.raises(ValueError, match="two rows for one day"):
        generate_m5_stock(pl.DataFrame(row))
