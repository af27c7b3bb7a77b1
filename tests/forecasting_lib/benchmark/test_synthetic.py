"""Ratios on held-out synthetic demand, on a model that cannot know better than chance."""

from __future__ import annotations

from pathlib import Path

import pytest

from forecasting_lib.benchmark.synthetic import promotion_ratio, whole_units_ratio
from forecasting_lib.models.chronos2 import load_pipeline
from tests.tiny_chronos import save_tiny_chronos

BUNDLED = Path(__file__).parents[3] / "data" / "models" / "chronos-2-small-demand"


def test_random_weights_gain_nothing_from_being_told(tmp_path: Path) -> None:
    model = load_pipeline(save_tiny_chronos(tmp_path)).model
    ratio = promotion_ratio(model, draws=200)
    assert ratio.low <= ratio.value <= ratio.high
    assert ratio.value == pytest.approx(1.0, abs=0.1)


def test_the_bundled_model_is_better_in_whole_units() -> None:
    ratio = whole_units_ratio(load_pipeline(BUNDLED).model, draws=200)
    assert ratio.value <= ratio.high < 1.0, "publish what the model answers: Chronos2(in_whole_units=False)"
