"""Doing something through the API: asking for runs, delivering, and doing it once."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import polars as pl
import pytest
from fastapi.testclient import TestClient

from orchestration import run_requests
from orchestration.landing.discovery import settled
from orchestration.landing.folder import scan
from orchestration.run_requests import Turn
from orchestration.settings import Settings
from orchestration.stages.ingestion import ingest_files
from orchestration.warehouse.server import Warehouse
from tests.orchestration.api.shops import Shop


def requests_of(warehouse: Warehouse, client_id: str) -> list[tuple[Any, ...]]:
    with warehouse.transaction() as connection:
        return connection.execute(
            """
            select request_id, job, parameters, asked_by, state from ops.run_requests
            where client_id = %s order by asked_at
            """,
            (client_id,),
        ).fetchall()


@pytest.mark.parametrize("path", ["/api/v1/forecast", "/api/v1/clients/{client_id}/forecast"])
def test_a_forecast_is_asked_for_and_says_where_to_ask(
    api: TestClient, shop: Shop, warehouse: Warehouse, path: str
) -> None:
    wish = {"items": [shop.items[0]], "as_of_date": "2026-03-31", "horizon_days": 7}
    answer = api.post(
        path.format(client_id=shop.client_id),
        json=wish,
        headers={**shop.key("run"), "X-Request-Id": "morning-1"},
    )
    assert answer.status_code == 202, answer.text
    number = UUID(answer.json()["request_id"])
    found = {row[0]: row for row in requests_of(warehouse, shop.client_id)}[number]
    assert found[1:] == ("forecast", {**wish, "http_request": "morning-1"}, shop.keys["run"][:13], "asked")
    state = api.get(answer.headers["location"], headers=shop.key())
    assert (state.status_code, state.json()["state"]) == (200, "asked")
    assert "within seconds" in state.json()["sentence"]
    results = api.get(state.json()["results"], headers=shop.key()).json()["data"]
    assert {row["item_id"] for row in results} == {shop.items[0]}
    assert len(results) == 7


def test_a_plan_is_asked_for(api: TestClient, shop: Shop) -> None:
    answer = api.post("/api/v1/inventory/calculate", json={}, headers=shop.person(api, "manager"))
    assert answer.status_code == 202, answer.text
    assert answer.json()["job"] == "inventory"
    number = answer.json()["request_id"]
    assert api.get(f"/api/v1/runs/{number}", headers=shop.key()).json()["request_id"] == number


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"items": ["nothing like it"]}, "has no item"),
        ({"locations": ["nowhere"]}, "has no location"),
        ({"model": "oracle"}, "There is no model"),
        ({"as_of_date": "soon"}, "as_of_date"),
        ({"horizon_days": 0}, "horizon_days"),
        ({"client_id": "api_south"}, "client_id"),
        ({"state": "succeeded"}, "state"),
        ({"items": ["a\u0000b"]}, "items"),
    ],
)
def test_a_wish_without_effect_is_refused(
    api: TestClient, shop: Shop, warehouse: Warehouse, wish: dict[str, Any], said: str
) -> None:
    before = requests_of(warehouse, shop.client_id)
    answer = api.post("/api/v1/forecast", json=wish, headers=shop.key("run"))
    assert answer.status_code == 422
    assert said in answer.json()["detail"]
    assert requests_of(warehouse, shop.client_id) == before


def test_who_would_rather_wait_is_answered_at_the_end(
    api: TestClient, shop: Shop, warehouse: Warehouse
) -> None:
    before = {row[0] for row in requests_of(warehouse, shop.client_id)}
    answers: list[Any] = []
    headers = {**shop.key(), "Prefer": "respond-async, wait=30"}
    asking = threading.Thread(
        target=lambda: answers.append(api.post("/api/v1/forecast", json={}, headers=headers))
    )
    asking.start()
    while not (new := {row[0] for row in requests_of(warehouse, shop.client_id)} - before):
        pass
    (number,) = new
    with warehouse.transaction() as connection:
        found = run_requests.find(connection, shop.client_id, number)
        assert found is not None
        run_requests.write_back(connection, found, Turn("succeeded", "It is done.", "run"))
    asking.join(30)
    assert answers[0].status_code == 200
    assert answers[0].json()["sentence"] == "It is done."
    assert answers[0].headers["preference-applied"] == "wait=30"


def test_the_same_key_gets_the_same_answer_and_one_deed(
    api: TestClient, shop: Shop, warehouse: Warehouse
) -> None:
    before = len(requests_of(warehouse, shop.client_id))
    headers = {**shop.key(), "Idempotency-Key": "once-1"}
    first, second = (api.post("/api/v1/forecast", json={}, headers=headers) for _ in range(2))
    assert first.json() == second.json()
    assert first.headers["location"] == second.headers["location"]
    assert len(requests_of(warehouse, shop.client_id)) == before + 1
    another = api.post("/api/v1/forecast", json={"horizon_days": 3}, headers=headers)
    assert another.status_code == 422
    assert "new key" in another.json()["detail"]
    by_another = api.post("/api/v1/forecast", json={}, headers={**headers, **shop.key("run")})
    assert by_another.json()["request_id"] != first.json()["request_id"]


def test_many_at_once_under_one_key_are_one_deed(api: TestClient, shop: Shop, warehouse: Warehouse) -> None:
    before = len(requests_of(warehouse, shop.client_id))
    answers: list[Any] = []
    headers = {**shop.key(), "Idempotency-Key": "crowd-1"}

    def ask() -> None:
        answers.append(api.post("/api/v1/inventory/calculate", json={}, headers=headers))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["request_id"] for answer in answers}) == 1
    assert len(requests_of(warehouse, shop.client_id)) == before + 1


ROWS = [
    *(
        {"date": f"2026-{month:02d}-{day:02d}", "item_id": item, "location_id": "main", "units_sold": 4}
        for month in (4, 5)
        for day in range(1, 31)
        for item in ("north-0", "north-1", "north-2")
    ),
    {"date": "2026-06-01", "item_id": "north-1", "location_id": "main", "units_sold": "many"},
]


def test_actuals_become_a_delivery_like_any_other(
    api: TestClient, shop: Shop, warehouse: Warehouse, settings: Settings
) -> None:
    answer = api.post("/api/v1/forecasts/actuals", json={"rows": ROWS}, headers=shop.key("deliver"))
    assert answer.status_code == 202, answer.text
    folder = settings.client_landing_dir(shop.client_id)
    (file,) = [file for file in scan(folder) if file.path == answer.json()["path"]]
    assert settled([file], datetime.now(UTC).timestamp() + 60, 0) == [file]
    empty = api.get(answer.headers["location"], headers=shop.key()).json()
    assert (empty["data"], empty["reason"]) == ([], "No row is as the filters want it.")
    ingest_files(warehouse, shop.client, [folder / file.path], settings.landing_dir)
    (found,) = api.get(answer.headers["location"], headers=shop.key()).json()["data"]
    assert (found["kind"], found["status"], found["rows_loaded"], found["rows_rejected"]) == (
        *("sales", "loaded"),
        *(180, 1),
    )
    (rejected,) = api.get(
        f"{answer.json()['rejected_rows_url']}?file_id={found['file_id']}", headers=shop.key()
    ).json()["data"]
    assert "many" in rejected["raw"]


@pytest.mark.parametrize(
    ("content_type", "suffix"),
    [("text/csv; charset=utf-8", ".csv"), ("application/x-ndjson", ".jsonl")],
)
def test_a_file_arrives_as_it_was_sent(
    api: TestClient, shop: Shop, settings: Settings, content_type: str, suffix: str
) -> None:
    content = b"date,item_id,units_sold\n2026-04-02,north-0,1\n"
    answer = api.post(
        shop.path("/deliveries?kind=sales"),
        content=content,
        headers={**shop.key("deliver"), "Content-Type": content_type},
    )
    assert answer.status_code == 202, answer.text
    path = settings.client_landing_dir(shop.client_id) / answer.json()["path"]
    assert path.suffix == suffix
    assert path.read_bytes() == content


def test_a_form_brings_a_file(api: TestClient, shop: Shop, settings: Settings) -> None:
    frame = pl.DataFrame({"date": ["2026-04-03"], "item_id": ["north-0"], "units_sold": [2]})
    answer = api.post(
        "/api/v1/forecasts/actuals",
        files={"file": ("../../sales of april.csv", frame.write_csv().encode())},
        headers=shop.key("deliver"),
    )
    assert answer.status_code == 202, answer.text
    assert (settings.client_landing_dir(shop.client_id) / answer.json()["path"]).exists()


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"", "text/csv", 422),
        (b"x", "text/html", 415),
        (b"{}", "application/json", 422),
        (b'{"rows": []}', "application/json", 422),
        (b'{"rows": [1]}', "application/json", 422),
        (b'{"rows": [{"a": [1]}]}', "application/json", 422),
        (b'{"rows": [{"a": NaN}]}', "application/json", 422),
        (b'{"rows": [{"a": 1}], "client_id": "api_south"}', "application/json", 422),
        (b"[" * 100_000, "application/json", 422),
        (b"x" * ((32 << 20) + 1), "text/csv", 413),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_is_no_delivery_is_refused(
    api: TestClient, shop: Shop, settings: Settings, body: bytes, content_type: str, status: int
) -> None:
    before = scan(settings.client_landing_dir(shop.client_id))
    answer = api.post(
        "/api/v1/forecasts/actuals",
        content=body,
        headers={**shop.key("deliver"), "Content-Type": content_type},
    )
    assert answer.status_code == status, answer.text
    assert scan(settings.client_landing_dir(shop.client_id)) == before


def test_the_same_rows_sent_twice_are_one_file(api: TestClient, shop: Shop, settings: Settings) -> None:
    rows = json.dumps({"rows": [{"date": "2026-04-09", "item_id": "north-2", "units_sold": 1}]})
    headers = {**shop.key("deliver"), "Content-Type": "application/json"}
    paths = {
        api.post("/api/v1/forecasts/actuals", content=rows, headers=headers).json()["path"] for _ in range(2)
    }
    assert len(paths) == 1
    assert not [path for path in settings.client_landing_dir(shop.client_id).iterdir() if "part" in path.name]
