"""The report and the summary, of a client whose forecasts were published, scored and planned on."""

import io
import re
from collections.abc import Callable
from datetime import date, timedelta
from html.parser import HTMLParser
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from rich.console import Console

from forecasting_lib.grain import Grain
from orchestration.clients import Client
from orchestration.reading.accuracy import latest_accuracy
from orchestration.reporting.accuracy_questions import best_items, value_added, worst_items
from orchestration.reporting.questions import SERIES_SHOWN, latest_models, urgent_lines, volumes
from orchestration.reporting.report import ReportError, series_pages, write_report
from orchestration.reporting.states import client_states, state_warnings
from orchestration.reporting.terminal import print_summary
from orchestration.resources import Installation
from orchestration.settings import Settings
from orchestration.stages.forecasting import forecasts
from orchestration.stages.inventory import inventory
from orchestration.stages.quality import forecast_quality
from orchestration.warehouse.bulk import insert_frame
from orchestration.warehouse.gap_vocabulary import Gap
from orchestration.warehouse.server import Warehouse

LAST_DAY = date(2026, 3, 31)
DAYS = 120
ITEMS = {"tea": "Tea & <b>biscuits</b>", "coffee": "Coffee", "salt": "Salt"}


def add_history(warehouse: Warehouse, client_id: str) -> None:
    """Four months of steady demand for three items, and a stock that will not last."""
    days = [LAST_DAY - timedelta(days=DAYS - 1 - n) for n in range(DAYS)]
    keys = pl.DataFrame({"client_id": client_id, "item_id": list(ITEMS), "location_id": "main"})
    demand = keys.join(pl.DataFrame({"date": days}), how="cross").with_columns(
        (pl.col("date").dt.weekday() + pl.col("item_id").str.len_chars())
        .cast(pl.Float64)
        .alias("demand_qty"),
        pl.lit(0.0).alias("clipped_qty"),
        *[
            pl.lit(False).alias(mark)
            for mark in ("is_promotion", "is_holiday", "is_closed", "is_stocked_out", "is_masked")
        ],
    )
    with warehouse.transaction() as connection:
        insert_frame(
            connection,
            "analytics.ts_demand_daily",
            demand.with_columns(pl.col("demand_qty").alias("net_sold_qty")),
        )
        insert_frame(
            connection,
            "analytics.dim_series",
            keys.with_columns(
                pl.lit(days[0]).alias("listed_date"),
                pl.lit(days[0]).alias("first_sale_date"),
                pl.lit(DAYS).alias("history_days"),
                pl.lit(DAYS).alias("demand_days"),
                pl.Series("revenue_365d_value", [300.0, 200.0, 100.0]),
            ),
        )
        insert_frame(
            connection,
            "analytics.dim_item",
            keys.drop("location_id").with_columns(
                pl.Series("name", list(ITEMS.values())), pl.lit(True).alias("is_described")
            ),
        )
        insert_frame(
            connection,
            "staging.stock_levels",
            keys.with_columns(
                pl.lit(LAST_DAY).alias("date"),
                pl.lit(9.0).alias("on_hand_qty"),
                pl.lit(1).alias("file_id"),
            ),
        )


def materialize(client_id: str, as_of: date | None, *assets: dg.AssetsDefinition) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("clients", [client_id])
        steps = [step for step in ("forecasts", "inventory") if any(a.op.name == step for a in assets)]
        chosen = {"as_of_date": as_of.isoformat() if as_of else None}
        result = dg.materialize(
            assets,
            instance=instance,
            partition_key=client_id,
            resources={"installation": Installation()},
            run_config={"ops": {step: {"config": chosen} for step in steps}},
        )
        assert result.success


@pytest.fixture(scope="module")
def client(settings: Settings, warehouse: Warehouse) -> Client:
    """A client with an earlier forecast that is scored, today's forecast and a plan."""
    from orchestration.clients import add_client, validated

    client = validated(
        client_id="report_shop",
        name="Shop <script>alert(1)</script>",
        models=["chronos2", "ma7", "seasonal_naive"],
        default_lead_time_days=5,
    )
    add_client(warehouse, client)
    add_history(warehouse, client.client_id)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CHRONOS_MODEL_ID", "no/such-directory")
        materialize(client.client_id, LAST_DAY - timedelta(days=28), forecasts)
        materialize(client.client_id, None, forecast_quality, forecasts, inventory)
    return client


class Elements(HTMLParser):
    """The elements and the text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self.names.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def page(warehouse: Warehouse, client: Client, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("reports") / "below" / "shop.html"
    write_report(warehouse, client, path)
    return path.read_text()


def test_the_report_asks_the_network_for_nothing(page: str) -> None:
    assert not re.findall(r"(?:src|href)\s*=\s*[\"'](?!#)", re.sub(r"xlink:href=\"#[^\"]*\"", "", page))
    assert "url(http" not in page
    assert "@import" not in page


def test_names_are_text_and_never_markup(page: str) -> None:
    elements = Elements(page)
    assert "script" not in elements.names
    assert "b" not in elements.names
    assert "Tea & <b>biscuits</b>" in elements.text


def test_the_report_shows_models_accuracy_orders_and_a_page_for_each_series(page: str) -> None:
    elements = Elements(page)
    text = " ".join(elements.text.split())
    assert "Leads: the first model of the client's policy" in text
    assert "Skipped:" in text
    assert "28 of its 28 days are known" in text
    assert elements.names.count("article") == len(ITEMS)
    assert elements.names.count("svg") == 1 + 2 * len(ITEMS)
    assert "earlier forecast, mean and 80 % band" in text
    assert "reorder point" in text
    assert "On the 28 days after 2026-03-03 the errors of ma7 came to" in text
    assert "no backtest has been made yet" in text
    for title in ("What ma7 was worth", "Largest errors", "Best forecast", "What has changed since"):
        assert title in text


def test_the_same_data_give_the_same_page(
    page: str, warehouse: Warehouse, client: Client, tmp_path: Path
) -> None:
    def undated(text: str) -> str:
        return re.sub(r"Written [^<]*", "", text)

    write_report(warehouse, client, tmp_path / "again.html")
    assert undated((tmp_path / "again.html").read_text()) == undated(page)


def test_the_most_urgent_series_come_first(warehouse: Warehouse, client: Client) -> None:
    run_id = latest_models(warehouse, client.client_id)["run_id"][0]
    pages = series_pages(warehouse, client.client_id, run_id, Grain.DAY, LAST_DAY)
    lines = urgent_lines(warehouse, client.client_id, limit=10)
    urgent = lines["item_id"].unique(maintain_order=True).to_list()[: SERIES_SHOWN // 2]
    assert urgent
    assert [page.item_id for page in pages][: len(urgent)] == urgent


def test_a_client_without_a_forecast_has_no_report(
    warehouse: Warehouse, new_client: Callable[..., Client], tmp_path: Path
) -> None:
    client = new_client()
    with pytest.raises(ReportError, match=f"Nothing was delivered yet.*--client {client.client_id}"):
        write_report(warehouse, client, tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_volumes_count_what_is_there(warehouse: Warehouse, client: Client) -> None:
    about = volumes(warehouse, client.client_id)
    assert (about["series"], about["items"], about["demand_rows"]) == (3, 3, 3 * DAYS)
    assert about["last_date"] == LAST_DAY


def test_the_summary_says_models_accuracy_and_the_most_urgent_lines(
    warehouse: Warehouse, client: Client
) -> None:
    console = Console(record=True, width=110, file=io.StringIO())
    print_summary(console, warehouse, client)
    text = console.export_text()
    assert "<script>" in text
    for word in ("3 series", "chronos2", "Skipped:", "WAPE", "28 of its 28 days known", "Most urgent", "1. "):
        assert word in text


def test_what_a_forecast_is_worth_is_told_from_the_scores_of_the_same_run(
    warehouse: Warehouse, client: Client
) -> None:
    scores = {row["model"]: row for row in latest_accuracy(warehouse, client.client_id).to_dicts()}
    added = value_added(warehouse, client.client_id, "ma7")
    whole = added.row(0, named=True)
    assert (str(whole["month"]), whole["segment"], whole["n_runs"]) == ("2026-03-01", "client", 1)
    assert whole["wape"] == pytest.approx(scores["ma7"]["wape"])
    assert scores["seasonal_naive"]["wape"] == 0, "demand repeats itself, so the naive is never wrong"
    assert whole["fva_naive"] is None
    assert whole["fva_ma7"] == pytest.approx(0.0)
    naive = value_added(warehouse, client.client_id, "seasonal_naive").row(0, named=True)
    assert naive["fva_ma7"] == pytest.approx(1.0)
    segments = set(added["segment"])
    assert segments == {"client", "location"}, "no item has a category"


def test_the_best_items_sold_no_less_than_the_mean_item(warehouse: Warehouse, client: Client) -> None:
    of_run = (warehouse, client.client_id, "ma7", LAST_DAY - timedelta(days=28))
    everything = worst_items(*of_run, 99)
    best = best_items(*of_run, 99)
    assert 0 < best.height < everything.height
    assert best["wape"].is_sorted()
    assert best["actual_qty"].min() >= everything["actual_qty"].mean()  # type: ignore[operator]
    assert everything["error_share"].sum() == pytest.approx(1.0)


def test_the_state_of_a_client_follows_its_tables(warehouse: Warehouse, client: Client) -> None:
    (state,) = [s for s in client_states(warehouse) if s.client_id == client.client_id]
    assert (state.last_demand_date, state.forecast_as_of, state.champion) == (LAST_DAY, LAST_DAY, "ma7")
    (skipped,) = [gap for gap in state.gaps if gap.gap == Gap.MODEL_SKIPPED]
    assert "1 of 4 models were skipped: chronos2: Skipped:" in skipped.sentence
    assert any(skipped.sentence in warning for warning in state_warnings([state]))
    assert state.last_scored_at is not None
    assert state.planning.urgent_lines
    assert state.planning.urgent_lines == len(
        [
            u
            for u in urgent_lines(warehouse, client.client_id, 99)["urgency"]
            if u in ("stocked_out", "late", "today")
        ]
    )
