"""The transform of actuals: even where a forecast is true, ties shared out, and bands read from it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from forecasting_lib.backtesting.reliability import (
    EDGES,
    band_coverage,
    cell_masses,
    share_below,
    transform,
)
from forecasting_lib.panel import QUANTILE_LEVELS

LEVELS = np.array(QUANTILE_LEVELS)


def test_of_a_true_forecast_of_counts_every_band_holds_what_it_names() -> None:
    rng = np.random.default_rng(0)
    level = rng.gamma(0.5, 2.0, 40_000)
    grid = stats.poisson.ppf(LEVELS[None], level[:, None])
    masses = cell_masses(*transform(rng.poisson(level).astype(np.float64), grid)).sum(axis=0)
    for percent in (50, 80, 90, 98):
        assert band_coverage(masses, percent) == pytest.approx(percent / 100, abs=0.01)


def test_the_closed_band_of_the_same_counts_holds_far_more() -> None:
    rng = np.random.default_rng(0)
    actual = rng.poisson(0.4, 20_000).astype(np.float64)
    grid = np.tile(stats.poisson.ppf(LEVELS, 0.4), (20_000, 1))
    low, high = grid[:, LEVELS.tolist().index(0.1)], grid[:, LEVELS.tolist().index(0.9)]
    assert ((low <= actual) & (actual <= high)).mean() > 0.9
    masses = cell_masses(*transform(actual, grid)).sum(axis=0)
    # the grid tells of a jump that it lies between two levels, and no closer
    assert band_coverage(masses, 80) == pytest.approx(0.8, abs=0.025)


def test_without_ties_a_level_holds_what_lies_below_its_quantile() -> None:
    rng = np.random.default_rng(3)
    grid = np.sort(rng.normal(100, 10, (5_000, 21)), axis=1)
    actual = rng.normal(100, 10, 5_000)
    found = share_below(cell_masses(*transform(actual, grid)).sum(axis=0))
    np.testing.assert_allclose(found, (actual[:, None] < grid).mean(axis=0))


@given(
    hnp.arrays(np.float64, (6, 21), elements=st.integers(0, 9).map(float)),
    hnp.arrays(np.float64, 6, elements=st.one_of(st.integers(0, 12).map(float), st.just(np.nan))),
)
def test_each_actual_counts_once_and_a_masked_one_not_at_all(
    quantiles: np.ndarray, actual: np.ndarray
) -> None:
    low, high = transform(actual, np.sort(quantiles, axis=1))
    masses = cell_masses(low, high)
    known = ~np.isnan(actual)
    np.testing.assert_allclose(masses.sum(axis=1), known.astype(float))
    assert (low[known] <= high[known]).all()
    assert ((low[known] >= 0) & (high[known] <= 1)).all()


def test_where_nothing_is_known_nothing_is_said() -> None:
    assert np.isnan(share_below(np.zeros(len(EDGES) - 1))).all()


def test_a_band_between_the_levels_is_refused() -> None:
    with pytest.raises(ValueError, match="no levels of the grid"):
        band_coverage(np.ones(22), 77)
