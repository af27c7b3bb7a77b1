"""Lines of text out of bytes, with bounded memory whatever the file holds.

A text is looked through once before it is read: what is damaged, binary or endless holds nobody up, and the
encoding is known before the first line. Belongs here: that first pass, the limits of lines, the sentence
about an encoding that nobody had said. Does not belong here: decompression (``compression``), which encoding
bytes are in that are not UTF-8 (``text_encodings``), what a line holds (``csv_reader``, ``json_reader``).
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from typing import Protocol

from orchestration.landing.batches import RAW_LIMIT
from orchestration.landing.reasons import FileRefusedError, Refusal
from orchestration.landing.text_encodings import found_encoding

_BLOCK = 1 << 18
_LINES_AT_ONCE = 1 << 20
"""Characters of a block of lines; a block of blank ones has as many lines."""

_END = "\n"
_NAMES = {"utf-8": "UTF-8", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16"}
"""What people call an encoding, where it is not its own name."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""Byte order marks; that of UTF-32 begins with that of UTF-16."""

_OF_EITHER_ORDER = {"utf-16": "utf-16-le", "utf-32": "utf-32-le"}
"""What an encoding means whose mark says the order of bytes, where the mark is missing: that of Windows."""

_WORD = re.compile(rb"[@-~\x80-\xff]+")
_LONGEST_WORD = 200
_SAMPLE_WORDS = 2_000
"""Words that an encoding is found by; the bytes after 0x40 may be the second half of a character."""

_STRAY = re.compile("[\udc80-\udcff]")


class ByteStream(Protocol):
    """What a text is read from, twice: a file, or what a compressed one holds."""

    def read(self, size: int, /) -> bytes: ...

    def seek(self, target: int, /) -> int: ...


class Lines:
    """The lines of a text, each checked before the next is read.

    A quoted text may span lines, so the lines that were taken for the current record are kept until
    ``take_record``, and bounded together.

    Args:
        stream: the text's bytes; it is read to its end, and then again as lines are asked for.
        path: for messages.
        line_limit: bytes a line or a record may have.
        encoding: of the text; None where it is to be found.

    Attributes:
        number: of the line taken last, the first being 1.
        remarks: what was found out about the encoding and nobody had said.

    Raises:
        FileRefusedError: it is no text, or in no encoding that is known; also while lines are taken.
    """

    def __init__(self, stream: ByteStream, path: str, line_limit: int, encoding: str | None) -> None:
        self.path = path
        self.remarks: tuple[str, ...] = ()
        self._stream = stream
        self._line_limit = line_limit
        self.number = self._record_length = 0
        self._is_by_line = False
        survey = _Survey(stream, path, line_limit, encoding)
        self._encoding = survey.encoding()
        if survey.is_found:
            self.remarks = (
                f"Read as {self._encoding}, since it is not UTF-8; 'forecaster feed set CLIENT FEED "
                "--encoding ENCODING' says otherwise.",
            )
        self.rewind()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._given_back.readline(self._line_limit + 1)
        try:
            line = line or self._text.readline(self._line_limit + 1)
        except UnicodeError as error:
            raise self._not_decoded(error) from error
        if not line:
            raise StopIteration
        self.number += 1
        if self.number == 1:
            line = line.removeprefix("\ufeff")
        self._record_length += len(line)
        if self._record_length > self._line_limit:
            raise _too_long(self.path, self.number, self._line_limit)
        self._record.append(line)
        return line

    def take_block(self) -> str | None:
        """Whole lines, many at once and unchecked: for whoever checks them and says ``pass_over``.

        Taken between two records, and after ``is_given_back_read``.

        Returns:
            The lines, an empty text at the end; None where they have to be taken one by one, because some of
            what follows cannot be decoded.
        """
        if self._is_by_line:
            return None
        try:
            block = self._text.read(_LINES_AT_ONCE)
            return block if block.endswith(_END) else block + self._text.readline()
        except UnicodeError:
            taken = self.number
            self.rewind()
            for _ in range(taken):
                self._text.readline()
            self.number = taken
            self._is_by_line = True
            return None

    def pass_over(self, lines: int) -> None:
        """Count the lines of a block that was read."""
        self.number += lines

    def give_back(self, block: str) -> None:
        """Let a block that was taken be read line by line."""
        self._given_back = io.StringIO(block, newline=_END)
        self._given_back_end = len(block)

    @property
    def is_given_back_read(self) -> bool:
        """Whether no line of a block that was given back is left."""
        return self._given_back.tell() == self._given_back_end

    def rewind(self) -> None:
        """Go back to the first line."""
        self._stream.seek(0)
        buffered = io.BufferedReader(LeftOpen(self._stream), _BLOCK)
        self._text = io.TextIOWrapper(buffered, self._encoding, newline="\n")
        self.give_back("")
        self._record: list[str] = []
        self.number = self._record_length = 0

    def _not_decoded(self, error: UnicodeError) -> FileRefusedError:
        """The text holds what its found encoding has not, beyond the words that it was found by."""
        line = self.number + 1
        if isinstance(error, UnicodeDecodeError):
            line += error.object[: error.start].count(b"\n")
        return _not_in(self._encoding, self.path, line, error)

    def take_record(self) -> str:
        """The text of the record just read, cut; the next one starts afresh."""
        text = "".join(self._record)[:RAW_LIMIT].rstrip("\r\n")
        self._record.clear()
        self._record_length = 0
        return text


class LeftOpen(io.RawIOBase):
    """A stream for those who would close the file when they are done with it."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        block = self._stream.read(len(buffer))
        buffer[: len(block)] = block
        return len(block)


class _Survey:
    """The first pass over a text.

    UTF-8 is expected unless something else is said, and decoded in large blocks. From the first byte on that
    is not UTF-8 the words around such bytes are kept: they tell what it is instead. Arguments and errors are
    those of ``Lines``.

    Attributes:
        is_found: the encoding is neither UTF-8 nor marked nor declared.
    """

    def __init__(self, stream: ByteStream, path: str, line_limit: int, declared: str | None) -> None:
        self.is_found = False
        self._stream = stream
        self._path = path
        self._line_limit = line_limit
        self._declared = declared
        self._bytes = self._characters = self._lines = self._unended = 0
        self._stray = 0
        self._fault: FileRefusedError | None = None
        self._words: dict[bytes, None] = {}

    def encoding(self) -> str:
        """Read everything, and say what it is in."""
        self._stream.seek(0)
        block = self._stream.read(_BLOCK)
        said = self._said(block)
        encoding = said or "utf-8"
        decoder = codecs.getincrementaldecoder(encoding)()
        while block:
            following = self._stream.read(_BLOCK)
            start = self._bytes - len(decoder.getstate()[0])
            try:
                text = decoder.decode(block, not following)
                if encoding != "utf-8":
                    text.encode()  # some encodings can write what is no character
            except UnicodeError as error:
                self._fault = self._not_in(encoding, error, start)
                if said is not None or not isinstance(error, UnicodeDecodeError) or _is_cut_off(error):
                    raise self._fault from error
                decoder = codecs.getincrementaldecoder(encoding)("surrogateescape")
                text = decoder.decode(error.object, not following)
            self._look_at(text, encoding, start)
            if self._fault is not None:
                self._look_closer(text, block)
            self._bytes += len(block)
            block = following
        return encoding if self._fault is None else self._other_encoding(self._fault)

    def _said(self, block: bytes) -> str | None:
        """The encoding that is declared or marked; a mark says the order of bytes, where both are there."""
        marked = next((name for mark, name in _MARKS if block.startswith(mark)), None)
        either = _OF_EITHER_ORDER.get(self._declared or "")
        if either is not None:
            return marked if marked is not None and marked.startswith(str(self._declared)) else either
        return self._declared or marked

    def _look_at(self, text: str, encoding: str, start: int) -> None:
        """Count a block's lines, and refuse it where it is no text or one line too long."""
        if "\0" in text:
            before = text[: text.index("\0")]
            raise FileRefusedError(
                Refusal.NUL_BYTE,
                f"{self._path}: line {self._lines + before.count(_END) + 1:,} holds a NUL byte "
                f"(byte {start + len(before.encode(encoding, 'surrogateescape')):,} of the text)",
            )
        first = text.find(_END)
        if self._unended + (len(text) if first < 0 else first) > self._line_limit:
            raise _too_long(self._path, self._lines + 1, self._line_limit)
        self._unended = self._unended + len(text) if first < 0 else len(text) - text.rfind(_END) - 1
        self._lines += text.count(_END)
        self._characters += len(text)

    def _look_closer(self, text: str, block: bytes) -> None:
        """Keep the words that tell the encoding; the first and the last of a block may be cut off."""
        self._stray += len(_STRAY.findall(text))
        if block.isascii() or len(self._words) >= _SAMPLE_WORDS:
            return
        words = _WORD.findall(block)
        whole = words[1:-1] if len(block) == _BLOCK else words
        self._words |= dict.fromkeys(
            word for word in whole if not word.isascii() and len(word) <= _LONGEST_WORD
        )

    def _other_encoding(self, fault: FileRefusedError) -> str:
        """What a text is in that is not UTF-8; one whose characters are mostly UTF-8 is damaged."""
        if self._bytes - self._characters >= self._stray:
            raise fault
        encoding = found_encoding(list(self._words)[:_SAMPLE_WORDS]) if self._words else None
        if encoding is None:
            raise fault
        self.is_found = True
        return encoding

    def _not_in(self, encoding: str, error: UnicodeError, start: int) -> FileRefusedError:
        if not isinstance(error, UnicodeDecodeError):
            return _not_in(encoding, self._path, self._lines + 1, error)
        line = self._lines + error.object[: error.start].decode(encoding, "ignore").count(_END) + 1
        return _not_in(encoding, self._path, line, error, start + error.start)


def _is_cut_off(error: UnicodeDecodeError) -> bool:
    """Whether a text ends inside a character of which more than one byte is there."""
    return error.reason == "unexpected end of data" and error.end - error.start > 1


def _not_in(
    encoding: str, path: str, line: int, error: UnicodeError, position: int | None = None
) -> FileRefusedError:
    detail = ""
    if isinstance(error, UnicodeDecodeError):
        where = "" if position is None else f"byte {position:,} of the text is "
        detail = f" ({where}0x{error.object[error.start]:02x})"
    return FileRefusedError(
        Refusal.BAD_ENCODING, f"{path}: line {line:,} is not {_NAMES.get(encoding, encoding)}{detail}"
    )


def _too_long(path: str, line: int, limit: int) -> FileRefusedError:
    return FileRefusedError(
        Refusal.LINE_TOO_LONG, f"{path}: the record that ends on line {line:,} is longer than {limit:,} bytes"
    )
