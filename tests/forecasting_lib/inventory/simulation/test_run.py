"""The run through the periods, by hand on single items and as properties over many."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting_lib.inventory.simulation import (
    FixedLots,
    LeadTimeLaw,
    OrderUpTo,
    ProjectedOrderUpTo,
    StockState,
    simulate,
)
from forecasting_lib.panel import FloatArray, IntArray


def one(*demand: float) -> FloatArray:
    return np.array([demand], dtype=np.float64)


def leads(*periods: int) -> IntArray:
    return np.array([periods], dtype=np.int64)


def up_to(level: float) -> OrderUpTo:
    return OrderUpTo(np.array([level]), np.array([level]))


def test_an_order_is_on_the_shelf_before_the_demand_of_the_day_it_arrives() -> None:
    came = simulate(one(2, 2, 2), up_to(2.0), leads(1, 1, 1), sales_are_lost=True)
    assert came.served.tolist() == [4.0]  # the order of the second morning serves the third day
    assert simulate(one(2, 2, 2), up_to(2.0), leads(0, 0, 0)).served.tolist() == [6.0]


def test_customers_wait_or_go() -> None:
    waiting = simulate(one(5, 0, 0), up_to(2.0), leads(1, 1, 1))
    gone = simulate(one(5, 0, 0), up_to(2.0), leads(1, 1, 1), sales_are_lost=True)
    assert waiting.served.tolist() == gone.served.tolist() == [2.0]
    assert waiting.ordered.tolist() == [5.0]
    assert gone.ordered.tolist() == [2.0]
    assert (waiting.short_periods.tolist(), gone.short_periods.tolist()) == ([2.0], [1.0])


def test_orders_do_not_overtake_each_other() -> None:
    came = simulate(one(1, 1, 1, 1, 1, 1, 1), up_to(9.0), leads(0, 5, 1, 1, 1, 1, 1))
    # the first order, of the second morning, comes on the seventh and holds all later ones back
    assert came.on_hand.tolist() == [8 + 7 + 6 + 5 + 4 + 3 + 7]
    assert came.cycles.tolist() == [1.0]


def test_a_cycle_ends_with_a_receipt_and_is_short_if_any_day_of_it_was() -> None:
    came = simulate(one(3, 0, 3, 0, 3, 0), up_to(2.0), leads(*[1] * 6))
    assert came.cycles.tolist() == [2.0]
    assert came.csl_cycle.tolist() == [0.0]
    assert came.reviews.tolist() == [5.0]
    assert came.csl_period.tolist() == [0.0]


def test_the_review_of_an_order_that_was_not_needed_counts_as_an_interval_but_not_as_a_cycle() -> None:
    came = simulate(one(0, 0, 0, 0), up_to(2.0), leads(1, 1, 1, 1))
    assert np.isnan(came.csl_cycle).all()
    assert came.csl_period.tolist() == [1.0]


def test_only_reviews_order() -> None:
    came = simulate(one(*[1.0] * 8), up_to(20.0), leads(*[0] * 8), review_periods=np.array([3]))
    assert came.orders.tolist() == [2.0]  # on the fourth and the seventh morning; nothing lacks on the first
    assert came.ordered.tolist() == [6.0]


def test_lots_bring_the_position_above_the_reorder_point() -> None:
    rule = FixedLots(np.array([5.0]), np.array([4.0]))
    state = StockState(np.array([5.0]), np.zeros((1, 1)))
    assert rule.orders(0, state).tolist() == [4.0]
    assert rule.orders(0, StockState(np.array([1.0]), np.zeros((1, 1)))).tolist() == [8.0]
    assert rule.orders(0, StockState(np.array([5.1]), np.zeros((1, 1)))).tolist() == [0.0]


def test_minimum_and_multiple_are_kept() -> None:
    rule = OrderUpTo(np.array([5.0]), np.array([10.0]), np.array([7.0]), np.array([4.0]))
    assert rule.orders(0, StockState(np.array([5.0]), np.zeros((1, 1)))).tolist() == [8.0]


def test_levels_of_a_day_are_those_of_its_review() -> None:
    levels = np.array([[1.0, 5.0, 1.0, 1.0]])
    came = simulate(one(0, 0, 0, 0), OrderUpTo(levels, levels), leads(0, 0, 0, 0))
    assert came.ordered.tolist() == [4.0]


def test_projected_stock_does_not_order_what_a_stock_out_turns_away() -> None:
    rule = ProjectedOrderUpTo(np.full((1, 1, 2), 10.0), np.array([[12.0]]))
    empty = StockState(np.array([0.0]), np.array([[6.0], [0.0]]))
    assert rule.orders(0, empty).tolist() == [12.0]  # the position would ask for 20 + 12 - 6
    coming = StockState(np.array([0.0]), np.array([[0.0], [6.0]]))
    assert rule.orders(0, coming).tolist() == [6.0]


def test_the_warm_up_does_not_count() -> None:
    came = simulate(one(9, 0, 0, 1), up_to(3.0), leads(0, 0, 0, 0), warm_up=2)
    assert (came.periods, came.demand.tolist(), came.short_periods.tolist()) == (2, [1.0], [0.0])


def test_what_is_in_transit_arrives() -> None:
    rule = up_to(0.0)
    came = simulate(
        one(2, 2, 2), rule, leads(1, 1, 1), net_stock=np.array([1.0]), arriving=np.array([[0.0], [4.0]])
    )
    assert came.served.tolist() == [1.0 + 2.0 + 1.0]


@pytest.mark.parametrize(
    ("demand", "message"),
    [(one(1, np.nan), "must be known"), (one(1, -1), "not negative"), (one(1, 1, 1), "of shape")],
)
def test_demand_that_cannot_be_played_is_refused(demand: FloatArray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        simulate(demand, up_to(1.0), leads(1, 1))


def test_a_warm_up_of_everything_is_refused() -> None:
    with pytest.raises(ValueError, match="leaves none"):
        simulate(one(1, 1), up_to(1.0), leads(1, 1), warm_up=2)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), lost=st.booleans(), review=st.integers(1, 7))
def test_units_are_conserved_and_more_stock_serves_no_less(seed: int, lost: bool, review: int) -> None:
    rng = np.random.default_rng(seed)
    demand = rng.negative_binomial(0.5, 0.2, (40, 60)).astype(np.float64)
    lead_times = LeadTimeLaw.of({0: 0.1, 2: 0.4, 7: 0.5}, 40).draw(60, rng)
    level = rng.integers(0, 40, 40).astype(np.float64)
    multiple = np.full(40, 3.0)
    played = [
        simulate(
            demand,
            OrderUpTo(point, point + 5.0, multiple=multiple),
            lead_times,
            review_periods=review,
            sales_are_lost=lost,
        )
        for point in (level, level + 10.0)
    ]
    for came, opening in zip(played, (level + 5.0, level + 15.0), strict=True):
        gone = came.served if lost else came.demand
        np.testing.assert_allclose(came.final_position, opening + came.ordered - gone)
        assert (came.served <= came.demand).all()
        assert (came.short_cycles <= came.cycles).all()
        assert (np.mod(came.ordered, 3.0) == 0.0).all()
    assert played[1].served.sum() >= played[0].served.sum()


def test_rules_meet_the_same_suppliers() -> None:
    law = LeadTimeLaw.from_moments(np.full(3, 6.5), np.full(3, 2.0))
    first, second = (law.draw(400, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert first.mean() == pytest.approx(6.5, abs=0.25)
    assert first.std() == pytest.approx(2.06, abs=0.1)


def test_lead_times_without_a_law_are_refused() -> None:
    with pytest.raises(ValueError, match="add up to 1"):
        LeadTimeLaw.of({3: 0.4}, 1)
    with pytest.raises(ValueError, match="negative"):
        LeadTimeLaw.of({-1: 1.0}, 1)
    with pytest.raises(ValueError, match="item 1 has no lead time"):
        LeadTimeLaw.from_observed([np.array([3]), np.array([], dtype=np.int64)])
