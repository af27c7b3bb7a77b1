"""Tables with one column per item: which columns are items, what cells mean, which lines are refused."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from orchestration.clients import Client
from orchestration.feeds import Feed
from orchestration.landing import batches
from orchestration.landing.records import Outcome
from orchestration.warehouse.server import Warehouse
from tests.orchestration.landing.deliveries import deliver, reasons, rows, sales

Delivered = Callable[..., tuple[Client, Outcome]]


@pytest.fixture
def delivered(warehouse: Warehouse, new_client: Callable[..., Client], tmp_path: Path) -> Delivered:
    """Deliver one file of a client whose feed has a column per item and the given settings."""

    def through(text: str, **feed: object) -> tuple[Client, Outcome]:
        settings = {"kind": "sales", "item_columns": "*", **feed}
        client = new_client(max_reject_rate=0.5, feeds={"till": Feed.model_validate(settings)})
        return client, deliver(warehouse, client, tmp_path, "sales.csv", text)

    return through


def test_a_column_per_item_becomes_a_row_per_item_and_period(
    warehouse: Warehouse, delivered: Delivered
) -> None:
    client, outcome = delivered(
        "Month,1-100-A,1-100-B,raw\n1998-01,NA,0,2\n1998-02,3,,1\n",
        columns={"date": "Month"},
        date_format="%Y-%m",
        empty_texts=["NA"],
    )
    assert outcome.status == "loaded", outcome.message
    assert (outcome.rows_read, outcome.rows_loaded, outcome.units_loaded) == (2, 4, Decimal(6))
    assert sales(warehouse, client) == [
        ("1998-01-01", "1-100-B", "main", 0.0),
        ("1998-01-01", "raw", "main", 2.0),
        ("1998-02-01", "1-100-A", "main", 3.0),
        ("1998-02-01", "raw", "main", 1.0),
    ]


def test_it_is_read_some_lines_at_a_time(
    warehouse: Warehouse, delivered: Delivered, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "_BATCH_ROWS", 2)
    lines = "".join(f"2024-01-{day:02d},{day},1\n" for day in range(1, 8))
    _, outcome = delivered(f"date,a,b\n{lines}")
    assert outcome.units_loaded == Decimal(28 + 7), outcome.message


def test_locations_may_have_a_line_each_and_items_a_pattern(
    warehouse: Warehouse, delivered: Delivered
) -> None:
    client, outcome = delivered(
        "date,shop,a 1,a 2,temperature,a total\n2024-01-01,n,1,2,7.5,3\n2024-01-01,s,4,5,7.5,9\n",
        item_columns="A *",
        columns={"location_id": "shop"},
        leave_out_items=["*total"],
        code_case="upper",
        code_spaces="none",
    )
    assert sales(warehouse, client) == [
        ("2024-01-01", "A1", "N", 1.0),
        ("2024-01-01", "A1", "S", 4.0),
        ("2024-01-01", "A2", "N", 2.0),
        ("2024-01-01", "A2", "S", 5.0),
    ]
    assert "Columns not used: temperature, a total." in (outcome.message or "")


def test_a_line_of_a_period_that_came_before_and_one_with_a_bad_cell_are_rejected_whole(
    warehouse: Warehouse, delivered: Delivered
) -> None:
    client, _ = delivered("date,a,b\n2024-01-01,1,2\n2024-01-01,3,4\n2024-01-02,5,x\n2024-01-03,6,\n")
    assert sales(warehouse, client) == [
        ("2024-01-01", "a", "main", 1.0),
        ("2024-01-01", "b", "main", 2.0),
        ("2024-01-03", "a", "main", 6.0),
    ]
    assert reasons(warehouse, client) == [(3, "duplicate_key_in_file", "date"), (4, "bad_number", "b")]
    assert rows(
        warehouse,
        "select message, units::int from ops.rejected_rows where client_id = %s order by line_number",
        client.client_id,
    ) == [
        ("An earlier line has the date 2024-01-01 and the location main too.", 7),
        ("b 'x' is not a plain number.", 5),
    ]


@pytest.mark.parametrize(
    ("header", "feed", "sentence"),
    [
        ("date,=a,b", {}, "would run as a formula"),
        ("date,a 1,a1", {"code_spaces": "none"}, "Two columns are the item 'a1'"),
        ("date,x,y", {"item_columns": "p*"}, "a column of an item, such as 'p*', is missing"),
        ("day,x,y", {}, "the column 'date' is missing"),
    ],
)
def test_columns_that_can_be_no_items_are_refused(
    header: str, feed: dict[str, object], sentence: str, delivered: Delivered
) -> None:
    _, outcome = delivered(f"{header}\n2024-01-01,1,2\n", **feed)
    assert outcome.status == "rejected"
    assert sentence in (outcome.message or "")


def test_stock_may_have_a_column_per_item_too(
    warehouse: Warehouse, new_client: Callable[..., Client], tmp_path: Path
) -> None:
    client = new_client(feeds={"stock": Feed(kind="stock_levels", item_columns="*")})
    outcome = deliver(warehouse, client, tmp_path, "stock_levels.csv", "date,a,b\n2024-03-01,5,-4\n")
    assert (outcome.status, outcome.rows_loaded) == ("loaded", 2), outcome.message
