"""How much a small file may become.

Belongs here: the limits that tell a compressed delivery from one made to keep the pipeline busy. Does not
belong here: measuring a file (``csv_reader``, ``parquet_reader``).
"""

from __future__ import annotations

from orchestration.landing.reasons import FileRefusedError, Refusal

_BYTES_FLOOR = 64 << 20
_BYTES_RATIO = 300
_ROWS_FLOOR = 1_000_000

LINES_A_BYTE = 1
"""Lines of which no two are the same take two bytes each and more, however well they are compressed."""

VALUES_A_BYTE = 32
"""The same where values stand in columns: every item on every day, one in a hundred sold, comes to 18."""


def refuse_expansion(path: str, size_bytes: int, expanded_bytes: int, rows: int, rows_a_byte: int) -> None:
    """Refuse a file that holds more than its size lets expect.

    Args:
        path: for the message.
        size_bytes: its size.
        expanded_bytes: bytes after decompression, as far as they were counted.
        rows: rows it would become, as far as they were counted.
        rows_a_byte: rows that a byte of it may become, beyond the first million.

    Raises:
        FileRefusedError: it holds more bytes, or more rows.
    """
    bytes_limit = max(_BYTES_FLOOR, size_bytes * _BYTES_RATIO)
    if expanded_bytes > bytes_limit:
        raise FileRefusedError(
            Refusal.EXPANDS_TOO_MUCH,
            f"{path} decompresses to more than {bytes_limit:,} bytes, {_BYTES_RATIO} times its size",
        )
    rows_limit = max(_ROWS_FLOOR, size_bytes * rows_a_byte)
    if rows > rows_limit:
        raise FileRefusedError(
            Refusal.EXPANDS_TOO_MUCH,
            f"{path} decompresses to more than {rows_limit:,} rows, and has {size_bytes:,} bytes",
        )
