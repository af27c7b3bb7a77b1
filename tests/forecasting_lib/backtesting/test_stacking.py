"""Weights of an ensemble: on the simplex, towards who was better, and never far from equal without need."""

from __future__ import annotations

import numpy as np
import pytest

from forecasting_lib.accuracy.metrics import WQL_LEVELS
from forecasting_lib.backtesting.stacking import EQUAL_SHARE, drawn_towards, fitted_weights, sampled
from forecasting_lib.panel import FloatArray

LEVELS = np.array(WQL_LEVELS)


def members(offsets: list[float], rows: int = 60, seed: int = 2) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Actuals around 50, and members whose quantiles are off by so much."""
    rng = np.random.default_rng(seed)
    actual = rng.normal(50, 5, (rows, 14))
    right = 50 + 5 * np.array([-1.28, -0.84, -0.52, -0.25, 0.0, 0.25, 0.52, 0.84, 1.28])
    quantiles = np.stack([np.broadcast_to(right + offset, (rows, 14, 9)) for offset in offsets])
    return actual, quantiles, np.full(rows, 5.0)


def loss(actual: FloatArray, quantiles: FloatArray, weights: FloatArray) -> float:
    short = actual[..., None] - np.tensordot(weights, quantiles, axes=1)
    return float(np.maximum(LEVELS * short, (LEVELS - 1) * short).mean())


def test_the_better_member_has_nearly_all_the_weight_that_is_not_shared() -> None:
    actual, quantiles, scales = members([0.0, 15.0])
    weights = fitted_weights(actual, quantiles, LEVELS, scales)
    assert weights.sum() == pytest.approx(1.0)
    assert weights[1] == pytest.approx(EQUAL_SHARE / 2, abs=0.03)


def test_members_that_err_on_opposite_sides_are_averaged_to_what_is_best() -> None:
    actual, quantiles, scales = members([-4.0, 8.0])
    weights = fitted_weights(actual, quantiles, LEVELS, scales)
    grid = [np.array([share, 1 - share]) for share in np.linspace(0, 1, 101)]
    best = min(grid, key=lambda candidate: loss(actual, quantiles, candidate))
    fitted = (weights - EQUAL_SHARE / 2) / (1 - EQUAL_SHARE)
    assert fitted[0] == pytest.approx(best[0], abs=0.06)


def test_a_masked_day_and_a_series_without_a_scale_say_nothing() -> None:
    actual, quantiles, scales = members([0.0, 3.0])
    weights = fitted_weights(actual, quantiles, LEVELS, scales)
    more = np.concatenate([actual, np.full((5, 14), 1e6), np.full((5, 14), np.nan)])
    wider = np.concatenate([quantiles, quantiles[:, :10]], axis=1)
    without = np.concatenate([scales, np.full(5, np.nan), np.full(5, 5.0)])
    np.testing.assert_allclose(fitted_weights(more, wider, LEVELS, without), weights)


def test_without_evidence_all_weigh_alike() -> None:
    _, quantiles, scales = members([0.0, 3.0, 5.0])
    weights = fitted_weights(np.full((60, 14), np.nan), quantiles, LEVELS, scales)
    np.testing.assert_allclose(weights, 1 / 3)


def test_a_class_with_few_series_takes_everybodys_weights() -> None:
    own, everybody = np.array([1.0, 0.0]), np.array([0.4, 0.6])
    np.testing.assert_allclose(drawn_towards(own, everybody, 0), everybody)
    assert drawn_towards(own, everybody, 10_000)[0] > 0.99


def test_a_sample_is_spread_over_all_series() -> None:
    chosen = np.arange(1_000)[sampled(1_000)]
    assert len(chosen) <= 400
    assert chosen[-1] > 990
    assert len(np.arange(10)[sampled(10)]) == 10


def test_weights_stay_finite_where_equal_ones_begin_on_level_ground() -> None:
    """The slope at equal weights is all but none, and steep beside it: one series, three periods."""
    actual = np.array([[1.0, 0.0, 1.0]])
    quantiles = np.array(
        [
            [[[1.0, 2.0, 2.0], [0.0, 0.0, 1.0], [1.0, 2.0, 3.0]]],
            [[[0.0, 1.0, 5.0], [0.0, 1.0, 1.0], [0.0, 1.0, 3.0]]],
        ]
    )
    weights = fitted_weights(actual, quantiles, np.array([0.1, 0.5, 0.9]), np.ones(1))
    assert np.isfinite(weights).all()
    assert weights.sum() == pytest.approx(1.0)
    assert weights[1] > 0.8, "the second is the better one"
