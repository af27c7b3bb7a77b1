"""Days of demand that nothing explains, beside what was to be expected, and what people say of them."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Date, Table

from orchestration.warehouse.tables.columns import (
    book,
    client_key,
    day,
    finite,
    key,
    metadata,
    model,
    moment,
    one_of,
    only,
    series_key,
    whole,
    words,
    yes_no,
)
from orchestration.warehouse.tables.vocabulary import OutlierReason

demand_outliers = Table(
    "demand_outliers",
    metadata,
    client_key(),
    *series_key(),
    key("date", "Day.", Date),
    book("raw_qty", "Units demanded and served, as ts_demand_daily has them.", nullable=False),
    model("expected_qty", "Units to be expected by the rule; NULL where it finds nothing odd."),
    model(
        "cleaned_qty",
        "Units that cleaning puts in their place: raw_qty where a person keeps the day, else what a person"
        " names, else expected_qty; NULL takes the day for unknown.",
    ),
    one_of(
        "reason", OutlierReason, "{}: more or less than to be expected, or a person says so.", nullable=False
    ),
    model("score", "Robust deviations from what was to be expected; NULL where the rule finds nothing odd."),
    yes_no(
        "keep",
        "What a person says: true, it stands; false, it is to be cleaned; NULL, nothing yet.",
        nullable=True,
        default=None,
    ),
    words("decided_by", "Who says so."),
    words("note", "Why."),
    CheckConstraint(
        " and ".join(f"{name} >= 0 and {finite(name)}" for name in ("expected_qty", "cleaned_qty")),
        name="non_negative",
    ),
    only("reason", OutlierReason),
    schema="analytics",
    comment="One row per client, item, location and day of the last year that nothing explains, or that"
    " somebody wants cleaned. Demand itself stays as it is.",
)

outlier_looks = Table(
    "outlier_looks",
    metadata,
    client_key(),
    day("judged_through", "Last day that was judged.", nullable=False),
    whole("judged_days", "Days of all series that were judged at the last look.", nullable=False),
    whole("found_days", "Of these, those that nothing explains.", nullable=False),
    moment("looked_at", "When: demand that was built before was seen.", nullable=False),
    schema="analytics",
    comment="One row per client whose demand was looked at for days that nothing explains.",
)
