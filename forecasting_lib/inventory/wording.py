"""How the engine's sentences spell numbers."""

from __future__ import annotations

import polars as pl


def plain(column: str) -> pl.Expr:
    """One decimal, none where it is zero: 25 and 2.5."""
    rounded = pl.col(column).round(1)
    whole = rounded.round(0)
    return (
        pl.when(rounded == whole)
        .then(whole.cast(pl.Int64, strict=False).cast(pl.String))
        .otherwise(rounded.cast(pl.String))
    )
