"""What is said of the last year, from sums of months, is what its days, weeks or months say one by one."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from orchestration.clients import Client
from orchestration.stages.dbt import build_client
from orchestration.warehouse.server import Warehouse

BY_THE_PERIOD = """
    with last_days as (
        select case when %(grain)s = 'month' then (%(last)s - interval '1 year')::date else %(last)s - 365 end
            as year_before
    )

    select
        item_id, sum(demand_qty), sum(sold_qty), sum(clipped_qty), sum(demand_qty * unit_price),
        coalesce(sum(last_date - date + 1) filter (where is_masked), 0), sum(lost_sales_qty)
    from analytics.ts_demand
    cross join last_days
    where client_id = %(client)s and date > year_before
    group by item_id
    order by item_id
    """

SUMMARY = """
    select
        item_id, demand_365d_qty, sold_365d_qty, clipped_365d_qty, revenue_365d_value, masked_days_365d,
        lost_sales_365d_qty
    from analytics.demand_summary
    where client_id = %s
    order by item_id
    """


def periods(grain: str, last: date) -> list[tuple[date, date]]:
    """First and last days of two years of periods, the last first."""
    found: list[tuple[date, date]] = []
    while len(found) < {"day": 800, "week": 110, "month": 27}[grain]:
        first = last.replace(day=1) if grain == "month" else last - timedelta(days=6 * (grain == "week"))
        found.append((first, last))
        last = first - timedelta(days=1)
    return found


@pytest.mark.parametrize(
    ("grain", "last"),
    [
        ("day", date(2024, 2, 29)),
        ("day", date(2024, 3, 1)),
        ("day", date(2025, 1, 31)),
        ("day", date(2024, 7, 14)),
        ("week", date(2024, 9, 1)),
        ("week", date(2025, 1, 5)),
        ("month", date(2024, 2, 29)),
        ("month", date(2024, 12, 31)),
    ],
)
def test_the_last_year_is_what_its_periods_add_up_to(
    warehouse: Warehouse, new_client: Callable[..., Client], grain: str, last: date
) -> None:
    client = new_client(grain=grain)
    client_id, drawn = client.client_id, random.Random(f"{grain} {last}")
    with warehouse.transaction() as connection:
        for item in ("oolong", "tea"):
            for first_day, last_day in periods(grain, last):
                values: dict[str, Any] = {
                    "client_id": client_id,
                    "item_id": item,
                    "location_id": "main",
                    "date": first_day,
                    "sold_qty": drawn.randrange(9),
                    "clipped_qty": drawn.randrange(2),
                    "unit_price": drawn.choice([None, 1.25, 3]),
                    "is_promotion": False,
                    "is_closed": False,
                    "is_stocked_out": drawn.random() < 0.1,
                }
                values["demand_qty"] = values["sold_qty"] + values["clipped_qty"]
                values["net_sold_qty"], values["netted_qty"] = values["sold_qty"], 0
                values["is_masked"] = values["is_stocked_out"]
                # halves, of which a sum is exact
                values["lost_sales_qty"] = 1.5 if values["is_stocked_out"] else None
                if grain == "day":
                    table, values = "ts_demand_daily", {**values, "is_holiday": False}
                else:
                    table, values = "ts_demand_periods", {**values, "grain": grain, "last_date": last_day}
                connection.execute(
                    f"insert into analytics.{table} ({', '.join(values)}) "
                    f"values ({', '.join(f'%({name})s' for name in values)})".encode(),
                    values,
                )
            connection.execute(
                """
                insert into analytics.dim_series (
                    client_id, item_id, location_id, grain, listed_date, first_sale_date, history_days,
                    demand_days, demand_class
                )
                values (
                    %(client)s, %(item)s, 'main', %(grain)s, %(first)s, %(first)s, %(days)s, 1, 'smooth'
                )
                """,
                {
                    **{"client": client_id, "item": item, "grain": grain},
                    **{"first": last - timedelta(days=99), "days": 100},
                },
            )
    assert [result.status for result in build_client(warehouse, client_id, ["demand_by_month"])] == [
        "success"
    ]
    with warehouse.transaction() as connection:
        asked = {"client": client_id, "grain": grain, "last": last}
        one_by_one = connection.execute(BY_THE_PERIOD.encode(), asked).fetchall()
        summary = connection.execute(SUMMARY.encode(), (client_id,)).fetchall()
    assert summary == one_by_one
    assert len(summary) == 2
