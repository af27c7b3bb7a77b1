"""The pages of items: their figures are those of the database, and what is not known is said."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from html import unescape
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from psycopg import sql

from orchestration.clients import Client
from orchestration.planning.choices import Choice
from orchestration.planning.decisions import decide, withdraw
from orchestration.reading.gaps import find_gaps, of_severity
from orchestration.warehouse.bulk import read_frame, render
from orchestration.warehouse.server import Warehouse
from tests.orchestration.api.pages.browser import Browser
from tests.orchestration.api.pages.grocer import (
    AWKWARD,
    DESCRIBED,
    HOSTILE,
    LISTED,
    NORTH,
    SOLD,
    SOUTH,
    SUNDAY,
    Grocer,
)
from tests.orchestration.api.shops import Shop


@pytest.fixture(scope="module")
def looking(api: TestClient) -> Iterator[Callable[[str], Browser]]:
    """A browser of each address, signed in once."""
    kept: dict[str, Browser] = {}

    def of(email: str) -> Browser:
        if email not in kept:
            kept[email] = Browser(api.app)
            assert kept[email].sign_in(email).status_code == 303
        return kept[email]

    yield of
    for browser in kept.values():
        browser.http.close()


Looking = Callable[[str], Browser]


def address(shop: Grocer, item: str, location: str | None = None) -> str:
    at = "" if location is None else f"?location_id={quote(location, safe='')}"
    return f"{shop.base}/items/{quote(item, safe='')}{at}"


def plots(text: str) -> dict[str, Any]:
    """The plots of a page by the id of their data, as a browser reads them."""

    def refused(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    found = re.findall(r'<script type="application/json" id="([\w-]+)">(.*?)</script>', text, re.DOTALL)
    return {name: json.loads(data, parse_constant=refused) for name, data in found}


def sums(text: str) -> dict[str, dict[str, float | None]]:
    """The sums of a page: title -> name of the figure -> value."""
    found = {}
    for table in re.findall(r'<table class="sum"[^>]*>(.*?)</table>', text, re.DOTALL):
        caption = re.search(r"<caption>(.*?)</caption>", table)
        rows = re.findall(r'<th scope="row">([^<]*?) ?<.*?<td class="n">(.*?)</td>', table, re.DOTALL)
        assert caption
        found[caption[1]] = {unescape(name): value(cell) for name, cell in rows}
    return found


def value(cell: str) -> float | None:
    number = re.search(r'value="([^"]+)"', cell)
    return float(number[1]) if number else None


def words(text: str) -> str:
    """What a page says, without its marks; what marks a number or a day stands in the middle of words."""
    inside = re.sub(r"</?(?:data|time|b|code|a|span)\b[^>]*>", "", text)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", inside)).split())


def row_of(warehouse: Warehouse, shop: Grocer, relation: str, item: str, location: str) -> dict[str, Any]:
    """The one row of a view of the series, as JSON has it."""
    with warehouse.transaction() as connection:
        (row,) = connection.execute(
            sql.SQL(
                "select to_jsonb(found) from {} as found "
                "where client_id = %s and item_id = %s and location_id = %s"
            ).format(sql.Identifier("analytics", relation)),
            (shop.client_id, item, location),
        ).fetchall()
    return dict(row[0])


# --- figures ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["grocer", "weekly"])
def test_the_figures_of_a_series_are_those_of_the_database(
    kind: str, request: pytest.FixtureRequest, looking: Looking, warehouse: Warehouse
) -> None:
    shop: Grocer = request.getfixturevalue(kind)
    text = looking(shop.email).page(address(shop, "tea", NORTH))
    metrics = row_of(warehouse, shop, "inventory_metrics_current", "tea", NORTH)
    found = sums(text)
    for title, figure, column in (
        ("Inventory position", "on hand", "on_hand_qty"),
        ("Inventory position", "reserved", "reserved_qty"),
        ("Inventory position", "backorders", "backorder_qty"),
        ("Inventory position", "on order", "on_order_qty"),
        ("Inventory position", "inventory position (IP)", "inventory_position_qty"),
        ("Days to cover", "lead time (L)", "lead_time_days"),
        ("Reorder point", "demand over the days to cover", "ltd_mean_qty"),
        ("Reorder point", "safety stock", "safety_stock_qty"),
        ("Reorder point", "reorder point (ROP)", "reorder_point_qty"),
        ("Order-up-to level", "order-up-to level (S)", "order_up_to_qty"),
        ("Cover", "cover", "dir_days"),
    ):
        assert found[title][figure] == pytest.approx(metrics[column]), (title, figure)
    waits_for_its_point = metrics["undershoot_mean_qty"] > 0
    assert ("review period (R)" in found["Days to cover"]) is not waits_for_its_point
    if not waits_for_its_point:
        assert found["Days to cover"]["review period (R)"] == pytest.approx(metrics["review_days"])
    assert "do not follow from each other" not in text
    made = found["How the quantity comes about"]
    orders = read_frame(
        warehouse,
        render(
            """
            select net_need_qty::float8 as need, order_qty::float8 as quantity, reason
            from analytics.planner_worklist
            inner join analytics.replenishment_plan using (
                client_id, run_id, item_id, location_id, line_no, order_qty, reason
            )
            where client_id = {c} and item_id = 'tea' and location_id = {l}
            order by line_no
            """,
            c=shop.client_id,
            l=NORTH,
        ),
    ).to_dicts()
    assert made["net need"] == pytest.approx(orders[-1]["need"])
    assert made["to order"] == orders[-1]["quantity"]
    said = words(text)
    for order in orders:
        assert order["reason"] in said
    assert len(re.findall("How the quantity comes about", text)) == len(orders)


@pytest.mark.parametrize("kind", ["grocer", "weekly"])
def test_the_plot_of_demand_holds_what_sold_what_is_forecast_and_the_year_before(
    kind: str, request: pytest.FixtureRequest, looking: Looking, warehouse: Warehouse
) -> None:
    shop: Grocer = request.getfixturevalue(kind)
    drawn = plots(looking(shop.email).page(address(shop, "tea", NORTH)))["demand-data"]
    lines = {line["label"]: dict(zip(drawn["x"], line["values"], strict=True)) for line in drawn["lines"]}
    demand = read_frame(
        warehouse,
        render(
            """
            select date::text as date, case when not is_masked then demand_qty::float8 end as quantity
            from analytics.ts_demand
            where client_id = {c} and item_id = 'tea' and location_id = {l}
            """,
            c=shop.client_id,
            l=NORTH,
        ),
    )
    of_day = dict(demand.iter_rows())
    ahead = read_frame(
        warehouse,
        render(
            """
            select date::text as date, mean_qty, q10, q50, q90 from analytics.forecast_results_current
            where client_id = {c} and item_id = 'tea' and location_id = {l}
            """,
            c=shop.client_id,
            l=NORTH,
        ),
    ).to_dicts()
    shown = {day: quantity for day, quantity in lines["demand"].items() if day <= str(SUNDAY)}
    assert len(shown) > 100
    assert shown == {day: of_day[day] for day in shown}
    assert None in shown.values(), "a closed period is a gap"
    for row in ahead:
        for label, column in (("mean forecast", "mean_qty"), ("10 % quantile", "q10"), ("median", "q50")):
            assert lines[label][row["date"]] == row[column]
        assert lines["90 % quantile"][row["date"]] == row["q90"]
        year_before = str(date.fromisoformat(row["date"]) - timedelta(days=364))
        assert lines["a year earlier"][row["date"]] == of_day[year_before]
    assert drawn["yLabel"] == f"units a {shop.grain}"
    assert drawn["levels"][0]["value"] == ahead[0]["date"]
    assert 0 < drawn["shownFrom"] < len(drawn["x"])


@pytest.mark.parametrize("kind", ["grocer", "weekly"])
def test_the_plot_of_the_stock_begins_today_and_ends_with_the_horizon(
    kind: str, request: pytest.FixtureRequest, looking: Looking, warehouse: Warehouse
) -> None:
    shop: Grocer = request.getfixturevalue(kind)
    drawn = plots(looking(shop.email).page(address(shop, "tea", NORTH)))["stock-data"]
    lines = {line["label"]: line["values"] for line in drawn["lines"]}
    projection = read_frame(
        warehouse,
        render(
            """
            select (as_of_date + lag_days)::text as day, projected_qty, with_plan_qty, p10_qty
            from analytics.stock_projection_current
            where client_id = {c} and item_id = 'tea' and location_id = {l}
            order by date
            """,
            c=shop.client_id,
            l=NORTH,
        ),
    )
    metrics = row_of(warehouse, shop, "inventory_metrics_current", "tea", NORTH)
    assert drawn["x"] == [str(SUNDAY), *projection["day"]]
    assert lines["without the proposed orders"] == [16.0, *projection["projected_qty"]]
    assert lines["with the proposed orders"] == [16.0, *projection["with_plan_qty"]]
    assert lines["10 % quantile without orders"] == [16.0, *projection["p10_qty"]]
    assert {level["label"]: level["value"] for level in drawn["levels"]} == {
        "reorder point": metrics["reorder_point_qty"],
        "safety stock": metrics["safety_stock_qty"],
        "": 0.0,
    }


def test_the_reorder_point_and_the_position_stand_among_the_quantiles(
    grocer: Grocer, looking: Looking, warehouse: Warehouse
) -> None:
    text = looking(grocer.email).page(address(grocer, "tea", NORTH))
    drawn = plots(text)["lead-time-data"]
    demand = read_frame(
        warehouse,
        render(
            """
            select q50_qty, q80_qty, q90_qty, q95_qty, q98_qty, q99_qty
            from analytics.lead_time_demand where client_id = {c} and item_id = 'tea' and location_id = {l}
            """,
            c=grocer.client_id,
            l=NORTH,
        ),
    )
    assert drawn["x"] == list(demand.row(0))
    assert drawn["lines"][0]["values"] == [0.5, 0.8, 0.9, 0.95, 0.98, 0.99]
    assert {level["label"] for level in drawn["levels"]} == {"reorder point (ROP)", "inventory position (IP)"}


def test_days_that_were_known_to_be_special_are_marked(grocer: Grocer, looking: Looking) -> None:
    text = looking(grocer.email).page(address(grocer, "tea", NORTH))
    drawn = plots(text)["demand-data"]
    marks = {drawn["x"][place]: letters for place, letters in drawn["marks"]}
    day = {number: str(SUNDAY + timedelta(days=number)) for number in range(-10, 10)}
    assert {number: marks.get(day[number]) for number in (-6, -4, -2, 2, 3, 7, 8)} == {
        -6: "S",
        -4: "C",
        -2: "P",
        2: "P",
        3: None,
        7: "C",
        8: "HC",
    }
    assert "Easter &lt;i&gt;Monday&lt;/i&gt;, closed" in text


def test_past_scores_of_a_series_are_those_of_the_database(
    grocer: Grocer, weekly: Grocer, looking: Looking, warehouse: Warehouse
) -> None:
    for shop, buckets in ((grocer, ["1 day", "2-7 days", "8-14 days"]), (weekly, ["1 week", "2-4 weeks"])):
        text = looking(shop.email).page(address(shop, "tea", NORTH))
        section = text[text.index('id="past"') :]
        scores = read_frame(
            warehouse,
            render(
                """
                select wape, mae_qty, bias, coverage_80, n_rows from analytics.forecast_quality
                where client_id = {c} and item_id = 'tea' and location_id = {l} and grain = 'series'
                    and lag_bucket = 'all' and model = 'hist_q' and is_current
                """,
                c=shop.client_id,
                l=NORTH,
            ),
        ).to_dicts()
        assert len(scores) == 1
        values = [float(number) for number in re.findall(r'value="([^"]+)"', section)]
        for name in ("wape", "mae_qty", "bias", "coverage_80", "n_rows"):
            assert any(number == pytest.approx(scores[0][name]) for number in values), name
        for bucket in buckets:
            assert f"{bucket} ahead" in section


def test_every_page_of_every_item_is_whole(grocer: Grocer, weekly: Grocer, looking: Looking) -> None:
    for shop in (grocer, weekly):
        for item, places in SOLD.items():
            for place in places:
                text = looking(shop.email).page(address(shop, item, place))
                for drawn in plots(text).values():
                    for line in drawn["lines"]:
                        assert len(line["values"]) == len(drawn["x"])
                    assert sorted(drawn["x"]) == drawn["x"]
                assert "None" not in words(text)
                assert "do not follow" not in text


# --- who may look, and what is there --------------------------------------------------------------------


def test_an_item_of_several_locations_lets_one_choose(grocer: Grocer, looking: Looking) -> None:
    browser = looking(grocer.email)
    text = browser.page(address(grocer, "tea"))
    links = [unescape(link) for link in re.findall(r'href="([^"]*location_id=[^"]*)"', text)]
    assert links == [address(grocer, "tea", place) for place in (NORTH, SOUTH)]
    for link in links:
        assert 'id="demand-data"' in browser.page(link)


def test_an_item_of_one_location_is_shown_at_once(grocer: Grocer, looking: Looking) -> None:
    assert 'id="demand-data"' in looking(grocer.email).page(address(grocer, "rice"))


@pytest.mark.parametrize(
    ("item", "location"),
    [("no such item", None), ("tea", "nowhere"), ("north-0", None), ("tea", ""), ("../data", None)],
)
def test_what_is_not_there_is_not_found(
    grocer: Grocer, shop: Shop, looking: Looking, item: str, location: str | None
) -> None:
    assert "north-0" in shop.items
    answer = looking(grocer.email).get(address(grocer, item, location))
    assert answer.status_code == 404
    assert "demand-data" not in answer.text


def test_items_of_another_client_are_not_there(
    grocer: Grocer, shop: Shop, api: TestClient, looking: Looking
) -> None:
    stranger = looking(shop.people["manager"])
    for path in (address(grocer, "tea", NORTH), f"{grocer.base}/items", f"{grocer.base}/items?q=tea"):
        answer = stranger.get(path)
        assert answer.status_code == 404
        assert "tea" not in answer.text.lower().replace("team", "")


def test_names_from_outside_stay_text(grocer: Grocer, looking: Looking) -> None:
    browser = looking(grocer.email)
    for path in (f"{grocer.base}/items", address(grocer, "tea"), address(grocer, "tea", SOUTH)):
        text = browser.page(path)
        assert "<script>alert" not in text
        assert "<b>shop" not in text
        assert HOSTILE in unescape(text)


def test_an_awkward_id_leads_to_its_item(grocer: Grocer, looking: Looking) -> None:
    browser = looking(grocer.email)
    links = re.findall(rf'href="({grocer.base}/items/[^"?]+)"', browser.page(f"{grocer.base}/items"))
    (link,) = [link for link in links if "a%2Fb" in link]
    assert AWKWARD in unescape(browser.page(link))


# --- what is not known ----------------------------------------------------------------------------------


def test_an_item_without_stock_says_what_to_deliver(grocer: Grocer, looking: Looking) -> None:
    text = looking(grocer.email).page(address(grocer, "salt"))
    assert "No stock on hand is known" in text
    assert "stock_levels*.csv" in text
    assert "Where the stock goes is not known." in text
    assert sums(text)["Inventory position"]["inventory position (IP)"] is None
    assert sums(text)["Reorder point"]["reorder point (ROP)"] is not None
    assert "stock-data" not in plots(text)
    assert "No order is due" not in text


def test_an_item_without_a_lead_time_says_what_to_deliver(grocer: Grocer, looking: Looking) -> None:
    text = looking(grocer.email).page(address(grocer, "oil"))
    assert "No lead time is known from any source" in text
    assert "suppliers*.csv" in text
    assert sums(text)["Reorder point"]["reorder point (ROP)"] is None
    labels = [line["label"] for line in plots(text)["stock-data"]["lines"]]
    assert "with the proposed orders" not in labels
    assert "lead-time-data" not in plots(text)
    assert "No order is due" not in text


def test_an_item_that_needs_no_order_says_so(grocer: Grocer, looking: Looking) -> None:
    text = words(looking(grocer.email).page(address(grocer, "rice")))
    assert "No order is due: the inventory position, 4,996, is above the reorder point" in text


def test_an_item_that_never_sold_or_was_never_delivered_says_so(grocer: Grocer, looking: Looking) -> None:
    browser = looking(grocer.email)
    assert "Nothing of it was sold yet, so the forecast is zero." in browser.page(address(grocer, LISTED))
    assert "never delivered in sales" in browser.page(address(grocer, DESCRIBED))


def test_without_a_forecast_the_page_says_what_stands_in_the_way(
    grocer: Grocer, warehouse: Warehouse, looking: Looking, new_client: Callable[..., Client], operator: str
) -> None:
    fresh = new_client()
    with warehouse.transaction() as connection:
        connection.execute(
            """
            insert into analytics.dim_item (client_id, item_id, name, is_described)
            values (%(c)s, 'tea', 'Tea', true);
            """,
            {"c": fresh.client_id},
        )
        connection.execute(
            """
            insert into analytics.dim_series (
                client_id, item_id, location_id, listed_date, first_sale_date, last_sale_date, history_days,
                demand_days
            ) values (%(c)s, 'tea', 'main', %(d)s, %(d)s, %(d)s, 1, 1)
            """,
            {"c": fresh.client_id, "d": SUNDAY},
        )
    text = words(looking(operator).page(f"/planner/{fresh.client_id}/items/tea"))
    assert "No forecast of it is known" in text
    assert "No plan was made yet" in text
    (gap, *_) = of_severity(find_gaps(warehouse, fresh.client_id), "error")
    assert f"{gap.sentence} {gap.costs}" in text
    assert "No order is due" not in text


# --- search ---------------------------------------------------------------------------------------------


def test_the_search_finds_by_name_and_by_code(grocer: Grocer, looking: Looking) -> None:
    browser = looking(grocer.email)

    def found(text: str) -> set[str]:
        page = browser.page(f"{grocer.base}/items?q={quote(text)}")
        return {unescape(name) for name in re.findall(r'<a href="[^"]+">([^<]+)</a></th>', page)}

    assert found("") == {*SOLD, LISTED, DESCRIBED}
    assert found("ALERT('te") == {"tea"}
    assert found("RIC") == {"rice"}
    assert found("c%?") == {AWKWARD}
    assert found("%") == {AWKWARD}
    assert found("_") == set()
    assert "name or code holds “nothing like it”" in browser.page(f"{grocer.base}/items?q=nothing+like+it")


def test_the_list_is_walked_to_its_end(
    grocer: Grocer, looking: Looking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestration.api.pages.items.ITEMS_SHOWN", 3)
    browser, path, seen = looking(grocer.email), f"{grocer.base}/items", []
    while path:
        text = browser.page(path)
        seen += [unescape(name) for name in re.findall(r'<a href="[^"]+">([^<]+)</a></th>', text)]
        link = re.search(r'href="([^"]+)" rel="next"', text)
        path = unescape(link[1]) if link else ""
    assert sorted(seen) == sorted([*SOLD, LISTED, DESCRIBED])


def test_the_list_says_no_none_where_nothing_can_be_known(grocer: Grocer, looking: Looking) -> None:
    text = looking(grocer.email).page(f"{grocer.base}/items")
    rows = {name: words(row) for name, row in re.findall(r'">([a-z]+)</a></th>(.*?)</tr>', text, re.DOTALL)}
    assert rows["rice"].endswith("none")
    assert rows["salt"].endswith("not known at 1")
    assert rows["oil"].endswith("not known at 1")
    assert rows[LISTED].endswith("none") is False


# --- decisions ------------------------------------------------------------------------------------------


def test_decisions_on_an_item_are_told_with_who_and_what_came_of_them(
    grocer: Grocer, looking: Looking, warehouse: Warehouse
) -> None:
    line = read_frame(
        warehouse,
        render(
            """
            select run_id::text as run_id, line_no, order_qty::float8 as order_qty
            from analytics.planner_worklist
            where client_id = {c} and item_id = 'tea' and location_id = {l} and action = 'order'
            order by line_no limit 1
            """,
            c=grocer.client_id,
            l=SOUTH,
        ),
    ).row(0, named=True)
    browser = looking(grocer.email)
    before = browser.page(address(grocer, "tea", SOUTH))
    assert "Nobody has decided on a line of it yet." in before
    approve = Choice(
        run_id=UUID(line["run_id"]),
        item_id="tea",
        location_id=SOUTH,
        line_no=line["line_no"],
        decision="approve",
    )
    with warehouse.transaction() as connection:
        numbers = decide(connection, grocer.client_id, [approve], "the terminal")
    text = words(browser.page(address(grocer, "tea", SOUTH)))
    assert "Approved:" in text
    assert "by the terminal" in text
    assert "it counts as on order from the next run on" in text
    assert "stands" in text
    with warehouse.transaction() as connection:
        withdraw(connection, grocer.client_id, numbers, "somebody else")
    text = words(browser.page(address(grocer, "tea", SOUTH)))
    assert "withdrawn by somebody else" in text
    assert "Approved:" not in text
