"""How suppliers keep their word, as of each inventory run."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Table

from orchestration.warehouse.tables.columns import (
    client_key,
    key,
    metadata,
    model,
    non_negative,
    run_key,
    whole,
)

supplier_lead_times = Table(
    "supplier_lead_times",
    metadata,
    client_key(),
    run_key("Inventory run."),
    key("supplier_id", "Supplier."),
    model("stated_days", "Planned: mean lead time by the supplier's own word; NULL where it gave none."),
    model("stated_sd_days", "Its standard deviation by the supplier's own word."),
    whole("n_receipts", "Actual: receipts of three years; lines ordered and received together are one."),
    model("mean_days", "Mean days from order to receipt."),
    model("median_days", "Median of them."),
    model("sd_days", "Standard deviation of them; NULL of fewer than two."),
    whole("n_promised", "Receipts that had a promised day."),
    model("late_share", "Of these, the share that came after it; NULL where none had one."),
    model("mean_days_late", "Mean days after the promised day; negative where they come before it."),
    whole("n_open", "Order lines that are open."),
    whole("n_overdue", "Of these, lines whose promised day is past."),
    whole("longest_overdue_days", "Days by which the most overdue line is past its promised day."),
    whole("n_faulty", "Lines left out: received before they were ordered, or absurdly late."),
    whole("n_forgotten", "Open lines left out: so old that nobody seems to have closed them."),
    model(
        "expected_days",
        "Lead time expected of a new item: word and receipts weighed, open orders counted as not yet ended.",
    ),
    model("expected_sd_days", "Its standard deviation."),
    non_negative("mean_days", "median_days", "sd_days", "expected_days", "expected_sd_days"),
    CheckConstraint("late_share between 0 and 1", name="late_share"),
    schema="analytics",
    comment="One row per inventory run and supplier: planned against actual lead times.",
)
