"""The pages of orders: what leaves, once and under a number, its files, and what becomes of its lines."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from typing import Any

import pytest

from orchestration.settings import Settings
from orchestration.warehouse.server import Warehouse
from tests.orchestration.api.pages.browser import Browser
from tests.orchestration.api.pages.markets import (
    ACME,
    BOLT,
    COST,
    EVIL,
    FORMULA,
    Market,
    decided,
    open_lines,
    open_market,
)

APPROVED = 3
"""Lines of each supplier that wait to leave."""


@pytest.fixture(scope="module")
def market(settings: Settings, warehouse: Warehouse) -> Market:
    """The client whose orders leave in the tests of these pages."""
    return open_market(settings, warehouse, "order_market")


@pytest.fixture
def planner(browser: Browser, market: Market) -> Browser:
    """A browser in which a planner of it looks at the orders."""
    browser.sign_in(market.people["planner"])
    browser.page(market.path("/orders"))
    return browser


def approve(browser: Browser, market: Market, lines: list[dict[str, Any]]) -> None:
    """Approve lines as they are."""
    fields = {"run_id": str(lines[0]["run_id"]), "deed": "approve"}
    answer = browser.send(market.path(), {**fields, "line": [str(line["priority_rank"]) for line in lines]})
    assert answer.status_code == 200, answer.text


def send(browser: Browser, market: Market, supplier: str | None) -> str:
    """Send what waits for a supplier; the number that it left under."""
    fields = {"unknown": "1"} if supplier is None else {"supplier": supplier}
    answer = browser.send(market.path("/orders"), fields)
    assert answer.status_code == 200, answer.text
    (number,) = set(re.findall(r"<strong>(FC\d{6})</strong>", answer.text))
    return str(number)


def rows_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def ends_of(warehouse: Warehouse, market: Market) -> dict[str, str]:
    """Item -> how its line of an order ended."""
    with warehouse.transaction() as connection:
        return dict(
            connection.execute(
                """
                select item_id, line_end.ending from analytics.order_line_ends as line_end
                inner join analytics.plan_decisions using (client_id, decision_id)
                where client_id = %s
                """,
                (market.client_id,),
            ).fetchall()
        )


@pytest.mark.parametrize("supplier", [ACME, BOLT, EVIL, None], ids=["acme", "bolt", "hostile", "none"])
def test_what_is_approved_leaves_once_under_a_number_with_its_file(
    planner: Browser, market: Market, warehouse: Warehouse, supplier: str | None
) -> None:
    lines = open_lines(warehouse, market, APPROVED, supplier_id=supplier)
    approve(planner, market, lines)
    waiting = planner.page(market.path("/orders"))
    assert all(f"Item {line['item_id']}" in waiting for line in lines)
    number = send(planner, market, supplier)
    planner.page(market.path("/orders"))
    again = planner.send(
        market.path("/orders"), {"unknown": "1"} if supplier is None else {"supplier": supplier}
    )
    assert (again.status_code, "Nothing waits to be sent" in again.text) == (409, True)
    original = planner.get(market.path(f"/orders/{number}/lines.csv?original=1"))
    assert re.fullmatch(
        rf'attachment; filename="{number}[\w-]*\.csv"', original.headers["content-disposition"]
    )
    rows = rows_of(original.content)
    assert {(row["item_id"], float(row["order_qty"])) for row in rows} == {
        (line["item_id"], float(line["order_qty"])) for line in lines
    }
    assert {row["order_number"] for row in rows} == {number}
    assert sum(float(row["order_value"]) for row in rows) == sum(
        float(line["order_qty"]) * COST for line in lines
    )
    copy = planner.get(market.path(f"/orders/{number}/lines.csv"))
    assert f"{number}" in copy.headers["content-disposition"]
    assert "_copy" in copy.headers["content-disposition"]
    assert all(row["copy"].startswith("copy: the order left on") for row in rows_of(copy.content))
    page = planner.page(market.path(f"/orders/{number}"))
    assert all(f"Item {line['item_id']}" in page for line in lines)
    worklist = planner.page(market.path(f"/worklist?state=ordered&q={lines[0]['item_id']}"))
    assert f'id="line-{lines[0]["priority_rank"]}"' in worklist


def test_everything_leaves_in_one_archive(planner: Browser, market: Market, warehouse: Warehouse) -> None:
    lines = [
        line for supplier in (ACME, BOLT) for line in open_lines(warehouse, market, 1, supplier_id=supplier)
    ]
    approve(planner, market, lines)
    waiting = planner.page(market.path("/orders"))
    assert "at least the minimum of" in waiting
    assert "below the minimum</strong>" in waiting
    answer = planner.send(market.path("/orders"), {"all": "1"})
    numbers = re.findall(r"<strong>(FC\d{6})</strong>", answer.text)
    assert len(numbers) >= 2
    (address,) = re.findall(r'href="([^"]+orders\.zip[^"]+)"', answer.text)
    archive = planner.get(address.replace("&amp;", "&"))
    assert archive.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(archive.content)) as files:
        names = files.namelist()
        items = {row["item_id"] for name in names for row in rows_of(files.read(name))}
    assert [name[:8] for name in names] == numbers
    assert {line["item_id"] for line in lines} <= items


def test_an_approval_that_has_not_left_is_taken_back(
    planner: Browser, market: Market, warehouse: Warehouse
) -> None:
    lines = open_lines(warehouse, market, 1, supplier_id=BOLT)
    approve(planner, market, lines)
    page = planner.page(market.path("/orders"))
    (decision,) = re.findall(
        rf'name="withdraw" value="([^"]+)">\s*<button[^>]+Item {lines[0]["item_id"]}', page
    )
    back = planner.send(market.path("/orders"), {"withdraw": decision})
    assert "open in the worklist again" in back.text
    assert decision not in back.text
    assert decided(warehouse, market, lines) == []
    assert planner.send(market.path("/orders"), {"withdraw": decision}).status_code == 409


def test_people_say_what_became_of_lines(planner: Browser, market: Market, warehouse: Warehouse) -> None:
    lines = open_lines(warehouse, market, 2, supplier_id=ACME)
    approve(planner, market, lines)
    number = send(planner, market, ACME)
    page = planner.page(market.path(f"/orders/{number}"))
    of_item = {
        item: decision
        for decision, item in re.findall(r'name="line" value="([^"]+)" aria-label="Tick Item (M\d+)', page)
    }
    first, second = (line["item_id"] for line in lines)
    address = market.path(f"/orders/{number}")
    assert planner.send(address, {"ending": "received"}).status_code == 422
    said = planner.send(address, {"ending": "received", "line": of_item[first]})
    assert "1 line received." in said.text
    planner.send(address, {"ending": "cancelled", "line": of_item[second], "why": "Sold out there"})
    assert ends_of(warehouse, market).items() >= {first: "received", second: "cancelled"}.items()
    late = planner.send(address, {"ending": "cancelled", "line": of_item[first]})
    assert (late.status_code, "was received already" in late.text) == (409, True)
    listed = planner.page(market.path("/orders"))
    assert "1 received" in listed
    assert "1 cancelled" in listed


def test_a_formula_of_a_name_is_a_text_in_the_file(
    planner: Browser, market: Market, warehouse: Warehouse
) -> None:
    with warehouse.transaction() as connection:
        line = connection.execute(
            """
            select run_id, priority_rank from analytics.planner_worklist
            where client_id = %s and item_id = 'M006' and state = 'open' and action = 'order'
            order by priority_rank limit 1
            """,
            (market.client_id,),
        ).fetchone()
    assert line is not None
    approve(planner, market, [{"run_id": line[0], "priority_rank": line[1]}])
    number = send(planner, market, EVIL)
    rows = rows_of(planner.get(market.path(f"/orders/{number}/lines.csv?original=1")).content)
    assert f"'{FORMULA}" in {row["item_name"] for row in rows}


@pytest.mark.parametrize(
    "rest",
    [
        "/orders/FC999999",
        "/orders/FC999999/lines.csv",
        "/orders/archive/orders.zip",
        "/orders/archive/orders.zip?order=FC999999",
        "/orders/%00",
        "/orders/'%3B%20drop%20table",
    ],
)
def test_what_never_left_is_not_there(planner: Browser, market: Market, rest: str) -> None:
    assert planner.get(market.path(rest)).status_code == 404


@pytest.mark.parametrize("query", ["before=1", "before=x", "before=-1", "before=99999999999999999999"])
def test_earlier_orders_are_asked_for_by_number(planner: Browser, market: Market, query: str) -> None:
    assert planner.get(market.path(f"/orders?{query}")).status_code == 200


def test_a_viewer_looks_and_sends_nothing(browser: Browser, market: Market, warehouse: Warehouse) -> None:
    browser.sign_in(market.people["viewer"])
    page = browser.page(market.path("/orders"))
    assert "Send" not in page[page.index("<main") :].replace("Sent", "")
    assert 'name="withdraw"' not in page
    for fields in ({"all": "1"}, {"withdraw": "0190a6c2-0000-7000-8000-000000000000"}):
        assert browser.send(market.path("/orders"), fields).status_code == 403
    assert browser.send(market.path("/orders/FC000001"), {"ending": "received"}).status_code == 403
