"""Scores of earlier forecasts: sums, and the metrics made of them."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table, text

from orchestration.warehouse.tables.columns import (
    client_key,
    day,
    key,
    metadata,
    model,
    moment,
    non_negative,
    one_of,
    run_key,
    whole,
    words,
    yes_no,
)
from orchestration.warehouse.tables.vocabulary import (
    Grain,
    LagBucket,
)

forecast_quality = Table(
    "forecast_quality",
    metadata,
    client_key(),
    run_key("One scoring of one forecast run and model.", name="scoring_id"),
    one_of("grain", Grain, primary_key=True),
    key("grain_key", "The series (item|location), item, location, category, or the client."),
    one_of("lag_bucket", LagBucket, "{}: periods ahead, of the run's grain.", primary_key=True),
    Column("run_id", run_key("").type, nullable=False, comment="Forecast run that was scored."),
    words("model", "Name in the model registry.", nullable=False),
    day("as_of_date", "As-of date of the forecast run.", nullable=False),
    words("item_id", "Item, at grain series and item."),
    words("location_id", "Location, at grain series and location."),
    words("category", "Category, at grain category."),
    moment("scored_at", "When it was scored.", nullable=False),
    day("actuals_through", "Last day of actuals known then.", nullable=False),
    whole("input_watermark", "Highest file_id whose actuals were visible.", nullable=False),
    words("actuals_digest", "Digest of the actuals it was scored by, at grain client and bucket all."),
    yes_no("is_current", "Latest scoring of the run in use for its date and model.", nullable=False),
    whole("n_rows", "Rows scored: actual known and not masked.", nullable=False),
    whole("n_series", "Series among them.", nullable=False),
    whole("n_masked", "Rows left out because the period was masked.", nullable=False),
    whole("n_undefined", "Series whose MASE or RMSSE is undefined (scale zero).", nullable=False),
    whole("n_positive", "Rows with an actual above zero, those MAPE is over.", nullable=False),
    model("sum_actual_qty", "Sum of actuals.", nullable=False),
    model("sum_forecast_qty", "Sum of mean forecasts.", nullable=False),
    model("sum_abs_error_qty", "Sum of |point - actual|.", nullable=False),
    model("sum_squared_error", "Sum of (mean - actual)^2.", nullable=False),
    model("sum_abs_pct_error", "Sum of |point - actual| / actual over positive actuals.", nullable=False),
    model(
        "sum_pinball_qty", "Sum over 0.1 ... 0.9 of twice the quantile loss, divided by nine.", nullable=False
    ),
    model("sum_mase", "Sum of the series' MASE, where defined.", nullable=False),
    whole("n_mase", "Series in that sum.", nullable=False),
    model("sum_rmsse", "Sum of the series' RMSSE, where defined.", nullable=False),
    whole("n_rmsse", "Series in that sum.", nullable=False),
    *[
        whole(f"n_inside_{p}", f"Actuals inside the central {p} % interval.", nullable=False)
        for p in (50, 80, 90, 98)
    ],
    whole(
        "n_on_bound_90",
        "Actuals exactly on a bound of the central 90 % interval, inside all the same; NULL before 0003.",
    ),
    model("mape", "Mean absolute percentage error over positive actuals; NULL where there are none."),
    model("mape_row_share", "Share of rows MAPE is over."),
    model("wape", "Sum of absolute errors over the sum of actuals; NULL where that is zero."),
    model("mae_qty", "Mean absolute error."),
    model("rmse_qty", "Root mean squared error of the mean forecast."),
    model("bias", "Sum of (mean - actual) over the sum of actuals; positive is over-forecast."),
    model("bias_qty", "Mean of (mean - actual)."),
    model("mase", "Mean over series of the absolute error scaled by the seasonal naive's (lag 7, 52 or 12)."),
    model("rmsse", "Mean over series of the root squared error scaled by the naive's (lag 1)."),
    model("wql", "Weighted quantile loss over 0.1 ... 0.9."),
    *[
        model(f"coverage_{p}", f"Share of actuals inside the central {p} % interval.")
        for p in (50, 80, 90, 98)
    ],
    Index(
        "uq_forecast_quality_current",
        "client_id",
        "run_id",
        "model",
        "grain",
        "grain_key",
        "lag_bucket",
        unique=True,
        postgresql_where=text("is_current"),
    ),
    non_negative("mape", "wape", "mae_qty", "rmse_qty", "mase", "rmsse", "wql"),
    schema="analytics",
    comment="One row per scoring, grain, key and lag bucket: sums, and the metrics made of them.",
)
