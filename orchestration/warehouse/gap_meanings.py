"""What people are told of every gap; ``migrate`` writes it into ``analytics.gap_meanings``.

Belongs here: the sentences about forecasts, accuracy, orders and values, and all of them together. Does not
belong here: those about deliveries (``delivery_gaps``).
"""

from __future__ import annotations

from forecasting_lib.inventory import Severity
from orchestration.warehouse.delivery_gaps import DELIVERY_GAPS
from orchestration.warehouse.gap_vocabulary import Gap, GapMeaning

_ERROR = Severity.ERROR
_WARNING = Severity.WARNING
_INFO = Severity.INFO
_RUN = "forecaster run --client {client}"
_INGEST = "forecaster ingest FILE --client {client}"
_LEAD_TIME = "forecaster client update {client} --default-lead-time-days DAYS"

_ANSWER_GAPS: dict[Gap, GapMeaning] = {
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
        "forecaster client update {client} --model hist_q",
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
    Gap.DEMAND_BEHIND: GapMeaning(
        _WARNING,
        "forecast",
        "Sales are delivered until {day}, but demand is built until {detail} only.",
        "Forecasts and orders do not know the days between.",
        "Run the pipeline; where a run failed, its page in the UI says why.",
        _RUN,
    ),
    Gap.FORECAST_HELD_BACK: GapMeaning(
        _WARNING,
        "orders",
        "The forecast as of {day} was held back, since its bands did not hold at past days; orders rest on "
        "the one as of {detail}.",
        "Orders do not know what sold since then, and items that are new since have none.",
        "Choose other models or wait for more history, and judge them again; to use the later forecast all "
        "the same, publish it.",
        "forecaster client update {client} --when-bands-fail publish",
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
    Gap.BANDS_DO_NOT_HOLD: GapMeaning(
        _WARNING,
        "orders",
        "The bands of the forecast as of {day} do not hold what they name at past days: {detail}",
        "Safety stocks are too small where a band held less than it names, and too large where it held more.",
        "Choose other models or wait for more history, and judge them again; the page of accuracy shows what "
        "each quantile held.",
        "forecaster backtest --client {client}",
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
        "Ask `analytics.forecast_series` for the reason of each.",
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

GAP_MEANINGS: dict[Gap, GapMeaning] = {gap: (DELIVERY_GAPS | _ANSWER_GAPS)[gap] for gap in Gap}
"""Code -> what people are told; every code of :class:`Gap` is there."""
