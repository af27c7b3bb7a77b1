"""An order as a file for its supplier: CSV that a spreadsheet opens as it is, several of them in one archive.

Belongs here: columns, spelling and names of the files. Pure. Does not belong here: which orders there are
(``planning.orders``), the listing that programs read.

A file that is fetched once more says on each line that its order has left already, so that nobody orders
twice by it.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

COLUMNS = (
    *("order_number", "supplier_id", "item_id", "item_name", "location_id", "location_name"),
    *("order_qty", "order_date", "receipt_date", "unit_cost", "order_value"),
)
COPY = "copy"
"""The column that only a copy has."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a text begins with that a spreadsheet would compute."""

_MOMENT_OF_A_ZIP = (1980, 1, 1, 0, 0, 0)


def file_of(lines: Iterable[Mapping[str, Any]], left_at: datetime | None = None) -> bytes:
    """Lines of one order.

    Args:
        lines: with at least ``COLUMNS``.
        left_at: of a copy, when its order left; None of the order itself.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow((*COLUMNS, *([COPY] if left_at else [])))
    said = [f"copy: the order left on {left_at.astimezone(UTC):%Y-%m-%d at %H:%M} UTC"] if left_at else []
    for line in lines:
        writer.writerow([*(_cell(line[name]) for name in COLUMNS), *said])
    # spreadsheets take a file without the mark for one of their own old encodings
    return text.getvalue().encode("utf-8-sig")


def name_of(order_number: str, supplier_id: str | None, *, is_copy: bool) -> str:
    """``FC000012_acme.csv``: nothing in it that a file system or a header minds."""
    supplier = re.sub(r"[^A-Za-z0-9]+", "-", supplier_id or "").strip("-")[:40]
    return "_".join(filter(None, (order_number, supplier, "copy" if is_copy else ""))) + ".csv"


def archive_of(files: Mapping[str, bytes]) -> bytes:
    """Files by name in one archive, the same bytes for the same files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, _MOMENT_OF_A_ZIP), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _cell(value: Any) -> Any:
    """A value as a cell; of a text, one that is a text in a spreadsheet, too."""
    if isinstance(value, float):
        return f"{value:.4f}".rstrip("0").rstrip(".")
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
