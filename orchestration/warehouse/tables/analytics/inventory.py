"""Inventory runs: positions, orders and projected stock, with the flags that explain them."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Computed, Date, Index, Table, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, UUID

from forecasting_lib.inventory import LeadTimeSource, Severity
from forecasting_lib.inventory.demand_law import COUNTS, QUANTITIES
from forecasting_lib.inventory.lead_time_demand import NormalDemand
from forecasting_lib.inventory.policies import ServiceMetric
from forecasting_lib.inventory.replenishment import Action, Urgency
from orchestration.warehouse.tables.columns import (
    BOOK_QUANTITY,
    BY_CLIENT,
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
    run_key,
    series_key,
    whole,
    words,
    yes_no,
)
from orchestration.warehouse.tables.vocabulary import (
    DemandClass,
    InventoryRunStatus,
)

LAWS = (COUNTS, QUANTITIES, NormalDemand.method)

inventory_runs = Table(
    "inventory_runs",
    metadata,
    client_key(),
    run_key("One execution of the inventory stage."),
    day("as_of_date", "Close of business the position is taken at.", nullable=False),
    Column("forecast_run_id", run_key("").type, nullable=False, comment="Forecast run it was computed from."),
    words("forecast_model", "Model of that run.", nullable=False),
    Column(
        "backtest_run_id",
        UUID(as_uuid=False),
        comment="Backtest that its safety stocks are calibrated on; NULL where a usual factor stood in.",
    ),
    day(
        "forecast_as_of_date",
        "As-of date of that run, before the plan's where a later forecast was held back; NULL of plans from "
        "before this was noted.",
    ),
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
    moment("decisions_read_at", "When it read what people had decided; NULL of runs that read none."),
    Column(
        "decisions_just_read",
        ARRAY(UUID(as_uuid=True)),
        nullable=False,
        server_default=text("'{}'"),
        comment="Of the decisions of the minute before, those it counted; the others came too late for it.",
    ),
    words("dagster_run_id", "Run in the Dagster UI.", nullable=False),
    moment("published_at", "When the rows became visible.", nullable=False, now=True),
    moment(
        "projection_thinned_at",
        "When its projected stock went, but for series decided about; NULL where it is whole.",
    ),
    moment(
        "thinned_at",
        "When its other rows went, but for series decided about; NULL where it is whole.",
    ),
    Index(
        "uq_inventory_runs_current",
        "client_id",
        "as_of_date",
        unique=True,
        postgresql_where=text("is_current"),
    ),
    schema="analytics",
    comment="One row per execution of the inventory stage. Immutable but for use and thinning.",
)

lead_time_demand = Table(
    "lead_time_demand",
    metadata,
    client_key(),
    run_key("Inventory run."),
    *series_key(),
    model("protection_days", "Lead time plus review period; lead time alone where orders come in lots."),
    model("ltd_mean_qty", "Expected demand over the protection interval, undershoot included."),
    model("ltd_sd_qty", "Its standard deviation, lead-time variability and error inflation included."),
    one_of("ltd_method", LAWS, "{}: how the distribution was built."),
    *[
        model(f"q{p}_qty", f"Covers that demand with a probability of {p} %, after calibration.")
        for p in (50, 80, 90, 95, 98, 99)
    ],
    non_negative("ltd_mean_qty", "ltd_sd_qty", "q50_qty", "q99_qty"),
    schema="analytics",
    comment="One row per inventory run and series: the distribution of demand over the protection interval.",
)

inventory_metrics = Table(
    "inventory_metrics",
    metadata,
    client_key(),
    run_key("Inventory run."),
    *series_key(),
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
    one_of("lead_time_source", LeadTimeSource, "{}: what weighs most in it; NULL where none is known."),
    whole("lead_time_receipts", "Receipts of that source; NULL of runs that did not count them."),
    whole("review_days", "Review period used."),
    model("ltd_mean_qty", "Expected demand over the protection interval."),
    model("ltd_sd_qty", "Standard deviation of it and of the undershoot."),
    one_of("ltd_method", LAWS, "{}: how the distribution was built."),
    model(
        "undershoot_mean_qty",
        "Expected undershoot of the reorder point; 0 where every review lifts the position, and of the "
        "normal law.",
    ),
    model("error_inflation", "Variance of the demand's error over that of independent daily errors (kappa)."),
    one_of("service_metric", ServiceMetric, "{}: what the service target of the item counts."),
    model("service_target", "The client's target; by cost, the level that weighs shortage against holding."),
    model("service_nominal", "Cycle service level at which the law was read, after calibration."),
    model(
        "service_predicted",
        "What the reorder point is predicted to reach of what the target counts; measured where a backtest "
        "calibrated it.",
    ),
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
    day(
        "stockout_date",
        "First day the projected balance falls below zero; the as-of date where nothing is left already.",
    ),
    day("stockout_date_p10", "The same on the 90th-percentile path."),
    model("stockout_prob_lt", "Probability of a stock-out within the lead time."),
    model("min_projected_qty", "Lowest projected balance over the horizon."),
    day("min_projected_date", "Its day."),
    model("excess_qty", "Stock and orders beyond what the excess horizon needs."),
    model("excess_value", "The same at unit cost."),
    words("excess_advice", "What to do about excess or dead stock, as a sentence; NULL where there is none."),
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
    *series_key(),
    key("line_no", "Line of the series, 1 the first.", whole("line_no", "").type),
    one_of("action", Action, nullable=False),
    words("supplier_id", "Supplier to order from."),
    words("source_location_id", "Location to transfer from; NULL for a purchase."),
    words("po_ref", "Purchase order the action concerns."),
    day("need_date", "Day the goods are needed; NULL of an order that is not needed at all."),
    day("order_date", "Day to place the order.", nullable=False),
    day("receipt_date", "Day the order arrives."),
    book("net_need_qty", "Units missing to the order-up-to level."),
    book("moq_qty", "Minimum order quantity applied."),
    book("order_multiple_qty", "Order multiple applied."),
    book(
        "order_qty",
        "Units to order, or of an open order those the action concerns: to cancel or reduce by, expedite or "
        "postpone; NULL where they cannot be proposed and a person has to decide.",
    ),
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
    one_of(
        "earlier_urgency",
        Urgency,
        "{}: of the same line of the plan of the as-of date before, as it was then; NULL where it had none.",
    ),
    book("earlier_order_qty", "Units to order of that line."),
    yes_no(
        "is_new",
        "Whether the plan before had no such line; NULL where there was no plan before.",
        nullable=True,
        default=None,
    ),
    CheckConstraint("order_qty >= 0", name="order_qty"),
    Index("ix_replenishment_plan_priority", "client_id", "run_id", "priority_rank"),
    Index("ix_replenishment_plan_series", "client_id", "item_id", "location_id"),
    schema="analytics",
    comment="One row per inventory run, item, location and proposed action.",
)

stock_projection = Table(
    "stock_projection",
    metadata,
    client_key(),
    run_key("Inventory run."),
    *series_key(),
    key("date", "Day projected, or first day of the week or month.", Date),
    whole("lag_days", "Days from the as-of date to the last day of the period.", nullable=False),
    model("confirmed_receipts_qty", "Receipts of open purchase orders.", nullable=False),
    model(
        "planned_receipts_qty", "Receipts of proposed orders and transfers, less what leaves.", nullable=False
    ),
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

purchase_priorities = Table(
    "purchase_priorities",
    metadata,
    client_key(),
    run_key("Inventory run."),
    *series_key(),
    key("lot_no", "Lot of the series, 1 the first to buy.", whole("lot_no", "").type),
    words("supplier_id", "Supplier to buy from."),
    whole("priority_rank", "1 saves most for what it costs.", nullable=False),
    book("order_qty", "Units of the lot, as the supplier sells them.", nullable=False),
    book("order_value", "At unit cost, client currency.", nullable=False),
    model("benefit_value", "Margin, else price, of the units that it keeps from being lost.", nullable=False),
    model("benefit_per_money", "The same over what the lot costs; never grows by rank.", nullable=False),
    book("spent_value", "What all lots up to this rank cost.", nullable=False),
    non_negative("benefit_value", "benefit_per_money"),
    Index("ix_purchase_priorities_rank", "client_id", "run_id", "priority_rank"),
    schema="analytics",
    comment="One row per inventory run, series and lot: which units to buy first where money is short.",
)

plan_stability = Table(
    "plan_stability",
    metadata,
    client_key(),
    run_key("Inventory run."),
    Column("earlier_run_id", UUID(as_uuid=False), nullable=False, comment="Plan of the as-of date before."),
    day("as_of_date", "As-of date of the run.", nullable=False),
    day("earlier_as_of_date", "As-of date of the plan before.", nullable=False),
    whole("overlap_periods", "Periods that both forecasts are of.", nullable=False),
    model("earlier_forecast_qty", "Units that the forecast before expected in them.", nullable=False),
    model("moved_forecast_qty", "Sum over series and periods of |mean now - mean then|.", nullable=False),
    model("forecast_churn", "Units moved over units expected before; NULL where none were expected."),
    whole("n_lines", "Lines of either plan.", nullable=False),
    whole(
        "n_lines_changed",
        "Lines whose quantity differs by more than one pack, those of one plan only among them.",
        nullable=False,
    ),
    model("lines_changed_share", "Of the lines, those that changed; NULL where neither plan has any."),
    non_negative("forecast_churn", "lines_changed_share"),
    schema="analytics",
    comment="One row per inventory run that had a plan before it: how much of that plan it changed.",
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
