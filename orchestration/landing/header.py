"""A file's header against its contract.

Belongs here: which column of a file is which column of the contract, and which are missing. Does not belong
here: reading the header's bytes (``csv_reader``, ``parquet_reader``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from orchestration.landing.contracts import Contract
from orchestration.landing.reasons import FileRefusedError, Refusal

_SHOWN_COLUMNS = 40


def resolve_columns(
    header: Sequence[str], path: str, contract: Contract, column_map: Mapping[str, str]
) -> tuple[dict[str, int], tuple[str, ...]]:
    """Find the contract's columns in a header; case and surrounding blanks do not matter.

    Args:
        header: the names as delivered. Nameless columns are left out.
        path: for the message.
        contract: what the file should hold.
        column_map: our column -> the client's. A mapped column must be there under the client's name.

    Returns:
        The contract's column -> its position, and the columns that are not used.

    Raises:
        FileRefusedError: a name appears twice, or a required or mapped column is missing.
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
        wanted = column_map.get(column.name, column.name)
        position = positions.get(wanted.strip().casefold())
        if position is not None:
            picked[column.name] = position
        elif column.required or column.name in column_map:
            mapped = f" (the client's {wanted!r})" if column.name in column_map else ""
            raise FileRefusedError(
                Refusal.MISSING_COLUMN,
                f"{path}: the column {column.name!r}{mapped} is missing; the columns found are {found}",
            )
    for group in contract.one_of:
        if not any(name in picked for name in group):
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
                f"{path}: a day column such as 'd_1' is missing; the columns found are {found}",
            )
        picked |= days
    used = set(picked.values())
    unused = tuple(name.strip() for index, name in enumerate(header) if index not in used and name.strip())
    return picked, unused


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN_COLUMNS])[:1_000]
    return f"{shown} and {len(names) - _SHOWN_COLUMNS:,} more" if len(names) > _SHOWN_COLUMNS else shown
