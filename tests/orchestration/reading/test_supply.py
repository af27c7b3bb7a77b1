"""What counts as stock, as on order and as a lead time on a date."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import polars as pl
import pytest

from forecasting_lib.grain import Grain
from orchestration.clients import Client
from orchestration.reading.supply import read_supply
from orchestration.warehouse.bulk import insert_frame
from orchestration.warehouse.server import Warehouse
from tests.sales_partition import make_room_for_sales


def test_supply_is_read_as_of_the_date(warehouse: Warehouse, new_client: Callable[..., Client]) -> None:
    client = new_client(default_lead_time_days=12)
    c = client.client_id
    stock = pl.DataFrame(
        {
            "client_id": c,
            "item_id": "tea",
            "location_id": "main",
            "date": [date(2026, 3, 1), date(2026, 3, 5)],
            "on_hand_qty": [40.0, 3.0],
            "file_id": 1,
        }
    )
    orders = pl.DataFrame(
        {
            "client_id": c,
            "po_id": ["received_before", "received_after", "partly", "not_yet_placed", "cancelled"],
            "item_id": "tea",
            "location_id": "main",
            "ordered_qty": [10.0, 20.0, 30.0, 40.0, 50.0],
            "order_date": [date(2026, 2, 1)] * 3 + [date(2026, 3, 4), date(2026, 2, 1)],
            "received_date": [date(2026, 2, 9), date(2026, 3, 4), date(2026, 2, 20), None, None],
            "received_qty": [10.0, 20.0, 25.0, None, None],
            "status": ["received", "received", "open", "open", "Cancelled"],
            "file_id": 1,
        }
    )
    item = {"client_id": c, "item_id": "tea", "name": "Tea", "is_described": True, "supplier_id": "acme"}
    supplier = {"client_id": c, "supplier_id": "acme", "min_order_value": 250.0, "file_id": 1}
    with warehouse.transaction() as connection:
        insert_frame(connection, "analytics.dim_item", pl.DataFrame([{**item, "shelf_life_days": 90}]))
        insert_frame(connection, "staging.suppliers", pl.DataFrame([supplier]))
        insert_frame(connection, "staging.stock_levels", stock)
        insert_frame(connection, "staging.purchase_orders", orders)
    keys = pl.DataFrame({"series_id": ["0"], "item_id": ["tea"], "location_id": ["main"]})

    supply = read_supply(warehouse, client, keys, date(2026, 3, 3), Grain.DAY)
    assert supply.positions["on_hand_qty"].to_list() == [40.0]
    assert supply.positions["snapshot_date"].to_list() == [date(2026, 3, 1)]
    assert supply.positions.select("shelf_life_days", "min_order_value").row(0) == (90.0, 250.0)
    # one order arrived after 8 days, one partly after 19, one still runs after 30; the default says 12
    assert supply.positions["lead_time_source"].to_list() == ["location"]
    assert supply.positions["lead_time_receipts"].to_list() == [2]
    assert supply.positions["lead_time_days"].item() > (8 + 19 + 12) / 3
    assert dict(zip(supply.receipts["po_id"], supply.receipts["open_qty"], strict=True)) == {
        "received_after": 20.0,
        "partly": 5.0,
    }


@pytest.mark.parametrize(
    ("grain", "first_days", "as_of", "counted"),
    [
        (Grain.MONTH, ("2026-04-01", "2026-05-01"), "2026-05-31", "2026-05-31"),
        (Grain.MONTH, ("2026-04-01", "2026-05-01"), "2026-04-30", "2026-04-30"),
        (Grain.WEEK, ("2026-05-18", "2026-05-25"), "2026-05-31", "2026-05-31"),
        (Grain.DAY, ("2026-05-29", "2026-05-30"), "2026-05-31", "2026-05-30"),
    ],
)
def test_the_stock_of_a_total_is_that_of_its_last_day(
    grain: Grain,
    first_days: tuple[str, str],
    as_of: str,
    counted: str,
    warehouse: Warehouse,
    new_client: Callable[..., Client],
) -> None:
    client = new_client()
    sales = pl.DataFrame(
        {
            "client_id": client.client_id,
            "item_id": "tea",
            "location_id": "main",
            "date": [date.fromisoformat(day) for day in first_days],
            "units_sold": 5.0,
            "on_hand_qty": [7.0, 9.0],
            "file_id": 1,
        }
    )
    early_count = sales.head(1).select(
        *("client_id", "item_id", "location_id", "file_id"),
        pl.lit(date(2026, 4, 15)).alias("date"),
        pl.lit(1.0).alias("on_hand_qty"),
    )
    with warehouse.transaction() as connection:
        make_room_for_sales(connection, client.client_id)
        insert_frame(connection, "staging.sales", sales)
        insert_frame(connection, "staging.stock_levels", early_count)
    keys = pl.DataFrame({"series_id": ["0"], "item_id": ["tea"], "location_id": ["main"]})
    position = read_supply(warehouse, client, keys, date.fromisoformat(as_of), grain).positions
    assert position["snapshot_date"].to_list() == [date.fromisoformat(counted)]
    assert position["on_hand_qty"].to_list() == [7.0 if as_of == "2026-04-30" else 9.0]
