"""Types of Parquet: read as the text that CSV would have held, or refused by the column's name and type."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from orchestration.clients import Client
from orchestration.landing import parquet_reader
from orchestration.landing.kinds import SALES
from orchestration.landing.layout import Layout
from orchestration.landing.reader import open_table
from orchestration.landing.reasons import FileRefusedError
from orchestration.warehouse.server import Warehouse
from tests.orchestration.landing.deliveries import deliver, reasons

DAY = date(2024, 3, 1)
NIGHT = datetime(2024, 3, 1, 23, 30)  # noqa: DTZ001 - the clock of the file


def written(**columns: Any) -> bytes:
    """A sales file with one column of another type."""
    n_rows = len(next(iter(columns.values())))
    whole = {"date": [DAY] * n_rows, "item_id": ["tea"] * n_rows, "units_sold": [1] * n_rows, **columns}
    buffer = io.BytesIO()
    pq.write_table(pa.table(whole), buffer)
    return buffer.getvalue()


def read(content: bytes, column: str) -> list[str | None]:
    table = open_table(io.BytesIO(content), "sales.parquet", len(content), SALES, Layout())
    return [text for batch in table.batches for text in batch.rows[column]]


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        (pa.array([7, 2**64 - 1], pa.uint64()), ["7", "18446744073709551615"]),
        (pa.array([b"a1", "ü".encode()], pa.binary()), ["a1", "ü"]),
        (pa.array([b"ab", None], pa.binary(2)), ["ab", None]),
        (pa.array(["a", "b"]).dictionary_encode(), ["a", "b"]),
        (pa.array([DAY, None]).dictionary_encode(), ["2024-03-01", None]),
        (pa.array([DAY, DAY], pa.date64()), ["2024-03-01"] * 2),
        (
            pa.array([2**30, 0], pa.int32()).cast(pa.date32()),
            ["<value out of range: 1073741824>", "1970-01-01"],
        ),
        (pa.array([NIGHT, None]), ["2024-03-01 23:30:00", None]),
        (pa.array([NIGHT], pa.timestamp("us", "Europe/Berlin")), ["2024-03-02 00:30:00"]),
        (pa.array([2**62, 0], pa.timestamp("ms")), ["4611686018427387904", "1970-01-01 00:00:00"]),
        (pa.array([Decimal("1.50")], pa.decimal256(60, 2)), ["1.50"]),
        (pa.array([Decimal("1.50")], pa.decimal128(10, 2)), ["1.50"]),
        (pa.array([1.5, 2.0], pa.float16()), ["1.5", "2"]),
        (pa.array([0.1, 2.0], pa.float32()), ["0.1", "2"]),
        (pa.array([True, None]), ["true", None]),
        (pa.array([0, 1], pa.time32("s")), ["00:00:00", "00:00:01"]),
        (pa.nulls(2), [None, None]),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)
def test_a_column_is_read_as_the_text_of_csv(values: pa.Array, texts: list[str | None]) -> None:
    assert read(written(item_id=values), "item_id") == texts


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (pa.array([1], pa.duration("s")), "holds lengths of time (duration[s])"),
        (pa.array([b"\xff\xfe"], pa.binary()), "holds bytes that are not UTF-8 text"),
        (pa.array([b"\xff" * 16], pa.binary(16)), "holds bytes that are not UTF-8 text"),
        (pa.array([b"0" * 16], pa.uuid()), "holds values of the type extension<arrow.uuid>"),
        (pa.array([["a"]]), "holds lists or records (list<element: string>)"),
        (pa.array([{"a": 1}]), "holds lists or records (struct<a: int64>)"),
        (
            pa.array([0], pa.timestamp("us", "Mars/Olympus")),
            "times of a zone that nobody knows (Mars/Olympus)",
        ),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)
def test_a_column_that_is_no_text_is_refused_by_its_name_and_type(values: pa.Array, sentence: str) -> None:
    with pytest.raises(FileRefusedError) as refused:
        read(written(item_id=values), "item_id")
    message = str(refused.value)
    assert message.startswith("sales.parquet: the column 'item_id' ")
    assert sentence in message
    assert message.endswith("Write the column as text, numbers, dates or booleans, or deliver CSV.")


def test_a_column_that_is_not_used_may_be_of_any_type() -> None:
    assert read(written(note=pa.array([1], pa.duration("s"))), "item_id") == ["tea"]


def test_a_date_beyond_the_calendar_is_a_bad_row_and_the_rest_loads(
    warehouse: Warehouse, new_client: Callable[..., Client], tmp_path: Path
) -> None:
    client = new_client(max_reject_rate=0.5)
    days = pa.array([19_800, 2**30], pa.int32()).cast(pa.date32())

    outcome = deliver(warehouse, client, tmp_path, "sales.parquet", written(date=days))

    assert (outcome.status, outcome.rows_rejected) == ("loaded", 1), outcome.message
    assert reasons(warehouse, client) == [(3, "bad_date", "date")]


def test_an_encrypted_file_is_called_encrypted() -> None:
    with pytest.raises(FileRefusedError, match=r"sales.parquet is encrypted\."):
        read(b"PARE" + b"\xff" * 99 + b"PARE", "item_id")


def test_more_rows_than_its_size_lets_expect_are_refused_before_the_first_is_read() -> None:
    content = written(item_id=["tea"] * 1_100_000)
    assert len(content) < 20_000
    with pytest.raises(FileRefusedError, match="decompresses to more than 1,000,000 rows"):
        open_table(io.BytesIO(content), "sales.parquet", len(content), SALES, Layout())


def test_a_long_text_that_stands_in_every_row_is_held_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_reader, "_BATCH_BYTES", 1 << 20)
    long = pa.DictionaryArray.from_arrays(pa.array([0] * 2_000, pa.int32()), pa.array(["x" * 500_000]))
    content = written(item_id=long)
    assert len(content) < 50_000

    table = open_table(io.BytesIO(content), "sales.parquet", len(content), SALES, Layout())
    batches = list(table.batches)

    assert sum(batch.rows.height for batch in batches) == 2_000
    assert max(batch.rows.estimated_size() for batch in batches) < 2 << 20
    assert [line for batch in batches for line in batch.rows["line_number"]] == list(range(2, 2_002))


@pytest.mark.parametrize(
    ("double", "words"), [(0, "that it has 2 rows and gives 0"), (6, "that it has 3 rows and gives 2")]
)
def test_a_file_that_gives_other_rows_than_it_says_it_has_is_damaged(double: int, words: str) -> None:
    """One byte of a count changed by a bad disk or transfer: rows were missing without a word."""
    content = bytearray(written(item_id=["tea", "milk"]))
    footer = range(len(content) - 8 - int.from_bytes(content[-8:-4], "little"), len(content) - 8)
    counts = [place for place in footer if content[place] == 2 * 2]
    said = []
    for place in counts:
        damaged = bytes(content[:place] + bytes([double]) + content[place + 1 :])
        try:
            assert len(read(damaged, "item_id")) == 2
        except FileRefusedError as error:
            said.append(str(error))
    assert any(words in message for message in said)
