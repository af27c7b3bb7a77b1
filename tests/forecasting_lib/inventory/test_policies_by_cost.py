"""Levels and lots that are chosen by cost: nothing near them, or nothing at all, is cheaper."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting_lib.inventory.demand_laws import NegativeBinomialDemand, PoissonDemand
from forecasting_lib.inventory.economic_order import (
    economic_order_quantity_with_backorders,
    economic_order_quantity_with_price_breaks,
)
from forecasting_lib.inventory.guaranteed_service import (
    SupplyTree,
    optimal_service_times,
    service_times_cost,
)
from forecasting_lib.inventory.lead_time_demand import NormalDemand
from forecasting_lib.inventory.newsvendor import (
    newsvendor_cost,
    newsvendor_costs_of_prices,
    newsvendor_quantity,
)
from forecasting_lib.inventory.pooling import equicorrelated, pooled_safety_stock
from forecasting_lib.inventory.r_q_policy import optimal_r_q, r_q_cost
from forecasting_lib.inventory.s_s_policy import optimal_s_s, s_s_cost


def test_no_s_s_policy_near_the_best_is_cheaper_with_a_lead_time_of_two_periods() -> None:
    mean, variance = np.array([0.3, 2.0, 5.0]), np.array([0.9, 2.0, 40.0])
    money = (np.array([3.0, 20.0, 60.0]), np.ones(3), np.array([4.0, 9.0, 30.0]))
    laws = (NegativeBinomialDemand(mean, variance), NegativeBinomialDemand(3.0 * mean, 3.0 * variance))
    best = optimal_s_s(*money, *laws)
    assert best.cost == pytest.approx(s_s_cost(best.reorder_point, best.order_up_to, *money, *laws))
    for down, up in product(range(-4, 5), range(-6, 7)):
        s, order_up_to = best.reorder_point + down, best.order_up_to + up
        valid = order_up_to > s
        cost = s_s_cost(s, np.where(valid, order_up_to, s + 1.0), *money, *laws)
        assert (cost[valid] >= best.cost[valid] - 1e-9).all()


def test_without_demand_there_is_no_s_s_or_r_q_policy() -> None:
    one, law = np.ones(3), PoissonDemand(np.array([0.0, np.nan, 2.0]))
    for best in (optimal_s_s(one, one, 9.0 * one, law), optimal_r_q(one, one, 9.0 * one, law.mean, law)):
        assert np.isnan(best.cost[:2]).all()
        assert np.isnan(best.reorder_point[:2]).all()
        assert best.cost[2] > 0.0
    nobody = PoissonDemand(np.zeros(2))
    assert np.isnan(optimal_s_s(np.ones(2), np.ones(2), np.ones(2), nobody).order_up_to).all()


def test_no_r_q_policy_near_the_best_is_cheaper() -> None:
    rate = np.array([0.2, 3.0, 11.0])
    money = (np.array([5.0, 20.0, 100.0]), np.ones(3), np.array([9.0, 3.0, 40.0]))
    law = PoissonDemand(rate * 2.5)
    best = optimal_r_q(*money, rate, law)
    for down, up in product(range(-4, 5), range(-4, 5)):
        lot = best.order_quantity + up
        cost = r_q_cost(best.reorder_point + down, np.maximum(lot, 1.0), *money, rate, law)
        assert (cost >= best.cost - 1e-9).all()


@given(shift=st.floats(-20.0, 20.0))
def test_no_other_quantity_costs_the_newsvendor_less(shift: float) -> None:
    law, overage, underage = NormalDemand(np.array([50.0]), np.array([8.0])), np.array([2.0]), np.array([7.0])
    best = newsvendor_quantity(law, overage, underage)
    least = newsvendor_cost(law, best, overage, underage)
    assert newsvendor_cost(law, best + shift, overage, underage) >= least - 1e-9


@settings(max_examples=60)
@given(
    demand=st.floats(10.0, 20_000.0),
    order_cost=st.floats(0.5, 300.0),
    steps=st.lists(st.tuples(st.integers(1, 900), st.floats(0.5, 0.99)), max_size=4),
    moq=st.integers(0, 300),
    multiple=st.integers(1, 60),
)
def test_no_admissible_lot_is_cheaper_under_price_breaks(
    demand: float, order_cost: float, steps: list[tuple[int, float]], moq: int, multiple: int
) -> None:
    breakpoints = np.cumsum([0.0, *(step for step, _ in steps)])
    prices = 3.0 * np.cumprod(np.array([1.0, *(cut for _, cut in steps)]))
    lot = economic_order_quantity_with_price_breaks(
        order_cost,
        np.array([demand]),
        0.25,
        breakpoints[None, :],
        prices[None, :],
        np.array([float(moq)]),
        np.array([float(multiple)]),
    )
    lots = np.arange(1, 12_000 // multiple) * float(multiple)
    lots = lots[lots >= moq]
    price = prices[np.searchsorted(breakpoints, lots, side="right") - 1]
    cost = price * demand + order_cost * demand / lots + 0.25 * price * lots / 2.0
    assert lot.annual_cost[0] <= cost.min() * (1.0 + 1e-12)
    assert lot.quantity[0] % multiple == 0.0
    assert lot.quantity[0] >= moq
    assert breakpoints[lot.bracket[0]] <= lot.quantity[0]


def test_items_with_fewer_brackets_or_without_demand_are_planned_beside_the_others() -> None:
    lot = economic_order_quantity_with_price_breaks(
        8.0,
        np.array([1300.0, 1300.0, 0.0]),
        0.3,
        np.array([[0.0, 400.0, 800.0], [0.0, np.nan, np.nan], [0.0, 400.0, 800.0]]),
        np.array([[0.75, 0.72, 0.68], [0.75, np.nan, np.nan], [0.75, 0.72, 0.68]]),
    )
    assert lot.quantity[:2] == pytest.approx([800.0, (2.0 * 8.0 * 1300.0 / 0.225) ** 0.5])
    assert np.isnan(lot.quantity[2])
    assert lot.bracket.tolist() == [2, 0, -1]


def chain(times: list[int], costs: list[float], longest: list[float]) -> SupplyTree:
    """A tree of five stages: 0 supplies 1 and 2, 1 supplies 3, 4 supplies 2."""
    return SupplyTree(
        arcs=((0, 1), (0, 2), (1, 3), (4, 2)),
        processing_periods=np.array(times, dtype=np.float64),
        holding_cost=np.array(costs),
        demand_sd=np.array([0.0, 0.0, 2.0, 1.5, 0.0]),
        bound_factor=np.full(5, 1.645),
        inbound_periods=np.array([1.0, 0.0, 0.0, 0.0, 2.0]),
        longest_service_periods=np.array([np.inf, np.inf, longest[0], longest[1], np.inf]),
    )


@settings(max_examples=15)
@given(
    times=st.lists(st.integers(0, 2), min_size=5, max_size=5),
    costs=st.lists(st.floats(0.1, 5.0), min_size=5, max_size=5),
    longest=st.lists(st.integers(0, 2).map(float), min_size=2, max_size=2),
)
def test_no_service_times_cost_less_than_those_of_the_guaranteed_service_model(
    times: list[int], costs: list[float], longest: list[float]
) -> None:
    tree = chain(times, costs, longest)
    best = optimal_service_times(tree)
    reach = tree.longest_replenishment()
    for promise in product(
        *(range(int(min(r, b)) + 1) for r, b in zip(reach, [9, 9, *longest, 9], strict=True))
    ):
        try:
            cost = service_times_cost(tree, np.array(promise)).cost
        except ValueError:
            continue
        assert cost >= best.cost - 1e-9


def test_what_is_no_tree_or_no_cost_is_refused() -> None:
    tree = chain([1, 1, 1, 1, 1], [1.0] * 5, [0.0, 0.0])
    with pytest.raises(ValueError, match="one tree"):
        SupplyTree(
            **{
                **{name: getattr(tree, name) for name in tree.__dataclass_fields__},
                "arcs": ((0, 1), (1, 2), (0, 2), (3, 4)),
            }
        )
    one, law = np.ones(1), PoissonDemand(np.ones(1))
    with pytest.raises(ValueError, match="must be positive"):
        optimal_s_s(one, 0.0 * one, one, law)
    with pytest.raises(ValueError, match="must be positive"):
        optimal_r_q(one, one, 0.0 * one, one, law)
    with pytest.raises(ValueError, match="under their order-up-to"):
        s_s_cost(one, one, one, one, one, law)
    with pytest.raises(ValueError, match="ascend from 0"):
        economic_order_quantity_with_price_breaks(1.0, one, 0.2, np.array([[0.0, 0.0]]), np.ones((1, 2)))
    with pytest.raises(ValueError, match="must be positive"):
        economic_order_quantity_with_backorders(one, one, one, 0.0 * one)
    with pytest.raises(ValueError, match="under the unit cost"):
        newsvendor_costs_of_prices(price=one, unit_cost=0.5 * one, salvage_value=0.6 * one)
    with pytest.raises(ValueError, match="correlation"):
        equicorrelated(np.ones((1, 3)), -0.6)
    with pytest.raises(ValueError, match="negative variance"):
        pooled_safety_stock(0.95, np.array([[[1.0, -2.0], [-2.0, 1.0]]]))
