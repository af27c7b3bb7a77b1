"""What every reader of a file yields: frames of text, a bounded number of rows at a time.

Belongs here: the shape of a batch and of an open file. Does not belong here: the formats (``csv_reader``,
``json_reader``, ``parquet_reader``, ``workbook_reader``) and what the text means (``judging``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

LINE = "line_number"
RAW = "raw"
RAW_LIMIT = 2_000
"""Characters of a row as delivered that are kept."""

MISSHAPEN_SCHEMA = {LINE: pl.Int64, "reason": pl.String, "message": pl.String, RAW: pl.String}

_BATCH_ROWS = 100_000
_BATCH_CELLS = 2_000_000
"""A year of days of a large store at once, so that its rows come in one order."""


def rows_at_once(width: int) -> int:
    """Rows of a batch of that many columns."""
    return max(1, min(_BATCH_ROWS, _BATCH_CELLS // max(1, width)))


@dataclass(frozen=True)
class Batch:
    """Some rows of a file.

    Attributes:
        rows: the contract's columns that the file has, under the contract's names, as text; the further ones
            of its layout under theirs; then ``line_number`` (the header of CSV is line 1) and ``raw``, the
            row as delivered, cut.
        misshapen: ``line_number, reason, message, raw`` of rows that cannot be told apart into columns: they
            have not the header's number of fields, are no object, or hold an error where a value should be.
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
        typed_dates: the format knows dates, which are ISO in the text whatever way the source writes them.
        remarks: what the reader found out and nobody had said, a sentence each: an encoding, a sheet.
    """

    columns: tuple[str, ...]
    unused: tuple[str, ...]
    decimal_comma: bool
    batches: Iterator[Batch]
    typed_dates: bool = False
    remarks: tuple[str, ...] = ()
