"""How much of a client's demand is built again; tests/dbt_project tests that it is enough."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from orchestration.clients import Client, validated
from orchestration.landing.withdrawal import withdraw
from orchestration.stages.demand_builds import (
    Basis,
    Build,
    Change,
    begin_build,
    record_build,
    standing_until,
    stood_until,
)
from orchestration.stages.ingestion import ingest_files
from orchestration.warehouse.server import Warehouse

SHOP = validated(client_id="shop", name="Shop")
BUILT = Basis("digest", date(2024, 1, 31))
NOW = Basis("digest", date(2024, 2, 1))


def test_days_before_the_first_change_stand() -> None:
    changes = [Change(1, date(2024, 1, 20)), Change(2, date(2024, 2, 1))]
    assert standing_until(BUILT, NOW, changes, SHOP) == date(2024, 1, 19)


def test_days_after_the_last_build_never_stand() -> None:
    assert standing_until(BUILT, NOW, [Change(1, date(2024, 3, 1))], SHOP) == date(2024, 1, 31)
    assert standing_until(BUILT, NOW, [], SHOP) == date(2024, 1, 31)


@pytest.mark.parametrize(
    ("last", "now", "changes", "client"),
    [
        (None, NOW, [], SHOP),
        (Basis("digest", None), NOW, [], SHOP),
        (BUILT, Basis("another", date(2024, 2, 1)), [], SHOP),
        (BUILT, NOW, [Change(1, date(2024, 2, 1)), Change(2, None)], SHOP),
        (BUILT, NOW, [], SHOP.model_copy(update={"grain": "week"})),
        (BUILT, NOW, [], SHOP.model_copy(update={"returns_policy": "net_back"})),
    ],
    ids=["never built", "no sales then", "other settings", "any day", "weeks", "set back"],
)
def test_nothing_stands_where_any_day_may_have_changed(
    last: Basis | None, now: Basis, changes: list[Change], client: Client
) -> None:
    assert standing_until(last, now, changes, client) is None


@pytest.mark.parametrize(
    ("standing", "followed", "stood"),
    [
        (date(2024, 1, 31), [], date(2024, 1, 31)),
        (date(2024, 1, 31), [Change(1, date(2024, 2, 1))], date(2024, 1, 31)),
        (date(2024, 1, 31), [Change(1, date(2024, 1, 9)), Change(2, date(2024, 1, 20))], date(2024, 1, 8)),
        (date(2024, 1, 31), [Change(1, date(2024, 1, 9)), Change(2, None)], None),
        (None, [Change(1, date(2024, 1, 9))], None),
    ],
)
def test_what_a_build_found_on_its_way_moved_back_what_stood(
    standing: date | None, followed: list[Change], stood: date | None
) -> None:
    assert stood_until(Build("shop", "it", NOW, standing, []), followed) == stood


def _loaded(warehouse: Warehouse, client: Client, path: Path, text: str) -> None:
    path.write_text(text)
    (outcome,) = ingest_files(warehouse, client, [path])
    assert outcome.status in ("loaded", "duplicate"), outcome.message


def _follow(warehouse: Warehouse, client: Client) -> date | None:
    build = begin_build(warehouse, client.client_id, "a build")
    record_build(warehouse, build)
    return build.standing_until


def test_deliveries_say_from_which_day_on_demand_follows(
    warehouse: Warehouse, new_client: Callable[..., Client], tmp_path: Path
) -> None:
    client = new_client(grain="day")
    header = "date,item_id,units_sold\n"
    days = "".join(f"2024-01-{day:02},tea,2\n" for day in range(1, 11))
    _loaded(warehouse, client, tmp_path / "sales_1.csv", header + days)
    assert _follow(warehouse, client) is None
    assert _follow(warehouse, client) == date(2024, 1, 10)
    _loaded(warehouse, client, tmp_path / "sales_2.csv", header + days + "2024-01-11,tea,2\n")
    assert _follow(warehouse, client) == date(2024, 1, 10)
    _loaded(warehouse, client, tmp_path / "sales_3.csv", header + "2024-01-04,tea,3\n2024-01-05,tea,2\n")
    assert _follow(warehouse, client) == date(2024, 1, 3)
    _loaded(
        warehouse, client, tmp_path / "sales_snapshot.csv", header + "2024-01-07,tea,2\n2024-01-09,tea,2\n"
    )
    assert _follow(warehouse, client) == date(2024, 1, 6)
    _loaded(warehouse, client, tmp_path / "products.csv", "item_id,category\ntea,leaves\n")
    assert _follow(warehouse, client) == date(2024, 1, 11)
    promotion = "category,start_date,end_date\nleaves,2024-01-09,2024-01-12\n"
    _loaded(warehouse, client, tmp_path / "promotions.csv", promotion)
    assert _follow(warehouse, client) == date(2024, 1, 8)
    _loaded(warehouse, client, tmp_path / "stock_levels.csv", "date,item_id,on_hand_qty\n2024-01-02,tea,0\n")
    assert _follow(warehouse, client) == date(2024, 1, 1)
    withdraw(warehouse, client, "stock_levels.csv", tmp_path)
    assert _follow(warehouse, client) == date(2024, 1, 1)
    withdraw(warehouse, client, "promotions.csv", tmp_path)
    assert _follow(warehouse, client) is None


def test_a_change_stays_until_a_build_that_knew_of_it_has_ended(
    warehouse: Warehouse, new_client: Callable[..., Client], tmp_path: Path
) -> None:
    client = new_client(grain="day")
    header = "date,item_id,units_sold\n"
    _loaded(warehouse, client, tmp_path / "sales_1.csv", header + "2024-01-01,tea,2\n2024-01-02,tea,2\n")
    _follow(warehouse, client)
    _loaded(warehouse, client, tmp_path / "sales_2.csv", header + "2024-01-03,tea,2\n")
    begin_build(warehouse, client.client_id, "killed")
    begun = begin_build(warehouse, client.client_id, "met a delivery on its way")
    _loaded(warehouse, client, tmp_path / "sales_3.csv", header + "2024-01-01,tea,5\n")
    record_build(warehouse, begun)
    assert begun.standing_until == date(2024, 1, 2)
    assert _follow(warehouse, client) == date(2023, 12, 31)
    assert _follow(warehouse, client) == date(2024, 1, 3)
