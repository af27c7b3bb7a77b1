"""A file's header against its contract.

Belongs here: which column of a file is which column of the contract, and which are missing. Does not belong
here: reading the header's bytes (``csv_reader``, ``parquet_reader``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from orchestration.landing.contracts import Contract
from orchestration.landing.layout import Layout, further_column
from orchestration.landing.reasons import FileRefusedError, Refusal

_SHOWN_COLUMNS = 40


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
            mapped = f" (the client's {wanted!r})" if column.name in layout.columns else ""
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
    if contract.day_label is not None:
        days = {name.strip(): index for index, name in enumerate(header) if contract.is_day(name.strip())}
        if not days:
            raise FileRefusedError(
                Refusal.MISSING_COLUMN,
                f"{path}: a column of a period, such as {contract.day_example!r}, is missing; "
                f"the columns found are {found}",
            )
        picked |= days
    picked |= _further(positions, path, layout, found)
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
