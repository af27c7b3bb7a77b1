"""The cells of a workbook as text, in a process of their own.

A library opens workbooks whole: a stray cell in the last corner of a sheet, or a file made for it, takes more
memory than a machine has and ends the process. So this module is run as a program with a limit of memory, and
asked by ``workbook_process``, which says what is asked and answered.

Belongs here: what a cell's text is, and where the errors are that the library leaves empty. Does not belong
here: which sheet and which row (``workbook_reader``). Nothing of the project is imported: a process starts
for each workbook.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import resource
import sys
import zipfile
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from itertools import islice
from typing import Any
from xml.etree import ElementTree

MEMORY_BYTES = 4 << 30
"""Address space of the process; a full sheet of twenty columns takes three quarters of it."""

CPU_SECONDS = 600
"""The same sheet takes half a minute."""

ENCRYPTED, DAMAGED = "encrypted", "damaged"
"""What is answered where a workbook cannot be read."""

Cell = str | bool | int | float | date | datetime | time | timedelta
"""What the library makes of a cell; an empty text where it is empty or holds an error."""

_ENCRYPTED_STREAM = "EncryptedPackage".encode("utf-16-le")
_LARGEST_WHOLE = 2**53
_CHUNK = 1 << 20

_CELL_END = b"</c>"
_IS_ERROR = b't="e"'
_ERROR_CELL = re.compile(rb'<c\b([^>]*\bt="e"[^>/]*)>(.*?)</c>', re.DOTALL)
_PLACE = re.compile(rb'\br="([A-Z]{1,3})(\d{1,7})"')
_VALUE = re.compile(rb"<v>([^<]*)</v>")


def text_of(cell: Cell, *, decimal_comma: bool = False) -> str:
    """The text that CSV would have held: dates and times in ISO, whole numbers without an exponent.

    >>> text_of(1001.0), text_of(0.5), text_of(True), text_of(datetime(2024, 3, 1))
    ('1001', '0.5', 'true', '2024-03-01')

    Args:
        cell: its value.
        decimal_comma: numbers of the file have a comma before their decimals.
    """
    match cell:
        case str():
            return cell
        case bool():
            return str(cell).lower()
        case float():
            text = str(int(cell)) if cell.is_integer() and abs(cell) < _LARGEST_WHOLE else repr(cell)
            return text.replace(".", ",") if decimal_comma else text
        case datetime():
            return cell.date().isoformat() if cell.time() == time() else cell.isoformat(sep=" ")
        case date() | time():
            return cell.isoformat()
    return str(cell)


def error_cells(content: bytes, sheet: str) -> dict[int, dict[int, str]]:
    """Row -> column -> error, such as ``#N/A``, in a sheet of an .xlsx or .xlsm file, both from 0.

    Empty for other formats, whose errors are not told from empty cells.
    """
    errors: dict[int, dict[int, str]] = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        part = _part_of(archive, sheet)
        if part is None:
            return {}
        with archive.open(part) as cells:
            rest = b""
            while chunk := cells.read(_CHUNK):
                rest += chunk
                end = rest.rfind(_CELL_END) + len(_CELL_END)
                if _IS_ERROR in rest:
                    for attributes, inside in _ERROR_CELL.findall(rest, 0, end):
                        place, value = _PLACE.search(attributes), _VALUE.search(inside)
                        if place and value:
                            of_row = errors.setdefault(int(place[2]) - 1, {})
                            of_row[_column(place[1])] = value[1].decode("utf-8", "replace")
                rest = rest[end:] if end >= len(_CELL_END) else rest[-_CHUNK:]
    return errors


def _part_of(archive: zipfile.ZipFile, sheet: str) -> str | None:
    """The file inside a workbook that holds a sheet's cells."""
    try:
        book = ElementTree.fromstring(archive.read("xl/workbook.xml"))
        relations = ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))
    except KeyError:
        return None
    for element in book.iter():
        if element.tag.endswith("}sheet") and element.get("name") == sheet:
            key = next((value for name, value in element.items() if name.endswith("}id")), None)
            for relation in relations:
                if relation.get("Id") == key:
                    target = relation.get("Target", "")
                    part = target.removeprefix("/") if target.startswith("/") else f"xl/{target}"
                    return part if part in archive.namelist() else None
    return None


def _column(letters: bytes) -> int:
    """``A`` is 0, ``AA`` 26."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number - 1


class Book:
    """An open workbook.

    Args:
        content: its bytes.
        decimal_comma: as of ``text_of``.
    """

    def __init__(self, content: bytes, *, decimal_comma: bool) -> None:
        from python_calamine import load_workbook

        self._content = content
        self._decimal_comma = decimal_comma
        self._book = load_workbook(io.BytesIO(content))
        self._sheet = lru_cache(maxsize=1)(self._book.get_sheet_by_name)
        self._errors = lru_cache(maxsize=1)(self._errors_of)

    def sheets(self) -> list[tuple[str, bool]]:
        """Name of each sheet with cells, and whether people see it."""
        return [
            (sheet.name, str(sheet.visible).endswith(".Visible"))
            for sheet in self._book.sheets_metadata
            if str(sheet.typ).endswith(".WorkSheet")
        ]

    def rows(self, sheet: str, first: int, last: int | None) -> Iterator[tuple[int, list[str]]]:
        """Number and texts of a sheet's rows that are not blank, the first of the sheet being 1."""
        cells = self._sheet(sheet)
        start = cells.start[1] if cells.start else 0
        errors = self._errors(sheet)
        for number, row in enumerate(islice(cells.iter_rows(), first - 1, last), first):
            texts = [text_of(cell, decimal_comma=self._decimal_comma) for cell in row]
            for column, error in errors.get(number - 1, {}).items():
                if start <= column < start + len(texts):
                    texts[column - start] = error
            if any(texts):
                yield number, texts

    def _errors_of(self, sheet: str) -> Mapping[int, Mapping[int, str]]:
        return error_cells(self._content, sheet) if zipfile.is_zipfile(io.BytesIO(self._content)) else {}


def _answer(message: object) -> None:
    sys.stdout.write(json.dumps(message) + "\n")


def _limit_process() -> None:
    for kind, most in ((resource.RLIMIT_AS, MEMORY_BYTES), (resource.RLIMIT_CPU, CPU_SECONDS)):
        soft, hard = resource.getrlimit(kind)
        lower = most if soft == resource.RLIM_INFINITY else min(soft, most)
        with contextlib.suppress(OSError, ValueError):  # not every system has every limit
            resource.setrlimit(kind, (lower, hard))


def main() -> None:
    """Answer what is asked on the standard input."""
    _limit_process()
    asked: dict[str, Any] = json.loads(sys.stdin.buffer.readline())
    content = sys.stdin.buffer.read(asked["size"])
    try:
        book = Book(content, decimal_comma=asked["decimal_comma"])
        _answer(book.sheets())
        sys.stdout.flush()
        for line in sys.stdin.buffer:
            for row in book.rows(*json.loads(line)):
                _answer(row)
            _answer(None)
            sys.stdout.flush()
    # A library in another language panics with what is no Exception.
    except BaseException:
        _answer({"problem": ENCRYPTED if _ENCRYPTED_STREAM in content else DAMAGED})


if __name__ == "__main__":
    main()
