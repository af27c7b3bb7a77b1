"""The ratio of losses on promotion days, on a model that cannot know better than chance."""

from __future__ import annotations

from pathlib import Path

import pytest

from forecasting_lib.evaluation.known_promotions import promotion_ratio
from forecasting_lib.models.chronos2 import load_pipeline
from tests.tiny_chronos import save_tiny_chronos


def test_random_weights_gain_nothing_from_being_told(tmp_path: Path) -> None:
    model = load_pipeline(save_tiny_chronos(tmp_path)).model
    ratio = promotion_ratio(model, draws=200)
    assert ratio.low <= ratio.value <= ratio.high
    assert ratio.value == pytest.approx(1.0, abs=0.1)
