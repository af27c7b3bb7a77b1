"""The model card: written from the metrics, and never of other weights than those beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from forecasting_lib.benchmark.card import GOALS, RAW, WHOLE, missed_goals, model_card, with_evaluation
from forecasting_lib.benchmark.figures import BARS
from forecasting_lib.pretraining.export import METRICS_FILE, weights_digest

BUNDLED = Path(__file__).parents[3] / "data" / "models" / "chronos-2-small-demand"
METRICS: dict[str, Any] = json.loads((BUNDLED / METRICS_FILE).read_text())


def evaluation(whole: float, digest: str = METRICS["weights_sha256"]) -> dict[str, Any]:
    def interval(value: float) -> dict[str, float]:
        return {"value": value, "low": value - 0.01, "high": value + 0.01}

    bars = {bar.name: {RAW: interval(0.5), WHOLE: interval(whole)} for bar in BARS}
    return {
        "data": "m5_280x1941", "series": 280, "horizon_days": 28, "metrics": {}, "bars": bars,
        "windows": {"2016-04-24": bars}, "classes": {"smooth": {"series_windows": 280, "bars": bars}},
        "weights": {"digest": digest}, "synthetic": {},
    }  # fmt: skip


def test_the_bundled_card_is_what_its_metrics_say() -> None:
    assert (BUNDLED / "README.md").read_text() == model_card(BUNDLED.name, METRICS)
    assert METRICS["weights_sha256"] == weights_digest(BUNDLED)
    assert set(GOALS) <= set(METRICS["evaluation"])


def test_every_goal_is_of_a_bar() -> None:
    for goals in GOALS.values():
        assert list(goals) == [bar.name for bar in BARS]


def test_a_goal_is_judged_on_whole_units() -> None:
    close = with_evaluation({**METRICS, "evaluation": {}}, evaluation(whole=0.85))["evaluation"]
    assert missed_goals(close) == [
        ("m5_280x1941", "MASE / seasonal naive"),
        ("m5_280x1941", "absolute bias of the mean"),
    ]
    card = model_card("new", {**METRICS, "evaluation": close})
    assert "It meets 5 of the 7 goals" in card
    assert "| WQL / HistQ56 | 0.500 (0.490 to 0.510) | 0.850 (0.840 to 0.860) | 0.9 | met |" in card
    assert "0.78 | missed |" in card
    assert "| m5_280x1941, 280 series, 1 windows |" in card
    assert "| 2016-04-24 | 0.850 (0.840 to 0.860) |" in card
    assert "| smooth, 280 | 0.850 (0.840 to 0.860) |" in card


def test_weights_that_were_not_evaluated_have_a_card_too() -> None:
    card = model_card("fresh", {k: v for k, v in METRICS.items() if k != "evaluation"})
    assert "# fresh" in card
    assert "goal" not in card.lower()


def test_an_evaluation_of_other_weights_is_refused() -> None:
    with pytest.raises(ValueError, match="evaluate these"):
        with_evaluation(METRICS, evaluation(0.9, digest="f" * 64))
