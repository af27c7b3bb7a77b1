"""Compressed text as a stream that is refused as soon as it is damaged or expands too much.

Belongs here: which compressions there are, how each is told from plain text, and counting what comes out.
Does not belong here: how much may come out (``expansion``), what the text says (``text``).
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO

from orchestration.landing.expansion import LINES_A_BYTE, VALUES_A_BYTE, refuse_expansion
from orchestration.landing.reasons import FileRefusedError, Refusal
from orchestration.landing.text import LeftOpen

_MARKS = (b",", b";", b"\t", b"|")
"""What may stand between the values of a line."""


@dataclass(frozen=True)
class Compression:
    """One way of compressing a file.

    Attributes:
        name: what people call it.
        suffix: of such a file's name.
        magic: its first bytes.
        opened: a stream of what was compressed.
        damages: what the stream raises where the file is damaged.
    """

    name: str
    suffix: str
    magic: bytes
    opened: Callable[[BinaryIO], Any]
    damages: tuple[type[Exception], ...]


def _opened_zstd(content: BinaryIO) -> Any:
    import pyarrow as pa

    return pa.CompressedInputStream(pa.PythonFile(LeftOpen(content), mode="r"), "zstd")


COMPRESSIONS = (
    Compression(
        "gzip",
        ".gz",
        b"\x1f\x8b",
        lambda content: gzip.GzipFile(fileobj=content),
        (EOFError, zlib.error, gzip.BadGzipFile),
    ),
    Compression("zstd", ".zst", b"\x28\xb5\x2f\xfd", _opened_zstd, (OSError,)),
)


def compression_of(content: BinaryIO, path: str) -> Compression | None:
    """How a file is compressed, None where it is not; its name and its first bytes have to agree.

    Args:
        content: the file, at its start, where it is left.
        path: its name.

    Raises:
        FileRefusedError: they do not agree.
    """
    start = content.read(max(len(compression.magic) for compression in COMPRESSIONS))
    content.seek(0)
    said = next((found for found in COMPRESSIONS if path.casefold().endswith(found.suffix)), None)
    if said is not None:
        if not start.startswith(said.magic):
            raise FileRefusedError(
                Refusal.NOT_COMPRESSED,
                f"{path} is named {said.suffix} but is not compressed with {said.name}",
            )
        return said
    for hidden in COMPRESSIONS:
        if start.startswith(hidden.magic):
            raise FileRefusedError(
                Refusal.HIDDEN_COMPRESSION,
                f"{path} is compressed with {hidden.name} but not named {hidden.suffix}",
            )
    return None


class Decompressed:
    """What a compressed file holds.

    Args:
        content: the file.
        path: for messages.
        size_bytes: its size, against which what comes out is measured.
        compression: how it is compressed.
        has_days: values are counted, too: a line becomes as many rows as it has.
    """

    def __init__(
        self, content: BinaryIO, path: str, size_bytes: int, compression: Compression, *, has_days: bool
    ) -> None:
        self._content = content
        self._path = path
        self._size_bytes = size_bytes
        self._compression = compression
        self._has_days = has_days
        self.seek(0)

    def seek(self, target: int, /) -> int:
        """Go back to the start, which is the only place to go to."""
        self._content.seek(target)
        self._stream = self._compression.opened(self._content)
        self._bytes = self._lines = self._values = 0
        return target

    def read(self, size: int, /) -> bytes:
        """The next bytes, none at the end.

        Raises:
            FileRefusedError: they cannot be decompressed, or are more than the file's size lets expect.
        """
        try:
            block: bytes = self._stream.read(size)
        except self._compression.damages as error:
            raise FileRefusedError(
                Refusal.DAMAGED_COMPRESSION,
                f"{self._path} is damaged after line {self._lines:,}: it cannot be decompressed to its end",
            ) from error
        self._bytes += len(block)
        self._lines += block.count(b"\n")
        refuse_expansion(self._path, self._size_bytes, self._bytes, self._lines, LINES_A_BYTE)
        if self._has_days:
            self._values += sum(map(block.count, _MARKS))
            refuse_expansion(self._path, self._size_bytes, self._bytes, self._values, VALUES_A_BYTE)
        return block
