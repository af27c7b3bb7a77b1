"""Reading many lines at once finds what reading record by record finds, in the same batches."""

from __future__ import annotations

import codecs
import csv
import io
import random
from collections.abc import Callable, Iterator
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.landing import csv_reader, text
from orchestration.landing.csv_lines import records_of_lines
from orchestration.landing.kinds import M5_SALES, SALES
from orchestration.landing.layout import Layout
from orchestration.landing.reader import open_table
from orchestration.landing.reasons import FileRefusedError

HEADER = "date,item_id,units_sold"
CLEAN = "2024-03-01,tea,3\n2024-03-02,tea,4\n"

PIECES = st.sampled_from(
    [
        *("a", "tea", "", " ", "é", "日本", "€", "\ufeff", "'", "\\", "\x0b", "\x1c", "\u2028", "x" * 2_005),
        *(",", ",", ",", ",,", ",,\n", ";", "\t", "|", "\n", "\n", "\n", "\r\n", "\r", "\n\n"),
        *('"', '""', '"a"', '"a,b"', '"a\nb"', '"a""b"', ',"', '",', '"\n', 'a"b'),
        *("2024-03-01,tea,3\n", '2024-03-01,"tea",3\n', "2024-03-01,tea\n", '"2024-03-01","a, b","3"\r\n'),
    ]
)


def found(content: bytes, layout: Layout | None = None, name: str = "sales.csv") -> Iterator[Any]:
    """The rows and the misshapen rows of each batch, and the message with which a file was refused."""
    try:
        contract = M5_SALES if "train" in name else SALES
        for batch in open_table(
            io.BytesIO(content), name, len(content), contract, layout or Layout()
        ).batches:
            yield batch.rows.schema, batch.rows.rows()
            yield batch.misshapen.schema, batch.misshapen.rows()
    except FileRefusedError as error:
        yield str(error)


def one_by_one(patch: pytest.MonkeyPatch, content: bytes, layout: Layout | None = None) -> list[Any]:
    """The same with every record read by itself, as if no line could be decoded in a block."""
    with patch.context() as context:
        context.setattr(text.Lines, "take_block", lambda _lines: None)
        return list(found(content, layout))


@given(
    pieces=st.lists(PIECES, max_size=40),
    header=st.sampled_from(
        [
            HEADER,
            f"{HEADER},note",
            "units_sold,,item_id,date",
            '"date","item_id","units_sold"',
            "a\n" + HEADER,
        ]
    ),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "cp1252", "utf-16"]),
    block=st.integers(1, 60),
    rows=st.integers(1, 7),
)
def test_the_rows_of_a_random_text_are_the_same(
    pieces: list[str], header: str, delimiter: str, encoding: str, block: int, rows: int
) -> None:
    written = "".join([header, "\n", *pieces])
    content = written.replace(",", delimiter).encode(encoding, "replace")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text, "_LINES_AT_ONCE", block)
        patch.setattr(csv_reader, "rows_at_once", lambda _width: rows)
        assert list(found(content)) == one_by_one(patch, content)


@given(pieces=st.lists(PIECES, min_size=1, max_size=12))
def test_a_block_that_is_taken_apart_is_what_the_csv_library_finds(pieces: list[str]) -> None:
    block = "".join(pieces)
    taken = records_of_lines(block, 2, ",", 3, {"first": 0, "last": 2})
    if taken is None:
        return
    expected = []
    for number, line in enumerate(io.StringIO(block, newline="\n"), start=2):
        [fields] = csv.reader([line], strict=True)
        if any(fields):
            cells = (fields[0], fields[2]) if len(fields) == 3 else (None, None)
            expected.append((*cells, number, line[:2_000].rstrip("\r\n"), len(fields)))
    assert taken.rows() == expected


@pytest.mark.parametrize(
    "block",
    [
        *("a\rb,1,2\n", "a,b,c\r", '"a\nb",1,2\n', '"a"b,1,2\n', 'a,b,c\n1,2,"3\n', f"{'x' * 131_073},1,2\n"),
    ],
)
def test_a_block_with_what_is_no_record_by_itself_is_left_to_the_slow_reader(block: str) -> None:
    assert records_of_lines(CLEAN + block, 2, ",", 3, {"item_id": 1}) is None


@pytest.mark.parametrize(
    "block", [CLEAN, CLEAN.replace("\n", "\r\n"), CLEAN.replace("tea", '"a, ""b"""'), "a,b\n,,\n1,2,3,4\n"]
)
def test_a_block_of_plain_lines_is_taken_apart(block: str) -> None:
    assert records_of_lines(block, 2, ",", 3, {"item_id": 1}) is not None


def test_a_large_block_of_quoted_lines_is_what_the_csv_library_finds() -> None:
    rng = random.Random(7)
    fields = [
        "tea",
        '"tea"',
        '"a, b"',
        '""',
        "",
        '",,,"',
        '" x "',
        '"käse, 日本"',
        "3",
        '"' + "y," * 200 + '"',
    ]
    lines = [",".join(rng.choices(fields, [9, 9, 9, 5, 5, 3, 3, 3, 9, 1], k=5)) for _ in range(60_000)]
    block = "\n".join(lines) + "\n"
    assert len(block) > 2_000_000
    taken = records_of_lines(block, 2, ",", 5, {"first": 0, "third": 2, "last": 4})
    assert taken is not None
    read = enumerate(csv.reader(lines, strict=True), start=2)
    expected = [(cells[0], cells[2], cells[4], number) for number, cells in read if any(cells)]
    assert taken.select("first", "third", "last", "line_number").rows() == expected


def test_after_a_record_of_several_lines_blocks_are_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    content = f'{HEADER}\n{CLEAN * 20}2024-03-03,"te\na",5\n{CLEAN * 50}'.encode()
    expected = one_by_one(monkeypatch, content)
    monkeypatch.setattr(text, "_LINES_AT_ONCE", 100)
    taken: list[bool] = []

    def noted(*arguments: Any) -> pl.DataFrame | None:
        records = records_of_lines(*arguments)
        taken.append(records is not None)
        return records

    monkeypatch.setattr(csv_reader, "records_of_lines", noted)

    assert list(found(content)) == expected
    assert taken[0]
    assert taken[-1]
    assert taken.count(False) <= 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content + b'2024-03-03,"tea,5\n',
        lambda content: content + b"2024-03-03,te\ra,5\n",
        lambda content: content + b"2024-03-03,t" + b"e" * 2_000_000 + b",5\n",
        lambda content: content + b"2024-03-03," + b"e" * 200_000 + b",5\n",
    ],
)
def test_what_turns_bad_gives_the_batches_before_it_and_the_same_message(
    damage: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    content = damage(f"{HEADER}\n{CLEAN * 9}".encode())
    monkeypatch.setattr(csv_reader, "rows_at_once", lambda _width: 5)
    several = list(found(content))
    assert several == one_by_one(monkeypatch, content)
    assert isinstance(several[-1], str)
    assert len(several) in (1, 7)


@pytest.mark.parametrize("lines", [3, 3_000, 60_000])
def test_what_an_encoding_lacks_is_said_of_the_same_line(lines: int, monkeypatch: pytest.MonkeyPatch) -> None:
    words = "".join(f"2024-03-01,Käse{number} Brötchen,3\n" for number in range(lines))
    content = f"{HEADER}\n{words}".encode("cp1252") + b"2024-03-01,a\x81b,3\n" + words.encode("cp1252")
    monkeypatch.setattr(text, "found_encoding", lambda _words: "cp1252")
    monkeypatch.setattr(csv_reader, "rows_at_once", lambda _width: 1_000)
    several = list(found(content))
    assert several == one_by_one(monkeypatch, content)
    assert f"line {lines + 2:,} is not cp1252" in several[-1]


@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_a_table_with_a_column_per_day_is_the_same(
    mark: bytes, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = ",".join(f"d_{day}" for day in range(1, 201))
    line = ",".join(["x"] * 6 + ["1"] * 200)
    content = (
        mark + f"id,item_id,dept_id,cat_id,store_id,state_id,{days}\n{line}\n,{line}\n{line}{end}".encode()
    )
    name = "sales_train_evaluation.csv"
    several = list(found(content, name=name))
    monkeypatch.setattr(text.Lines, "take_block", lambda _lines: None)
    assert several == list(found(content, name=name))
