"""What to order, when, how urgently and why; which open orders to expedite.

Belongs here: net need, rounding to what a supplier accepts, the roll-forward of orders over the horizon,
the plan's lines with urgency, money at risk, rank and one sentence of reason.
Does not belong here: the levels s and S (policies), or the stock curve (projection).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import numpy as np
import polars as pl

from forecasting_lib.inventory.flags import BoolArray, Flag
from forecasting_lib.inventory.lead_time_demand import (
    QTY_TOLERANCE,
    CumulativeDemand,
    IntArray,
    protection_demand,
)
from forecasting_lib.inventory.policies import usable_multiple
from forecasting_lib.inventory.projection import ReceiptSchedule, unserved_so_far
from forecasting_lib.inventory.supplier_minimum import FilledOrder, filled_to_minimum_value
from forecasting_lib.inventory.supply import Supply
from forecasting_lib.inventory.tables import REPLENISHMENT_SCHEMA, float_columns
from forecasting_lib.inventory.wording import plain
from forecasting_lib.panel import FloatArray

_WEEK = 7
_UNDECIDED = "stocked out; no lead time known, so no quantity can be proposed"


class Action(StrEnum):
    """What a line asks for; to decide is a person's where no quantity can be computed.

    A transfer comes from another of the client's locations. To expedite, postpone, reduce and cancel concern
    an order that is open already.
    """

    ORDER = "order"
    TRANSFER = "transfer"
    EXPEDITE = "expedite"
    POSTPONE = "postpone"
    REDUCE = "reduce"
    CANCEL = "cancel"
    DECIDE = "decide"

    @property
    def is_order(self) -> bool:
        """Whether its approval is a new order, with a quantity and dates."""
        return self in (Action.ORDER, Action.DECIDE)


class Urgency(StrEnum):
    """Most urgent first; the order of the members is the order of the worklist."""

    STOCKED_OUT = "stocked_out"
    LATE = "late"
    TODAY = "today"
    THIS_WEEK = "this_week"
    PLANNED = "planned"


def round_to_order_quantity(need: FloatArray, moq: FloatArray, order_multiple: FloatArray) -> FloatArray:
    """Smallest admissible multiple that covers the need and the minimum, (n,) units; 0 without a need.

    >>> need = np.array([25.0, 5.0, 0.0])
    >>> round_to_order_quantity(need, moq=np.full(3, 20.0), order_multiple=np.full(3, 12.0))
    array([36., 24.,  0.])

    Args:
        need: (n,) units; NaN: unknown, and so is the result.
        moq: (n,) minimum order, units; NaN: none.
        order_multiple: (n,) units; NaN or not positive: whole units.
    """
    multiple = usable_multiple(order_multiple)
    wanted = np.maximum(need, np.nan_to_num(moq))
    # The tolerance keeps a need of 0.3 in tenths at three of them, not four.
    quantity = np.ceil(wanted / multiple - QTY_TOLERANCE) * multiple
    return np.where(np.isnan(need), np.nan, np.where(need > QTY_TOLERANCE, quantity, 0.0))


def suggested_order(
    position: FloatArray,
    reorder_point: FloatArray,
    order_up_to: FloatArray,
    moq: FloatArray,
    order_multiple: FloatArray,
) -> FloatArray:
    """Order quantity of one review, (n,) units: up to S if the position is at or below s, else 0.

    NaN where the position or a level is unknown. Arguments are (n,) units each.

    >>> none = np.full(2, np.nan)
    >>> suggested_order(np.array([25.0, 60.0]), np.full(2, 50.0), np.full(2, 80.0), none, none)
    array([55.,  0.])

    Source: ``docs/methods.md#order-quantity``.
    """
    need = np.where(position <= reorder_point + QTY_TOLERANCE, order_up_to - position, 0.0)
    unknown = np.isnan(position) | np.isnan(reorder_point) | np.isnan(order_up_to)
    return round_to_order_quantity(np.where(unknown, np.nan, need), moq, order_multiple)


@dataclass(frozen=True)
class OrderRule:
    """The levels that every review applies, (n,) units each; NaN: no decision.

    ``orderable`` is false where no order may be suggested whatever the position, as without demand.
    ``sales_are_lost`` where demand that meets no stock is gone: the position of a review then includes what
    is expected to be turned away before its order arrives. ``fill_up_to_days`` is the cover up to which lines
    are raised to reach their supplier's minimum order value; None: they are not. ``order_days`` is (n, h),
    whether the supplier takes orders on each of days 1..h; absent: on all.
    """

    reorder_point: FloatArray
    order_up_to: FloatArray
    orderable: BoolArray
    sales_are_lost: bool = False
    fill_up_to_days: int | None = None
    order_days: BoolArray | None = None

    def takes_orders(self, day: int) -> BoolArray:
        """(n,) whether an order may be placed on a day, counted from the as-of date."""
        if self.order_days is None:
            return np.ones(self.orderable.size, dtype=bool)
        return self.order_days[:, day - 1]


@dataclass(frozen=True)
class OrderLines:
    """Planned orders, one element per line, by review day.

    ``row`` is the position of the series, ``order_day`` and ``receipt_day`` count from the as-of date,
    ``need_day`` is the first day that runs short without the line (NaN: never), ``prior_qty`` what
    earlier lines of the series add, ``position`` the projected position before the order, ``raised`` whether
    the quantity was raised to the supplier's minimum order value.
    """

    row: IntArray
    order_day: IntArray
    receipt_day: IntArray
    need_day: FloatArray
    position: FloatArray
    prior_qty: FloatArray
    net_need: FloatArray
    order_qty: FloatArray
    raised: BoolArray


def plan_orders(
    supply: Supply,
    rule: OrderRule,
    demand: CumulativeDemand,
    receipts: ReceiptSchedule,
    moves: FloatArray | None = None,
) -> OrderLines:
    """Roll the inventory position forward and order whenever a review finds it at or below s.

    Day 1 is a review day, or the first day after it on which the supplier takes orders. The position of its
    morning is today's, that of day d is lower by the mean demand of days 1..d-1 and higher by what the plan
    has ordered before. An order of day d arrives in the morning of day d + L, L rounded up to whole days.
    Where sales are lost, the demand that no stock meets before that morning is no longer owed, and the
    position is higher by it.

    Args:
        supply, rule, demand, receipts: of the same n series.
        moves: (n, h) units by which transfers change the stock on each day; absent: none.

    Returns:
        The lines of all series over the horizon, those of day 1 first.

    Source: ``docs/methods.md#order-dates``.
    """
    horizon = demand.horizon
    days = np.arange(1, horizon + 1)
    if moves is None:
        moves = np.zeros((supply.net_stock.size, horizon))
    moved = moves.sum(axis=1)
    net_stock, position_now = supply.net_stock, supply.net_stock + receipts.total() + moved
    lead = np.ceil(np.nan_to_num(supply.lead_time)).astype(np.int64)
    spacing = np.maximum(np.ceil(supply.review_spacing), 1.0).astype(np.int64)
    reviewed = -spacing
    known = ~np.isnan(position_now + rule.reorder_point + rule.order_up_to)
    short_of_stock = demand.mean[:, 1:] - np.cumsum(receipts.by_day(horizon) + moves, axis=1)
    in_view = net_stock + receipts.total_dated() + moved
    ordered = np.zeros_like(net_stock)
    searched_from = np.ones(ordered.size, dtype=np.int64)
    planned = np.zeros_like(short_of_stock)
    lines: list[OrderLines] = []
    for day in range(1, horizon + 1):
        due = (day - reviewed >= spacing) & rule.takes_orders(day)
        reviewed = np.where(due, day, reviewed)
        row = np.flatnonzero(known & rule.orderable & due)
        position = position_now[row] + ordered[row] - demand.mean[row, day - 1]
        if rule.sales_are_lost:
            balance = net_stock[row][:, None] + planned[row] - short_of_stock[row]
            position += _lost_before(balance, day + lead[row])
        quantity = suggested_order(
            position,
            rule.reorder_point[row],
            rule.order_up_to[row],
            supply.moq[row],
            supply.order_multiple[row],
        )
        placed = quantity > 0.0
        row, position, quantity = row[placed], position[placed], quantity[placed]
        if not row.size:
            continue
        filled = _filled_order(row, day, position, quantity, supply, rule, demand)
        quantity = filled.quantity
        prior = ordered[row].copy()
        # Before this day the stock is the concern of the series' earlier lines.
        runs_short = (short_of_stock[row] > (net_stock[row] + prior)[:, None] + QTY_TOLERANCE) & (
            days >= searched_from[row][:, None]
        )
        past_view = np.floor(demand.days_until(in_view[row] + prior, row)) + 1.0
        need_day = np.where(
            runs_short.any(axis=1), runs_short.argmax(axis=1) + 1.0, np.maximum(past_view, horizon + 1.0)
        )
        owed = (prior == 0.0) & (net_stock[row] < -QTY_TOLERANCE)
        lines.append(
            OrderLines(
                row=row,
                order_day=np.full(row.size, day),
                receipt_day=day + lead[row],
                need_day=np.where(owed, 0.0, need_day),
                position=position,
                prior_qty=prior,
                net_need=rule.order_up_to[row] - position,
                order_qty=quantity,
                raised=filled.raised,
            )
        )
        ordered[row] += quantity
        if rule.sales_are_lost:
            planned[row] += quantity[:, None] * (days >= (day + lead[row])[:, None])
        searched_from[row] = day + lead[row]
    return _concatenated(lines)


def _filled_order(
    row: IntArray,
    day: int,
    position: FloatArray,
    quantity: FloatArray,
    supply: Supply,
    rule: OrderRule,
    demand: CumulativeDemand,
) -> FilledOrder:
    """A day's lines, raised to their suppliers' minimum order values where the client wants that."""
    if rule.fill_up_to_days is None:
        return FilledOrder(quantity, np.zeros(quantity.shape, dtype=np.bool_))

    def units_lasting(days: FloatArray) -> FloatArray:
        used_before: FloatArray = demand.mean[row, day - 1]
        return demand.mean_through(day - 1.0 + days, row) - used_before - position

    return filled_to_minimum_value(
        quantity,
        supply.supplier[row],
        supply.min_order_value[row],
        supply.unit_cost[row],
        supply.order_multiple[row],
        units_lasting,
        float(rule.fill_up_to_days),
    )


def _lost_before(balance: FloatArray, arrival: IntArray) -> FloatArray:
    """Demand turned away by the evening before a day, (m,) units, where unmet demand is lost.

    Args:
        balance: (m, h) stock at the end of each day as if customers waited.
        arrival: (m,) day numbers from 1 on; past the horizon the horizon counts.
    """
    through = np.minimum(arrival - 1, balance.shape[1])
    unserved = unserved_so_far(balance)[np.arange(len(balance)), np.maximum(through, 1) - 1]
    return np.where(through > 0, unserved, 0.0)


def _concatenated(lines: list[OrderLines]) -> OrderLines:
    def joined(name: str) -> FloatArray:
        return np.concatenate([np.empty(0), *(getattr(part, name) for part in lines)])

    return OrderLines(
        row=joined("row").astype(np.int64),
        order_day=joined("order_day").astype(np.int64),
        receipt_day=joined("receipt_day").astype(np.int64),
        need_day=joined("need_day"),
        position=joined("position"),
        prior_qty=joined("prior_qty"),
        net_need=joined("net_need"),
        order_qty=joined("order_qty"),
        raised=joined("raised").astype(np.bool_),
    )


def planned_receipts(lines: OrderLines, series_count: int, horizon: int) -> FloatArray:
    """(n, horizon) units of the plan's orders arriving on each of days 1..horizon."""
    matrix = np.zeros((series_count, horizon))
    arrives = lines.receipt_day <= horizon
    np.add.at(matrix, (lines.row[arrives], lines.receipt_day[arrives] - 1), lines.order_qty[arrives])
    return matrix


def order_frame(
    lines: OrderLines,
    supply: Supply,
    demand: CumulativeDemand,
    receipts: ReceiptSchedule,
    excess_horizon_days: int,
    moved: FloatArray | float = 0.0,
) -> pl.DataFrame:
    """The order lines with what a buyer asks of each; one row per element of ``lines``.

    ``lost_units_at_risk_qty`` is the expected shortage when the line's goods arrive, given that earlier
    lines and confirmed receipts come as planned: the normal loss over the days until then.
    ``cover_days_after`` counts from the order date and covers the position including the order.
    ``moq_overshoot``: but for one smallest lot of the supplier, the cover would stay within the excess
    horizon.
    ``moved`` is (lines,), units that transfers have added to or taken off the stock before each line's goods
    arrive.
    """
    row, day = lines.row, lines.order_day.astype(np.float64)
    arrival = lines.receipt_day.astype(np.float64)
    until = protection_demand(
        demand,
        supply.lead_time[row],
        supply.known_lead_time_sd[row],
        day - 1.0,
        row,
    )
    supplied = supply.net_stock[row] + lines.prior_qty + receipts.through(arrival - 1.0, row) + moved
    at_risk = until.expected_shortage(supplied)
    used_before = demand.mean[row, lines.order_day - 1]
    covered = used_before + lines.position + lines.order_qty
    cover = demand.days_until(covered, row) - (day - 1.0)
    lot = round_to_order_quantity(np.ones(row.size), supply.moq[row], supply.order_multiple[row])
    cover_but_for_lot = demand.days_until(covered - lot, row) - (day - 1.0)
    late = np.maximum(arrival - lines.need_day, 0.0)
    forced = (lot > 1.0) & ~(cover <= excess_horizon_days) & (cover_but_for_lot <= excess_horizon_days)
    return pl.DataFrame(
        {
            "row": row,
            "action": pl.repeat(Action.ORDER.value, row.size, eager=True, dtype=pl.String),
            "need_day": lines.need_day,
            "order_day": day,
            "receipt_day": arrival,
            "net_need_qty": lines.net_need,
            "moq_qty": supply.moq[row],
            "order_multiple_qty": supply.order_multiple[row],
            "order_qty": lines.order_qty,
            "order_value": lines.order_qty * supply.unit_cost[row],
            "cover_days_after": np.maximum(cover, 0.0),
            "days_late": np.where(np.isnan(late), 0.0, late),
            "lost_units_at_risk_qty": at_risk,
            "value_at_risk": at_risk * supply.unit_risk_value[row],
            "moq_overshoot": forced,
            "raised": lines.raised,
            "position": lines.position,
            "stocked_out": supply.net_stock[row] <= 0.0,
        }
    )


def expedite_frame(
    stockout: FloatArray, supply: Supply, demand: CumulativeDemand, receipts: ReceiptSchedule
) -> pl.DataFrame:
    """Open orders worth a call: of each series the first that arrives after the projected stock-out.

    ``net_need_qty`` is the mean shortage by the evening before it arrives, ``lost_units_at_risk_qty`` the
    expected one, forecast error included. ``stockout`` is (n,), the first short day; NaN: none.
    """
    days = pl.DataFrame({"row": np.arange(stockout.size), "need_day": pl.Series(stockout).fill_nan(None)})
    late = (
        receipts.frame.join(days, on="row")
        .filter(pl.col("day") > pl.col("need_day"))
        .sort("row", "day", "po_id", nulls_last=True)
        .unique("row", keep="first", maintain_order=True)
    )
    row = late["row"].to_numpy()
    arrival = late["day"].to_numpy().astype(np.float64)
    still = np.zeros(row.size)
    until = protection_demand(demand, still, still, arrival - 1.0, row)
    supplied = supply.net_stock[row] + receipts.through(arrival - 1.0, row)
    at_risk = until.expected_shortage(supplied)
    quantity = late["open_qty"].to_numpy()
    return pl.DataFrame(
        {
            "row": row,
            "action": pl.repeat(Action.EXPEDITE.value, row.size, eager=True, dtype=pl.String),
            "po_supplier_id": late["supplier_id"],
            "po_ref": late["po_id"],
            "po_order_date": late["order_date"],
            "need_day": late["need_day"],
            "receipt_day": arrival,
            "net_need_qty": np.maximum(until.mean - supplied, 0.0),
            "order_qty": quantity,
            "order_value": quantity * supply.unit_cost[row],
            "days_late": arrival - late["need_day"].to_numpy(),
            "lost_units_at_risk_qty": at_risk,
            "value_at_risk": at_risk * supply.unit_risk_value[row],
            "moq_overshoot": np.zeros(row.size, dtype=bool),
            "stocked_out": supply.net_stock[row] <= 0.0,
        }
    )


def undecided_frame(supply: Supply, orderable: BoolArray) -> pl.DataFrame:
    """Series that are stocked out and for which no quantity can be proposed: no lead time is known.

    An empty worklist would say that nothing is the matter with them. ``orderable`` is (n,), false without
    demand.
    """
    row = np.flatnonzero(orderable & (supply.net_stock <= QTY_TOLERANCE) & np.isnan(supply.lead_time))
    return pl.DataFrame(
        {
            "row": row,
            "action": pl.repeat(Action.DECIDE.value, row.size, eager=True, dtype=pl.String),
            "need_day": np.zeros(row.size),
            "order_day": np.ones(row.size),
            "moq_overshoot": np.zeros(row.size, dtype=bool),
            "stocked_out": np.ones(row.size, dtype=bool),
        }
    )


def replenishment_plan(
    parts: Sequence[pl.DataFrame],
    metrics: pl.DataFrame,
    as_of_date: date,
    horizon: int,
    excess_horizon_days: int,
) -> pl.DataFrame:
    """The worklist: all kinds of line, dated, ranked and explained, in rank order.

    Sorted by urgency, then money at risk (unknown last), ABC class, earliest stock-out, series and date.

    Args:
        parts: from :func:`expedite_frame`, :func:`order_frame`, :func:`undecided_frame` and
            ``open_order_actions``.
        metrics: the metrics table, one row per series in the order of their positions.
        as_of_date: day 0.
        horizon: days of the forecast, for the sentence about a cover that outlasts it.
        excess_horizon_days: days beyond whose need stock is excess, for the sentence about it.

    Returns:
        Columns of ``REPLENISHMENT_SCHEMA``; one row per series and ``line_no``.

    Source: ``docs/methods.md#worklist``.
    """

    def dated(day: str) -> pl.Expr:
        return pl.lit(as_of_date) + pl.duration(days=pl.col(day).fill_nan(None).cast(pl.Int64))

    series = metrics.select(
        pl.int_range(pl.len()).alias("row"),
        "series_id",
        "supplier_id",
        "lead_time_days",
        "reorder_point_qty",
        "dir_days",
        "abc_class",
        "stockout_date",
        "flags",
    )
    lines = (
        pl.concat(parts, how="diagonal_relaxed")
        .join(series, on="row", how="inner", maintain_order="left")
        .with_columns(
            dated("need_day").cast(pl.Date).alias("need_date"),
            pl.coalesce(dated("order_day").cast(pl.Date), pl.col("po_order_date")).alias("order_date"),
            dated("receipt_day").cast(pl.Date).alias("receipt_date"),
            pl.coalesce("po_supplier_id", "supplier_id").alias("supplier_id"),
            _urgency().alias("urgency"),
            pl.when("moq_overshoot")
            .then(pl.concat_list("flags", pl.lit([Flag.MOQ_OVERSHOOT.value])))
            .otherwise("flags")
            .alias("flags"),
        )
        .with_columns(
            pl.when("raised")
            .then(pl.concat_list("flags", pl.lit([Flag.SUPPLIER_MINIMUM.value])))
            .otherwise("flags")
            .alias("flags")
        )
        .with_columns(_reason(horizon, excess_horizon_days).alias("reason"))
    )
    return (
        lines.with_columns(
            pl.col(float_columns(REPLENISHMENT_SCHEMA)).fill_nan(None), pl.col("days_late").cast(pl.Int64)
        )
        .sort("row", "action", "receipt_day", maintain_order=True)
        .with_columns((pl.int_range(pl.len()).over("row") + 1).alias("line_no"))
        .sort(
            pl.col("urgency").replace_strict(
                {u.value: i for i, u in enumerate(Urgency)}, return_dtype=pl.Int8
            ),
            pl.col("value_at_risk"),
            pl.col("abc_class"),
            pl.col("stockout_date"),
            pl.col("series_id"),
            pl.col("line_no"),
            descending=[False, True, False, False, False, False],
            nulls_last=True,
        )
        .with_columns(pl.int_range(1, pl.len() + 1).alias("priority_rank"))
        .select(pl.col(name).cast(dtype) for name, dtype in REPLENISHMENT_SCHEMA.items())
    )


def _urgency() -> pl.Expr:
    now = (pl.col("action") == Action.EXPEDITE.value) | (pl.col("order_day") == 1)
    late = pl.col("days_late") > 0
    # nothing runs short by an order that is too many or too early: it is told before it is here
    surplus = pl.col("action").is_in([Action.POSTPONE.value, Action.REDUCE.value, Action.CANCEL.value])
    return (
        pl.when(surplus & (pl.col("receipt_day") <= _WEEK))
        .then(pl.lit(Urgency.THIS_WEEK.value))
        .when(surplus)
        .then(pl.lit(Urgency.PLANNED.value))
        .when(now & pl.col("stocked_out"))
        .then(pl.lit(Urgency.STOCKED_OUT.value))
        .when(now & late)
        .then(pl.lit(Urgency.LATE.value))
        .when(now)
        .then(pl.lit(Urgency.TODAY.value))
        .when(pl.col("order_day") <= _WEEK)
        .then(pl.lit(Urgency.THIS_WEEK.value))
        .otherwise(pl.lit(Urgency.PLANNED.value))
    )


def _reason(horizon: int, excess_horizon_days: int) -> pl.Expr:
    cover = pl.col("dir_days")
    beyond = pl.format("cover > {} d, lead time {} d", pl.lit(horizon), plain("lead_time_days"))
    cover_sentence = (
        pl.when(cover.is_null())
        .then(beyond)
        .when(cover < pl.col("lead_time_days"))
        .then(pl.format("cover {} d < lead time {} d", cover.round(1), plain("lead_time_days")))
        .otherwise(pl.format("cover {} d >= lead time {} d", cover.round(1), plain("lead_time_days")))
    )
    levels = pl.format("IP {} <= ROP {}", plain("position"), plain("reorder_point_qty"))
    order = pl.format("PO {}", pl.col("po_ref").fill_null("without number"))
    arrives = pl.col("receipt_date").cast(pl.String).fill_null("on no known day")
    too_many = pl.format(
        "stock and orders are {} more than {} d need", plain("excess_qty"), pl.lit(excess_horizon_days)
    )
    sentence = (
        pl.when(pl.col("action") == Action.DECIDE.value)
        .then(pl.lit(_UNDECIDED))
        .when(pl.col("action") == Action.EXPEDITE.value)
        .then(
            pl.format(
                "{} arrives {}, {} d after the projected stock-out on {}",
                order,
                pl.col("receipt_date"),
                pl.col("days_late").cast(pl.Int64),
                pl.col("need_date"),
            )
        )
        .when(pl.col("action") == Action.CANCEL.value)
        .then(
            pl.format("{} brings {} that nothing needs, {}; {}", order, plain("order_qty"), arrives, too_many)
        )
        .when(pl.col("action") == Action.REDUCE.value)
        .then(
            pl.format(
                "{} brings {} too many, {}: keep {} of it; {}",
                order,
                plain("order_qty"),
                arrives,
                plain("kept_qty"),
                too_many,
            )
        )
        .when(pl.col("action") == Action.POSTPONE.value)
        .then(
            pl.format(
                "{} arrives {}, {} d before it is needed on {}",
                order,
                pl.col("receipt_date"),
                pl.col("early_days").fill_nan(None).cast(pl.Int64),
                pl.col("need_date"),
            )
        )
        .when(pl.col("order_day") == 1)
        .then(pl.format("{}; {}", levels, cover_sentence))
        .otherwise(pl.format("projected {} on {}; {}", levels, pl.col("order_date"), cover_sentence))
    )
    sentence = (
        pl.when(pl.col("action") == Action.TRANSFER.value)
        .then(
            pl.format(
                "{}; {} has {} more than it needs: move them before buying",
                levels,
                pl.col("source_location_id").fill_null("another location"),
                plain("order_qty"),
            )
        )
        .otherwise(sentence)
    )
    is_out = pl.col("stocked_out") & (pl.col("action") != Action.DECIDE.value)
    return pl.when(is_out).then(pl.format("out of stock now; {}", sentence)).otherwise(sentence)
