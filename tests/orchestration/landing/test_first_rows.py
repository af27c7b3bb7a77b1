"""A client's first sales are put where they stay, and become what they become by any other way."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from orchestration.clients import Client, remove_client
from orchestration.landing import batches, delivery
from orchestration.landing.delivery import Delivery
from orchestration.landing.load import load_file
from orchestration.landing.withdrawal import withdraw
from orchestration.warehouse.bulk import render
from orchestration.warehouse.first_rows import lacks_partition
from orchestration.warehouse.server import Warehouse
from tests.orchestration.landing.deliveries import deliver, rows, sales
from tests.sales_partition import make_room_for_sales

NewClient = Callable[..., Client]

HEADER = "date,item_id,units_sold,order_id,reason\n"


@pytest.fixture
def two_rows_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "_BATCH_ROWS", 2)


@pytest.fixture
def in_place(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were put in place, in the order in which that was tried."""
    put = Delivery._put_in_place
    tried: list[str] = []

    def noted(of: Delivery) -> None:
        tried.append(of.identity.path)
        put(of)

    monkeypatch.setattr(Delivery, "_put_in_place", noted)
    return tried


def line(rng: random.Random) -> str:
    day = f"2024-03-{rng.randint(1, 4):02d}"
    units = rng.choice(["1", "2.5", "-1", "0", "x"])
    order, reason = (rng.choice(["", "", "", text]) for text in ("A", "damaged"))
    return f"{day},{rng.choice(['tea', 'jam'])},{units},{order},{reason}\n"


DELIVERIES = {
    "clean": "2024-03-01,tea,1,,\n2024-03-01,jam,2,,\n2024-03-02,tea,3,,\n",
    "a key twice": "2024-03-01,tea,1,,\n2024-03-02,tea,2,,\n2024-03-01,tea,3,,\n",
    "an order late": "2024-03-01,tea,1,,\n2024-03-02,tea,2,,\n2024-03-02,jam,3,A,\n2024-03-02,jam,4,A,\n",
    "a reason late": "2024-03-01,tea,1,,\n2024-03-02,tea,2,,\n2024-03-01,tea,3,,damaged\n",
    "a bad row": "2024-03-01,tea,1,,\n2024-03-02,tea,x,,\n2024-03-03,tea,3,,\n",
    "bad rows only": "2024-03-01,tea,x,,\n",
    **{f"random {seed}": "".join(map(line, [random.Random(seed)] * 12)) for seed in range(3)},
}


TABLES = ("staging.sales", "ops.landing_files", "ops.rejected_rows", "ops.restated_sales")
OWN = ["client_id", "file_id", "replaced_file_id", "loaded_at", "received_at", "modified_ns", "config_digest"]


@pytest.mark.usefixtures("two_rows_at_once")
def test_a_first_delivery_is_the_same_whichever_way_its_rows_come(
    warehouse: Warehouse, new_client: NewClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_place, beside, with_partition = (new_client(max_reject_rate=1) for _ in range(3))

    def loaded(client: Client, content: str) -> dict[str, list[tuple[Any, ...]]]:
        deliver(warehouse, client, tmp_path, "sales.csv", HEADER + content)
        deliver(warehouse, client, tmp_path, "sales_2.csv", HEADER + "2024-03-01,tea,7,,\n")
        found = {
            table: rows(
                warehouse,
                f"select (to_jsonb(t) - %s::text[])::text from {table} as t where client_id = %s order by 1",
                OWN,
                client.client_id,
            )
            for table in TABLES
        }
        with warehouse.transaction() as connection:
            connection.execute(f"drop table if exists staging.sales__{client.client_id}")
            for table in TABLES[1:]:
                connection.execute(f"delete from {table} where client_id = %s", (client.client_id,))
        return found

    for name, content in DELIVERIES.items():
        expected = loaded(in_place, content)
        with warehouse.transaction() as connection:
            make_room_for_sales(connection, with_partition.client_id)
        assert loaded(with_partition, content) == expected, name
        with monkeypatch.context() as patch:
            patch.setattr(delivery, "_stand_alone", lambda _accepted: False)
            assert loaded(beside, content) == expected, name


def test_rows_that_stand_alone_are_put_in_place_once_and_others_after_it(
    warehouse: Warehouse, new_client: NewClient, tmp_path: Path, in_place: list[str]
) -> None:
    client = new_client(max_reject_rate=1)
    twice = new_client(max_reject_rate=1)
    for name, day in (("sales.csv", 1), ("sales_later.csv", 2)):
        deliver(warehouse, client, tmp_path, name, f"{HEADER}2024-03-0{day},tea,1,,\n")
    deliver(warehouse, twice, tmp_path, "sales_twice.csv", HEADER + "2024-03-01,tea,1,,\n" * 2)

    assert in_place == ["sales.csv", "sales_twice.csv"]
    assert sales(warehouse, client) == [
        ("2024-03-01", "tea", "main", 1.0),
        ("2024-03-02", "tea", "main", 1.0),
    ]
    assert sales(warehouse, twice) == [("2024-03-01", "tea", "main", 1.0)]


@pytest.mark.usefixtures("two_rows_at_once")
def test_a_first_delivery_that_ends_in_the_middle_or_is_refused_leaves_nothing(
    warehouse: Warehouse, new_client: NewClient, tmp_path: Path, in_place: list[str]
) -> None:
    client = new_client(max_reject_rate=0)
    path = tmp_path / "sales.csv"
    path.write_text(HEADER + "".join(f"2024-03-0{day},tea,{day},,\n" for day in range(1, 6)))

    def end(_path: str, rows_read: int) -> None:
        if rows_read == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_file(warehouse, client, path, path.name, on_progress=end)
    refused = deliver(warehouse, client, tmp_path, "sales_bad.csv", path.read_text() + "2024-03-06,tea,x,,\n")
    assert (refused.status, refused.first_date, refused.last_date) == (
        *("rejected", date(2024, 3, 1), date(2024, 3, 5)),
    )
    with warehouse.transaction() as connection:
        assert lacks_partition(connection, "sales", client.client_id)
    assert deliver(warehouse, client, tmp_path, "sales.csv", path.read_bytes()).rows_loaded == 5
    assert in_place == ["sales.csv", "sales_bad.csv", "sales.csv"]


def test_a_first_delivery_waits_for_nobody_who_reads_or_writes_sales_of_others(
    warehouse: Warehouse, new_client: NewClient, tmp_path: Path
) -> None:
    known = new_client()
    deliver(warehouse, known, tmp_path, "sales.csv", HEADER + "2024-03-01,tea,1,,\n")
    with warehouse.transaction() as other:
        other.execute("select count(*) from staging.sales")
        other.execute("update staging.sales set units_sold = 2 where client_id = %s", (known.client_id,))
        new = new_client()
        assert (
            deliver(warehouse, new, tmp_path, "sales.csv", HEADER + "2024-03-01,tea,5,,\n").rows_loaded == 1
        )
    assert sales(warehouse, known) == [("2024-03-01", "tea", "main", 2.0)]
    assert sales(warehouse, new) == [("2024-03-01", "tea", "main", 5.0)]


def test_a_client_that_comes_back_finds_nothing_of_its_first_sales(
    warehouse: Warehouse, new_client: NewClient, tmp_path: Path
) -> None:
    client = new_client()
    outcome = deliver(warehouse, client, tmp_path, "sales.csv", HEADER + "2024-03-01,tea,1,,\n")
    withdraw(warehouse, client, str(outcome.file_id), tmp_path)
    assert sales(warehouse, client) == []
    assert deliver(warehouse, client, tmp_path, "sales.csv", HEADER + "2024-03-01,tea,1,,\n").rows_loaded == 1
    assert remove_client(warehouse, client.client_id)["staging.sales"] == 1
    with warehouse.transaction() as connection:
        assert lacks_partition(connection, "sales", client.client_id)


@pytest.mark.parametrize(
    ("table", "name", "line"),
    [
        ("sales", "sales.csv", "date,item_id,units_sold\n" + "2024-03-01,{},1\n"),
        ("stock_levels", "stock_levels.csv", "date,item_id,on_hand_qty\n" + "2024-03-01,{},1\n"),
    ],
)
def test_the_planner_expects_what_a_first_delivery_brought(
    warehouse: Warehouse, new_client: NewClient, tmp_path: Path, table: str, name: str, line: str
) -> None:
    header, row = line.splitlines()
    for _ in range(2):
        client = new_client()
        lines = [header, *(row.format(f"item{number}") for number in range(3_000))]
        assert deliver(warehouse, client, tmp_path, name, "\n".join(lines) + "\n").rows_loaded == 3_000
        with warehouse.transaction() as connection:
            connection.execute("set local enable_indexscan = off")
            [plan] = connection.execute(
                render(
                    f"explain (format json) select from staging.{table} where client_id = {{c}}",
                    c=client.client_id,
                ).encode()
            ).fetchone() or ([],)
        assert plan[0]["Plan"]["Plan Rows"] == pytest.approx(3_000, rel=0.2)
