"""A planner's morning, played by a real browser before a real service; what it leaves is read from tables.

Every page is looked at by axe on the way, wide and narrow: nothing serious, nothing critical. Its scripts run
under the pages' own policy, and nothing is asked of another host. Where ``FORECASTER_TEST_SCREENSHOTS`` names
a folder, each page is kept there as a picture.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dagster as dg
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from forecasting_lib.demo import RetailerConfig
from orchestration.access import users
from orchestration.api.app import build_app
from orchestration.clients import Client
from orchestration.landing.discovery import settled
from orchestration.landing.folder import scan
from orchestration.settings import Settings
from orchestration.stages.ingestion import ingest_files
from orchestration.warehouse.server import Warehouse
from tests.conftest import SMALL_RETAILER, run_retailer
from tests.orchestration.api.conftest import MANY
from tests.orchestration.api.serving import served
from tests.orchestration.api.shops import ORIGIN, PASSWORD

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here: install the package chromium"),
]

RETAILER = RetailerConfig(end_date=SMALL_RETAILER.end_date, days=400, n_items=30, n_locations=2)
EMAIL = "planner@morning.example.com"
APPROVED = 20
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
AXE = (Path(__file__).parent / "axe" / "axe.min.js").read_text(encoding="utf-8")
GRAVE = ("serious", "critical")


@pytest.fixture(scope="module")
def client(settings: Settings, warehouse: Warehouse, instance: dg.DagsterInstance) -> Client:
    """A retailer with the plan of its last day and the one of four weeks before, a planner and a manager."""
    client = run_retailer(settings, warehouse, instance, RETAILER, "morning", "Demo Retail")
    with warehouse.transaction() as connection:
        users.add_user(connection, EMAIL, PASSWORD, ORIGIN)
        users.set_role(connection, EMAIL, client.client_id, "manager", ORIGIN)
    return client


@pytest.fixture(scope="module")
def address(settings: Settings, warehouse: Warehouse) -> Iterator[str]:
    """Of the service, behind a real uvicorn."""
    with served(build_app(warehouse, settings, MANY)) as address:
        yield address


@dataclass
class Desk:
    """A browser and what is noticed about it.

    Attributes:
        page: what the browser shows.
        found: page -> what axe found on it.
        wrong: errors of scripts, and what the pages' policy has forbidden.
        hosts: asked by the browser.
    """

    page: Page
    found: dict[str, list[str]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    hosts: set[str | None] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("console", lambda said: self._note(said.text))
        self.page.on("request", lambda request: self.hosts.add(urlsplit(request.url).hostname))

    def _note(self, text: str) -> None:
        if "Content Security Policy" in text or "Uncaught" in text:
            self.wrong.append(text)

    def look(self, name: str) -> None:
        """Have axe look at the page, wide and narrow, and keep its pictures where they are wanted."""
        folder = os.environ.get("FORECASTER_TEST_SCREENSHOTS")
        for size in (NARROW, WIDE):
            self.page.set_viewport_size(size)  # type: ignore[arg-type]
            found = self.page.evaluate(f"{AXE}; axe.run()")
            self.found[f"{name} {size['width']}"] = [
                f"{wrong['id']}: {node['html'][:200]}"
                for wrong in found["violations"]
                if wrong["impact"] in GRAVE
                for node in wrong["nodes"]
            ]
            assert self.page.evaluate("document.documentElement.scrollWidth") <= size["width"], name
            if folder:
                path = Path(folder) / f"{name}-{size['width']}.png"
                # without hiding the caret, for which Playwright would write style into the page
                self.page.screenshot(path=path, caret="initial", full_page=False)


@pytest.fixture
def desk() -> Iterator[Desk]:
    """A browser that nobody is signed in with."""
    with sync_playwright() as playwright:
        # a sandbox wants rights that a superuser in a container does not have
        sandbox = [] if os.geteuid() else ["--no-sandbox"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=sandbox)
        page = browser.new_context(viewport=WIDE, locale="en-IE").new_page()  # type: ignore[arg-type]
        page.set_default_timeout(30_000)
        expect.set_options(timeout=30_000)
        yield Desk(page)
        browser.close()


def rows(warehouse: Warehouse, query: str, *values: Any) -> list[tuple[Any, ...]]:
    with warehouse.transaction() as connection:
        return connection.execute(query, values).fetchall()


def sign_in(desk: Desk, address: str) -> None:
    desk.page.goto(f"{address}/planner")
    expect(desk.page).to_have_url(re.compile("/planner/login"))
    desk.look("login")
    desk.page.get_by_label("E-mail address").fill(EMAIL)
    desk.page.get_by_label("Password").fill(PASSWORD)
    desk.page.keyboard.press("Enter")
    expect(desk.page).to_have_url(re.compile("/planner/morning/worklist$"))


def test_a_planners_morning(
    desk: Desk, address: str, client: Client, warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    page = desk.page
    base = f"{address}/planner/{client.client_id}"
    sign_in(desk, address)
    desk.look("worklist")

    # filters stand in the address
    ((supplier, lines),) = rows(
        warehouse,
        """
        select supplier_id, count(*) from analytics.planner_worklist
        where client_id = %s and action = 'order' group by supplier_id order by 2 desc limit 1
        """,
        client.client_id,
    )
    page.get_by_label("Supplier", exact=True).select_option(supplier)
    expect(page).to_have_url(f"{base}/worklist?supplier={supplier}")
    page.get_by_label("By supplier").check()
    expect(page.locator("tr.group")).to_have_count(1)
    expect(page.locator("tr.group")).to_contain_text(supplier)
    desk.look("worklist-by-supplier")
    page.reload()
    expect(page.locator("tr.group")).to_contain_text(supplier)
    assert page.locator("tr.line").count() <= lines

    # an item, and back
    item = page.locator("tr.line .item a").first
    name = item.inner_text()
    item.click()
    expect(page).to_have_url(re.compile("/items/"))
    expect(page.locator("main")).to_contain_text(name)
    page.wait_for_load_state("networkidle")
    desk.look("item")
    page.go_back()
    expect(page).to_have_url(re.compile(f"supplier={supplier}"))

    # another quantity, which wants a reason
    line = page.locator("tr.line:has(input[type=number])").first
    item_id = line.locator(".sub span").first.inner_text().partition(" ")[0]
    rank = line.get_attribute("data-rank")
    line.focus()
    page.keyboard.press("e")
    suggested = int(line.locator("input[type=number]").input_value())
    page.keyboard.type(str(suggested * 2))
    page.keyboard.press("Escape")
    expect(line.locator(".compared")).to_contain_text(f"yours {suggested * 2:,}")
    page.keyboard.press("a")
    expect(line.locator(".problem")).to_contain_text("Give a reason")
    desk.look("worklist-changed")
    line.locator(".own input").fill("Promotion next week")
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    expect(page.locator("#said")).to_contain_text("1 line approved")
    expect(page.locator(f"#line-{rank}")).to_have_count(0)
    ((quantity, reason),) = rows(
        warehouse,
        "select order_qty, reason from analytics.plan_decisions where client_id = %s and item_id = %s",
        *(client.client_id, item_id),
    )
    assert (quantity, reason) == (suggested * 2, "Promotion next week")

    # twenty more at the keyboard
    page.goto(f"{base}/worklist?urgency=this_week&urgency=planned")
    for _ in range(APPROVED):
        page.keyboard.press("j")
        page.keyboard.press("x")
    expect(page.locator(".bulk .chosen")).to_contain_text(f"{APPROVED} lines ticked")
    desk.look("worklist-ticked")
    page.keyboard.press("a")
    expect(page.locator("#said")).to_contain_text(f"{APPROVED} lines approved")
    assert rows(
        warehouse,
        "select count(*), count(distinct decided_by) from analytics.plan_decisions where client_id = %s",
        client.client_id,
    ) == [(APPROVED + 1, 1)]

    # one of them was a mistake
    page.get_by_role("link", name=re.compile("^Approved")).click()
    expect(page.locator("tr.line")).to_have_count(APPROVED)
    desk.look("worklist-approved")
    page.keyboard.press("j")
    page.keyboard.press("u")
    expect(page.locator("#said")).to_contain_text("1 decision taken back.")
    expect(page.locator("tr.line")).to_have_count(APPROVED - 1)

    # the rest leaves, a file per supplier
    page.get_by_role("link", name="Orders", exact=True).click()
    desk.look("orders-waiting")
    page.get_by_role("button", name=re.compile("^Send (all|this order)")).first.click()
    expect(page.locator("#left")).to_contain_text("left")
    desk.look("orders-left")
    with page.expect_download() as started:
        page.get_by_role("link", name=re.compile("^(All files|File of)")).last.click()
    left = tmp_path / started.value.suggested_filename
    started.value.save_as(left)
    assert left.stat().st_size > 0
    page.goto(f"{base}/orders")
    page.locator("tbody th a").first.click()
    desk.look("order")
    orders = rows(
        warehouse,
        """
        select orders.n_lines, count(*), count(distinct decisions.supplier_id), sum(decisions.order_qty) > 0
        from analytics.approved_orders as orders
        inner join analytics.decision_ends using (client_id, order_serial)
        inner join analytics.plan_decisions as decisions using (client_id, decision_id)
        where client_id = %s
        group by order_serial, orders.n_lines
        """,
        client.client_id,
    )
    assert all(
        n_lines == found and suppliers == 1 and has_units for n_lines, found, suppliers, has_units in orders
    )
    assert sum(n_lines for n_lines, *_ in orders) == APPROVED
    assert rows(
        warehouse,
        "select ending, count(*) from analytics.decision_ends where client_id = %s group by 1 order by 1",
        client.client_id,
    ) == [("ordered", APPROVED), ("withdrawn", 1)]

    # a corrected file, one of whose rows is none
    corrected = tmp_path / "corrected.csv"
    days = [f"2026-0{month}-{day:02}" for month in (5, 6) for day in range(1, 31)]
    good = "".join(f"{day},{item_id},DUB,3\n" for day in days)
    corrected.write_text(f"date,item_id,location_id,units_sold\n{good}2026-06-30,{item_id},CRK,many\n")
    page.get_by_role("link", name="Data", exact=True).click()
    desk.look("data")
    page.get_by_label("What is in it").select_option("sales")
    page.get_by_label("File", exact=True).set_input_files(corrected)
    page.get_by_role("button", name="Deliver").click()
    expect(page.locator("#sent")).to_contain_text("waits in the landing folder")
    load_what_waits(settings, warehouse, client)
    expect(page.locator("#sent")).to_contain_text("loaded in part", timeout=60_000)
    page.locator("#sent").get_by_role("link").first.click()
    expect(page.locator("main")).to_contain_text("The value is not a plain number.")
    expect(page.locator("main")).to_contain_text("many")
    desk.look("rejected-rows")
    assert rows(
        warehouse,
        """
        select files.rows_loaded, files.rows_rejected, rejected.line_number, rejected.reason
        from ops.landing_files as files
        inner join ops.rejected_rows as rejected using (client_id, file_id)
        where client_id = %s and files.path like 'sales_api%%'
        """,
        client.client_id,
    ) == [(60, 1, 62, "bad_number")]

    for name in ("Accuracy", "Runs", "Settings"):
        page.get_by_role("link", name=name, exact=True).click()
        page.wait_for_load_state("networkidle")
        desk.look(name.lower())
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(re.compile("/planner/login"))
    page.goto(f"{base}/worklist")
    expect(page).to_have_url(re.compile("/planner/login"))

    assert {name: found for name, found in desk.found.items() if found} == {}
    assert desk.wrong == []
    assert desk.hosts == {urlsplit(address).hostname}


def load_what_waits(settings: Settings, warehouse: Warehouse, client: Client) -> None:
    """What the service's sensor does: load the file that was brought by hand."""
    folder = settings.client_landing_dir(client.client_id)
    (file,) = [found for found in scan(folder) if found.path.startswith("sales_api")]
    assert settled([file], file.modified_ns / 1e9 + 60, 0) == [file]
    ingest_files(warehouse, client, [folder / file.path], settings.landing_dir)
