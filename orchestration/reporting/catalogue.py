"""Every listing of a client's rows that programs and pages read.

Belongs here: what may be asked of which relation, as data; what the accuracy of forecasts rests on is in
``evidence_listings``, what to buy and from whom in ``supply_listings``. Does not belong here: the query
(``listings``) and the questions whose answer is no page of rows (``questions``).
"""

from __future__ import annotations

from typing import LiteralString

from forecasting_lib.panel import QUANTILE_COLUMNS
from orchestration.reporting.decided import DECIDED, ORDERED
from orchestration.reporting.evidence_listings import DRIFT, MODELS_JUDGED, VALUE_ADDED
from orchestration.reporting.listings import Listing, Worker, fields
from orchestration.reporting.questions import latest_run, latest_worklist
from orchestration.reporting.supply_listings import PURCHASES, SUPPLIERS, of_latest_plan

_LATEST_FORECAST: LiteralString = f"""(
    select
        results.*, runs.is_champion, runs.as_of_date, runs.grain
    from analytics.forecast_runs as runs
    inner join analytics.forecast_results as results using (client_id, run_id, model)
    where runs.client_id = {{client}} and runs.run_id = ({latest_run("{client}")})
)"""


_ITEM_QUALITY: LiteralString = """(
    select quality.*, runs.grain as period
    from analytics.forecast_quality as quality
    inner join analytics.forecast_runs as runs using (client_id, run_id, model)
    where quality.client_id = {client} and quality.is_current and quality.grain in ('item', 'series')
)"""

_OF_SERIES = ("item_id", "location_id")

WORKLIST = Listing(
    name="worklist",
    sentence="One line to decide: what to order, expedite or look at, the most urgent first.",
    relation=f"({latest_worklist('{client}')})",
    fields=fields(
        "priority_rank:whole urgency action item_id item_name location_id location_name supplier_id "
        "order_qty:number order_date:day receipt_date:day order_value:number on_hand_qty:number "
        "on_order_qty:number dir_days:number stockout_date:day reorder_point_qty:number "
        "stockout_prob_lt:number value_at_risk:number abc_xyz_class reason flags:texts as_of_date:day "
        "run_id:uuid line_no:whole po_ref lead_time_days:number moq_qty:number order_multiple_qty:number "
        "unit_cost:number days_late:whole state decision_id:uuid decided_qty:number decided_order_date:day "
        "decided_receipt_date:day decided_reason decided_by decided_at:moment snoozed_until:day "
        "earlier_urgency earlier_order_qty:number is_new:truth"
    ),
    key=("priority_rank",),
    filters=("state", "urgency", "action", *_OF_SERIES, "supplier_id", "abc_xyz_class", "is_new"),
    ranges=("order_date",),
    concerns=("deliveries", "forecast", "orders"),
)

FORECASTS = Listing(
    name="forecasts",
    sentence="One period ahead of one item at one location by one model of the latest run, with quantiles.",
    relation=_LATEST_FORECAST,
    fields=fields(
        "item_id location_id model date:day lag_days:whole point_qty:number mean_qty:number "
        + " ".join(f"{name}:number" for name in QUANTILE_COLUMNS)
        + " is_champion:truth grain as_of_date:day run_id:uuid"
    ),
    key=("item_id", "location_id", "model", "date"),
    filters=(*_OF_SERIES, "model", "is_champion"),
    ranges=("date", "lag_days"),
    concerns=("deliveries", "forecast"),
)

INVENTORY = Listing(
    name="inventory",
    sentence="One item at one location: position, supply, policy, cover and flags of the latest plan.",
    relation="analytics.inventory_metrics_current",
    fields=fields(
        "item_id item_name category location_id location_name as_of_date:day snapshot_date:day "
        "on_hand_qty:number reserved_qty:number backorder_qty:number on_order_qty:number "
        "overdue_on_order_qty:number net_stock_qty:number inventory_position_qty:number supplier_id "
        "lead_time_days:number lead_time_sd_days:number lead_time_source "
        "lead_time_receipts:whole review_days:whole "
        "ltd_mean_qty:number ltd_sd_qty:number ltd_method service_metric service_target:number "
        "service_nominal:number service_predicted:number safety_stock_qty:number "
        "reorder_point_qty:number order_up_to_qty:number dir_days:number dir_days_p10:number "
        "dir_days_incl_on_order:number dir_censored:truth dir_lower_bound_days:number stockout_date:day "
        "stockout_date_p10:day stockout_prob_lt:number min_projected_qty:number min_projected_date:day "
        "excess_qty:number excess_value:number excess_advice shortage_qty:number abc_class xyz_class "
        "demand_class adi:number cv2:number unit_cost:number stock_value:number flags:texts run_id:uuid"
    ),
    key=_OF_SERIES,
    filters=(*_OF_SERIES, "category", "supplier_id", "abc_class", "xyz_class", "demand_class"),
    ranges=("stockout_date",),
    concerns=("deliveries", "forecast", "orders"),
)

PROJECTION = Listing(
    name="projection",
    sentence="One period ahead of one item at one location: where its stock goes, with and without the plan.",
    relation="analytics.stock_projection_current",
    fields=fields(
        "item_id location_id date:day lag_days:whole confirmed_receipts_qty:number "
        "planned_receipts_qty:number demand_mean_qty:number projected_qty:number with_plan_qty:number "
        "p10_qty:number p90_qty:number stockout_prob:number safety_stock_qty:number as_of_date:day "
        "run_id:uuid"
    ),
    key=(*_OF_SERIES, "date"),
    filters=_OF_SERIES,
    ranges=("date",),
    concerns=("deliveries", "forecast", "orders"),
)

LEAD_TIME_DEMAND = Listing(
    name="lead-time-demand",
    sentence="One item at one location: the distribution of demand over lead time and review period.",
    relation=of_latest_plan("lead_time_demand"),
    fields=fields(
        "item_id location_id protection_days:number ltd_mean_qty:number ltd_sd_qty:number ltd_method "
        "q50_qty:number q80_qty:number q90_qty:number q95_qty:number q98_qty:number q99_qty:number "
        "as_of_date:day run_id:uuid"
    ),
    key=_OF_SERIES,
    filters=_OF_SERIES,
    concerns=("deliveries", "forecast", "orders"),
)

DEMAND = Listing(
    name="demand",
    sentence="One period of demand of one item at one location, and whether it counts.",
    relation="analytics.ts_demand",
    fields=fields(
        "item_id location_id date:day last_date:day grain demand_qty:number net_sold_qty:number "
        "sold_qty:number returned_qty:number unit_price:number is_promotion:truth is_closed:truth "
        "is_stocked_out:truth is_masked:truth on_hand_qty:number lost_sales_qty:number"
    ),
    key=(*_OF_SERIES, "date"),
    filters=_OF_SERIES,
    ranges=("date",),
)

ITEMS = Listing(
    name="items",
    sentence="One item.",
    relation="analytics.dim_item",
    fields=fields(
        "item_id name category department brand unit_cost:number unit_price:number uom moq_qty:number "
        "order_multiple_qty:number shelf_life_days:whole supplier_id launch_date:day end_date:day "
        "successor_item_id is_described:truth"
    ),
    key=("item_id",),
    filters=("item_id", "category", "department", "brand", "supplier_id"),
)

LOCATIONS = Listing(
    name="locations",
    sentence="One location.",
    relation="analytics.dim_location",
    fields=fields("location_id name region country timezone type holiday_calendar is_described:truth"),
    key=("location_id",),
    filters=("location_id", "region", "country", "type"),
)

FORECAST_RUNS = Listing(
    name="forecast-runs",
    sentence="The latest forecast of one model: when, of how many series, and why it was chosen or not.",
    relation="analytics.forecast_runs_current",
    fields=fields(
        "model run_id:uuid as_of_date:day grain horizon_days:whole is_champion:truth reason model_id "
        "weights_source code_version n_series:whole n_replaced:whole duration_seconds:number "
        "published_at:moment"
    ),
    key=("model",),
    filters=("model",),
    concerns=("deliveries", "forecast"),
)

ACCURACY = Listing(
    name="accuracy",
    sentence="How accurate one model's forecast of one as-of date was, as far as its days are known.",
    relation="analytics.forecast_accuracy",
    fields=fields(
        "as_of_date:day model run_id:uuid grain wape:number mape:number mae_qty:number rmse_qty:number "
        "bias:number mase:number rmsse:number wql:number coverage_50:number coverage_80:number "
        "coverage_90:number coverage_98:number n_rows:whole n_series:whole n_masked:whole "
        "actuals_through:day scored_at:moment thinned_at:moment"
    ),
    key=("as_of_date", "model", "run_id"),
    descending=True,
    filters=("model",),
    ranges=("as_of_date",),
    concerns=("deliveries", "forecast", "accuracy"),
)

ITEM_QUALITY = Listing(
    name="quality",
    sentence="How accurate one model's forecasts of one item were, by as-of date and periods ahead.",
    relation=_ITEM_QUALITY,
    fields=fields(
        "as_of_date:day model item_id location_id lag_bucket grain period wape:number mape:number "
        "mae_qty:number rmse_qty:number bias:number mase:number rmsse:number wql:number "
        "coverage_80:number n_rows:whole n_masked:whole actuals_through:day scored_at:moment run_id:uuid "
        "scoring_id:uuid grain_key"
    ),
    key=("as_of_date", "model", "lag_bucket", "grain", "grain_key", "scoring_id"),
    descending=True,
    filters=(*_OF_SERIES, "model", "lag_bucket", "grain"),
    ranges=("as_of_date",),
    concerns=("deliveries", "forecast", "accuracy"),
)

DECISIONS = Listing(
    name="decisions",
    sentence="One decision about a line of the worklist, and what ended it; the latest first.",
    relation=DECIDED,
    fields=fields(
        "decision_id:uuid decision action item_id item_name location_id supplier_id proposed_qty:number "
        "proposed_order_date:day proposed_receipt_date:day order_qty:number order_date:day "
        "receipt_date:day unit_cost:number reason until:day decided_by decided_at:moment ending "
        "order_number ended_by ended_at:moment as_of_date:day run_id:uuid line_no:whole po_ref"
    ),
    key=("decided_at", "decision_id"),
    descending=True,
    filters=("decision", "action", *_OF_SERIES, "supplier_id", "ending", "decided_by", "decision_id"),
    ranges=("decided_at", "as_of_date"),
)

ORDERS = Listing(
    name="orders",
    sentence="One order that left: the approved lines of one supplier, under a number; the latest first.",
    relation="analytics.approved_orders",
    fields=fields(
        "order_number supplier_id n_lines:whole order_value:number exported_by exported_at:moment "
        "order_serial:whole"
    ),
    key=("order_serial",),
    descending=True,
    filters=("order_number", "supplier_id"),
    ranges=("exported_at",),
)

ORDER_LINES = Listing(
    name="order-lines",
    sentence="One approved order line: whether it left, under which number, and what came of it.",
    relation=ORDERED,
    fields=fields(
        "order_number status supplier_id item_id item_name location_id location_name order_qty:number "
        "order_date:day receipt_date:day unit_cost:number order_value:number reason decided_by "
        "decided_at:moment exported_at:moment decision_id:uuid"
    ),
    key=("decided_at", "decision_id"),
    descending=True,
    filters=("order_number", "status", "supplier_id", *_OF_SERIES),
    ranges=("order_date", "receipt_date"),
    worker=Worker.WRITER,
)

DELIVERIES = Listing(
    name="deliveries",
    sentence="One file that was delivered, and what became of it; the latest first.",
    relation="ops.landing_files",
    fields=fields(
        "file_id:whole path kind status message sha256 size_bytes:whole rows_read:whole rows_loaded:whole "
        "rows_rejected:whole rows_restated:whole rows_removed:whole rows_left_out:whole first_date:day "
        "last_date:day received_at:moment loaded_at:moment thinned_at:moment"
    ),
    key=("file_id",),
    descending=True,
    filters=("kind", "status", "sha256", "file_id"),
    ranges=("received_at",),
    worker=Worker.WRITER,
)

REJECTED_ROWS = Listing(
    name="rejected-rows",
    sentence="One row that was not loaded, and why.",
    relation="ops.rejected_rows",
    fields=fields("file_id:whole line_number:whole reason column_name message raw"),
    key=("file_id", "line_number"),
    filters=("file_id", "reason", "column_name"),
    worker=Worker.WRITER,
)

RUNS = Listing(
    name="runs",
    sentence="One run that somebody asked for, and how it stands; the latest first.",
    relation="ops.run_requests",
    fields=fields(
        "request_id:uuid job state message asked_by asked_at:moment started_at:moment ended_at:moment run_id"
    ),
    key=("asked_at", "request_id"),
    descending=True,
    filters=("job", "state"),
    ranges=("asked_at",),
    worker=Worker.WRITER,
)

CATALOGUE = (
    WORKLIST,
    FORECASTS,
    INVENTORY,
    PROJECTION,
    LEAD_TIME_DEMAND,
    PURCHASES,
    SUPPLIERS,
    DEMAND,
    ITEMS,
    LOCATIONS,
    FORECAST_RUNS,
    ACCURACY,
    ITEM_QUALITY,
    VALUE_ADDED,
    MODELS_JUDGED,
    DRIFT,
    DECISIONS,
    ORDERS,
    ORDER_LINES,
    DELIVERIES,
    REJECTED_ROWS,
    RUNS,
)
"""All of them; a route each, and a line of the documentation."""
