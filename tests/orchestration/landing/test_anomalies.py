"""What is odd about deliveries though every row is fine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from orchestration.clients import Client
from orchestration.landing import anomalies
from orchestration.landing.anomalies import RecentSales
from orchestration.warehouse.server import Warehouse
from tests.orchestration.landing.deliveries import deliver

LAST = date(2024, 6, 30)


@pytest.fixture
def usual() -> RecentSales:
    """Nine weeks in which nothing is odd."""
    return RecentSales(
        last_day=LAST,
        days=pl.DataFrame({"date": [LAST - timedelta(days=n) for n in range(63)], "n_rows": [100] * 63}),
        items=pl.DataFrame({"item_id": ["tea"], "usual_days": [56], "recent_days": [7]}),
        locations=pl.DataFrame({"location_id": ["main"], "usual_days": [56], "recent_days": [7]}),
        prices=pl.DataFrame({"item_id": ["tea"], "usual_price": [2.0], "recent_price": [2.5]}),
        delivery_days=[LAST - timedelta(days=n) for n in (2, 1, 0)],
    )


def test_nothing_odd_gives_no_sentence(usual: RecentSales) -> None:
    assert anomalies.unusual_volume(usual) == []
    assert anomalies.vanished_items(usual) == []
    assert anomalies.silent_locations(usual) == []
    assert anomalies.implausible_prices(usual) == []
    assert anomalies.late_feed(usual, LAST + timedelta(days=3)) == []


@pytest.mark.parametrize("n_rows", [33, 300])
def test_a_day_of_unusual_volume_is_named(usual: RecentSales, n_rows: int) -> None:
    days = usual.days.with_columns(
        pl.when(pl.col("date") == LAST).then(n_rows).otherwise("n_rows").alias("n_rows")
    )
    assert anomalies.unusual_volume(replace(usual, days=days)) == [
        f"2024-06-30 has {n_rows} rows of sales; a usual day has 100."
    ]


def test_an_item_sold_on_most_days_that_stops_has_vanished_and_a_slow_one_has_not(usual: RecentSales) -> None:
    items = pl.DataFrame({"item_id": ["tea", "cake"], "usual_days": [40, 10], "recent_days": [0, 0]})
    assert anomalies.vanished_items(replace(usual, items=items)) == [
        "1 items have no row in the last 7 days: tea."
    ]


def test_a_location_without_a_row_for_a_week_is_silent(usual: RecentSales) -> None:
    locations = pl.DataFrame({"location_id": ["a", "b"], "usual_days": [3, 0], "recent_days": [0, 2]})
    assert anomalies.silent_locations(replace(usual, locations=locations)) == [
        "1 locations have no row in the last 7 days: a."
    ]


@pytest.mark.parametrize("price", [0.2, 20.0])
def test_a_price_ten_times_off_is_implausible(usual: RecentSales, price: float) -> None:
    prices = usual.prices.with_columns(recent_price=price)
    assert anomalies.implausible_prices(replace(usual, prices=prices)) == [
        f"The price of tea went from 2.00 to {price:.2f}."
    ]


def test_a_weekly_feed_is_late_after_two_weeks(usual: RecentSales) -> None:
    weekly = replace(usual, delivery_days=[LAST - timedelta(days=n) for n in (14, 7, 0)])
    assert anomalies.late_feed(weekly, LAST + timedelta(days=14)) == []
    assert anomalies.late_feed(weekly, LAST + timedelta(days=15)) == [
        "The last day of sales is 2024-06-30, 15 days ago; 14 are usual."
    ]


def test_the_counts_come_from_staging(
    warehouse: Warehouse, new_client: Callable[..., Client], tmp_path: Path
) -> None:
    client = new_client()
    header = "date,item_id,location_id,units_sold,unit_price\n"
    tea = [f"{LAST - timedelta(days=n)},tea,store,1,{20 if n < 7 else 2}\n" for n in range(40)]
    jam = [f"{LAST - timedelta(days=n + 7)},jam,gone,1,\n" for n in range(40)]
    deliver(warehouse, client, tmp_path, "sales.csv", "".join([header, *tea, *jam]))
    deliver(warehouse, client, tmp_path, "stock_levels.csv", f"date,item_id,on_hand_qty\n{LAST},ghost,1\n")

    recent = anomalies.read_recent_sales(warehouse, client.client_id, LAST)

    assert anomalies.silent_locations(recent) == ["1 locations have no row in the last 7 days: gone."]
    assert anomalies.vanished_items(recent) == ["1 items have no row in the last 7 days: jam."]
    assert anomalies.implausible_prices(recent) == ["The price of tea went from 2.00 to 20.00."]
    assert recent.days["n_rows"].sum() == 80
    assert anomalies.unknown_items(warehouse, client.client_id) == [
        "1 items have stock, orders or promotions, and no sale or product: ghost."
    ]
