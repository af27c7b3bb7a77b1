"""Backtests: what each model would have said at past origins, and what follows from it.

Belongs here: sums and totals of one backtest, the model that leads for each series, how distributions are
made true. Does not belong here: scores of forecasts that were published (``quality``).

The rows of a backtest never change but for ``is_current`` and ``details_thinned_at``.
"""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    REAL,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Double,
    Index,
    SmallInteger,
    Table,
    text,
)

from forecasting_lib.backtesting.champions import Reason
from forecasting_lib.covariates import Use
from forecasting_lib.grain import Grain
from forecasting_lib.panel import QUANTILE_COLUMNS
from orchestration.warehouse.tables.analytics.quality import COUNTS, ON_BOUND, SUMS
from orchestration.warehouse.tables.columns import (
    BY_CLIENT,
    client_key,
    day,
    document,
    finite,
    key,
    metadata,
    model,
    moment,
    non_negative,
    one_of,
    only,
    run_key,
    series_key,
    whole,
    words,
    yes_no,
)
from orchestration.warehouse.tables.vocabulary import DemandClassOrNone, ForecastRunStatus, SummedBucket

_SEGMENT = "Series judged together: their demand class."


def _read_at(comment: str) -> Column[list[float]]:
    return Column("read_at", ARRAY(Double), nullable=False, comment=comment)


backtest_runs = Table(
    "backtest_runs",
    metadata,
    client_key(),
    run_key("One backtest; all its models share it."),
    key("model", "Name in the model registry, or of an ensemble of those."),
    one_of("grain", Grain, "{}: what a period is.", nullable=False),
    one_of("status", ForecastRunStatus, "{}.", nullable=False),
    yes_no("is_current", "The backtest that the next forecasts rest on."),
    words("reason", "What was judged, or why the model was skipped, as a sentence.", nullable=False),
    whole("n_origins", "Origins.", nullable=False),
    whole("stride_periods", "Periods from one origin to the next.", nullable=False),
    whole("horizon_periods", "Periods that each origin is judged on.", nullable=False),
    day(
        "judged_from",
        "First origin that the choices judged on it were not made on; NULL where there were too few.",
    ),
    day("first_origin_date", "Last day seen at the first origin.", nullable=False),
    day("last_origin_date", "Last day seen at the last one.", nullable=False),
    words("model_id", "Weights it ran on, or the model's name."),
    words("weights_digest", "SHA-256 of the weights; NULL for a model without weights."),
    words("code_version", "Version of this project that computed it.", nullable=False),
    words("input_digest", "SHA-256 of all it depends on; the same inputs are not run again.", nullable=False),
    document("settings", "Settings the model ran with."),
    whole("n_series", "Series judged, over all origins.", nullable=False, default=0),
    words("dagster_run_id", "Run in the Dagster UI.", nullable=False),
    model("duration_seconds", "Time the model took over all origins."),
    moment("published_at", "When the rows became visible.", nullable=False, now=True),
    moment("details_thinned_at", "When its scores and totals by series went; NULL where they are there."),
    only("grain", Grain),
    only("status", ForecastRunStatus),
    CheckConstraint("status = 'published' or not is_current", name="only_published_is_used"),
    Index(
        "uq_backtest_runs_current",
        "client_id",
        "model",
        unique=True,
        postgresql_where=text("is_current"),
    ),
    schema="analytics",
    comment="One row per backtest and model. Immutable but for is_current and details_thinned_at.",
)

backtest_series = Table(
    "backtest_series",
    metadata,
    client_key(),
    run_key("Backtest."),
    *series_key(),
    one_of("demand_class", DemandClassOrNone, "{}, as of the last origin: its segment.", nullable=False),
    whole("n_origins", "Origins at which the series itself was judged.", nullable=False),
    words("model", "Model that leads for the series.", nullable=False),
    one_of("reason", Reason, "{}: why it leads.", nullable=False),
    model(
        "score",
        "Loss that its next origin is expected to have, over the mean of all models'; NULL where nothing was "
        "judged.",
    ),
    model("preferred_score", "The same of the first model of the client's policy."),
    model(
        "own_weight", "How far the series' own origins decide beside its segment's, 0 to 1.", nullable=False
    ),
    document("scores", "The score of every model, by name."),
    only("demand_class", DemandClassOrNone),
    only("reason", Reason),
    non_negative("score", "preferred_score", "own_weight"),
    schema="analytics",
    comment="One row per backtest and series: the model that leads for it, and why.",
)

backtest_scores = Table(
    "backtest_scores",
    metadata,
    client_key(),
    run_key("Backtest."),
    key("model", "Name in the model registry, or of an ensemble."),
    key("origin_date", "Last day that the model saw.", Date),
    *series_key(),
    one_of("lag_bucket", SummedBucket, "{}: periods ahead, of the run's grain.", primary_key=True),
    *[Column(name, SmallInteger, nullable=False, comment=comment) for name, comment in COUNTS.items()],
    Column("n_on_bound_90", SmallInteger, nullable=False, comment=ON_BOUND.split(";")[0] + "."),
    model(
        "mase_scale", "Mean absolute seasonal-naive error of the history at the origin; NULL if undefined."
    ),
    model("rmsse_scale", "Root mean squared naive error of that history; NULL where undefined."),
    *[model(name, comment, nullable=False) for name, comment in SUMS.items()],
    model(
        "sum_decile_losses_qty",
        "Sum over the rows and over 0.1 ... 0.9 of twice the quantile loss.",
        nullable=False,
    ),
    only("lag_bucket", SummedBucket),
    schema="analytics",
    postgresql_partition_by=BY_CLIENT,
    comment="One row per backtest, model, origin, series and lag bucket: sums as score_sums has them.",
)

backtest_totals = Table(
    "backtest_totals",
    metadata,
    client_key(),
    run_key("Backtest."),
    key("model", "Name in the model registry, or of an ensemble."),
    key("origin_date", "Last day that the model saw.", Date),
    *series_key(),
    key("n_periods", "Periods of the interval, from the origin on.", SmallInteger),
    model("actual_qty", "Units demanded in the interval.", nullable=False),
    model("mean_qty", "Units expected.", nullable=False),
    model(
        "variance", "Of the total, were the errors of its periods independent; squared units.", nullable=False
    ),
    Column("pit_low", REAL, nullable=False, comment="Probability forecast of less than the actual."),
    Column("pit_high", REAL, nullable=False, comment="Probability forecast of no more than the actual."),
    *[
        Column(
            f"pinball_{name}", REAL, nullable=False, comment=f"Quantile loss at {int(name[1:])} %, in units."
        )
        for name in QUANTILE_COLUMNS
    ],
    CheckConstraint("0 <= pit_low and pit_low <= pit_high and pit_high <= 1", name="pit"),
    non_negative("actual_qty", "mean_qty", "variance"),
    schema="analytics",
    postgresql_partition_by=BY_CLIENT,
    comment="One row per backtest, model, origin, series and interval: its total demand beside the forecast.",
)

backtest_reliability = Table(
    "backtest_reliability",
    metadata,
    client_key(),
    run_key("Backtest."),
    key("model", "Name in the model registry, or of an ensemble."),
    one_of("demand_class", DemandClassOrNone, _SEGMENT, primary_key=True),
    one_of("lag_bucket", SummedBucket, "{}: periods ahead, of the run's grain.", primary_key=True),
    Column(
        "is_calibrated",
        Boolean,
        primary_key=True,
        comment="With what the earlier origins said; the actuals are of the later ones, either way.",
    ),
    key("level", "Level of the quantile.", Double),
    whole("n_series", "Series judged, at the origin with most of them.", nullable=False),
    whole("n_actuals", "Actuals judged.", nullable=False),
    model("n_below", "Of these, below the quantile; those that equal it shared out.", nullable=False),
    only("demand_class", DemandClassOrNone),
    only("lag_bucket", SummedBucket),
    schema="analytics",
    comment="One row per backtest, model, demand class, lag bucket and level: what the quantile held.",
)
calibrations = Table(
    "calibrations",
    metadata,
    client_key(),
    run_key("Backtest."),
    key("model", "Name in the model registry, or of an ensemble."),
    one_of("demand_class", DemandClassOrNone, _SEGMENT, primary_key=True),
    one_of("lag_bucket", SummedBucket, "{}: periods ahead, of the run's grain.", primary_key=True),
    model("factor", "Means and quantiles are multiplied by it.", nullable=False),
    _read_at("Level at which each of the 21 levels of the grid is read."),
    whole("n_series", "Series it was fitted on.", nullable=False),
    only("demand_class", DemandClassOrNone),
    only("lag_bucket", SummedBucket),
    CheckConstraint(f"factor > 0 and {finite('factor')}", name="factor"),
    CheckConstraint("cardinality(read_at) = 21", name="read_at"),
    schema="analytics",
    comment="One row per backtest, model, demand class and lag bucket: how a forecast is made true.",
)

error_inflation = Table(
    "error_inflation",
    metadata,
    client_key(),
    run_key("Backtest."),
    key("model", "Name in the model registry, or of an ensemble."),
    one_of("demand_class", DemandClassOrNone, _SEGMENT, primary_key=True),
    key("n_periods", "Periods of the interval.", SmallInteger),
    model(
        "kappa",
        "Variance of the total over that of independent errors, blended with the history's.",
        nullable=False,
    ),
    _read_at("Level at which each of the 21 levels of the inflated law is read."),
    model("log_standard_error", "Standard error of ln(kappa); NULL where too few totals were known."),
    whole("n_totals", "Totals it rests on.", nullable=False),
    *[
        model(
            f"held_{percent}",
            f"Share of the later origins' totals below the {percent} % quantile, with what the earlier ones "
            "said; NULL where there were too few origins.",
        )
        for percent in (80, 90, 95, 98)
    ],
    whole("n_held", "Totals that these shares are of."),
    only("demand_class", DemandClassOrNone),
    CheckConstraint(f"kappa > 0 and {finite('kappa')}", name="kappa"),
    CheckConstraint("cardinality(read_at) = 21", name="read_at"),
    schema="analytics",
    comment="One row per backtest, model, demand class and interval: how far errors of periods go together.",
)

backtest_new_items = Table(
    "backtest_new_items",
    metadata,
    client_key(),
    run_key("Backtest."),
    key("model", "Name in the model registry."),
    key("origin_date", "Last day that the model saw.", Date),
    Column(
        "is_profiled",
        Boolean,
        primary_key=True,
        comment="With the profile of its category or predecessor; the same series without, where false.",
    ),
    whole("n_series", "Series that were new at the origin and have actuals.", nullable=False),
    whole("n_actuals", "Periods with actuals that were not masked.", nullable=False),
    model("sum_actual_qty", "Their demand.", nullable=False),
    model("sum_forecast_qty", "Their expected demand.", nullable=False),
    model(
        "sum_abs_total_error_qty",
        "Absolute errors of the series' totals over these periods.",
        nullable=False,
    ),
    model(
        "sum_quantile_loss_qty",
        "Twice the quantile loss, averaged over the levels 0.1 ... 0.9.",
        nullable=False,
    ),
    *[
        whole(
            f"n_inside_{percent}",
            f"Actuals inside the central {percent} % interval, its bounds included.",
            nullable=False,
        )
        for percent in (80, 90)
    ],
    non_negative("sum_actual_qty", "sum_forecast_qty", "sum_abs_total_error_qty", "sum_quantile_loss_qty"),
    schema="analytics",
    comment="One row per backtest, model, origin and kind of forecast: how far new series were off.",
)

covariate_worth = Table(
    "covariate_worth",
    metadata,
    client_key(),
    run_key("Backtest."),
    key("model", "Name in the model registry."),
    key("covariate", "Name of the covariate."),
    one_of("verdict", Use, "{}: whether the model is told of it.", nullable=False),
    model(
        "gain",
        "Share by which the quantile loss is smaller with it than with no covariate, mean of the windows "
        "that decide; negative where it is greater, NULL where none could tell.",
    ),
    model("standard_error", "Standard error of gain."),
    model("own_gain", "The same on its own days, such as promoted ones; NULL where they are few."),
    model("own_standard_error", "Standard error of own_gain."),
    whole("n_windows", "Windows that decide.", nullable=False),
    whole("n_series", "Series asked about, drawn from all.", nullable=False),
    document(
        "windows",
        "Each origin: whether it decides, WQL with and without it over all days and over its own days, and "
        "the actuals these are of.",
    ),
    day("first_origin_date", "Last day seen at the first origin it was judged at.", nullable=False),
    day("last_origin_date", "Last day seen at the last one.", nullable=False),
    model(
        "duration_seconds",
        "Time that judging all covariates of the model took; NULL of verdicts carried on.",
    ),
    only("verdict", Use),
    CheckConstraint(
        " and ".join(
            f"{name} > '-infinity'::float8 and {finite(name)}"
            for name in ("gain", "standard_error", "own_gain", "own_standard_error")
        ),
        name="finite",
    ),
    schema="analytics",
    comment="One row per backtest, model and covariate: what being told of it is worth. Verdicts are carried "
    "on for eight weeks.",
)
