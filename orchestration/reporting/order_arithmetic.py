"""How a series' position, days to cover, reorder point, order-up-to level and cover come about.

Pure: rows of the plan in, sums with the source of each figure out.

Belongs here: the sums of a series, and what to deliver where a part is unknown. Does not belong here: the
quantity of a line (``order_quantities``), the formulas (``forecasting_lib.inventory``, ``docs/methods.md``).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import polars as pl

from forecasting_lib.inventory import Flag, LeadTimeSource
from forecasting_lib.inventory.demand_law import COUNTS
from forecasting_lib.inventory.lead_time_demand import QTY_TOLERANCE, NormalDemand, safety_factor
from orchestration.reporting.numbers import percent, plain
from orchestration.reporting.sums import Sum, Term, checked
from orchestration.warehouse.gap_meanings import GAP_MEANINGS
from orchestration.warehouse.gap_vocabulary import Gap

Row = Mapping[str, Any]
"""A row of the plan, by the names of its columns."""

_LEAD_TIME_SOURCES: Mapping[str, str] = {
    LeadTimeSource.RECEIPTS: "mean of the item's received purchase orders",
    LeadTimeSource.SUPPLIER: "the supplier's own word, else the mean of its receipts",
    LeadTimeSource.CLIENT_DEFAULT: "the client's default, for want of a better one",
}


def position_sum(plan: Row) -> Sum:
    """On hand, less what is promised, plus what is on order: what orders are decided on."""
    title, result = "Inventory position", "inventory position (IP)"
    on_order = Term("+", "on order", plan["on_order_qty"], _on_order_source(plan))
    if plan["on_hand_qty"] is None:
        remedy = f"Unknown. {GAP_MEANINGS[Gap.NO_STOCK].remedy}"
        unknown = Term("=", result, None, "Unknown while the stock is.")
        return checked(title, Term("", "on hand", None, remedy), on_order, unknown)
    counted = f"stock of {plan['snapshot_date']}"
    if Flag.STALE_STOCK in plan["flags"]:
        counted += f", before the plan's day, {plan['as_of_date']}: sales since then are not in it"
    if Flag.NEGATIVE_STOCK_ZEROED in plan["flags"]:
        counted += "; it was booked below zero and counts as nothing, as the client chose"
    promised = "of the stock levels; nothing where none was delivered"
    return checked(
        title,
        Term("", "on hand", plan["on_hand_qty"], counted),
        Term("-", "reserved", plan["reserved_qty"], promised),
        Term("-", "backorders", plan["backorder_qty"], promised),
        on_order,
        Term("=", result, plan["inventory_position_qty"], "orders are decided on it"),
    )


def _on_order_source(plan: Row) -> str:
    if not plan["knows_orders"] and not plan["on_order_qty"]:
        meaning = GAP_MEANINGS[Gap.NO_PURCHASE_ORDERS]
        return f"{meaning.sentence} What is under way counts as nothing. {meaning.remedy}"
    source = "open purchase orders and approved orders"
    if plan["overdue_on_order_qty"]:
        overdue = plain(plan["overdue_on_order_qty"])
        source += f"; {overdue} of them are overdue and taken to arrive the next day"
    if Flag.UNDATED_PO in plan["flags"]:
        source += "; some have no date: they count here and in no projected stock"
    return source


def lead_time_sum(plan: Row) -> Sum:
    """Lead time and review period: the days that stock must last."""
    title, result = "Days to cover", "days to cover (L + R)"
    review = Term("+", "review period (R)", plan["review_days"], "days between two reviews", "days")
    if plan["lead_time_days"] is None:
        remedy = f"Unknown. {GAP_MEANINGS[Gap.NO_LEAD_TIME].remedy}"
        unknown = Term("=", result, None, "Unknown while the lead time is.", "days")
        return checked(title, Term("", "lead time (L)", None, remedy, "days"), review, unknown)
    source = _LEAD_TIME_SOURCES.get(plan["lead_time_source"], "its source was not recorded")
    if plan["lead_time_sd_days"] is None:
        source += (
            "; how much it varies is unknown and taken as nothing, so the safety stock is a minimum. "
            f"{GAP_MEANINGS[Gap.LEAD_TIME_SPREAD_UNKNOWN].remedy}"
        )
    else:
        source += f"; its standard deviation is {plain(plan['lead_time_sd_days'])} days"
    lead_time = Term("", "lead time (L)", plan["lead_time_days"], source, "days")
    if plan["review_days"] and plan["protection_days"] == plan["lead_time_days"]:
        waits = (
            "orders come in lots, so that an order waits for the reorder point: from then on only the lead "
            "time has to be covered, and what the position has fallen below that point by"
        )
        return checked(
            title, lead_time, Term("=", "days to cover (L)", plan["protection_days"], waits, "days")
        )
    lasts = "an order that is placed today must last until the goods of the next review are there"
    return checked(title, lead_time, review, Term("=", result, plan["protection_days"], lasts, "days"))


def safety_stock_sum(plan: Row) -> Sum | None:
    """What covers demand at the service level, less what is expected; None where it is unknown."""
    level = plan["service_nominal"]
    if plan["safety_stock_qty"] is None or level is None:
        return None
    whose = "the client's service target"
    if level != plan["service_target"]:
        whose = f"after calibration of the client's target, {percent(plan['service_target'])}"
    kept = Term("=", "safety stock", plan["safety_stock_qty"], "kept for demand above the expected")
    if plan["ltd_method"] == NormalDemand.method:
        return checked(
            "Safety stock",
            Term(
                *("", "safety factor (z)", safety_factor(level)),
                f"of {percent(level)} of cycles without a stock-out, {whose}",
                digits=4,
            ),
            Term(
                *("x", "standard deviation of the demand", plan["ltd_sd_qty"]),
                "over the days to cover: the forecast's error, and the lead time's where it is known",
                digits=4,
            ),
            kept,
        )
    law = "negative binomial" if plan["ltd_method"] == COUNTS else "gamma"
    return checked(
        "Safety stock",
        Term(
            *("", "demand that is covered", plan["reorder_point_qty"]),
            f"the {law} law with standard deviation {plain(plan['ltd_sd_qty'])}, read at {percent(level)} of "
            f"cycles without a stock-out, {whose}",
        ),
        Term("-", "demand expected", plan["ltd_mean_qty"], "over the days to cover"),
        *_undershoot(plan, "-"),
        kept,
    )


def _undershoot(plan: Row, sign: str) -> tuple[Term, ...]:
    passed = plan["undershoot_mean_qty"] or 0.0
    source = "by which an order is expected to come after the point was passed"
    return (Term(sign, "undershoot", passed, source),) if passed else ()


def reorder_point_sum(plan: Row) -> Sum:
    """Demand expected over the days to cover plus safety stock: order at or below it."""
    title, result, demand = "Reorder point", "reorder point (ROP)", "demand over the days to cover"
    if plan["reorder_point_qty"] is None:
        remedy = f"Unknown. {GAP_MEANINGS[Gap.NO_LEAD_TIME].remedy}"
        unknown = Term("=", result, None, "Unknown while the lead time is.")
        return checked(title, Term("", demand, None, remedy), unknown)
    source = f"mean forecast of the {plain(plan['protection_days'])} days after {plan['as_of_date']}"
    if Flag.HORIZON_TOO_SHORT in plan["flags"]:
        source += "; beyond the forecast, last season's mean"
    covers = "order at or below it"
    if plan["service_predicted"] is not None:
        covers += f"; it covers that demand with a probability of {percent(plan['service_predicted'])}"
        if Flag.NOT_CALIBRATED in plan["flags"]:
            covers += ", which no backtest has measured"
    return checked(
        title,
        Term("", demand, plan["ltd_mean_qty"], source),
        *_undershoot(plan, "+"),
        Term("+", "safety stock", plan["safety_stock_qty"], "worked out below"),
        Term("=", result, plan["reorder_point_qty"], covers),
    )


def order_up_to_sum(plan: Row) -> Sum | None:
    """The level that an order restores; None where it is unknown."""
    level, reorder_point = plan["order_up_to_qty"], plan["reorder_point_qty"]
    if level is None or reorder_point is None:
        return None
    lot = level - reorder_point
    why = "nothing asks for a lot: no minimum above one multiple, no economic lot"
    if lot > QTY_TOLERANCE:
        why = "the largest of the minimum order, an economic lot and the demand of one review period"
    return checked(
        "Order-up-to level",
        Term("", "reorder point (ROP)", reorder_point, "worked out above"),
        Term("+", "lot", max(lot, 0.0), why),
        Term("=", "order-up-to level (S)", level, "an order lifts the position to it"),
    )


def cover_sum(plan: Row, projection: pl.DataFrame) -> Sum | None:
    """How long the net stock lasts on the mean forecast; None where that is unknown.

    Args:
        plan: of ``series_questions.series_plan``.
        projection: rows of the listing of that series, by date.
    """
    stock, title = plan["net_stock_qty"], "Cover"
    if stock is None or projection.is_empty():
        return None
    free = f"net stock {plain(stock)}: on hand less reserved and backorders, without what is on order"
    used, days = 0.0, 0
    for first, last, demand in periods_ahead(plan["as_of_date"], projection):
        if stock <= 0.0:
            return checked(title, Term("=", "cover", plan["dir_days"], f"nothing is free: {free}", "days"))
        if used + demand > stock + QTY_TOLERANCE:
            begins = plan["as_of_date"] + timedelta(days=first + 1)
            part = (stock - used) / demand * (last - first)
            left = f"{plain(stock - used)} are left on {begins}, from when {plain(demand)} are expected"
            until = plan["as_of_date"] + timedelta(days=days)
            needs = f"the forecast needs {plain(used)} until {until}" if days else "none is served in full"
            return checked(
                title,
                Term("", "days served in full", days, needs, "days"),
                Term("+", "part of what follows", part, left, "days"),
                Term("=", "cover", plan["dir_days"], free, "days"),
            )
        used, days = used + demand, last
    lasts = f"the forecast needs {plain(used)} of the {free}"
    bound = Term("=", "cover is at least", plan["dir_lower_bound_days"], lasts, "days")
    return Sum(title, (bound,), note="The stock outlasts the forecast.")


def periods_ahead(as_of_date: date, projection: pl.DataFrame) -> list[tuple[int, int, float]]:
    """Of each period ahead: days after the as-of date before it begins and when it ends, its mean demand."""
    return [
        ((first - as_of_date).days - 1, last, demand)
        for first, last, demand in projection.select("date", "lag_days", "demand_mean_qty").iter_rows()
    ]
