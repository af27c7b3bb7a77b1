"""What holds for every model of the registry that needs no weights, whatever it computes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forecasting_lib.grain import Grain
from forecasting_lib.models.guards import CAP_FACTOR, LARGEST_DEMAND, guarded_predict
from forecasting_lib.models.registry import REGISTRY, create_model, model_entry, unfit_because
from forecasting_lib.panel import MEDIAN_INDEX, FloatArray, Forecast, Panel
from tests.forecasting_lib.models.panels import AS_OF, panels_of_any_kind, random_panel

NAN = float("nan")

WITHOUT_WEIGHTS = [name for name in REGISTRY if not model_entry(name).needs_weights]
LOCAL = [name for name in WITHOUT_WEIGHTS if name != "gbm"]
"""Each series is answered from its own history alone."""

odd_panels = st.lists(
    st.one_of(
        st.builds(lambda n: [0.0] * n, st.integers(0, 40)),
        st.builds(
            lambda units, n: [units] * n, st.sampled_from([1.0, 7.0, 0.3, 1e9, 1e30]), st.integers(1, 40)
        ),
        st.lists(st.sampled_from([NAN, NAN, NAN, 0.0, 2.0]), max_size=60),
        st.lists(st.sampled_from([0.0, 0.0, 0.0, 1.0, 1e12]), max_size=60),
        st.lists(st.floats(0, 1e6, allow_subnormal=False), max_size=40),
    ),
    min_size=1,
    max_size=5,
)


def of_grain(histories: list[list[float]], grain: Grain) -> Panel:
    arrays = tuple(np.asarray(h, dtype=np.float64) for h in histories)
    return Panel(tuple(f"s{i}" for i in range(len(arrays))), AS_OF, arrays, grain=grain)


def require_sound(forecast: Forecast, panel: Panel) -> None:
    for numbers in (forecast.point, forecast.mean, forecast.quantiles):
        assert np.isfinite(numbers).all()
        assert (numbers >= 0).all()
    assert (np.diff(forecast.quantiles, axis=-1) >= 0).all()
    for row, history in enumerate(panel.history):
        highest = history[np.abs(history) <= LARGEST_DEMAND].max(initial=0.0)
        assert forecast.quantiles[row].max() <= CAP_FACTOR * highest * (1 + 1e-9)


@pytest.mark.parametrize("name", WITHOUT_WEIGHTS)
@given(odd_panels, st.sampled_from(Grain))
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_odd_panels_have_sound_forecasts(name: str, histories: list[list[float]], grain: Grain) -> None:
    panel = of_grain(histories, grain)
    if unfit_because(name, grain) is not None:
        panel = replace(panel, grain=Grain.DAY)
    require_sound(guarded_predict(create_model(name), panel, 9), panel)


@pytest.mark.parametrize("name", WITHOUT_WEIGHTS)
@given(panels_of_any_kind)
@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_panels_that_nobody_checked_have_sound_forecasts(name: str, panel: Panel) -> None:
    require_sound(guarded_predict(create_model(name), panel, 3), panel)


@pytest.mark.parametrize("name", LOCAL)
def test_the_order_of_series_does_not_matter(name: str) -> None:
    panel = random_panel(8, seed=2)
    order = [5, 0, 7, 2, 3, 1, 6, 4]
    whole = create_model(name).predict(panel, 8)
    turned = create_model(name).predict(panel.select(order), 8)
    np.testing.assert_array_equal(turned.quantiles, whole.quantiles[order])
    np.testing.assert_allclose(turned.mean, whole.mean[order], rtol=1e-14)


@pytest.mark.parametrize("name", LOCAL)
def test_two_origins_in_one_panel_are_answered_as_in_two(name: str) -> None:
    """As a backtest asks: the same series as of two dates, joined under ids of their own."""
    later = random_panel(6, seed=3)
    earlier = replace(later, history=tuple(h[:-9] for h in later.history))
    both = Panel(
        series_ids=(*later.series_ids, *(f"{s}@earlier" for s in earlier.series_ids)),
        as_of_date=AS_OF,
        history=(*later.history, *earlier.history),
    )
    joined = create_model(name).predict(both, 5)
    for part, panel in ((slice(0, 6), later), (slice(6, 12), earlier)):
        alone = create_model(name).predict(panel, 5)
        np.testing.assert_array_equal(joined.quantiles[part], alone.quantiles)
        np.testing.assert_allclose(joined.mean[part], alone.mean, rtol=1e-14)


@pytest.mark.parametrize("name", WITHOUT_WEIGHTS)
def test_a_model_answers_the_same_twice_and_in_the_panels_terms(name: str) -> None:
    panel = random_panel(10, seed=4)
    first, second = (create_model(name).predict(panel, 6) for _ in range(2))
    np.testing.assert_array_equal(first.quantiles, second.quantiles)
    assert (first.series_ids, first.as_of_date, first.horizon) == (panel.series_ids, AS_OF, 6)
    if name not in ("ma7", "seasonal_naive"):
        np.testing.assert_array_equal(first.point, first.quantiles[:, :, MEDIAN_INDEX])


@pytest.mark.parametrize("name", [name for name in WITHOUT_WEIGHTS if model_entry(name).reports_progress])
def test_models_that_take_their_time_say_how_far_they_are(name: str) -> None:
    told: list[tuple[int, int]] = []
    create_model(name, progress=lambda done, total: told.append((done, total))).predict(random_panel(3), 2)
    assert told[-1] == (3, 3)


@pytest.mark.parametrize("name", WITHOUT_WEIGHTS)
def test_level_demand_has_its_level_as_mean(name: str) -> None:
    rng = np.random.default_rng(5)
    histories: list[FloatArray] = [rng.poisson(6.0, 200).astype(np.float64) for _ in range(12)]
    panel = Panel(tuple(f"s{i}" for i in range(12)), AS_OF, tuple(histories))
    found = guarded_predict(create_model(name), panel, 7)
    assert found.reasons == (None,) * 12
    assert found.mean.mean() == pytest.approx(6.0, rel=0.12)
    inside = (found.quantiles[:, :, 1] <= 6.0) & (found.quantiles[:, :, -2] >= 6.0)
    assert inside.mean() > 0.9
