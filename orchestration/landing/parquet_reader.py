"""Parquet into batches of the text that CSV would have held.

Belongs here: types of Parquet, damaged files, and the limits that stop a hostile one early. Does not belong
here: which column is which (``header``) and what the text means (``judging``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

import polars as pl

from orchestration.landing.batches import LINE, MISSHAPEN_SCHEMA, RAW, RAW_LIMIT, Batch, Table, rows_at_once
from orchestration.landing.contracts import Contract
from orchestration.landing.expansion import VALUES_A_BYTE, refuse_expansion
from orchestration.landing.header import resolve_columns
from orchestration.landing.layout import Layout
from orchestration.landing.reasons import FileRefusedError, Refusal

_MAGIC = b"PAR1"
_ENCRYPTED = b"PARE"

_TEXT_LIMIT = 10_000
"""Characters of a text that are looked at; the longest that is accepted has fewer."""

_BATCH_BYTES = 64 << 20
"""Bytes of one column's text at once: a text that a file holds once may stand in all its rows."""

_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799
"""The years 1 to 9999, counted from 1970; no calendar here goes further."""

_A_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def open_parquet(content: BinaryIO, path: str, size_bytes: int, contract: Contract, layout: Layout) -> Table:
    """Read a file's schema; arguments and errors are those of ``reader.open_table``."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    magic = content.read(len(_MAGIC))
    content.seek(0)
    if magic == _ENCRYPTED:
        raise FileRefusedError(Refusal.BAD_PARQUET, f"{path} is encrypted")
    if magic != _MAGIC:
        raise FileRefusedError(Refusal.BAD_PARQUET, f"{path} is named .parquet but is not a Parquet file")
    try:
        metadata = pq.read_metadata(content)
        schema = metadata.schema.to_arrow_schema()
        picked, unused = resolve_columns(list(schema.names), path, contract, layout)
        used = {name: schema.names[index] for name, index in picked.items()}
        fields = [schema.field(index) for index in picked.values()]
        # Texts stay what the file holds once, whatever number of rows they stand in.
        texts = [field.name for field in fields if _is_text(field.type)]
        content.seek(0)
        file = pq.ParquetFile(content, read_dictionary=texts)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise _damaged(path, error) from error
    for field in fields:
        if (kind := _unreadable(field.type)) is not None:
            raise FileRefusedError(
                Refusal.UNREADABLE_COLUMN, f"{path}: the column {field.name!r} holds {kind}"
            )
    if metadata.num_rows == 0:
        raise FileRefusedError(Refusal.NO_ROWS, f"{path} has columns and no rows")
    days = sum(map(contract.is_cell, picked))
    groups = (metadata.row_group(number) for number in range(metadata.num_row_groups))
    refuse_expansion(
        path,
        size_bytes,
        sum(group.total_byte_size for group in groups),
        metadata.num_rows * max(1, days),
        VALUES_A_BYTE,
    )
    return Table(
        columns=tuple(picked),
        unused=unused,
        decimal_comma=bool(layout.decimal_comma),
        batches=_parquet_batches(file, used, path),
        typed_dates=True,
    )


def _unreadable(kind: Any) -> str | None:
    """What a column of a type holds, where no text can be made of it."""
    import pyarrow as pa

    if pa.types.is_nested(kind):
        return f"lists or records ({kind})"
    if pa.types.is_duration(kind) or pa.types.is_interval(kind):
        return f"lengths of time ({kind})"
    if isinstance(kind, pa.BaseExtensionType) and not _is_text(kind.storage_type):
        return f"values of the type {kind}"
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        try:
            pl.from_arrow(pa.array([], kind))
        except pl.exceptions.PolarsError:
            return f"times of a zone that nobody knows ({kind.tz})"
    return None


def _is_text(kind: Any) -> bool:
    """Whether a column's values are bytes of any length, which hold text or nothing that can be read."""
    import pyarrow as pa

    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_binary_view(kind)
    )


def _parquet_batches(file: Any, used: Mapping[str, str], path: str) -> Iterator[Batch]:
    """Row groups cut to batches; a row's line number is its place, the first row being line 2."""
    import pyarrow as pa

    size = rows_at_once(len(used))
    line = 2
    try:
        for arrow in file.iter_batches(batch_size=size, columns=list(used.values())):
            arrow.validate(full=True)
            columns = {ours: _plain(arrow.column(theirs), theirs, path) for ours, theirs in used.items()}
            for start, length in _slices(list(columns.values()), arrow.num_rows):
                rows = pl.DataFrame(
                    {ours: _as_text(column.slice(start, length)) for ours, column in columns.items()}
                )
                numbered = rows.with_columns(
                    pl.int_range(line, line + pl.len(), dtype=pl.Int64).alias(LINE),
                    pl.concat_str(pl.all().fill_null(""), separator=",").str.slice(0, RAW_LIMIT).alias(RAW),
                )
                line += rows.height
                yield Batch(numbered, pl.DataFrame(schema=MISSHAPEN_SCHEMA))
    except (pa.ArrowException, OSError, UnicodeDecodeError, pl.exceptions.PolarsError) as error:
        raise _damaged(path, error) from error
    read, announced = line - 2, file.metadata.num_rows
    if read != announced:
        raise FileRefusedError(
            Refusal.BAD_PARQUET,
            f"{path} is a damaged Parquet file: it says that it has {announced:,} rows and gives {read:,}",
        )


def _damaged(path: str, error: Exception) -> FileRefusedError:
    what = "is encrypted" if "crypt" in str(error) else "is a damaged Parquet file"
    return FileRefusedError(Refusal.BAD_PARQUET, f"{path} {what}")


def _plain(column: Any, name: str, path: str) -> Any:
    """A column without extension types, its texts cut and as a dictionary of UTF-8.

    Raises:
        FileRefusedError: its bytes are no text.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(column.type, pa.BaseExtensionType):
        column = column.storage
    if pa.types.is_fixed_size_binary(column.type):
        column = column.cast(pa.binary())
    if _is_text(column.type):
        column = column.dictionary_encode()
    if not pa.types.is_dictionary(column.type):
        return column
    if not _is_text(column.type.value_type):
        return column.dictionary_decode()
    try:
        texts = column.dictionary.cast(pa.large_string())
    except pa.ArrowInvalid as error:
        raise FileRefusedError(
            Refusal.UNREADABLE_COLUMN, f"{path}: the column {name!r} holds bytes that are not UTF-8 text"
        ) from error
    return pa.DictionaryArray.from_arrays(
        column.indices, pc.utf8_slice_codeunits(texts, 0, _TEXT_LIMIT), safe=False
    )


def _slices(columns: list[Any], n_rows: int) -> Iterator[tuple[int, int]]:
    """(first row, number of rows) of the parts of a batch whose texts fit into memory."""
    import pyarrow as pa
    import pyarrow.compute as pc

    longest = max(
        (
            pc.max(pc.binary_length(column.dictionary)).as_py() or 0
            for column in columns
            if pa.types.is_dictionary(column.type)
        ),
        default=0,
    )
    at_once = max(1, min(n_rows, _BATCH_BYTES // max(1, longest)))
    for start in range(0, n_rows, at_once):
        yield start, min(at_once, n_rows - start)


def _as_text(column: Any) -> pl.Series:
    """The text that CSV would have held: dates and times in ISO, whole floats without an exponent."""
    import pyarrow as pa

    if pa.types.is_timestamp(column.type):
        return _moments_as_text(column)
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    elif pa.types.is_date(column.type) or pa.types.is_decimal256(column.type):
        column = column.cast(pa.string())
    values = pl.Series(pl.from_arrow(column))
    if values.dtype.is_float():
        whole = values.cast(pl.Float64).cast(pl.Int64, strict=False)
        is_whole = (whole.cast(pl.Float64) == values.cast(pl.Float64)) & (whole.abs() < 2**53)
        return whole.cast(pl.String).zip_with(is_whole.fill_null(False), values.cast(pl.String))
    return values.cast(pl.String)


def _moments_as_text(column: Any) -> pl.Series:
    """Points in time as the clock of their zone shows them; outside the calendar, as their number."""
    import pyarrow as pa
    import pyarrow.compute as pc

    numbers = column.cast(pa.int64())
    a_second = _A_SECOND[column.type.unit]
    is_known = pc.and_(
        pc.greater_equal(numbers, max(_FIRST_SECOND * a_second, -(2**63))),
        pc.less_equal(numbers, min(_LAST_SECOND * a_second, 2**63 - 1)),
    )
    known = pl.Series(pl.from_arrow(pc.if_else(is_known, column, None)))
    beyond = pl.Series(pl.from_arrow(numbers.cast(pa.string())))
    return known.dt.strftime("%Y-%m-%d %H:%M:%S").zip_with(known.is_not_null(), beyond)
