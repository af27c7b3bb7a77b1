"""Scores of earlier forecasts, as sums that add up; the metrics are made of them by the views."""

from __future__ import annotations

from sqlalchemy import Column, Numeric, SmallInteger, Table
from sqlalchemy.dialects.postgresql import UUID

from orchestration.warehouse.tables.columns import (
    BY_CLIENT,
    client_key,
    day,
    key,
    labels,
    metadata,
    model,
    moment,
    one_of,
    only,
    run_key,
    series_key,
    whole,
    words,
    yes_no,
)
from orchestration.warehouse.tables.vocabulary import SummedBucket, TotalBucket, TotalGrain

COUNTS = {
    "n_rows": "Rows scored: actual known and not masked.",
    "n_masked": "Rows left out because the period was masked.",
    "n_positive": "Rows with an actual above zero, those MAPE is over.",
    **{f"n_inside_{p}": f"Actuals inside the central {p} % interval." for p in (50, 80, 90, 98)},
}
ON_BOUND = (
    "Actuals exactly on a bound of the central 90 % interval, inside all the same; NULL where it was scored "
    "before that was counted."
)
SUMS = {
    "sum_actual_qty": "Sum of actuals.",
    "sum_forecast_qty": "Sum of mean forecasts.",
    "sum_abs_error_qty": "Sum of |point - actual|.",
    "sum_squared_error": "Sum of (mean - actual)^2.",
    "sum_abs_pct_error": "Sum of |point - actual| / actual over positive actuals.",
}


def _exact(name: str, comment: str) -> Column[object]:
    """A sum of rows, exact in whatever order they were added: a sum of float8 depends on it."""
    return Column(name, Numeric, nullable=False, comment=comment)


def _few(name: str, comment: str, *, nullable: bool = False) -> Column[int]:
    """A count of periods of one series."""
    return Column(name, SmallInteger, nullable=nullable, comment=comment)


scorings = Table(
    "scorings",
    metadata,
    client_key(),
    run_key("Forecast run that was scored."),
    key("model", "Name in the model registry."),
    Column("scoring_id", UUID(as_uuid=False), nullable=False, comment="Its latest scoring."),
    day("as_of_date", "As-of date of the forecast run.", nullable=False),
    moment("scored_at", "When it was scored.", nullable=False),
    day("actuals_through", "Last day of actuals known then.", nullable=False),
    whole("input_watermark", "Highest file_id whose actuals were visible.", nullable=False),
    yes_no("is_current", "The scores are of a run in use for its date and model.", nullable=False),
    labels(
        "actuals_digests",
        "Digest of the actuals of each known period, the first one first; empty where all of them are to be "
        "scored anew.",
    ),
    words(
        "categories_digest",
        "Digest of the items' categories that its totals were added up by; NULL where nobody noted it.",
    ),
    moment(
        "items_thinned_at",
        "When its rows of score_sums went; NULL where they are there.",
    ),
    schema="analytics",
    comment="One row per forecast run and model that was scored: when, and by which actuals.",
)

score_sums = Table(
    "score_sums",
    metadata,
    client_key(),
    run_key("Forecast run."),
    key("model", "Name in the model registry."),
    *series_key(),
    one_of("lag_bucket", SummedBucket, "{}: periods ahead, of the run's grain.", primary_key=True),
    *[_few(name, comment) for name, comment in COUNTS.items()],
    _few("n_on_bound_90", ON_BOUND, nullable=True),
    model("mase_scale", "The series' scale of its absolute error, as in forecast_series."),
    model("rmsse_scale", "The series' scale of its squared error, as in forecast_series."),
    *[_exact(name, comment) for name, comment in SUMS.items()],
    _exact("sum_decile_losses_qty", "Sum over the rows and over 0.1 ... 0.9 of twice the quantile loss."),
    only("lag_bucket", SummedBucket),
    schema="analytics",
    postgresql_partition_by=BY_CLIENT,
    comment="One row per forecast run, model, series and lag bucket: the sums that each landed day adds to.",
)

score_totals = Table(
    "score_totals",
    metadata,
    client_key(),
    run_key("Forecast run."),
    key("model", "Name in the model registry."),
    one_of("grain", TotalGrain, primary_key=True),
    one_of("lag_bucket", TotalBucket, "{}: periods ahead, of the run's grain.", primary_key=True),
    key("grain_key", "The location, the category, or the client."),
    *[whole(name, comment, nullable=False) for name, comment in COUNTS.items()],
    whole("n_on_bound_90", ON_BOUND),
    *[_exact(name, comment) for name, comment in SUMS.items()],
    whole("n_series", "Series with a row that was scored.", nullable=False),
    whole("n_undefined", "Series whose MASE or RMSSE is undefined (scale zero).", nullable=False),
    _exact("sum_pinball_qty", "Sum over 0.1 ... 0.9 of twice the quantile loss, divided by nine."),
    _exact("sum_mase", "Sum of the series' MASE, where defined."),
    whole("n_mase", "Series in that sum.", nullable=False),
    _exact("sum_rmsse", "Sum of the series' RMSSE, where defined."),
    whole("n_rmsse", "Series in that sum.", nullable=False),
    schema="analytics",
    comment="One row per forecast run, model, lag bucket and location, category or client: sums over series.",
)
