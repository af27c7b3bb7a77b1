"""The law of a total with known mean and variance, against scipy's own distributions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from forecasting_lib.moment_law import MomentLaw
from forecasting_lib.panel import QUANTILE_LEVELS, FloatArray


def law(mean: float, variance: float, *, counted: bool) -> MomentLaw:
    return MomentLaw(np.array([mean]), np.array([variance]), np.array([counted]))


def test_counts_that_vary_more_than_poisson_are_negative_binomial() -> None:
    found = law(4.0, 9.0, counted=True)
    other = stats.nbinom(4.0**2 / 5.0, 4.0 / 9.0)
    for level in (0.01, 0.3, 0.5, 0.9, 0.99):
        assert found.quantile(level)[0] == other.ppf(level)
    for total in (0.0, 3.0, 4.0, 20.0):
        assert found.cdf(np.array([total]))[0] == pytest.approx(other.cdf(total), rel=1e-9)
    assert other.mean() == pytest.approx(4.0)
    assert other.var() == pytest.approx(9.0)


def test_quantities_are_gamma() -> None:
    found = law(4.0, 9.0, counted=False)
    other = stats.gamma(4.0**2 / 9.0, scale=9.0 / 4.0)
    assert found.quantile(0.95)[0] == pytest.approx(other.ppf(0.95))
    assert found.cdf(np.array([5.5]))[0] == pytest.approx(other.cdf(5.5))


def test_counts_that_vary_less_than_poisson_are_rounded_gamma() -> None:
    found = law(40.0, 10.0, counted=True)
    grid = found.quantile(0.9)[0]
    assert grid == np.rint(grid)
    other = stats.gamma(40.0**2 / 10.0, scale=10.0 / 40.0)
    assert found.cdf(np.array([41.0]))[0] == pytest.approx(other.cdf(41.5))


@pytest.mark.parametrize("counted", [True, False])
def test_without_demand_or_spread_the_total_is_its_mean(*, counted: bool) -> None:
    nothing = law(0.0, 0.0, counted=counted)
    assert nothing.quantile(0.99)[0] == 0
    assert nothing.cdf(np.array([0.0]))[0] == 1
    sure = law(7.0, 0.0, counted=counted)
    assert sure.quantile(0.01)[0] == 7
    assert sure.cdf(np.array([6.0, 7.0][:1]))[0] == 0


@given(
    mean=st.floats(1, 500),
    dispersion=st.floats(0.1, 30),
    level=st.floats(0.005, 0.995),
    counted=st.booleans(),
)
def test_a_quantile_is_the_least_total_that_is_as_probable(
    mean: float, dispersion: float, level: float, *, counted: bool
) -> None:
    found = law(mean, mean * dispersion, counted=counted)
    total: FloatArray = found.quantile(level)
    assert found.cdf(total)[0] >= level - 1e-6
    if counted:
        assert found.cdf(total - 1)[0] < level + 1e-6


@given(mean=st.floats(0.01, 200), dispersion=st.floats(0.2, 20), total=st.integers(0, 600))
def test_the_transform_of_a_count_is_as_long_as_its_probability(
    mean: float, dispersion: float, total: int
) -> None:
    found = law(mean, mean * dispersion, counted=True)
    low, high = found.transform(np.array([float(total)]))
    below = found.cdf(np.array([total - 1.0]))[0] if total else 0.0
    assert low[0] == pytest.approx(below)
    assert high[0] == pytest.approx(found.cdf(np.array([float(total)]))[0])
    assert 0 <= low[0] <= high[0] <= 1


@given(
    moments=st.lists(st.tuples(st.floats(0.0, 900), st.floats(0.0, 40)), min_size=1, max_size=30),
    counted=st.booleans(),
)
def test_many_quantiles_at_once_are_those_of_each_level(
    moments: list[tuple[float, float]], *, counted: bool
) -> None:
    mean = np.array([mean for mean, _ in moments])
    variance = mean * np.array([dispersion for _, dispersion in moments])
    found = MomentLaw(mean, variance, np.full(len(mean), counted))
    together = found.quantiles(QUANTILE_LEVELS)
    apart = np.stack([found.quantile(level) for level in QUANTILE_LEVELS], axis=-1)
    # a level that a probability meets to the last digit goes either way
    assert (np.abs(together - apart) <= 1e-9).mean() > 0.995
    assert np.abs(together - apart).max() <= 1.0


def test_levels_beyond_the_grid_are_refused() -> None:
    with pytest.raises(ValueError, match="highest"):
        law(4.0, 9.0, counted=True).quantiles([0.5, 0.999])


def test_a_masked_total_has_no_probability() -> None:
    assert np.isnan(law(3.0, 5.0, counted=True).cdf(np.array([np.nan]))[0])
