"""Bytes of a delivered file into frames of text, with bounded memory whatever the file holds.

Belongs here: compression, encoding, delimiter, quoting, the header, and the limits that stop a hostile or
broken file early. Does not belong here: what the text means (``validation``).
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

import polars as pl

from orchestration.landing.contracts import FileRefusedError, Kind, Reason, Refusal, is_day_label

LINE = "line_number"
RAW = "raw"
RAW_LIMIT = 2_000
"""Characters of a row as delivered that are kept."""

_BATCH_ROWS = 100_000
_BATCH_CELLS = 1_000_000
_GZIP_MAGIC = b"\x1f\x8b"
_PARQUET_MAGIC = b"PAR1"
_BOM = b"\xef\xbb\xbf"
_EXPANSION_FLOOR = 64 << 20
_EXPANSION_RATIO = 300
_DELIMITERS = (",", ";", "\t")
_SHOWN_COLUMNS = 40

MISSHAPEN_SCHEMA = {LINE: pl.Int64, "reason": pl.String, "message": pl.String, RAW: pl.String}


@dataclass(frozen=True)
class Batch:
    """Some rows of a file.

    Attributes:
        rows: the contract's columns that the file has, under the contract's names, as text; then
            ``line_number`` (the header is line 1) and ``raw``, the row as delivered, cut.
        misshapen: ``line_number, reason, message, raw`` of rows whose number of fields is not the header's.
    """

    rows: pl.DataFrame
    misshapen: pl.DataFrame


@dataclass(frozen=True)
class Table:
    """A file whose header was read and found good.

    Attributes:
        columns: the contract's columns that the file has, in the order of the contract; for M5's sales also
            its day columns.
        unused: columns of the file that the contract does not know.
        decimal_comma: numbers have a comma before their decimals.
        batches: the rows, read as they are asked for; raises FileRefusedError where the file turns bad.
    """

    columns: tuple[str, ...]
    unused: tuple[str, ...]
    decimal_comma: bool
    batches: Iterator[Batch]


def open_table(
    content: BinaryIO, path: str, size_bytes: int, kind: Kind, column_map: Mapping[str, str]
) -> Table:
    """Read a file's header and get ready to read its rows.

    Args:
        content: the file, at its start.
        path: its name; the suffix says the format.
        size_bytes: its size, against which decompression is measured.
        kind: the contract.
        column_map: our column -> the client's.

    Raises:
        FileRefusedError: no row of it can be read.
    """
    if size_bytes == 0:
        raise FileRefusedError(Refusal.EMPTY, f"{path} is empty")
    magic = content.read(4)
    content.seek(0)
    name = path.casefold()
    if name.endswith(".parquet"):
        return _open_parquet(content, path, magic, kind, column_map)
    if name.endswith(".gz"):
        if not magic.startswith(_GZIP_MAGIC):
            raise FileRefusedError(Refusal.NOT_GZIP, f"{path} is named .gz but is not compressed")
        stream = cast(BinaryIO, gzip.GzipFile(fileobj=content))
        limit = max(_EXPANSION_FLOOR, size_bytes * _EXPANSION_RATIO)
        return _open_csv(_Lines(stream, path, kind.line_limit, limit), path, kind, column_map)
    if magic.startswith(_GZIP_MAGIC):
        raise FileRefusedError(Refusal.HIDDEN_GZIP, f"{path} is compressed with gzip but not named .gz")
    return _open_csv(_Lines(content, path, kind.line_limit, None), path, kind, column_map)


# --- CSV ----------------------------------------------------------------------------------------------


class _Lines:
    """The lines of a stream as text, each checked before the next is read.

    A quoted text may span lines, so the lines the csv module took for the current record are kept until
    ``take_record``, and bounded together.
    """

    def __init__(self, stream: BinaryIO, path: str, line_limit: int, total_limit: int | None) -> None:
        self.path = path
        self.number = 0
        self._record: list[str] = []
        self._record_bytes = 0
        self._stream = stream
        self._line_limit = line_limit
        self._total_limit = total_limit
        self._position = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._read()
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
        if self._total_limit is not None and self._position > self._total_limit:
            raise FileRefusedError(
                Refusal.EXPANDS_TOO_MUCH,
                f"{self.path} decompresses to more than {self._total_limit:,} bytes, "
                f"{_EXPANSION_RATIO} times its size",
            )
        self._record.append(text)
        return text

    def take_record(self) -> str:
        """The text of the record just read, cut; the next one starts afresh."""
        text = "".join(self._record)[:RAW_LIMIT].rstrip("\r\n")
        self._record.clear()
        self._record_bytes = 0
        return text

    def _read(self) -> bytes:
        try:
            return self._stream.readline(self._line_limit + 1)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise FileRefusedError(
                Refusal.DAMAGED_GZIP,
                f"{self.path} is damaged after line {self.number:,}: it cannot be decompressed to its end",
            ) from error

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


def _open_csv(lines: _Lines, path: str, kind: Kind, column_map: Mapping[str, str]) -> Table:
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
    delimiter = detect_delimiter(header_line)
    records = _records(lines, first, delimiter)
    header = next(records, (0, [], ""))[1]
    if not any(name.strip() for name in header):
        raise FileRefusedError(Refusal.MISSING_COLUMN, f"{path} has no header")
    picked, unused = resolve_columns(header, path, kind, column_map)
    return Table(
        columns=tuple(picked),
        unused=unused,
        decimal_comma=delimiter == ";",
        batches=_csv_batches(records, len(header), picked, path),
    )


def detect_delimiter(header: str) -> str:
    """The delimiter that occurs most often in a header outside quotes; a comma where none does."""
    bare = "".join(header.split('"')[::2])
    return max(_DELIMITERS, key=bare.count)


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
    size = max(1, min(_BATCH_ROWS, _BATCH_CELLS // width))
    seen = 0
    rows: list[list[str]] = []
    places: list[tuple[int, str]] = []
    misshapen: list[tuple[int, str, str, str]] = []
    for number, fields, raw in records:
        seen += 1
        if len(fields) == width:
            rows.append(fields)
            places.append((number, raw))
        else:
            message = f"The row has {len(fields):,} fields, the header has {width:,}."
            misshapen.append((number, Reason.WRONG_FIELD_COUNT, message, raw))
        if len(rows) + len(misshapen) >= size:
            yield _batch(rows, places, misshapen, picked)
            rows, places, misshapen = [], [], []
    if not seen:
        raise FileRefusedError(Refusal.NO_ROWS, f"{path} has a header and no rows")
    if rows or misshapen:
        yield _batch(rows, places, misshapen, picked)


def _batch(
    rows: list[list[str]],
    places: list[tuple[int, str]],
    misshapen: list[tuple[int, str, str, str]],
    picked: Mapping[str, int],
) -> Batch:
    cells = list(zip(*rows, strict=True))
    series = [
        pl.Series(name, cells[index] if cells else [], dtype=pl.String) for name, index in picked.items()
    ]
    numbers, raws = (list(part) for part in zip(*places, strict=True)) if places else ([], [])
    return Batch(
        rows=pl.DataFrame(
            [*series, pl.Series(LINE, numbers, dtype=pl.Int64), pl.Series(RAW, raws, dtype=pl.String)]
        ),
        misshapen=pl.DataFrame(misshapen, schema=MISSHAPEN_SCHEMA, orient="row"),
    )


# --- header -------------------------------------------------------------------------------------------


def resolve_columns(
    header: Sequence[str], path: str, kind: Kind, column_map: Mapping[str, str]
) -> tuple[dict[str, int], tuple[str, ...]]:
    """Find the contract's columns in a header; case and surrounding blanks do not matter.

    Args:
        header: the names as delivered. Nameless columns are left out.
        path: for the message.
        kind: the contract.
        column_map: our column -> the client's. A mapped column must be there under the client's name.

    Returns:
        The contract's column -> its position, and the columns that are not used.

    Raises:
        FileRefusedError: a name appears twice, or a required or mapped column is missing.
    """
    positions: dict[str, int] = {}
    for index, name in enumerate(header):
        folded = name.strip().casefold()
        if folded in positions:
            raise FileRefusedError(
                Refusal.DUPLICATE_HEADER, f"{path}: the column {name.strip()!r} appears twice"
            )
        if folded:
            positions[folded] = index
    found = _listed([name.strip() for name in header if name.strip()])
    picked: dict[str, int] = {}
    for column in kind.columns:
        wanted = column_map.get(column.name, column.name)
        position = positions.get(wanted.strip().casefold())
        if position is not None:
            picked[column.name] = position
        elif column.required or column.name in column_map:
            mapped = f" (the client's {wanted!r})" if column.name in column_map else ""
            raise FileRefusedError(
                Refusal.MISSING_COLUMN,
                f"{path}: the column {column.name!r}{mapped} is missing; the columns found are {found}",
            )
    for group in kind.one_of:
        if not any(name in picked for name in group):
            names = " or ".join(repr(name) for name in group)
            raise FileRefusedError(
                Refusal.MISSING_COLUMN,
                f"{path}: a column {names} is missing; the columns found are {found}",
            )
    if kind.name == "m5_sales":
        days = {name.strip(): index for index, name in enumerate(header) if is_day_label(name.strip())}
        if not days:
            raise FileRefusedError(
                Refusal.MISSING_COLUMN,
                f"{path}: a day column such as 'd_1' is missing; the columns found are {found}",
            )
        picked |= days
    used = set(picked.values())
    unused = tuple(name.strip() for index, name in enumerate(header) if index not in used and name.strip())
    return picked, unused


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN_COLUMNS])[:1_000]
    return f"{shown} and {len(names) - _SHOWN_COLUMNS:,} more" if len(names) > _SHOWN_COLUMNS else shown


# --- Parquet ------------------------------------------------------------------------------------------


def _open_parquet(
    content: BinaryIO, path: str, magic: bytes, kind: Kind, column_map: Mapping[str, str]
) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if magic != _PARQUET_MAGIC:
        raise FileRefusedError(Refusal.BAD_PARQUET, f"{path} is named .parquet but is not a Parquet file")
    try:
        file = pq.ParquetFile(content)
        names = [str(name) for name in file.schema_arrow.names]
        picked, unused = resolve_columns(names, path, kind, column_map)
        used = {name: names[index] for name, index in picked.items()}
        for name in used.values():
            if pa.types.is_nested(file.schema_arrow.field(name).type):
                raise FileRefusedError(
                    Refusal.BAD_PARQUET, f"{path}: the column {name!r} holds lists or records"
                )
        n_rows = file.metadata.num_rows
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise FileRefusedError(Refusal.BAD_PARQUET, f"{path} is a damaged Parquet file") from error
    if n_rows == 0:
        raise FileRefusedError(Refusal.NO_ROWS, f"{path} has columns and no rows")
    return Table(tuple(picked), unused, False, _parquet_batches(file, used, path))


def _parquet_batches(file: Any, used: Mapping[str, str], path: str) -> Iterator[Batch]:
    """Row groups cut to batches; a row's line number is its place, the first row being line 2."""
    import pyarrow as pa

    size = max(1, min(_BATCH_ROWS, _BATCH_CELLS // len(used)))
    line = 2
    try:
        for arrow in file.iter_batches(batch_size=size, columns=list(used.values())):
            arrow.validate(full=True)
            frame = cast(pl.DataFrame, pl.from_arrow(arrow))
            rows = frame.select(_as_text(frame[theirs]).alias(ours) for ours, theirs in used.items())
            numbered = rows.with_columns(
                pl.int_range(line, line + pl.len(), dtype=pl.Int64).alias(LINE),
                pl.concat_str(pl.all().fill_null(""), separator=",").str.slice(0, RAW_LIMIT).alias(RAW),
            )
            line += rows.height
            yield Batch(numbered, pl.DataFrame(schema=MISSHAPEN_SCHEMA))
    except (pa.ArrowException, OSError, pl.exceptions.PolarsError) as error:
        raise FileRefusedError(Refusal.BAD_PARQUET, f"{path} is a damaged Parquet file") from error


def _as_text(values: pl.Series) -> pl.Series:
    """The text that CSV would have held: dates and times in ISO, whole floats without an exponent."""
    if isinstance(values.dtype, pl.Datetime):
        return values.dt.strftime("%Y-%m-%d %H:%M:%S")
    if values.dtype.is_float():
        whole = values.cast(pl.Float64).cast(pl.Int64, strict=False)
        is_whole = (whole.cast(pl.Float64) == values.cast(pl.Float64)) & (whole.abs() < 2**53)
        return whole.cast(pl.String).zip_with(is_whole.fill_null(False), values.cast(pl.String))
    return values.cast(pl.String)
