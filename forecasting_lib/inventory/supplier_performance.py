"""How suppliers keep their word: stated lead times and promised days against receipts, per supplier.

Belongs here: the table of planned against actual. Does not belong here: the lead time that a plan uses
(``lead_times``), which it only shows beside.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from forecasting_lib.inventory.lead_times import OrderFault, with_lead_times

SUPPLIER_LEAD_TIMES_SCHEMA: dict[str, pl.DataType] = {
    "supplier_id": pl.String(),
    "stated_days": pl.Float64(),
    "stated_sd_days": pl.Float64(),
    "n_receipts": pl.Int32(),
    "mean_days": pl.Float64(),
    "median_days": pl.Float64(),
    "sd_days": pl.Float64(),
    "n_promised": pl.Int32(),
    "late_share": pl.Float64(),
    "mean_days_late": pl.Float64(),
    "n_open": pl.Int32(),
    "n_overdue": pl.Int32(),
    "longest_overdue_days": pl.Int32(),
    "n_faulty": pl.Int32(),
    "n_forgotten": pl.Int32(),
    "expected_days": pl.Float64(),
    "expected_sd_days": pl.Float64(),
}
"""One row per supplier that was delivered or ordered from, by its id."""


def supplier_lead_times(words: pl.DataFrame, ages: pl.DataFrame, as_of_date: date) -> pl.DataFrame:
    """Planned against actual of every supplier.

    Lines that were ordered and received together, for whichever items, are one receipt, as in
    :func:`~forecasting_lib.inventory.lead_times.with_lead_times`. Late is a receipt after its promised day;
    overdue is an open line whose promised day is past. Statistics of received lines are as they are;
    ``expected_days`` also counts what is still open, and is what an item new at the supplier is planned with.

    Args:
        words: columns ``supplier_id, stated_days, stated_sd_days``, one row per supplier as delivered.
        ages: rows of :func:`~forecasting_lib.inventory.lead_times.order_ages`.
        as_of_date: close of business that the ages are of.

    Returns:
        Columns of ``SUPPLIER_LEAD_TIMES_SCHEMA``.
    """
    named = ages.drop_nulls("supplier_id")
    sound = named.filter(pl.col("fault").is_null())
    late = (pl.col("received_date") - pl.col("expected_date")).dt.total_days()
    received = (
        sound.filter(~pl.col("is_open"))
        .unique(["supplier_id", "order_date", "days", "expected_date"], maintain_order=True)
        .group_by("supplier_id")
        .agg(
            pl.len().alias("n_receipts"),
            pl.col("days").mean().alias("mean_days"),
            pl.col("days").median().alias("median_days"),
            pl.col("days").std(ddof=1).alias("sd_days"),
            late.count().alias("n_promised"),
            (late > 0).mean().alias("late_share"),
            late.mean().alias("mean_days_late"),
        )
    )
    past = (pl.lit(as_of_date) - pl.col("expected_date")).dt.total_days()
    is_running = pl.col("is_open") & pl.col("fault").is_null()
    running = named.group_by("supplier_id").agg(
        is_running.sum().alias("n_open"),
        (is_running & (past > 0)).sum().alias("n_overdue"),
        past.filter(is_running & (past > 0)).max().alias("longest_overdue_days"),
        (pl.col("fault").is_not_null() & ~pl.col("is_open")).sum().alias("n_faulty"),
        (pl.col("fault") == OrderFault.FORGOTTEN.value).sum().alias("n_forgotten"),
    )
    known = pl.concat([words["supplier_id"], named["supplier_id"]]).unique().sort()
    suppliers = known.to_frame().join(words, on="supplier_id", how="left", maintain_order="left")
    nowhere = suppliers.select(
        pl.lit(None, pl.String).alias("item_id"),
        pl.lit(None, pl.String).alias("location_id"),
        "supplier_id",
        "stated_days",
        "stated_sd_days",
    )
    expected = with_lead_times(nowhere, sound, None)
    counts = ("n_receipts", "n_promised", "n_open", "n_overdue", "n_faulty", "n_forgotten")
    return (
        suppliers.join(received, on="supplier_id", how="left", maintain_order="left")
        .join(running, on="supplier_id", how="left", maintain_order="left")
        .with_columns(
            pl.col(counts).fill_null(0),
            expected["lead_time_days"].alias("expected_days"),
            expected["lead_time_sd_days"].alias("expected_sd_days"),
        )
        .select(pl.col(name).cast(dtype) for name, dtype in SUPPLIER_LEAD_TIMES_SCHEMA.items())
    )
