"""A client whose every text is written to break what shows it: its pipeline runs, and texts stay texts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from typer.testing import CliRunner, Result

from forecasting_lib.demo import generate_retailer
from orchestration.cli import app
from orchestration.clients import Client, add_client, validated
from orchestration.running.runs import find_job, run_job
from orchestration.settings import Settings
from orchestration.warehouse.server import Warehouse
from orchestration.warehouse.tenancy import set_client_password
from tests.conftest import SMALL_RETAILER
from tests.orchestration.landing.deliveries import rows
from tests.orchestration.warehouse.logins import PASSWORD

pytestmark = pytest.mark.starts_first

IDS = [
    "GIFT_$10_$20",
    "[/x]",
    "[bold",
    "<script>alert(1)</script>",
    "{{7*7}}",
    "a|b",
    "`tick`",
    "%s%d{0}",
    "back\\slash\\",
    "quo'te\"s; drop table x; --",
    "x" * 200,
    "日本 🙂",
    "\\N",
    "${HOME}:bomb:",
]
ENDED = "[bold"
"""What takes the place of the retailer's item that is sold no more."""

PLACES = ["[/x", "$L$]"]
NAMES = [*IDS, "\u202egnp.exe", "n" * 300, "{% raw %}", "</svg></style><img src=x onerror=alert(1)>"]


def renamed(texts: pl.Series, names: list[str]) -> pl.Series:
    """Each text replaced by one of the names, the same by the same."""
    known = texts.drop_nulls().unique().sort().to_list()
    return texts.replace({text: names[number % len(names)] for number, text in enumerate(known)})


def hostile_column(kind: str, column: pl.Series) -> pl.Series:
    if column.dtype != pl.String or column.name in ("status", "country", "timezone"):
        return column
    if column.name == "location_id":
        return renamed(column, PLACES)
    if column.name == "po_id":
        return ("[/x" + column).alias(column.name)
    is_id = column.name == "supplier_id" or (kind, column.name) == ("promotions", "category")
    return renamed(column, IDS if is_id else NAMES)


def hostile_deliveries() -> dict[str, pl.DataFrame]:
    """A retailer's files with other texts in them; an item is called the same in all of them."""
    frames = generate_retailer(SMALL_RETAILER).deliveries()
    items = dict(zip(frames["products"]["item_id"].sort().to_list(), IDS, strict=True))
    return {
        kind: frame.select(
            column.replace(items) if column.name == "item_id" else hostile_column(kind, column)
            for column in frame.iter_columns()
        )
        for kind, frame in frames.items()
    }


def forecaster(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "300"}).invoke(app, list(arguments))


@dataclass(frozen=True)
class Hostile:
    client: Client
    folder: Path
    outcome: Result


@pytest.fixture(scope="module")
def hostile_client(settings: Settings, warehouse: Warehouse) -> Hostile:
    """The client after a run of its whole pipeline from the command line, and the scores of its forecast."""
    client = validated(
        client_id="hostile_shop",
        name="[/x] <script>$1_$2</script> `|{{7*7}} %s",
        models=["ma7", "seasonal_naive"],
        country="IE",
    )
    add_client(warehouse, client)
    folder = settings.client_landing_dir(client.client_id)
    folder.mkdir(parents=True)
    for kind, frame in hostile_deliveries().items():
        frame.write_csv(folder / f"{kind} [`|x] $1_$2 <b> %s {{{{7}}}} :bomb:.csv")
    as_of = SMALL_RETAILER.end_date - timedelta(days=28)
    return Hostile(
        client, folder, forecaster("run", "--client", client.client_id, "--as-of", as_of.isoformat())
    )


def test_the_pipeline_runs_to_its_end(hostile_client: Hostile, warehouse: Warehouse) -> None:
    assert hostile_client.outcome.exit_code == 0, hostile_client.outcome.stderr
    assert "Traceback" not in hostile_client.outcome.stderr
    planned = rows(
        warehouse,
        "select distinct item_id from analytics.inventory_metrics where client_id = %s",
        hostile_client.client.client_id,
    )
    assert {item for (item,) in planned} == set(IDS) - {ENDED}


def test_a_picture_is_drawn_of_every_series(
    hostile_client: Hostile, warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    client_id = hostile_client.client.client_id
    if not instance.has_dynamic_partition("clients", client_id):
        instance.add_dynamic_partitions("clients", [client_id])
    run = run_job(warehouse, instance, find_job("forecast_only"), client_id)
    assert run.succeeded, run.problems
    latest = instance.get_latest_materialization_event(dg.AssetKey(["analytics", "forecast_results"]))
    assert latest is not None
    assert latest.asset_materialization is not None
    assert "data:image/png" in str(latest.asset_materialization.metadata["picture"].value)


def test_every_command_shows_the_texts_and_does_what_it_does(hostile_client: Hostile) -> None:
    client_id = hostile_client.client.client_id
    for command in (("status",), ("client", "show", client_id), ("client", "list")):
        shown = forecaster(*command)
        assert shown.exit_code == 0, shown.stderr
        assert client_id in shown.stdout
    assert hostile_client.client.name in forecaster("client", "show", client_id).stdout


class Page(HTMLParser):
    """The elements of a page with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_report_has_no_script_and_shows_the_names(hostile_client: Hostile, tmp_path: Path) -> None:
    path = tmp_path / "[x] report.html"
    written = forecaster("report", "--client", hostile_client.client.client_id, "--output", str(path))
    assert written.exit_code == 0, written.stderr
    assert "[x] report.html" in written.stdout.replace("\n", "")
    page = Page(path.read_text())
    assert {"script", "img", "b"}.isdisjoint(tag for tag, _ in page.elements)
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert hostile_client.client.name in page.text
    assert "\u202e" not in page.text
    shown = [item for item in IDS if item in page.text]
    assert len(shown) >= 8


def test_a_client_reads_its_own_texts_from_the_views(
    hostile_client: Hostile, warehouse: Warehouse, tmp_path: Path
) -> None:
    set_client_password(warehouse, hostile_client.client.client_id, PASSWORD)
    passwords = tmp_path / "pgpass"
    passwords.touch(0o600)
    passwords.write_text("*:*:*:*:" + PASSWORD.replace(":", r"\:"))
    query = "select json_agg(distinct item_id) from dim_item where is_described"
    shown = subprocess.run(
        [*(sys.executable, "-m", "orchestration.cli", "sql"), "--client", "hostile_shop", "-c", query],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PGPASSFILE": str(passwords)},
    )
    line = next(line for line in shown.stdout.splitlines() if "GIFT" in line)
    assert set(json.loads(line)) == set(IDS)


def test_a_refused_file_with_such_headers_ends_its_own_run_with_a_sentence(hostile_client: Hostile) -> None:
    header = "[/x],[bold,\x1b[31m,<script>,`|,$1_$2,%s,\u202ex," + "h" * 300
    bad = hostile_client.folder / "sales_[bold]_$1_$2.csv"
    bad.write_text(f"{header}\n1,2,3,4,5,6,7,8,9\n")

    run = forecaster("run", "--client", hostile_client.client.client_id)
    again = forecaster("ingest", str(bad), "--client", hostile_client.client.client_id)

    assert run.exit_code == 1
    assert "Traceback" not in run.stderr
    sentence = (
        "sales_[bold]_$1_$2.csv: the column 'date' is missing; the columns found are [/x], [bold, \\x1b[31m, "
    )
    assert sentence in run.stderr
    assert again.exit_code == 1
    assert "Traceback" not in again.stderr
    for shown in (run, again):
        assert "\x1b" not in shown.stdout + shown.stderr
        assert "\u202e" not in shown.stdout + shown.stderr
    bad.unlink()
    assert forecaster("run", "--client", hostile_client.client.client_id).exit_code == 0
