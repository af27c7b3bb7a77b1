"""What a promotion is about: an item, or a category.

Belongs here: the one column of staging that two columns of a file become. Does not belong here: which days
and items a promotion covers (``dbt_project``).
"""

from __future__ import annotations

import polars as pl


def with_targets(rows: pl.DataFrame) -> pl.DataFrame:
    """What a promotion names: its item, else its category."""
    nothing = pl.lit(None, dtype=pl.String)
    item, category = (pl.col(name) if name in rows.columns else nothing for name in ("item_id", "category"))
    return rows.with_columns(
        pl.when(item.is_not_null()).then(pl.lit("item")).otherwise(pl.lit("category")).alias("target_type"),
        pl.coalesce(item, category).alias("target_id"),
    ).drop("item_id", "category", strict=False)
