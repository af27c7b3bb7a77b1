"""Text compressed with zstd: read as its text, and refused where gzip would be."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from orchestration.clients import Client
from orchestration.landing.kinds import M5_SALES, SALES
from orchestration.landing.layout import Layout
from orchestration.landing.reader import open_table
from orchestration.landing.reasons import FileRefusedError
from orchestration.warehouse.server import Warehouse
from tests.orchestration.landing.deliveries import deliver, reasons, rows

SHEET = b"date,item_id,units_sold\n2024-03-01,tea,3\n2024-03-02,tea,4\n"
LARGE = b"date,item_id,units_sold\n" + b"".join(
    b"2024-03-01,item%d,%d\n" % (n, n * 7919 % 997) for n in range(40_000)
)


def zstd(content: bytes) -> bytes:
    return pa.compress(content, codec="zstd", asbytes=True)  # type: ignore[no-any-return]


def items_of(content: bytes, name: str = "sales.csv.zst") -> list[str]:
    table = open_table(io.BytesIO(content), name, len(content), SALES, Layout())
    return [item for batch in table.batches for item in batch.rows["item_id"]]


@pytest.mark.parametrize("name", ["sales.csv.zst", "sales.TSV.ZST", "sales.txt.zst"])
def test_a_text_compressed_with_zstd_is_read(name: str) -> None:
    assert items_of(zstd(SHEET), name) == ["tea", "tea"]
    assert len(items_of(zstd(LARGE), name)) == 40_000


def test_frames_one_after_the_other_are_one_text() -> None:
    assert items_of(zstd(SHEET) + zstd(b"2024-03-03,oil,1\n")) == ["tea", "tea", "oil"]


@pytest.mark.parametrize(
    ("content", "name", "sentence"),
    [
        (zstd(LARGE)[:-12], "sales.csv.zst", "it cannot be decompressed to its end"),
        (zstd(SHEET)[:9], "sales.csv.zst", "is damaged after line 0"),
        (zstd(SHEET) + b"garbage", "sales.csv.zst", "is damaged after line"),
        (SHEET, "sales.csv.zst", "is named .zst but is not compressed with zstd"),
        (gzip.compress(SHEET), "sales.csv.zst", "is named .zst but is not compressed with zstd"),
        (zstd(SHEET), "sales.csv.gz", "is named .gz but is not compressed with gzip"),
        (zstd(SHEET), "sales.csv", "is compressed with zstd but not named .zst"),
        (gzip.compress(SHEET), "sales.txt", "is compressed with gzip but not named .gz"),
        (
            zstd(SHEET + (b" " * 60_000 + b"\n") * 1_200),
            "sales.csv.zst",
            "decompresses to more than 67,108,864 bytes",
        ),
        (zstd(SHEET * 400_000), "sales.csv.zst", "decompresses to more than 1,000,000 rows"),
        (zstd(zstd(SHEET)), "sales.csv.zst", "holds a NUL byte"),
        (zstd(b""), "sales.csv.zst", "has no header"),
    ],
    ids=[
        *("cut", "cut to its beginning", "something behind it", "plain text", "gzip named zst"),
        *("zstd named gz", "zstd without its suffix", "gzip without its suffix", "bytes", "rows"),
        *("twice", "nothing inside"),
    ],
)
def test_a_damaged_falsely_named_or_swollen_file_is_refused_before_its_first_row(
    content: bytes, name: str, sentence: str
) -> None:
    with pytest.raises(FileRefusedError, match=sentence):
        open_table(io.BytesIO(content), name, len(content), SALES, Layout())


def test_the_days_of_a_wide_file_are_counted_too() -> None:
    days = ",".join(f"d_{day}" for day in range(1, 1_001))
    content = zstd(f"item_id,store_id,{days}\n".encode() + b"i,s" + (b",0" * 1_000 + b"\ni,s") * 1_100)
    with pytest.raises(FileRefusedError, match="decompresses to more than 1,000,000 rows"):
        open_table(io.BytesIO(content), "sales_train_x.csv.zst", len(content), M5_SALES, Layout())


def test_a_row_that_is_rejected_late_keeps_its_text(
    warehouse: Warehouse, new_client: Callable[..., Client], tmp_path: Path
) -> None:
    client = new_client(max_reject_rate=0.5)
    content = zstd(SHEET + b"2024-03-01,tea,9\n")
    outcome = deliver(warehouse, client, tmp_path, "sales.csv.zst", content)
    assert outcome.status == "loaded", outcome.message
    assert reasons(warehouse, client) == [(4, "duplicate_key_in_file", "item_id")]
    kept = rows(warehouse, "select raw from ops.rejected_rows where client_id = %s", client.client_id)
    assert kept == [("2024-03-01,tea,9",)]
