"""Orders as files: what a spreadsheet makes of them, and a copy that says that it is one."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import UTC, date, datetime
from typing import Any

import pytest

from orchestration.api.pages.order_files import COLUMNS, COPY, archive_of, file_of, name_of

LINE = {
    "order_number": "FC000001",
    "supplier_id": "acme",
    "item_id": "tea",
    "item_name": "Tee grün 日本",
    "location_id": "main",
    "location_name": "Main",
    "order_qty": 36.0,
    "order_date": date(2026, 3, 31),
    "receipt_date": date(2026, 4, 5),
    "unit_cost": 12.125,
    "order_value": 436.5,
    "status": "ordered",
}


def rows_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def test_a_line_keeps_its_values_and_a_spreadsheet_sees_which_encoding_it_is() -> None:
    content = file_of([LINE])
    assert content.startswith(b"\xef\xbb\xbf")
    (row,) = rows_of(content)
    assert tuple(row) == COLUMNS
    assert (row["item_name"], row["order_qty"], row["unit_cost"]) == ("Tee grün 日本", "36", "12.125")
    assert row["order_date"] == "2026-03-31"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@sum(a1)", "\t=1", '=cmd|" /c calc"!A1'])
def test_no_text_is_computed(text: str) -> None:
    (row,) = rows_of(file_of([{**LINE, "item_name": text, "item_id": text}]))
    assert (row["item_name"], row["item_id"]) == (f"'{text}", f"'{text}")


@pytest.mark.parametrize("text", ['a"b', "a,b", "a\nb", "a;b", "'quoted'"])
def test_a_text_stays_in_its_cell(text: str) -> None:
    (row,) = rows_of(file_of([{**LINE, "item_name": text}]))
    assert row["item_name"] == text


def test_what_is_not_known_is_empty() -> None:
    (row,) = rows_of(file_of([{**LINE, "supplier_id": None, "unit_cost": None, "order_value": None}]))
    assert (row["supplier_id"], row["unit_cost"], row["order_value"]) == ("", "", "")


def test_each_line_of_a_copy_says_that_the_order_left() -> None:
    left_at = datetime(2026, 3, 31, 8, 5, tzinfo=UTC)
    rows = rows_of(file_of([LINE, LINE], left_at))
    assert [row[COPY] for row in rows] == ["copy: the order left on 2026-03-31 at 08:05 UTC"] * 2


@pytest.mark.parametrize(
    ("supplier", "is_copy", "expected"),
    [
        ("acme", False, "FC000001_acme.csv"),
        ("acme", True, "FC000001_acme_copy.csv"),
        (None, False, "FC000001.csv"),
        ("../..\r\nX: y", False, "FC000001_X-y.csv"),
        ("日本", True, "FC000001_copy.csv"),
        ("s" * 99, False, f"FC000001_{'s' * 40}.csv"),
    ],
)
def test_a_name_is_one_for_every_file_system(supplier: Any, is_copy: bool, expected: str) -> None:
    assert name_of("FC000001", supplier, is_copy=is_copy) == expected


def test_an_archive_holds_its_files() -> None:
    files = {"a.csv": file_of([LINE]), "b.csv": b"b"}
    with zipfile.ZipFile(io.BytesIO(archive_of(files))) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == files
    assert archive_of(files) == archive_of(files)
