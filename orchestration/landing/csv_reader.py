"""CSV text into batches, with bounded memory whatever the file holds.

Belongs here: decompression, encoding, delimiter, quoting, and the limits that stop a hostile or broken file
early. Does not belong here: which column is which (``header``) and what the text means (``judging``).
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import BinaryIO, Protocol

import polars as pl

from orchestration.landing.batches import LINE, MISSHAPEN_SCHEMA, RAW, RAW_LIMIT, Batch, Table, rows_at_once
from orchestration.landing.contracts import Contract
from orchestration.landing.expansion import LINES_A_BYTE, VALUES_A_BYTE, refuse_expansion
from orchestration.landing.header import resolve_columns
from orchestration.landing.layout import Layout
from orchestration.landing.reasons import FileRefusedError, Reason, Refusal

_BOM = b"\xef\xbb\xbf"
_BLOCK = 1 << 20
_DELIMITERS = (",", ";", "\t")


def open_csv(content: BinaryIO, path: str, contract: Contract, layout: Layout) -> Table:
    """Read the header of CSV text; arguments and errors are those of ``reader.open_table``."""
    return _open(_Lines(content, path, contract.line_limit), path, contract, layout)


def open_gzip(content: BinaryIO, path: str, size_bytes: int, contract: Contract, layout: Layout) -> Table:
    """The same of CSV text compressed with gzip.

    It is decompressed to its end before the first row is read: what is damaged or expands too much holds
    nobody up.
    """
    text = _Decompressed(content, path, size_bytes, has_days=contract.day_label is not None)
    text.measure()
    return _open(_Lines(text, path, contract.line_limit), path, contract, layout)


def detect_delimiter(header: str) -> str:
    """The delimiter that occurs most often in a header outside quotes; a comma where none does."""
    bare = "".join(header.split('"')[::2])
    return max(_DELIMITERS, key=bare.count)


class _ByLine(Protocol):
    """What lines are read from."""

    def readline(self, size: int, /) -> bytes: ...


class _Decompressed:
    """The text of a gzip file, refused as soon as more of it was seen than its size lets expect."""

    def __init__(self, content: BinaryIO, path: str, size_bytes: int, *, has_days: bool) -> None:
        self._stream = gzip.GzipFile(fileobj=content)
        self._path = path
        self._size_bytes = size_bytes
        self._has_days = has_days
        self._bytes = self._lines = self._values = 0

    def measure(self) -> None:
        """Read everything, and go back to the start."""
        while self._counted(self._stream.read, _BLOCK):
            continue
        self._stream.seek(0)
        self._bytes = self._lines = self._values = 0

    def readline(self, size: int, /) -> bytes:
        return self._counted(self._stream.readline, size)

    def _counted(self, read: Callable[[int], bytes], size: int) -> bytes:
        try:
            block = read(size)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise FileRefusedError(
                Refusal.DAMAGED_GZIP,
                f"{self._path} is damaged after line {self._lines:,}: it cannot be decompressed to its end",
            ) from error
        self._bytes += len(block)
        self._lines += block.count(b"\n")
        refuse_expansion(self._path, self._size_bytes, self._bytes, self._lines, LINES_A_BYTE)
        if self._has_days:
            self._values += sum(block.count(mark.encode()) for mark in _DELIMITERS)
            refuse_expansion(self._path, self._size_bytes, self._bytes, self._values, VALUES_A_BYTE)
        return block


class _Lines:
    """The lines of a stream as text, each checked before the next is read.

    A quoted text may span lines, so the lines the csv module took for the current record are kept until
    ``take_record``, and bounded together.
    """

    def __init__(self, stream: _ByLine, path: str, line_limit: int) -> None:
        self.path = path
        self.number = 0
        self._record: list[str] = []
        self._record_bytes = 0
        self._stream = stream
        self._line_limit = line_limit
        self._position = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._stream.readline(self._line_limit + 1)
        if not line:
            raise StopIteration
        self.number += 1
        self._record_bytes += len(line)
        if self._record_bytes > self._line_limit:
            raise FileRefusedError(
                Refusal.LINE_TOO_LONG,
                f"{self.path}: the record that ends on line {self.number:,} is longer than "
                f"{self._line_limit:,} bytes",
            )
        text = self._decode(line.removeprefix(_BOM) if self.number == 1 else line)
        self._position += len(line)
        self._record.append(text)
        return text

    def take_record(self) -> str:
        """The text of the record just read, cut; the next one starts afresh."""
        text = "".join(self._record)[:RAW_LIMIT].rstrip("\r\n")
        self._record.clear()
        self._record_bytes = 0
        return text

    def _decode(self, line: bytes) -> str:
        if self.number == 1 and line[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise FileRefusedError(Refusal.NOT_UTF8, f"{self.path} is UTF-16")
        if b"\0" in line:
            position = self._position + line.index(b"\0")
            raise FileRefusedError(
                Refusal.NUL_BYTE,
                f"{self.path}: line {self.number:,} holds a NUL byte (byte {position:,} of the text)",
            )
        try:
            return line.decode("utf-8")
        except UnicodeDecodeError as error:
            position = self._position + error.start
            raise FileRefusedError(
                Refusal.NOT_UTF8,
                f"{self.path}: line {self.number:,} is not UTF-8 "
                f"(byte {position:,} of the text is 0x{line[error.start]:02x})",
            ) from error


def _open(lines: _Lines, path: str, contract: Contract, layout: Layout) -> Table:
    first: list[str] = []
    while (line := next(lines, None)) is not None:
        first.append(line)
        if line.strip():
            break
    header_line = first[-1] if first else ""
    if "\r" in header_line.rstrip("\r\n"):
        raise FileRefusedError(
            Refusal.BAD_QUOTING, f"{path}: line 1 has a carriage return inside; lines must end with a newline"
        )
    delimiter = layout.separator or detect_delimiter(header_line)
    records = _records(lines, first, delimiter)
    header = next(records, (0, [], ""))[1]
    if not any(name.strip() for name in header):
        raise FileRefusedError(Refusal.MISSING_COLUMN, f"{path} has no header")
    picked, unused = resolve_columns(header, path, contract, layout)
    return Table(
        columns=tuple(picked),
        unused=unused,
        decimal_comma=delimiter == ";" if layout.decimal_comma is None else layout.decimal_comma,
        batches=_csv_batches(records, len(header), picked, path),
    )


def _records(lines: _Lines, first: list[str], delimiter: str) -> Iterator[tuple[int, list[str], str]]:
    """(line number, fields, text as delivered) of each record that is not blank."""
    reader = csv.reader(_chained(first, lines), delimiter=delimiter, strict=True)
    while True:
        started = reader.line_num + 1
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


def _chained(first: list[str], rest: Iterable[str]) -> Iterator[str]:
    yield from first
    yield from rest


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
