# ruff: noqa: E501 - one malformed file a line
"""Malformed files: refused whole with one clear sentence, or loaded without their bad rows."""

from __future__ import annotations

import gzip
import io
import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from orchestration.clients import Client
from orchestration.landing import reader
from orchestration.landing.kinds import KINDS, SALES
from orchestration.landing.layout import Layout
from orchestration.landing.load import load_file
from orchestration.landing.reasons import FileRefusedError
from orchestration.warehouse.server import Warehouse
from tests.orchestration.landing.deliveries import deliver, reasons, rows, staged_rows

HEADER = "date,item_id,units_sold\n"
GOOD = "2024-03-01,shampoo,3\n"
SALES_CSV = HEADER + GOOD


def parquet(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


def parquet_sales(**columns: object) -> bytes:
    return parquet(pl.DataFrame({"date": ["2024-03-01"], "item_id": ["a"], "units_sold": [1.0], **columns}))


def wrong_checksum() -> bytes:
    whole = gzip.compress(SALES_CSV.encode())
    return whole[:-8] + struct.pack("<II", 1, len(SALES_CSV))


def gzip_bomb() -> bytes:
    return gzip.compress(HEADER.encode() + (b" " * 60_000 + b"\n") * 1_200, 9)


def rows_bomb() -> bytes:
    return gzip.compress(HEADER.encode() + GOOD.encode() * 1_100_000, 9)


def days_bomb() -> bytes:
    days = ",".join(f"d_{day}" for day in range(1, 1_001))
    lines = "".join(f"i{number},s{',0' * 1_000}\n" for number in range(1_100))
    return gzip.compress(f"item_id,store_id,{days}\n{lines}".encode(), 9)


def scrambled_gzip() -> bytes:
    whole = bytearray(gzip.compress((HEADER + GOOD * 500).encode()))
    whole[20:30] = b"\xff" * 10
    return bytes(whole)


WHOLE_FILE = [
    ("no_bytes", "sales.csv", b"", "is empty"),
    ("no_bytes_gz", "sales.csv.gz", b"", "is empty"),
    ("empty_inside_gzip", "sales.csv.gz", gzip.compress(b""), "has no header"),
    ("header_only", "sales.csv", HEADER, "has a header and no rows"),
    ("header_without_newline", "sales.csv", HEADER.strip(), "has a header and no rows"),
    ("blank_rows_only", "sales.csv", HEADER + "\n\n,,\n", "has a header and no rows"),
    ("blank_lines_only", "sales.csv", "\n\n\n", "has no header"),
    ("commas_only", "sales.csv", ",,\n,,\n", "has no header"),
    ("bom_only", "sales.csv", b"\xef\xbb\xbf", "has no header"),
    ("truncated_gzip", "sales.csv.gz", gzip.compress((HEADER + GOOD * 99).encode())[:-12], "is damaged"),
    ("half_a_gzip", "sales.csv.gz", gzip.compress(SALES_CSV.encode())[:14], "is damaged"),
    ("gzip_with_wrong_checksum", "sales.csv.gz", wrong_checksum(), "is damaged"),
    ("scrambled_gzip", "sales.csv.gz", scrambled_gzip(), "is damaged"),
    ("garbage_after_gzip", "sales.csv.gz", gzip.compress(SALES_CSV.encode()) + b"garbage", "is damaged"),
    ("plain_text_named_gz", "sales.csv.gz", SALES_CSV, "is named .gz but is not compressed with gzip. Compress the file, or take"),
    ("gzip_named_csv", "sales.csv", gzip.compress(SALES_CSV.encode()), "not named .gz"),
    ("gzip_bomb", "sales.csv.gz", gzip_bomb(), "decompresses"),
    ("gzip_of_many_rows", "sales.csv.gz", rows_bomb(), "decompresses to more than 1,000,000 rows, and has"),
    ("gzip_of_many_days", "sales_train_x.csv.gz", days_bomb(), "decompresses to more than 1,000,000 rows"),
    ("latin_1_in_utf_8", "sales.csv", "date,item_id,units_sold,größe\n".encode() + "2024-03-01,Käse,3,\n".encode("latin-1"), "line 2 is not UTF-8 (byte 44 of the text is 0xe4)"),
    ("no_letters_of_any_language", "sales.csv", HEADER.encode() + b"2024-03-01,a\xa6b\xacc,3\n", "line 2 is not UTF-8 (byte 36 of the text is 0xa6)"),
    ("half_a_utf_16", "sales.csv", SALES_CSV.encode("utf-16")[:-1], "line 2 is not UTF-16"),
    ("nul_character_in_utf_16", "sales.csv", (HEADER + "2024-03-01,a\0b,3\n").encode("utf-16"), "line 2 holds a NUL byte (byte 74"),
    ("utf_16_without_bom", "sales.csv", SALES_CSV.encode("utf-16-le"), "NUL byte"),
    ("cut_inside_a_character", "sales.csv", (HEADER + "2024-03-01,日").encode()[:-1], "is not UTF-8"),
    ("nul_byte", "sales.csv", HEADER + "2024-03-01,a\0b,3\n", "line 2 holds a NUL byte (byte 36"),
    ("nul_byte_in_header", "sales.csv", "date\0" + SALES_CSV, "line 1 holds a NUL byte"),
    ("binary", "sales.csv", bytes(range(256)), "NUL byte"),
    ("unclosed_quote", "sales.csv", HEADER + '2024-03-01,"a,3\n', "record of line 2 is broken"),
    ("unclosed_quote_over_a_large_file", "sales.csv", HEADER + '2024-03-01,"a,3\n' + GOOD * 9_000, "is broken"),
    ("text_after_quote", "sales.csv", HEADER + '2024-03-01,"a"b,3\n', "record of line 2 is broken"),
    ("unclosed_quote_in_header", "sales.csv", '"date,item_id,units_sold\n' + GOOD, "is broken"),
    ("old_mac_line_ends", "sales.csv", SALES_CSV.replace("\n", "\r"), "carriage return"),
    ("long_line", "sales.csv", HEADER + "2024-03-01," + "a" * (1 << 20) + ",3\n", "longer than 1,048,576 bytes"),
    ("long_line_in_gzip", "sales.csv.gz", gzip.compress(HEADER.encode() + b"a" * (2 << 20)), "line 2 is longer"),
    ("long_header", "sales.csv", "a" * (2 << 20), "line 1 is longer"),
    ("repeated_header", "sales.csv", "date,item_id,item_id,units_sold\n2024-03-01,a,b,1\n", "'item_id' appears twice"),
    ("repeated_header_other_case", "sales.csv", "date,item_id,Date,units_sold\n1,2,3,4\n", "'Date' appears twice"),
    ("no_units", "sales.csv", "date,item_id\n2024-03-01,a\n", "'units_sold' is missing; the columns found are date, item_id"),
    ("no_header", "sales.csv", GOOD, "'date' is missing"),
    ("wrong_delimiter", "sales.csv", SALES_CSV.replace(",", "~"), "columns found are date~item_id~units_sold"),
    ("other_kind_inside", "stock_levels.csv", SALES_CSV, "'on_hand_qty' is missing"),
    ("promotion_without_target", "promotions.csv", "start_date,end_date\n2024-01-01,2024-01-02\n", "'item_id' or 'category'"),
    ("m5_without_days", "sales_train_x.csv", "item_id,store_id\na,b\n", "a column of a period, such as 'd_1', is missing"),
    ("m5_without_store", "sales_train_x.csv", "item_id,d_1\na,1\n", "'store_id' is missing"),
    ("m5_day_in_the_future", "sales_train_x.csv", "item_id,store_id,d_99999\na,b,1\n", "d_99999 is 2284-11-11"),
    ("calendar_without_labels", "calendar.csv", "date,wm_yr_wk\n2024-01-01,1\n", "'d' is missing"),
    ("not_parquet", "sales.parquet", SALES_CSV, "is not a Parquet file"),
    ("truncated_parquet", "sales.parquet", parquet_sales()[:-30], "damaged Parquet"),
    ("scrambled_parquet", "sales.parquet", b"PAR1" + b"\xff" * 200 + b"PAR1", "damaged Parquet"),
    ("parquet_without_rows", "sales.parquet", parquet(pl.DataFrame(schema={"date": pl.Date, "item_id": pl.String, "units_sold": pl.Int64})), "has columns and no rows"),
    ("parquet_with_lists", "sales.parquet", parquet(pl.DataFrame({"date": ["2024-03-01"], "item_id": [["a"]], "units_sold": [1]})), "holds lists or records"),
    ("parquet_without_column", "sales.parquet", parquet(pl.DataFrame({"date": ["2024-03-01"]})), "'item_id' is missing"),
    ("unknown_name", "verkauf.csv", SALES_CSV, "has no known name; known are products*.csv"),
    ("spreadsheet", "sales.xlsx", b"PK\x03\x04", "is a damaged workbook. Write the workbook anew"),
    ("no_suffix", "sales", SALES_CSV, "has no known name"),
    ("many_bad_rows", "sales.csv", HEADER + GOOD + "2024-03-02,a,x\n", "1 of 2 rows are bad, more than the 2.0% allowed"),
    ("all_rows_ragged", "sales.csv", HEADER + "1,2\n3,4\n", "wrong_field_count (2 rows, first on line 2)"),
    ("dates_of_another_format", "sales.csv", HEADER + "01.03.2024,a,3\n", "which are not YYYY-MM-DD; say how they are written"),
    ("whole_file_of_totals", "sales.csv", HEADER + GOOD * 3, "duplicate_key_in_file (2 rows, first on line 3)"),
    ("overflowing_order", "sales.csv", "date,item_id,units_sold,order_id\n" + "2024-03-01,a,99999999999999,1\n" * 2, "cannot be stored"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content", "message"), [case[1:] for case in WHOLE_FILE], ids=[case[0] for case in WHOLE_FILE]
)
def test_a_file_that_cannot_be_used_is_refused_with_one_sentence(
    warehouse: Warehouse,
    new_client: Callable[..., Client],
    tmp_path: Path,
    name: str,
    content: str | bytes,
    message: str,
) -> None:
    client = new_client()

    outcome = deliver(warehouse, client, tmp_path, name, content)

    assert outcome.status == "rejected"
    assert message in (outcome.message or "")
    assert name in (outcome.message or "")
    assert staged_rows(warehouse, client) == 0
    recorded = rows(
        warehouse, "select status, message from ops.landing_files where client_id = %s", client.client_id
    )
    assert recorded == [("rejected", outcome.message)]
    audited = rows(
        warehouse,
        "select action, object from ops.audit_log where client_id = %s and action = 'reject'",
        client.client_id,
    )
    assert audited == [("reject", name)]


TOMORROW = (datetime.now(UTC).date() + timedelta(days=2)).isoformat()

BAD_ROWS = [
    ("not_a_date", "sales.csv", HEADER, "yesterday,a,1", "bad_date", "date"),
    ("day_that_does_not_exist", "sales.csv", HEADER, "2023-02-29,a,1", "bad_date", "date"),
    ("american_date", "sales.csv", HEADER, "12/31/2023,a,1", "bad_date", "date"),
    ("no_offset", "sales.csv", HEADER, "2024-03-01T10:00:00+2,a,1", "bad_date", "date"),
    ("excel_serial", "sales.csv", HEADER, "45352,a,1", "bad_date", "date"),
    ("year_1899", "sales.csv", HEADER, "1899-12-31,a,1", "date_before_1990", "date"),
    ("year_2999", "sales.csv", HEADER, "2999-01-01,a,1", "future_date", "date"),
    ("day_after_tomorrow", "sales.csv", HEADER, f"{TOMORROW},a,1", "future_date", "date"),
    ("1e309", "sales.csv", HEADER, "2024-03-01,a,1e309", "out_of_range", "units_sold"),
    ("fifteen_digits", "sales.csv", HEADER, "2024-03-01,a,999999999999999", "out_of_range", "units_sold"),
    ("nan", "sales.csv", HEADER, "2024-03-01,a,NaN", "bad_number", "units_sold"),
    ("infinity", "sales.csv", HEADER, "2024-03-01,a,-inf", "bad_number", "units_sold"),
    ("hexadecimal", "sales.csv", HEADER, "2024-03-01,a,0x1F", "bad_number", "units_sold"),
    ("thousands_separator", "sales.csv", HEADER, '2024-03-01,a,"1,000"', "bad_number", "units_sold"),
    ("currency", "sales.csv", HEADER, "2024-03-01,a,$5", "bad_number", "units_sold"),
    ("words", "sales.csv", HEADER, "2024-03-01,a,three", "bad_number", "units_sold"),
    ("arabic_digits", "sales.csv", HEADER, "2024-03-01,a,٣", "bad_number", "units_sold"),
    ("no_item", "sales.csv", HEADER, "2024-03-01, ,1", "missing_key", "item_id"),
    ("no_date", "sales.csv", HEADER, ",a,1", "missing_key", "date"),
    ("no_units", "sales.csv", HEADER, "2024-03-01,a,", "missing_value", "units_sold"),
    ("too_few_fields", "sales.csv", HEADER, "2024-03-01,a", "wrong_field_count", None),
    ("too_many_fields", "sales.csv", HEADER, "2024-03-01,a,1,2", "wrong_field_count", None),
    ("formula_as_id", "sales.csv", HEADER, "2024-03-01,=1+1,1", "formula_text", "item_id"),
    ("at_sign_as_id", "sales.csv", HEADER, "2024-03-01,@SUM(A1),1", "formula_text", "item_id"),
    ("control_character_in_id", "sales.csv", HEADER, "2024-03-01,a\x07b,1", "control_character", "item_id"),
    ("newline_in_id", "sales.csv", HEADER, '2024-03-01,"a\nb",1', "control_character", "item_id"),
    ("right_to_left_override_in_id", "sales.csv", HEADER, "2024-03-01,a\u202eb,1", "control_character", "item_id"),
    ("long_id", "sales.csv", HEADER, f"2024-03-01,{'a' * 201},1", "too_long", "item_id"),
    ("same_key_twice", "sales.csv", HEADER, "2024-03-01,shampoo,4", "duplicate_key_in_file", "item_id"),
    ("negative_price", "sales.csv", "date,item_id,units_sold,unit_price\n", "2024-03-01,a,1,-2", "out_of_range", "unit_price"),
    ("bad_boolean", "sales.csv", "date,item_id,units_sold,on_promotion\n", "2024-03-01,a,1,maybe", "bad_boolean", "on_promotion"),
    ("no_location", "sales.csv", "date,item_id,units_sold,location_id\n", "2024-03-01,a,1,", "missing_key", "location_id"),
    ("negative_reserved", "stock_levels.csv", "date,item_id,on_hand_qty,reserved_qty\n", "2024-03-01,a,1,-2", "negative_stock", "reserved_qty"),
    ("negative_backorders", "stock_levels.csv", "date,item_id,on_hand_qty,backorder_qty\n", "2024-03-01,a,1,-2", "negative_stock", "backorder_qty"),
    ("stock_of_tomorrow", "stock_levels.csv", "date,item_id,on_hand_qty\n", f"{TOMORROW},a,1", "future_date", "date"),
    ("formula_in_name", "products.csv", "item_id,name\n", 'a,"=HYPERLINK(""http://x"")"', "formula_text", "name"),
    ("command_in_name", "products.csv", "item_id,name\n", "a,+cmd|' /C calc'!A0", "formula_text", "name"),
    ("sold_before_launch", "products.csv", "item_id,launch_date,end_date\n", "a,2024-01-02,2024-01-01", "end_before_start", "end_date"),
    ("no_end_as_9999", "products.csv", "item_id,end_date\n", "a,9999-12-31", "future_date", "end_date"),
    ("half_a_day_of_shelf_life", "products.csv", "item_id,shelf_life_days\n", "a,1.5", "bad_number", "shelf_life_days"),
    ("negative_lead_time", "suppliers.csv", "supplier_id,lead_time_days\n", "a,-1", "out_of_range", "lead_time_days"),
    ("received_before_ordered", "purchase_orders.csv", "po_id,item_id,ordered_qty,order_date,received_date\n", "1,a,1,2024-01-02,2024-01-01", "end_before_start", "received_date"),
    ("promotion_backwards", "promotions.csv", "item_id,start_date,end_date\n", "a,2024-01-02,2024-01-01", "end_before_start", "end_date"),
    ("promotion_of_nothing", "promotions.csv", "item_id,category,start_date,end_date\n", ",,2024-01-01,2024-01-02", "missing_key", "item_id"),
    ("discount_in_percent", "promotions.csv", "item_id,start_date,end_date,discount_rate\n", "a,2024-01-01,2024-01-02,20", "out_of_range", "discount_rate"),
    ("m5_bad_cell", "sales_train_x.csv", "item_id,store_id,d_1,d_2\n", "a,b,1,x", "bad_number", "d_2"),
    ("m5_repeated_line", "sales_train_x.csv", "item_id,store_id,d_1,d_2\n", "i0,s,1,2", "duplicate_key_in_file", "item_id"),
]  # fmt: skip

FILLERS = {
    "sales.csv": "2024-03-01,i{},1",
    "stock_levels.csv": "2024-03-01,i{},1",
    "products.csv": "i{},",
    "suppliers.csv": "s{},1",
    "purchase_orders.csv": "p{},a,1,2024-01-01,",
    "promotions.csv": "i{},2024-01-01,2024-01-02",
    "sales_train_x.csv": "i{},s,1,2",
}


def good_rows(name: str, header: str, count: int) -> str:
    """Rows that fit a header, their last fields empty where the filler is short."""
    width = header.count(",")
    filler = FILLERS[name]
    if header.startswith("item_id,category"):
        filler = "i{},,2024-01-01,2024-01-02"
    lines = (filler.format(number) for number in range(count))
    if header.strip().endswith("location_id"):
        return "".join(f"{line},store\n" for line in lines)
    return "".join(f"{line}{',' * (width - line.count(','))}\n" for line in lines)


@pytest.mark.parametrize(
    ("name", "header", "bad", "reason", "column"),
    [case[1:] for case in BAD_ROWS],
    ids=[case[0] for case in BAD_ROWS],
)
def test_a_bad_row_is_rejected_with_its_reason_and_the_rest_loads(
    warehouse: Warehouse,
    new_client: Callable[..., Client],
    tmp_path: Path,
    name: str,
    header: str,
    bad: str,
    reason: str,
    column: str | None,
) -> None:
    client = new_client()
    content = header + (GOOD if header == HEADER else "") + good_rows(name, header, 59) + bad + "\n"

    outcome = deliver(warehouse, client, tmp_path, name, content)

    assert (outcome.status, outcome.rows_rejected) == ("loaded", 1), outcome.message
    assert [entry[1:] for entry in reasons(warehouse, client)] == [(reason, column)]
    [(line, raw)] = rows(
        warehouse, "select line_number, raw from ops.rejected_rows where client_id = %s", client.client_id
    )
    assert raw == bad
    assert line == content[: content.rindex(bad)].count("\n") + 1


def test_a_gzip_that_expands_too_much_is_refused_before_its_first_row() -> None:
    content = rows_bomb()
    with pytest.raises(FileRefusedError, match="decompresses"):
        reader.open_table(io.BytesIO(content), "sales.csv.gz", len(content), SALES, Layout())


def test_the_tables_hold_at_least_sixty_malformed_files() -> None:
    assert len(WHOLE_FILE) + len(BAD_ROWS) >= 60


def test_a_line_of_many_gigabytes_is_refused_after_its_limit() -> None:
    class Endless(io.RawIOBase):
        """A stream of one line without an end, which counts what was asked of it."""

        served = 0

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
            buffer[:] = b"a" * len(buffer)
            self.served += len(buffer)
            return len(buffer)

    class Rewindable(io.BufferedReader):
        """The reader looks at the first bytes and goes back to them; here every byte is the first."""

        def seek(self, target: int, _whence: int = 0, /) -> int:
            return target

    endless = Endless()
    with pytest.raises(FileRefusedError, match="line 1 is longer"):
        reader.open_table(Rewindable(endless), "sales.csv", 5 << 30, SALES, Layout())
    assert endless.served < 2 * SALES.line_limit


def test_a_sparse_file_is_refused_by_its_first_nul_byte(
    warehouse: Warehouse, new_client: Callable[..., Client], tmp_path: Path
) -> None:
    path = tmp_path / "sales.csv"
    with path.open("wb") as file:
        file.write(HEADER.encode())
        file.truncate(64 << 20)

    outcome = load_file(warehouse, new_client(), path, path.name)

    assert outcome.status == "rejected"
    assert "line 2 holds a NUL byte (byte 24 of the text)" in (outcome.message or "")


def test_what_one_client_delivers_never_touches_another(
    warehouse: Warehouse, new_client: Callable[..., Client], tmp_path: Path
) -> None:
    careful, careless = new_client(), new_client()
    deliver(warehouse, careful, tmp_path / "careful", "sales.csv", SALES_CSV)
    deliver(warehouse, careless, tmp_path / "careless", "sales.csv", HEADER + "2999-01-01,=x,1e309\n")

    assert staged_rows(warehouse, careful) == 1
    assert staged_rows(warehouse, careless) == 0
    assert reasons(warehouse, careful) == []


def test_every_kind_refuses_a_file_without_its_columns() -> None:
    for kind in KINDS:
        with pytest.raises(FileRefusedError, match="is missing; the columns found are nothing_known"):
            reader.open_table(io.BytesIO(b"nothing_known\n1\n"), "x.csv", 16, kind, Layout())


def test_a_refused_file_keeps_its_first_thousand_bad_rows_and_says_so(
    warehouse: Warehouse, new_client: Callable[..., Client], tmp_path: Path
) -> None:
    client = new_client()
    content = HEADER + "".join(f"2024-03-01,i{number},x\n" for number in range(1_500))

    outcome = deliver(warehouse, client, tmp_path, "sales.csv", content)

    assert "The first 1,000 of 1,500 rejected rows are kept." in (outcome.message or "")
    assert outcome.rows_rejected == 1_500
    assert len(reasons(warehouse, client)) == 1_000
