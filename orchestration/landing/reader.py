"""Which reader a file needs: its name says the format, its first bytes have to agree.

Does not belong here: the formats (``csv_reader``, ``json_reader``, ``parquet_reader``, ``workbook_reader``),
how a text is compressed (``compression``), what the text means (``judging``).
"""

from __future__ import annotations

from typing import BinaryIO

from orchestration.landing.batches import Table
from orchestration.landing.compression import Decompressed, compression_of
from orchestration.landing.contracts import Contract
from orchestration.landing.csv_reader import open_csv
from orchestration.landing.delivery import Delivery
from orchestration.landing.file_names import JSON_LINES, WORKBOOKS
from orchestration.landing.json_reader import open_json_lines
from orchestration.landing.layout import Layout
from orchestration.landing.parquet_reader import open_parquet
from orchestration.landing.reasons import FileRefusedError, Refusal
from orchestration.landing.text import ByteStream
from orchestration.landing.workbook_reader import open_workbook


def open_table(content: BinaryIO, path: str, size_bytes: int, contract: Contract, layout: Layout) -> Table:
    """Read a file's header and get ready to read its rows.

    Args:
        content: the file, at its start.
        path: its name; the suffix says the format.
        size_bytes: its size, against which decompression is measured.
        contract: what the file should hold.
        layout: how it is laid out, as far as somebody said.

    Raises:
        FileRefusedError: no row of it can be read.
    """
    if size_bytes == 0:
        raise FileRefusedError(Refusal.EMPTY, f"{path} is empty")
    name = path.casefold()
    if name.endswith(".parquet"):
        return open_parquet(content, path, size_bytes, contract, layout)
    if name.endswith(WORKBOOKS):
        return open_workbook(content, path, size_bytes, contract, layout)
    compression = compression_of(content, path)
    if compression is None:
        stream: ByteStream = content
    else:
        has_days = contract.cells is not None
        stream = Decompressed(content, path, size_bytes, compression, has_days=has_days)
        name = name.removesuffix(compression.suffix)
    reads = open_json_lines if name.endswith(JSON_LINES) else open_csv
    return reads(stream, path, contract, layout)


def open_delivery(delivery: Delivery, content: BinaryIO) -> Table:
    """Read a delivery's file from its start, in the layout that its feed says.

    Raises:
        FileRefusedError: no row of it can be read.
    """
    identity, contract = delivery.identity, delivery.contract
    content.seek(0)
    return open_table(content, identity.path, identity.size_bytes, contract, delivery.layout)
