"""What dbt makes of one client's deliveries, and what it leaves alone.

One retailer's ten weeks hold every case; the builds are shared by all tests of the module.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from orchestration.clients import Client, add_client, get_client, validated
from orchestration.stages.dbt import build_arguments, build_client
from orchestration.stages.dbt_process import DbtError
from orchestration.stages.demand import refresh_holidays
from orchestration.warehouse.locks import Purpose, lock_transaction
from orchestration.warehouse.server import Warehouse
from tests.dbt_project.conftest import Dbt, digest, fetch, finish, stage
from tests.waiting import is_waited_for

pytestmark = pytest.mark.starts_first

TABLES = (
    "ts_demand_daily",
    "promoted_days",
    "location_calendar",
    "dim_item",
    "dim_location",
    "dim_series",
)
FIRST = date(2024, 1, 1)
LAST = date(2024, 3, 9)
STOCK_OUT = date(2024, 3, 4)
DAYS = [FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1)]
SUNDAYS = [day for day in DAYS if day.weekday() == 6]
MONDAYS = [day for day in DAYS if day.weekday() == 0]


def _sales() -> pl.DataFrame:
    tea = [
        ("tea", "north", day, "", 7 if day.weekday() == 0 else 2, None, False)
        for day in DAYS
        if day not in (*SUNDAYS, STOCK_OUT)
    ]
    pot = [("pot", "north", day, "", 3, None, False) for day in MONDAYS if day <= STOCK_OUT]
    south = [("tea", "south", date(2024, 1, day), "", 1, None, False) for day in (10, 12)]
    rows = [
        *tea,
        *pot,
        *south,
        ("pot", "north", date(2024, 1, 2), "", 1, None, False),
        ("tea", "north", date(2024, 1, 3), "return", -5, None, False),
        ("tea", "north", date(2024, 1, 9), "priced", 2, 10.0, False),
        ("tea", "north", date(2024, 1, 11), "priced", 1, 6.0, True),
        ("unsold", "north", date(2024, 1, 9), "", 0, None, False),
    ]
    columns = ["item_id", "location_id", "date", "order_id", "units_sold", "unit_price", "on_promotion"]
    sales = pl.DataFrame(rows, schema=columns, orient="row").with_columns(pl.lit("").alias("reason"))
    spoilt = sales.filter(item_id="tea", location_id="north", date=date(2024, 1, 4)).with_columns(
        pl.lit(-4, pl.Int64).alias("units_sold"), pl.lit("Spoilt").alias("reason")
    )
    return pl.concat([sales, spoilt])


def _register(warehouse: Warehouse, name: str, **fields: Any) -> Client:
    client = validated(
        **{"client_id": f"dbt_{name}", "name": name, "models": ["ma7"], "country": "US"}
        | {"write_off_reasons": ["spoilt"]}
        | fields
    )
    add_client(warehouse, client)
    stage(warehouse, client.client_id, "sales", _sales())
    products = pl.DataFrame(
        {
            "item_id": ["tea", "pot", "kettle"],
            "category": ["leaves", "ware", "ware"],
            "unit_price": [12.0, 30.0, 99.0],
            "launch_date": [None, date(2023, 12, 15), date(2024, 1, 15)],
            "end_date": [None, date(2024, 2, 20), None],
        }
    )
    stage(warehouse, client.client_id, "products", products)
    stock = pl.DataFrame(
        {
            "item_id": ["tea", "tea"],
            "location_id": ["north", "north"],
            "date": [STOCK_OUT, STOCK_OUT + timedelta(days=1)],
            "on_hand_qty": [0, 0],
        }
    )
    stage(warehouse, client.client_id, "stock_levels", stock)
    promotions = pl.DataFrame(
        {
            "target_type": ["item", "category", "category", "category"],
            "target_id": ["tea", "ware", "leaves", "leaves"],
            "location_id": ["north", "", "", "south"],
            "start_date": [date(2024, 2, 5), date(2024, 2, 12), date(2024, 2, 7), date(2024, 4, 5)],
            "end_date": [date(2024, 2, 7), date(2024, 2, 12), date(2024, 2, 7), date(2024, 5, 5)],
            "discount_rate": [0.2, 0.1, 0.3, 0.3],
            "announced_date": [date(2024, 1, 20), None, date(2024, 1, 25), date(2024, 3, 8)],
        }
    )
    stage(warehouse, client.client_id, "promotions", promotions)
    return client


@dataclass(frozen=True)
class Builds:
    """The clients that were built, and digests of their tables along the way."""

    retailer: str
    neighbour: str
    closing: str
    neighbour_before: dict[str, str]
    neighbour_after: dict[str, str]
    retailer_once: dict[str, str]
    retailer_again: dict[str, str]
    closing_before: dict[str, str]
    netted_back: list[tuple[Any, ...]]


@pytest.fixture(scope="module")
def builds(warehouse: Warehouse, start_dbt: Dbt) -> Builds:
    retailer = _register(warehouse, "retailer").client_id
    neighbour = _register(warehouse, "neighbour", returns_policy="drop", intraday_feed=True).client_id
    closing = _register(warehouse, "closing", returns_policy="net_back").client_id
    refresh_holidays(warehouse, get_client(warehouse, retailer))

    def digests(client: str) -> dict[str, str]:
        return {table: digest(warehouse, table, client) for table in TABLES}

    for client in (neighbour, closing):
        assert list(build_client(warehouse, client))
    neighbour_before, closing_before = digests(neighbour), digests(closing)
    netted_back = fetch(
        warehouse,
        """
        select date, sold_qty, returned_qty, netted_qty, clipped_qty, written_off_qty, demand_qty
        from analytics.ts_demand_daily
        where client_id = %s and item_id = 'tea' and location_id = 'north' and date <= '2024-01-04' order by 1
        """,
        closing,
    )
    assert list(build_client(warehouse, retailer))
    retailer_once = digests(retailer)

    with warehouse.transaction() as connection:
        connection.execute("delete from staging.sales where client_id = %s", (closing,))
        connection.execute("delete from staging.products where client_id = %s", (closing,))
    together = [
        start_dbt(*build_arguments(retailer), "--full-refresh"),
        start_dbt(*build_arguments(retailer)),
    ]
    assert list(build_client(warehouse, closing))
    for process in together:
        finish(process)
    return Builds(
        retailer,
        neighbour,
        closing,
        neighbour_before,
        digests(neighbour),
        retailer_once,
        digests(retailer),
        closing_before,
        netted_back,
    )


@pytest.fixture(scope="module")
def demand(warehouse: Warehouse, builds: Builds) -> pl.DataFrame:
    """The retailer's daily demand."""
    with warehouse.transaction() as connection:
        cursor = connection.execute(
            "select * from analytics.ts_demand_daily where client_id = %s order by 1, 2, 3, 4",
            (builds.retailer,),
        )
        names = [column.name for column in cursor.description or ()]
        return pl.DataFrame(cursor.fetchall(), schema=names, orient="row", infer_schema_length=None)


def _day(demand: pl.DataFrame, item: str, location: str, day: date) -> dict[str, Any]:
    return demand.row(
        by_predicate=(pl.col("item_id") == item)
        & (pl.col("location_id") == location)
        & (pl.col("date") == day),
        named=True,
    )


def _span(demand: pl.DataFrame, item: str, location: str) -> tuple[date, date, int]:
    rows = demand.filter(item_id=item, location_id=location)["date"].to_list()
    return min(rows), max(rows), len(rows)


def test_building_a_client_leaves_its_neighbours_rows_as_they_were(builds: Builds) -> None:
    assert builds.neighbour_after == builds.neighbour_before
    assert not builds.neighbour_after["ts_demand_daily"].startswith("0 rows")


def test_building_twice_at_once_and_with_full_refresh_gives_the_same_rows(builds: Builds) -> None:
    assert builds.retailer_again == builds.retailer_once


def test_a_client_whose_deliveries_are_gone_loses_its_rows(warehouse: Warehouse, builds: Builds) -> None:
    assert not builds.closing_before["ts_demand_daily"].startswith("0 rows")
    assert {table: digest(warehouse, table, builds.closing)[:6] for table in TABLES} == dict.fromkeys(
        TABLES, "0 rows"
    )


def test_the_shared_tables_keep_their_key_their_partitions_and_their_policies(
    warehouse: Warehouse, builds: Builds
) -> None:
    kept = fetch(
        warehouse,
        """
        select relkind::text, relforcerowsecurity, count(pg_constraint.oid)
        from pg_class left join pg_constraint on conrelid = pg_class.oid and contype = 'p'
        where pg_class.oid = 'analytics.ts_demand_daily'::regclass group by 1, 2
        """,
    )
    assert kept == [("p", True, 1)]


def test_units_are_conserved(warehouse: Warehouse, builds: Builds) -> None:
    """Bar: what was delivered is in the table, less what the client's policy leaves out."""
    published = "select sum(demand_qty - clipped_qty) from analytics.ts_demand_daily where client_id = %s"
    delivered = "select sum(units_sold) from staging.sales where client_id = %s and reason = ''"
    assert fetch(warehouse, published, builds.retailer) == fetch(warehouse, delivered, builds.retailer)
    kept = delivered + " and units_sold > 0 and date < %s"
    assert fetch(warehouse, published, builds.neighbour) == fetch(warehouse, kept, builds.neighbour, LAST)


def test_the_last_day_of_an_intraday_feed_is_left_out(warehouse: Warehouse, builds: Builds) -> None:
    last = "select max(date) from analytics.ts_demand_daily where client_id = %s"
    assert fetch(warehouse, last, builds.retailer) == [(LAST,)]
    assert fetch(warehouse, last, builds.neighbour) == [(LAST - timedelta(days=1),)]


def test_history_runs_from_the_first_sale_to_the_last_day_without_gaps(demand: pl.DataFrame) -> None:
    assert _span(demand, "tea", "south") == (date(2024, 1, 10), LAST, (LAST - date(2024, 1, 10)).days + 1)


def test_a_launch_before_the_locations_first_day_starts_history_on_that_day(demand: pl.DataFrame) -> None:
    assert _span(demand, "pot", "north")[0] == FIRST


def test_an_ended_item_that_kept_selling_ends_on_its_last_sale(demand: pl.DataFrame) -> None:
    assert _span(demand, "pot", "north")[1] == STOCK_OUT


def test_items_that_never_moved_have_no_history(demand: pl.DataFrame) -> None:
    assert set(demand["item_id"]) == {"tea", "pot"}


def test_a_return_is_netted_and_clipped(demand: pl.DataFrame) -> None:
    day = _day(demand, "tea", "north", date(2024, 1, 3))
    assert (day["demand_qty"], day["net_sold_qty"], day["clipped_qty"]) == (0, -3, 3)
    assert not day["is_masked"]


def test_a_return_goes_back_to_the_latest_sales_before_it_where_the_client_says_so(builds: Builds) -> None:
    assert builds.netted_back == [
        (date(2024, 1, 1), 7, 0, 1, 0, 0, 6),
        (date(2024, 1, 2), 2, 0, 2, 0, 0, 0),
        (date(2024, 1, 3), 2, 5, 2, 0, 0, 0),
        (date(2024, 1, 4), 2, 0, 0, 0, 4, 2),
    ]


def test_a_write_off_is_no_demand(demand: pl.DataFrame) -> None:
    day = _day(demand, "tea", "north", date(2024, 1, 4))
    assert (day["demand_qty"], day["netted_qty"], day["written_off_qty"]) == (2, 0, 4)


def test_a_location_is_closed_on_days_on_which_an_open_one_would_sell(demand: pl.DataFrame) -> None:
    """In the south, a day between two sales was one without demand; after the second, nothing ever sold."""
    north = demand.filter(location_id="north", item_id="tea")
    assert north.filter(pl.col("is_closed"))["date"].to_list() == SUNDAYS
    open_days = demand.filter(~pl.col("is_closed"), location_id="south")["date"].to_list()
    assert open_days == [date(2024, 1, day) for day in (10, 11, 12)]


def test_a_day_without_sale_and_stock_is_masked_and_its_loss_estimated(demand: pl.DataFrame) -> None:
    day = _day(demand, "tea", "north", STOCK_OUT)
    assert (day["is_stocked_out"], day["is_masked"], day["is_closed"]) == (True, True, False)
    mondays, others, recent = 7 * 7, 36 * 2 + 4, 3 * 7 + 18 * 2
    level = (mondays + others) / (7 + 37)
    usual, recent_level = (mondays + level) / (7 + 1), (recent + 7 * level) / (21 + 7)
    assert day["lost_sales_qty"] == pytest.approx(usual * recent_level / level)


def test_a_day_that_sold_before_it_ran_out_counts_in_full_and_what_it_missed_is_estimated(
    demand: pl.DataFrame,
) -> None:
    day = _day(demand, "tea", "north", STOCK_OUT + timedelta(days=1))
    assert (day["demand_qty"], day["is_stocked_out"], day["is_masked"]) == (2, False, False)
    assert 0 < day["lost_sales_qty"] < 1


def test_nothing_is_lost_where_the_shelf_was_not_empty(demand: pl.DataFrame) -> None:
    assert demand.filter(pl.col("lost_sales_qty").is_not_null())["date"].to_list() == [
        STOCK_OUT,
        STOCK_OUT + timedelta(days=1),
    ]


def test_prices_are_of_the_day_then_carried_then_listed(demand: pl.DataFrame) -> None:
    prices = {
        day: _day(demand, "tea", "north", date(2024, 1, day))["unit_price"] for day in (1, 8, 9, 10, 11, 31)
    }
    assert prices == {1: 12, 8: 12, 9: 10, 10: 10, 11: 6, 31: 6}
    assert _day(demand, "pot", "north", FIRST)["unit_price"] == 30


def test_promotions_come_from_the_plan_or_from_the_sale(demand: pl.DataFrame) -> None:
    promoted = demand.filter(pl.col("is_promotion"))
    assert promoted.select(
        "item_id", "location_id", "date", "discount_rate", "promotion_known_date"
    ).rows() == [
        ("pot", "north", date(2024, 2, 12), Decimal("0.1000"), date(2024, 2, 12)),
        ("tea", "north", date(2024, 1, 11), None, date(2024, 1, 11)),
        *[("tea", "north", date(2024, 2, day), Decimal("0.2000"), date(2024, 1, 20)) for day in (5, 6)],
        ("tea", "north", date(2024, 2, 7), Decimal("0.3000"), date(2024, 1, 20)),
        ("tea", "south", date(2024, 2, 7), Decimal("0.3000"), date(2024, 1, 25)),
    ]


def test_every_announcement_of_a_promoted_day_is_kept_the_horizons_days_included(
    warehouse: Warehouse, builds: Builds
) -> None:
    """The tea's promotion of 5 February is announced again, deeper; another runs past the last day."""
    rows = fetch(
        warehouse,
        """
        select date, known_date, discount_rate from analytics.promoted_days
        where client_id = %s and item_id = 'tea' and location_id = 'south' order by 1, 2
        """,
        builds.retailer,
    )
    assert rows == [
        (date(2024, 2, 7), date(2024, 1, 25), Decimal("0.3000")),
        *[(LAST + timedelta(days=ahead), date(2024, 3, 8), Decimal("0.3000")) for ahead in (27, 28)],
    ]
    rows = fetch(
        warehouse,
        """
        select date, known_date, discount_rate from analytics.promoted_days
        where client_id = %s and item_id = 'tea' and location_id = 'north' and date = %s order by 1, 2
        """,
        builds.retailer,
        date(2024, 2, 7),
    )
    assert [row[1:] for row in rows] == [
        (date(2024, 1, 20), Decimal("0.2000")),
        (date(2024, 1, 25), Decimal("0.3000")),
    ]


def test_the_calendar_goes_on_through_the_horizon_and_does_not_know_who_will_be_closed(
    warehouse: Warehouse, builds: Builds
) -> None:
    rows = fetch(
        warehouse,
        """
        select min(date), max(date), max(date) filter (where is_closed is not null), count(*)
        from analytics.location_calendar where client_id = %s and location_id = 'south'
        """,
        builds.retailer,
    )
    first, last = date(2024, 1, 10), LAST + timedelta(days=28)
    assert rows == [(first, last, LAST, (last - first).days + 1)]


def test_public_holidays_come_from_the_clients_country(demand: pl.DataFrame) -> None:
    held = demand.filter(pl.col("is_holiday"), item_id="tea", location_id="north")
    assert held["date"].to_list() == [date(2024, 1, 1), date(2024, 1, 15), date(2024, 2, 19)]
    assert held["holiday_name"][0] == "New Year's Day"
    assert demand["is_snap"].null_count() == demand.height


def test_dimensions_name_what_was_sold_and_what_was_described(warehouse: Warehouse, builds: Builds) -> None:
    items = fetch(
        warehouse,
        "select item_id, unit_price, is_described from analytics.dim_item where client_id = %s order by 1",
        builds.retailer,
    )
    assert items == [("kettle", 99, True), ("pot", 30, True), ("tea", 12, True), ("unsold", None, False)]
    locations = fetch(
        warehouse,
        "select location_id, name, is_described from analytics.dim_location where client_id = %s order by 1",
        builds.retailer,
    )
    assert locations == [("north", "north", False), ("south", "south", False)]


def test_series_are_classed_on_unmasked_days(warehouse: Warehouse, builds: Builds) -> None:
    rows = fetch(
        warehouse,
        """
        select item_id, location_id, first_sale_date, history_days, demand_days, demand_class, adi
        from analytics.dim_series where client_id = %s order by 1, 2
        """,
        builds.retailer,
    )
    tea_days = len(DAYS) - len(SUNDAYS) - 1
    assert [row[:6] for row in rows] == [
        ("pot", "north", FIRST, len(DAYS), len(MONDAYS) + 1, "intermittent"),
        ("tea", "north", FIRST, len(DAYS), tea_days - 1, "smooth"),
        ("tea", "south", date(2024, 1, 10), 60, 2, "intermittent"),
        ("unsold", "north", None, 0, 0, "none"),
    ]
    assert rows[1][6] == pytest.approx(tea_days / (tea_days - 1))


def test_a_build_without_a_client_is_refused(warehouse: Warehouse) -> None:
    with pytest.raises(DbtError, match="Name the client"):
        list(build_client(warehouse, "", ["dim_location"]))


def test_a_build_of_a_client_that_is_not_registered_says_so(warehouse: Warehouse) -> None:
    with pytest.raises(DbtError, match="There is no client nobody, or it was removed a moment ago"):
        list(build_client(warehouse, "nobody", ["dim_location"]))


def test_a_build_waits_for_whoever_holds_the_clients_demand(warehouse: Warehouse, builds: Builds) -> None:
    with ThreadPoolExecutor(1) as pool:
        with warehouse.transaction() as connection:
            lock_transaction(connection, Purpose.DEMAND, builds.retailer)
            build = pool.submit(lambda: list(build_client(warehouse, builds.retailer, ["dim_location"])))
            assert is_waited_for(connection, build.done)
        assert [result.status for result in build.result()] == ["success"]


def test_a_build_that_nobody_listens_to_ends_and_changes_nothing(
    warehouse: Warehouse, builds: Builds
) -> None:
    before = digest(warehouse, "dim_item", builds.retailer)
    with warehouse.transaction() as connection:
        connection.execute("lock analytics.dim_item in exclusive mode")
        build = build_client(warehouse, builds.retailer)
        assert next(build).status == "success"
        build.close()
        left = connection.execute(
            "select count(*) from pg_stat_activity where application_name = 'dbt' and datname = %s",
            (warehouse.database,),
        ).fetchone()
    assert left == (0,)
    assert digest(warehouse, "dim_item", builds.retailer) == before


def test_dbt_unit_tests_pass(start_dbt: Dbt, builds: Builds) -> None:
    output = finish(start_dbt("test", "--select", "test_type:unit", "--vars", "{client_id: acme}"))
    assert "ERROR=0" in output
    assert "PASS=0" not in output
