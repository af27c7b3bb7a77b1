"""Which reader a file needs: its name says the format, its first bytes have to agree.

Does not belong here: the formats (``csv_reader``, ``parquet_reader``) and what the text means (``judging``).
"""

from __future__ import annotations

from typing import BinaryIO

from orchestration.landing.batches import Table
from orchestration.landing.contracts import Contract
from orchestration.landing.csv_reader import open_csv, open_gzip
from orchestration.landing.delivery import Delivery
from orchestration.landing.layout import Layout
from orchestration.landing.parquet_reader import open_parquet
from orchestration.landing.reasons import FileRefusedError, Refusal

_GZIP_MAGIC = b"\x1f\x8b"


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
    magic = content.read(len(_GZIP_MAGIC))
    content.seek(0)
    if name.endswith(".gz"):
        if magic != _GZIP_MAGIC:
            raise FileRefusedError(Refusal.NOT_GZIP, f"{path} is named .gz but is not compressed")
        return open_gzip(content, path, size_bytes, contract, layout)
    if magic == _GZIP_MAGIC:
        raise FileRefusedError(Refusal.HIDDEN_GZIP, f"{path} is compressed with gzip but not named .gz")
    return open_csv(content, path, contract, layout)


def open_delivery(delivery: Delivery, content: BinaryIO) -> Table:
    """Read a delivery's file from its start, in the layout that its feed says.

    Raises:
        FileRefusedError: no row of it can be read.
    """
    identity, contract = delivery.identity, delivery.contract
    content.seek(0)
    return open_table(content, identity.path, identity.size_bytes, contract, delivery.layout)
