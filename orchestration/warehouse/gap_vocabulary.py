"""What may be missing, outdated or at odds with itself, and what people are told of it: a sentence per gap.

Belongs here: the codes of ``analytics.planning_gaps``, what each says, what it costs and what to do about it,
as data that ``migrate`` writes into ``analytics.gap_meanings``. Does not belong here: finding a gap, which is
the view's (``dbt_project/models/reporting/planning_gaps.sql``), and asking for one (``reading.gaps``).

A sentence may name ``{affected}`` of ``{total}`` things, a ``{day}``, a ``{detail}`` and the ``{client}``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from forecasting_lib.inventory import Severity

Concern = Literal["deliveries", "forecast", "accuracy", "orders", "values"]
"""Which answer a gap is about."""

STALE_DAYS = 7
"""Age from which the last day of sales, or the stock a plan was made with, is worth a look."""

SILENT_DAYS = 28
"""Days without a sale after which a location is called silent."""


class Gap(StrEnum):
    """The codes, in the order in which people read them: what stands in the way of the rest comes first."""

    CLIENT_INACTIVE = "CLIENT_INACTIVE"
    NOTHING_DELIVERED = "NOTHING_DELIVERED"
    EVERYTHING_REFUSED = "EVERYTHING_REFUSED"
    NO_SALES = "NO_SALES"
    NOT_RUN_YET = "NOT_RUN_YET"
    NO_DEMAND = "NO_DEMAND"
    NO_FORECAST = "NO_FORECAST"
    NO_LEADING_MODEL = "NO_LEADING_MODEL"
    NO_PLAN = "NO_PLAN"
    STOCKED_OUT_UNDECIDED = "STOCKED_OUT_UNDECIDED"
    NO_STOCK = "NO_STOCK"
    STOCK_OF_OTHERS = "STOCK_OF_OTHERS"
    STOCK_TOO_LATE = "STOCK_TOO_LATE"
    NO_LEAD_TIME = "NO_LEAD_TIME"
    SUPPLIERS_UNLINKED = "SUPPLIERS_UNLINKED"
    FILES_REFUSED = "FILES_REFUSED"
    FEED_LATE = "FEED_LATE"
    DEMAND_BEHIND = "DEMAND_BEHIND"
    FORECAST_BEHIND = "FORECAST_BEHIND"
    PLAN_BEHIND = "PLAN_BEHIND"
    MODEL_SKIPPED = "MODEL_SKIPPED"
    SERIES_NOT_FORECAST = "SERIES_NOT_FORECAST"
    STALE_STOCK = "STALE_STOCK"
    NEGATIVE_STOCK = "NEGATIVE_STOCK"
    NO_PURCHASE_ORDERS = "NO_PURCHASE_ORDERS"
    OVERDUE_ORDERS = "OVERDUE_ORDERS"
    UNDATED_ORDERS = "UNDATED_ORDERS"
    HORIZON_TOO_SHORT = "HORIZON_TOO_SHORT"
    SILENT_LOCATIONS = "SILENT_LOCATIONS"
    ROWS_REJECTED = "ROWS_REJECTED"
    NEVER_SOLD = "NEVER_SOLD"
    NOT_SCORED = "NOT_SCORED"
    FORECAST_REPLACED = "FORECAST_REPLACED"
    SHORT_HISTORY = "SHORT_HISTORY"
    LEAD_TIME_ASSUMED = "LEAD_TIME_ASSUMED"
    LEAD_TIME_SPREAD_UNKNOWN = "LEAD_TIME_SPREAD_UNKNOWN"
    NO_SUPPLIER = "NO_SUPPLIER"
    NO_COST = "NO_COST"
    NO_PRICE = "NO_PRICE"
    NO_PRODUCTS = "NO_PRODUCTS"
    NO_LOCATIONS = "NO_LOCATIONS"
    NO_PROMOTIONS = "NO_PROMOTIONS"
    NO_HOLIDAYS = "NO_HOLIDAYS"


@dataclass(frozen=True)
class GapMeaning:
    """What people are told of a gap.

    Attributes:
        severity: error where something cannot be computed, warning where what is computed may be wrong, info
            where it is right and less than it could be.
        concerns: which answer it is about.
        sentence: what is the matter.
        costs: what cannot be known for want of it, as a sentence.
        remedy: what to deliver or to decide, as a sentence.
        command: the next command, where there is one.
    """

    severity: Severity
    concerns: Concern
    sentence: str
    costs: str
    remedy: str
    command: str | None = None

    def advice(self, client: str, affected: int, total: int) -> str:
        """Of a counted gap, what is the matter and what to do, as the view ``planning_gaps`` says it."""
        text = f"{self.sentence} {self.remedy}" + (f" Next: {self.command}" if self.command else "")
        values = {"affected": f"{affected:,}", "total": f"{total:,}", "client": client}
        for name, value in values.items():
            text = text.replace(f"{{{name}}}", value)
        return text


_ERROR, _WARNING, _INFO = Severity.ERROR, Severity.WARNING, Severity.INFO
_RUN = "forecaster run --client {client}"
_INGEST = "forecaster ingest FILE --client {client}"
_CHECK = "forecaster client check {client}"
_LEAD_TIME = "forecaster client update {client} --default-lead-time-days DAYS"

GAP_MEANINGS: dict[Gap, GapMeaning] = {
    Gap.CLIENT_INACTIVE: GapMeaning(
        _WARNING,
        "deliveries",
        "The client is inactive: no schedule and no sensor runs it.",
        "What is shown is as of the last run, however long ago.",
        "Activate the client, or run it by hand.",
        "forecaster client update {client} --active",
    ),
    Gap.NOTHING_DELIVERED: GapMeaning(
        _ERROR,
        "deliveries",
        "Nothing was delivered yet.",
        "Nothing can be forecast, ordered or scored.",
        "Deliver `sales*.csv` into the client's landing folder, or load it by hand.",
        "forecaster ingest FILE --client {client}",
    ),
    Gap.EVERYTHING_REFUSED: GapMeaning(
        _ERROR,
        "deliveries",
        "All {affected} delivered files were refused; the last one: {detail}",
        "Nothing can be forecast, ordered or scored.",
        "Do what the sentence of each refused file says, and deliver it again.",
        _CHECK,
    ),
    Gap.NO_SALES: GapMeaning(
        _ERROR,
        "deliveries",
        "No sales were delivered, only {detail}.",
        "Nothing can be forecast, ordered or scored.",
        "Deliver `sales*.csv`: one row per day, item and location.",
        _INGEST,
    ),
    Gap.NOT_RUN_YET: GapMeaning(
        _ERROR,
        "forecast",
        "{affected} rows of sales until {day} were delivered, but the pipeline has not run on them yet.",
        "There is no demand, no forecast and no order.",
        "Run the pipeline; where a run failed, its page in the UI says why.",
        _RUN,
    ),
    Gap.NO_DEMAND: GapMeaning(
        _ERROR,
        "forecast",
        "None of the {total} series ever sold a unit.",
        "There is nothing to forecast or to order.",
        "Deliver `sales*.csv` with units_sold other than 0.",
        _INGEST,
    ),
    Gap.NO_FORECAST: GapMeaning(
        _ERROR,
        "forecast",
        "There is no forecast for any of the {affected} series that sold.",
        "No orders can be proposed.",
        "Run the pipeline; where a run failed, its page in the UI says why.",
        _RUN,
    ),
    Gap.NO_LEADING_MODEL: GapMeaning(
        _ERROR,
        "forecast",
        "No model leads the forecast of {day}: {detail}",
        "No orders can be proposed.",
        "Choose models that can run, and run the pipeline again.",
        "forecaster client update {client} --model ma7",
    ),
    Gap.NO_PLAN: GapMeaning(
        _ERROR,
        "orders",
        "There is a forecast as of {day}, but no plan was made of it.",
        "No orders can be proposed.",
        "Run the inventory stage; where a run failed, its page in the UI says why.",
        "forecaster run --client {client} --job inventory_only",
    ),
    Gap.STOCKED_OUT_UNDECIDED: GapMeaning(
        _ERROR,
        "orders",
        "{affected} of {total} series are stocked out and no lead time is known for them.",
        "They need an order, but no quantity can be proposed.",
        "Decide on them by hand today, and deliver lead times.",
        _LEAD_TIME,
    ),
    Gap.NO_STOCK: GapMeaning(
        _ERROR,
        "orders",
        "No stock was delivered for {affected} of {total} series: no orders can be proposed for them.",
        "Without stock there is no order, no cover and no date of a stock-out.",
        "Deliver `stock_levels*.csv`, or the column on_hand_qty of the sales.",
        _INGEST,
    ),
    Gap.STOCK_OF_OTHERS: GapMeaning(
        _ERROR,
        "orders",
        "Stock was delivered ({detail} rows), but for none of the {total} items and locations that are sold: "
        "no orders can be proposed.",
        "Without stock there is no order, no cover and no date of a stock-out.",
        "Use the same item_id and location_id in `stock_levels*.csv` as in the sales.",
        _INGEST,
    ),
    Gap.STOCK_TOO_LATE: GapMeaning(
        _ERROR,
        "orders",
        "The first stock delivered is of {day}, after the last day of sales, {detail}: no orders can be "
        "proposed.",
        "Stock counts on the day a plan is made for, which is the last day of sales.",
        "Deliver the sales until the day of the stock, or the stock of the last day of sales.",
        _INGEST,
    ),
    Gap.NO_LEAD_TIME: GapMeaning(
        _ERROR,
        "orders",
        "No lead time is known for {affected} of {total} series: no orders can be proposed for them.",
        "Without a lead time there is no reorder point and no order.",
        "Set --default-lead-time-days, or deliver `suppliers*.csv` or received `purchase_orders*.csv`.",
        _LEAD_TIME,
    ),
    Gap.SUPPLIERS_UNLINKED: GapMeaning(
        _ERROR,
        "orders",
        "Suppliers were delivered, but no item names one: no lead time is known for {affected} of {total} "
        "series, and no orders can be proposed for them.",
        "Without a lead time there is no reorder point and no order.",
        "Deliver `products*.csv` with a supplier_id that `suppliers*.csv` has.",
        _INGEST,
    ),
    Gap.FILES_REFUSED: GapMeaning(
        _WARNING,
        "deliveries",
        "{affected} of {total} delivered files are refused and not made good yet; the last one: {detail}",
        "What is in them is missing from demand, stock or prices.",
        "Do what the sentence of the file says; a correction may have any name. A file that nobody needs is "
        "dismissed by its name.",
        "forecaster client dismiss {client} FILE",
    ),
    Gap.FEED_LATE: GapMeaning(
        _WARNING,
        "deliveries",
        "The last day of sales is {day}, {affected} days ago.",
        "Forecasts, stock and orders are as of that day.",
        "Deliver the sales since then, or see whether the feed still runs.",
        _INGEST,
    ),
    Gap.DEMAND_BEHIND: GapMeaning(
        _WARNING,
        "forecast",
        "Sales are delivered until {day}, but demand is built until {detail} only.",
        "Forecasts and orders do not know the days between.",
        "Run the pipeline; where a run failed, its page in the UI says why.",
        _RUN,
    ),
    Gap.FORECAST_BEHIND: GapMeaning(
        _WARNING,
        "forecast",
        "The latest forecast is as of {day}, but demand is known until {detail}.",
        "Forecasts and orders do not know the days between.",
        "Run the pipeline; where a run failed, its page in the UI says why.",
        _RUN,
    ),
    Gap.PLAN_BEHIND: GapMeaning(
        _WARNING,
        "orders",
        "The latest plan is as of {day} and was not made of the latest forecast, which is as of {detail}.",
        "The proposed orders are those of an earlier forecast.",
        "Run the inventory stage; where a run failed, its page in the UI says why.",
        "forecaster run --client {client} --job inventory_only",
    ),
    Gap.MODEL_SKIPPED: GapMeaning(
        _WARNING,
        "forecast",
        "{affected} of {total} models were skipped: {detail}",
        "The forecast is another model's than the client's policy prefers.",
        "Do what the reason says, or take the model out of the client's policy.",
        "forecaster client update {client} --model MODEL",
    ),
    Gap.SERIES_NOT_FORECAST: GapMeaning(
        _WARNING,
        "forecast",
        "{affected} of {total} series were left out of the forecast ({detail}).",
        "No orders can be proposed for them.",
        "Ask `analytics.forecast_series` for the reason of each; items that ended need nothing.",
    ),
    Gap.STALE_STOCK: GapMeaning(
        _WARNING,
        "orders",
        "The stock of {affected} of {total} series is of {day} or before, more than a week before the plan.",
        "Sales since then are not in it, so cover is too long and orders are too small or too late.",
        "Deliver `stock_levels*.csv` of the last day of sales.",
        _INGEST,
    ),
    Gap.NEGATIVE_STOCK: GapMeaning(
        _WARNING,
        "orders",
        "The stock of {affected} of {total} series is below zero.",
        "It counts as owed to customers, or as nothing, as the client's negative_stock says.",
        "Count these items, or decide what a negative stock means.",
        "forecaster client update {client} --negative-stock zero",
    ),
    Gap.NO_PURCHASE_ORDERS: GapMeaning(
        _WARNING,
        "orders",
        "No purchase orders were delivered.",
        "What is on order counts as nothing: an order that is already under way may be proposed again.",
        "Deliver `purchase_orders*.csv` with the open orders.",
        _INGEST,
    ),
    Gap.OVERDUE_ORDERS: GapMeaning(
        _WARNING,
        "orders",
        "Purchase orders of {affected} of {total} series were expected before the plan's day and are open.",
        "They are taken to arrive the next day, which hides a stock-out if they do not.",
        "Deliver `purchase_orders*.csv` with their receipts, their new dates or the status cancelled.",
        _INGEST,
    ),
    Gap.UNDATED_ORDERS: GapMeaning(
        _WARNING,
        "orders",
        "Open purchase orders of {affected} of {total} series have no date of arrival.",
        "They count as on order, but no projected stock holds them.",
        "Deliver `purchase_orders*.csv` with expected_date, or a lead time.",
        _INGEST,
    ),
    Gap.HORIZON_TOO_SHORT: GapMeaning(
        _WARNING,
        "orders",
        "Lead time and review period of {affected} of {total} series reach past the forecast.",
        "Their demand beyond it is last season's mean.",
        "Lengthen the horizon.",
        "forecaster client update {client} --horizon-days DAYS",
    ),
    Gap.SILENT_LOCATIONS: GapMeaning(
        _WARNING,
        "deliveries",
        "{affected} of {total} locations sold nothing in the last 28 days, such as {detail}.",
        "Their days may be missing, and are taken as closed.",
        "Deliver their sales, if they are open.",
        _INGEST,
    ),
    Gap.ROWS_REJECTED: GapMeaning(
        _WARNING,
        "deliveries",
        "{affected} of {total} delivered rows were rejected.",
        "Their sales, stock or orders are missing.",
        "Correct the rows in `ops.rejected_rows`, and deliver them again in a new file.",
        _CHECK,
    ),
    Gap.NEVER_SOLD: GapMeaning(
        _INFO,
        "forecast",
        "{affected} of {total} series were listed and never sold.",
        "Nothing is forecast or ordered for them.",
        "Nothing, unless they were sold under another code.",
    ),
    Gap.NOT_SCORED: GapMeaning(
        _INFO,
        "accuracy",
        "No forecast has been scored yet: none of the days forecast is known.",
        "How wrong the forecasts are is unknown.",
        "Wait for the next deliveries, or forecast from an earlier day and see.",
        "forecaster run --client {client} --as-of {day}",
    ),
    Gap.FORECAST_REPLACED: GapMeaning(
        _INFO,
        "forecast",
        "The forecasts of {affected} of {total} series are a guard's, not the model's own.",
        "They are simpler than the model's.",
        "Ask `analytics.forecast_series` for the reason of each.",
    ),
    Gap.SHORT_HISTORY: GapMeaning(
        _INFO,
        "forecast",
        "{affected} of {total} series have less than eight weeks of history or ten days with demand.",
        "Their forecasts and safety stocks rest on little.",
        "Deliver earlier sales, where there are some.",
        _INGEST,
    ),
    Gap.LEAD_TIME_ASSUMED: GapMeaning(
        _INFO,
        "orders",
        "The lead time of {affected} of {total} series is the client's default.",
        "Reorder points are right only where the default is.",
        "Deliver `suppliers*.csv` or received `purchase_orders*.csv`.",
        _INGEST,
    ),
    Gap.LEAD_TIME_SPREAD_UNKNOWN: GapMeaning(
        _INFO,
        "orders",
        "How much the lead time varies is unknown for {affected} of {total} series.",
        "It is taken as fixed, so their safety stock is a minimum.",
        "Deliver lead_time_sd_days in `suppliers*.csv`, or received `purchase_orders*.csv`.",
        _INGEST,
    ),
    Gap.NO_SUPPLIER: GapMeaning(
        _INFO,
        "orders",
        "No supplier is known for {affected} of {total} series.",
        "Their orders have no addressee.",
        "Deliver supplier_id in `products*.csv`.",
        _INGEST,
    ),
    Gap.NO_COST: GapMeaning(
        _INFO,
        "values",
        "The cost of {affected} of {total} series is unknown.",
        "The value of their orders and of their stock is empty, and totals are too low by it.",
        "Deliver unit_cost in `products*.csv`.",
        _INGEST,
    ),
    Gap.NO_PRICE: GapMeaning(
        _INFO,
        "values",
        "Neither price nor cost is known for {affected} of {total} series.",
        "They have no ABC class and no value at risk, so the worklist ranks them last.",
        "Deliver unit_price with the sales, or in `products*.csv`.",
        _INGEST,
    ),
    Gap.NO_PRODUCTS: GapMeaning(
        _INFO,
        "values",
        "{affected} of {total} items are in no product file.",
        "They have no name, category, cost, supplier, minimum order or planned end.",
        "Deliver `products*.csv`.",
        _INGEST,
    ),
    Gap.NO_LOCATIONS: GapMeaning(
        _INFO,
        "deliveries",
        "{affected} of {total} locations are in no location file.",
        "They have no name and no holidays of their own.",
        "Deliver `locations*.csv`.",
        _INGEST,
    ),
    Gap.NO_PROMOTIONS: GapMeaning(
        _INFO,
        "forecast",
        "No promotions were delivered.",
        "Models take a promoted day for an ordinary one, behind them and ahead.",
        "Deliver `promotions*.csv`, or the column on_promotion of the sales.",
        _INGEST,
    ),
    Gap.NO_HOLIDAYS: GapMeaning(
        _INFO,
        "forecast",
        "No holidays are known: neither the client nor a location names a country.",
        "Models take a holiday for an ordinary day.",
        "Name the client's country, or the locations' in `locations*.csv`.",
        "forecaster client update {client} --country DE",
    ),
}
"""Code -> what people are told; every code of :class:`Gap` is there."""

MISSING_KINDS = {
    "sales": "no forecast and no orders",
    "stock_levels": "no orders, unless the sales carry on_hand_qty",
    "suppliers": "no lead times but those of receipts or the default",
    "purchase_orders": "nothing counts as on order, and lead times are not measured",
    "products": "no names, categories, costs, suppliers or minimum orders",
    "locations": "no names of locations and no holidays of their own",
    "promotions": "promoted days count as ordinary ones, behind and ahead",
}
"""Kind of delivery -> what its absence costs; the kinds any client may have, the most needed first."""
