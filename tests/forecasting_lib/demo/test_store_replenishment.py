"""The store simulation, worked by hand on a few days."""

from __future__ import annotations

import numpy as np

from forecasting_lib.demo.store_replenishment import ReplenishmentPolicy, StockPath, simulate_store


def one_series(**overrides: float) -> ReplenishmentPolicy:
    """Reorder point 4, order-up-to level 8 at two units a day, orders of at least 4 in multiples of 4."""
    numbers = {
        "lead_time_days": 1.0,
        "review_days": 1.0,
        "cycle_days": 2.0,
        "safety_factor": 0.0,
        "dispersion": 1.0,
        "initial_rate": 2.0,
        "moq_qty": 4,
        "order_multiple_qty": 4,
    } | overrides
    return ReplenishmentPolicy(**{name: np.array([value]) for name, value in numbers.items()})


def run(
    demand: list[int], arrival_day: list[int], *, returns: list[bool] | None = None, first_day: int = 0
) -> StockPath:
    days = len(demand)
    return simulate_store(
        np.array(demand)[:, None],
        np.array(returns or [False] * days)[:, None],
        policy=one_series(),
        may_order=np.ones((days, 1), dtype=bool),
        arrival_day=np.array(arrival_day)[:, None],
        first_day=np.array([first_day]),
        open_days=np.ones((days, 1), dtype=bool),
    )


def test_an_order_is_placed_at_the_reorder_point_and_sold_from_when_it_arrives() -> None:
    path = run([2, 2, 2, 2], arrival_day=[1, 2, 3, 4])
    assert path.on_hand[:, 0].tolist() == [6, 4, 2, 4]
    assert path.ordered[:, 0].tolist() == [0, 0, 4, 0]
    assert path.receipts[:, 0].tolist() == [0, 0, 0, 4]


def test_demand_above_stock_is_lost() -> None:
    path = run([7, 5], arrival_day=[9, 9])
    assert path.sales[:, 0].tolist() == [7, 1]
    assert path.on_hand[:, 0].tolist() == [1, 0]


def test_an_order_that_arrives_after_the_end_is_placed_and_never_received() -> None:
    path = run([8, 0, 0], arrival_day=[9, 9, 9])
    assert path.ordered.sum() == 8
    assert path.receipts.sum() == 0


def test_a_return_needs_an_earlier_sale_and_goes_back_to_the_shelf() -> None:
    path = run([0, 2, 0], arrival_day=[1, 2, 3], returns=[True, True, True])
    assert path.returned[:, 0].tolist() == [0, 0, 1]
    assert path.on_hand[:, 0].tolist() == [8, 6, 7]


def test_stock_appears_on_the_first_day() -> None:
    path = run([0, 3], arrival_day=[9, 9], first_day=1)
    assert path.on_hand[:, 0].tolist()[1] == 5


def test_an_order_covers_the_shortfall_in_whole_multiples() -> None:
    policy = one_series(moq_qty=6.0, order_multiple_qty=4.0)
    assert [int(policy.order_quantity(np.array([need]))[0]) for need in (1.0, 8.0, 8.5)] == [8, 8, 12]
