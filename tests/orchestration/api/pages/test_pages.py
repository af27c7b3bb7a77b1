"""What holds for every page: whose rows it shows, who sees it, how it escapes, what a browser may run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from orchestration.access.keys import create_key
from orchestration.access.security_events import Origin
from orchestration.api.pages import assets
from orchestration.api.pages.routers import PAGES
from orchestration.warehouse.server import Warehouse
from tests.orchestration.api.pages.browser import Browser
from tests.orchestration.api.shops import Shop

HOSTILE = """<script>alert(1)</script>"><img src=x onerror=alert(1)>'&"""
STATIC = Path(assets.__file__).parents[1] / "static"

OF_A_CLIENT = sorted(
    {
        route.path
        for router in PAGES
        for route in router.routes
        if "{client_id}" in route.path and "GET" in route.methods
    }
)
"""Every page of a client that is looked at."""


def addresses(shop: Shop, file_id: int) -> Iterator[str]:
    """The same for one client, with what the other places of an address stand for."""
    places = {
        **{"client_id": shop.client_id, "file_id": file_id, "item_id": shop.items[0]},
        "order_number": "FC000001",
    }
    for path in OF_A_CLIENT:
        yield path.replace(":path", "").format(**places) + (
            "?sha256=" + "0" * 64 if path.endswith("/sent") else ""
        )


@pytest.fixture(scope="module")
def file_of(warehouse: Warehouse) -> dict[str, int]:
    """client -> the number of a delivery with hostile texts and a rejected row."""
    found = {}
    with warehouse.transaction() as connection:
        for client_id in ("api_north", "api_south"):
            row = connection.execute(
                """
                insert into ops.landing_files
                    (client_id, path, sha256, size_bytes, kind, status, message, config_digest,
                     rows_read, rows_rejected)
                values (%s, %s, %s, 9, 'sales', 'loaded', %s, 'none', 2, 1)
                returning file_id
                """,
                (client_id, HOSTILE, sha256(client_id.encode()).hexdigest(), HOSTILE),
            ).fetchone()
            assert row is not None
            (found[client_id],) = row
            connection.execute(
                """
                insert into ops.rejected_rows (client_id, file_id, line_number, reason, message, raw)
                values (%s, %s, 2, 'bad_number', %s, %s)
                """,
                (client_id, found[client_id], HOSTILE, HOSTILE),
            )
            create_key(connection, client_id, HOSTILE, ["read"], 30, Origin(actor=HOSTILE))
    return found


class Markup(HTMLParser):
    """What of a page could run or dress without the consent of its policy, and how it is made."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._in_code: str | None = None
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append((tag, found))
        self.wrong += [
            f"{tag} {name}" for name in found if name.startswith(("on", "hx-on")) or name == "style"
        ]
        self.wrong += [f"{tag} {name}" for name in found if str(found[name]).startswith("javascript:")]
        executed = tag == "script" and found.get("type") != "application/json" and "src" not in found
        if executed or tag in ("style", "base", "iframe", "object", "embed"):
            self.wrong.append(tag)

    def labelled(self) -> list[str]:
        """Fields that nothing names."""
        named = {found.get("for") for tag, found in self.tags if tag == "label"}
        return [
            str(found)
            for tag, found in self.tags
            if tag in ("input", "select", "textarea")
            and found.get("type") not in ("hidden", "checkbox", "radio")
            and "hidden" not in found
            and "aria-label" not in found
            and found.get("id") not in named
        ]


@pytest.mark.parametrize("role", ["viewer", "planner", "manager"])
def test_a_page_shows_the_rows_of_its_client_and_is_made_of_nothing_that_the_policy_forbids(
    browser: Browser, shop: Shop, other: Shop, file_of: dict[str, int], role: str
) -> None:
    browser.sign_in(shop.people[role])
    looked_at = 0
    for address in addresses(shop, file_of[shop.client_id]):
        if "/orders/" in address:  # none has left
            continue
        answer = browser.get(address)
        if answer.status_code == 303:
            continue
        assert answer.status_code == 200, (address, answer.text)
        looked_at += 1
        assert other.mark not in answer.text
        assert "<script>alert" not in answer.text
        assert "<img" not in answer.text
        policy = answer.headers.get_list("content-security-policy")
        assert len(policy) == 1
        assert "script-src 'self'; style-src 'self';" in policy[0]
        assert "unsafe" not in policy[0]
        assert answer.headers["cache-control"] == "no-store"
        made = Markup(answer.text)
        assert made.wrong == []
        assert made.labelled() == []
        if answer.text.startswith("<!doctype html>"):
            assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in answer.text
            assert 'href="#main"' in answer.text
            assert len(re.findall(r"<h1\b", answer.text)) == 1
            assert len(re.findall(r"<main\b", answer.text)) == 1
    assert looked_at >= 6


def test_another_clients_pages_are_not_there_whatever_they_are(
    browser: Browser, shop: Shop, other: Shop, file_of: dict[str, int]
) -> None:
    browser.sign_in(shop.people["manager"])
    for address in addresses(other, file_of[other.client_id]):
        answer = browser.get(address)
        assert answer.status_code == 404, address
        assert other.mark not in answer.text.replace(other.client_id, "")
    theirs = f"/planner/{shop.client_id}/data/deliveries/{file_of[other.client_id]}"
    assert browser.get(theirs).status_code == 404


def test_nobodys_pages_are_those_of_whoever_signs_in_first(browser: Browser, shop: Shop) -> None:
    for address in addresses(shop, 1):
        answer = browser.get(address)
        assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/planner/login")


def test_what_is_not_there_or_does_not_fit_is_told_as_a_page(browser: Browser, shop: Shop) -> None:
    browser.sign_in(shop.people["manager"])
    base = f"/planner/{shop.client_id}"
    for address, status in (
        (f"{base}/nothing", 404),
        (f"{base}/data/deliveries/none", 422),
        (f"{base}/data/deliveries/99999999999999999999999", 422),
        (f"{base}/data?before=0", 422),
        (f"{base}/data/sent?sha256=abc", 422),
        (f"{base}/data/deliveries/987654321", 404),
    ):
        answer = browser.get(address)
        assert answer.status_code == status, address
        assert answer.headers["content-type"].startswith("text/html")
        assert Markup(answer.text).wrong == []
        part = browser.get(address, **{"HX-Request": "true"})
        assert part.status_code == status
        assert part.text.startswith('<p class="notice error">')


def test_a_part_that_the_service_fails_at_is_told_as_a_page(
    shop: Shop, browser: Browser, api: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a secret of the house")

    monkeypatch.setattr("orchestration.api.pages.data.client_states", broken)
    with_errors = Browser(api.app, raises=False)
    with_errors.sign_in(shop.people["viewer"])
    answer = with_errors.get(f"/planner/{shop.client_id}/data")
    assert answer.status_code == 500
    assert answer.text.startswith("<!doctype html>")
    assert "secret" not in answer.text
    assert answer.headers["x-request-id"] in answer.text


def test_what_a_browser_needs_is_kept_as_long_as_its_address_says(browser: Browser, shop: Shop) -> None:
    page = browser.page("/planner/login")
    linked = re.findall(r'(?:src|href)="(/static/[^"]+)"', page)
    assert {address.partition("?")[0] for address in linked} >= {
        "/static/app.css",
        "/static/app.js",
        "/static/htmx.min.js",
    }
    for address in linked:
        answer = browser.get(address)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        assert "immutable" not in browser.get(address.partition("?")[0]).headers["cache-control"]
    for wrong in ("/static/../app.py", "/static/%2e%2e%2fapp.py", "/static/nothing.js", "/static/"):
        assert browser.get(wrong).status_code == 404


def test_what_others_wrote_is_as_they_published_it_and_says_its_licence() -> None:
    told = (STATIC / "THIRD_PARTY.md").read_text(encoding="utf-8")
    lines = re.findall(r"^\| `(\S+)` .*`(LICENSE\.\S+)` \| ([0-9a-f]{64}) \|$", told, re.MULTILINE)
    ours = ("app.css", "app.js", "plots.js", "series.css", "worklist.css", "worklist.js")
    own = {*ours, "THIRD_PARTY.md"}
    licences = {licence for _, licence, _ in lines}
    assert {name for name, _, _ in lines} | licences | own == {path.name for path in STATIC.iterdir()}
    for name, _, digest in lines:
        assert sha256((STATIC / name).read_bytes()).hexdigest() == digest, name
