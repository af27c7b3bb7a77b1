"""The sums of a plan: they come out for whatever the engine plans, and say so where the rows were changed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting_lib.grain import Grain
from forecasting_lib.inventory import InventoryPlan, InventoryPolicy, plan_inventory
from forecasting_lib.panel import Forecast
from orchestration.reporting.order_arithmetic import (
    cover_sum,
    lead_time_sum,
    order_up_to_sum,
    position_sum,
    reorder_point_sum,
    safety_stock_sum,
)
from orchestration.reporting.order_quantities import order_sum, reason_figures
from orchestration.reporting.sums import ROUNDED, Sum, Term, checked
from tests.forecasting_lib.inventory.situations import STOCKED, grid_of, receipts_of, supply_of

SUNDAY = date(2026, 11, 22)
MONTH_END = date(2026, 11, 30)
HORIZONS = {Grain.DAY: 28, Grain.WEEK: 8, Grain.MONTH: 4}


@dataclass(frozen=True)
class Planned:
    """A series as the page reads it."""

    plan: dict[str, Any]
    lines: list[dict[str, Any]]
    projection: pl.DataFrame

    @classmethod
    def of(cls, found: InventoryPlan, as_of_date: date, policy: InventoryPolicy) -> Planned:
        row = {**found.metrics.row(0, named=True), "as_of_date": as_of_date, "knows_orders": True}
        row |= {"unmet_demand": policy.unmet_demand, "protection_days": None}
        if found.lead_time_demand.height:
            row["protection_days"] = found.lead_time_demand["protection_days"][0]
        if row["on_hand_qty"] is not None:
            row["net_stock_qty"] = row["on_hand_qty"] - row["reserved_qty"] - row["backorder_qty"]
            row["inventory_position_qty"] = row["net_stock_qty"] + row["on_order_qty"]
        else:
            row |= {"net_stock_qty": None, "inventory_position_qty": None}
        return cls(row, found.replenishment.sort("line_no").to_dicts(), found.projection)

    @property
    def sums(self) -> dict[str, Sum]:
        found = [
            position_sum(self.plan),
            lead_time_sum(self.plan),
            safety_stock_sum(self.plan),
            reorder_point_sum(self.plan),
            order_up_to_sum(self.plan),
            cover_sum(self.plan, self.projection),
            *(order_sum(line, self.lines, self.plan, self.projection) for line in self.lines),
        ]
        return {one.title: one for one in found if one is not None}


def planned(
    means: list[float],
    *open_orders: dict[str, Any],
    grain: Grain = Grain.DAY,
    policy: InventoryPolicy | None = None,
    **supply: Any,
) -> Planned:
    """The plan of one series."""
    policy = policy or InventoryPolicy(service_target=0.95)
    as_of = MONTH_END if grain is Grain.MONTH else SUNDAY
    mean = np.array([means])
    grid = grid_of(mean, np.where(mean > 0.0, 0.4 * mean, 0.0))
    forecast = Forecast(("s0",), as_of, mean, mean, grid, (None,), grain)
    row = {**STOCKED, "snapshot_date": as_of, "lead_time_sd_days": 2.0, **supply}
    return Planned.of(
        plan_inventory(forecast, supply_of(row), receipts_of(*open_orders), policy), as_of, policy
    )


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


supplies = st.fixed_dictionaries(
    {
        "on_hand_qty": maybe(st.floats(-50.0, 500.0)),
        "reserved_qty": maybe(st.floats(0.0, 50.0)),
        "backorder_qty": maybe(st.floats(0.0, 20.0)),
        "lead_time_days": maybe(st.floats(0.0, 60.0) | st.integers(0, 30).map(float)),
        "lead_time_sd_days": maybe(st.floats(0.0, 20.0)),
        "review_days": maybe(st.integers(0, 14).map(float)),
        "moq_qty": maybe(st.floats(0.0, 300.0)),
        "order_multiple_qty": maybe(st.sampled_from([0.0, 0.1, 1.0, 12.0])),
        "unit_cost": maybe(st.floats(0.1, 50.0)),
        "is_counted": st.booleans(),
    }
)
policies = st.builds(
    InventoryPolicy,
    service_target=st.floats(0.05, 0.999),
    holding_rate=maybe(st.floats(0.01, 1.0)),
    order_cost=maybe(st.floats(0.01, 500.0)),
    negative_stock=st.sampled_from(["backorder", "zero"]),
    unmet_demand=st.sampled_from(["backorder", "lost"]),
    demand_law=st.sampled_from(["moments", "normal"]),
)
orders = st.lists(
    st.fixed_dictionaries(
        {
            "po_id": st.just("p1"),
            "expected_date": maybe(st.integers(-20, 60).map(lambda n: SUNDAY + timedelta(days=n))),
            "open_qty": st.floats(0.5, 300.0),
        }
    ),
    max_size=3,
)


@settings(max_examples=60)
@given(st.sampled_from(list(Grain)), st.data(), supplies, orders, policies)
def test_every_sum_of_every_plan_comes_out(
    grain: Grain,
    data: st.DataObject,
    supply: dict[str, Any],
    open_orders: list[dict[str, Any]],
    policy: InventoryPolicy,
) -> None:
    horizon = HORIZONS[grain]
    means = data.draw(
        st.lists(st.sampled_from([0.0, 0.3, 1.0, 7.5, 40.0]), min_size=horizon, max_size=horizon)
    )
    found = planned(means, *open_orders, grain=grain, policy=policy, **supply)
    assert {title: one.problem for title, one in found.sums.items() if one.problem} == {}
    for line in found.lines:
        assert [figure.problem for figure in reason_figures(line, found.plan) if figure.problem] == []
        if line["action"] == "order":
            assert len(reason_figures(line, found.plan)) == 4


def test_the_reason_is_opened_up_to_its_figures() -> None:
    found = planned([10.0] * 28, {"po_id": "p", "expected_date": SUNDAY, "open_qty": 5.0}, on_hand_qty=20.0)
    (line, *_) = found.lines
    figures = reason_figures(line, found.plan)
    assert [figure.words.split()[0] for figure in figures] == ["IP", "ROP", "cover", "lead"]
    assert figures[0].words == "IP 25"
    for figure in figures:
        assert figure.words in line["reason"].replace("cover > ", "cover ")
        assert found.sums[figure.title].result.value is not None


def test_an_open_order_that_comes_too_late_is_opened_up_to_its_days() -> None:
    late = {"po_id": "p", "expected_date": SUNDAY + timedelta(days=9), "open_qty": 500.0}
    found = planned([10.0] * 28, late, on_hand_qty=35.0)
    (line,) = [line for line in found.lines if line["action"] == "expedite"]
    figures = reason_figures(line, found.plan)
    assert [figure.words for figure in figures] == ["arrives 2026-12-01", "stock-out on 2026-11-26", "5 d"]
    assert all(figure.words in line["reason"] for figure in figures)
    changed = reason_figures({**line, "days_late": 4}, found.plan)
    assert [figure.problem is None for figure in changed] == [True, True, False]


def test_a_quantity_follows_from_the_position_the_level_and_the_lot() -> None:
    found = planned([10.0] * 28, on_hand_qty=20.0, moq_qty=50.0, order_multiple_qty=12.0)
    (line, *_) = found.lines
    made = order_sum(line, found.lines, found.plan, found.projection)
    assert made is not None
    values = [term.value for term in made.terms]
    assert values[0] - values[1] == pytest.approx(values[2])  # type: ignore[operator]
    assert made.result.value == line["order_qty"]
    assert "multiples of 12, with a minimum of 50" in made.result.source


def test_a_later_order_counts_demand_and_orders_until_then() -> None:
    found = planned([10.0] * 28, on_hand_qty=20.0, review_days=7.0)
    later = [line for line in found.lines if line["action"] == "order"][1]
    made = order_sum(later, found.lines, found.plan, found.projection)
    assert made is not None
    terms = {term.name: term.value for term in made.terms}
    days = (later["order_date"] - SUNDAY).days - 1
    assert terms["expected demand"] == pytest.approx(10.0 * days)
    assert terms["orders proposed before"] == pytest.approx(found.lines[0]["order_qty"])


def test_where_sales_are_lost_what_is_turned_away_is_a_part_of_the_sum() -> None:
    policy = InventoryPolicy(service_target=0.95, unmet_demand="lost")
    found = planned([10.0] * 28, on_hand_qty=5.0, lead_time_days=6.0, policy=policy)
    made = order_sum(found.lines[0], found.lines, found.plan, found.projection)
    assert made is not None
    assert made.problem is None
    assert [term.value for term in made.terms if term.name == "demand turned away"] == [pytest.approx(55.0)]


@pytest.mark.parametrize(
    ("column", "title"),
    [
        ("inventory_position_qty", "Inventory position"),
        ("safety_stock_qty", "Safety stock"),
        ("reorder_point_qty", "Reorder point"),
        ("protection_days", "Days to cover"),
        ("dir_days", "Cover"),
    ],
)
def test_a_figure_that_does_not_follow_is_named(column: str, title: str) -> None:
    found = planned([10.0] * 28, on_hand_qty=25.0)
    assert found.sums[title].problem is None
    found.plan[column] += 7.0
    assert "run the inventory stage again" in (found.sums[title].problem or "")


def test_a_quantity_that_does_not_follow_is_named() -> None:
    found = planned([10.0] * 28, on_hand_qty=25.0)
    (line, *_) = found.lines
    changed = {**line, "order_qty": line["order_qty"] + 5.0}
    made = order_sum(changed, found.lines, found.plan, found.projection)
    assert made is not None
    assert "the plan says" in (made.problem or "")


def test_a_sentence_that_says_another_figure_is_named() -> None:
    found = planned([10.0] * 28, on_hand_qty=25.0)
    (line, *_) = found.lines
    changed = {**line, "reason": re.sub(r"ROP [\d.]+", "ROP 1", line["reason"])}
    problems = [figure.problem for figure in reason_figures(changed, found.plan)]
    assert [problem is not None for problem in problems] == [False, True, False, False]


def test_what_orders_in_lots_must_last_is_the_lead_time_and_what_the_point_was_passed_by() -> None:
    found = planned([10.0] * 28, on_hand_qty=20.0, review_days=3.0, moq_qty=50.0, is_counted=True)
    assert found.sums["Days to cover"].result.value == found.plan["lead_time_days"]
    for title in ("Reorder point", "Safety stock"):
        assert "undershoot" in [term.name for term in found.sums[title].terms]
    assert "no backtest has measured" in found.sums["Reorder point"].result.source


def test_stock_that_is_not_known_says_what_to_deliver() -> None:
    found = planned([10.0] * 28, on_hand_qty=None)
    position = found.sums["Inventory position"]
    assert position.result.value is None
    assert "stock_levels" in position.terms[0].source
    assert found.sums["Reorder point"].result.value is not None
    assert "Cover" not in found.sums


def test_a_lead_time_that_is_not_known_says_what_to_deliver() -> None:
    found = planned([10.0] * 28, lead_time_days=None, lead_time_sd_days=None, lead_time_source=None)
    for title in ("Days to cover", "Reorder point"):
        assert found.sums[title].result.value is None
        assert "suppliers" in found.sums[title].terms[0].source
    assert "Safety stock" not in found.sums
    assert "Order-up-to level" not in found.sums


def test_what_is_on_order_is_not_known_without_purchase_orders() -> None:
    found = planned([10.0] * 28)
    found.plan["knows_orders"] = False
    (on_order,) = [term for term in found.sums["Inventory position"].terms if term.name == "on order"]
    assert "No purchase orders were delivered" in on_order.source
    assert "purchase_orders" in on_order.source


def test_the_cover_of_weeks_is_days_of_a_level_week() -> None:
    found = planned([70.0] * 8, grain=Grain.WEEK, on_hand_qty=100.0)
    terms = [term.value for term in found.sums["Cover"].terms]
    assert terms == [pytest.approx(7.0), pytest.approx(3.0), pytest.approx(10.0)]


def test_stock_that_outlasts_the_forecast_has_a_bound() -> None:
    found = planned([1.0] * 28, on_hand_qty=500.0)
    bound = found.sums["Cover"]
    assert bound.result.name == "cover is at least"
    assert bound.result.value == 28.0


def test_figures_that_are_rounded_where_they_are_shown_say_so() -> None:
    parts = Term("", "one", 1.004, ""), Term("+", "other", 1.004, "")
    assert checked("Sum", *parts, Term("=", "both", 2.008, "")).note == ROUNDED
    assert checked("Sum", Term("", "one", 1.0, ""), Term("=", "it", 1.0, "")).note == ""
