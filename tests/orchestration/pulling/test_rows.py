"""Rows are pulled from the PostgreSQL of somebody else: since the watermark, typed, without writing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import pytest

from orchestration.clients import Client
from orchestration.landing.folder import scan
from orchestration.pulling import pull as pulling
from orchestration.pulling import query_rows
from orchestration.pulling.faults import PullError
from orchestration.settings import Settings
from orchestration.stages.ingestion import ingest_folder
from orchestration.warehouse.server import Warehouse
from tests.orchestration.pulling.conftest import PullFrom, SetSource

NewClient = Callable[..., Client]
Erp = psycopg.Connection[Any]

QUERY = """
select sku as item_id, shop as location_id, sold_on as date, units as units_sold
from orders
where :since is null or sold_on >= :since
order by sold_on, sku
"""
ORDERS = {"url": "${ACME_ERP_URL}", "kind": "sales", "query": QUERY, "watermark": "date"}


@pytest.fixture
def buyer(new_client: NewClient, set_source: SetSource) -> Client:
    """A client with a source ``erp`` of sales by day."""
    return set_source(new_client(), "erp", **ORDERS)


def sell(erp: Erp, sku: str, day: date, units: object = 3) -> None:
    erp.execute(
        "insert into orders (sku, shop, sold_on, units) values (%s, 'main', %s, %s)", (sku, day, units)
    )


def frame(settings: Settings, client: Client, landed: list[str]) -> pl.DataFrame:
    """The rows of the one file that landed."""
    [path] = landed
    return pl.read_parquet(settings.client_landing_dir(client.client_id) / path)


def staged(warehouse: Warehouse, client: Client) -> list[tuple[Any, ...]]:
    with warehouse.transaction() as connection:
        return connection.execute(
            "select item_id, date, units_sold from staging.sales where client_id = %s order by 1, 2",
            (client.client_id,),
        ).fetchall()


# --- what is asked for ----------------------------------------------------------------------------------


def test_rows_land_as_a_file_of_their_kind_and_from_there_in_the_database(
    erp: Erp, buyer: Client, pull_from: PullFrom, settings: Settings, warehouse: Warehouse
) -> None:
    sell(erp, "007", date(2026, 3, 1), "2.50")
    [path] = pull_from(buyer, "erp").landed
    assert Path(path).parent == Path("erp")
    assert Path(path).match("sales_erp_2???????T????????????.parquet")
    [outcome] = ingest_folder(warehouse, buyer, settings.client_landing_dir(buyer.client_id), 0)
    assert (outcome.status, outcome.rows_loaded) == ("loaded", 1)
    assert staged(warehouse, buyer) == [("007", date(2026, 3, 1), Decimal("2.5000"))]


def test_the_next_pull_goes_on_from_the_watermark(
    erp: Erp, buyer: Client, pull_from: PullFrom, settings: Settings
) -> None:
    assert pull_from(buyer, "erp").landed == []
    for day in (1, 2, 3):
        sell(erp, "tea", date(2026, 3, day))
    assert frame(settings, buyer, pull_from(buyer, "erp").landed).height == 3
    assert pull_from(buyer, "erp").landed != [], "the last day is read again, alone"
    assert pull_from(buyer, "erp").landed == [], "and the same rows are no news"
    sell(erp, "tea", date(2026, 3, 4))
    sell(erp, "tea", date(2026, 3, 1))
    days = frame(settings, buyer, pull_from(buyer, "erp").landed)["date"].to_list()
    assert days == [date(2026, 3, 3), date(2026, 3, 4)]


def test_an_overlap_reads_recent_days_again_for_what_was_corrected_late(
    erp: Erp, buyer: Client, pull_from: PullFrom, set_source: SetSource, settings: Settings
) -> None:
    for day in range(1, 11):
        sell(erp, "tea", date(2026, 3, day))
    patient = set_source(buyer, "erp", overlap_days=3)
    pull_from(patient, "erp")
    erp.execute("update orders set units = 9 where sold_on = '2026-03-08'")
    rows = frame(settings, buyer, pull_from(patient, "erp").landed)
    assert rows["date"].min() == date(2026, 3, 7)
    assert rows.filter(pl.col("date") == date(2026, 3, 8))["units_sold"].item() == 9


def test_a_watermark_of_moments_keeps_its_zone(
    erp: Erp, new_client: NewClient, set_source: SetSource, pull_from: PullFrom, settings: Settings
) -> None:
    query = QUERY.replace("sold_on as date", "changed_at as date").replace("sold_on", "changed_at")
    client = set_source(
        new_client(timezone="Asia/Kolkata"), "erp", **{**ORDERS, "query": query.replace(">=", ">")}
    )
    evening = datetime(2026, 3, 1, 22, tzinfo=UTC)
    erp.execute("insert into orders values ('tea', 'main', '2026-03-01', 3, %s)", (evening,))
    rows = frame(settings, client, pull_from(client, "erp").landed)
    assert str(rows["date"].item()) == "2026-03-02 03:30:00+05:30"
    assert pull_from(client, "erp").landed == []
    erp.execute(
        "insert into orders values ('tea', 'main', '2026-03-02', 3, %s)", (evening + timedelta(seconds=1),)
    )
    assert frame(settings, client, pull_from(client, "erp").landed).height == 1


def test_a_day_in_the_far_future_does_not_hide_the_days_before_it(
    erp: Erp, buyer: Client, pull_from: PullFrom, settings: Settings
) -> None:
    today = datetime.now(UTC).date()
    sell(erp, "tea", date(2999, 1, 1))
    pull_from(buyer, "erp")
    sell(erp, "tea", today + timedelta(days=2))
    assert frame(settings, buyer, pull_from(buyer, "erp").landed).height == 2


def test_a_query_without_a_watermark_is_read_whole_and_lands_when_it_has_changed(
    erp: Erp, new_client: NewClient, set_source: SetSource, pull_from: PullFrom, settings: Settings
) -> None:
    query = "select distinct sku as item_id from orders order by 1"
    client = set_source(new_client(), "items", url="${ACME_ERP_URL}", kind="products", query=query)
    sell(erp, "tea", date(2026, 3, 1))
    assert len(pull_from(client, "items").landed) == 1
    assert pull_from(client, "items").landed == []
    sell(erp, "mug", date(2026, 3, 1))
    assert frame(settings, client, pull_from(client, "items").landed)["item_id"].to_list() == ["mug", "tea"]


# --- types ----------------------------------------------------------------------------------------------


def test_columns_grow_into_their_types_as_rows_come(
    erp: Erp,
    new_client: NewClient,
    set_source: SetSource,
    pull_from: PullFrom,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(query_rows, "ROWS_AT_ONCE", 2)
    query = """
    select
        n::text as item_id,
        case when n > 4 then n * 1.5 end as units_sold,
        case when n > 2 then date '2026-03-01' + n end as date,
        (n + 10)::numeric(10, 0) as location_id,
        null as order_id
    from generate_series(1, 5) as n
    """
    client = set_source(new_client(), "erp", url="${ACME_ERP_URL}", kind="sales", query=query)
    rows = frame(settings, client, pull_from(client, "erp").landed)
    assert rows["item_id"].to_list() == ["1", "2", "3", "4", "5"]
    assert rows["units_sold"].to_list() == [None, None, None, None, Decimal("7.5")]
    assert rows["date"].to_list()[1:3] == [None, date(2026, 3, 4)]
    assert rows["location_id"].to_list() == [11, 12, 13, 14, 15]
    assert rows["order_id"].null_count() == 5


@pytest.mark.parametrize(
    ("selected", "said"),
    [
        ("array[1] as item_id", "The column 'item_id' of the query holds list: cast it"),
        ("'x'::bytea as item_id", "holds bytes: cast it"),
        ("1e40::numeric + 0.5 as item_id", "too large"),
        ("1 as a, 2 as a", "Two columns of the query are called 'a'"),
        ("no_such_column", "fails at its query"),
        ("password as forbidden", "fails at its query"),
        ("rolpassword from pg_authid", "refuses the credentials"),
        ("1 / 0 as item_id", "fails at its query"),
    ],
)
def test_what_no_file_can_be_made_of_is_said_in_a_sentence(
    erp: Erp,
    new_client: NewClient,
    set_source: SetSource,
    pull_from: PullFrom,
    settings: Settings,
    selected: str,
    said: str,
) -> None:
    client = set_source(new_client(), "erp", url="${ACME_ERP_URL}", kind="sales", query=f"select {selected}")
    with pytest.raises(PullError, match=said) as refused:
        pull_from(client, "erp")
    assert len(str(refused.value).splitlines()) == 1
    assert scan(settings.client_landing_dir(client.client_id)) == []


# --- limits ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        "delete from orders returning sku as item_id",
        "with gone as (delete from orders returning sku) select sku as item_id from gone",
        "select 1 as item_id; delete from orders",
        "select pg_terminate_backend(0), sku as item_id from orders for update",
    ],
)
def test_a_query_cannot_write(
    erp: Erp, new_client: NewClient, set_source: SetSource, pull_from: PullFrom, query: str
) -> None:
    sell(erp, "tea", date(2026, 3, 1))
    client = set_source(new_client(), "erp", url="${ACME_ERP_URL}", kind="sales", query=query)
    with pytest.raises(PullError):
        pull_from(client, "erp")
    assert erp.execute("select count(*) from orders").fetchone() == (1,)


def test_a_query_that_takes_too_long_and_one_that_is_too_large_end(
    erp: Erp,
    new_client: NewClient,
    set_source: SetSource,
    pull_from: PullFrom,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = set_source(
        new_client(), "slow", url="${ACME_ERP_URL}", kind="sales", query="select pg_sleep(60)::text as a"
    )
    monkeypatch.setitem(query_rows._OPENING, "postgresql", ("set local statement_timeout = 100",))
    with pytest.raises(PullError, match="takes too long to answer"):
        pull_from(client, "slow")
    monkeypatch.setattr(pulling, "MOST_BYTES", 1)
    client = set_source(client, "large", url="${ACME_ERP_URL}", kind="sales", query="select 1 as item_id")
    with pytest.raises(PullError, match="fill more than 1 bytes"):
        pull_from(client, "large")
    assert scan(settings.client_landing_dir(client.client_id)) == []


def test_a_watermark_that_cannot_be_one_is_said(
    erp: Erp, buyer: Client, pull_from: PullFrom, set_source: SetSource
) -> None:
    sell(erp, "tea", date(2026, 3, 1))
    missing = set_source(buyer, "erp", watermark="changed")
    with pytest.raises(PullError, match="'changed' is no column of the query, which has item_id"):
        pull_from(missing, "erp")
    query = QUERY.replace("sold_on >=", "sku >=").replace("where :since", "where sku is null or :since")
    texts = set_source(buyer, "erp", query=query, watermark="item_id", overlap_days=2)
    assert len(pull_from(texts, "erp").landed) == 1
    with pytest.raises(PullError, match="No days can be gone back"):
        pull_from(texts, "erp")


def test_a_database_that_is_away_and_one_that_refuses_are_told_apart(
    erp: Erp, buyer: Client, pull_from: PullFrom, set_source: SetSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = f"127.0.0.1:{erp.info.port}"
    monkeypatch.setenv("ACME_ERP_PASSWORD", "not the right one")
    wrong = set_source(buyer, "erp", url=f"postgresql://owner:${{ACME_ERP_PASSWORD}}@{host}/erp")
    with pytest.raises(PullError, match="refuses the credentials") as refused:
        pull_from(wrong, "erp")
    assert "not the right one" not in str(refused.value)
    monkeypatch.setenv("ACME_ERP_PASSWORD", erp.info.password)
    assert pull_from(wrong, "erp").landed == []
    away = set_source(buyer, "erp", url="postgresql://owner@127.0.0.1:1/erp")
    with pytest.raises(PullError, match="cannot be reached"):
        pull_from(away, "erp")
    foreign = set_source(buyer, "erp", url="oracle://owner@127.0.0.1:1/erp")
    with pytest.raises(PullError, match="needs a library that is not installed"):
        pull_from(foreign, "erp")
