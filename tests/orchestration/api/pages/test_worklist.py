"""The worklist's page: what it shows, what is decided on it, and who may not."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from orchestration.settings import Settings
from orchestration.warehouse.server import Warehouse
from tests.orchestration.api.pages.browser import Browser
from tests.orchestration.api.pages.markets import (
    BOLT,
    COST,
    EVIL,
    HOSTILE,
    ITEMS,
    Market,
    decided,
    open_lines,
    open_market,
)
from tests.orchestration.api.shops import Shop

HTMX = {"HX-Request": "true"}


@pytest.fixture(scope="module")
def market(settings: Settings, warehouse: Warehouse) -> Market:
    """The client whose lines the tests of this page decide about."""
    return open_market(settings, warehouse, "market")


@pytest.fixture
def planner(browser: Browser, market: Market) -> Browser:
    """A browser in which a planner of it looks at the worklist."""
    browser.sign_in(market.people["planner"])
    browser.page(market.path())
    return browser


def ranks(page: str) -> list[int]:
    """The lines that a page shows."""
    return [int(rank) for rank in re.findall(r'<tr role="row" id="line-(\d+)"', page)]


def row(page: str, rank: int) -> str:
    """The markup of one line."""
    found = re.search(rf'<tr role="row" id="line-{rank}".*?</tr>', page, re.DOTALL)
    assert found is not None
    return found[0]


def sent(line: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """The fields of the form that concern one line, as a browser sends them untouched."""
    rank = line["priority_rank"]
    return {
        "run_id": str(line["run_id"]),
        f"qty.{rank}": str(line["order_qty"].normalize()),
        f"order_date.{rank}": str(line["order_date"]),
        f"receipt_date.{rank}": str(line["receipt_date"]),
        f"reason.{rank}": "",
        **fields,
    }


def withdrawals(page: str) -> list[str]:
    """The decisions that what was said offers to undo."""
    said = re.search(r'<div id="said".*?</div>', page, re.DOTALL)
    assert said is not None
    return re.findall(r'name="withdraw" value="([^"]+)"', said[0])


# --- what is shown ------------------------------------------------------------------------------------


def test_fifty_lines_in_the_order_of_the_plan_and_the_rest_behind_them(
    planner: Browser, market: Market
) -> None:
    first = planner.page(market.path("/worklist?state=all"))
    shown = ranks(first)
    assert shown == list(range(1, 51))
    assert 'rel="next"' in first
    assert ranks(planner.page(market.path("/worklist?state=all&page=2")))[0] == 51
    pages = re.search(r"Page 1 of (\d+)", first)
    assert pages is not None
    last = planner.page(market.path(f"/worklist?state=all&page={pages[1]}"))
    assert ranks(planner.page(market.path("/worklist?state=all&page=99999"))) == ranks(last)
    assert 'rel="next"' not in last


@pytest.mark.parametrize(
    ("query", "condition"),
    [
        ("supplier=bolt", "supplier_id = 'bolt'"),
        ("supplier=-", "supplier_id is null"),
        ("location=main&class=A", "abc_xyz_class like 'A%%'"),
        ("q=item+m01", "item_id like 'M01%%'"),
        ("q=M031", "item_id = 'M031'"),
        ("urgency=stocked_out&urgency=late", "urgency in ('stocked_out', 'late')"),
        ("urgency=planned", "urgency = 'planned'"),
        ("q=%25", "false"),
        ("q=100%25_", "false"),
        ("location=nowhere", "false"),
        ("supplier=bolt&urgency=planned&changed=1", "supplier_id = 'bolt' and urgency = 'planned' and (is_new"
         " or order_qty is distinct from earlier_order_qty or urgency <> earlier_urgency)"),
        ("state=rubbish&page=-1&urgency=rubbish&class=%00", "true"),
    ],
)  # fmt: skip
def test_a_filter_in_the_address_chooses_the_lines(
    planner: Browser, market: Market, warehouse: Warehouse, query: str, condition: str
) -> None:
    page = planner.page(market.path(f"/worklist?{query if 'state' in query else f'{query}&state=all'}"))
    with warehouse.transaction() as connection:
        expected = connection.execute(
            f"""
            select priority_rank from analytics.planner_worklist
            where client_id = %s and {condition} {"and state = 'open'" if "state" in query else ""}
            order by priority_rank limit 50
            """,
            (market.client_id,),
        ).fetchall()
    assert ranks(page) == [rank for (rank,) in expected]
    if not expected:
        assert "No line is as the filters want it." in page


def test_the_lines_of_a_supplier_stand_together_under_their_total(
    planner: Browser, market: Market, warehouse: Warehouse
) -> None:
    page = planner.page(market.path("/worklist?group=supplier&state=all&urgency=stocked_out&urgency=late"))
    with warehouse.transaction() as connection:
        totals = connection.execute(
            """
            select
                supplier_id,
                count(*),
                (sum(coalesce(decided_qty, order_qty)) filter (where action <> 'expedite'))::float8
            from analytics.planner_worklist
            where client_id = %s and urgency in ('stocked_out', 'late')
            group by supplier_id
            """,
            (market.client_id,),
        ).fetchall()
    standings = {
        "acme": 'at least the minimum of <data class="n" value="12.5"',
        BOLT: "below the minimum</strong> of",
        EVIL: "minimum not known",
    }
    heads = re.findall(r'<tr role="row" class="group">.*?</tr>', page, re.DOTALL)
    assert len(heads) == len(totals) == 4
    for supplier, lines, units in totals:
        named = supplier if supplier in ("acme", BOLT) else "evil" if supplier else "No supplier known"
        (head,) = [head for head in heads if named in head]
        assert f'value="{lines}"' in head
        assert f'value="{units:g}"' in head
        assert standings.get(supplier, "") in head
        assert ("minimum" in head) is (supplier is not None)
    assert "Acme &amp; Sons" in page


def test_a_line_says_what_changed_since_the_plan_before(
    planner: Browser, market: Market, warehouse: Warehouse
) -> None:
    with warehouse.transaction() as connection:
        (new,) = connection.execute(
            """
            select min(priority_rank) from analytics.planner_worklist
            where client_id = %s and item_id = 'M000' and is_new
            """,
            (market.client_id,),
        ).fetchone() or (None,)
    assert new is not None
    page = planner.page(market.path("/worklist?state=all&q=M000&changed=1"))
    assert "New" in row(page, new)


def test_a_line_opens_up_the_figures_behind_it(planner: Browser, market: Market) -> None:
    page = planner.page(market.path("/worklist?state=all&q=M031"))
    shown = row(page, ranks(page)[0])
    for figure in ("Lead time", "Cover", "Stock-out", "Reorder point", "On hand", "On order"):
        assert f"<dt>{figure}</dt>" in shown
    assert "The lead time is the client&#39;s default" in shown


def test_texts_of_a_client_stay_texts(planner: Browser, market: Market) -> None:
    page = planner.page(market.path("/worklist?state=all&q=M002&group=supplier"))
    assert HOSTILE not in page
    assert "&lt;script&gt;alert(1)" in page
    assert EVIL not in page
    assert "<b>evil" not in planner.page(market.path("/worklist?group=supplier"))
    searched = planner.page(market.path(f"/worklist?q={HOSTILE.replace('&', '%26')}"))
    assert "<script>alert" not in searched
    assert f"/planner/{market.client_id}/items/M002?location_id=main" in page


def test_a_client_without_a_plan_is_told_what_to_deliver(
    browser: Browser, new_client: Any, operator: str
) -> None:
    fresh = new_client()
    browser.sign_in(operator)
    page = browser.page(f"/planner/{fresh.client_id}/worklist")
    assert ranks(page) == []
    assert "deliver" in page.lower()
    assert "decided" not in page[page.index('id="lines"') :]


# --- deciding -----------------------------------------------------------------------------------------


def test_a_line_is_approved_as_it_is(planner: Browser, market: Market, warehouse: Warehouse) -> None:
    (line,) = open_lines(warehouse, market, 1)
    page = planner.send(market.path(), sent(line, approve=line["priority_rank"]))
    assert page.status_code == 200, page.text
    assert "1 line approved" in page.text
    assert decided(warehouse, market, [line]) == [
        ("approve", line["order_qty"], line["order_date"], line["receipt_date"], None, None)
    ]
    approved = planner.page(market.path(f"/worklist?state=approved&q={line['item_id']}"))
    assert market.people["planner"] in row(approved, line["priority_rank"])


def test_a_changed_quantity_and_day_want_a_reason_at_their_line(
    planner: Browser, market: Market, warehouse: Warehouse
) -> None:
    (line,) = open_lines(warehouse, market, 1)
    rank = line["priority_rank"]
    changed = sent(line, approve=rank, **{f"qty.{rank}": "7.5"})
    refused = planner.send(market.path(), changed, headers=HTMX)
    assert refused.status_code == 422
    assert refused.headers["hx-retarget"] == f"#line-{rank} .problem"
    assert "Give a reason" in refused.text
    assert decided(warehouse, market, [line]) == []
    later = line["receipt_date"] + timedelta(days=2)
    with_reason = {**changed, f"reason.{rank}": "Promotion", f"receipt_date.{rank}": str(later)}
    assert planner.send(market.path(), with_reason).status_code == 200
    assert decided(warehouse, market, [line]) == [
        ("approve", Decimal("7.5"), line["order_date"], later, "Promotion", None)
    ]
    approved = row(planner.page(market.path(f"/worklist?state=approved&q={line['item_id']}")), rank)
    assert "suggested" in approved
    assert f'value="{7.5 * COST:.2f}' in approved


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        ("qty", "", "Write the quantity as a number"),
        ("qty", "many", "Write the quantity as a number"),
        ("qty", "NaN", "above zero"),
        ("qty", "Infinity", "above zero"),
        ("qty", "0", "above zero"),
        ("qty", "-3", "above zero"),
        ("qty", "1e999", "Order more than nothing"),
        ("qty", "1.23456", "four decimal places"),
        ("order_date", "tomorrow", "Write the day as 2026-03-31."),
        ("receipt_date", "0001-01-01", "cannot arrive before"),
        ("receipt_date", "9999-12-31", "within two years"),
    ],
)
def test_what_cannot_be_ordered_is_said_at_its_line(
    planner: Browser, market: Market, warehouse: Warehouse, field: str, text: str, said: str
) -> None:
    (line,) = open_lines(warehouse, market, 1)
    rank = line["priority_rank"]
    fields = sent(line, approve=rank, **{f"reason.{rank}": "Because"})
    answer = planner.send(market.path(), {**fields, f"{field}.{rank}": text}, headers=HTMX)
    assert (answer.status_code, answer.headers["hx-retarget"]) == (422, f"#line-{rank} .problem")
    assert said in answer.text
    assert decided(warehouse, market, [line]) == []


def test_many_lines_are_approved_at_once_and_all_of_them_taken_back(
    planner: Browser, market: Market, warehouse: Warehouse
) -> None:
    lines = open_lines(warehouse, market, 20)
    fields = {name: value for line in lines for name, value in sent(line).items()}
    fields |= {"deed": "approve", "only": "", "line": [str(line["priority_rank"]) for line in lines]}
    page = planner.send(market.path(), fields)
    assert "20 lines approved" in page.text
    assert len(decided(warehouse, market, lines)) == 20
    undo = withdrawals(page.text)
    assert len(undo) == 20
    back = planner.send(market.path(), {"withdraw": undo})
    assert "20 decisions taken back." in back.text
    assert decided(warehouse, market, lines) == []
    again = planner.send(market.path(), {"withdraw": undo}, headers=HTMX)
    assert again.status_code == 409
    assert "withdrawn already" in again.text


def test_one_line_that_cannot_be_approved_keeps_all_from_it(
    planner: Browser, market: Market, warehouse: Warehouse
) -> None:
    lines = open_lines(warehouse, market, 3)
    fields = {name: value for line in lines for name, value in sent(line).items()}
    wrong = lines[1]["priority_rank"]
    fields |= {"deed": "approve", "line": [str(line["priority_rank"]) for line in lines], f"qty.{wrong}": "1"}
    answer = planner.send(market.path(), fields, headers=HTMX)
    assert (answer.status_code, answer.headers["hx-retarget"]) == (422, f"#line-{wrong} .problem")
    assert decided(warehouse, market, lines) == []


def test_a_rejection_wants_a_reason(planner: Browser, market: Market, warehouse: Warehouse) -> None:
    (line,) = open_lines(warehouse, market, 1)
    fields = sent(line, deed="reject", only=line["priority_rank"])
    refused = planner.send(market.path(), fields)
    assert refused.status_code == 422
    assert "Give a reason for the rejection" in refused.text
    assert planner.send(market.path(), {**fields, "why.reject": "Enough stock"}).status_code == 200
    assert decided(warehouse, market, [line]) == [("reject", None, None, None, "Enough stock", None)]
    rejected = planner.page(market.path(f"/worklist?state=rejected&q={line['item_id']}"))
    assert "Enough stock" in row(rejected, line["priority_rank"])


def test_a_snooze_hides_the_item_until_a_day_and_is_undone_at_its_line(
    planner: Browser, market: Market, warehouse: Warehouse
) -> None:
    (line,) = open_lines(warehouse, market, 1)
    until = line["as_of_date"] + timedelta(days=7)
    fields = sent(line, deed="snooze", only=line["priority_rank"], until=str(until))
    assert planner.send(market.path(), {**fields, "until": ""}).status_code == 422
    assert "1 line snoozed." in planner.send(market.path(), fields).text
    address = market.path(f"/worklist?q={line['item_id']}")
    assert ranks(planner.page(address)) == []
    snoozed = row(planner.page(f"{address}&state=snoozed"), line["priority_rank"])
    (decision,) = re.findall(r'name="withdraw" value="([^"]+)"', snoozed)
    planner.send(market.path(), {"withdraw": decision})
    assert line["priority_rank"] in ranks(planner.page(address))


def test_who_comes_second_is_told_and_can_look_at_the_list_as_it_is(
    planner: Browser, market: Market, warehouse: Warehouse
) -> None:
    (line,) = open_lines(warehouse, market, 1)
    fields = sent(line, approve=line["priority_rank"])
    planner.send(market.path(), fields)
    second = planner.send(market.path("/worklist?urgency=late"), fields, headers=HTMX)
    assert second.status_code == 409
    assert second.headers["hx-retarget"] == f"#line-{line['priority_rank']} .problem"
    assert "is approved already" in second.text
    assert f'href="{market.path("/worklist?urgency=late")}"' in second.text
    assert len(decided(warehouse, market, [line])) == 1


def test_a_line_of_an_earlier_plan_is_not_decided_any_more(
    planner: Browser, market: Market, warehouse: Warehouse
) -> None:
    with warehouse.transaction() as connection:
        found = connection.execute(
            """
            select plan.run_id, plan.priority_rank from analytics.replenishment_plan as plan
            inner join analytics.inventory_runs as run using (client_id, run_id)
            where client_id = %s
            order by run.as_of_date, plan.priority_rank
            limit 1
            """,
            (market.client_id,),
        ).fetchone()
    assert found is not None
    fields = {"run_id": str(found[0]), "approve": str(found[1])}
    answer = planner.send(market.path(), fields, headers=HTMX)
    assert answer.status_code == 409
    assert "The plan was made anew since" in answer.text


NO_RUN = "451b1e41-a99e-4dd6-a52c-51b74babc54d"


@pytest.mark.parametrize(
    "fields",
    [
        {"run_id": "none", "approve": "1"},
        {"run_id": NO_RUN, "approve": "one"},
        {"run_id": NO_RUN, "approve": "1"},
        {"run_id": NO_RUN, "deed": "approve"},
        {"run_id": NO_RUN, "deed": "delete", "line": "1"},
        {"withdraw": "none"},
        {"run_id": NO_RUN, "deed": "approve", "line": [str(number) for number in range(501)]},
    ],
    ids=str,
)
def test_a_form_that_is_none_of_ours_does_nothing(
    planner: Browser, market: Market, warehouse: Warehouse, fields: dict[str, Any]
) -> None:
    answer = planner.send(market.path(), fields, headers=HTMX)
    assert answer.status_code == 422, answer.text
    assert answer.text.strip().endswith(".")


# --- who may not --------------------------------------------------------------------------------------


def test_a_viewer_sees_the_lines_without_buttons_and_is_refused(
    browser: Browser, market: Market, warehouse: Warehouse
) -> None:
    (line,) = open_lines(warehouse, market, 1)
    browser.sign_in(market.people["viewer"])
    page = browser.page(market.path("/worklist?state=all"))
    assert ranks(page)
    within = page[page.index('id="lines"') : page.index('<dialog id="help"')]
    assert "<button name=" not in within
    assert 'type="checkbox"' not in within
    assert 'type="number"' not in within
    answer = browser.send(market.path(), sent(line, approve=line["priority_rank"]))
    assert answer.status_code == 403
    assert decided(warehouse, market, [line]) == []


def test_a_planner_of_another_client_decides_nothing_here(
    browser: Browser, market: Market, warehouse: Warehouse, shop: Shop
) -> None:
    (line,) = open_lines(warehouse, market, 1)
    browser.sign_in(shop.people["planner"])
    browser.page(f"/planner/{shop.client_id}/worklist")
    fields = sent(line, approve=line["priority_rank"])
    assert browser.send(market.path(), fields).status_code == 404
    own = browser.send(f"/planner/{shop.client_id}/worklist", fields, headers=HTMX)
    assert own.status_code == 422
    assert not set(ITEMS) & set(re.findall(r"M\d{3}", own.text))
    assert decided(warehouse, market, [line]) == []


def test_a_deed_without_the_token_of_the_login_is_refused(
    planner: Browser, market: Market, warehouse: Warehouse
) -> None:
    (line,) = open_lines(warehouse, market, 1)
    planner.csrf = "0" * 64
    assert planner.send(market.path(), sent(line, approve=line["priority_rank"])).status_code == 403
    assert decided(warehouse, market, [line]) == []
