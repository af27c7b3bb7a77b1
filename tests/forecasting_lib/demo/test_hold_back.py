"""A held-back history arrives complete, and the first delivery knows nothing of the later one."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting_lib.demo import (
    M5Config,
    M5Data,
    RetailerConfig,
    RetailerData,
    generate_m5_layout,
    generate_retailer,
    hold_back_m5,
    hold_back_retailer,
    purchase_orders_as_known,
)
from tests.forecasting_lib.demo.conftest import END_DATE

ORDER_KEY = ["po_id", "item_id"]


def joined(
    whole: dict[str, pl.DataFrame], first: dict[str, pl.DataFrame], later: dict[str, pl.DataFrame]
) -> dict[str, pl.DataFrame]:
    """What a receiver has after both deliveries, when a later row of the same key replaces the earlier."""
    merged = {}
    for kind, frame in first.items():
        added = later.get(kind, frame.clear())
        kept = frame.join(added, on=ORDER_KEY, how="anti") if kind == "purchase_orders" else frame
        merged[kind] = pl.concat([kept, added])
    assert set(later) <= set(first) == set(whole)
    return merged


def assert_nothing_is_lost(data: RetailerData, days: int) -> None:
    whole = data.deliveries()
    first, later = hold_back_retailer(whole, days)
    for kind, frame in joined(whole, first, later).items():
        assert frame.sort(frame.columns).equals(whole[kind].sort(frame.columns)), kind


def test_the_two_deliveries_of_a_retailer_make_the_whole(retailer: RetailerData) -> None:
    assert_nothing_is_lost(retailer, 28)


SMALL = generate_retailer(RetailerConfig(end_date=END_DATE, days=150, n_items=8, n_locations=2))


@settings(max_examples=20, deadline=None)
@given(days=st.integers(1, 140))
def test_any_cut_loses_nothing(days: int) -> None:
    assert_nothing_is_lost(SMALL, days)


def test_the_first_delivery_knows_nothing_of_the_days_held_back(retailer: RetailerData) -> None:
    cut = END_DATE - timedelta(days=28)
    first, later = hold_back_retailer(retailer.deliveries())
    dates = {
        "sales": ["date"],
        "stock_levels": ["date"],
        "purchase_orders": ["order_date", "received_date"],
        "promotions": ["announced_date"],
    }
    for kind, columns in dates.items():
        for column in columns:
            assert (first[kind][column] <= cut).all(), (kind, column)
    assert (later["sales"]["date"] > cut).all()
    assert set(later) == set(dates)


def test_an_order_received_after_the_cut_is_open_in_the_first_delivery(retailer: RetailerData) -> None:
    first, later = hold_back_retailer(retailer.deliveries())
    arrived_since = later["purchase_orders"].join(first["purchase_orders"], on=ORDER_KEY, suffix="_before")
    assert arrived_since.height > 50
    assert set(arrived_since["status_before"]) == {"open"}
    assert set(arrived_since["status"]) == {"received"}
    assert arrived_since["received_date_before"].null_count() == arrived_since.height
    assert arrived_since["received_qty_before"].sum() == 0
    assert arrived_since["expected_date_before"].null_count() == 0


def test_orders_known_at_the_end_are_the_orders(retailer: RetailerData) -> None:
    assert purchase_orders_as_known(retailer.purchase_orders, END_DATE).equals(retailer.purchase_orders)


def test_the_first_delivery_has_items_about_to_run_out_too(retailer: RetailerData) -> None:
    first, _ = hold_back_retailer(retailer.deliveries())
    last = first["stock_levels"].filter(pl.col("date") == pl.col("date").max())
    assert (last["on_hand_qty"] == 0).sum() >= 1


@pytest.mark.parametrize(("days", "message"), [(0, "at least one day"), (730, "leaves no sales")])
def test_an_impossible_cut_is_refused(retailer: RetailerData, days: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        hold_back_retailer(retailer.deliveries(), days)


def test_the_two_m5_files_make_the_whole(m5: M5Data) -> None:
    first, later = hold_back_m5(m5)
    (name,) = later
    assert name == "sales_train_d_703_to_d_730"
    assert first["sales_train_evaluation"].columns[-1] == "d_702"
    assert later[name].columns[6:] == [f"d_{day}" for day in range(703, 731)]
    ids = later[name].columns[:6]
    assert first["sales_train_evaluation"].join(later[name], on=ids).equals(m5.sales_train_evaluation)
    assert first["calendar"].equals(m5.calendar)
    assert first["sell_prices"].equals(m5.sell_prices)


@pytest.mark.parametrize("days", [0, 56])
def test_an_m5_cut_needs_columns_on_both_sides(days: int) -> None:
    small = generate_m5_layout(M5Config(end_date=date(2024, 3, 31), days=56, n_items=2, stores=("CA_1",)))
    with pytest.raises(ValueError, match="there are 56 to split"):
        hold_back_m5(small, days)
