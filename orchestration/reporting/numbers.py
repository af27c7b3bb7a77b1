"""Numbers as people read them, on a page and in a terminal alike."""

from __future__ import annotations


def percent(value: float | None, *, signed: bool = False) -> str:
    """A share as people read it; a dash where it is not defined."""
    return "-" if value is None else f"{value:{'+' if signed else ''}.1%}"


def number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.2f}"
