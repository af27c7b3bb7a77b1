"""The intermittent models against their textbook recursions, and the shape they are given."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsforecast.models import ADIDA, IMAPA

from forecasting_lib.grain import Grain
from forecasting_lib.models.intermittent import IntermittentDemand, Method
from forecasting_lib.models.past_errors import shaped_like
from forecasting_lib.panel import QUANTILE_LEVELS, FloatArray, Panel
from tests.forecasting_lib.models.panels import AS_OF, panel_of

NAN = float("nan")


def croston_sba(demand: FloatArray) -> float:
    """Croston 1972 with smoothing 0.1, times 1 - 0.1 / 2 (Syntetos and Boylan 2005)."""
    periods = np.flatnonzero(demand > 0)
    sizes, intervals = demand[periods], np.diff(periods, prepend=-1).astype(float)
    size, interval = sizes[0], intervals[0]
    for new_size, new_interval in zip(sizes[1:], intervals[1:], strict=True):
        size += 0.1 * (new_size - size)
        interval += 0.1 * (new_interval - interval)
    return float(0.95 * size / interval)


def tsb(demand: FloatArray) -> float:
    """Teunter, Syntetos and Babai 2011, with smoothing 0.1 of both."""
    probability, size = float(demand[0] > 0), demand[demand > 0][0]
    seen = False
    for period, units in enumerate(demand):
        if period:
            probability += 0.1 * (float(units > 0) - probability)
        if units > 0:
            size = size + 0.1 * (units - size) if seen else units
            seen = True
    return float(probability * size)


@given(
    st.lists(
        st.one_of(st.just(0.0), st.just(NAN), st.integers(1, 30).map(float)), min_size=2, max_size=60
    ).map(lambda days: [2.0, *days]),
    st.sampled_from([(Method.CROSTON_SBA, croston_sba), (Method.TSB, tsb)]),
)
def test_the_mean_is_the_textbooks_over_observed_days(
    days: list[float], method: tuple[Method, Callable[[FloatArray], float]]
) -> None:
    name, textbook = method
    demand = np.array(days)
    found = IntermittentDemand(name).predict(panel_of(days), 3)
    np.testing.assert_allclose(found.mean[0], textbook(demand[~np.isnan(demand)]), rtol=1e-9)


@pytest.mark.parametrize(("method", "theirs"), [(Method.ADIDA, ADIDA()), (Method.IMAPA, IMAPA())])
def test_the_mean_is_statsforecasts_own(method: Method, theirs: ADIDA | IMAPA) -> None:
    rng = np.random.default_rng(2)
    history = np.asarray(rng.poisson(0.4, 200) * rng.integers(1, 6, 200), dtype=np.float64)
    history[0] = 1.0
    expected = theirs.forecast(history, h=1)["mean"][0]
    np.testing.assert_allclose(IntermittentDemand(method).predict(panel_of(history), 4).mean, expected)


def test_sums_of_as_many_days_as_lie_between_two_sales_are_smoothed() -> None:
    """Every third day three units: ADIDA's sums of three days are 3, its days 1."""
    history = np.tile([3.0, 0.0, 0.0], 20)
    assert IntermittentDemand(Method.ADIDA).predict(panel_of(history), 1).mean[0, 0] == pytest.approx(
        1.0, rel=0.02
    )


@pytest.mark.parametrize("method", Method)
class TestEveryMethod:
    def test_as_many_days_without_demand_are_forecast_as_there_were(self, method: Method) -> None:
        rng = np.random.default_rng(5)
        history = np.where(rng.random(120) < 0.3, rng.gamma(4.0, 2.0, 120), 0.0)
        history[0] = 7.5
        found = IntermittentDemand(method).predict(panel_of(history), 2)
        zeros = (history[-56:] == 0).mean()
        for i, level in enumerate(QUANTILE_LEVELS):
            if abs(level - zeros) > 0.03:
                assert (found.quantiles[0, 0, i] == 0) == (level < zeros)

    def test_the_distribution_has_the_shape_of_recent_demand_and_the_models_mean(
        self, method: Method
    ) -> None:
        history = np.random.default_rng(6).gamma(0.5, 8.0, 150)
        found = IntermittentDemand(method).predict(panel_of(history), 1)
        recent = history[-56:]
        expected = np.quantile(recent, QUANTILE_LEVELS) * found.mean[0, 0] / recent.mean()
        np.testing.assert_allclose(found.quantiles[0, 0], expected, rtol=1e-9)

    def test_a_masked_day_is_as_if_it_had_not_been(self, method: Method) -> None:
        history = np.random.default_rng(7).poisson(0.6, 90).astype(np.float64)
        history[0] = 2.0
        masked = np.insert(history, [10, 40, 40, 70, 90], NAN)
        found = IntermittentDemand(method).predict(panel_of(history, masked), 5)
        np.testing.assert_array_equal(found.quantiles[0], found.quantiles[1])
        np.testing.assert_array_equal(found.mean[0], found.mean[1])

    def test_four_times_the_demand_has_four_times_the_forecast(self, method: Method) -> None:
        history = np.asarray(np.random.default_rng(8).poisson(0.6, 90) * 1.25, dtype=np.float64)
        history[0] = 1.25
        found = IntermittentDemand(method).predict(panel_of(history, 4.0 * history + 0.0), 5)
        np.testing.assert_allclose(found.mean[1], 4.0 * found.mean[0], rtol=1e-6)

    def test_a_year_without_demand_is_followed_by_another(self, method: Method) -> None:
        found = IntermittentDemand(method).predict(panel_of(np.r_[[5.0, 2.0], np.zeros(400)]), 3)
        assert not found.quantiles.any()
        assert not found.mean.any()

    @pytest.mark.parametrize("grain", Grain)
    def test_every_grain_is_answered(self, method: Method, grain: Grain) -> None:
        history = np.random.default_rng(9).poisson(0.8, 80).astype(np.float64)
        history[0] = 1.0
        found = IntermittentDemand(method).predict(Panel(("a",), AS_OF, (history,), grain=grain), 4)
        assert found.mean[0, 0] == pytest.approx(history[-20:].mean(), abs=0.6)


def test_the_shape_is_that_of_the_last_periods() -> None:
    demand = np.r_[np.full(100, 50.0), np.tile([0.0, 4.0], 12)]
    assert shaped_like(1.0, demand, Grain.MONTH)[-1] == 2.0
    assert not shaped_like(1.0, np.zeros(5), Grain.DAY).any()
