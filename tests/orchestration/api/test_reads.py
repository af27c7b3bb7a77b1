"""Reading through the API: pages, filters, formats, tags, and what is said where there is nothing."""

from __future__ import annotations

import io
from typing import Any

import polars as pl
import pytest
from fastapi.testclient import TestClient

from orchestration.api.problems import Kind
from orchestration.clients import Client
from orchestration.reporting.catalogue import CATALOGUE
from orchestration.reporting.listings import Wish, Worker, read_page
from orchestration.warehouse.server import Warehouse
from tests.orchestration.api.shops import Shop, bearer


@pytest.mark.parametrize("listing", CATALOGUE, ids=lambda listing: str(listing.name))
def test_each_listing_answers_with_the_rows_of_the_database(
    api: TestClient, shop: Shop, warehouse: Warehouse, listing: Any
) -> None:
    answer = api.get(shop.path(f"/{listing.name}?limit=10000"), headers=shop.key("read"))
    assert answer.status_code == 200, answer.text
    with warehouse.transaction() as connection:
        expected = read_page(connection, listing, shop.client_id, Wish(10_000)).rows
    document = answer.json()
    assert len(document["data"]) == expected.height
    assert document["next"] is None
    if expected.height:
        assert list(document["data"][0]) == expected.columns
    else:
        assert document["reason"]
    assert (document["planning"] is not None) == ("orders" in listing.concerns)


def test_pages_lead_to_the_end(api: TestClient, shop: Shop) -> None:
    whole = api.get(shop.path("/demand?limit=10000"), headers=shop.key()).json()["data"]
    found: list[Any] = []
    address = shop.path("/demand?limit=100")
    while address:
        answer = api.get(address, headers=shop.key())
        found += answer.json()["data"]
        link = answer.headers.get("link", "")
        address = link.partition("<")[2].partition(">")[0]
    assert found == whole


def test_a_page_travels_as_csv_and_as_parquet(api: TestClient, shop: Shop) -> None:
    path = shop.path("/worklist")
    rows = api.get(path, headers=shop.key()).json()["data"]
    csv = api.get(path, headers={**shop.key(), "Accept": "text/csv"})
    parquet = api.get(path, headers={**shop.key(), "Accept": "application/vnd.apache.parquet"})
    assert csv.headers["content-type"].startswith("text/csv")
    assert csv.headers["x-planning-state"]
    assert pl.read_csv(io.BytesIO(csv.content))["item_id"].to_list() == [row["item_id"] for row in rows]
    frame = pl.read_parquet(io.BytesIO(parquet.content))
    assert frame["order_date"].dtype == pl.Date
    assert frame["item_id"].to_list() == [row["item_id"] for row in rows]


def test_what_nobody_offers_is_not_acceptable(api: TestClient, shop: Shop) -> None:
    answer = api.get(shop.path("/worklist"), headers={**shop.key(), "Accept": "image/png"})
    assert answer.status_code == 406
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_copy_that_is_still_right_is_not_sent_again(api: TestClient, shop: Shop) -> None:
    first = api.get(shop.path("/worklist"), headers=shop.key())
    again = api.get(shop.path("/worklist"), headers={**shop.key(), "If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert first.headers["cache-control"] == "private, no-cache"


def test_filters_and_fields_choose(api: TestClient, shop: Shop) -> None:
    item = shop.items[1]
    answer = api.get(
        shop.path(f"/forecasts?item_id={item}&is_champion=true&fields=item_id,date,q10,q90&lag_days_to=7"),
        headers=shop.key(),
    )
    rows = answer.json()["data"]
    assert len(rows) == 7
    assert {row["item_id"] for row in rows} == {item}
    assert set(rows[0]) == {"item_id", "date", "q10", "q90"}


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("colour=red", "query.colour"),
        ("client_id=api_south", "query.client_id"),
        ("sort=item_id", "query.sort"),
        ("limit=0", "query.limit"),
        ("limit=10001", "query.limit"),
        ("limit=1&limit=2", "query.limit"),
        ("fields=secret", "query.fields"),
        ("page=abc", "query.page"),
        ("date_from=yesterday", "query.date_from"),
        ("item_id=%00", "query.item_id"),
    ],
)
def test_a_parameter_that_is_not_valid_is_named(api: TestClient, shop: Shop, query: str, place: str) -> None:
    answer = api.get(shop.path(f"/demand?{query}"), headers=shop.key())
    document = answer.json()
    assert answer.status_code == 422, document
    assert document["status"] == 422
    assert document["request_id"] == answer.headers["x-request-id"]
    assert document["errors"][0]["in"] == place


def test_an_empty_list_says_why(api: TestClient, shop: Shop, new_client: Any, operator: str) -> None:
    fresh: Client = new_client()
    headers = bearer(api, operator)
    for listing in CATALOGUE:
        document = api.get(f"/api/v1/clients/{fresh.client_id}/{listing.name}", headers=headers).json()
        assert document["data"] == []
        assert document["reason"], listing.name
        if listing.worker is Worker.READER:
            assert "deliver" in document["reason"].lower(), listing.name
    none = api.get(shop.path("/worklist?item_id=nothing"), headers=shop.key()).json()
    assert none["reason"] == "No row is as the filters want it."


def test_the_planning_state_is_told_with_what_stands_in_its_way(api: TestClient, shop: Shop) -> None:
    document = api.get(shop.path("/planning"), headers=shop.key()).json()
    assert document["state"] in ("unknown", "partial", "doubtful", "sound")
    assert all(gap["sentence"] and gap["remedy"] for gap in document["gaps"])


def test_a_client_says_how_fresh_it_is(api: TestClient, shop: Shop) -> None:
    document = api.get(shop.path(), headers=shop.key()).json()
    assert (document["client_id"], document["champion"]) == (shop.client_id, "ma7")
    assert document["last_scored_at"]


def test_accuracy_of_the_latest_run_that_can_tell(api: TestClient, shop: Shop) -> None:
    document = api.get(shop.path("/latest-accuracy"), headers=shop.key()).json()
    assert {row["model"] for row in document["data"]} >= {"ma7", "seasonal_naive"}
    assert document["reason"] is None


def test_quality_of_an_item_is_asked_by_the_ancestors_path(api: TestClient, shop: Shop) -> None:
    answer = api.get(f"/api/v1/forecasts/quality/{shop.items[0]}", headers=shop.key())
    rows = answer.json()["data"]
    assert rows
    assert {row["item_id"] for row in rows} == {shop.items[0]}


def test_an_operator_reads_every_client_that_there_is(
    api: TestClient, shop: Shop, other: Shop, operator: str
) -> None:
    headers = bearer(api, operator)
    for each in (shop, other):
        assert each.mark in api.get(each.path("/worklist"), headers=headers).text
    answer = api.get("/api/v1/clients/nobody_at_all/worklist", headers=headers)
    assert (answer.status_code, answer.json()["title"]) == (404, Kind.NOT_FOUND.title)
    assert api.get("/api/v1/forecasts/quality/a", headers=headers).status_code == 400


def test_who_one_is(api: TestClient, shop: Shop, operator: str) -> None:
    me = api.get("/api/v1/me", headers=shop.person(api, "planner")).json()
    assert me["clients"] == {shop.client_id: ["deliver", "plan", "read"]}
    assert api.get("/api/v1/me", headers=bearer(api, operator)).json()["is_operator"] is True
