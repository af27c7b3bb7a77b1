"""The first rows of any file as text, under the names that the file gives its columns.

Belongs here: reading without knowing what is wanted. Does not belong here: the formats (``landing``), what
the columns are (``content``, ``kinds``).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from orchestration.landing.contracts import Contract
from orchestration.landing.file_names import WORKBOOKS
from orchestration.landing.layout import Layout, further_column
from orchestration.landing.reader import open_table
from orchestration.landing.reasons import FileRefusedError, Refusal
from orchestration.landing.workbook_process import Workbook

ROWS = 200_000
"""Rows that are looked at; days and months are told apart after the twelfth of a month."""

_HEADER_ROWS = 30
_MOST_SHEETS = 20

_FULL = 0.8
"""Of the most columns of a row, that the header has: titles above it have fewer."""

_OF_THE_HEADER = (Refusal.DUPLICATE_HEADER, Refusal.MISSING_COLUMN)
"""What is said of a title line that is taken for a header."""

_ANYTHING = Contract(name="anything", table="sales", columns=(), key=(), line_limit=16 << 20)


@dataclass(frozen=True)
class Sample:
    """Some rows of a file.

    Attributes:
        path: the file.
        rows: its columns under the file's names, as text without surrounding blanks; empty texts are null.
        is_whole: there are no other rows.
        layout: what the file cannot be read without: its sheet and the row of its header.
        has_decimal_commas: its fields are apart by semicolons.
        remarks: what the reader found out.
    """

    path: Path
    rows: pl.DataFrame
    is_whole: bool
    layout: Layout
    has_decimal_commas: bool
    remarks: tuple[str, ...]


def sheets_of(path: Path) -> list[str | None]:
    """The sheets of a workbook that people see, where there are several to choose from; else only None.

    Raises:
        FileRefusedError: it cannot be read.
        OSError: it cannot be opened.
    """
    if not path.name.casefold().endswith(WORKBOOKS):
        return [None]
    with (
        path.open("rb") as content,
        Workbook(content, path.name, path.stat().st_size, decimal_comma=False) as book,
    ):
        seen = [name for name, is_visible in book.sheets.items() if is_visible]
    return [*seen[:_MOST_SHEETS]] if len(seen) > 1 else [None]


def read_sample(path: Path, sheet: str | None = None) -> Sample:
    """Read the first rows of a file.

    Args:
        path: the file.
        sheet: of a workbook; None for the only one.

    Raises:
        FileRefusedError: it cannot be read.
        OSError: it cannot be opened.
    """
    layout, names = _header(path, sheet)
    with path.open("rb") as content:
        wanted = Layout(further=tuple(names), sheet=layout.sheet, header_row=layout.header_row)
        table = open_table(content, path.name, path.stat().st_size, _ANYTHING, wanted)
        parts: list[pl.DataFrame] = []
        n_rows, is_whole = 0, True
        for batch in table.batches:
            parts.append(
                batch.rows.select(
                    pl.col(further_column(name)).str.strip_chars().replace("", None).alias(name)
                    for name in names
                )
            )
            n_rows += batch.rows.height
            if n_rows >= ROWS:
                is_whole = False
                break
    rows = pl.concat(parts) if parts else pl.DataFrame(schema=dict.fromkeys(names, pl.String))
    return Sample(path, rows, is_whole, layout, table.decimal_comma, table.remarks)


def _header(path: Path, sheet: str | None) -> tuple[Layout, list[str]]:
    """Where the names of the columns stand, and the names."""
    found: dict[int | None, list[str]] = {}
    for row in (None, *range(2, _HEADER_ROWS + 1)):
        try:
            with path.open("rb") as content:
                table = open_table(
                    content, path.name, path.stat().st_size, _ANYTHING, Layout(header_row=row, sheet=sheet)
                )
        except FileRefusedError as error:
            if error.refusal in _OF_THE_HEADER and (row is None or found):
                continue
            if found:
                break
            raise
        found[row] = list(table.unused)
        if row is None and len(table.unused) > 1 and _could_be_names(found[row]):
            break
    if not found:
        raise FileRefusedError(Refusal.MISSING_COLUMN, f"{path.name} has no row that could be a header")
    most = max(map(len, found.values()))
    row = next(row for row, names in found.items() if len(names) >= _FULL * most)
    return Layout(header_row=row, sheet=sheet), found[row]


def _could_be_names(cells: list[str]) -> bool:
    """Whether a row could be a header: no more than half of its cells are numbers."""
    numbers = sum(cell.replace(".", "", 1).replace(",", "", 1).lstrip("+-").isdigit() for cell in cells)
    return numbers * 2 <= len(cells)
