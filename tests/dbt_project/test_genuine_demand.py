"""Genuine M5 files through dbt: no unit is lost, and every day is there."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from orchestration.clients import add_client, validated
from orchestration.stages.dbt import build_client
from orchestration.warehouse.server import Warehouse
from tests.dbt_project.conftest import fetch, m5_folder, stage

pytestmark = [pytest.mark.shared_data, pytest.mark.slow]


@pytest.fixture(scope="module")
def client_id(warehouse: Warehouse, shared_data: Path) -> str:
    folder = m5_folder(shared_data, "m5_280x1941")
    client = validated(client_id="dbt_m5", name="M5", models=["ma7"])
    add_client(warehouse, client)
    wide = pl.read_csv(folder / "sales_train_evaluation.csv.gz")
    calendar = pl.read_csv(folder / "calendar.csv").with_columns(pl.col(pl.String).replace("", None))
    sales = wide.unpivot(
        on=[name for name in wide.columns if name.startswith("d_")],
        index=["item_id", "store_id"],
        variable_name="d",
        value_name="units_sold",
    ).join(calendar.select("d", "date"), on="d")
    events = [f"event_{part}_{n}" for n in (1, 2) for part in ("name", "type")]
    snap = [
        pl.col(f"snap_{state}").cast(pl.Boolean).alias(f"snap_{state.lower()}")
        for state in ("CA", "TX", "WI")
    ]
    prices = pl.read_csv(folder / "sell_prices.csv.gz")
    location = pl.col("store_id").alias("location_id")
    stage(warehouse, client.client_id, "sales", sales.select("item_id", location, "date", "units_sold"))
    stage(warehouse, client.client_id, "calendar", calendar.select("date", "d", "wm_yr_wk", *events, *snap))
    price = pl.col("sell_price").alias("unit_price")
    stage(warehouse, client.client_id, "prices", prices.select("item_id", location, "wm_yr_wk", price))
    assert list(build_client(warehouse, client.client_id))
    return client.client_id


def test_units_are_conserved(warehouse: Warehouse, client_id: str) -> None:
    assert fetch(
        warehouse,
        "select sum(demand_qty), sum(clipped_qty) from analytics.ts_demand_daily where client_id = %s",
        client_id,
    ) == [
        (
            fetch(warehouse, "select sum(units_sold) from staging.sales where client_id = %s", client_id)[0][
                0
            ],
            0,
        )
    ]


def test_every_series_runs_from_its_first_sale_to_the_last_day(warehouse: Warehouse, client_id: str) -> None:
    spans = """
        select count(*), min(rows), max(last)
        from (
            select count(*) - (max(date) - min(date) + 1) as rows, max(date) as last
            from analytics.ts_demand_daily where client_id = %s group by item_id, location_id
        ) as series
    """
    ((n_series, missing, last),) = fetch(warehouse, spans, client_id)
    assert (n_series, missing, last.isoformat()) == (280, 0, "2016-05-22")


def test_calendar_and_prices_reach_the_days(warehouse: Warehouse, client_id: str) -> None:
    """Prices end on 2016-04-29 (d_1918) and are carried forward; SNAP days follow the store's state."""
    query = """
        select
            count(*) filter (where unit_price is null), count(*) filter (where is_snap is null),
            min(holiday_name) filter (where date = '2015-12-25')
        from analytics.ts_demand_daily where client_id = %s
    """
    ((unpriced, odd, christmas),) = fetch(warehouse, query, client_id)
    assert (unpriced, odd, christmas) == (0, 0, "Christmas")


def test_stores_without_a_sale_at_christmas_and_in_a_blizzard_were_closed(
    warehouse: Warehouse, client_id: str
) -> None:
    """The other ten days of Christmas sold a unit or more of these few items."""
    closed = """
        select
            to_char(date, 'MM-DD'), count(*)
        from analytics.location_calendar where client_id = %s and is_closed group by 1 order by 1
    """
    assert fetch(warehouse, closed, client_id) == [("02-02", 1), ("12-25", 40)]
