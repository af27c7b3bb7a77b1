"""JSON lines: the objects are read as the text that CSV would have held, or the line is a bad row."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from orchestration.clients import Client
from orchestration.landing.batches import Table
from orchestration.landing.contracts import Contract
from orchestration.landing.kinds import M5_SALES, SALES
from orchestration.landing.layout import Layout
from orchestration.landing.reader import open_table
from orchestration.landing.reasons import FileRefusedError
from orchestration.warehouse.server import Warehouse
from tests.orchestration.landing.deliveries import deliver, reasons, rows

SHEET = (
    '{"date": "2024-03-01", "item_id": "tea", "units_sold": 3}\n'
    '{"date": "2024-03-02", "item_id": "tea", "units_sold": 4}\n'
)


def opened(
    content: str | bytes,
    layout: Layout | None = None,
    name: str = "sales.jsonl",
    contract: Contract = SALES,
) -> Table:
    whole = content.encode() if isinstance(content, str) else content
    return open_table(io.BytesIO(whole), name, len(whole), contract, layout or Layout())


def column(table: Table, name: str) -> list[str | None]:
    return [text for batch in table.batches for text in batch.rows[name]]


def of_item(value: str) -> str:
    return f'{{"date": "2024-03-01", "units_sold": 1, "item_id": {value}}}\n'


@pytest.mark.parametrize("name", ["sales.jsonl", "sales.ndjson", "Sales.JSONL"])
def test_an_object_a_line_is_read_as_a_row(name: str) -> None:
    table = opened("\n" + SHEET, name=name)
    [batch] = table.batches
    assert batch.rows.rows() == [
        ("2024-03-01", "tea", "3", 2, SHEET.splitlines()[0]),
        ("2024-03-02", "tea", "4", 3, SHEET.splitlines()[1]),
    ]
    assert (table.columns, table.unused, table.remarks) == (("date", "item_id", "units_sold"), (), ())


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("sales.jsonl.gz", gzip.compress(SHEET.encode())),
        ("sales.ndjson.zst", pa.compress(SHEET.encode(), codec="zstd", asbytes=True)),
        ("sales.jsonl", SHEET.encode("utf-16")),
        ("sales.jsonl", SHEET.encode("utf-8-sig")),
    ],
    ids=["gzip", "zstd", "UTF-16", "a mark of UTF-8"],
)
def test_compressed_and_marked_files_are_read_too(name: str, content: bytes) -> None:
    assert column(opened(content, name=name), "units_sold") == ["3", "4"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ('"a1"', "a1"),
        ("1001", "1001"),
        ("1001.50", "1001.50"),
        ("1E3", "1E3"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("9" * 5_000, "9" * 5_000),
        ("NaN", "NaN"),
        ("true", "true"),
        ("false", "false"),
        ("null", None),
        ('"K\\u00e4se"', "Käse"),
        ('"\\ud83c\\udf75"', "🍵"),
        ('"half \\ud83c"', "half \ufffd"),
    ],
)
def test_a_value_is_read_as_it_is_written(value: str, text: str | None) -> None:
    assert column(opened(of_item(value)), "item_id") == [text]


def test_the_keys_of_all_lines_are_columns_and_what_a_line_lacks_is_empty() -> None:
    table = opened(SHEET + '{"location_id": "shop", "date": "2024-03-03", "colour": "red"}\n')
    assert table.columns == ("date", "item_id", "units_sold", "location_id")
    assert table.unused == ("colour",)
    assert column(table, "location_id") == [None, None, "shop"]


def test_names_are_mapped_and_trimmed_like_those_of_csv() -> None:
    text = '{" DATE ": "2024-03-01", "Artikel": "tea", "units_sold": 1}\n'
    assert column(opened(text, Layout(columns={"item_id": "artikel"})), "item_id") == ["tea"]


def test_a_column_per_day_may_stand_in_objects() -> None:
    text = '{"item_id": "a", "store_id": "s", "d_1": 1}\n{"item_id": "b", "store_id": "s", "d_2": 2}\n'
    table = opened(text, name="sales_train_x.jsonl", contract=M5_SALES)
    assert table.columns == ("item_id", "store_id", "d_1", "d_2")


def test_a_declared_decimal_comma_holds_for_texts() -> None:
    assert opened(SHEET, Layout(decimal_comma=True)).decimal_comma
    assert not opened(SHEET).decimal_comma


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (of_item('["a"]'), "the column 'item_id' holds lists or records (first on line 1)"),
        (SHEET + of_item('{"code": "a"}'), "the column 'item_id' holds lists or records (first on line 3)"),
        ("\n \n", "has no rows"),
        ("[\n" + SHEET.replace("}\n", "},\n") + "]\n", "no line of it is a JSON object"),
        ("date,item_id\n2024-03-01,tea\n", "no line of it is a JSON object"),
        ('{"date": "2024-03-01"}\n', "'item_id' is missing; the columns found are date"),
        (SHEET + '{"Date": 1}\n', "the column 'Date' appears twice"),
        ("[" * 100_000 + "\n", "no line of it is a JSON object"),
        ('{"item_id": "' + "a" * (1 << 20) + '"}\n', "line 1 is longer than 1,048,576 bytes"),
        (
            "".join(json.dumps({f"{number:_<60000}": 1}) + "\n" for number in range(20)),
            "the names of its columns are together longer than 1,048,576 bytes",
        ),
        (b'{"item_id": "a\0b"}\n', "line 1 holds a NUL byte"),
        (gzip.compress(SHEET.encode()), "is compressed with gzip but not named .gz"),
    ],
    ids=[
        *("a list", "a record", "blank lines", "a list around the lines", "CSV", "a column missing"),
        *("a name twice", "depth", "a long line", "long names", "NUL", "hidden gzip"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_one_sentence(content: str | bytes, sentence: str) -> None:
    with pytest.raises(FileRefusedError) as refused:
        opened(content)
    assert sentence in str(refused.value)


def test_a_nested_value_in_a_column_that_nobody_uses_is_no_obstacle() -> None:
    table = opened(SHEET + '{"date": "2024-03-03", "item_id": "tea", "units_sold": 1, "tags": ["new"]}\n')
    assert column(table, "item_id") == ["tea", "tea", "tea"]


@pytest.mark.parametrize("bad", ["[1, 2]", '"text"', "7", '{"date": ', "{'date': 1}", "tea"])
def test_a_line_that_is_no_object_is_a_bad_row_and_the_rest_loads(
    warehouse: Warehouse, new_client: Callable[..., Client], tmp_path: Path, bad: str
) -> None:
    client = new_client(max_reject_rate=0.5)
    outcome = deliver(warehouse, client, tmp_path, "sales.jsonl", SHEET + bad + "\n")
    assert (outcome.status, outcome.rows_rejected) == ("loaded", 1), outcome.message
    kept = rows(
        warehouse,
        "select line_number, reason, message, raw from ops.rejected_rows where client_id = %s",
        client.client_id,
    )
    assert kept == [(3, "not_an_object", "The line is no JSON object.", bad)]


def test_a_row_that_is_rejected_late_keeps_its_line(
    warehouse: Warehouse, new_client: Callable[..., Client], tmp_path: Path
) -> None:
    client = new_client(max_reject_rate=0.5)
    again = '{"date": "2024-03-01", "item_id": "tea", "units_sold": 9}'
    deliver(warehouse, client, tmp_path, "sales.jsonl", SHEET + again + "\n")
    assert reasons(warehouse, client) == [(3, "duplicate_key_in_file", "item_id")]
    kept = rows(warehouse, "select raw from ops.rejected_rows where client_id = %s", client.client_id)
    assert kept == [(again,)]


def test_a_nul_that_is_written_as_an_escape_is_a_control_character(
    warehouse: Warehouse, new_client: Callable[..., Client], tmp_path: Path
) -> None:
    client = new_client(max_reject_rate=0.5)
    deliver(warehouse, client, tmp_path, "sales.jsonl", SHEET + of_item('"a\\u0000b"'))
    assert reasons(warehouse, client) == [(3, "control_character", "item_id")]
