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
from orchestration.landing.csv_lines import FIELDS, Records, records_of_lines
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
        batches=_csv_batches(lines, delimiter, header.width, header.picked),
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


def _csv_batches(lines: Lines, delimiter: str, width: int, picked: Mapping[str, int]) -> Iterator[Batch]:
    """The records, a fixed number at a time, whichever way they are read."""
    size = rows_at_once(width)
    seen = 0
    waiting: pl.DataFrame | None = None
    for part in _parts(lines, delimiter, width, picked):
        seen += part.height
        waiting = part if waiting is None else pl.concat([waiting, part])
        while waiting.height >= size:
            yield _batch(waiting.head(size), width)
            waiting = waiting.slice(size)
    if waiting is None or not seen:
        raise FileRefusedError(Refusal.NO_ROWS, f"{lines.path} has a header and no rows")
    if waiting.height:
        yield _batch(waiting, width)


def _parts(lines: Lines, delimiter: str, width: int, picked: Mapping[str, int]) -> Iterator[pl.DataFrame]:
    """The records from the next line on as ``Records.frame`` has them, by blocks of lines where that goes."""
    while block := lines.take_block():
        part = records_of_lines(block, lines.number + 1, delimiter, width, picked)
        if part is None:
            lines.give_back(block)
            yield from _one_by_one(lines, delimiter, width, picked, to_the_end=False)
        else:
            lines.pass_over(block.count("\n") + (not block.endswith("\n")))
            yield part
    if block is None:
        yield from _one_by_one(lines, delimiter, width, picked, to_the_end=True)


def _one_by_one(
    lines: Lines, delimiter: str, width: int, picked: Mapping[str, int], *, to_the_end: bool
) -> Iterator[pl.DataFrame]:
    """The records of a block that was given back, or all that follow; those before a broken one, too."""
    first = next(lines, None)
    if first is None:
        return
    size = rows_at_once(width)
    found = Records(width, picked)
    broken = None
    try:
        for number, fields, raw in _records(lines, first, delimiter):
            found.add(number, fields, raw)
            if len(found) >= size:
                yield found.frame()
                found = Records(width, picked)
            if not to_the_end and lines.is_given_back_read:
                break
    except FileRefusedError as error:
        broken = error
    yield found.frame()
    if broken is not None:
        raise broken


def _batch(records: pl.DataFrame, width: int) -> Batch:
    """Records apart into those of the header's width and others."""
    has_width = records[FIELDS] == width
    if has_width.all():
        return Batch(records.drop(FIELDS), pl.DataFrame(schema=MISSHAPEN_SCHEMA))
    others = records.filter(~has_width)
    messages = {
        count: f"The row has {count:,} fields, the header has {width:,}." for count in others[FIELDS].unique()
    }
    return Batch(
        rows=records.filter(has_width).drop(FIELDS),
        misshapen=others.select(
            LINE,
            pl.lit(Reason.WRONG_FIELD_COUNT.value).alias("reason"),
            pl.col(FIELDS).replace_strict(messages, return_dtype=pl.String).alias("message"),
            RAW,
        ),
    )
