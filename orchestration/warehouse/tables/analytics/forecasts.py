"""Forecast runs, what became of each series in them, and the distribution of each day."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Date, Index, Table, text
from sqlalchemy.dialects.postgresql import UUID

from forecasting_lib.grain import Grain
from forecasting_lib.models.weights import WeightsSource
from orchestration.warehouse.tables.columns import (
    BY_CLIENT,
    client_key,
    day,
    document,
    key,
    metadata,
    model,
    moment,
    non_negative,
    one_of,
    only,
    ordered_quantiles,
    quantile_columns,
    run_key,
    series_key,
    whole,
    words,
    yes_no,
)
from orchestration.warehouse.tables.vocabulary import (
    ForecastRunStatus,
    SeriesStatus,
)

forecast_runs = Table(
    "forecast_runs",
    metadata,
    client_key(),
    run_key("One execution of the forecast stage; all its models share it."),
    key("model", "Name in the model registry; champion is made of the leaders' forecasts."),
    day(
        "as_of_date",
        "Last day any model could see, the end of a period; the forecast begins with the next.",
        nullable=False,
    ),
    one_of("grain", Grain, "{}: what a period of it is.", nullable=False, default=str(Grain.DAY)),
    whole(
        "horizon_days", "Days forecast, from the as-of date to the end of its last period.", nullable=False
    ),
    one_of("status", ForecastRunStatus, nullable=False),
    yes_no("is_current", "The run to use for this client, model and as-of date."),
    yes_no("is_champion", "The model whose forecast feeds the inventory stage of this run."),
    words("reason", "Why this model was chosen, not chosen or skipped, as a sentence.", nullable=False),
    words(
        "model_id", "Hub id or directory of the weights, or the name and settings of a model without weights."
    ),
    one_of("weights_source", WeightsSource, "{}; NULL for a model without weights."),
    words("weights_digest", "SHA-256 of the weights, or of what it learned that day; else NULL."),
    words("code_version", "Version of this project that computed it.", nullable=False),
    Column(
        "input_watermark",
        whole("input_watermark", "").type,
        comment="Highest file_id whose rows were visible.",
    ),
    words("input_digest", "SHA-256 of all it depends on; the same inputs are not run again.", nullable=False),
    Column(
        "backtest_run_id",
        UUID(as_uuid=False),
        comment="Backtest whose choices and calibration it follows; NULL of a model by itself.",
    ),
    yes_no(
        "bands_hold",
        "Its calibrated 80 % and 90 % bands held what they name at past days; NULL where nobody can tell.",
        nullable=True,
        default=None,
    ),
    words("bands_problem", "Which bands did not, as sentences; NULL where none is known to fail."),
    Column(
        "stand_in_run_id",
        UUID(as_uuid=False),
        comment="Forecast run that is used in its place, since its bands did not hold; NULL of any other.",
    ),
    document("settings", "Settings the model ran with."),
    whole("n_series", "Series with a forecast.", nullable=False, default=0),
    whole("n_replaced", "Series whose forecast a guard replaced.", nullable=False, default=0),
    words("dagster_run_id", "Run in the Dagster UI.", nullable=False),
    model("duration_seconds", "Time the model took."),
    moment("published_at", "When the rows became visible.", nullable=False, now=True),
    moment(
        "thinned_at",
        "When its rows in the two other tables went, but for series decided about; NULL where it is whole.",
    ),
    only("status", ForecastRunStatus),
    only("grain", Grain),
    CheckConstraint("status = 'published' or not (is_current or is_champion)", name="only_published_is_used"),
    Index(
        "uq_forecast_runs_current",
        "client_id",
        "as_of_date",
        "model",
        unique=True,
        postgresql_where=text("is_current"),
    ),
    Index(
        "uq_forecast_runs_champion", "client_id", "run_id", unique=True, postgresql_where=text("is_champion")
    ),
    schema="analytics",
    comment="One row per execution of the forecast stage and model. Immutable but for use and thinning.",
)

forecast_series = Table(
    "forecast_series",
    metadata,
    client_key(),
    run_key("Forecast run."),
    key("model", "Name in the model registry."),
    *series_key(),
    one_of("status", SeriesStatus, "{}: the model's own numbers, a guard's or none.", nullable=False),
    words(
        "reason",
        "Why it was replaced or excluded, or what to know of it: code of docs/data-model.md; else NULL.",
    ),
    whole("history_days", "Periods of history the model saw: days, weeks or months.", nullable=False),
    whole("observed_days", "Of these, periods that were not masked.", nullable=False),
    model(
        "mase_scale",
        "Mean absolute seasonal-naive error (lag 7, 52 or 12; 1 of a shorter history); NULL where undefined.",
    ),
    model(
        "rmsse_scale", "Root mean squared naive error (lag 1) of the history; NULL where zero or undefined."
    ),
    model(
        "raw_mean_qty",
        "Mean of mean_qty over the horizon without the guard of the tail; NULL where it changed nothing.",
    ),
    words("made_by", "Model or ensemble whose forecast of the series this is; NULL of a model by itself."),
    words("choice", "Why that one leads for the series, as a sentence; NULL of a model by itself."),
    only("status", SeriesStatus),
    CheckConstraint("status = 'forecast' or reason is not null", name="reason"),
    non_negative("mase_scale", "rmsse_scale", "raw_mean_qty"),
    schema="analytics",
    comment="One row per forecast run, model and active series: that it was forecast, or why not.",
)

forecast_results = Table(
    "forecast_results",
    metadata,
    client_key(),
    run_key("Forecast run."),
    key("model", "Name in the model registry."),
    *series_key(),
    key("date", "Day forecast, or first day of the week or month.", Date),
    whole("lag_days", "Days from the as-of date to the last day of the period.", nullable=False),
    model(
        "point_qty",
        "Point forecast, judged by absolute error: the median of a probabilistic model.",
        nullable=False,
    ),
    model("mean_qty", "Expected demand; the only one that may be added up.", nullable=False),
    *quantile_columns(),
    ordered_quantiles(),
    non_negative("point_qty", "mean_qty"),
    schema="analytics",
    postgresql_partition_by=BY_CLIENT,
    comment="One row per forecast run, model, series and period: the distribution of its demand.",
)
