"""Schema ``analytics``: everything people query. The first group is filled by dbt, the rest by Python."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Computed, Date, Index, Table, Text, text

from forecasting_lib.inventory import LeadTimeSource, Severity
from forecasting_lib.inventory.lead_time_demand import NormalDemand
from forecasting_lib.inventory.policies import ServiceMetric
from forecasting_lib.inventory.replenishment import Action, Urgency
from forecasting_lib.models.weights import WeightsSource
from orchestration.warehouse.tables.columns import (
    BOOK_QUANTITY,
    book,
    client_key,
    day,
    document,
    key,
    labels,
    metadata,
    model,
    moment,
    non_negative,
    one_of,
    only,
    ordered_quantiles,
    quantile_columns,
    run_key,
    whole,
    words,
    yes_no,
)
from orchestration.warehouse.tables.vocabulary import (
    DemandClass,
    DemandClassOrNone,
    ForecastRunStatus,
    Grain,
    InventoryRunStatus,
    LagBucket,
    SeriesStatus,
)

BY_CLIENT = "LIST (client_id)"

LAWS = (NormalDemand.method,)
LEAD_TIME_SOURCES = (LeadTimeSource.RECEIPTS, LeadTimeSource.SUPPLIER, LeadTimeSource.CLIENT_DEFAULT)
"""Those of the engine's sources that the pipeline reads."""


def _series_key() -> list[Column[str]]:
    return [key("item_id", "Item."), key("location_id", "Location.")]


# --- filled by dbt ------------------------------------------------------------------------------------

ts_demand_daily = Table(
    "ts_demand_daily",
    metadata,
    client_key(),
    *_series_key(),
    key("date", "Day.", Date),
    book("demand_qty", "Units demanded and served, returns netted, clipped at zero.", nullable=False),
    book("net_sold_qty", "Units sold less returns, before clipping.", nullable=False),
    book("clipped_qty", "What clipping at zero added: demand_qty - net_sold_qty.", nullable=False),
    book("unit_price", "Selling price per unit; carried forward from the last known day."),
    yes_no("is_promotion", "The item was promoted that day.", nullable=False),
    book("discount_rate", "Discount of the promotion, as a share of the price."),
    day("promotion_known_date", "Day from which the promotion was known."),
    yes_no("is_holiday", "A public holiday or an event of the calendar.", nullable=False),
    words("holiday_name", "Its name."),
    yes_no(
        "is_snap", "SNAP purchases allowed at the location; NULL outside M5.", nullable=True, default=None
    ),
    yes_no("is_closed", "No item sold at the location that day: it was closed.", nullable=False),
    yes_no("is_stocked_out", "Nothing sold and no stock at the end of the day.", nullable=False),
    yes_no("is_masked", "Closed or stocked out: the zero is not demand, and counts neither for nor against."),
    book("on_hand_qty", "Stock at the end of the day, where known."),
    model(
        "lost_sales_qty",
        "Estimate of demand lost to a stock-out: mean of the same weekday over the eight weeks before.",
    ),
    CheckConstraint("demand_qty >= 0", name="demand"),
    schema="analytics",
    postgresql_partition_by=BY_CLIENT,
    comment="One row per client, item, location and day, without gaps from first sale to last delivered day.",
)

dim_item = Table(
    "dim_item",
    metadata,
    client_key(),
    key("item_id", "Item."),
    words("name", "Name people use; the item's id where none was delivered.", nullable=False),
    words("category", "Category."),
    words("department", "Department."),
    words("brand", "Brand."),
    book("unit_cost", "Purchase cost per unit, client currency."),
    book("unit_price", "List price, else the last price paid, client currency."),
    words("uom", "Unit of measure of the stock."),
    book("moq_qty", "Minimum order quantity."),
    book("order_multiple_qty", "Orders are multiples of this."),
    whole("shelf_life_days", "Days until the item expires."),
    words("supplier_id", "Usual supplier."),
    day("launch_date", "First day on sale."),
    day("end_date", "Last day on sale."),
    words("successor_item_id", "Item that replaces this one."),
    yes_no(
        "is_described", "False: the item appears in sales only, no product file names it.", nullable=False
    ),
    schema="analytics",
    comment="One row per client and item that was sold or described.",
)

dim_location = Table(
    "dim_location",
    metadata,
    client_key(),
    key("location_id", "Location."),
    words("name", "Name people use; the location's id where none was delivered.", nullable=False),
    words("region", "Region; M5's state."),
    words("country", "ISO country code."),
    words("timezone", "IANA time zone."),
    words("type", "store, warehouse, web ..."),
    words("holiday_calendar", "Country or country-subdivision of the holiday calendar."),
    yes_no("is_described", "False: the location appears in sales only.", nullable=False),
    schema="analytics",
    comment="One row per client and location that sold something or was described.",
)

dim_series = Table(
    "dim_series",
    metadata,
    client_key(),
    *_series_key(),
    day("listed_date", "First day the series was delivered, sold or not.", nullable=False),
    day("first_sale_date", "First day with net sales other than zero; NULL where it never sold."),
    day("last_sale_date", "Last day with demand."),
    whole("history_days", "Days from the first sale to the last delivered day.", nullable=False),
    whole("demand_days", "Days with demand.", nullable=False),
    model("mean_demand_qty", "Mean demand of unmasked days."),
    model("adi", "Average demand interval: unmasked days per day with demand."),
    model("cv2", "Squared coefficient of variation of the non-zero demand sizes (ddof 0)."),
    one_of("demand_class", DemandClassOrNone, "{}; cuts 1.32 and 0.49, none without demand."),
    book("revenue_365d_value", "Demand times price over the last 365 days, client currency."),
    schema="analytics",
    comment="One row per client, item and location that was ever delivered.",
)

promoted_days = Table(
    "promoted_days",
    metadata,
    client_key(),
    *_series_key(),
    key("date", "Day the item was or will be promoted.", Date),
    key(
        "known_date", "Day from which this was known: the announcement, else the promotion's first day.", Date
    ),
    book("discount_rate", "Discount announced that day, as a share of the price; NULL where none was named."),
    schema="analytics",
    comment="One row per client, item, location, promoted day and announcement, the horizon's days included.",
)

location_calendar = Table(
    "location_calendar",
    metadata,
    client_key(),
    key("location_id", "Location."),
    key("date", "Day, the horizon's included.", Date),
    yes_no("is_holiday", "A public holiday or an event of the calendar.", nullable=False),
    words("holiday_name", "Its name."),
    yes_no(
        "is_snap", "SNAP purchases allowed at the location; NULL outside M5.", nullable=True, default=None
    ),
    yes_no(
        "is_closed",
        "No item sold at the location that day; NULL for days to come.",
        nullable=True,
        default=None,
    ),
    schema="analytics",
    comment="One row per client, location and day, from its first delivered day to the end of the horizon.",
)

# --- forecasts ----------------------------------------------------------------------------------------

forecast_runs = Table(
    "forecast_runs",
    metadata,
    client_key(),
    run_key("One execution of the forecast stage; all its models share it."),
    key("model", "Name in the model registry."),
    day("as_of_date", "Last day any model could see; day 1 of the forecast is the next.", nullable=False),
    whole("horizon_days", "Days forecast.", nullable=False),
    one_of("status", ForecastRunStatus, nullable=False),
    yes_no("is_current", "The run to use for this client, model and as-of date."),
    yes_no("is_champion", "The model whose forecast feeds the inventory stage of this run."),
    words("reason", "Why this model was chosen, not chosen or skipped, as a sentence.", nullable=False),
    words(
        "model_id", "Hub id or directory of the weights, or the name and settings of a model without weights."
    ),
    one_of("weights_source", WeightsSource, "{}; NULL for a model without weights."),
    words("weights_digest", "SHA-256 of the weights; NULL for a model without weights."),
    words("code_version", "Version of this project that computed it.", nullable=False),
    Column(
        "input_watermark",
        whole("input_watermark", "").type,
        comment="Highest file_id whose rows were visible.",
    ),
    words("input_digest", "SHA-256 of all it depends on; the same inputs are not run again.", nullable=False),
    document("settings", "Settings the model ran with."),
    whole("n_series", "Series with a forecast.", nullable=False, default=0),
    whole("n_replaced", "Series whose forecast a guard replaced.", nullable=False, default=0),
    words("dagster_run_id", "Run in the Dagster UI.", nullable=False),
    model("duration_seconds", "Time the model took."),
    moment("published_at", "When the rows became visible.", nullable=False, now=True),
    only("status", ForecastRunStatus),
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
    comment="One row per execution of the forecast stage and model. Immutable but for is_current.",
)

forecast_series = Table(
    "forecast_series",
    metadata,
    client_key(),
    run_key("Forecast run."),
    key("model", "Name in the model registry."),
    *_series_key(),
    one_of("status", SeriesStatus, "{}: the model's own numbers, a guard's or none.", nullable=False),
    words(
        "reason",
        "Why it was replaced or excluded, or what to know of it: code of docs/data-model.md; else NULL.",
    ),
    whole("history_days", "Days of history the model saw.", nullable=False),
    whole("observed_days", "Of these, days that were not masked.", nullable=False),
    model(
        "mase_scale",
        "Mean absolute seasonal-naive error (lag 7) of the history; NULL where zero or undefined.",
    ),
    model(
        "rmsse_scale", "Root mean squared naive error (lag 1) of the history; NULL where zero or undefined."
    ),
    only("status", SeriesStatus),
    CheckConstraint("status = 'forecast' or reason is not null", name="reason"),
    non_negative("mase_scale", "rmsse_scale"),
    schema="analytics",
    comment="One row per forecast run, model and active series: that it was forecast, or why not.",
)

forecast_results = Table(
    "forecast_results",
    metadata,
    client_key(),
    run_key("Forecast run."),
    key("model", "Name in the model registry."),
    *_series_key(),
    key("date", "Day forecast.", Date),
    whole("lag_days", "Days after the as-of date, 1 the first.", nullable=False),
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
    comment="One row per forecast run, model, series and day: the distribution of that day's demand.",
)

# --- inventory ----------------------------------------------------------------------------------------

inventory_runs = Table(
    "inventory_runs",
    metadata,
    client_key(),
    run_key("One execution of the inventory stage."),
    day("as_of_date", "Close of business the position is taken at.", nullable=False),
    Column("forecast_run_id", run_key("").type, nullable=False, comment="Forecast run it was computed from."),
    words("forecast_model", "Model of that run.", nullable=False),
    words("code_version", "Version of this project that computed it.", nullable=False),
    words("input_digest", "SHA-256 of all it depends on; the same inputs are not run again.", nullable=False),
    document("config", "Policy settings it was computed with."),
    one_of("status", InventoryRunStatus, nullable=False),
    yes_no("is_current", "The run to use for this client and as-of date."),
    Column(
        "input_watermark",
        whole("input_watermark", "").type,
        comment="Highest file_id whose rows were visible.",
    ),
    words("dagster_run_id", "Run in the Dagster UI.", nullable=False),
    moment("published_at", "When the rows became visible.", nullable=False, now=True),
    Index(
        "uq_inventory_runs_current",
        "client_id",
        "as_of_date",
        unique=True,
        postgresql_where=text("is_current"),
    ),
    schema="analytics",
    comment="One row per execution of the inventory stage. Immutable but for is_current.",
)

lead_time_demand = Table(
    "lead_time_demand",
    metadata,
    client_key(),
    run_key("Inventory run."),
    *_series_key(),
    model("protection_days", "Lead time plus review period."),
    model("ltd_mean_qty", "Expected demand over the protection interval."),
    model("ltd_sd_qty", "Its standard deviation, lead-time variability included."),
    one_of("ltd_method", LAWS, "{}: how the distribution was built."),
    *[model(f"q{p}_qty", f"{p} % quantile of that demand.") for p in (50, 80, 90, 95, 98, 99)],
    non_negative("ltd_mean_qty", "ltd_sd_qty", "q50_qty", "q99_qty"),
    schema="analytics",
    comment="One row per inventory run and series: the distribution of demand over the protection interval.",
)

inventory_metrics = Table(
    "inventory_metrics",
    metadata,
    client_key(),
    run_key("Inventory run."),
    *_series_key(),
    day("as_of_date", "Close of business the position is taken at.", nullable=False),
    day("snapshot_date", "Day of the stock level used."),
    book("on_hand_qty", "Units on hand; NULL where no stock level was delivered."),
    book("reserved_qty", "Units allocated to orders."),
    book("backorder_qty", "Units owed to customers."),
    book("on_order_qty", "Units ordered and not yet received."),
    book("overdue_on_order_qty", "Of these, units past their expected date."),
    Column(
        "net_stock_qty",
        BOOK_QUANTITY,
        Computed("on_hand_qty - coalesce(reserved_qty, 0) - coalesce(backorder_qty, 0)", persisted=True),
        comment="on hand - reserved - backorders.",
    ),
    Column(
        "inventory_position_qty",
        BOOK_QUANTITY,
        Computed(
            "on_hand_qty + coalesce(on_order_qty, 0)"
            " - coalesce(reserved_qty, 0) - coalesce(backorder_qty, 0)",
            persisted=True,
        ),
        comment="Net stock plus on order; what order decisions are taken on.",
    ),
    words("supplier_id", "Supplier assumed."),
    model("lead_time_days", "Lead time used."),
    model("lead_time_sd_days", "Its standard deviation."),
    one_of("lead_time_source", LEAD_TIME_SOURCES, "{}; NULL where none is known."),
    whole("review_days", "Review period used."),
    model("ltd_mean_qty", "Expected demand over the protection interval."),
    model("ltd_sd_qty", "Its standard deviation."),
    one_of("ltd_method", LAWS, "{}: how the distribution was built."),
    model(
        "undershoot_mean_qty", "Expected undershoot of the reorder point; 0 where the method leaves it out."
    ),
    model("error_inflation", "Factor on the variance for correlated forecast errors (kappa)."),
    one_of("service_metric", ServiceMetric, "{}: which service level is meant."),
    model("service_target", "The client's target."),
    model("service_nominal", "Level the formula was given, after calibration."),
    model("service_predicted", "Service the reorder point is predicted to reach."),
    model("safety_stock_qty", "reorder point - lead-time demand - undershoot."),
    model("reorder_point_qty", "Order when the inventory position is at or below it."),
    model("order_up_to_qty", "Level an order lifts the inventory position to."),
    model("eoq_qty", "Economic order quantity; NULL without order cost."),
    model("dir_days", "Days of inventory remaining: forward cover of net stock on the mean forecast."),
    model("dir_days_p10", "Cover if demand follows its 90th-percentile path."),
    model("dir_days_incl_on_order", "Cover with dated receipts."),
    yes_no(
        "dir_censored",
        "Stock outlasts the horizon; NULL where stock is unknown.",
        nullable=True,
        default=None,
    ),
    model("dir_lower_bound_days", "Cover is at least this, where censored."),
    day("stockout_date", "First day the projected balance falls below zero."),
    day("stockout_date_p10", "The same on the 90th-percentile path."),
    model("stockout_prob_lt", "Probability of a stock-out within the lead time."),
    model("min_projected_qty", "Lowest projected balance over the horizon."),
    day("min_projected_date", "Its day."),
    model("excess_qty", "Stock and orders beyond what the excess horizon needs."),
    model("excess_value", "The same at unit cost."),
    model("shortage_qty", "How far the inventory position is below the reorder point."),
    words("abc_class", "By annual forecast value: A 80 %, B next 15 %, C."),
    words("xyz_class", "By variability of weekly demand: X <= 0.5, Y <= 1.0, Z."),
    one_of("demand_class", DemandClass, "{}; NULL without demand."),
    model("adi", "Average demand interval."),
    model("cv2", "Squared coefficient of variation of demand sizes."),
    book("unit_cost", "Purchase cost per unit."),
    model("stock_value", "On hand at unit cost."),
    labels("flags", "Codes of analytics.inventory_flags."),
    non_negative("ltd_mean_qty", "ltd_sd_qty", "dir_days", "dir_days_p10", "excess_qty", "shortage_qty"),
    CheckConstraint("stockout_prob_lt between 0 and 1", name="stockout_prob"),
    Index("ix_inventory_metrics_flags", "flags", postgresql_using="gin"),
    schema="analytics",
    comment="One row per inventory run, item and location: position, supply, policy, cover and flags.",
)

replenishment_plan = Table(
    "replenishment_plan",
    metadata,
    client_key(),
    run_key("Inventory run."),
    *_series_key(),
    key("line_no", "Line of the series, 1 the first.", whole("line_no", "").type),
    one_of("action", Action, nullable=False),
    words("supplier_id", "Supplier to order from."),
    words("source_location_id", "Location to transfer from; NULL for a purchase."),
    words("po_ref", "Purchase order the action concerns."),
    day("need_date", "Day the goods are needed."),
    day("order_date", "Day to place the order.", nullable=False),
    day("receipt_date", "Day the order arrives."),
    book("net_need_qty", "Units missing to the order-up-to level."),
    book("moq_qty", "Minimum order quantity applied."),
    book("order_multiple_qty", "Order multiple applied."),
    book("order_qty", "Units to order.", nullable=False),
    Column(
        "rounding_qty",
        BOOK_QUANTITY,
        Computed("order_qty - net_need_qty", persisted=True),
        comment="What MOQ and multiple added.",
    ),
    book("order_value", "At unit cost, client currency."),
    model("cover_days_after", "Cover once the order has arrived."),
    whole("days_late", "Days between the need and the earliest receipt, where late."),
    model("lost_units_at_risk_qty", "Expected units lost before the receipt."),
    model("value_at_risk", "The same at price less cost, or price."),
    whole("priority_rank", "1 is the most urgent line of the client.", nullable=False),
    one_of("urgency", Urgency, nullable=False),
    words("reason", "Why, as a sentence.", nullable=False),
    labels("flags", "Codes of analytics.inventory_flags."),
    CheckConstraint("order_qty >= 0", name="order_qty"),
    schema="analytics",
    comment="One row per inventory run, item, location and proposed action.",
)

stock_projection = Table(
    "stock_projection",
    metadata,
    client_key(),
    run_key("Inventory run."),
    *_series_key(),
    key("date", "Day projected.", Date),
    whole("lag_days", "Days after the as-of date.", nullable=False),
    model("confirmed_receipts_qty", "Receipts of open purchase orders.", nullable=False),
    model("planned_receipts_qty", "Receipts of proposed orders.", nullable=False),
    model("demand_mean_qty", "Expected demand.", nullable=False),
    model("projected_qty", "End-of-day balance with confirmed receipts only."),
    model("with_plan_qty", "End-of-day balance with the plan."),
    model("p10_qty", "10 % quantile of the balance with confirmed receipts only."),
    model("p90_qty", "90 % quantile of the balance with confirmed receipts only."),
    model("stockout_prob", "Probability that the balance with confirmed receipts is below zero."),
    model("safety_stock_qty", "Safety stock, for reference."),
    CheckConstraint("stockout_prob between 0 and 1", name="stockout_prob"),
    schema="analytics",
    postgresql_partition_by=BY_CLIENT,
    comment="One row per inventory run, series and day of the horizon.",
)

inventory_flags = Table(
    "inventory_flags",
    metadata,
    Column("flag", Text, primary_key=True, comment="Code."),
    one_of("severity", Severity, nullable=False),
    words("meaning", "What it says, as a sentence.", nullable=False),
    schema="analytics",
    comment="One row per flag of inventory_metrics and replenishment_plan.",
)

# --- quality ------------------------------------------------------------------------------------------

forecast_quality = Table(
    "forecast_quality",
    metadata,
    client_key(),
    run_key("One scoring of one forecast run and model.", name="scoring_id"),
    one_of("grain", Grain, primary_key=True),
    key("grain_key", "The series (item|location), item, location, category, or the client."),
    one_of("lag_bucket", LagBucket, primary_key=True),
    Column("run_id", run_key("").type, nullable=False, comment="Forecast run that was scored."),
    words("model", "Name in the model registry.", nullable=False),
    day("as_of_date", "As-of date of the forecast run.", nullable=False),
    words("item_id", "Item, at grain series and item."),
    words("location_id", "Location, at grain series and location."),
    words("category", "Category, at grain category."),
    moment("scored_at", "When it was scored.", nullable=False),
    day("actuals_through", "Last day of actuals known then.", nullable=False),
    whole("input_watermark", "Highest file_id whose actuals were visible.", nullable=False),
    yes_no("is_current", "Latest scoring of the run in use for its date and model.", nullable=False),
    whole("n_rows", "Rows scored: actual known and not masked.", nullable=False),
    whole("n_series", "Series among them.", nullable=False),
    whole("n_masked", "Rows left out because the day was masked.", nullable=False),
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
    model("mase", "Mean over series of the absolute error scaled by the seasonal naive's (lag 7)."),
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

PARTITIONED = (ts_demand_daily, forecast_results, stock_projection)
"""One partition per client, made when the client is added."""
