from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting_lib.inventory.error_growth import ErrorGrowth
from forecasting_lib.inventory.lead_time_demand import (
    CumulativeDemand,
    NormalDemand,
    forward_cover,
    protection_demand,
    safety_factor,
    two_point_lead_times,
)
from forecasting_lib.panel import QUANTILE_LEVELS


def level_demand(daily: float, variance: float, days: int = 28) -> CumulativeDemand:
    return CumulativeDemand.from_daily(np.full((1, days), daily), np.full((1, days), variance))


def test_demand_through_a_fraction_of_a_day_and_past_the_horizon() -> None:
    demand = CumulativeDemand.from_daily(np.array([[2.0, 4.0]]), np.array([[1.0, 1.0]]), np.array([10.0]))
    for days, expected in ((0.0, 0.0), (0.5, 1.0), (1.0, 2.0), (1.25, 3.0), (2.0, 6.0), (4.5, 31.0)):
        assert demand.mean_through(np.array([days]))[0] == pytest.approx(expected)
        assert demand.days_until(np.array([expected]))[0] == pytest.approx(days)
    # Past the horizon the variance-to-mean ratio of the forecast, 1 / 3, goes on.
    assert demand.variance_through(np.array([3.0]))[0] == pytest.approx(2.0 + 10.0 / 3.0)


def test_without_a_last_season_the_forecast_itself_goes_on() -> None:
    demand = CumulativeDemand.from_daily(np.array([[3.0] * 7]), np.array([[2.0] * 7]), np.array([np.nan]))
    assert demand.mean_through(np.array([10.0]))[0] == pytest.approx(30.0)
    assert demand.variance_through(np.array([10.0]))[0] == pytest.approx(20.0)


def test_protection_demand_of_a_level_forecast_is_the_textbook_formula() -> None:
    law = protection_demand(level_demand(20.0, 64.0), np.array([7.0]), np.array([2.0]), np.array([1.0]))
    assert law.mean[0] == pytest.approx(20.0 * 8.0)
    assert law.sd[0] == pytest.approx((8.0 * 64.0 + 20.0**2 * 2.0**2) ** 0.5)


def test_error_inflation_scales_the_forecast_error_but_not_the_lead_time_risk() -> None:
    always_four = ErrorGrowth(
        np.array([1.0]),
        np.array([[4.0]]),
        np.array([[QUANTILE_LEVELS]]),
        np.array([True]),
        np.array([0]),
    )
    demand = CumulativeDemand.from_daily(np.full((1, 28), 20.0), np.full((1, 28), 64.0), growth=always_four)
    law = protection_demand(demand, np.array([7.0]), np.array([2.0]), np.array([1.0]))
    assert law.sd[0] == pytest.approx((4.0 * 8.0 * 64.0 + 20.0**2 * 2.0**2) ** 0.5)


def test_protection_demand_follows_the_season_of_the_forecast() -> None:
    rising = CumulativeDemand.from_daily(np.array([[1.0, 2.0, 3.0, 4.0, 5.0]]), np.ones((1, 5)))
    law = protection_demand(rising, np.array([3.0]), np.array([1.0]), np.array([0.0]))
    # Two days need 3 units, four days 10: each with probability one half.
    assert law.mean[0] == pytest.approx(6.5)
    assert law.sd[0] == pytest.approx((3.0 + 3.5**2) ** 0.5)


@given(st.floats(0.1, 60.0), st.floats(0.0, 90.0))
def test_two_lead_times_keep_mean_and_deviation(mean: float, sd: float) -> None:
    shorter, longer, p = two_point_lead_times(np.array([mean]), np.array([sd]))
    assert shorter[0] >= 0.0
    average = (1.0 - p) * shorter + p * longer
    spread = (1.0 - p) * (shorter - average) ** 2 + p * (longer - average) ** 2
    assert average[0] == pytest.approx(mean)
    assert spread[0] ** 0.5 == pytest.approx(sd, abs=1e-6)


def test_no_lead_time_does_not_vary() -> None:
    shorter, longer, _ = two_point_lead_times(np.array([0.0, 1e-200]), np.array([40.0, 40.0]))
    assert (shorter == longer).all()


def test_unknown_lead_time_makes_every_number_of_the_law_unknown() -> None:
    law = protection_demand(level_demand(5.0, 4.0), np.array([np.nan]), np.array([0.0]), np.array([1.0]))
    quantity = np.array([10.0])
    for value in (law.mean, law.sd, law.quantile(0.9), law.exceedance(quantity)):
        assert np.isnan(value).all()
    assert np.isnan(law.expected_shortage(quantity)).all()


def test_certain_demand_is_met_or_not() -> None:
    law = NormalDemand(np.full(3, 10.0), np.zeros(3))
    held = np.array([9.0, 10.0, 11.0])
    assert law.exceedance(held).tolist() == [1.0, 0.0, 0.0]
    assert law.expected_shortage(held).tolist() == [1.0, 0.0, 0.0]
    assert law.quantile(0.99).tolist() == [10.0] * 3


def test_expected_shortage_at_the_mean_is_sd_over_root_two_pi() -> None:
    law = NormalDemand(np.array([100.0]), np.array([30.0]))
    assert law.expected_shortage(np.array([100.0]))[0] == pytest.approx(30.0 / np.sqrt(2.0 * np.pi))
    assert law.exceedance(np.array([100.0]))[0] == pytest.approx(0.5)
    assert law.exceedance(law.quantile(0.95))[0] == pytest.approx(0.05)


@pytest.mark.parametrize("level", [0.0, 1.0, -0.1, 1.5, float("nan")])
def test_a_service_level_without_a_finite_stock_is_refused(level: float) -> None:
    with pytest.raises(ValueError, match="strictly between 0 and 1"):
        safety_factor(level)


@pytest.mark.parametrize(
    ("stock", "daily", "days"),
    [
        (25.0, [10, 10, 10], 2.5),
        (30.0, [10, 10, 10, 0, 0, 5], 5.0),
        (30.0, [10, 10, 10, 0, 0, 0], None),
        (30.0, [10, 10, 10], None),
        (0.0, [0, 0, 5], 0.0),
        (-3.0, [5, 5], 0.0),
        (0.6, [0.1] * 9, 6.0),
    ],
)
def test_forward_cover(stock: float, daily: list[float], days: float | None) -> None:
    cumulative = np.concatenate([[0.0], np.cumsum(daily)]).reshape(1, -1)
    cover = forward_cover(cumulative, np.array([stock]))[0]
    assert np.isnan(cover) if days is None else cover == pytest.approx(days)


@settings(max_examples=60)
@given(
    st.lists(st.floats(0.0, 50.0), min_size=1, max_size=20),
    st.floats(0.0, 400.0),
    st.floats(0.0, 50.0),
)
def test_more_stock_never_lasts_shorter(daily: list[float], stock: float, more: float) -> None:
    cumulative = np.concatenate([[0.0], np.cumsum(daily)]).reshape(1, -1)
    less_cover, more_cover = (
        np.nan_to_num(forward_cover(cumulative, np.array([held]))[0], nan=np.inf)
        for held in (stock, stock + more)
    )
    assert more_cover >= less_cover
