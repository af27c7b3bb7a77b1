"""What people do on the pages Data and Runs: bring a file, see what became of it, ask for a run."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest

from orchestration import run_requests
from orchestration.landing.discovery import settled
from orchestration.landing.folder import scan
from orchestration.retention.retain import retain
from orchestration.settings import Settings
from orchestration.stages.ingestion import ingest_files
from orchestration.warehouse.server import Warehouse
from tests.orchestration.api.pages.browser import Browser
from tests.orchestration.api.shops import Shop


def landed(settings: Settings, shop: Shop) -> set[str]:
    folder = settings.client_landing_dir(shop.client_id)
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


def requests_of(warehouse: Warehouse, shop: Shop) -> list[tuple[Any, ...]]:
    with warehouse.transaction() as connection:
        return connection.execute(
            """
            select job, asked_by, parameters, request_id from ops.run_requests
            where client_id = %s order by asked_at
            """,
            (shop.client_id,),
        ).fetchall()


def a_file(*rows: str) -> dict[str, Any]:
    content = "\n".join(["date,item_id,location_id,units_sold", *rows, ""])
    return {"file": ("march.csv", content, "text/csv")}


def test_a_file_is_delivered_and_the_page_says_what_became_of_it(
    browser: Browser, shop: Shop, warehouse: Warehouse, settings: Settings
) -> None:
    browser.sign_in(shop.people["planner"])
    base = f"/planner/{shop.client_id}/data"
    browser.page(base)
    before = landed(settings, shop)
    good = [f"2026-0{month}-{day:02},north-0,main,5" for month in (7, 8) for day in range(1, 31)]
    answer = browser.send(
        f"{base}/deliveries", {"kind": "sales"}, files=a_file(*good, "2026-09-01,north-0,main,<b>many</b>")
    )
    assert answer.status_code == 303, answer.text
    where = answer.headers["location"]
    waiting = browser.page(where)
    assert "waits in the landing folder" in waiting
    again = f"{where}&again=true"
    assert f'hx-get="{again.replace("&", "&amp;")}" hx-trigger="every 2s"' in waiting
    assert browser.get(again).status_code == 204, "what has not changed is not read out again"

    (name,) = landed(settings, shop) - before
    folder = settings.client_landing_dir(shop.client_id)
    (file,) = [found for found in scan(folder) if found.path == name]
    assert settled([file], file.modified_ns / 1e9 + 60, 0) == [file]
    ingest_files(warehouse, shop.client, [folder / name], settings.landing_dir)

    part = browser.get(again, **{"HX-Request": "true"})
    assert part.headers["hx-trigger"] == "deliveries-changed"
    assert "every 2s" not in part.text
    assert "loaded in part" in part.text
    assert name in browser.page(f"{base}/deliveries")
    (number,) = {line.partition('"')[0] for line in part.text.split(f'href="{base}/deliveries/')[1:]}
    rejected = browser.page(f"{base}/deliveries/{number}")
    assert "The value is not a plain number." in rejected
    assert "&lt;b&gt;many&lt;/b&gt;" in rejected
    assert "<b>many" not in rejected
    with warehouse.transaction() as connection:
        connection.execute(
            "update ops.landing_files set received_at = received_at - interval '401 days' where file_id = %s",
            (number,),
        )
    retain(warehouse, shop.client)
    thinned = browser.page(f"{base}/deliveries/{number}")
    assert "</data> of its rows were rejected. Which ones was kept until" in thinned


def test_a_page_sends_the_same_file_as_the_api_and_it_is_one(
    browser: Browser, shop: Shop, settings: Settings
) -> None:
    browser.sign_in(shop.people["planner"])
    browser.page(f"/planner/{shop.client_id}/data")
    file = a_file(f"2026-04-01,{uuid4().hex},main,5")
    by_api = browser.http.post(shop.path("/deliveries?kind=sales"), files=file, headers=shop.key("deliver"))
    before = landed(settings, shop)
    assert by_api.json()["path"] in before
    answer = browser.send(f"/planner/{shop.client_id}/data/deliveries", {"kind": "sales"}, files=file)
    assert by_api.json()["sha256"] in answer.headers["location"]
    assert landed(settings, shop) == before


@pytest.mark.parametrize(
    ("kind", "file", "said"),
    [
        ("", a_file(), "Choose what is in the file."),
        ("secrets", a_file(), "Choose what is in the file."),
        ("sales", {"file": ("march.exe", "MZ", "text/csv")}, "ends in none of"),
        ("sales", {"file": ("march.csv", "", "text/csv")}, "There is nothing in the file."),
    ],
)
def test_what_is_no_delivery_is_refused_with_what_to_do(
    browser: Browser, shop: Shop, settings: Settings, kind: str, file: dict[str, Any], said: str
) -> None:
    browser.sign_in(shop.people["planner"])
    browser.page(f"/planner/{shop.client_id}/data")
    before = landed(settings, shop)
    answer = browser.send(f"/planner/{shop.client_id}/data/deliveries", {"kind": kind}, files=file)
    assert answer.status_code in (415, 422)
    assert said in answer.text
    assert landed(settings, shop) == before


def test_a_manager_asks_for_a_run_once_however_often_the_form_is_sent(
    browser: Browser, shop: Shop, warehouse: Warehouse
) -> None:
    browser.sign_in(shop.people["manager"])
    base = f"/planner/{shop.client_id}/runs"
    form = browser.page(base)
    once = form.split('name="once" value="')[1].partition('"')[0]
    before = requests_of(warehouse, shop)
    for _ in range(2):
        answer = browser.send(base, {"job": "inventory", "once": once}, headers={"X-Request-Id": "page-1"})
        assert (answer.status_code, answer.headers["location"]) == (303, base)
    (asked,) = requests_of(warehouse, shop)[len(before) :]
    assert (asked[0], asked[2]) == ("inventory", {"http_request": "page-1"})
    shown = browser.page(base)
    assert "Asked for; the daemon starts it" in shown
    assert shop.people["manager"] in shown
    (again,) = re.findall(r'hx-get="([^"]+)" hx-trigger="every 5s"', shown)
    assert browser.get(again).status_code == 204
    with warehouse.transaction() as connection:
        found = run_requests.find(connection, shop.client_id, asked[3])
        assert found is not None
        run_requests.write_back(connection, found, run_requests.Turn("failed", "No stock is known.", "run"))
    assert "No stock is known." in browser.page(again)


def test_more_runs_than_a_page_holds_go_on_on_the_next(
    browser: Browser, other: Shop, warehouse: Warehouse
) -> None:
    with warehouse.transaction() as connection:
        connection.execute(
            """
            insert into ops.run_requests (client_id, job, asked_by, state, message, asked_at)
            select
                %s, 'forecast', 'fc_0123456789', 'failed', 'number ' || n || '.', now() - n * interval '1 s'
            from generate_series(1, 60) as n
            """,
            (other.client_id,),
        )
    browser.sign_in(other.people["viewer"])
    first = browser.page(f"/planner/{other.client_id}/runs")
    assert "the key fc_0123456789" in first
    (following,) = [line.partition('"')[0] for line in first.split('<p><a href="')[1:]]
    second = browser.page(following.replace("&amp;", "&"))
    shown = [f"number {n}." for n in range(1, 61)]
    assert [text for text in shown if text in first] + [text for text in shown if text in second] == shown


@pytest.mark.parametrize(
    ("role", "path", "fields"),
    [
        ("viewer", "data/deliveries", {"kind": "sales"}),
        ("viewer", "runs", {"job": "inventory"}),
        ("planner", "runs", {"job": "inventory"}),
        ("planner", "settings/planning", {"service_level": "0.5"}),
        ("planner", "settings/members", {"email": "viewer@api-north.example.com", "role": "manager"}),
        ("planner", "settings/keys", {"name": "x", "scope": "read", "days": "3"}),
        ("planner", "settings/keys/revoke", {"key": "fc_0123456789"}),
    ],
)
def test_who_may_not_sees_no_button_and_does_nothing(
    browser: Browser,
    shop: Shop,
    warehouse: Warehouse,
    settings: Settings,
    role: str,
    path: str,
    fields: dict[str, str],
) -> None:
    browser.sign_in(shop.people[role])
    address = f"/planner/{shop.client_id}/{path}"
    looked_at = browser.page(f"/planner/{shop.client_id}/{path.partition('/')[0]}")
    assert f'action="{address}"' not in looked_at
    before = (landed(settings, shop), requests_of(warehouse, shop))
    more = {"files": a_file()} if path.startswith("data") else {}
    assert browser.send(address, fields, **more).status_code == 403
    assert (landed(settings, shop), requests_of(warehouse, shop)) == before
    with warehouse.transaction() as connection:
        assert connection.execute(
            """
            select client_id, details ->> 'action' from ops.security_events
            where event = 'access_refused' and email = %s order by event_id desc limit 1
            """,
            (shop.people[role],),
        ).fetchone() == (
            shop.client_id,
            {"data": "deliver", "runs": "run", "settings": "manage"}[path.partition("/")[0]],
        )
