"""Signing in with a browser, staying signed in, and everything that ends it or is refused."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient

from orchestration.access import users
from orchestration.api.app import build_app
from orchestration.api.limits import Rates
from orchestration.settings import Settings
from orchestration.warehouse.server import Warehouse
from tests.orchestration.api.conftest import MANY
from tests.orchestration.api.pages.browser import COOKIE, Browser
from tests.orchestration.api.shops import ORIGIN, PASSWORD, Shop


def events_of(warehouse: Warehouse, email: str) -> list[tuple[str, Any]]:
    with warehouse.transaction() as connection:
        return connection.execute(
            "select event, details from ops.security_events where email = %s order by event_id", (email,)
        ).fetchall()


@pytest.fixture
def anna(warehouse: Warehouse, shop: Shop) -> str:
    """A planner whom no other test knows."""
    email = f"anna-{uuid4().hex[:8]}@example.com"
    with warehouse.transaction() as connection:
        users.add_user(connection, email, PASSWORD, ORIGIN)
        users.set_role(connection, email, shop.client_id, "planner", ORIGIN)
    return email


@pytest.fixture
def two_clients(warehouse: Warehouse, anna: str, other: Shop) -> str:
    """The same, let in by another client, too: she has to choose."""
    with warehouse.transaction() as connection:
        users.set_role(connection, anna, other.client_id, "viewer", ORIGIN)
    return anna


def test_who_works_for_one_client_is_led_to_its_worklist(browser: Browser, shop: Shop, anna: str) -> None:
    answer = browser.sign_in(anna)
    assert (answer.status_code, answer.headers["location"]) == (303, "/planner")
    assert browser.get("/planner").headers["location"] == f"/planner/{shop.client_id}/worklist"
    assert browser.get(f"/planner/{shop.client_id}").headers["location"].endswith("/worklist")


def test_who_works_for_several_chooses_among_them_and_no_others(
    browser: Browser, shop: Shop, other: Shop, two_clients: str
) -> None:
    browser.sign_in(two_clients)
    shown = browser.page("/planner")
    assert set(re.findall(r'href="/planner/(\w+)/worklist"', shown)) == {shop.client_id, other.client_id}
    assert shop.client.name in shown
    assert two_clients in shown


def test_an_operator_chooses_among_all_clients(
    browser: Browser, shop: Shop, other: Shop, operator: str
) -> None:
    browser.sign_in(operator)
    listed = set(re.findall(r'href="/planner/(\w+)/worklist"', browser.page("/planner")))
    assert {shop.client_id, other.client_id} <= listed
    assert "lines are proposed" in browser.get(f"/planner/{shop.client_id}/state").text


def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(browser: Browser, anna: str) -> None:
    said = browser.sign_in(anna).headers["set-cookie"]
    assert re.match(rf"{COOKIE}=[\w-]{{43}};", said)
    for attribute in ("HttpOnly", "SameSite=strict", "Path=/planner", "Max-Age=43200"):
        assert attribute in said
    assert "Secure" not in said, "over HTTP in development a browser would not keep it"


@pytest.mark.parametrize(("environment", "scheme"), [("development", "https"), ("production", "http")])
def test_the_cookie_travels_over_tls_alone(
    api: TestClient,
    warehouse: Warehouse,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    anna: str,
    environment: str,
    scheme: str,
) -> None:
    monkeypatch.setenv("ENVIRONMENT", environment)
    monkeypatch.setenv("JWT_SECRET_KEY", "k" * 64)
    app = build_app(warehouse, Settings(), MANY)
    with TestClient(app, base_url=f"{scheme}://testserver", follow_redirects=False) as http:
        page = http.get("/planner/login").text
        answer = http.post("/planner/login", data={"email": anna, "password": PASSWORD})
    assert answer.status_code == 303
    assert "; Secure" in answer.headers["set-cookie"]
    assert ("will not keep a login" in page) == (scheme == "http")


def test_the_database_keeps_no_more_than_a_digest_of_a_login(
    browser: Browser, warehouse: Warehouse, anna: str
) -> None:
    browser.sign_in(anna)
    with warehouse.transaction() as connection:
        rows = connection.execute(
            """
            select token_hash, purpose, expires_at - issued_at from ops.refresh_tokens
            inner join ops.users using (user_id) where email = %s
            """,
            (anna,),
        ).fetchall()
    ((digest, purpose, lasts),) = rows
    assert purpose == "page"
    assert lasts.total_seconds() == 12 * 3600
    assert digest != browser.login


def test_a_login_is_no_token_of_a_program(browser: Browser, api: TestClient, anna: str) -> None:
    browser.sign_in(anna)
    text = browser.login
    assert api.post("/api/v1/auth/refresh", json={"refresh_token": text}).status_code == 401
    assert api.get("/api/v1/me", headers={"Authorization": f"Bearer {text}"}).status_code == 401
    assert browser.get("/planner").status_code == 303
    given = api.post("/api/v1/auth/token", json={"email": anna, "password": PASSWORD}).json()
    browser.keep(given["refresh_token"])
    assert "/planner/login" in browser.get("/planner").headers["location"]


def test_a_wrong_password_is_told_kept_back_and_written_down(
    browser: Browser, warehouse: Warehouse, anna: str
) -> None:
    for _ in range(5):
        answer = browser.sign_in(anna, "not the password at all")
        assert answer.status_code == 401
        assert "do not go together" in answer.text
        assert "not the password" not in answer.text
        assert "set-cookie" not in answer.headers
    delayed = browser.sign_in(anna)
    assert delayed.status_code == 429
    assert int(delayed.headers["retry-after"]) >= 1
    assert "try again in" in delayed.text
    assert [event for event, _ in events_of(warehouse, anna)][-6:] == ["login_failed"] * 5 + ["login_delayed"]


@pytest.mark.parametrize(
    ("wanted", "led_to"),
    [
        ("/planner/api_north/data?kind=sales&page=2", "/planner/api_north/data?kind=sales&page=2"),
        ("https://evil.example.com/planner", "/planner"),
        ("//evil.example.com", "/planner"),
        ("/planner\\@evil.example.com", "/planner"),
        ("/planner@evil.example.com", "/planner"),
        ("/planner.evil.example.com", "/planner"),
        ("/planner/\r\nSet-Cookie: a=b", "/planner"),
        ("javascript:alert(1)", "/planner"),
        ("", "/planner"),
    ],
)
def test_after_signing_in_one_is_where_one_wanted_to_be_and_on_no_other_site(
    browser: Browser, anna: str, wanted: str, led_to: str
) -> None:
    assert browser.sign_in(anna, next=wanted).headers["location"] == led_to


def test_who_is_not_signed_in_is_led_to_where_one_signs_in(browser: Browser, shop: Shop) -> None:
    answer = browser.get(f"/planner/{shop.client_id}/state?a=b")
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/planner/login?next=%2Fplanner%2F{shop.client_id}%2Fstate%3Fa%3Db"
    assert 'name="next" value="/planner/api_north/state?a=b"' in browser.page(answer.headers["location"])
    by_htmx = browser.get(
        f"/planner/{shop.client_id}/state",
        **{"HX-Request": "true", "HX-Current-URL": f"http://testserver/planner/{shop.client_id}/data?b=c"},
    )
    assert by_htmx.status_code == 401
    assert by_htmx.headers["hx-redirect"].endswith(f"?next=%2Fplanner%2F{shop.client_id}%2Fdata%3Fb%3Dc")


def test_signing_out_ends_the_login_wherever_its_cookie_is_kept(
    browser: Browser, warehouse: Warehouse, two_clients: str
) -> None:
    browser.sign_in(two_clients)
    browser.page("/planner")
    kept = browser.login
    answer = browser.send("/planner/logout")
    assert (answer.status_code, answer.headers["location"]) == (303, "/planner/login")
    assert COOKIE not in browser.http.cookies
    browser.keep(kept)
    assert "/planner/login" in browser.get("/planner").headers["location"]
    assert [event for event, _ in events_of(warehouse, two_clients)].count("login") == 1
    with warehouse.transaction() as connection:
        assert connection.execute(
            """
            select count(*) from ops.security_events inner join ops.users using (user_id)
            where users.email = %s and event = 'logout'
            """,
            (two_clients,),
        ).fetchone() == (1,)


@pytest.mark.parametrize("end", ["password", "disabled", "expired"])
def test_what_else_ends_a_login(browser: Browser, warehouse: Warehouse, two_clients: str, end: str) -> None:
    browser.sign_in(two_clients)
    browser.page("/planner")
    with warehouse.transaction() as connection:
        if end == "password":
            users.set_password(connection, two_clients, "five other words that match nothing", ORIGIN)
        elif end == "disabled":
            users.set_active(connection, two_clients, False, ORIGIN)
        else:
            connection.execute(
                """
                update ops.refresh_tokens set expires_at = clock_timestamp()
                where user_id = (select user_id from ops.users where email = %s)
                """,
                (two_clients,),
            )
    assert "/planner/login" in browser.get("/planner").headers["location"]


def test_a_role_that_was_taken_back_is_gone_at_the_next_page(
    browser: Browser, warehouse: Warehouse, shop: Shop, two_clients: str
) -> None:
    browser.sign_in(two_clients)
    assert browser.get(f"/planner/{shop.client_id}/state").status_code == 200
    with warehouse.transaction() as connection:
        users.set_role(connection, two_clients, shop.client_id, None, ORIGIN)
    assert browser.get(f"/planner/{shop.client_id}/state").status_code == 404


def refusals(warehouse: Warehouse, email: str) -> list[Any]:
    return [details["reason"] for event, details in events_of(warehouse, email) if event == "access_refused"]


def test_a_deed_without_the_token_of_its_login_is_refused_and_written_down(
    browser: Browser, warehouse: Warehouse, api: TestClient, two_clients: str, operator: str
) -> None:
    browser.sign_in(two_clients)
    browser.page("/planner")
    another = Browser(api.app)
    another.sign_in(operator)
    another.page("/planner")
    for forged in ("", "0" * 64, another.csrf, "é"):
        assert browser.send("/planner/logout", {"csrf": forged}).status_code == 403
    assert browser.http.post("/planner/logout").status_code == 403
    assert browser.http.post("/planner/logout", headers={"X-CSRF-Token": another.csrf}).status_code == 403
    assert refusals(warehouse, two_clients) == ["csrf"] * 6
    browser.page("/planner")
    assert browser.http.post("/planner/logout", headers={"X-CSRF-Token": browser.csrf}).status_code == 303


@pytest.mark.parametrize(
    "said",
    [
        {"Origin": "https://evil.example.com"},
        {"Origin": "null"},
        {"Origin": "http://testserver.evil.example.com"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://testserver"},
    ],
)
def test_a_deed_that_another_sites_page_sends_is_refused_and_written_down(
    browser: Browser, warehouse: Warehouse, two_clients: str, said: dict[str, str]
) -> None:
    browser.sign_in(two_clients)
    browser.page("/planner")
    refused = browser.send("/planner/logout", headers=said)
    assert refused.status_code == 403
    assert "another site" in refused.text
    assert refusals(warehouse, two_clients) == ["origin"]
    browser.page("/planner")
    forged_login = browser.http.post(
        "/planner/login", data={"email": two_clients, "password": PASSWORD}, headers=said
    )
    assert forged_login.status_code == 403
    assert "set-cookie" not in forged_login.headers


def test_another_clients_pages_are_not_there(
    browser: Browser, warehouse: Warehouse, other: Shop, anna: str
) -> None:
    browser.sign_in(anna)
    refused = browser.get(f"/planner/{other.client_id}/state")
    assert refused.status_code == 404
    assert refused.headers["content-type"].startswith("text/html")
    assert browser.get("/planner/nobody_at_all/state").status_code == 404
    assert browser.get("/planner/Nobody%00/state").status_code == 404
    assert [event for event, _ in events_of(warehouse, anna)].count("access_refused") == 3


def test_an_operator_sees_no_client_that_there_is_not(browser: Browser, operator: str) -> None:
    browser.sign_in(operator)
    for part in ("state", "data", "runs", "settings"):
        assert browser.get(f"/planner/nobody_at_all/{part}").status_code == 404


def test_a_form_that_is_too_large_is_refused_as_a_page(browser: Browser) -> None:
    answer = browser.sign_in("x" * (2 << 20))
    assert answer.status_code == 413
    assert answer.text.startswith("<!doctype html>")


def test_pages_are_counted_by_their_pattern(browser: Browser, shop: Shop, anna: str) -> None:
    browser.sign_in(anna)
    browser.get(f"/planner/{shop.client_id}/state")
    counted = browser.get("/metrics").text
    assert 'route="/planner/{client_id}/state",status="200"' in counted
    assert 'route="/planner/login",status="303"' in counted
    assert shop.client_id not in counted


def test_who_asks_too_often_is_told_when_to_come_back(
    warehouse: Warehouse, settings: Settings, anna: str, shop: Shop
) -> None:
    with TestClient(build_app(warehouse, settings, Rates(1_000, 2, 1_000)), follow_redirects=False) as http:
        http.post("/planner/login", data={"email": anna, "password": PASSWORD})
        answers = [http.get(f"/planner/{shop.client_id}/state") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert answers[-1].headers["content-type"].startswith("text/html")
