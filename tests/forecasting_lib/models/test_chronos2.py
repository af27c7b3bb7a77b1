"""The Chronos-2 adapter on a tiny model of the genuine architecture, loaded by the genuine code."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from safetensors.numpy import load_file, save_file

from forecasting_lib.models.chronos2 import Chronos2, load_pipeline
from forecasting_lib.models.guards import Reason, guarded_predict
from forecasting_lib.models.naive import MovingAverage
from forecasting_lib.models.weights import WeightsUnavailable
from forecasting_lib.panel import MEDIAN_INDEX, QUANTILE_LEVELS, Panel
from forecasting_lib.quantile_grid import demand_grid, grid_mean, whole_units
from tests.forecasting_lib.models.panels import panel_of, panels_of_any_kind, random_panel
from tests.tiny_chronos import save_tiny_chronos

NAN = float("nan")


@pytest.fixture(scope="module")
def model(tiny_chronos: Path) -> Chronos2:
    """A model that publishes what it answers; the panels here are of counts."""
    return Chronos2(tiny_chronos, in_whole_units=False)


def with_promotions(panel: Panel, horizon: int, *, seed: int = 0) -> Panel:
    """The panel with a promotion flag known ahead and a price that is not."""
    rng = np.random.default_rng(seed)
    return replace(
        panel,
        past_covariates={
            "promo": tuple(rng.integers(0, 2, len(h)).astype(np.float64) for h in panel.history),
            "price": tuple(rng.uniform(1, 9, len(h)) for h in panel.history),
        },
        future_covariates={
            "promo": tuple(rng.integers(0, 2, horizon).astype(np.float64) for _ in panel.history)
        },
    )


def test_point_is_the_median_and_mean_the_integral_of_the_grid(model: Chronos2) -> None:
    forecast = model.predict(random_panel(5), 20)
    np.testing.assert_array_equal(forecast.point, forecast.quantiles[:, :, MEDIAN_INDEX])
    np.testing.assert_array_equal(forecast.mean, grid_mean(forecast.quantiles))
    assert (forecast.mean != forecast.point).any()


def test_the_same_panel_gives_the_same_numbers(model: Chronos2) -> None:
    panel = random_panel(7)
    first = model.predict(panel, 28)
    np.testing.assert_array_equal(model.predict(panel, 28).quantiles, first.quantiles)
    np.testing.assert_array_equal(replace(model).predict(panel, 28).quantiles, first.quantiles)


def test_counts_are_forecast_in_whole_units_and_amounts_as_answered(tiny_chronos: Path) -> None:
    counts = random_panel(6)
    panel = panel_of(*counts.history, *(h + 0.25 for h in counts.history))
    published, answered = (
        Chronos2(tiny_chronos, in_whole_units=whole).predict(panel, 28) for whole in (True, False)
    )
    assert (published.quantiles[:6] != answered.quantiles[:6]).any()
    np.testing.assert_array_equal(published.quantiles[:6], whole_units(answered.quantiles[:6]))
    np.testing.assert_array_equal(published.quantiles[6:], answered.quantiles[6:])
    np.testing.assert_array_equal(published.mean, answered.mean)
    np.testing.assert_array_equal(published.point, published.quantiles[:, :, MEDIAN_INDEX])


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("covariates", [False, True])
def test_a_series_does_not_depend_on_its_batch(model: Chronos2, covariates: bool, whole: bool) -> None:
    model = replace(model, in_whole_units=whole)
    panel = random_panel(9, longest=400)
    panel = with_promotions(panel, 14) if covariates else panel
    together = model.predict(panel, 14)
    in_threes = replace(model, batch_rows=3).predict(panel, 14)
    np.testing.assert_allclose(in_threes.quantiles, together.quantiles, rtol=1e-4, atol=1e-4)
    for i in range(len(panel)):
        alone = model.predict(panel.select([i]), 14)
        np.testing.assert_allclose(alone.quantiles[0], together.quantiles[i], rtol=1e-4, atol=1e-4)


def test_days_before_the_context_do_not_matter(tiny_chronos: Path) -> None:
    panel = random_panel(3, longest=90)
    longer = panel_of(*(np.r_[np.full(50, 99.0), np.full(64, 2.0), h] for h in panel.history))
    shorter = panel_of(*(np.r_[np.full(64, 2.0), h] for h in panel.history))
    model = Chronos2(tiny_chronos, context_days=64)
    np.testing.assert_array_equal(model.predict(longer, 7).quantiles, model.predict(shorter, 7).quantiles)


def test_masked_days_inside_a_history_are_allowed(model: Chronos2) -> None:
    whole = np.tile([1.0, 5.0, 2.0, 8.0], 20)
    holed = whole.copy()
    holed[30:37] = NAN
    forecast = model.predict(panel_of(whole, holed), 7)
    assert np.isfinite(forecast.quantiles).all()
    assert (forecast.quantiles[0] != forecast.quantiles[1]).any()


def test_a_context_without_an_observed_day_is_left_to_the_fallback(tiny_chronos: Path) -> None:
    panel = panel_of([5.0, 7.0] + [NAN] * 40, [5.0, 7.0] * 20)
    model = Chronos2(tiny_chronos, context_days=32)
    assert np.isnan(model.predict(panel, 3).quantiles[0]).all()
    forecast = guarded_predict(model, panel, 3)
    assert forecast.reasons == (Reason.NOT_FINITE, None)
    np.testing.assert_array_equal(forecast.mean[0], MovingAverage().predict(panel, 3).mean[0])


def test_a_promotion_ahead_moves_its_own_series_only(model: Chronos2) -> None:
    panel = with_promotions(random_panel(4), 14)
    flipped = replace(
        panel,
        future_covariates={
            "promo": (1 - panel.future_covariates["promo"][0], *panel.future_covariates["promo"][1:])
        },
    )
    before, after = model.predict(panel, 14), model.predict(flipped, 14)
    assert np.abs(after.quantiles[0] - before.quantiles[0]).max() > 1e-3
    np.testing.assert_allclose(after.quantiles[1:], before.quantiles[1:], rtol=1e-5)


def test_unknown_covariate_values_are_allowed(model: Chronos2) -> None:
    panel = with_promotions(random_panel(3), 14)
    unknown = replace(
        panel, past_covariates={k: tuple(a * NAN for a in v) for k, v in panel.past_covariates.items()}
    )
    assert np.isfinite(model.predict(unknown, 14).quantiles).all()


def test_a_covariate_that_ends_before_the_horizon_is_refused(model: Chronos2) -> None:
    with pytest.raises(ValueError, match="'promo' is not known for all 15 days ahead"):
        model.predict(with_promotions(random_panel(2), 14), 15)


def test_a_horizon_beyond_the_models_own_is_forecast_in_steps(model: Chronos2) -> None:
    with pytest.warns(UserWarning, match="prediction length <= 64"):
        assert np.isfinite(model.predict(random_panel(2), 90).quantiles).all()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(panel=panels_of_any_kind)
def test_any_panel_gives_publishable_numbers(model: Chronos2, panel: Panel) -> None:
    forecast = guarded_predict(model, panel, 5)
    for numbers in (forecast.point, forecast.mean, forecast.quantiles):
        assert np.isfinite(numbers).all()
        assert (numbers >= 0).all()
    assert (np.diff(forecast.quantiles, axis=2) >= 0).all()


@pytest.mark.parametrize("covariates", [False, True])
@pytest.mark.parametrize("horizon", [14, 16, 64])
def test_one_pass_gives_what_the_library_gives(tiny_chronos: Path, covariates: bool, horizon: int) -> None:
    panel = random_panel(6, longest=700)
    panel = with_promotions(panel, horizon) if covariates else panel
    inputs = [
        {
            "target": panel.history[i],
            "past_covariates": {k: v[i] for k, v in panel.past_covariates.items()},
            "future_covariates": {k: v[i] for k, v in panel.future_covariates.items()},
        }
        for i in range(len(panel))
    ]
    theirs, _ = load_pipeline(tiny_chronos).predict_quantiles(
        inputs, prediction_length=horizon, quantile_levels=list(QUANTILE_LEVELS)
    )
    model = Chronos2(tiny_chronos, context_days=9999, in_whole_units=False)
    ours = model.predict(panel, horizon).quantiles
    expected = demand_grid(np.stack([p[0].numpy() for p in theirs]).astype(np.float64))
    np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-4)


def test_weights_with_other_levels_are_brought_to_the_grid(tiny_chronos: Path, tmp_path: Path) -> None:
    deciles = [0.01, *(round(0.1 * i, 1) for i in range(1, 10)), 0.99]
    panel = random_panel(2)
    forecast = Chronos2(save_tiny_chronos(tmp_path, levels=deciles)).predict(panel, 5)
    assert np.isfinite(forecast.quantiles).all()
    assert forecast.quantiles.shape == Chronos2(tiny_chronos).predict(panel, 5).quantiles.shape


def test_progress_counts_every_series_once(tiny_chronos: Path) -> None:
    told: list[tuple[int, int]] = []
    model = Chronos2(tiny_chronos, batch_rows=4, progress=lambda done, total: told.append((done, total)))
    model.predict(random_panel(10), 3)
    assert told == [(4, 10), (8, 10), (10, 10)]


def test_weights_stored_in_half_precision_run_in_single(tmp_path: Path) -> None:
    import torch

    pipeline = load_pipeline(save_tiny_chronos(tmp_path, half_precision=True))
    assert {p.dtype for p in pipeline.model.parameters()} == {torch.float32}
    assert not pipeline.model.training


def test_a_file_without_some_of_the_tensors_is_refused(tiny_chronos: Path, tmp_path: Path) -> None:
    broken = shutil.copytree(tiny_chronos, tmp_path / "model")
    tensors = load_file(broken / "model.safetensors")
    dropped = sorted(tensors)[0]
    del tensors[dropped]
    save_file(tensors, broken / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(WeightsUnavailable, match=f"lacks 1 tensors.*{dropped}"):
        Chronos2(broken).predict(random_panel(1), 3)


def test_a_config_of_another_size_is_refused(tiny_chronos: Path, tmp_path: Path) -> None:
    broken = shutil.copytree(tiny_chronos, tmp_path / "model")
    config = json.loads((broken / "config.json").read_text())
    (broken / "config.json").write_text(json.dumps(config | {"d_model": 64}))
    with pytest.raises(WeightsUnavailable, match="does not load as a Chronos-2 model"):
        load_pipeline(broken)


def test_settings_below_one_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Chronos2(Path(), context_days=0)
    with pytest.raises(ValueError, match="at least 1"):
        Chronos2(Path(), batch_rows=0)
