"""How often a file is opened, what is remembered of it, and where the text of its rows goes."""

from __future__ import annotations

import gzip
import io
import os
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from orchestration.clients import Client, update_client
from orchestration.landing.delivery import Delivery
from orchestration.landing.discovery import unopened_hash
from orchestration.landing.folder import FileChangedError, LandingFile, scan
from orchestration.landing.judging import LongRows
from orchestration.landing.kinds import SALES
from orchestration.landing.layout import Layout
from orchestration.landing.load import load_file, load_unless_done
from orchestration.landing.reader import open_table
from orchestration.landing.reasons import Refusal
from orchestration.landing.records import Identity
from orchestration.landing.values import Rules
from orchestration.settings import Settings
from orchestration.stages.ingestion import ingest_folder
from orchestration.warehouse.server import Warehouse
from tests.orchestration.landing.deliveries import deliver, rows, staged_rows

HEADER = "date,item_id,units_sold\n"
SALES_CSV = HEADER + "2024-03-01,tea,3\n"

opened: list[str] = []
"""Every path that Python opened since a test cleared it; below a handle, the path from there."""


def _note_opened(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open":
        opened.append(str(arguments[0]))


sys.addaudithook(_note_opened)


@pytest.fixture
def client(new_client: Callable[..., Client]) -> Client:
    return new_client()


@pytest.fixture
def landing(settings: Settings, client: Client) -> Path:
    folder = settings.client_landing_dir(client.client_id)
    folder.mkdir(parents=True)
    return folder


def ingested(warehouse: Warehouse, client: Client, landing: Path) -> tuple[list[str], int]:
    """The status of every outcome of a run, and how often it opened a file of the folder."""
    names = {path.name for path in landing.iterdir()}
    opened.clear()
    outcomes = ingest_folder(warehouse, client, landing, 0)
    return [outcome.status for outcome in outcomes], sum(path in names for path in opened)


def noted(warehouse: Warehouse, client: Client) -> list[tuple[Any, ...]]:
    return rows(
        warehouse,
        "select path, status, modified_ns from ops.landing_files where client_id = %s order by file_id",
        client.client_id,
    )


@pytest.fixture
def taken(warehouse: Warehouse, client: Client, landing: Path) -> Path:
    """A file that a run has loaded."""
    path = landing / "sales.csv"
    path.write_text(SALES_CSV)
    os.utime(path, ns=(1, 1))
    ingest_folder(warehouse, client, landing, 0)
    return path


def test_a_new_file_is_opened_once_and_never_again(
    warehouse: Warehouse, client: Client, landing: Path
) -> None:
    path = landing / "sales.csv"
    path.write_text(SALES_CSV)

    assert ingested(warehouse, client, landing) == (["loaded"], 1)
    assert ingested(warehouse, client, landing) == ([], 0)
    assert noted(warehouse, client) == [("sales.csv", "loaded", path.stat().st_mtime_ns)]


def test_a_file_that_was_only_touched_is_opened_once_more_and_changes_nothing(
    warehouse: Warehouse, client: Client, landing: Path, taken: Path
) -> None:
    os.utime(taken, ns=(2, 2))

    assert ingested(warehouse, client, landing) == ([], 1)
    assert noted(warehouse, client) == [("sales.csv", "loaded", 2)]
    assert ingested(warehouse, client, landing) == ([], 0)


@pytest.mark.usefixtures("taken")
def test_records_of_an_earlier_version_cost_one_more_look(
    warehouse: Warehouse, client: Client, landing: Path
) -> None:
    with warehouse.transaction() as connection:
        connection.execute(
            "update ops.landing_files set modified_ns = null where client_id = %s", (client.client_id,)
        )

    assert ingested(warehouse, client, landing) == ([], 1)
    assert ingested(warehouse, client, landing) == ([], 0)


@pytest.mark.parametrize(("units", "modified"), [("44", 1), ("4", 2)], ids=["size", "time"])
def test_a_change_of_content_shows_in_size_or_time(
    warehouse: Warehouse, client: Client, landing: Path, taken: Path, units: str, modified: int
) -> None:
    taken.write_text(SALES_CSV.replace("3\n", f"{units}\n"))
    os.utime(taken, ns=(modified, modified))

    assert ingested(warehouse, client, landing) == (["loaded"], 1)


def test_a_content_behind_an_old_size_and_time_is_taken_when_it_is_touched(
    warehouse: Warehouse, client: Client, landing: Path, taken: Path
) -> None:
    taken.write_text(SALES_CSV.replace("tea,3", "tea,4"))
    os.utime(taken, ns=(1, 1))

    assert ingested(warehouse, client, landing) == ([], 0)
    taken.touch()
    assert ingested(warehouse, client, landing) == (["loaded"], 1)


def test_a_copy_and_a_refused_file_are_opened_once_each(
    warehouse: Warehouse, client: Client, landing: Path
) -> None:
    for name, content in (("sales_a.csv", SALES_CSV), ("sales_b.csv", SALES_CSV), ("sales_c.csv", "x")):
        (landing / name).write_text(content)

    assert ingested(warehouse, client, landing) == (["loaded", "duplicate", "rejected"], 3)
    assert ingested(warehouse, client, landing) == ([], 0)
    changed = update_client(warehouse, client.client_id, max_gap_days=99)
    assert ingested(warehouse, changed, landing) == (["rejected"], 1)


def test_a_file_that_cannot_be_opened_is_refused_once_and_tried_every_time(
    warehouse: Warehouse, client: Client, tmp_path: Path
) -> None:
    gone = LandingFile("sales.csv", 0, 0, inode=(0, 0))
    problem = "cannot be read (No such file or directory)"

    refused = load_unless_done(warehouse, client, tmp_path, gone, [])
    assert refused is not None
    assert refused.message == f"sales.csv {problem}. {Refusal.UNREADABLE.advice}"
    done = [unopened_hash(gone.path, problem)]
    assert load_unless_done(warehouse, client, tmp_path, gone, done) is None
    assert noted(warehouse, client) == [("sales.csv", "rejected", None)]
    (tmp_path / gone.path).write_text(SALES_CSV)
    [there] = scan(tmp_path)
    loaded = load_unless_done(warehouse, client, tmp_path, there, done)
    assert loaded is not None
    assert loaded.status == "loaded"


@pytest.mark.parametrize("content", [SALES_CSV, SALES_CSV * 2])
def test_a_file_that_is_written_to_while_it_is_read_leaves_nothing(
    warehouse: Warehouse, client: Client, tmp_path: Path, content: str
) -> None:
    path = tmp_path / "sales.csv"
    path.write_text(content)

    def cut(_path: str, _rows: int) -> None:
        path.write_text("cut")

    with pytest.raises(FileChangedError, match="was written to while it was read"):
        load_file(warehouse, client, path, path.name, on_progress=cut)
    assert (noted(warehouse, client), staged_rows(warehouse, client)) == ([], 0)


def test_the_text_of_accepted_rows_stays_out_of_the_database(warehouse: Warehouse, client: Client) -> None:
    content = (SALES_CSV + "2024-03-01,jam,x\n").encode()
    with warehouse.transaction() as connection:
        identity = Identity(client, "sales.csv", "", len(content), None, None)
        delivery = Delivery(connection, identity, SALES, Layout())
        table = open_table(io.BytesIO(content), "sales.csv", len(content), SALES, Layout())
        for judged in LongRows(delivery, table, Rules(today=date(2024, 4, 1))).judged():
            delivery.append(judged.accepted, judged.rejected)
        columns = connection.execute(
            """
            select attname from pg_attribute
            where attrelid = 'pg_temp.delivery'::regclass and attnum > 0 order by attnum
            """
        ).fetchall()
        refused = connection.execute("select line_number, raw from refused").fetchall()
    assert [name for (name,) in columns] == [
        "date",
        "item_id",
        "units_sold",
        "location_id",
        "order_id",
        "reason",
        "line_number",
    ]
    assert refused == [(3, "2024-03-01,jam,x")]


LATE = HEADER + '2024-03-01,tea,3\n2024-03-01,"tea",4\n2024-03-02,a,x\n"2024-03-01",tea,"5"\n2024-03-02,b,1\n'


@pytest.mark.parametrize("name", ["sales.csv", "sales.csv.gz"])
def test_rows_rejected_for_another_row_keep_their_text(
    warehouse: Warehouse, new_client: Callable[..., Client], tmp_path: Path, name: str
) -> None:
    client = new_client(max_reject_rate=1)
    content = gzip.compress(LATE.encode()) if name.endswith("gz") else LATE.encode()
    deliver(warehouse, client, tmp_path, name, content)

    assert texts(warehouse, client) == [
        (3, "duplicate_key_in_file", '2024-03-01,"tea",4'),
        (4, "bad_number", "2024-03-02,a,x"),
        (5, "duplicate_key_in_file", '"2024-03-01",tea,"5"'),
    ]


def test_rows_of_a_parquet_file_rejected_for_another_row_keep_their_text(
    warehouse: Warehouse, new_client: Callable[..., Client], tmp_path: Path
) -> None:
    client = new_client(max_reject_rate=1)
    buffer = io.BytesIO()
    pl.DataFrame(
        {"date": [date(2024, 3, 1)] * 3, "item_id": ["a", "b", "a"], "units_sold": [1, 2, 3]}
    ).write_parquet(buffer)
    deliver(warehouse, client, tmp_path, "sales.parquet", buffer.getvalue())

    assert texts(warehouse, client) == [(4, "duplicate_key_in_file", "2024-03-01,a,3")]


def test_a_total_rejected_for_order_lines_keeps_its_text(
    warehouse: Warehouse, new_client: Callable[..., Client], tmp_path: Path
) -> None:
    client = new_client(max_reject_rate=1)
    deliver(
        warehouse,
        client,
        tmp_path,
        "sales_lines.csv",
        "date,item_id,units_sold,order_id\n2024-03-01,tea,7,A\n",
    )
    deliver(warehouse, client, tmp_path, "sales_totals.csv", HEADER + '2024-03-01,"tea",7\n')

    assert texts(warehouse, client) == [(2, "mixed_grain", '2024-03-01,"tea",7')]


def test_a_refused_file_keeps_the_text_of_its_first_thousand_rows_whenever_they_were_rejected(
    warehouse: Warehouse, client: Client, tmp_path: Path
) -> None:
    content = HEADER + "2024-03-01,tea,3\n" * 1_200 + "2024-03-01,tea,x\n" * 300
    outcome = deliver(warehouse, client, tmp_path, "sales.csv", content)

    assert outcome.rows_rejected == 1_499
    kept = texts(warehouse, client)
    assert (len(kept), {raw for _, _, raw in kept}) == (1_000, {"2024-03-01,tea,3"})


def texts(warehouse: Warehouse, client: Client) -> list[tuple[Any, ...]]:
    return rows(
        warehouse,
        "select line_number, reason, raw from ops.rejected_rows where client_id = %s order by 1",
        client.client_id,
    )
