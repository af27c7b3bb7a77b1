"""CSV text into batches, with bounded memory whatever the file holds.

Belongs here: delimiter, quoting, and the rows as fields. Does not belong here: encoding and lines (``text``),
which row names the columns and which column is which (``header``), what the text means (``judging``).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from itertools import chain

import polars as pl

from orchestration.landing.batches import LINE, MISSHAPEN_SCHEMA, RAW, Batch, Table, rows_at_once
from orchestration.landing.contracts import Contract
from orchestration.landing.header import ELSEWHERE, SEARCHED_ROWS, find_header
from orchestration.landing.layout import Layout
from orchestration.landing.reasons import FileRefusedError, Reason, Refusal
from orchestration.landing.text import ByteStream, Lines

_DELIMITERS = (",", ";", "\t", "|")


def open_csv(stream: ByteStream, path: str, contract: Contract, layout: Layout) -> Table:
    """Read the header of CSV text; arguments and errors are those of ``reader.open_table``."""
    lines = Lines(stream, path, contract.line_limit, layout.encoding)
    header = find_header(_first_rows(lines, layout), path, contract, layout)
    delimiter, records = _records_from(header.row, lines, layout)
    next(records)
    found = () if header.is_first else (f"The names of the columns are on line {header.row:,}{ELSEWHERE}",)
    return Table(
        columns=tuple(header.picked),
        unused=header.unused,
        decimal_comma=delimiter == ";" if layout.decimal_comma is None else layout.decimal_comma,
        batches=_csv_batches(records, header.width, header.picked, path),
        remarks=(*lines.remarks, *found),
    )


def detect_delimiter(header: str) -> str:
    """The delimiter that occurs most often in a header outside quotes; a comma where none does."""
    bare = "".join(header.split('"')[::2])
    return max(_DELIMITERS, key=bare.count)


def _first_rows(lines: Lines, layout: Layout) -> Iterator[tuple[int, list[str] | FileRefusedError]]:
    """The rows that may name the columns, each as if the text began with it.

    A title may hold quotes and delimiters of its own, so that a row that cannot be read is a row all the
    same, and the next line is a fresh beginning.
    """
    wanted = range(1, SEARCHED_ROWS + 1) if layout.header_row is None else [layout.header_row]
    for row in wanted:
        try:
            _, records = _records_from(row, lines, layout)
            record = next(records, None)
        except FileRefusedError as error:
            yield row, error
            continue
        if record is None:
            return
        number, fields, _ = record
        yield number, fields


def _records_from(row: int, lines: Lines, layout: Layout) -> tuple[str, Iterator[tuple[int, list[str], str]]]:
    """The delimiter of a text whose header is in a row, and its records from there on.

    Raises:
        FileRefusedError: lines do not end with a newline.
    """
    lines.rewind()
    for _ in range(row - 1):
        next(lines, None)
        lines.take_record()
    line = next((line for line in lines if line.strip()), None)
    if line is None:
        return _DELIMITERS[0], iter(())
    if "\r" in line.rstrip("\r\n"):
        raise FileRefusedError(
            Refusal.BAD_QUOTING,
            f"{lines.path}: line {lines.number:,} has a carriage return inside; "
            "lines must end with a newline",
        )
    delimiter = layout.separator or detect_delimiter(line)
    return delimiter, _records(lines, line, delimiter)


def _records(lines: Lines, first: str, delimiter: str) -> Iterator[tuple[int, list[str], str]]:
    """(line number, fields, text as delivered) of each record that is not blank, from the line taken last."""
    reader = csv.reader(chain([first], lines), delimiter=delimiter, strict=True)
    started = lines.number
    while True:
        try:
            fields = next(reader, None)
        except csv.Error as error:
            raise FileRefusedError(
                Refusal.BAD_QUOTING, f"{lines.path}: the record of line {started:,} is broken ({error})"
            ) from error
        raw = lines.take_record()
        if fields is None:
            return
        if any(fields):
            yield started, fields, raw
        started = lines.number + 1


def _csv_batches(
    records: Iterator[tuple[int, list[str], str]], width: int, picked: Mapping[str, int], path: str
) -> Iterator[Batch]:
    """The records, some at a time.

    Cells are kept in one flat list: a list per row is one object more for the garbage collector, which would
    look at all of them again and again.
    """
    size = rows_at_once(width)
    seen = 0
    cells: list[str] = []
    numbers: list[int] = []
    raws: list[str] = []
    misshapen: list[tuple[int, str, str, str]] = []
    for number, fields, raw in records:
        seen += 1
        if len(fields) == width:
            cells += fields
            numbers.append(number)
            raws.append(raw)
        else:
            message = f"The row has {len(fields):,} fields, the header has {width:,}."
            misshapen.append((number, Reason.WRONG_FIELD_COUNT, message, raw))
        if len(numbers) + len(misshapen) >= size:
            yield _batch(cells, width, numbers, raws, misshapen, picked)
            cells, numbers, raws, misshapen = [], [], [], []
    if not seen:
        raise FileRefusedError(Refusal.NO_ROWS, f"{path} has a header and no rows")
    if numbers or misshapen:
        yield _batch(cells, width, numbers, raws, misshapen, picked)


def _batch(
    cells: list[str],
    width: int,
    numbers: list[int],
    raws: list[str],
    misshapen: list[tuple[int, str, str, str]],
    picked: Mapping[str, int],
) -> Batch:
    return Batch(
        rows=pl.DataFrame(
            [
                *(pl.Series(name, cells[index::width], dtype=pl.String) for name, index in picked.items()),
                pl.Series(LINE, numbers, dtype=pl.Int64),
                pl.Series(RAW, raws, dtype=pl.String),
            ]
        ),
        misshapen=pl.DataFrame(misshapen, schema=MISSHAPEN_SCHEMA, orient="row"),
    )
