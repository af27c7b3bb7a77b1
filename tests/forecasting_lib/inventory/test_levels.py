"""Reorder levels of the law matched by moments: what they are made of, and what more of anything does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import nbinom, poisson

from forecasting_lib.grain import Grain
from forecasting_lib.inventory import Calibrated, ErrorGrowth, InventoryPolicy, plan_inventory
from forecasting_lib.inventory.demand_law import MomentDemand
from forecasting_lib.inventory.flags import Flag
from forecasting_lib.inventory.undershoot import undershoot
from forecasting_lib.panel import QUANTILE_LEVELS, FloatArray
from tests.forecasting_lib.inventory.situations import (
    AS_OF,
    STOCKED,
    forecast_of,
    metrics_of,
    receipts_of,
    supply_of,
)

GRID = np.array(QUANTILE_LEVELS)
COUNTED = {**STOCKED, "is_counted": True, "demand_class": "smooth"}


def growth(kappa: list[float], days: list[float], read_at: FloatArray = GRID) -> ErrorGrowth:
    """Of one series, measured."""
    return ErrorGrowth(
        np.array(days),
        np.array([kappa]),
        np.tile(read_at, (1, len(days), 1)),
        np.array([True]),
        np.array([0]),
    )


def row_of(
    supply: dict[str, Any], measured: ErrorGrowth | None = None, target: float = 0.95
) -> dict[str, Any]:
    """Ten a day with a deviation of four."""
    return metrics_of(
        plan_inventory(
            forecast_of([[10.0] * 28], 4.0),
            supply_of(supply),
            receipts_of(),
            InventoryPolicy(target),
            Calibrated(measured) if measured else None,
        )
    )


def test_a_count_is_read_from_the_negative_binomial_with_inflated_variance() -> None:
    row = row_of(COUNTED, growth([3.0], [5.0]))
    variance = 3.0 * 5.0 * 16.0
    expected = nbinom.ppf(0.95, 50.0**2 / (variance - 50.0), 50.0 / variance)
    assert row["reorder_point_qty"] == expected
    assert row["error_inflation"] == pytest.approx(3.0)
    assert row["ltd_sd_qty"] == pytest.approx(variance**0.5)
    assert row["ltd_method"] == "nb_moments"
    assert row["undershoot_mean_qty"] == 0.0
    assert row["service_predicted"] >= 0.95
    assert row["flags"] == []


def test_what_is_sold_by_weight_is_read_from_the_gamma_law_unrounded() -> None:
    row = row_of({**COUNTED, "is_counted": False}, growth([3.0], [5.0]))
    assert row["ltd_method"] == "gamma_moments"
    assert row["service_predicted"] == pytest.approx(0.95)
    assert row["reorder_point_qty"] % 1.0 > 0.0


def test_the_history_has_its_say_in_the_variance() -> None:
    quiet, wild = (
        row_of({**COUNTED, "history_variance": variance}, growth([1.0], [5.0])) for variance in (16.0, 64.0)
    )
    assert quiet["ltd_sd_qty"] == pytest.approx((5.0 * 16.0) ** 0.5)
    assert wild["ltd_sd_qty"] == pytest.approx((5.0 * 32.0) ** 0.5)


def test_the_level_is_read_where_totals_fell_and_the_prediction_is_the_way_back() -> None:
    read_at = np.where(GRID >= 0.9, GRID + 0.6 * (1.0 - GRID), GRID)
    row = row_of({**COUNTED, "is_counted": False}, growth([1.0], [5.0], read_at))
    assert row["service_nominal"] == pytest.approx(0.98)
    assert row["service_predicted"] == pytest.approx(0.95)
    assert (
        row["reorder_point_qty"]
        > row_of({**COUNTED, "is_counted": False}, growth([1.0], [5.0]))["reorder_point_qty"]
    )


def test_orders_in_lots_wait_for_the_point_and_cover_what_they_pass_it_by() -> None:
    every = row_of({**COUNTED, "review_days": 3.0}, growth([1.0], [4.0]))
    waits = row_of({**COUNTED, "review_days": 3.0, "moq_qty": 100.0}, growth([1.0], [4.0]))
    assert every["ltd_mean_qty"] == pytest.approx(70.0)
    assert waits["ltd_mean_qty"] == pytest.approx(40.0)
    second = 3.0 * 16.0 + 30.0**2
    assert waits["undershoot_mean_qty"] == pytest.approx((second - 30.0) / 60.0)
    parts = waits["ltd_mean_qty"] + waits["undershoot_mean_qty"] + waits["safety_stock_qty"]
    assert parts == pytest.approx(waits["reorder_point_qty"])


def test_without_a_backtest_a_usual_factor_stands_in_and_says_so() -> None:
    row = row_of(COUNTED)
    assert row["flags"] == [Flag.NOT_CALIBRATED.value]
    assert row["error_inflation"] > 1.0


def test_an_old_backtest_is_used_and_named() -> None:
    plan = plan_inventory(
        forecast_of([[10.0] * 28], 4.0),
        supply_of(COUNTED),
        receipts_of(),
        InventoryPolicy(0.95),
        Calibrated(growth([2.0], [5.0]), is_stale=True),
    )
    assert metrics_of(plan)["flags"] == [Flag.CALIBRATION_STALE.value]
    assert metrics_of(plan)["error_inflation"] == pytest.approx(2.0)


def test_a_segment_that_no_backtest_judged_is_flagged_beside_one_that_was() -> None:
    class Fitted:
        kappa, read_at = 2.5, GRID

    measured = ErrorGrowth.of(
        [("chronos2", "smooth"), ("chronos2", "lumpy")],
        {("chronos2", "smooth"): {1: Fitted(), 7: Fitted()}},
        Grain.DAY,
    )
    assert measured.is_measured.tolist() == [True, False]
    assert measured.kappa_at(np.full(2, 7.0))[0] == pytest.approx(2.5)


def test_kappa_goes_as_a_power_of_the_days_and_beyond_them_no_faster_than_the_days() -> None:
    steep = growth([1.0, 4.0], [1.0, 2.0])
    at = [float(steep.kappa_at(np.array([days]))[0]) for days in (0.5, 1.0, 2.0**0.5, 2.0, 4.0)]
    assert at == pytest.approx([1.0, 1.0, 2.0, 4.0, 8.0])
    assert np.isnan(steep.kappa_at(np.array([np.nan]))[0])


def test_moments_of_the_undershoot_are_those_of_the_stationary_excess() -> None:
    """P(U = u) = P(J > u) / E[J] added up, for a Poisson and a negative binomial review period."""
    for law, mean, variance in (
        (poisson(3.0), 3.0, 3.0),
        (nbinom(2.0**2 / (6.0 - 2.0), 2.0 / 6.0), 2.0, 6.0),
    ):
        u = np.arange(400)
        probability = law.sf(u) / mean
        first = float((u * probability).sum())
        spread = float((u**2 * probability).sum()) - first**2
        found = undershoot(np.array([mean]), np.array([variance]), np.array([True]))
        assert [float(part[0]) for part in found] == pytest.approx([first, spread])


def test_the_loss_of_the_negative_binomial_is_the_sum_of_its_probabilities() -> None:
    law = MomentDemand(np.array([4.0]), np.array([8.0]) ** 0.5, np.array([True]))
    y = np.arange(400)
    p = nbinom.pmf(y, 4.0, 0.5)
    for quantity in (-2.0, 0.0, 3.0, 3.4, 11.0):
        expected = float((np.maximum(y - quantity, 0.0) * p).sum())
        assert law.expected_shortage(np.array([quantity]))[0] == pytest.approx(expected)


supplies = st.fixed_dictionaries(
    {
        "lead_time_days": st.floats(0.0, 40.0),
        "lead_time_sd_days": st.floats(0.0, 20.0),
        "review_days": st.integers(0, 14).map(float),
        "moq_qty": st.none() | st.floats(0.0, 90.0),
        "history_variance": st.none() | st.floats(0.0, 400.0),
        "is_counted": st.booleans(),
    }
)
daily = st.lists(st.sampled_from([0.0, 0.0, 0.3, 1.0, 7.5, 40.0]), min_size=9, max_size=9)
growths = st.builds(
    lambda kappa, shift: growth(kappa, [1.0, 7.0, 28.0], np.clip(GRID + shift * GRID * (1 - GRID), 0, 1)),
    st.lists(st.floats(0.3, 9.0), min_size=3, max_size=3),
    st.floats(-0.9, 0.9),
)


def planned(
    means: list[float], supply: dict[str, Any], target: float, measured: ErrorGrowth
) -> dict[str, Any]:
    return metrics_of(
        plan_inventory(
            forecast_of([means], 0.3),
            supply_of({**STOCKED, **supply}),
            receipts_of(),
            InventoryPolicy(target),
            Calibrated(measured),
        )
    )


@settings(max_examples=60, deadline=None)
@given(daily, supplies, st.floats(0.05, 0.98), st.floats(0.0, 0.019), growths)
def test_a_higher_target_never_lowers_a_calibrated_reorder_point(
    means: list[float], supply: dict[str, Any], target: float, more: float, measured: ErrorGrowth
) -> None:
    low, high = (planned(means, supply, t, measured) for t in (target, target + more))
    for level in ("safety_stock_qty", "reorder_point_qty", "order_up_to_qty"):
        assert high[level] >= low[level] - 1e-9
    for row in (low, high):
        parts = row["ltd_mean_qty"] + row["undershoot_mean_qty"] + row["safety_stock_qty"]
        assert parts == pytest.approx(row["reorder_point_qty"], abs=1e-6)
        assert 0.0 <= row["service_predicted"] <= 1.0


@settings(max_examples=40, deadline=None)
@given(daily, supplies, st.floats(0.0, 300.0), st.floats(0.0, 100.0), growths)
def test_more_stock_never_means_more_to_order(
    means: list[float], supply: dict[str, Any], stock: float, more: float, measured: ErrorGrowth
) -> None:
    plans = [
        plan_inventory(
            forecast_of([means], 0.3),
            supply_of({**STOCKED, **supply, "on_hand_qty": on_hand}),
            receipts_of(),
            InventoryPolicy(0.95),
            Calibrated(measured),
        ).replenishment
        for on_hand in (stock, stock + more)
    ]
    less, greater = (
        plan.filter(pl.col("order_date") == AS_OF + timedelta(days=1))["order_qty"].to_numpy().sum()
        for plan in plans
    )
    assert greater <= less + 1e-9
