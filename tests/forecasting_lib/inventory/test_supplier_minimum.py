"""An order under its supplier's minimum: which lines grow, by how much, and when none does."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting_lib.inventory.plan import plan_inventory
from forecasting_lib.inventory.policies import InventoryPolicy
from forecasting_lib.inventory.supplier_minimum import FilledOrder, filled_to_minimum_value
from forecasting_lib.panel import FloatArray
from tests.forecasting_lib.inventory.situations import AS_OF, STOCKED, forecast_of, receipts_of, supply_of

RATE = np.array([1.0, 4.0, 2.0, 5.0])
LINES: dict[str, Any] = {
    "quantity": np.array([10.0, 10.0, 30.0, 5.0]),
    "supplier": np.array([0, 0, 1, -1]),
    "minimum_value": np.array([100.0, 100.0, 20.0, np.nan]),
    "unit_cost": np.array([1.0, 2.0, 1.0, 1.0]),
    "order_multiple": np.array([5.0, 5.0, 6.0, np.nan]),
}


def lasting(days: FloatArray) -> FloatArray:
    return RATE * days


def filled(longest_days: float = 90.0, **changed: Any) -> FilledOrder:
    return filled_to_minimum_value(**{**LINES, **changed}, units_lasting=lasting, longest_days=longest_days)


def test_only_orders_under_their_minimum_grow_and_to_the_same_cover() -> None:
    found = filled()
    assert found.quantity.tolist() == [15.0, 45.0, 30.0, 5.0]
    assert found.raised.tolist() == [True, True, False, False]
    assert (found.quantity * LINES["unit_cost"])[:2].sum() >= 100.0


@settings(max_examples=60)
@given(
    minimum=st.floats(0.0, 2_000.0),
    costs=st.lists(st.floats(0.1, 20.0), min_size=2, max_size=2),
    multiple=st.sampled_from([1.0, 5.0, 12.0]),
)
def test_a_filled_order_lasts_the_fewest_whole_days_that_reach_its_minimum(
    minimum: float, costs: list[float], multiple: float
) -> None:
    cost = np.array([*costs, 1.0, 1.0])
    start = multiple * np.ones(4)
    found = filled(
        quantity=start,
        minimum_value=np.array([minimum, minimum, np.nan, np.nan]),
        unit_cost=cost,
        order_multiple=np.full(4, multiple),
    )
    by_days = (np.maximum(start, np.ceil(RATE * days / multiple) * multiple)[:2] for days in range(91))
    enough = (units for units in by_days if (units * cost[:2]).sum() >= minimum)
    assert found.quantity[:2].tolist() == next(enough, start[:2]).tolist()
    assert found.quantity[2:].tolist() == start[2:].tolist()


@pytest.mark.parametrize(
    "case",
    [
        {"longest_days": 5.0},
        {"unit_cost": np.array([1.0, np.nan, 1.0, 1.0])},
        {"minimum_value": np.full(4, np.nan)},
        {"supplier": np.full(4, -1)},
    ],
)
def test_an_order_that_cannot_be_filled_stays_as_it_is(case: dict[str, Any]) -> None:
    found = filled(**case)
    assert found.quantity.tolist() == LINES["quantity"].tolist()
    assert not found.raised.any()


def test_a_plan_fills_the_orders_of_a_day_where_the_client_wants_that_and_says_so() -> None:
    low = {**STOCKED, "on_hand_qty": 20.0, "min_order_value": 400.0}
    supply = supply_of(
        low, {**low, "on_hand_qty": 45.0}, {**low, "supplier_id": "other", "min_order_value": None}
    )
    forecast, policy = forecast_of([[10.0] * 28] * 3), InventoryPolicy(0.9)
    plans = {
        choice.supplier_minimum: plan_inventory(forecast, supply, receipts_of(), choice)
        for choice in (policy, replace(policy, supplier_minimum="fill"))
    }
    today = pl.col("order_date") == AS_OF + timedelta(days=1)
    first = {name: plan.replenishment.filter(today).sort("series_id") for name, plan in plans.items()}
    assert first["note"]["order_value"].head(2).sum() < 400.0 <= first["fill"]["order_value"].head(2).sum()
    raised = [("SUPPLIER_MINIMUM" in flags) for flags in first["fill"]["flags"]]
    assert raised == [True, True, False]
    assert first["fill"]["order_qty"][2] == first["note"]["order_qty"][2]
    # the larger order lasts longer, and what it covers is not ordered again
    later = {name: plan.replenishment.filter(~today)["order_qty"].sum() for name, plan in plans.items()}
    assert later["fill"] < later["note"]
