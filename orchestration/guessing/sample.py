"""The first rows of any file as text, under the names that the file gives its columns.

Belongs here: reading without knowing what is wanted. Does not belong here: the formats (``landing``), what
the columns are (``content``, ``kinds``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from orchestration.landing.contracts import Contract
from orchestration.landing.file_names import WORKBOOKS
from orchestration.landing.layout import Layout, Row, further_column
from orchestration.landing.reader import open_table
from orchestration.landing.workbook_process import Workbook

ROWS = 200_000
"""Rows that are looked at; days and months are told apart after the twelfth of a month."""

_MOST_SHEETS = 20

_FULL = 0.8
"""Of the most columns of a row, that the header has: titles above it have fewer."""

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
    header = _Header()
    with path.open("rb") as content:
        wanted = Layout(sheet=sheet, choose_header=header.choose)
        table = open_table(content, path.name, path.stat().st_size, _ANYTHING, wanted)
        names = {column: column.removeprefix(further_column("")) for column in table.columns}
        parts: list[pl.DataFrame] = []
        n_rows, is_whole = 0, True
        for batch in table.batches:
            parts.append(
                batch.rows.select(
                    pl.col(column).str.strip_chars().replace("", None).alias(name)
                    for column, name in names.items()
                )
            )
            n_rows += batch.rows.height
            if n_rows >= ROWS:
                is_whole = False
                break
    rows = pl.concat(parts) if parts else pl.DataFrame(schema=dict.fromkeys(names.values(), pl.String))
    layout = Layout(sheet=sheet, header_row=header.row)
    return Sample(path, rows, is_whole, layout, table.decimal_comma, table.remarks)


@dataclass
class _Header:
    """The choice of the row that names the columns: the first that has almost as many names as any.

    Attributes:
        row: its number; None where it is the first that has a text, or the format has no such rows.
    """

    row: int | None = field(default=None, init=False)

    def choose(self, rows: Iterable[Row]) -> Row | None:
        found = {row: cells for row, cells in rows if any(cell.strip() for cell in cells)}
        if not found:
            return None
        named = {row: sum(bool(cell.strip()) for cell in cells) for row, cells in found.items()}
        chosen = next(row for row, names in named.items() if names >= _FULL * max(named.values()))
        self.row = None if chosen == next(iter(found)) else chosen
        return chosen, found[chosen]
