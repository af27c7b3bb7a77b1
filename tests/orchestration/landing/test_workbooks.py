"""Workbooks: the sheet and the row that hold the columns are found and said, cells are the text of CSV."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestration.clients import Client
from orchestration.feeds import Feed
from orchestration.landing.batches import LINE, Table
from orchestration.landing.contracts import Cells, Contract
from orchestration.landing.kinds import M5_SALES, SALES
from orchestration.landing.layout import Layout
from orchestration.landing.reader import open_table
from orchestration.landing.reasons import FileRefusedError
from orchestration.landing.wide import named_date
from orchestration.landing.workbook_cells import text_of
from orchestration.warehouse.server import Warehouse
from tests.orchestration.landing.deliveries import deliver, reasons, rows
from tests.orchestration.landing.workbooks import ERROR, encrypted_xlsx, ods, table, xls, xlsb, xlsx

HEADER = ("date", "item_id", "units_sold")
MARCH = date(2024, 3, 1)
SALE = (MARCH, "tea", 3)

NewClient = Callable[..., Client]


def opened(
    content: bytes,
    layout: Layout | None = None,
    name: str = "sales.xlsx",
    contract: Contract = SALES,
) -> Table:
    return open_table(io.BytesIO(content), name, len(content), contract, layout or Layout())


def lines_of(sheet: Table) -> list[tuple[Any, ...]]:
    """Line number, date, item and units of each row."""
    return [row for batch in sheet.batches for row in batch.rows.select(LINE, *HEADER).iter_rows()]


def errors_of(sheet: Table) -> list[tuple[Any, ...]]:
    """Line number and message of each row with an error in it."""
    return [row for batch in sheet.batches for row in batch.misshapen.select(LINE, "message").iter_rows()]


def book(*sales: tuple[Any, ...], at: int = 1) -> bytes:
    return xlsx({"Data": table(HEADER, *sales, at=at)})


# --- formats ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("sales.xlsx", book(SALE, (MARCH, 1001, 2.5))),
        ("sales.xlsm", book(SALE, (MARCH, 1001, 2.5))),
        ("SALES.XLSX", book(SALE, (MARCH, 1001, 2.5))),
        ("sales.ods", ods(table(HEADER, SALE, (MARCH, 1001, 2.5)))),
        ("sales.xlsb", xlsb(table(HEADER, ("2024-03-01", "tea", 3), ("2024-03-01", 1001, 2.5)))),
    ],
)
def test_a_workbook_is_read_as_the_text_of_csv_without_a_word(name: str, content: bytes) -> None:
    sheet = opened(content, name=name)
    assert lines_of(sheet) == [(2, "2024-03-01", "tea", "3"), (3, "2024-03-01", "1001", "2.5")]
    assert (sheet.columns, sheet.remarks, sheet.decimal_comma) == (HEADER, (), False)


def test_a_workbook_of_excel_97_is_read_too() -> None:
    sheet = opened(xls(), name="sales.xls")
    assert lines_of(sheet) == [(5, "2024-03-01", "1001", "3"), (6, "2024-03-02", "tea", "2.5")]


def test_what_is_inside_counts_and_not_which_suffix_of_a_workbook_the_name_has() -> None:
    assert lines_of(opened(book(SALE), name="sales.xls")) == [(2, "2024-03-01", "tea", "3")]


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (1001.0, "1001"),
        (123456789012, "123456789012"),
        (1e22, "1e+22"),
        (0.1, "0.1"),
        (-2.50, "-2.5"),
        (True, "true"),
        (False, "false"),
        (MARCH, "2024-03-01"),
        (datetime(2024, 3, 1, 23, 30), "2024-03-01 23:30:00"),  # noqa: DTZ001 - the clock of the sheet
        (datetime(2024, 3, 1), "2024-03-01"),  # noqa: DTZ001 - the clock of the sheet
        (time(10, 30), "10:30:00"),
        (timedelta(hours=30), "1 day, 6:00:00"),
        ("007", "007"),
        ("=A1", "2"),
        ("two\nlines", "two\nlines"),
        (None, ""),
    ],
    ids=str,
)
def test_a_cell_is_the_text_that_csv_would_have_held(cell: Any, text: str) -> None:
    content = book((MARCH, cell, 1))
    if cell == "=A1":
        content = _with_formula(content)
    assert lines_of(opened(content)) == [(2, "2024-03-01", text, "1")]


def _with_formula(content: bytes) -> bytes:
    """A formula's cell as Excel leaves it once it was computed."""
    source, target = io.BytesIO(content), io.BytesIO()
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            cells = old.read(name).replace(b"<f>A1</f><v>0</v>", b"<f>1+1</f><v>2</v>")
            new.writestr(name, cells)
    return target.getvalue()


def test_a_declared_decimal_comma_holds_for_numbers_and_for_numbers_that_are_texts() -> None:
    sheet = opened(book((MARCH, "tea", 2.5), (MARCH, "oil", "3,5")), Layout(decimal_comma=True))
    assert sheet.decimal_comma
    assert [units for _, _, _, units in lines_of(sheet)] == ["2,5", "3,5"]


def test_a_whole_number_has_no_decimals_to_mark() -> None:
    assert text_of(1001.0, decimal_comma=True) == "1001"


def test_rows_keep_their_numbers_in_the_sheet_and_blank_ones_are_none() -> None:
    sheet = xlsx({"Data": {2: HEADER, 3: SALE, 7: (MARCH, "oil", 1), 9: (None, "", None)}})
    assert [line for line, *_ in lines_of(opened(sheet))] == [3, 7]


def test_columns_may_begin_anywhere_and_errors_stay_with_theirs() -> None:
    sheet = {row: (None, None, *cells) for row, cells in table(HEADER, SALE, (MARCH, ERROR, 1), at=3).items()}
    content = xlsx({"Data": sheet})
    assert lines_of(opened(content)) == [(4, "2024-03-01", "tea", "3")]
    assert errors_of(opened(content)) == [(5, "item_id '#N/A' is an error of the workbook.")]


def test_every_error_of_a_large_sheet_is_found() -> None:
    content = book(*[(MARCH, ERROR if number % 7 == 0 else f"i{number}", 1) for number in range(40_000)])
    assert [line for line, _ in errors_of(opened(content))] == list(range(2, 40_002, 7))


# --- which sheet, which row ---------------------------------------------------------------------------


def test_the_only_sheet_with_the_columns_is_read_and_named() -> None:
    content = xlsx({"About": {1: ("Sales of March",)}, "Data": table(HEADER, SALE)})
    sheet = opened(content)
    assert lines_of(sheet) == [(2, "2024-03-01", "tea", "3")]
    assert sheet.remarks == (
        "The sheet is 'Data'; 'forecaster feed set CLIENT FEED --sheet SHEET' says otherwise.",
    )


def test_a_header_below_titles_is_found_and_its_row_is_said() -> None:
    content = xlsx({"Data": {1: ("Sales of March",), **table(HEADER, SALE, at=4)}})
    sheet = opened(content)
    assert lines_of(sheet) == [(5, "2024-03-01", "tea", "3")]
    assert sheet.remarks == (
        "The names of the columns are in row 4; 'forecaster feed set CLIENT FEED --header-row ROW' says "
        "otherwise.",
    )


def test_another_sheet_and_a_later_row_are_said_in_one_sentence() -> None:
    content = xlsx({"About": {1: ("x",)}, "Data": {1: ("Sales",), **table(HEADER, SALE, at=2)}})
    assert opened(content).remarks == (
        "The sheet is 'Data', and the names of the columns are in row 2; 'forecaster feed set CLIENT FEED "
        "--sheet SHEET --header-row ROW' says otherwise.",
    )


def test_a_declared_sheet_and_row_are_used_and_not_remarked_on() -> None:
    content = xlsx(
        {"Data": table(HEADER, SALE), "Plan": {1: HEADER, **table(HEADER, (MARCH, "oil", 9), at=3)}}
    )
    sheet = opened(content, Layout(sheet="plan", header_row=3))
    assert lines_of(sheet) == [(4, "2024-03-01", "oil", "9")]
    assert sheet.remarks == ()


def test_a_sheet_that_nobody_sees_is_read_only_where_it_is_named() -> None:
    content = xlsx({"Old": table(HEADER, (MARCH, "old", 1)), "Data": table(HEADER, SALE)}, hidden=["Old"])
    assert lines_of(opened(content)) == [(2, "2024-03-01", "tea", "3")]
    assert lines_of(opened(content, Layout(sheet="Old"))) == [(2, "2024-03-01", "old", "1")]


@pytest.mark.parametrize(
    ("sheets", "layout", "sentence"),
    [
        (
            {"North": table(HEADER, SALE), "South": table(HEADER, SALE), "About": {1: ("x",)}},
            Layout(),
            "has more than one sheet with the columns that are needed: 'North', 'South'. Name the sheet with "
            "'forecaster feed set CLIENT FEED --sheet SHEET'.",
        ),
        (
            {"About": {1: ("x",)}, "Data": table(("date", "item_id"), (MARCH, "tea"))},
            Layout(),
            "has no sheet with the columns that are needed; it has 'About', 'Data'. Name the sheet with",
        ),
        ({"Data": table(HEADER, SALE)}, Layout(sheet="Sales"), "has no sheet 'Sales'; it has 'Data'. Name"),
        (
            {"Data": table(("date", "item_id"), (MARCH, "tea"))},
            Layout(),
            "the column 'units_sold' is missing; the columns found are date, item_id",
        ),
        ({"Data": table(HEADER, SALE)}, Layout(header_row=2), "the columns found are 2024-03-01, tea, 3"),
        ({"Data": table(HEADER, SALE)}, Layout(header_row=9), "has no header in row 9"),
        ({"Data": table(HEADER, SALE, at=31)}, Layout(), "has no header"),
        ({"Data": {}}, Layout(), "has no header"),
        ({"Data": table(HEADER)}, Layout(), "has a header and no rows"),
        ({"Data": table(("date", *HEADER), SALE)}, Layout(), "the column 'date' appears twice"),
    ],
    ids=[
        *("two sheets", "no sheet", "a sheet that is not there", "a column missing", "no header in the row"),
        *("beyond the rows", "a header too far down", "empty", "no rows", "a name twice"),
    ],
)
def test_where_no_one_sheet_will_do_the_sheets_are_named(
    sheets: dict[str, Any], layout: Layout, sentence: str
) -> None:
    with pytest.raises(FileRefusedError) as refused:
        opened(xlsx(sheets), layout)
    assert sentence in str(refused.value)


# --- dates in the header ------------------------------------------------------------------------------


def test_typed_dates_in_the_header_are_the_periods_of_a_wide_table() -> None:
    wide = replace(
        SALES,
        columns=tuple(column for column in SALES.columns if column.name == "item_id"),
        cells=Cells(lambda name: named_date(name, "%b %Y") is not None, "%b %Y"),
    )
    content = xlsx(
        {"Data": table(("item_id", MARCH, date(2024, 4, 1), "May 2024", "Total"), ("tea", 1, 2, 3, 6))}
    )
    sheet = opened(content, contract=wide)
    assert sheet.columns == ("item_id", "2024-03-01", "2024-04-01", "May 2024")
    assert sheet.unused == ("Total",)


def test_the_days_of_m5_may_stand_in_a_workbook() -> None:
    content = xlsx({"Data": table(("item_id", "store_id", "d_1", "d_2"), ("a", "s", 1, 0))})
    assert opened(content, name="sales_train_x.xlsx", contract=M5_SALES).columns[2:] == ("d_1", "d_2")


# --- damaged and hostile ------------------------------------------------------------------------------


def bomb() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b" " * (70 << 20))
    return buffer.getvalue()


def liar() -> bytes:
    """An archive whose files say that they are a thousandth of what they are."""
    content = bytearray(bomb())
    for start, size_at in ((content.index(b"PK\x03\x04"), 22), (content.index(b"PK\x01\x02"), 24)):
        content[start + size_at : start + size_at + 4] = struct.pack("<I", 70 << 10)
    return bytes(content)


def far_corner() -> bytes:
    return xlsx({"Data": {**table(HEADER, SALE), 1_048_576: (*[None] * 16_383, "x")}})


def repeated() -> bytes:
    row = (
        '<table:table-row table:number-rows-repeated="1040000"><table:table-cell '
        'table:number-columns-repeated="16000" office:value-type="float" office:value="1"/></table:table-row>'
    )
    return ods(table(HEADER, SALE), more=row)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("sales.xlsx", b"date,item_id,units_sold\n", "is named .xlsx but is not a workbook"),
        ("sales.xls", b"<html><table>", "is named .xls but is not a workbook"),
        ("sales.xlsx", b"PK\x03\x04", "is a damaged workbook"),
        ("sales.xlsx", book(SALE)[:-40], "is a damaged workbook"),
        ("sales.xlsx", book(SALE).replace(b"xl/workbook.xml", b"xl/nothing__xml"), "is a damaged workbook"),
        ("sales.ods", ods(table(HEADER, SALE))[:-40], "is a damaged workbook"),
        ("sales.xls", xls()[:3_000], "is a damaged workbook"),
        ("sales.xlsx", encrypted_xlsx(), "is encrypted"),
        ("sales.xlsx", bomb(), "decompresses to more than 67,108,864 bytes"),
        ("sales.xlsx", liar(), "is a damaged workbook"),
        ("sales.xlsx", far_corner(), "cannot be opened: it is damaged, or has a cell so far out"),
        ("sales.ods", repeated(), "is a damaged workbook|cannot be opened"),
    ],
    ids=[
        *("CSV", "HTML", "only its first bytes", "cut off", "a part missing", "cut ods", "cut xls"),
        *("a password", "a bomb", "a bomb that lies", "a cell in the last corner", "repeated cells"),
    ],
)
def test_a_damaged_encrypted_or_hostile_workbook_is_refused_with_one_sentence(
    name: str, content: bytes, sentence: str
) -> None:
    with pytest.raises(FileRefusedError, match=rf"^{name} ({sentence})"):
        opened(content, name=name)


def test_a_workbook_of_more_days_than_its_size_lets_expect_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("orchestration.landing.expansion._ROWS_FLOOR", 500_000)
    monkeypatch.setattr("orchestration.landing.workbook_reader.VALUES_A_BYTE", 0)
    days = [f"d_{day}" for day in range(1, 1_501)]
    content = xlsx({"Data": table(("item_id", "store_id", *days), *[("i", "s", *[0] * 1_500)] * 400)})
    with pytest.raises(FileRefusedError, match="decompresses to more than"):
        opened(content, name="sales_train_x.xlsx", contract=M5_SALES)


# --- deliveries ---------------------------------------------------------------------------------------


def test_bad_rows_of_a_workbook_name_their_row_and_keep_their_text(
    warehouse: Warehouse, new_client: NewClient, tmp_path: Path
) -> None:
    client = new_client(max_reject_rate=0.9)
    content = book(SALE, (MARCH, "oil", "x"), (MARCH, "tea", 9), ("Total", None, 13))
    outcome = deliver(warehouse, client, tmp_path, "sales.xlsx", content)
    assert (outcome.status, outcome.rows_read) == ("loaded", 4), outcome.message
    assert reasons(warehouse, client) == [
        (3, "bad_number", "units_sold"),
        (4, "duplicate_key_in_file", "item_id"),
        (5, "missing_key", "item_id"),
    ]
    texts = rows(
        warehouse,
        "select raw from ops.rejected_rows where client_id = %s order by line_number",
        client.client_id,
    )
    assert {text for (text,) in texts} == {"2024-03-01,oil,x", "2024-03-01,tea,9", "Total,,13"}


@pytest.mark.parametrize("error", [ERROR, "#REF!"])
@pytest.mark.parametrize("column", [0, 1, 2])
def test_an_error_where_a_value_should_be_is_a_bad_row_that_shows_it(
    warehouse: Warehouse, new_client: NewClient, tmp_path: Path, error: str, column: int
) -> None:
    client = new_client(max_reject_rate=0.9)
    cells: list[Any] = [MARCH, "oil", 1, ERROR]
    cells[column] = error
    content = xlsx({"Data": table((*HEADER, "note"), (*SALE, ERROR), cells)})
    outcome = deliver(warehouse, client, tmp_path, "sales.xlsx", content)
    assert (outcome.status, outcome.rows_rejected) == ("loaded", 1), outcome.message
    found = rows(
        warehouse,
        "select line_number, reason, message from ops.rejected_rows where client_id = %s",
        client.client_id,
    )
    assert found == [(3, "error_cell", f"{HEADER[column]} '{error}' is an error of the workbook.")]


def test_typed_dates_are_read_whatever_format_the_dates_of_the_source_have(
    warehouse: Warehouse, new_client: NewClient, tmp_path: Path
) -> None:
    client = new_client(date_format="%d.%m.%Y")
    outcome = deliver(warehouse, client, tmp_path, "sales.xlsx", book(SALE, ("02.03.2024", "tea", 4)))
    assert (outcome.status, outcome.rows_loaded) == ("loaded", 2), outcome.message
    found = rows(
        warehouse, "select date from staging.sales where client_id = %s order by 1", client.client_id
    )
    assert found == [(MARCH,), (date(2024, 3, 2),)]


def test_a_wide_sheet_with_typed_months_is_read_as_its_feed_says(
    warehouse: Warehouse, new_client: NewClient, tmp_path: Path
) -> None:
    feed = Feed(kind="sales", files=["umsatz*"], date_columns="%b %Y", sheet="Plan", header_row=2)
    client = new_client(feeds={"plan": feed})
    plan = {1: ("Umsatz",), **table(("item_id", MARCH, "Apr 2024", "Total"), ("tea", 3, 4, 7), at=2)}
    content = xlsx({"About": {1: ("x",)}, "Plan": plan})
    outcome = deliver(warehouse, client, tmp_path, "Umsatz 2024.xlsx", content)
    assert outcome.status == "loaded", outcome.message
    found = rows(
        warehouse,
        "select date, units_sold::int from staging.sales where client_id = %s order by 1",
        client.client_id,
    )
    assert found == [(MARCH, 3), (date(2024, 4, 1), 4)]


def test_the_message_of_the_delivery_says_which_sheet_and_row_were_read(
    warehouse: Warehouse, new_client: NewClient, tmp_path: Path
) -> None:
    content = xlsx({"About": {1: ("x",)}, "Data": {1: ("Sales",), **table(HEADER, SALE, at=2)}})
    message = deliver(warehouse, new_client(), tmp_path, "sales.xlsx", content).message
    assert "The sheet is 'Data', and the names of the columns are in row 2" in (message or "")
