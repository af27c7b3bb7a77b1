"""Demand that follows what changed is demand built anew, row by row, whatever was delivered in between."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import polars as pl
import pytest
from psycopg import sql

from orchestration.clients import Client, add_client, get_client, validated
from orchestration.landing.withdrawal import withdraw
from orchestration.stages.dbt import build_client
from orchestration.stages.demand import refresh_holidays
from orchestration.stages.demand_builds import begin_build, record_build
from orchestration.stages.ingestion import ingest_files
from orchestration.warehouse.server import Warehouse
from tests.sales_partition import make_room_for_sales

pytestmark = pytest.mark.starts_first

FIRST = date(2024, 1, 1)
HISTORY_DAYS = 100
LOCATIONS = ("north", "south")
CATEGORIES = ("leaves", "ware")
STAGING = (
    *("sales", "products", "locations", "stock_levels", "promotions", "opening_days", "holidays"),
    *("calendar", "prices"),
)
MARTS = (
    *("analytics.ts_demand_daily", "analytics.ts_demand_periods", "analytics.promoted_days"),
    "analytics.demand_by_month",
    *("analytics.location_calendar", "analytics.dim_item", "analytics.dim_location", "analytics.dim_series"),
    *("staging.series", "staging.location_sales"),
)


def build(warehouse: Warehouse, client_id: str, **named: Any) -> None:
    """Build a client's demand as the stage does, with all tests on it."""
    results = list(build_client(warehouse, client_id, **named))
    assert {result.status for result in results} == {"success", "pass"}


def follow(warehouse: Warehouse, client_id: str) -> date | None:
    """Bring demand up to date as a run does; returns the last day that stood."""
    refresh_holidays(warehouse, get_client(warehouse, client_id))
    begun = begin_build(warehouse, client_id, uuid4().hex)
    build(warehouse, client_id, standing_until=begun.standing_until, build_id=begun.build_id)
    record_build(warehouse, begun)
    return begun.standing_until


def rows(warehouse: Warehouse, table: str, client_id: str) -> list[tuple[Any, ...]]:
    """A client's rows without its name, in order."""
    with warehouse.transaction() as connection:
        return sorted(
            connection.execute(
                sql.SQL("select to_jsonb(t) - 'client_id' from {} as t where client_id = %s").format(
                    sql.Identifier(*table.split("."))
                ),
                (client_id,),
            ).fetchall(),
            key=lambda row: json.dumps(row[0], sort_keys=True),
        )


def assert_as_if_built_anew(warehouse: Warehouse, client_id: str, what: str) -> None:
    """Compare all marts with those of a client that has the same rows of staging and is built whole."""
    twin = f"{client_id}_twin"
    with warehouse.transaction() as connection:
        make_room_for_sales(connection, twin)
        for table in STAGING:
            name = sql.Identifier("staging", table)
            connection.execute(sql.SQL("delete from {} where client_id = %s").format(name), (twin,))
            connection.execute(
                sql.SQL(
                    """
                    insert into {0}
                    select (jsonb_populate_record(t, jsonb_build_object('client_id', %s::text))).*
                    from {0} as t where client_id = %s
                    """
                ).format(name),
                (twin, client_id),
            )
    build(warehouse, twin)
    for table in MARTS:
        followed, anew = rows(warehouse, table, client_id), rows(warehouse, table, twin)
        assert followed == anew, (
            f"{table} after {what}: "
            f"{[row for row in followed if row not in anew][:3]} instead of "
            f"{[row for row in anew if row not in followed][:3]}"
        )


@dataclass
class Shop:
    """A client that delivers at random."""

    warehouse: Warehouse
    client: Client
    folder: Path
    rng: random.Random
    last: date = FIRST
    items: list[str] = field(default_factory=lambda: ["tea", "pot", "cup"])
    delivered: list[str] = field(default_factory=list)

    def deliver(self, kind: str, delivery: list[dict[str, Any]], *, note: bool = False) -> None:
        if not delivery:
            return
        path = self.folder / f"{kind}_{len(list(self.folder.iterdir()))}.csv"
        pl.DataFrame(delivery, infer_schema_length=None).write_csv(path)
        (outcome,) = ingest_files(self.warehouse, self.client, [path])
        assert outcome.status in ("loaded", "duplicate"), outcome.message
        if note and outcome.status == "loaded":
            self.delivered.append(path.name)

    def sales_of(self, days: list[date]) -> list[dict[str, Any]]:
        rng = self.rng
        return [
            {
                "date": day,
                "item_id": item,
                "location_id": location,
                "units_sold": rng.choice([0, 1, 1, 2, 3, 5, 8, -1]),
                "unit_price": rng.choice([None, None, 4.5, 5.25]),
                "on_promotion": rng.choice([None, False, True]),
                "on_hand_qty": rng.choice([None, 0, 4]),
            }
            for day in days
            for location in LOCATIONS
            if day.weekday() != 6 and rng.random() > 0.04
            for item in self.items
            if rng.random() > 0.25
        ]

    def some_days(self, most: int = 60) -> list[date]:
        count = self.rng.choice([1, 1, 2, 5])
        end = self.last - timedelta(days=self.rng.randrange(most))
        return [end - timedelta(days=number) for number in range(count) if end - timedelta(number) >= FIRST]

    # --- what happens

    def begins(self) -> None:
        days = [FIRST + timedelta(days=number) for number in range(HISTORY_DAYS)]
        self.last = days[-1]
        self.deliver("sales", self.sales_of(days))
        self.is_described()

    def sells_on(self) -> None:
        days = [self.last + timedelta(days=number + 1) for number in range(self.rng.choice([1, 1, 3]))]
        self.deliver("sales", self.sales_of(days), note=True)
        self.last = days[-1]

    def restates(self) -> None:
        self.deliver("sales", self.sales_of(self.some_days(most=self.rng.choice([3, 60]))), note=True)

    def sends_a_snapshot(self) -> None:
        days = self.some_days(most=10)
        everything = [
            {"date": day, "item_id": item, "location_id": location, "units_sold": self.rng.randrange(5)}
            for day in days
            for location in LOCATIONS
            for item in self.items
        ]
        self.deliver("sales_snapshot", everything[1:])

    def takes_back(self) -> None:
        if self.delivered:
            name = self.delivered.pop(self.rng.randrange(len(self.delivered)))
            withdraw(self.warehouse, self.client, name, self.folder)
            self.delivered.clear()

    def counts_stock(self) -> None:
        self.deliver(
            "stock_levels",
            [
                {
                    "date": day,
                    "item_id": item,
                    "location_id": location,
                    "on_hand_qty": self.rng.choice([0, 0, 3]),
                }
                for day in self.some_days(most=30)
                for item in self.items
                for location in LOCATIONS
                if self.rng.random() > 0.3
            ],
        )

    def launches(self) -> None:
        item = f"new {len(self.items)}"
        self.items.append(item)
        launched = self.last - timedelta(days=self.rng.choice([-1, 3, 40, 400]))
        self.deliver("products", [{"item_id": item, "launch_date": launched, "category": "ware"}])
        self.sells_on()

    def is_described(self) -> None:
        rng = self.rng
        self.deliver(
            "products",
            [
                {
                    "item_id": item,
                    "category": rng.choice([None, *CATEGORIES]),
                    "unit_price": rng.choice([None, 9, 11]),
                    "launch_date": rng.choice([None, FIRST, FIRST + timedelta(days=30)]),
                    "end_date": rng.choice([None, None, self.last - timedelta(days=rng.randrange(20))]),
                }
                for item in rng.sample(self.items, 2)
            ],
        )

    def promotes(self) -> None:
        rng = self.rng
        start = self.last + timedelta(days=rng.choice([-40, -3, 1, 9]))
        is_item = rng.random() < 0.5
        self.deliver(
            "promotions",
            [
                {
                    "item_id": rng.choice(self.items) if is_item else None,
                    "category": None if is_item else rng.choice(CATEGORIES),
                    "start_date": start,
                    "end_date": start + timedelta(days=rng.randrange(12)),
                    "location_id": rng.choice([None, *LOCATIONS]),
                    "discount_rate": rng.choice([None, 0.1, 0.25]),
                    "announced_date": start - timedelta(days=rng.randrange(9)),
                }
            ],
        )

    def opens_or_shuts(self) -> None:
        days = {*self.some_days(most=20), self.last + timedelta(days=self.rng.randrange(1, 9))}
        self.deliver(
            "opening_days",
            [
                {"date": day, "location_id": self.rng.choice(LOCATIONS), "is_open": self.rng.random() < 0.4}
                for day in sorted(days)
            ],
        )

    def moves(self) -> None:
        self.deliver(
            "locations",
            [{"location_id": self.rng.choice(LOCATIONS), "country": self.rng.choice(["DE", "US", "IE"])}],
        )

    def does(self, count: int) -> list[str]:
        """So many things in a row; says which."""
        possible = (
            *(self.sells_on, self.restates, self.sends_a_snapshot, self.takes_back, self.counts_stock),
            *(self.launches, self.is_described, self.promotes, self.opens_or_shuts, self.moves),
        )
        done = []
        for _ in range(count):
            happens = self.rng.choice(possible)
            happens()
            done.append(happens.__name__)
        return done


@contextmanager
def open_shop(warehouse: Warehouse, folder: Path, seed: int, **fields: Any) -> Iterator[Shop]:
    name = f"follows_{seed}_{uuid4().hex[:6]}"
    for client_id in (name, f"{name}_twin"):
        add_client(
            warehouse,
            validated(client_id=client_id, name=name, models=["ma7"], country="DE", grain="day", **fields),
        )
    shop = Shop(warehouse, get_client(warehouse, name), folder, random.Random(seed))
    shop.begins()
    yield shop


def _live(warehouse: Warehouse, shop: Shop, steps: list[int]) -> list[date | None]:
    client_id = shop.client.client_id
    stood = [follow(warehouse, client_id)]
    for count in steps:
        done = shop.does(count)
        stood.append(follow(warehouse, client_id))
        assert_as_if_built_anew(warehouse, client_id, f"{', '.join(done)}, where {stood[-1]} stood")
    return stood


def test_demand_that_follows_changes_is_demand_built_anew(warehouse: Warehouse, tmp_path: Path) -> None:
    with open_shop(warehouse, tmp_path, seed=1) as shop:
        stood = _live(warehouse, shop, [3])
    assert stood[0] is None
    assert stood[1] is not None


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 14))
def test_demand_follows_whatever_happens(warehouse: Warehouse, tmp_path: Path, seed: int) -> None:
    policy = ("net", "drop")[seed % 2]
    with open_shop(warehouse, tmp_path, seed, returns_policy=policy, intraday_feed=seed % 3 == 0) as shop:
        stood = _live(warehouse, shop, [1, 1, 1, 2, 3, 1, 2, 4])
    assert any(day is not None for day in stood)
