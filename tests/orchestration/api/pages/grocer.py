"""A client of whose items each lacks something, or has a name that would break a careless page."""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import Any

import polars as pl

from forecasting_lib.grain import Grain
from orchestration.access import users
from orchestration.clients import add_client, validated
from orchestration.stages.forecasting import forecasts
from orchestration.stages.inventory import inventory
from orchestration.stages.quality import forecast_quality
from orchestration.warehouse.bulk import insert_frame
from orchestration.warehouse.server import Warehouse
from tests.orchestration.api.shops import ORIGIN, PASSWORD, materialize

SUNDAY = date(2026, 3, 29)
PERIODS = {Grain.DAY: 500, Grain.WEEK: 150}
BEFORE = {Grain.DAY: 28, Grain.WEEK: 28}
"""Days from the earlier forecast, which is scored, to the latest."""

HOSTILE = "</script><script>alert('tea')</script> & \"Co\""
AWKWARD = "a/b c%?&#<i>"
"""An id that an address has to spell."""

NORTH, SOUTH = "north", "south's <b>shop</b>"
SOLD: dict[str, tuple[str, ...]] = {
    "tea": (NORTH, SOUTH),
    AWKWARD: (NORTH,),
    "salt": (NORTH,),
    "oil": (NORTH,),
    "rice": (NORTH,),
}
"""Item -> where it is sold: salt has no stock, oil no lead time, rice no need of an order."""

LISTED, DESCRIBED = "plate", "cup"
"""One that was listed and never sold, one that is in the product file alone."""


class Grocer:
    """The client, and who may look at it."""

    def __init__(self, warehouse: Warehouse, client_id: str, grain: Grain) -> None:
        self.client_id = client_id
        self.grain = grain
        self.email = f"viewer@{client_id.replace('_', '-')}.example.com"
        add_client(
            warehouse,
            validated(
                client_id=client_id, name="Grocer", models=["hist_q", "seasonal_naive"], grain=str(grain)
            ),
        )
        _add_rows(warehouse, client_id, grain)
        materialize(client_id, SUNDAY - timedelta(days=BEFORE[grain]), forecasts)
        materialize(client_id, None, forecast_quality, forecasts, inventory)
        with warehouse.transaction() as connection:
            users.add_user(connection, self.email, PASSWORD, ORIGIN)
            users.set_role(connection, self.email, client_id, "viewer", ORIGIN)

    @property
    def base(self) -> str:
        return f"/planner/{self.client_id}"


def _add_rows(warehouse: Warehouse, client_id: str, grain: Grain) -> None:
    starts = [grain.shift(SUNDAY, 1 - PERIODS[grain] + number) for number in range(PERIODS[grain])]
    rows = [
        {
            "item_id": item,
            "location_id": location,
            "date": start,
            "demand_qty": float(round(6 + 3 * math.sin(number / 5) + number % 4)),
            "is_promotion": number == len(starts) - 3,
            "is_closed": number == len(starts) - 5,
            "is_stocked_out": number == len(starts) - 7,
        }
        for item, locations in SOLD.items()
        for location in locations
        for number, start in enumerate(starts)
    ]
    demand = pl.DataFrame(rows).with_columns(
        pl.lit(client_id).alias("client_id"),
        (pl.col("is_closed") | pl.col("is_stocked_out")).alias("is_masked"),
    )
    demand = demand.with_columns(
        pl.when("is_masked").then(0.0).otherwise("demand_qty").alias("demand_qty"),
        pl.lit(0.0).alias("clipped_qty"),
    ).with_columns(pl.col("demand_qty").alias("net_sold_qty"))
    series = [(item, place) for item, places in SOLD.items() for place in places]
    days = PERIODS[grain] * (7 if grain is Grain.WEEK else 1)
    tables = {
        "analytics.dim_series": _frame(
            client_id,
            [
                {
                    "item_id": item,
                    "location_id": place,
                    "grain": str(grain),
                    "listed_date": starts[0],
                    "first_sale_date": None if item == LISTED else starts[0],
                    "last_sale_date": None if item == LISTED else starts[-1],
                    "history_days": 0 if item == LISTED else days,
                    "demand_days": 0 if item == LISTED else PERIODS[grain],
                    "revenue_365d_value": 100.0,
                }
                for item, place in [*series, (LISTED, NORTH)]
            ],
        ),
        "analytics.dim_item": _frame(
            client_id,
            [
                {
                    "item_id": item,
                    "name": HOSTILE if item == "tea" else item.title(),
                    "category": "dry",
                    "supplier_id": None if item == "oil" else "acme",
                    "unit_cost": 2.0,
                    "unit_price": 5.0,
                    "moq_qty": 20.0,
                    "order_multiple_qty": 6.0,
                    "is_described": True,
                }
                for item in [*SOLD, LISTED, DESCRIBED]
            ],
        ),
        "analytics.dim_location": _frame(
            client_id,
            [{"location_id": place, "name": place.title(), "is_described": True} for place in (NORTH, SOUTH)],
        ),
        "staging.suppliers": _frame(
            client_id,
            [{"supplier_id": "acme", "lead_time_days": 6.0, "lead_time_sd_days": 1.5, "review_days": 2}],
        ).with_columns(pl.lit(1).alias("file_id")),
        "staging.stock_levels": _frame(
            client_id,
            [
                {
                    "item_id": item,
                    "location_id": place,
                    "date": SUNDAY,
                    "on_hand_qty": 5_000.0 if item == "rice" else 20.0,
                    "reserved_qty": 3.0,
                    "backorder_qty": 1.0,
                }
                for item, place in series
                if item != "salt"
            ],
        ).with_columns(pl.lit(1).alias("file_id")),
    }
    if grain is Grain.DAY:
        tables["analytics.ts_demand_daily"] = demand.with_columns(pl.lit(False).alias("is_holiday"))
        tables["analytics.promoted_days"] = _frame(
            client_id,
            [
                {
                    "item_id": "tea",
                    "location_id": NORTH,
                    "date": SUNDAY + timedelta(days=number),
                    "known_date": SUNDAY + timedelta(days=known),
                }
                for number, known in ((2, 0), (3, 1))
            ],
        )
        tables["analytics.location_calendar"] = _frame(
            client_id,
            [
                {
                    "location_id": NORTH,
                    "date": SUNDAY + timedelta(days=number),
                    "is_holiday": number == 8,
                    "holiday_name": "Easter <i>Monday</i>" if number == 8 else None,
                    "is_closed": number in (7, 8),
                }
                for number in range(1, 29)
            ],
        )
    else:
        tables["analytics.ts_demand_periods"] = demand.with_columns(
            pl.lit(str(grain)).alias("grain"),
            (pl.col("date") + pl.duration(days=6)).alias("last_date"),
        )
    with warehouse.transaction() as connection:
        for table, frame in tables.items():
            insert_frame(connection, table, frame)


def _frame(client_id: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(rows, infer_schema_length=None).with_columns(pl.lit(client_id).alias("client_id"))
