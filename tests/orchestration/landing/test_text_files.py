"""CSV under its other names, with titles above its header, and in one more delimiter."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestration.clients import Client
from orchestration.landing.batches import Table
from orchestration.landing.kinds import M5_SALES, SALES
from orchestration.landing.layout import Layout
from orchestration.landing.reader import open_table
from orchestration.landing.reasons import FileRefusedError
from orchestration.warehouse.server import Warehouse
from tests.orchestration.landing.deliveries import deliver, reasons, rows

SHEET = "date,item_id,units_sold\n2024-03-01,tea,3\n2024-03-02,tea,4\n"
TITLES = "Sales of March\n\nPrinted 2024-04-01;by till 4\n"


def opened(text: str, layout: Layout | None = None, name: str = "sales.csv") -> Table:
    content = gzip.compress(text.encode()) if name.endswith(".gz") else text.encode()
    return open_table(io.BytesIO(content), name, len(content), SALES, layout or Layout())


def lines_of(table: Table) -> list[tuple[int, str, str]]:
    return [
        row
        for batch in table.batches
        for row in batch.rows.select("line_number", "item_id", "units_sold").iter_rows()
    ]


@pytest.mark.parametrize("name", ["sales.csv", "sales.tsv", "sales.txt", "sales.TXT"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found_whatever_the_name_says(name: str, separator: str) -> None:
    table = opened(SHEET.replace(",", separator), name=name)
    assert lines_of(table) == [(2, "tea", "3"), (3, "tea", "4")]
    assert table.decimal_comma is (separator == ";")


def test_a_declared_separator_is_used_where_the_header_has_more_of_another() -> None:
    text = "date|item_id|units_sold|a,b,c,d,e\n2024-03-01|tea|3|x\n"
    with pytest.raises(FileRefusedError, match="'date' is missing"):
        opened(text)
    assert lines_of(opened(text, Layout(separator="|"))) == [(2, "tea", "3")]


@pytest.mark.parametrize("name", ["sales.csv", "sales.csv.gz"])
def test_a_header_below_titles_is_found_and_its_line_is_said(name: str) -> None:
    table = opened(TITLES + SHEET, name=name)
    assert lines_of(table) == [(5, "tea", "3"), (6, "tea", "4")]
    assert table.remarks == (
        "The names of the columns are on line 4; 'forecaster feed set CLIENT FEED --header-row ROW' says "
        "otherwise.",
    )


def test_blank_lines_above_the_header_are_nothing_to_remark_on() -> None:
    table = opened("\n\n" + SHEET)
    assert lines_of(table)[0] == (4, "tea", "3")
    assert table.remarks == ()


def test_the_separator_is_that_of_the_header_and_not_of_the_titles() -> None:
    assert lines_of(opened("Sales, stock, orders, all;\n" + SHEET.replace(",", ";")))[0] == (3, "tea", "3")


def test_a_title_with_stray_quotes_is_a_title() -> None:
    assert lines_of(opened('"Sales" of the "north"\n"Open\n' + SHEET))[0] == (4, "tea", "3")


def test_a_header_that_is_mapped_is_found_below_titles_too() -> None:
    text = "Umsatz\nTag,Artikel,Menge\n2024-03-01,tea,3\n"
    layout = Layout(columns={"date": "Tag", "item_id": "Artikel", "units_sold": "Menge"})
    assert lines_of(opened(text, layout)) == [(3, "tea", "3")]


def test_a_declared_header_row_is_used_though_an_earlier_row_would_do() -> None:
    text = "date,item_id,units_sold\n2024-03-01,old,1\n\ndate,item_id,units_sold\n2024-03-02,new,2\n"
    table = opened(text, Layout(header_row=4))
    assert lines_of(table) == [(5, "new", "2")]
    assert table.remarks == ()


@pytest.mark.parametrize(
    ("row", "sentence"),
    [(2, "'date' is missing; the columns found are 2024-03-01, tea, 3"), (9, "has no header in row 9")],
)
def test_a_declared_header_row_that_is_none_is_refused(row: int, sentence: str) -> None:
    with pytest.raises(FileRefusedError, match=sentence):
        opened(SHEET, Layout(header_row=row))


def test_where_no_line_is_a_header_the_message_is_about_the_first() -> None:
    with pytest.raises(FileRefusedError, match="the columns found are Sales of March"):
        opened(TITLES + "a,b,c\n" * 50 + SHEET)


def test_long_lines_below_a_first_one_that_is_no_header_are_not_taken_for_one_record() -> None:
    days = ",".join(f"d_{day}" for day in range(1, 150_000))
    line = f"item,store,{days}\n"
    content = (line * 20).encode()
    with pytest.raises(FileRefusedError, match="'item_id' is missing"):
        open_table(io.BytesIO(content), "sales_train_x.csv", len(content), M5_SALES, Layout())


def test_a_header_whose_names_span_lines_is_one_header() -> None:
    text = 'date,item_id,units_sold,"note\nof the till"\n2024-03-01,tea,3,x\n'
    assert lines_of(opened(text)) == [(3, "tea", "3")]


def test_totals_below_the_rows_are_rejected_and_the_remark_reaches_the_record(
    warehouse: Warehouse, new_client: Callable[..., Client], tmp_path: Path
) -> None:
    client = new_client(max_reject_rate=0.5)
    outcome = deliver(warehouse, client, tmp_path, "sales.txt", TITLES + SHEET + ",Total,7\nEnd of report\n")
    assert (outcome.status, outcome.rows_rejected) == ("loaded", 2), outcome.message
    assert "The names of the columns are on line 4" in (outcome.message or "")
    assert reasons(warehouse, client) == [(7, "missing_key", "date"), (8, "wrong_field_count", None)]


def test_a_row_that_is_rejected_late_below_titles_keeps_its_text_and_line(
    warehouse: Warehouse, new_client: Callable[..., Client], tmp_path: Path
) -> None:
    client = new_client(max_reject_rate=0.5)
    deliver(warehouse, client, tmp_path, "sales.tsv", (TITLES + SHEET + "2024-03-01,tea,9\n"))
    kept = rows(
        warehouse, "select line_number, raw from ops.rejected_rows where client_id = %s", client.client_id
    )
    assert kept == [(7, "2024-03-01,tea,9")]
