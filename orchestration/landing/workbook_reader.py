"""Workbooks into batches of the text that CSV would have held.

Belongs here: which sheet and which row, and the limits that stop a hostile file early. Does not belong here:
what a cell's text is (``workbook_cells``), which column is which (``header``), what the text means
(``judging``).
"""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import polars as pl

from orchestration.landing.batches import LINE, MISSHAPEN_SCHEMA, RAW, RAW_LIMIT, Batch, Table, rows_at_once
from orchestration.landing.contracts import Contract
from orchestration.landing.expansion import VALUES_A_BYTE, refuse_expansion
from orchestration.landing.header import SEARCHED_ROWS, Header, find_header
from orchestration.landing.layout import Layout
from orchestration.landing.reasons import FileRefusedError, Reason, Refusal
from orchestration.landing.workbook_process import Workbook

_ZIP = b"PK\x03\x04"
_COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""First bytes of .xlsx, .xlsm, .xlsb and .ods, and of .xls and encrypted files."""

_ERRORS = frozenset(
    ("#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#SPILL!", "#CALC!", "#GETTING_DATA")
)
"""What stands in a cell whose formula went wrong, be it an error or a text that was pasted."""

_NO_ARCHIVE = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, OSError, ValueError, OverflowError, RuntimeError),
)
"""What a broken archive raises; a password is a RuntimeError."""


@dataclass(frozen=True)
class _Found:
    """The sheet that is read, and the row that names its columns."""

    sheet: str
    header: Header


def open_workbook(content: BinaryIO, path: str, size_bytes: int, contract: Contract, layout: Layout) -> Table:
    """Read the rows of one sheet; arguments and errors are those of ``reader.open_table``.

    All of them are read before the first is judged: the library opens a workbook whole anyway.
    """
    magic = content.read(len(_COMPOUND))
    content.seek(0)
    if magic.startswith(_ZIP):
        _refuse_bomb(content, path, size_bytes)
    elif magic != _COMPOUND:
        suffix = path[path.rindex(".") :]
        raise FileRefusedError(Refusal.BAD_WORKBOOK, f"{path} is named {suffix} but is not a workbook")
    content.seek(0)
    with Workbook(content, path, size_bytes, decimal_comma=bool(layout.decimal_comma)) as book:
        found = _found(book, path, contract, layout)
        days = sum(map(contract.is_cell, found.header.picked))
        batches = list(_batches(book, found, path, size_bytes, days))
    if not batches:
        raise FileRefusedError(Refusal.NO_ROWS, f"{path} has a header and no rows")
    return Table(
        columns=tuple(found.header.picked),
        unused=found.header.unused,
        decimal_comma=bool(layout.decimal_comma),
        batches=iter(batches),
        typed_dates=True,
        remarks=_remarks(book, found, layout),
    )


def _refuse_bomb(content: BinaryIO, path: str, size_bytes: int) -> None:
    """Refuse an archive whose files say that they are too large, or turn out larger than they say."""
    try:
        with zipfile.ZipFile(content) as archive:
            expanded = sum(member.file_size for member in archive.infolist())
            refuse_expansion(path, size_bytes, expanded, 0, VALUES_A_BYTE)
            broken = archive.testzip()
    except _NO_ARCHIVE as error:
        raise FileRefusedError(Refusal.BAD_WORKBOOK, f"{path} is a damaged workbook") from error
    if broken is not None:
        raise FileRefusedError(Refusal.BAD_WORKBOOK, f"{path} is a damaged workbook")


def _found(book: Workbook, path: str, contract: Contract, layout: Layout) -> _Found:
    """The sheet that the layout names, or else the only one that people see and that has the columns."""
    if not book.sheets:
        raise FileRefusedError(Refusal.BAD_WORKBOOK, f"{path} is a damaged workbook: it has no sheets")
    if layout.sheet is not None:
        sheet = next((name for name in book.sheets if name.casefold() == layout.sheet.casefold()), None)
        if sheet is None:
            raise _which_sheet(path, f"has no sheet {layout.sheet!r}; it has", list(book.sheets))
        return _Found(sheet, _header(book, sheet, path, contract, layout))
    visible = [name for name, is_visible in book.sheets.items() if is_visible]
    if len(visible) == 1:
        return _Found(visible[0], _header(book, visible[0], path, contract, layout))
    found: list[_Found] = []
    for sheet in visible:
        try:
            found.append(_Found(sheet, _header(book, sheet, path, contract, layout)))
        except FileRefusedError as refusal:
            if refusal.refusal is Refusal.BAD_WORKBOOK:
                raise
    if len(found) == 1:
        return found[0]
    if found:
        names = [candidate.sheet for candidate in found]
        raise _which_sheet(path, "has more than one sheet with the columns that are needed:", names)
    raise _which_sheet(path, "has no sheet with the columns that are needed; it has", list(book.sheets))


def _which_sheet(path: str, what: str, sheets: list[str]) -> FileRefusedError:
    return FileRefusedError(Refusal.WHICH_SHEET, f"{path} {what} {', '.join(map(repr, sheets))}")


def _header(book: Workbook, sheet: str, path: str, contract: Contract, layout: Layout) -> Header:
    row = layout.header_row
    first, last = (1, SEARCHED_ROWS) if row is None else (row, row)
    return find_header(list(book.rows(sheet, first, last)), path, contract, layout)


def _batches(book: Workbook, found: _Found, path: str, size_bytes: int, days: int) -> Iterator[Batch]:
    picked = found.header.picked
    size = rows_at_once(len(picked))
    cells: list[tuple[object, ...]] = []
    bad: list[tuple[int, str, str, str]] = []
    for seen, (number, texts) in enumerate(book.rows(found.sheet, found.header.row + 1, None), 1):
        refuse_expansion(path, size_bytes, 0, seen * max(1, days), VALUES_A_BYTE)
        raw = ",".join(texts)[:RAW_LIMIT]
        error = next((name for name, position in picked.items() if texts[position] in _ERRORS), None)
        if error is None:
            cells.append((*(texts[position] for position in picked.values()), number, raw))
        else:
            message = f"{error} '{texts[picked[error]]}' is an error of the workbook."
            bad.append((number, Reason.ERROR_CELL, message, raw))
        if len(cells) + len(bad) >= size:
            yield _batch(cells, bad, found.header)
            cells, bad = [], []
    if cells or bad:
        yield _batch(cells, bad, found.header)


def _batch(cells: list[tuple[object, ...]], bad: list[tuple[int, str, str, str]], header: Header) -> Batch:
    schema = {**dict.fromkeys(header.picked, pl.String()), LINE: pl.Int64(), RAW: pl.String()}
    return Batch(
        rows=pl.DataFrame(cells, schema=schema, orient="row"),
        misshapen=pl.DataFrame(bad, schema=MISSHAPEN_SCHEMA, orient="row"),
    )


def _remarks(book: Workbook, found: _Found, layout: Layout) -> tuple[str, ...]:
    """What was found out and is not what anybody would expect: another sheet than the first, a later row."""
    parts: list[str] = []
    options: list[str] = []
    if layout.sheet is None and found.sheet != next(iter(book.sheets)):
        parts.append(f"The sheet is {found.sheet!r}")
        options.append("--sheet SHEET")
    if not found.header.is_first:
        start = "the" if parts else "The"
        parts.append(f"{start} names of the columns are in row {found.header.row:,}")
        options.append("--header-row ROW")
    if not parts:
        return ()
    return (f"{', and '.join(parts)}; 'forecaster feed set CLIENT FEED {' '.join(options)}' says otherwise.",)
