"""Numbers as people read them, on a page and in a terminal alike."""

from __future__ import annotations


def percent(value: float | None, *, signed: bool = False) -> str:
    """A share as people read it; a dash where it is not defined."""
    return "-" if value is None else f"{value:{'+' if signed else ''}.1%}"


def number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.2f}"


def plain(value: float) -> str:
    """A figure in a sentence: two decimals at most, and none that are zero."""
    text = f"{value:,.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
