"""Tuning on a history: what trains, what judges, and when the result is used."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from forecasting_lib.finetuning import (
    Comparison,
    FinetuneConfig,
    FinetuneError,
    compare,
    finetune,
    training_inputs,
)
from forecasting_lib.models.chronos2 import Chronos2
from forecasting_lib.origins import Origin
from forecasting_lib.panel import Panel
from tests.tiny_chronos import save_tiny_chronos

CUT = date(2026, 3, 31)
HORIZON = 7
NAN = float("nan")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = save_tiny_chronos(tmp_path_factory.mktemp("base"))
    config = json.loads((directory / "config.json").read_text())
    (directory / "config.json").write_text(json.dumps(config | {"grains": ["day"]}))
    return directory


def weekly_panel(n: int = 6, days: int = 90) -> Origin:
    """Demand that all but repeats every week, which random weights do not know."""
    rng = np.random.default_rng(0)
    week = np.tile([1.0, 2, 3, 4, 9, 12, 0], days // 7 + 2)[: days + HORIZON]
    rows = [week * (i + 1) + rng.integers(0, 2, len(week)).astype(np.float64) for i in range(n)]
    promo = tuple((week[:days] > 8).astype(np.float64) for _ in rows)
    panel = Panel(
        tuple(str(i) for i in range(n)),
        CUT,
        tuple(row[:days] for row in rows),
        past_covariates={"promo": promo, "price": tuple(np.full(days, 2.0) for _ in rows)},
        future_covariates={"promo": tuple(np.zeros(HORIZON) for _ in rows)},
    )
    return Origin(panel, np.stack([row[days:] for row in rows]))


@pytest.mark.parametrize("method", ["full", "lora"])
def test_tuned_weights_load_like_any_other_and_learn_the_history(
    method: str, base: Path, tmp_path: Path
) -> None:
    later = weekly_panel()
    steps: list[int] = []
    config = FinetuneConfig(method=method, steps=25, learning_rate=5e-3, batch_rows=18)  # type: ignore[arg-type]
    finetune(base, later.panel, HORIZON, config, tmp_path / "tuned", steps.append)
    assert steps == list(range(1, 26))
    comparison = compare(base, tmp_path / "tuned", later)
    assert comparison.tuned_scaled < comparison.base_scaled
    assert json.loads((tmp_path / "tuned" / "config.json").read_text())["grains"] == ["day"]
    tuned = Chronos2(tmp_path / "tuned")
    first, second = (tuned.predict(later.panel, HORIZON).quantiles for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_the_same_history_and_seed_give_the_same_weights(base: Path, tmp_path: Path) -> None:
    config = FinetuneConfig(method="lora", steps=2, batch_rows=8)
    for name in ("one", "two"):
        finetune(base, weekly_panel().panel, HORIZON, config, tmp_path / name)
    files = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("one", "two")]
    assert files[0] == files[1]
    assert files[0] != (base / "model.safetensors").read_bytes()


def test_training_sees_series_from_their_first_sale_on_and_short_ones_not_at_all() -> None:
    panel = Panel(
        ("late", "short", "never"),
        CUT,
        (np.r_[np.zeros(10), 1.0, np.full(19, 2.0)], np.r_[np.zeros(25), np.ones(5)], np.zeros(30)),
        past_covariates={"promo": tuple(np.arange(30.0) for _ in range(3))},
        future_covariates={"promo": tuple(np.zeros(HORIZON) for _ in range(3))},
    )
    (only,) = training_inputs(panel, 2 * HORIZON)
    assert only["target"].tolist() == [1.0] + [2.0] * 19
    assert only["past_covariates"]["promo"].tolist() == list(range(10, 30))
    assert only["future_covariates"] == {"promo": None}


def test_a_history_too_short_to_train_on_is_refused(base: Path, tmp_path: Path) -> None:
    with pytest.raises(FinetuneError, match="No series has 14 days"):
        finetune(base, weekly_panel(days=13).panel, HORIZON, FinetuneConfig(steps=1), tmp_path / "tuned")


def test_days_without_a_sale_judge_nothing(base: Path) -> None:
    later = weekly_panel()
    with pytest.raises(FinetuneError, match="Nothing was sold after the cut"):
        compare(base, base, Origin(later.panel, np.zeros_like(later.actual)))


def test_masked_days_do_not_judge(base: Path) -> None:
    later = weekly_panel()
    masked = later.actual.copy()
    masked[:, 3] = NAN
    wild = np.where(np.isnan(masked), 1e4, masked)
    assert np.isfinite(compare(base, base, Origin(later.panel, masked)).base_scaled)
    assert (
        compare(base, base, Origin(later.panel, wild)).base_scaled
        > compare(base, base, Origin(later.panel, masked)).base_scaled
    )


@pytest.mark.parametrize(
    ("tuned_scaled", "tuned_wql", "accepted"),
    [(0.97, 0.5, True), (0.98, 0.5, True), (0.99, 0.4, False), (0.9, 0.51, False)],
)
def test_weights_are_accepted_by_the_margin_and_never_against_the_large_sellers(
    tuned_scaled: float, tuned_wql: float, accepted: bool
) -> None:
    comparison = Comparison(1.0, tuned_scaled, 0.5, tuned_wql)
    assert comparison.accepted(0.02) is accepted
    assert comparison.sentence(0.02).startswith("Accepted" if accepted else "Rejected")


def test_settings_that_mean_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="steps"):
        FinetuneConfig(steps=0)
    with pytest.raises(ValueError, match="lora, full"):
        FinetuneConfig(method="qlora")  # type: ignore[arg-type]
