"""Laws of demand against their own definition: sums over every quantity, and what they say of no demand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from forecasting_lib.inventory.bisection import first_where
from forecasting_lib.inventory.demand_law import DemandLaw
from forecasting_lib.inventory.demand_laws import GammaDemand, NegativeBinomialDemand, PoissonDemand
from forecasting_lib.inventory.stationary_excess import undershoot_of_normal_demand, undershoot_of_whole_units
from forecasting_lib.inventory.tabulated_demand import (
    TabulatedDemand,
    demand_over_lead_times,
    undershoot_of_tabulated_demand,
)

MEAN = np.array([0.05, 0.7, 6.0, 40.0])
VARIANCE = np.array([0.4, 0.7, 5.0, 400.0])
UNITS = np.arange(2_000)


def probabilities() -> np.ndarray:
    """Overdispersed where the variance exceeds the mean, else Poisson's, as the law promises."""
    rows = [
        stats.nbinom.pmf(UNITS, m**2 / (v - m), m / v) if v > m else stats.poisson.pmf(UNITS, m)
        for m, v in zip(MEAN, VARIANCE, strict=True)
    ]
    return np.stack(rows)


@pytest.mark.parametrize("quantity", [-3.0, -0.5, 0.0, 0.4, 1.0, 7.0, 7.5, 60.0])
def test_probabilities_and_shortage_are_the_sums_over_every_quantity(quantity: float) -> None:
    asked = np.full(4, quantity)
    table = probabilities()
    for law in (NegativeBinomialDemand(MEAN, VARIANCE), TabulatedDemand(table / table.sum(1, keepdims=True))):
        assert law.exceedance(asked) == pytest.approx(table[:, quantity < UNITS].sum(axis=1), abs=1e-9)
        short = table @ np.maximum(UNITS - quantity, 0.0)
        assert law.expected_shortage(asked) == pytest.approx(short, abs=1e-8)


@pytest.mark.parametrize("level", [0.03, 0.5, 0.9, 0.9999])
def test_a_quantile_is_the_fewest_units_that_cover_demand(level: float) -> None:
    table = probabilities()
    for law in (NegativeBinomialDemand(MEAN, VARIANCE), TabulatedDemand(table / table.sum(1, keepdims=True))):
        units = law.quantile(level)
        assert (1.0 - law.exceedance(units) >= level - 1e-12).all()
        fewer = 1.0 - law.exceedance(units - 1.0)
        assert ((fewer < level) | (units == 0.0)).all()


def test_shortage_of_a_gamma_law_is_the_integral_over_its_tail() -> None:
    law = GammaDemand(MEAN[2:], VARIANCE[2:])
    asked = np.array([3.0, 55.0])
    step = 0.02
    tail = sum(law.exceedance(asked + (k + 0.5) * step) * step for k in range(20_000))
    assert law.expected_shortage(asked) == pytest.approx(tail, abs=1e-4)


@pytest.mark.parametrize("law", [PoissonDemand, NegativeBinomialDemand, GammaDemand])
def test_without_a_mean_nothing_is_demanded_and_an_unknown_one_stays_unknown(law: type) -> None:
    mean = np.array([0.0, np.nan])
    made: DemandLaw = law(mean) if law is PoissonDemand else law(mean, np.array([0.0, np.nan]))
    for found, served in (
        (made.quantile(0.95), 0.0),
        (made.exceedance(np.zeros(2)), 0.0),
        (made.expected_shortage(np.zeros(2)), 0.0),
        (made.expected_shortage(np.full(2, -2.0)), 2.0),
    ):
        assert found[0] == served
        assert np.isnan(found[1])


@pytest.mark.parametrize("law", [PoissonDemand, NegativeBinomialDemand, GammaDemand])
def test_impossible_moments_and_levels_are_refused(law: type) -> None:
    wrong = np.array([-1.0])
    with pytest.raises(ValueError, match="at least 0"):
        law(wrong) if law is PoissonDemand else law(wrong, -wrong)
    made = law(-wrong) if law is PoissonDemand else law(-wrong, -wrong)
    for level in (0.0, 1.0, np.array([1.2])):
        with pytest.raises(ValueError, match="strictly between 0 and 1"):
            made.quantile(level)


def test_undershoot_by_moments_is_that_of_the_tabulated_law() -> None:
    sizes = np.array([[0.9, 0.05, 0.0, 0.02, 0.0, 0.03]])
    units = np.arange(6.0)
    moments = ((sizes * units**power).sum(axis=1) for power in (1, 2, 3))
    by_moments = undershoot_of_whole_units(*moments)
    exact = undershoot_of_tabulated_demand(TabulatedDemand(sizes))
    assert by_moments.mean == pytest.approx(exact.mean)
    assert by_moments.sd == pytest.approx(exact.sd)


def test_demand_one_by_one_is_never_below_the_reorder_point_and_no_demand_has_no_undershoot() -> None:
    assert undershoot_of_tabulated_demand(TabulatedDemand(np.array([[0.4, 0.6]]))).mean[0] == 0.0
    nothing = undershoot_of_normal_demand(np.array([0.0, np.nan]), np.array([0.0, 1.0]))
    assert nothing.mean[0] == nothing.variance[0] == 0.0
    assert np.isnan(nothing.mean[1])


def test_lead_times_that_are_no_probabilities_are_refused() -> None:
    coin = TabulatedDemand(np.array([[0.5, 0.5]]))
    for lead_times in ({1: 0.5}, {-1: 1.0}, {1: 1.5, 2: -0.5}):
        with pytest.raises(ValueError, match="add up to 1"):
            demand_over_lead_times(coin, lead_times)
    with pytest.raises(ValueError, match="add up to 1"):
        TabulatedDemand(np.array([[0.5, 0.4]]))


def test_the_search_says_where_a_condition_never_holds() -> None:
    low, step = np.array([0.0, 0.0, np.nan, 5.0]), np.ones(4)
    limit = np.array([1e6, np.inf, 3.0, 2.0])
    found = first_where(lambda x: np.asarray(x >= limit), low, step, whole=True)
    assert found[0] == 1e6
    assert np.isnan(found[1:3]).all()
    assert found[3] == 5.0
