"""The inventory engine against independently computed vectors, one test per case and group.

``oracle.csv`` holds a case a line: what goes in (``in_*``), what must come out (``exp_*``) within ``tol``,
and in ``source`` the library and version, the enumeration, the publication or the definition that the figures
come from. No figure of it was made by the code under test. Arrays are JSON, ``NULL`` is unknown.

Here are the groups of what a plan publishes; those of laws and costs are in
``test_oracle_of_laws_and_costs``. A group in neither fails, so that a new vector is never passed over.
"""

from __future__ import annotations

import json
from datetime import date, timedelta
from importlib import import_module
from typing import Any

import numpy as np
import polars as pl
import pytest

from forecasting_lib.inventory.classification import abc_classes, adi_and_cv2, demand_class
from forecasting_lib.inventory.plan import InventoryPlan
from forecasting_lib.inventory.policies import (
    InventoryPolicy,
    admissible_economic_order_quantity,
    annual_order_and_holding_cost,
    economic_order_quantity,
)
from forecasting_lib.inventory.projection import stockout_day
from forecasting_lib.inventory.replenishment import round_to_order_quantity, suggested_order
from forecasting_lib.inventory.simulation import (
    FixedLots,
    LeadTimeLaw,
    OrderingRule,
    OrderUpTo,
    SimulatedService,
    simulate,
)
from tests.forecasting_lib.inventory.demand_draws import Shape, drawn
from tests.forecasting_lib.inventory.oracle_cases import ORACLE, TESTED, Case, cases, near, number
from tests.forecasting_lib.inventory.situations import AS_OF, STOCKED, metrics_of, plan_one


def policy_of(case: Case) -> InventoryPolicy:
    review = 0 if case["in_R"] == "" else int(number(case, "in_R"))
    target = number(case, "in_csl")
    return InventoryPolicy(service_target=target, review_days=review, demand_law="normal")


def supply_of_case(case: Case) -> dict[str, Any]:
    lead_time_sd = number(case, "in_sd_L")
    return {
        **STOCKED,
        "lead_time_days": None if case["in_L"] == "NULL" else number(case, "in_L"),
        "lead_time_sd_days": 0.0 if np.isnan(lead_time_sd) else lead_time_sd,
        "on_hand_qty": 20.0 if case["in_net_stock"] == "" else number(case, "in_net_stock"),
        "supplier_id": None if case["in_supplier"] == "NULL" else "acme",
    }


def stationary_plan(case: Case) -> Any:
    return plan_one(
        [number(case, "in_mu_d")] * 60,
        supply_of_case(case),
        daily_sd=number(case, "in_sd_d"),
        policy=policy_of(case),
    )


def first_unserved_date(net_stock: float, plan: InventoryPlan) -> date | None:
    """The day the vectors call the stock-out: the first that ends below zero, today where stock is owed."""
    balance = plan.projection["projected_qty"].to_numpy()[None, :]
    day = stockout_day(np.array([net_stock]), balance)[0]
    return None if np.isnan(day) else AS_OF + timedelta(days=int(day))


def test_every_group_of_vectors_is_tested() -> None:
    import_module("tests.forecasting_lib.inventory.test_oracle_of_laws_and_costs")
    groups = {row["group"] for row in ORACLE}
    assert groups == TESTED


@pytest.mark.parametrize("case", cases("SS_ROP_normal", "EDGE_sigma_zero", "EDGE_csl_half"))
def test_reorder_point(case: Case) -> None:
    row = metrics_of(stationary_plan(case))
    assert row["safety_stock_qty"] == near(case, "exp_safety_stock")
    assert row["reorder_point_qty"] == near(case, "exp_rop")
    if case["exp_ltd_sd"]:
        assert row["ltd_mean_qty"] == near(case, "exp_ltd_mean")
        assert row["ltd_sd_qty"] == near(case, "exp_ltd_sd")


@pytest.mark.parametrize("case", cases("base_stock_RS_normal", "EDGE_zero_lead_time"))
def test_order_up_to_level_of_periodic_review(case: Case) -> None:
    row = metrics_of(stationary_plan(case))
    assert row["order_up_to_qty"] == near(case, "exp_order_up_to")
    if case["exp_safety_stock"]:
        assert row["safety_stock_qty"] == near(case, "exp_safety_stock")
    assert not case["exp_flag"] or case["exp_flag"] in row["flags"]


@pytest.mark.parametrize("case", cases("EOQ"))
def test_economic_order_quantity(case: Case) -> None:
    cost = number(case, "in_order_cost")
    annual, holding = (np.array([number(case, c)]) for c in ("in_annual_demand", "in_hold_cost_unit_year"))
    quantity = economic_order_quantity(cost, annual, holding)
    assert quantity[0] == near(case, "exp_eoq")
    assert annual_order_and_holding_cost(quantity, cost, annual, holding)[0] == near(case, "exp_annual_cost")


@pytest.mark.parametrize("case", cases("EOQ_moq_multiple"))
def test_economic_order_quantity_that_the_supplier_accepts(case: Case) -> None:
    cost = number(case, "in_order_cost")
    annual, holding, moq, multiple = (
        np.array([number(case, c)])
        for c in ("in_annual_demand", "in_hold_cost_unit_year", "in_moq", "in_multiple")
    )
    quantity = admissible_economic_order_quantity(cost, annual, holding, moq, multiple)
    assert quantity[0] == near(case, "exp_order_qty")
    assert annual_order_and_holding_cost(quantity, cost, annual, holding)[0] == near(case, "exp_annual_cost")


@pytest.mark.parametrize("case", cases("DIR_stockout", "EDGE_stock_covers_horizon"))
def test_days_of_inventory_remaining(case: Case) -> None:
    net_stock = number(case, "in_net_stock")
    plan = plan_one(json.loads(case["in_forecast"]), {**STOCKED, "on_hand_qty": net_stock})
    row = metrics_of(plan)
    if case["exp_dir_days"].startswith("NULL"):
        assert row["dir_days"] is None
        assert row["dir_lower_bound_days"] == len(json.loads(case["in_forecast"]))
    else:
        assert row["dir_days"] == near(case, "exp_dir_days")
    assert row["dir_censored"] is (case["exp_dir_censored"] == "True")
    if case["exp_stockout_date"]:
        expected = case["exp_stockout_date"]
        served_until = None if expected == "NULL" else date.fromisoformat(expected)
        assert first_unserved_date(net_stock, plan) == served_until
        # a planner is told today's date where the shelf is empty, though nobody may ask for days
        assert row["stockout_date"] == (AS_OF if net_stock <= 0.0 else served_until)
    assert not case["exp_flag"] or case["exp_flag"] in row["flags"]


@pytest.mark.parametrize("case", cases("stock_projection_receipts"))
def test_stock_projection(case: Case) -> None:
    open_orders = [
        {"po_id": f"p{day}", "expected_date": date.fromordinal(AS_OF.toordinal() + int(day)), "open_qty": qty}
        for day, qty in json.loads(case["in_receipts"]).items()
    ]
    supply = {**STOCKED, "on_hand_qty": number(case, "in_net_stock")}
    plan = plan_one(json.loads(case["in_forecast"]), supply, *open_orders)
    row = metrics_of(plan)
    assert plan.projection["projected_qty"].to_list() == pytest.approx(json.loads(case["exp_projection"]))
    assert row["min_projected_qty"] == near(case, "exp_min_projected")
    served_until = date.fromisoformat(case["exp_stockout_date"])
    assert first_unserved_date(supply["on_hand_qty"], plan) == served_until
    assert row["stockout_date"] == (AS_OF if supply["on_hand_qty"] <= 0.0 else served_until)


@pytest.mark.parametrize("case", cases("order_rounding"))
def test_rounding_to_minimum_and_multiple(case: Case) -> None:
    need, moq, multiple = (np.array([number(case, c)]) for c in ("in_net_need", "in_moq", "in_multiple"))
    assert round_to_order_quantity(need, moq, multiple)[0] == near(case, "exp_order_qty")


@pytest.mark.parametrize("case", cases("order_suggestion_sS", "EDGE_negative_stock"))
def test_inventory_position_and_order_suggestion(case: Case) -> None:
    stock = {
        "on_hand_qty": number(case, "in_on_hand"),
        "reserved_qty": number(case, "in_reserved"),
        "backorder_qty": 0.0 if case["in_backorders"] == "" else number(case, "in_backorders"),
    }
    row = metrics_of(plan_one([1.0] * 14, {**STOCKED, **stock}, {"open_qty": number(case, "in_on_order")}))
    position = row["on_hand_qty"] + row["on_order_qty"] - row["reserved_qty"] - row["backorder_qty"]
    assert position == near(case, "exp_inventory_position")
    s, big_s, moq, multiple = (np.array([number(case, c)]) for c in ("in_s", "in_S", "in_moq", "in_multiple"))
    assert suggested_order(np.array([position]), s, big_s, moq, multiple)[0] == near(case, "exp_order_qty")
    if case["exp_flag"]:
        assert case["exp_flag"] in row["flags"]
        assert row["dir_days"] == near(case, "exp_dir_days")
        assert row["stockout_date"] == AS_OF


@pytest.mark.parametrize("case", cases("ABC"))
def test_abc_classes(case: Case) -> None:
    values = np.array(json.loads(case["in_annual_value"]), dtype=np.float64)
    ids = [f"{i:02d}" for i in range(values.size)]
    classes = abc_classes(values, ids, number(case, "in_cut_A"), number(case, "in_cut_B"))
    assert classes == json.loads(case["exp_classes"])


@pytest.mark.parametrize("case", cases("SBC_class"))
def test_demand_classes(case: Case) -> None:
    statistics = adi_and_cv2(np.array(json.loads(case["in_history"]), dtype=np.float64))
    assert statistics is not None
    assert statistics[0] == near(case, "exp_adi")
    assert statistics[1] == near(case, "exp_cv2")
    assert demand_class(*statistics) == case["exp_class"]


@pytest.mark.parametrize("case", cases("EDGE_zero_demand", "EDGE_zero_demand_zero_stock"))
def test_zero_demand(case: Case) -> None:
    plan = stationary_plan(case)
    row = metrics_of(plan)
    assert (row["safety_stock_qty"], row["reorder_point_qty"]) == (0.0, 0.0)
    assert plan.replenishment.is_empty()
    assert row["stockout_date"] is None
    assert case["exp_flag"] in row["flags"]
    if case["exp_dir_days"] == "NULL":
        assert row["dir_days"] is None
        assert row["dir_censored"] is True
    else:
        assert row["dir_days"] == near(case, "exp_dir_days")


@pytest.mark.parametrize("case", cases("EDGE_null_lead_time"))
def test_unknown_lead_time(case: Case) -> None:
    plan = stationary_plan(case)
    row = metrics_of(plan)
    assert (row["safety_stock_qty"], row["reorder_point_qty"]) == (None, None)
    assert plan.replenishment.is_empty()
    assert row["dir_days"] == near(case, "exp_dir_days")
    assert case["exp_flag"] in row["flags"]


@pytest.mark.parametrize("case", cases("EDGE_missing_supplier_with_default_L"))
def test_missing_supplier(case: Case) -> None:
    plan = stationary_plan(case)
    row = metrics_of(plan)
    assert row["reorder_point_qty"] == near(case, "exp_rop")
    assert row["supplier_id"] is None
    assert case["exp_flag"] in row["flags"]
    assert plan.replenishment["order_qty"][0] > 0.0


@pytest.mark.parametrize("case", cases("EDGE_csl_one"))
def test_a_service_level_of_one_is_refused(case: Case) -> None:
    with pytest.raises(ValueError, match="strictly between 0 and 1"):
        policy_of(case)


@pytest.mark.parametrize("case", cases("EDGE_overdue_po"))
def test_overdue_purchase_order(case: Case) -> None:
    late = {
        "po_id": "p1",
        "expected_date": date.fromisoformat(case["in_expected_receipt_date"]),
        "open_qty": number(case, "in_qty"),
    }
    plan = plan_one([1.0] * 7, STOCKED, late)
    row = metrics_of(plan)
    assert case["exp_flag"] in row["flags"]
    assert row["on_order_qty"] == row["overdue_on_order_qty"] == number(case, "in_qty")
    arrivals = plan.projection.filter(pl.col("confirmed_receipts_qty") > 0.0)["date"].to_list()
    assert arrivals == [date.fromisoformat(case["exp_projected_receipt_date"])]


@pytest.mark.parametrize("case", cases("EDGE_short_history"))
def test_short_history_is_flagged(case: Case) -> None:
    row = metrics_of(plan_one([1.0] * 7, {**STOCKED, "nonzero_days": int(number(case, "in_n_obs"))}))
    assert case["exp_flag"] in row["flags"]


SIMULATED = Shape(items=2000, periods=700)


def simulated(case: Case, rule: OrderingRule) -> SimulatedService:
    """A rule through a million item-days of the case's demand, after a warm-up."""
    rng = np.random.default_rng(int(number(case, "case")))
    pmf = {int(d): p for d, p in json.loads(case["in_lead_time_pmf"] or "{}").items()}
    lead_times = LeadTimeLaw.of(pmf or {int(number(case, "in_L")): 1.0}, SIMULATED.items)
    return simulate(
        drawn(case["in_daily_dist"], SIMULATED, rng),
        rule,
        lead_times.draw(SIMULATED.periods, rng),
        review_periods=int(number(case, "in_R")),
        warm_up=200,
    )


@pytest.mark.parametrize("case", cases("SIM_validation_RS"))
def test_simulated_service_of_periodic_review(case: Case) -> None:
    level = np.full(SIMULATED.items, number(case, "in_S"))
    came = simulated(case, OrderUpTo(level, level))
    assert 1.0 - came.short_reviews.sum() / came.reviews.sum() == near(case, "exp_csl_per")


@pytest.mark.parametrize("case", cases("SIM_validation_sQ_fill"))
def test_simulated_fill_rate_of_fixed_lots(case: Case) -> None:
    point, lot = (np.full(SIMULATED.items, number(case, column)) for column in ("in_s", "in_Q"))
    came = simulated(case, FixedLots(point, lot))
    assert came.served.sum() / came.demand.sum() == near(case, "exp_achieved_fill")


@pytest.mark.parametrize("case", cases("SIM_validation_sS_lumpy"))
def test_simulated_cycle_service_of_lumpy_demand(case: Case) -> None:
    point, up_to = (np.full(SIMULATED.items, number(case, column)) for column in ("in_s", "in_S"))
    came = simulated(case, OrderUpTo(point, up_to))
    assert 1.0 - came.short_cycles.sum() / came.cycles.sum() == near(case, "exp_achieved_csl")
