"""The arithmetic of the grid against closed forms and numpy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from forecasting_lib.panel import QUANTILE_LEVELS, FloatArray
from forecasting_lib.quantile_grid import (
    demand_grid,
    empirical_quantiles,
    grid_mean,
    grid_variance,
    whole_units,
)

LEVELS = np.array(QUANTILE_LEVELS)


def test_demand_grid_sorts_and_clips_without_touching_its_input() -> None:
    crossing = np.linspace(3.0, -1.0, 21)
    before = crossing.copy()
    grid = demand_grid(crossing)
    assert (np.diff(grid) >= 0).all()
    assert grid[0] == 0.0
    assert grid[-1] == 3.0
    np.testing.assert_array_equal(crossing, before)


def test_whole_units_are_the_nearest_ones() -> None:
    assert whole_units(np.array([0.0, 0.2, 0.43, 0.57, 1.0, 7.9])).tolist() == [0, 0, 0, 1, 1, 8]


@given(arrays(np.float64, 21, elements=st.floats(0.0, 1e6)))
def test_whole_units_keep_the_order_and_stay_within_half_a_unit(values: FloatArray) -> None:
    grid = demand_grid(values)
    whole = whole_units(grid)
    assert (np.diff(whole) >= 0).all()
    assert np.abs(whole - grid).max() <= 0.5


@given(st.floats(0.0, 1e3))
def test_whole_units_never_turn_noise_into_a_unit(value: float) -> None:
    noisy = whole_units(np.array([value, value + 1e-6]))
    assert abs(noisy[1] - noisy[0]) < 1e-5


def test_demand_grid_has_no_negative_zero() -> None:
    assert not np.signbit(demand_grid(np.full((2, 21), -0.0))).any()


def test_mean_of_a_constant_grid_is_the_constant() -> None:
    assert grid_mean(np.full((3, 2, 21), 7.5)) == pytest.approx(np.full((3, 2), 7.5))


def test_mean_of_a_uniform_distribution_differs_only_by_its_tails() -> None:
    # The tail above 0.99 is taken as exponential: 0.01 * (0.04 / ln 5) in the place of 0.01 * 0.005;
    # below 0.01 the lowest quantile stands, 0.01 in the place of 0.005.
    expected = 0.5 + 0.01 * 0.005 + 0.01 * (0.04 / math.log(5) - 0.005)
    assert grid_mean(LEVELS) == pytest.approx(expected, abs=1e-12)


def test_mean_of_an_exponential_distribution_is_close_while_its_median_is_not() -> None:
    grid = stats.expon.ppf(LEVELS)
    assert grid_mean(grid) == pytest.approx(1.0, abs=0.015)
    assert grid[10] == pytest.approx(math.log(2))


def test_tail_of_the_mean_is_the_integral_of_an_exponential_through_q95_and_q99() -> None:
    grid = np.zeros(21)
    grid[-2:] = 5.0, 10.0
    u = (np.arange(200_000) + 0.5) / 200_000 * 0.01 + 0.99
    tail = np.mean(10.0 + 5.0 / math.log(5) * np.log(0.01 / (1 - u))) * 0.01
    body = 0.05 * (0 + 5) / 2 + 0.04 * (5 + 10) / 2
    assert grid_mean(grid) == pytest.approx(body + tail, rel=1e-5)


@given(arrays(np.float64, (4, 21), elements=st.floats(0, 1e6)))
def test_mean_lies_within_the_grid_but_for_rounding(values: FloatArray) -> None:
    grid = demand_grid(values)
    mean = grid_mean(grid)
    rounding = 1e-14 * grid[:, -1] + 1e-322
    assert (mean >= grid[:, 0] - rounding).all()
    assert (mean <= grid[:, -1] + rounding).all()


def test_the_mean_of_the_smallest_numbers_there_are_is_as_good_as_they_allow() -> None:
    smallest = np.nextafter(0.0, 1.0)
    for quantile in (smallest, 7 * smallest, np.finfo(np.float64).tiny):
        assert abs(grid_mean(np.full(21, quantile)) - quantile) <= 1e-14 * quantile + 1e-322


def test_grid_of_one_value_has_no_variance() -> None:
    assert grid_variance(np.full((2, 3, 21), 7.0)) == pytest.approx(np.zeros((2, 3)))


@pytest.mark.parametrize("law", [stats.expon(scale=10.0), stats.nbinom(0.8, 0.1), stats.gamma(4.0)])
def test_moments_are_those_of_the_interpolated_inverse(law: Any) -> None:
    grid = np.asarray(law.ppf(LEVELS), dtype=np.float64)
    u = (np.arange(1_000_000) + 0.5) / 1_000_000
    tail_scale = (grid[-1] - grid[-2]) / np.log(5.0)
    draws = np.where(u < 0.99, np.interp(u, LEVELS, grid), grid[-1] - tail_scale * np.log((1.0 - u) / 0.01))
    mean, variance = grid_mean(grid), grid_variance(grid.reshape(1, 1, -1))[0, 0]
    assert mean == pytest.approx(draws.mean(), rel=1e-4)
    assert variance == pytest.approx(draws.var(), rel=1e-3)
    # The straight lines lie above a convex inverse: the error against the law itself is a few per cent.
    assert law.mean() * 0.99 <= mean <= law.mean() * 1.05 + 0.05
    assert variance == pytest.approx(law.var(), rel=0.08)


def test_lumpy_grid_keeps_the_demand_beyond_the_last_level() -> None:
    # Nothing up to q95, then 0 to 16 over 4 % and an exponential of scale 16 / ln 5 over the last 1 %.
    grid = np.zeros((1, 1, 21))
    grid[..., -1] = 16.0
    scale = 16.0 / np.log(5.0)
    first = 0.04 * 8.0 + 0.01 * (16.0 + scale)
    second = 0.04 * 256.0 / 3.0 + 0.01 * (256.0 + 32.0 * scale + 2.0 * scale**2)
    assert grid_mean(grid)[0, 0] == pytest.approx(first)
    assert grid_variance(grid)[0, 0] == pytest.approx(second - first**2)


def test_crossing_and_negative_quantiles_are_repaired_before_the_variance() -> None:
    straight = np.maximum(np.linspace(-2.0, 18.0, 21), 0.0).reshape(1, 1, -1)
    crossed = np.linspace(-2.0, 18.0, 21)[::-1].reshape(1, 1, -1)
    np.testing.assert_array_equal(grid_variance(crossed), grid_variance(straight))


def test_the_variance_of_many_series_is_that_of_each() -> None:
    grids = np.random.default_rng(0).gamma(0.5, 3.0, (2003, 2, 21))
    every = grid_variance(grids)
    for row in (0, 1999, 2000, 2002):
        assert every[row] == pytest.approx(grid_variance(grids[row : row + 1])[0], rel=1e-12)


@given(
    st.lists(
        st.lists(st.one_of(st.just(math.nan), st.floats(-1e6, 1e6)), min_size=9, max_size=9),
        min_size=1,
        max_size=5,
    )
)
def test_empirical_quantiles_are_numpys_without_the_missing(rows: list[list[float]]) -> None:
    samples = np.array(rows)
    found = empirical_quantiles(samples)
    for row, quantiles in zip(samples, found, strict=True):
        known = row[~np.isnan(row)]
        expected = np.quantile(known, LEVELS) if known.size else np.full(21, np.nan)
        np.testing.assert_allclose(quantiles, expected, rtol=1e-9, atol=1e-9)


def test_empirical_quantiles_of_no_samples_are_unknown() -> None:
    assert np.isnan(empirical_quantiles(np.empty((2, 0)))).all()
