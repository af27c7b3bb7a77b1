"""The loop: it learns, resumes where it stopped, and exports what it validated."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from forecasting_lib.pretraining.architecture import Architecture
from forecasting_lib.pretraining.export import METRICS_FILE, export_weights, weights_digest
from forecasting_lib.pretraining.train import (
    CHECKPOINT_FILE,
    PROGRESS_FILE,
    TrainingConfig,
    loss_over,
    train,
)
from forecasting_lib.pretraining.validation import held_out_batches, predict

TINY = TrainingConfig(
    max_windows=500,
    architecture=Architecture(d_model=16, d_ff=32, layers=1, heads=2, d_head=8, max_output_patches=6),
    peak_learning_rate=1e-2,
    warmup_steps=5,
    ema_decay=0.9,
    tokens=300,
    max_rows=32,
    validations=2,
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("run")
    train(TINY, directory)
    return directory


def test_the_loss_falls_and_stays_finite(trained: Path) -> None:
    lines = [json.loads(line) for line in (trained / PROGRESS_FILE).read_text().splitlines()]
    assert len(lines) == 2
    assert all(math.isfinite(line["loss"]) for line in lines)
    assert lines[-1]["loss"] < lines[0]["loss"]
    assert lines[-1]["windows"] >= TINY.max_windows


def test_a_run_that_was_stopped_ends_with_the_weights_of_one_that_was_not(
    trained: Path, tmp_path: Path
) -> None:
    import torch

    asked = iter(range(1000))
    train(TINY, tmp_path, should_stop=lambda: next(asked) >= 7)
    stopped = torch.load(tmp_path / CHECKPOINT_FILE, weights_only=True)
    assert stopped["step"] == 7
    train(TINY, tmp_path)
    whole = torch.load(trained / CHECKPOINT_FILE, weights_only=True)
    resumed = torch.load(tmp_path / CHECKPOINT_FILE, weights_only=True)
    assert resumed["step"] == whole["step"] > 7
    for weights in ("model", "average"):
        for name, tensor in whole[weights].items():
            assert torch.equal(resumed[weights][name], tensor), name


def test_the_loss_is_the_mean_of_the_models_own_over_the_draws() -> None:
    import torch

    model = TINY.architecture.build(attention="eager").eval()
    batch = held_out_batches(windows=8, part=8)[0]
    rows = {
        "context": torch.from_numpy(batch.context),
        "future_covariates": torch.from_numpy(batch.future_covariates),
        "group_ids": torch.from_numpy(batch.group_ids),
        "num_output_patches": batch.output_patches,
    }
    draws = torch.from_numpy(batch.future_target)
    with torch.no_grad():
        alone = [float(model(**rows, future_target=draw).loss) for draw in draws]
        with loss_over(model, draws):
            together = float(model(**rows, future_target=draws[0]).loss)
        after = float(model(**rows, future_target=draws[1]).loss)
    assert together == pytest.approx(np.mean(alone), rel=1e-6)
    assert after == alone[1], "and only within the block"


@pytest.mark.slow
def test_two_processes_resume_like_one(tmp_path: Path) -> None:
    """Both hold the same weights: resumed from the leader's, they end where an unbroken run does."""
    import torch

    pair = replace(TINY, processes=2, max_windows=400)
    train(pair, tmp_path / "whole")
    asked = iter(range(1000))
    train(pair, tmp_path / "broken", should_stop=lambda: next(asked) >= 4)
    train(pair, tmp_path / "broken")
    whole, broken = (
        torch.load(tmp_path / name / CHECKPOINT_FILE, weights_only=True) for name in ("whole", "broken")
    )
    assert whole["windows"] == broken["windows"] >= 400
    for name, tensor in whole["model"].items():
        assert torch.equal(broken["model"][name], tensor), name


def test_a_checkpoint_of_a_crew_is_not_taken_up_alone(trained: Path) -> None:
    with pytest.raises(ValueError, match="processes"):
        train(replace(TINY, processes=2), trained)


def test_several_processes_are_for_a_cpu() -> None:
    with pytest.raises(ValueError, match="cuda"):
        replace(TINY, processes=2, device="cuda")


def test_the_export_loads_with_the_library_and_predicts_as_the_average_does(
    trained: Path, tmp_path: Path
) -> None:
    import torch
    from chronos import BaseChronosPipeline

    weights = torch.load(trained / CHECKPOINT_FILE, weights_only=True)["average"]
    export_weights(weights, TINY.architecture, tmp_path, metrics={})
    exported = BaseChronosPipeline.from_pretrained(tmp_path, dtype=torch.float32).model.eval()
    average = TINY.architecture.build().eval()
    average.load_state_dict({name: tensor.half().float() for name, tensor in weights.items()})
    batch = held_out_batches(windows=8, part=8)[0]
    np.testing.assert_array_equal(predict(exported, batch), predict(average, batch))


def test_the_metrics_name_the_digest_of_the_weights(trained: Path) -> None:
    metrics = json.loads((trained / "best" / METRICS_FILE).read_text())
    assert metrics["weights_sha256"] == weights_digest(trained / "best")
    assert metrics["config"]["seed"] == TINY.seed
    assert metrics["training"]["scores"]["wql"] > 0


def test_a_checkpoint_of_another_architecture_is_refused(trained: Path) -> None:
    wider = replace(TINY, architecture=replace(TINY.architecture, d_model=32))
    with pytest.raises(ValueError, match="choose another directory"):
        train(wider, trained)


def test_a_run_without_an_end_is_refused() -> None:
    with pytest.raises(ValueError, match="max_windows"):
        TrainingConfig()


def test_the_learning_rate_rises_to_its_peak_and_falls_to_a_fiftieth() -> None:
    assert TINY.learning_rate(step=0, progress=0.0) == pytest.approx(1e-2 / 5)
    assert TINY.learning_rate(step=5, progress=0.0) == pytest.approx(1e-2)
    assert TINY.learning_rate(step=99, progress=1.0) == pytest.approx(1e-2 / 50)


def test_progress_follows_the_budget_that_is_nearer_its_end() -> None:
    both = replace(TINY, max_windows=1000, max_minutes=10.0)
    assert both.progress(windows=500, seconds=60.0) == pytest.approx(0.5)
    assert both.progress(windows=500, seconds=480.0) == pytest.approx(0.8)
    assert both.progress(windows=5000, seconds=0.0) == 1.0
