"""Lines and columns of an export that sum up others.

Belongs here: what companies call them. Does not belong here: leaving them out (``items``, ``item_columns``).
"""

from __future__ import annotations

from orchestration.guessing.vocabulary import Names, plain

TOTALS: Names = (
    *("total", "totals", "grand total", "subtotal", "sub total", "sum", "summe", "gesamt", "gesamtsumme"),
    *("zwischensumme", "total general", "totaal", "totale", "somme", "suma", "soma"),
)
"""What a line or a column is called that sums up others."""


def is_total(text: str) -> bool:
    """Whether a name or a value says that it sums up others."""
    return plain(text) in TOTALS
