"""Service over segments, its intervals, and rules at equal service."""

from __future__ import annotations

import numpy as np
import pytest

from forecasting_lib.inventory.simulation import OrderUpTo, pooled_service, simulate, stock_at_service
from forecasting_lib.inventory.simulation.frontier import service_at_stock
from forecasting_lib.inventory.simulation.run import SimulatedService


def played(items: int = 60, level: float = 12.0) -> SimulatedService:
    rng = np.random.default_rng(3)
    demand = rng.poisson(2.0, (items, 150)).astype(np.float64)
    levels = np.full(items, level)
    return simulate(demand, OrderUpTo(levels, levels), np.full((items, 150), 4), warm_up=30)


def test_rates_are_ratios_of_sums_and_lie_in_their_intervals() -> None:
    came = played()
    rows = pooled_service(came, ["b", "a"] * 30, unit_cost=np.full(60, 2.0), predicted=np.full(60, 0.8))
    assert rows["segment"].to_list() == ["a", "b", "all"]
    assert rows["n_items"].to_list() == [30, 30, 60]
    everything = rows.row(2, named=True)
    assert everything["fill_rate"] == pytest.approx(came.served.sum() / came.demand.sum())
    assert everything["csl_cycle_low"] < everything["csl_cycle"] < everything["csl_cycle_high"]
    assert everything["stock_value"] == pytest.approx(2.0 * everything["on_hand_qty"])
    assert everything["cover_days"] == pytest.approx(everything["on_hand_qty"] / (came.demand.sum() / 120))
    assert everything["orders_per_year"] == pytest.approx(came.orders.sum() / 120 * 365)
    assert everything["predicted"] == pytest.approx(0.8)
    assert everything["unserved_margin"] is None


def test_what_cannot_be_said_is_null() -> None:
    nothing = simulate(np.zeros((2, 10)), OrderUpTo(np.ones(2), np.ones(2)), np.ones((2, 10), dtype=np.int64))
    row = pooled_service(nothing, ["a", "a"], unit_cost=np.full(2, np.nan)).row(0, named=True)
    unknown = ("csl_cycle", "csl_cycle_low", "fill_rate", "cover_days", "stock_value", "predicted")
    assert [row[name] for name in unknown] == [None] * len(unknown)
    assert row["ready_rate"] == 1.0


def test_fewer_items_give_a_wider_interval() -> None:
    few, many = (pooled_service(played(items), ["a"] * items).row(0, named=True) for items in (12, 240))
    width = [row["csl_period_high"] - row["csl_period_low"] for row in (few, many)]
    assert width[0] > 2.0 * width[1]


def test_rules_are_read_at_equal_service_and_never_beyond_their_sweep() -> None:
    sweep = [played(level=level) for level in (10.0, 12.0, 14.0, 16.0)]
    served = np.array([came.csl_period.mean() for came in sweep])
    stock = np.array([came.mean_on_hand.sum() for came in sweep])
    found = stock_at_service(served, stock, float(served[1:3].mean()))
    assert found is not None
    assert stock[1] < found < stock[2]
    assert service_at_stock(served, stock, found) == pytest.approx(served[1:3].mean())
    assert stock_at_service(served, stock, 0.9999) is None
    assert stock_at_service(np.array([np.nan]), np.array([1.0]), 0.9) is None
