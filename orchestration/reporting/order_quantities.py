"""How the quantity of a proposed order comes about, and what its sentence of reason refers to.

Pure: rows of the plan in, a sum and the figures of the sentence out.

Belongs here: lines. Does not belong here: the series' own levels (``order_arithmetic``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from forecasting_lib.inventory.flags import Flag
from forecasting_lib.inventory.replenishment import Action, round_to_order_quantity
from orchestration.reporting.numbers import plain
from orchestration.reporting.order_arithmetic import Row, periods_ahead
from orchestration.reporting.sums import Sum, Term, checked, does_not_follow, is_same, total

_REASON = re.compile(
    r"IP (?P<position>-?[\d.]+) <= ROP (?P<reorder_point>-?[\d.]+)(?: on [\d-]+)?; "
    r"cover (?:> )?(?P<cover>[\d.]+) d(?:,| <| >=) lead time (?P<lead_time>[\d.]+) d"
)
_SHOWN_TO = 0.0501
"""Half a unit of the last digit that the sentence shows, and what a float adds."""


@dataclass(frozen=True)
class Figure:
    """A figure of a line's sentence.

    Attributes:
        words: as the sentence has it.
        meaning: what it is.
        title: of the sum that works it out, or ``Stock`` for the projection.
        problem: why it is not what the sum says; None where it is.
    """

    words: str
    meaning: str
    title: str
    problem: str | None = None


def order_sum(line: Row, lines: Sequence[Row], plan: Row, projection: pl.DataFrame) -> Sum | None:
    """How the quantity of a line came about; None where it has none.

    Args:
        line: of the plan, with ``net_need_qty``, ``moq_qty`` and ``order_multiple_qty``.
        lines: all lines of the series.
        plan: of ``series_questions.series_plan``.
        projection: rows of the listing of that series, by date.
    """
    need = line["net_need_qty"]
    if line["action"] != Action.ORDER or line["order_qty"] is None or need is None:
        return None
    terms = [
        Term("", "order-up-to level (S)", plan["order_up_to_qty"], "worked out above"),
        Term("-", "inventory position (IP)", plan["inventory_position_qty"], f"of {plan['as_of_date']}"),
    ]
    used = _used_before(line["order_date"], plan["as_of_date"], projection)
    if used:
        until = line["order_date"] - timedelta(days=1)
        terms.append(Term("+", "expected demand", used, f"mean forecast until {until}"))
    ordered = sum(
        float(other["order_qty"])
        for other in lines
        if other["action"] == Action.ORDER and other["order_date"] < line["order_date"]
    )
    moved = sum(float(other["order_qty"]) for other in lines if other["action"] == Action.TRANSFER)
    if moved:
        terms.append(Term("-", "moved here before", moved, "transfers of this plan"))
    if ordered:
        terms.append(Term("-", "orders proposed before", ordered, "earlier lines of this plan"))
    found = total(terms)
    if plan["unmet_demand"] == "lost" and found is not None and found > need and not is_same(found, need):
        gone = "meets no stock before the order is there, goes elsewhere and is not ordered again"
        terms.append(Term("-", "demand turned away", found - need, gone))
    title = f"Order of {line['order_date']}"
    missing = checked(title, *terms, Term("=", "net need", need, "missing to the order-up-to level"))
    expected = _rounded_up(line)
    problem = missing.problem
    raised = Flag.SUPPLIER_MINIMUM in line["flags"] and line["order_qty"] > expected
    if problem is None and not raised and not is_same(expected, line["order_qty"]):
        problem = does_not_follow(expected, line["order_qty"])
    return Sum(
        title,
        (*missing.terms, Term("=", "to order", line["order_qty"], _lot(line))),
        note=missing.note,
        problem=problem,
    )


def _used_before(day: date, as_of_date: date, projection: pl.DataFrame) -> float:
    """Mean demand after the as-of date until the evening before a day, level within a period."""
    through = (day - as_of_date).days - 1
    return sum(
        demand * min(max(through - first, 0), last - first) / (last - first)
        for first, last, demand in periods_ahead(as_of_date, projection)
    )


def _rounded_up(line: Row) -> float:
    """The quantity that the engine makes of the line's need."""
    need, minimum, multiple = (
        np.array([np.nan if line[name] is None else float(line[name])])
        for name in ("net_need_qty", "moq_qty", "order_multiple_qty")
    )
    return float(round_to_order_quantity(need, minimum, multiple)[0])


def _lot(line: Row) -> str:
    """What made the quantity of the need, as a sentence."""
    minimum, multiple = line["moq_qty"], line["order_multiple_qty"]
    least = f"a minimum of {plain(minimum)}" if minimum else "no minimum, as none is known"
    lots = f"multiples of {plain(multiple)}" if multiple else "whole units, as no multiple is known"
    raised = ""
    if Flag.SUPPLIER_MINIMUM in line["flags"]:
        raised = ", and raised so that the order reaches its supplier's minimum value"
    return f"the net need, rounded up to {lots}, with {least}{raised}"


def reason_figures(line: Row, plan: Row) -> list[Figure]:
    """The figures of a line's sentence, each with where it is worked out; none where it has none."""
    if line["action"] == Action.EXPEDITE:
        return _figures_of_expediting(line)
    said = _REASON.search(line["reason"])
    if said is None:
        return []
    position = plan["inventory_position_qty"]
    if line["net_need_qty"] is not None and plan["order_up_to_qty"] is not None:
        position = plan["order_up_to_qty"] - line["net_need_qty"]
    order = f"Order of {line['order_date']}"
    is_now = is_same(position, plan["inventory_position_qty"] or 0.0) if position is not None else True
    cover = plan["dir_days"] if plan["dir_days"] is not None else plan["dir_lower_bound_days"]
    figures = (
        (
            *("position", "IP {}", position),
            "inventory position" if is_now else f"the position expected on {line['order_date']}",
            "Inventory position" if is_now else order,
        ),
        ("reorder_point", "ROP {}", plan["reorder_point_qty"], "reorder point", "Reorder point"),
        ("cover", "cover {} d", cover, "how long the net stock lasts", "Cover"),
        (
            "lead_time",
            "lead time {} d",
            plan["lead_time_days"],
            "from the order to the goods",
            "Days to cover",
        ),
    )
    return [
        Figure(words.format(said[name]), meaning, title, _problem(float(said[name]), value))
        for name, words, value, meaning, title in figures
    ]


def _figures_of_expediting(line: Row) -> list[Figure]:
    """The days of an open order that comes too late."""
    arrives, short, late = line["receipt_date"], line["need_date"], line["days_late"]
    if None in (arrives, short, late):
        return []
    between = (arrives - short).days
    problem = None if between == late else does_not_follow(between, late)
    return [
        Figure(f"arrives {arrives}", "the day that the purchase order is expected", "Stock"),
        Figure(f"stock-out on {short}", "the first day whose stock is projected below zero", "Stock"),
        Figure(f"{late} d", "the days from one to the other", "Stock", problem),
    ]


def _problem(said: float, value: float | None) -> str | None:
    if value is not None and abs(said - value) <= _SHOWN_TO:
        return None
    known = "unknown" if value is None else plain(value)
    return f"The sentence says {plain(said)}, and the figure is {known}: run the inventory stage again."
