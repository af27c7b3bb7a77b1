from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting_lib.inventory.lead_time_demand import NormalDemand
from forecasting_lib.inventory.policies import (
    InventoryPolicy,
    admissible_economic_order_quantity,
    annual_order_and_holding_cost,
    economic_order_quantity,
    order_up_to_level,
    reorder_levels,
)
from forecasting_lib.inventory.replenishment import round_to_order_quantity, suggested_order


def one(value: float) -> np.ndarray[Any, Any]:
    return np.array([value], dtype=np.float64)


NONE = one(float("nan"))


@pytest.mark.parametrize(
    "choices",
    [
        {"service_target": 1.0},
        {"service_target": 0.0},
        {"service_target": 0.95, "service_metric": "fill_rate"},
        {"service_target": 0.95, "review_days": -1},
        {"service_target": 0.95, "excess_horizon_days": 0},
        {"service_target": 0.95, "holding_rate": -0.2},
        {"service_target": 0.95, "order_cost": float("nan")},
        {"service_target": 0.95, "negative_stock": "ignore"},
    ],
)
def test_a_policy_out_of_range_is_refused(choices: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must|strictly|only|positive"):
        InventoryPolicy(**choices)


def test_reorder_point_is_mean_and_safety_stock() -> None:
    safety_stock, reorder_point = reorder_levels(NormalDemand(one(900.0), one(100.0)), 0.95)
    assert safety_stock[0] == pytest.approx(164.485363)
    assert reorder_point[0] == pytest.approx(900.0 + 164.485363)


def test_economic_order_quantity_of_the_textbook_example() -> None:
    # K = 8, D = 1300, h = 0.225: Q = sqrt(2 * 8 * 1300 / 0.225) = 304.05, cost 68.41 a year.
    quantity = economic_order_quantity(8.0, one(1300.0), one(0.225))
    assert quantity[0] == pytest.approx(304.0468, abs=1e-3)
    assert annual_order_and_holding_cost(quantity, 8.0, one(1300.0), one(0.225))[0] == pytest.approx(
        68.4105, abs=1e-3
    )


def test_economic_order_quantity_needs_a_holding_cost() -> None:
    for nothing in (0.0, 1e-303):
        assert np.isnan(economic_order_quantity(8.0, one(1300.0), one(nothing)))[0]
    assert np.isnan(admissible_economic_order_quantity(8.0, one(1300.0), NONE, NONE, NONE))[0]


@pytest.mark.parametrize(
    ("moq", "multiple", "expected"), [(0, 48, 288), (500, 48, 528), (np.nan, np.nan, 304), (1, 1000, 1000)]
)
def test_economic_lot_is_the_cheapest_that_the_supplier_accepts(
    moq: float, multiple: float, expected: float
) -> None:
    lot = admissible_economic_order_quantity(8.0, one(1300.0), one(0.225), one(moq), one(multiple))
    assert lot[0] == expected


def test_no_demand_has_no_economic_lot() -> None:
    assert admissible_economic_order_quantity(8.0, one(0.0), one(0.2), one(100.0), one(10.0))[0] == 0.0


@given(st.floats(0.01, 1e5), st.floats(0.0, 500.0), st.sampled_from([1.0, 6.0, 12.0, 0.5]))
def test_no_other_admissible_lot_is_cheaper(annual: float, moq: float, multiple: float) -> None:
    lot = admissible_economic_order_quantity(25.0, one(annual), one(0.5), one(moq), one(multiple))
    chosen = annual_order_and_holding_cost(lot, 25.0, one(annual), one(0.5))[0]
    least = max(np.ceil(moq / multiple - 1e-9), 1.0)
    rivals = np.unique(np.clip(lot[0] / multiple + np.array([-2, -1, 1, 2]), least, None)) * multiple
    costs = annual_order_and_holding_cost(
        rivals, 25.0, np.full_like(rivals, annual), np.full_like(rivals, 0.5)
    )
    assert lot[0] >= moq - 1e-6
    assert (costs >= chosen * (1.0 - 1e-9)).all()


@pytest.mark.parametrize(
    ("eoq", "moq", "multiple", "expected"),
    [
        (np.nan, np.nan, np.nan, 50.0),
        (np.nan, 12.0, 12.0, 50.0),
        (30.0, np.nan, 1.0, 80.0),
        (30.0, 100.0, 12.0, 150.0),
        (2.0, np.nan, 1.0, 55.0),
    ],
)
def test_order_up_to_level_adds_a_lot_only_with_a_reason_to_batch(
    eoq: float, moq: float, multiple: float, expected: float
) -> None:
    level = order_up_to_level(one(50.0), one(5.0), one(eoq), one(moq), one(multiple))
    assert level[0] == expected


@pytest.mark.parametrize(
    ("need", "moq", "multiple", "expected"),
    [
        (0.0, 100, 12, 0.0),
        (-5.0, 100, 12, 0.0),
        (101.0, 100, 12, 108.0),
        (97.0, np.nan, 12, 108.0),
        (37.2, np.nan, np.nan, 38.0),
        (37.2, np.nan, 0.0, 38.0),
        (0.3, np.nan, 0.1, 0.3),
    ],
)
def test_rounding_to_what_the_supplier_accepts(
    need: float, moq: float, multiple: float, expected: float
) -> None:
    assert round_to_order_quantity(one(need), one(moq), one(multiple))[0] == pytest.approx(expected)


@given(st.floats(0.01, 1e6), st.floats(0.0, 1e4), st.integers(1, 500))
def test_rounded_order_is_the_smallest_that_covers_need_and_minimum(
    need: float, moq: float, multiple: int
) -> None:
    quantity = round_to_order_quantity(one(need), one(moq), one(multiple))[0]
    assert quantity % multiple == 0.0
    assert quantity >= max(need, moq) - 1e-6 * multiple
    assert quantity - multiple < max(need, moq)


@pytest.mark.parametrize(
    ("position", "expected"), [(40.0, 84.0), (50.0, 72.0), (50.1, 0.0), (-8.0, 132.0), (np.nan, np.nan)]
)
def test_order_is_suggested_at_or_below_the_reorder_point(position: float, expected: float) -> None:
    order = suggested_order(one(position), one(50.0), one(120.0), one(0.0), one(12.0))[0]
    assert order == pytest.approx(expected, nan_ok=True)
