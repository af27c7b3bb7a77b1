"""How a feed has the codes of items and locations spelt, and which items it reads.

Belongs here: what the settings mean for a code. Does not belong here: the settings (``feeds``), the rows and
columns that hold codes (``shaping``, ``item_columns``).
"""

from __future__ import annotations

from fnmatch import fnmatchcase

import polars as pl

from orchestration.feeds import Feed


def spelt(feed: Feed, text: pl.Expr) -> pl.Expr:
    """A column of codes as the feed has them spelt."""
    match feed.code_spaces:
        case "single":
            text = text.str.strip_chars().str.replace_all(r"\s+", " ")
        case "none":
            text = text.str.replace_all(r"\s+", "")
    match feed.code_case:
        case "upper":
            text = text.str.to_uppercase()
        case "lower":
            text = text.str.to_lowercase()
    return text


def reads_item(feed: Feed, item: str) -> bool:
    """Whether an item is read; one without a code is judged like any other row."""
    code = item.casefold()
    is_kept = not feed.keep_items or any(fnmatchcase(code, kept.casefold()) for kept in feed.keep_items)
    is_left = any(fnmatchcase(code, left.casefold()) for left in feed.leave_out_items)
    return not code or (is_kept and not is_left)
