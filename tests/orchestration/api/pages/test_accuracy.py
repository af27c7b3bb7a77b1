"""The page of accuracy: scores as the database has them, what they mean, and what has none."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape

import polars as pl
import pytest

from forecasting_lib.grain import Grain
from orchestration.api.pages.accuracy import reliability_plot
from orchestration.clients import Client
from orchestration.reading.accuracy import latest_accuracy
from orchestration.reading.gaps import find_gaps
from orchestration.reporting.accuracy_questions import value_added
from orchestration.reporting.backtest_questions import Reliability
from orchestration.reporting.catalogue import ACCURACY
from orchestration.reporting.listings import Wish, read_page
from orchestration.warehouse.bulk import read_frame, render
from orchestration.warehouse.server import Warehouse
from tests.orchestration.api.pages.browser import Browser
from tests.orchestration.api.pages.grocer import AWKWARD, SUNDAY, Grocer
from tests.orchestration.api.shops import Shop


def table(text: str, label: str) -> list[tuple[str, list[float]]]:
    """The rows of a table by its name: what a row begins with, and its numbers."""
    found = re.search(rf'aria-label="{label}".*?<tbody>(.*?)</tbody>', text, re.DOTALL)
    assert found, label
    rows = []
    for row in re.findall(r"<tr>(.*?)</tr>", found[1], re.DOTALL):
        head = re.search(r'<th scope="row"[^>]*>(.*?)</th>', row, re.DOTALL)
        assert head
        name = unescape(re.sub(r"<span.*?</span>|<[^>]+>", "", head[1])).strip()
        rows.append((name, [float(number) for number in re.findall(r'value="([^"]+)"', row)]))
    return rows


@pytest.fixture
def pages(browser: Browser, of_grain: Grocer) -> str:
    browser.sign_in(of_grain.email)
    return browser.page(f"{of_grain.base}/accuracy")


@pytest.fixture(params=["grocer", "weekly"])
def of_grain(request: pytest.FixtureRequest) -> Grocer:
    found: Grocer = request.getfixturevalue(request.param)
    return found


def test_the_latest_scores_are_those_of_the_database(
    pages: str, of_grain: Grocer, warehouse: Warehouse
) -> None:
    expected = latest_accuracy(warehouse, of_grain.client_id).to_dicts()
    assert len(expected) >= 2
    shown = dict(table(pages, "Latest accuracy by model"))
    names = ("periods_known", "horizon", "wape", "bias", "wql", "coverage_80", "coverage_90", "mase", "mae")
    for row in expected:
        wanted = [row[name] for name in (*names, "n_series", "n_rows", "n_masked")]
        assert shown[row["model"]] == pytest.approx([float(number) for number in wanted])
    assert f"{of_grain.grain.periods.capitalize()} scored" in pages
    other = Grain.WEEK if of_grain.grain is Grain.DAY else Grain.DAY
    assert f"{other.periods} are known" not in pages


def test_scores_over_time_are_those_of_the_listing(
    pages: str, of_grain: Grocer, warehouse: Warehouse
) -> None:
    with warehouse.transaction() as connection:
        scores = read_page(connection, ACCURACY, of_grain.client_id, Wish(1_000)).rows
    shown = table(pages, "Accuracy by as-of date and model")
    assert [day for day, _ in shown] == [str(day) for day in scores["as_of_date"]]
    assert [numbers[0] for _, numbers in shown] == pytest.approx(scores["wape"].to_list())
    found = re.search(r'<script type="application/json" id="wape-data">(.*?)</script>', pages, re.DOTALL)
    assert found
    drawn = json.loads(found[1])
    assert drawn["x"] == [str(SUNDAY - timedelta(days=28))]
    assert drawn["isShare"] is True
    by_model = dict(scores.select("model", "wape").iter_rows())
    others = sorted(by_model.keys() - {"hist_q"})
    assert [line["label"] for line in drawn["lines"]] == ["hist_q, leads", *others]
    assert [line["values"] for line in drawn["lines"]] == [[by_model[name]] for name in ("hist_q", *others)]


def test_the_worst_items_come_first_and_lead_to_their_pages(
    pages: str, of_grain: Grocer, warehouse: Warehouse, browser: Browser
) -> None:
    expected = read_frame(
        warehouse,
        render(
            """
            select
                item_id, sum_abs_error_qty as error_qty, sum_actual_qty as sold,
                sum_forecast_qty as forecast
            from analytics.forecast_quality
            where client_id = {c} and grain = 'item' and lag_bucket = 'all' and model = 'hist_q'
                and is_current
            order by sum_abs_error_qty desc, item_id
            """,
            c=of_grain.client_id,
        ),
    ).to_dicts()
    total = sum(row["error_qty"] for row in expected)
    shown = [numbers[:4] for _, numbers in table(pages, "Items with the largest errors")]
    wanted = [
        [row["error_qty"], row["error_qty"] / total, row["sold"], row["forecast"]]
        for row in expected
        if row["error_qty"] > 0 or row["sold"] > 0
    ]
    assert len(shown) == len(expected)
    assert [number for row in shown[: len(wanted)] for number in row] == pytest.approx(
        [number for row in wanted for number in row]
    )
    links = re.findall(rf'href="({of_grain.base}/items/[^"]+)"', pages)
    assert len(set(links)) == len(expected)
    awkward = sorted({unescape(link) for link in links if "%2F" in link})
    assert len(awkward) == 1
    assert AWKWARD in unescape(browser.page(awkward[0]))


def test_the_model_that_leads_says_why(pages: str, of_grain: Grocer, warehouse: Warehouse) -> None:
    reasons = read_frame(
        warehouse,
        render(
            "select model, reason from analytics.forecast_runs_current where client_id = {c}",
            c=of_grain.client_id,
        ),
    )
    section = pages[pages.index('id="models"') : pages.index('id="over-time"')]
    said = unescape(re.sub(r"</?(?:data|time|code)[^>]*>", "", section))
    for reason in reasons["reason"]:
        assert reason.replace("`", "") in said
    assert section.count(">leads</span>") == 1


def test_a_run_whose_sales_are_not_known_is_named_with_the_reason(pages: str, of_grain: Grocer) -> None:
    ((day, _),) = table(pages, "Forecasts that are not scored to the end")[:1]
    assert day == str(SUNDAY)
    assert f"Its first {of_grain.grain} ends on" in pages


def test_what_the_metrics_mean_stands_on_the_page(pages: str, of_grain: Grocer) -> None:
    for name in ("WAPE", "Bias", "WQL", "MASE", "80 % and 90 % band"):
        assert f"<dt>{name}</dt>" in pages
    assert f"The errors of all {of_grain.grain.periods} added up" in pages


def test_what_was_never_scored_is_not_known_and_says_what_to_do(
    browser: Browser, operator: str, new_client: Callable[..., Client], warehouse: Warehouse
) -> None:
    fresh = new_client()
    browser.sign_in(operator)
    text = browser.page(f"/planner/{fresh.client_id}/accuracy")
    assert "is not known: none has been scored yet" in text
    (gap, *_) = find_gaps(warehouse, fresh.client_id)
    assert gap.sentence in text
    assert "0 %" not in text
    assert "wape-data" not in text


def test_scores_of_another_client_are_not_there(browser: Browser, shop: Shop, grocer: Grocer) -> None:
    browser.sign_in(shop.people["manager"])
    assert browser.get(f"{grocer.base}/accuracy").status_code == 404


def test_a_model_that_was_skipped_says_so(browser: Browser, grocer: Grocer, warehouse: Warehouse) -> None:
    def change(statement: str) -> None:
        with warehouse.transaction() as connection:
            connection.execute(statement, {"c": grocer.client_id})

    change(
        """
        insert into analytics.forecast_runs (
            client_id, run_id, model, as_of_date, grain, horizon_days, status, reason, code_version,
            input_digest, dagster_run_id
        )
        select
            client_id, run_id, 'chronos2', as_of_date, grain, horizon_days, 'skipped',
            'Skipped: no weights in `models/x`. <b>Fetch</b> them.', code_version, input_digest,
            dagster_run_id
        from analytics.forecast_runs
        where client_id = %(c)s and is_champion
        order by as_of_date desc limit 1
        """
    )
    browser.sign_in(grocer.email)
    text = browser.page(f"{grocer.base}/accuracy")
    change("delete from analytics.forecast_runs where client_id = %(c)s and model = 'chronos2'")
    assert "Skipped: no weights in <code>models/x</code>. &lt;b&gt;Fetch&lt;/b&gt; them." in text
    assert ">skipped</span>" in text


def test_what_the_forecast_was_worth_is_that_of_the_database(
    pages: str, of_grain: Grocer, warehouse: Warehouse
) -> None:
    added = value_added(warehouse, of_grain.client_id, "hist_q").filter(segment="client")
    shown = table(pages, "Forecast value added by month")
    assert [month for month, _ in shown] == [f"{month:%Y-%m}" for month in added["month"]]
    names = ["n_runs", "wape", "bias", "fva_naive", "fva_ma7", "n_rows"]
    wanted = [value for value in added.select(names).row(0) if value is not None]
    assert shown[0][1] == pytest.approx(wanted)


def test_without_a_backtest_nobody_can_say_whether_bands_are_true(pages: str) -> None:
    section = pages[pages.index('id="reliability"') : pages.index('id="drift"')]
    assert "Unknown: no backtest has been made yet." in section


def test_what_bands_held_is_drawn_beside_what_they_name() -> None:
    levels = pl.DataFrame(
        {"level": [0.1, 0.5, 0.9], "published": [0.12, 0.5, 0.88], "raw": [None, None, None], "n_actuals": 9},
        schema_overrides={"raw": pl.Float64},
    )
    plot = reliability_plot(Reliability(levels, "chronos2"))
    assert [line.label for line in plot.lines] == ["as named", "published"]
    assert plot.is_share
    whole = reliability_plot(Reliability(levels.with_columns(raw="level"), "chronos2"))
    assert [line.label for line in whole.lines] == ["as named", "chronos2, as it came", "published"]


def test_drift_that_goes_on_is_named_before_what_is_over(
    browser: Browser, grocer: Grocer, warehouse: Warehouse
) -> None:
    with warehouse.transaction() as connection:
        for kind, goes_on in (("price_level", False), ("feed_frozen", True)):
            connection.execute(
                """
                insert into analytics.drift_events (
                    client_id, kind, grain, grain_key, first_date, detected_date, seen_date, is_current,
                    sentence, dagster_run_id
                ) values (%s, %s, 'location', '<b>north</b>', %s, %s, %s, %s, 'It <i>stands</i> still.', '')
                """,
                (grocer.client_id, kind, *([SUNDAY] * 3), goes_on),
            )
    browser.sign_in(grocer.email)
    text = browser.page(f"{grocer.base}/accuracy")
    with warehouse.transaction() as connection:
        connection.execute("delete from analytics.drift_events where client_id = %s", (grocer.client_id,))
    section = text[text.index('id="drift"') : text.index('id="added"')]
    assert "1 episode of drift goes on." in section
    assert section.index("feed frozen of location &lt;b&gt;north") < section.index("price level of location")
    assert "It &lt;i&gt;stands&lt;/i&gt; still." in section
