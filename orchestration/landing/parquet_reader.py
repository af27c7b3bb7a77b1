"""Parquet into batches of the text that CSV would have held.

Belongs here: types of Parquet, and damaged files. Does not belong here: which column is which (``header``)
and what the text means (``judging``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, cast

import polars as pl

from orchestration.landing.batches import LINE, MISSHAPEN_SCHEMA, RAW, RAW_LIMIT, Batch, Table, rows_at_once
from orchestration.landing.contracts import Contract
from orchestration.landing.header import resolve_columns
from orchestration.landing.reasons import FileRefusedError, Refusal

_MAGIC = b"PAR1"


def open_parquet(content: BinaryIO, path: str, contract: Contract, column_map: Mapping[str, str]) -> Table:
    """Read a file's schema; arguments and errors are those of ``reader.open_table``."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    magic = content.read(len(_MAGIC))
    content.seek(0)
    if magic != _MAGIC:
        raise FileRefusedError(Refusal.BAD_PARQUET, f"{path} is named .parquet but is not a Parquet file")
    try:
        file = pq.ParquetFile(content)
        names = [str(name) for name in file.schema_arrow.names]
        picked, unused = resolve_columns(names, path, contract, column_map)
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

    size = rows_at_once(len(used))
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
