"""What a target makes of a reorder point: cycles, units served at once, or money."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting_lib.inventory.demand_laws import NegativeBinomialDemand
from forecasting_lib.inventory.fill_rate import achieved_fill_rate
from forecasting_lib.inventory.lead_time_demand import NormalDemand
from forecasting_lib.inventory.policies import InventoryPolicy
from forecasting_lib.inventory.service_targets import LEAST_LEVEL, OrderCycle, service_targets
from tests.forecasting_lib.inventory.situations import STOCKED, metrics_of, plan_one

ONE = np.ones(1)


def planned(policy: InventoryPolicy, **supply: Any) -> dict[str, Any]:
    """The metrics of an item of 20 units a day with a deviation of 12 and lots of 200."""
    moq = {"moq_qty": 200.0, "order_multiple_qty": 10.0}
    policy = replace(policy, demand_law="normal")
    return metrics_of(plan_one([20.0] * 60, {**STOCKED, **moq, **supply}, daily_sd=12.0, policy=policy))


def test_a_fill_rate_is_reached_with_less_stock_than_the_same_cycle_service_level() -> None:
    by_cycle = planned(InventoryPolicy(0.95))
    by_unit = planned(InventoryPolicy(0.95, service_metric="fill_rate"))
    assert by_unit["service_metric"] == "fill_rate"
    assert by_unit["service_predicted"] == pytest.approx(0.95, abs=1e-6)
    assert by_unit["reorder_point_qty"] < by_cycle["reorder_point_qty"]
    law = NormalDemand(by_unit["ltd_mean_qty"] * ONE, by_unit["ltd_sd_qty"] * ONE)
    served = achieved_fill_rate(law, by_unit["reorder_point_qty"] * ONE, 200.0 * ONE)
    assert served[0] == pytest.approx(0.95, abs=1e-6)
    assert 1.0 - law.exceedance(by_unit["reorder_point_qty"] * ONE)[0] == pytest.approx(
        by_unit["service_nominal"]
    )


@pytest.mark.parametrize("is_counted", [True, False])
def test_a_fill_rate_holds_with_the_undershoot_of_lots_and_in_whole_units(is_counted: bool) -> None:
    supply = {**STOCKED, "moq_qty": 60.0, "review_days": 3.0, "is_counted": is_counted}
    row = metrics_of(
        plan_one([4.0] * 60, supply, daily_sd=4.0, policy=InventoryPolicy(0.95, service_metric="fill_rate"))
    )
    assert row["undershoot_mean_qty"] > 0.0
    assert row["service_predicted"] == pytest.approx(0.95, abs=0.02 if is_counted else 1e-6)
    assert row["service_predicted"] >= 0.95 - 1e-9
    assert row["reorder_point_qty"] == int(row["reorder_point_qty"]) or not is_counted


def test_a_lifted_position_serves_its_share_of_each_review_periods_demand() -> None:
    policy = InventoryPolicy(0.95, service_metric="fill_rate")
    supply = {**STOCKED, "review_days": 7.0, "is_counted": False}
    row = metrics_of(plan_one([4.0] * 60, supply, daily_sd=4.0, policy=policy))
    assert row["order_up_to_qty"] == row["reorder_point_qty"]
    assert row["service_predicted"] == pytest.approx(0.95, abs=1e-6)
    by_cycle = metrics_of(plan_one([4.0] * 60, supply, daily_sd=4.0, policy=InventoryPolicy(0.95)))
    assert row["reorder_point_qty"] < by_cycle["reorder_point_qty"]


def test_a_lot_that_serves_the_target_alone_leaves_a_flagged_negative_safety_stock() -> None:
    row = planned(InventoryPolicy(0.8, service_metric="fill_rate"), moq_qty=2_000.0)
    assert row["safety_stock_qty"] < 0.0
    assert "NEGATIVE_SAFETY_STOCK" in row["flags"]
    assert row["service_predicted"] >= 0.8


@settings(max_examples=25)
@given(low=st.floats(0.3, 0.99), higher=st.floats(0.0, 0.009))
def test_a_higher_fill_rate_never_needs_a_lower_reorder_point(low: float, higher: float) -> None:
    less, more = (
        planned(InventoryPolicy(target, service_metric="fill_rate"))["reorder_point_qty"]
        for target in (low, low + higher)
    )
    assert more >= less - 1e-9


def test_by_cost_a_level_weighs_the_margin_of_a_unit_against_holding_it_for_a_cycle() -> None:
    policy = InventoryPolicy(0.9, service_metric="cost", holding_rate=0.25)
    row = planned(policy)
    # margin 5 - 2; 200 units last ten days; a unit costs 2 * 0.25 a year
    held = 2.0 * 0.25 * 10.0 / 365.0
    assert row["service_metric"] == "cost"
    assert row["service_target"] == row["service_nominal"] == pytest.approx(3.0 / (3.0 + held))
    cheaper_shortage = planned(InventoryPolicy(0.9, "cost", holding_rate=0.25, shortage_cost_rate=0.01))
    assert cheaper_shortage["reorder_point_qty"] < row["reorder_point_qty"]


def test_by_cost_a_unit_that_expires_within_the_cycle_is_a_newsvendors() -> None:
    policy = InventoryPolicy(0.9, service_metric="cost", holding_rate=0.25)
    held = 2.0 * 0.25 * 10.0 / 365.0
    perishable, durable = (planned(policy, shelf_life_days=days)["service_nominal"] for days in (9.0, 11.0))
    assert perishable == pytest.approx(3.0 / (3.0 + 2.0 + held))
    assert durable == pytest.approx(3.0 / (3.0 + held))


def test_a_lot_is_capped_at_what_sells_before_it_expires_and_the_row_says_so() -> None:
    free, capped = (planned(InventoryPolicy(0.9), shelf_life_days=days) for days in (None, 8.0))
    assert capped["reorder_point_qty"] == free["reorder_point_qty"]
    assert free["order_up_to_qty"] == pytest.approx(free["reorder_point_qty"] + 200.0)
    assert capped["order_up_to_qty"] == pytest.approx((4.0 + 8.0) * 20.0)
    assert ("SHELF_LIFE_CAP" in free["flags"], "SHELF_LIFE_CAP" in capped["flags"]) == (False, True)
    short_lived = planned(InventoryPolicy(0.9), shelf_life_days=0.0)
    assert short_lived["order_up_to_qty"] == short_lived["reorder_point_qty"]


@pytest.mark.parametrize("unknown", [{"unit_cost": None}, {"unit_cost": None, "unit_price": None}])
def test_an_item_without_prices_keeps_the_target_as_a_cycle_service_level(unknown: dict[str, Any]) -> None:
    row = planned(InventoryPolicy(0.9, service_metric="cost", holding_rate=0.25), **unknown)
    assert (row["service_metric"], row["service_target"]) == ("csl_cycle", 0.9)
    assert row["reorder_point_qty"] == planned(InventoryPolicy(0.9))["reorder_point_qty"]


@pytest.mark.parametrize("metric", ["csl_cycle", "fill_rate", "cost"])
def test_no_demand_or_no_lead_time_is_planned_as_by_cycles(metric: Any) -> None:
    policy = InventoryPolicy(0.9, service_metric=metric, holding_rate=0.25)
    nothing = metrics_of(plan_one([0.0] * 30, STOCKED, policy=policy))
    assert (nothing["reorder_point_qty"], nothing["order_up_to_qty"]) == (0.0, 0.0)
    assert planned(policy, lead_time_days=None)["reorder_point_qty"] is None


def test_whole_units_are_read_at_the_level_of_the_least_that_serves_the_target() -> None:
    mean, variance = np.array([0.4, 6.0, 80.0]), np.array([2.0, 8.0, 900.0])
    law, lots = NegativeBinomialDemand(mean, variance), np.array([2.0, 10.0, 120.0])
    policy = InventoryPolicy(0.93, service_metric="fill_rate")
    counted, money = np.ones(3, dtype=np.bool_), np.ones(3)
    cycle = OrderCycle(law, None, lots, ~counted, counted)
    found = service_targets(policy, cycle, 365.0 * mean, money, money, np.nan * money)
    s = law.quantile(found.cycle_level)
    assert (found.predicted(1.0 - law.exceedance(s)) >= 0.93).all()
    assert (achieved_fill_rate(law, s - 1.0, lots) < 0.93).all()


def test_a_lot_for_years_does_not_make_the_order_wait_for_backorders() -> None:
    law = NegativeBinomialDemand(np.array([6.0]), np.array([8.0]))
    policy = InventoryPolicy(0.9, service_metric="fill_rate")
    counted = np.ones(1, dtype=np.bool_)
    cycle = OrderCycle(law, None, 9_000.0 * ONE, ~counted, counted)
    found = service_targets(policy, cycle, ONE, ONE, ONE, np.nan * ONE)
    assert found.cycle_level[0] == LEAST_LEVEL
    assert law.quantile(found.cycle_level)[0] >= 0.0
