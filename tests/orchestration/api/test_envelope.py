"""What surrounds every request: ids, headers, limits, health, the log, the pages of the documentation."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from orchestration.api.app import build_app, of_postgres
from orchestration.api.limits import Rates
from orchestration.api.problems import Kind
from orchestration.settings import Settings
from orchestration.warehouse.server import Warehouse
from tests.orchestration.api.conftest import MANY
from tests.orchestration.api.shops import Shop


def test_a_request_keeps_the_id_it_was_given(api: TestClient) -> None:
    assert api.get("/healthz", headers={"X-Request-Id": "morning.1"}).headers["x-request-id"] == "morning.1"


@pytest.mark.parametrize("sent", ["a b", "x" * 65, "a\tb", '"><script>', ""])
def test_an_id_that_is_none_is_made_up(api: TestClient, sent: str) -> None:
    given = api.get("/healthz", headers={"X-Request-Id": sent}).headers["x-request-id"]
    assert re.fullmatch(r"[0-9a-f]{32}", given)


@pytest.mark.parametrize("path", ["/healthz", "/api/v1/me", "/nowhere", "/docs", "/openapi.json"])
def test_every_answer_carries_the_security_headers(api: TestClient, path: str) -> None:
    headers = api.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["cache-control"]
    assert "server" not in headers


def test_an_error_is_a_problem_document_that_says_what_to_do(api: TestClient, shop: Shop) -> None:
    for method, path, status in (
        ("GET", "/nowhere", 404),
        ("DELETE", "/api/v1/me", 405),
        ("GET", "/api/v1/me", 401),
        ("GET", shop.path("/runs/no-uuid"), 422),
    ):
        headers = {} if status == 401 else shop.key()
        answer = api.request(method, path, headers=headers)
        document = answer.json()
        assert answer.status_code == document["status"] == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert document["request_id"] == answer.headers["x-request-id"]
        assert document["detail"].endswith((".", "token."))
        assert document["type"].startswith("/docs/problems#")


def test_a_body_that_is_too_large_is_refused_declared_or_not(api: TestClient, shop: Shop) -> None:
    large = b" " * ((1 << 20) + 1)
    headers = {**shop.key(), "Content-Type": "application/json"}
    declared = api.post("/api/v1/forecast", content=large, headers=headers)

    def pieces() -> Iterator[bytes]:
        yield large[: 1 << 19]
        yield large[1 << 19 :]

    streamed = api.post("/api/v1/forecast", content=pieces(), headers=headers)
    assert (declared.status_code, streamed.status_code) == (413, 413)
    assert "landing folder" in streamed.json()["detail"]


def test_who_asks_too_often_is_told_when_to_come_back(
    settings: Settings, warehouse: Warehouse, shop: Shop
) -> None:
    with TestClient(build_app(warehouse, settings, Rates(address=1_000, caller=3, logins=2))) as api:
        statuses = [api.get("/api/v1/me", headers=shop.key()).status_code for _ in range(3)]
        refused, again = (
            api.get("/api/v1/me", headers={**shop.key(), "X-Request-Id": f"often-{number}"})
            for number in (1, 2)
        )
        another = api.get("/api/v1/me", headers=shop.key("read"))
        login = {"email": "nobody@example.com", "password": "wrong"}
        logins = [api.post("/api/v1/auth/token", json=login).status_code for _ in range(3)]
    assert (statuses, refused.status_code, again.status_code) == ([200, 200, 200], 429, 429)
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert another.status_code == 200
    assert logins == [401, 401, 429]
    with warehouse.transaction() as connection:
        events = connection.execute(
            "select event, key_prefix, request_id from ops.security_events where request_id like 'often-%'"
        ).fetchall()
    assert events == [("rate_limited", shop.keys["all"][:13], "often-1")]


def test_an_address_that_asks_too_often_is_stopped_before_anybody_is_known(
    settings: Settings, warehouse: Warehouse
) -> None:
    with TestClient(build_app(warehouse, settings, Rates(address=2, caller=9, logins=9))) as api:
        statuses = [api.get("/api/v1/me").status_code for _ in range(3)]
    assert statuses == [401, 401, 429]


def test_another_sites_page_may_ask_where_it_is_named_and_nowhere_else(
    settings: Settings, warehouse: Warehouse
) -> None:
    known = settings.model_copy(update={"cors_origins": ("https://planning.example.com",)})
    with TestClient(build_app(warehouse, known, MANY)) as api:
        asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
        let_in = api.options("/api/v1/me", headers={"Origin": "https://planning.example.com", **asked})
        kept_out = api.options("/api/v1/me", headers={"Origin": "https://evil.example.com", **asked})
    assert let_in.headers["access-control-allow-origin"] == "https://planning.example.com"
    assert "access-control-allow-credentials" not in let_in.headers
    assert "access-control-allow-origin" not in kept_out.headers


def test_health_and_metrics_name_nobody(api: TestClient, shop: Shop) -> None:
    api.get(shop.path("/worklist"), headers=shop.key())
    assert api.get("/healthz").json() == {"status": "alive"}
    assert api.get("/readyz").json() == {"status": "ready"}
    text = api.get("/metrics").text
    assert 'route="/api/v1/clients/{client_id}/worklist",status="200"' in text
    assert "forecaster_api_seconds_bucket" in text
    assert shop.client_id not in text


def test_a_line_of_the_log_says_who_asked_what_and_holds_no_secret(
    api: TestClient, shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="forecaster.api"):
        api.get(shop.path("/worklist?item_id=a"), headers={**shop.key(), "X-Request-Id": "line-1"})
        api.post("/api/v1/auth/token", json={"email": "a@example.com", "password": "secret of mine"})
    lines = [json.loads(record.message) for record in caplog.records if record.message.startswith("{")]
    (line,) = [line for line in lines if line["request_id"] == "line-1"]
    assert (line["status"], line["client"], line["caller"]) == (200, shop.client_id, shop.keys["all"][:13])
    assert shop.keys["all"] not in caplog.text
    assert "secret of mine" not in caplog.text


def test_a_fault_of_ours_tells_nothing_and_names_the_request(
    api: TestClient, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("the secret inside")

    monkeypatch.setattr("orchestration.api.routes.listings.read_page", broken)
    answer = api.get(shop.path("/worklist"), headers=shop.key())
    assert answer.status_code == 500
    assert "secret inside" not in answer.text
    assert answer.headers["x-request-id"] in answer.json()["detail"]


def test_what_takes_too_long_is_given_up(
    api: TestClient, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(connection: Any, *_: Any) -> Any:
        connection.execute("set local statement_timeout = '50ms'")
        connection.execute("select pg_sleep(5)")

    monkeypatch.setattr("orchestration.api.routes.listings.read_page", slow)
    answer = api.get(shop.path("/worklist"), headers=shop.key())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "narrower filter" in answer.json()["detail"]


def test_a_database_that_is_away_is_said_without_its_own_words() -> None:
    problem = of_postgres(OSError("password authentication failed for user postgres"))
    assert problem.kind is Kind.UNAVAILABLE
    assert "postgres" not in problem.detail


@pytest.mark.parametrize("path", ["/docs", "/docs/problems", "/docs/style.css"])
def test_the_pages_need_no_network_and_no_script(api: TestClient, path: str) -> None:
    page = api.get(path)
    assert page.status_code == 200
    assert "<script" not in page.text
    assert not re.findall(r"(?:src|href)\s*=\s*\"(?!/docs|/openapi)", page.text)
    assert "http://" not in page.text
    assert "https://" not in page.text


def test_the_document_describes_every_route_with_its_parameters(api: TestClient) -> None:
    document = api.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    worklist = document["paths"]["/api/v1/clients/{client_id}/worklist"]["get"]
    assert {"client_id", "urgency", "limit", "page"} <= {found["name"] for found in worklist["parameters"]}
    assert {"200", "304", "401", "404", "422", "429"} <= set(worklist["responses"])
    schema = json.dumps(document["components"]["schemas"]["WorklistRow"])
    assert "value_at_risk" in schema
    for path in ("forecast", "inventory/calculate", "forecasts/actuals", "forecasts/quality/{item_id}"):
        assert f"/api/v1/{path}" in document["paths"]
    assert document["paths"]["/api/v1/forecast"]["post"]["requestBody"]
    page = api.get("/docs").text
    assert all(path in page for path in document["paths"])
