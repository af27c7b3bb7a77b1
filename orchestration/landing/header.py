"""A file's header against its contract.

Belongs here: which row of a file names its columns, which column is which column of the contract, and which
are missing or not used. Does not belong here: reading the rows (``csv_reader``, ``parquet_reader``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from orchestration.foreign_text import printable, some_of
from orchestration.landing.contracts import Contract
from orchestration.landing.layout import Layout, further_column
from orchestration.landing.reasons import FileRefusedError, Refusal

SEARCHED_ROWS = 30
"""Rows in which the header is looked for: exports have titles, dates and filters above it."""

ELSEWHERE = "; 'forecaster feed set CLIENT FEED --header-row ROW' says otherwise."
"""End of the remark about a row that was found."""

_SHOWN_COLUMNS = 40
_SHOWN_UNUSED = 10
_SHOWN_CHARACTERS = 100


@dataclass(frozen=True)
class Header:
    """The row that names the columns.

    Attributes:
        row: its number, the first being 1.
        is_first: no other row with a text is above it, or the layout says that it is this one.
        width: its fields.
        picked: the contract's column -> its position.
        unused: columns that are not used.
    """

    row: int
    is_first: bool
    width: int
    picked: Mapping[str, int]
    unused: tuple[str, ...]


def find_header(
    rows: Iterable[tuple[int, Sequence[str] | FileRefusedError]],
    path: str,
    contract: Contract,
    layout: Layout,
) -> Header:
    """The first of some rows that has every column that is needed.

    Args:
        rows: number and fields of those that come into question, or why one cannot be read.
        path: for the message.
        contract: what the file should hold.
        layout: under which names.

    Raises:
        FileRefusedError: none has; the message is about the first that holds a text.
    """
    refusal: FileRefusedError | None = None
    if layout.choose_header is not None:
        rows = list(rows)
        refusal = next((names for _, names in rows if isinstance(names, FileRefusedError)), None)
        chosen = layout.choose_header(
            (row, names) for row, names in rows if not isinstance(names, FileRefusedError)
        )
        rows = [] if chosen is None else [chosen]
    for row, names in rows:
        if isinstance(names, FileRefusedError):
            refusal = refusal or names
        elif any(name.strip() for name in names):
            try:
                picked, unused = resolve_columns(names, path, contract, layout)
            except FileRefusedError as error:
                refusal = refusal or error
            else:
                return Header(row, refusal is None, len(names), picked, unused)
    where = "" if layout.header_row is None else f" in row {layout.header_row:,}"
    raise refusal or FileRefusedError(Refusal.MISSING_COLUMN, f"{path} has no header{where}")


def resolve_columns(
    header: Sequence[str], path: str, contract: Contract, layout: Layout
) -> tuple[dict[str, int], tuple[str, ...]]:
    """Find the contract's columns in a header; case and surrounding blanks do not matter.

    Args:
        header: the names as delivered. Nameless columns are left out.
        path: for the message.
        contract: what the file should hold.
        layout: under which names, and which columns are needed beside the contract's.

    Returns:
        The contract's column -> its position, the further ones as ``further_column`` calls them, and the
        columns that are not used.

    Raises:
        FileRefusedError: a name appears twice, or a required, mapped or further column is missing.
    """
    positions: dict[str, int] = {}
    for index, name in enumerate(header):
        folded = name.strip().casefold()
        if folded in positions:
            raise FileRefusedError(
                Refusal.DUPLICATE_HEADER, f"{path}: the column {name.strip()!r} appears twice"
            )
        if folded:
            positions[folded] = index
    found = _listed([name.strip() for name in header if name.strip()])
    picked: dict[str, int] = {}
    for column in contract.columns:
        if column.name in layout.supplied:
            continue
        wanted = layout.columns.get(column.name, column.name)
        position = positions.get(wanted.strip().casefold())
        if position is not None:
            picked[column.name] = position
        elif column.required or column.name in layout.columns:
            mapped = f" (mapped to {wanted!r})" if column.name in layout.columns else ""
            raise FileRefusedError(
                Refusal.MISSING_COLUMN,
                f"{path}: the column {column.name!r}{mapped} is missing; the columns found are {found}",
            )
    for group in contract.one_of:
        if not any(name in picked or name in layout.supplied for name in group):
            names = " or ".join(repr(name) for name in group)
            raise FileRefusedError(
                Refusal.MISSING_COLUMN,
                f"{path}: a column {names} is missing; the columns found are {found}",
            )
    further = (
        {further_column(header[index].strip()): index for index in positions.values()}
        if layout.choose_header is not None
        else _further(positions, path, layout, found)
    )
    if contract.cells is not None:
        taken = {*picked.values(), *further.values()}
        cells = {
            f"{contract.cells.prefix}{name.strip()}": index
            for index, name in enumerate(header)
            if name.strip() and index not in taken and contract.cells.is_one(name.strip())
        }
        if not cells:
            raise FileRefusedError(
                Refusal.MISSING_COLUMN,
                f"{path}: a column of {contract.cells.of}, such as {contract.cells.example!r}, "
                f"is missing; the columns found are {found}",
            )
        picked |= cells
    picked |= further
    used = set(picked.values())
    unused = tuple(name.strip() for index, name in enumerate(header) if index not in used and name.strip())
    return picked, unused


def _further(positions: Mapping[str, int], path: str, layout: Layout, found: str) -> dict[str, int]:
    """Where the columns are that expressions are about."""
    further: dict[str, int] = {}
    for theirs in layout.further:
        position = positions.get(theirs.strip().casefold())
        if position is None:
            raise FileRefusedError(
                Refusal.MISSING_COLUMN,
                f"{path}: the column {theirs!r}, which an expression is about, is missing; "
                f"the columns found are {found}",
            )
        further[further_column(theirs)] = position
    return further


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN_COLUMNS])[:1_000]
    return f"{shown} and {len(names) - _SHOWN_COLUMNS:,} more" if len(names) > _SHOWN_COLUMNS else shown


def unused_columns(names: Sequence[str]) -> list[str]:
    """The columns of a file that nobody asks for, as a sentence; nothing where there are none."""
    shown = [name[:_SHOWN_CHARACTERS] for name in names]
    return [f"Columns not used: {printable(some_of(shown, _SHOWN_UNUSED))}."] if shown else []
