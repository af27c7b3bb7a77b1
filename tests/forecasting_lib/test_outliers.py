"""Days of demand that nothing explains: what is found, what never is."""

from __future__ import annotations

import numpy as np
import pytest

from forecasting_lib.outliers import LEAST_DAYS, WINDOW_DAYS, find_outliers

WEEK = np.array([0.8, 0.8, 0.8, 0.9, 1.1, 1.4, 1.2])
DAYS = 140


def shop(level: float, series: int = 40, seed: int = 3) -> np.ndarray:
    """Poisson demand with a weekly pattern."""
    mean = level * np.resize(WEEK, DAYS)
    return np.random.default_rng(seed).poisson(mean, (series, DAYS)).astype(np.float64)


@pytest.mark.parametrize("level", [0.3, 2.0, 15.0, 200.0])
def test_ordinary_demand_has_hardly_an_odd_day(level: float) -> None:
    demand = shop(level, series=400)
    assert len(find_outliers(demand).day) < 0.001 * demand[:, WINDOW_DAYS:].size


@pytest.mark.parametrize(("level", "factor"), [(2.0, 20.0), (15.0, 8.0), (200.0, 3.0)])
def test_a_day_many_times_its_usual_is_found_with_what_was_to_be_expected(
    level: float, factor: float
) -> None:
    demand = shop(level)
    usual = level * np.resize(WEEK, DAYS)[100]
    demand[:, 100] = np.ceil(usual * factor)
    found = find_outliers(demand)
    at = found.day == 100
    assert np.count_nonzero(at) == len(demand)
    assert (found.score[at] > 0).all()
    assert found.expected[at].mean() == pytest.approx(usual, rel=0.25)


def test_a_day_without_a_sale_of_what_always_sells_is_found_and_is_low() -> None:
    demand = shop(60.0)
    demand[:, 90] = 0.0
    found = find_outliers(demand)
    assert (found.score[found.day == 90] < 0).sum() == len(demand)


def test_a_level_that_shifts_is_believed_within_a_week() -> None:
    for level, later in ((20.0, 80.0), (60.0, 5.0)):
        demand = shop(level)
        demand[:, 80:] = shop(later, seed=4)[:, 80:]
        found = find_outliers(demand)
        assert np.count_nonzero(found.day == 80) > 0.9 * len(demand)
        assert np.count_nonzero(found.day > 86) < 0.002 * demand[:, 87:].size


def test_a_day_is_judged_by_its_past_alone() -> None:
    demand = shop(8.0)
    demand[:, 100] *= 12
    later = demand.copy()
    later[:, 101:] = 0.0
    for cut in (101, DAYS):
        whole, other = find_outliers(demand[:, :cut]), find_outliers(later[:, :cut])
        for one in (whole, other):
            assert np.count_nonzero(one.day == 100) > 0
        now, then = (one.day <= 100 for one in (whole, other))
        np.testing.assert_array_equal(whole.score[now], other.score[then])


def test_judging_from_a_day_on_finds_what_judging_all_finds() -> None:
    demand = shop(8.0)
    demand[::3, 90] *= 12
    demand[::4, 120] *= 12
    everything = find_outliers(demand)
    later = find_outliers(demand, first_day=100)
    kept = everything.day >= 100
    np.testing.assert_array_equal(later.series, everything.series[kept])
    np.testing.assert_array_equal(later.score, everything.score[kept])


def test_unknown_days_are_not_judged_and_too_few_known_ones_judge_nothing() -> None:
    demand = shop(8.0)
    demand[:, 100] = 900.0
    unknown = demand.copy()
    unknown[:, 100] = np.nan
    assert 100 not in find_outliers(unknown).day
    short = demand.copy()
    short[:, : 100 - LEAST_DAYS + 1] = np.nan
    assert 100 not in find_outliers(short).day
    short[:, 100 - LEAST_DAYS] = 8.0
    assert 100 in find_outliers(short).day


def test_nothing_to_judge_is_nothing_found() -> None:
    assert find_outliers(np.empty((0, DAYS))).day.size == 0
    assert find_outliers(shop(8.0)[:, :WINDOW_DAYS]).day.size == 0
