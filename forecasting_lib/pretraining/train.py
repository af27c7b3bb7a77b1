"""Train a small Chronos-2 from scratch on the endless stream of synthetic demand.

Belongs here: the loop, the schedule, the moving average, checkpoints, the choice of the best weights.
Does not belong here: the data (demand, batches), the scores (validation), the file format (export).
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forecasting_lib.pretraining.architecture import Architecture
from forecasting_lib.pretraining.batches import Batch, training_batch
from forecasting_lib.pretraining.export import export_weights
from forecasting_lib.pretraining.validation import Scores, score

if TYPE_CHECKING:
    import torch
    from chronos.chronos2 import Chronos2Model

CHECKPOINT_FILE = "checkpoint.pt"
PROGRESS_FILE = "progress.jsonl"
EXPORT_FOLDER = "best"


@dataclass(frozen=True)
class TrainingConfig:
    """What a training run is; together with the code it fixes the weights up to the budget's clock.

    At least one of the two budgets is set. The cosine runs over the share of the budget that is spent:
    a budget in windows makes a run repeatable to the bit, one in minutes fits it into a night.

    Attributes:
        max_windows: training windows to see.
        max_minutes: time to spend, over all resumptions.
        peak_learning_rate: reached after ``warmup_steps``, then a cosine down to a fiftieth of it.
        ema_decay: of the moving average of the weights, which is what is validated and exported.
        tokens: patches a batch holds, about.
        max_rows: most rows of a batch, covariates included.
        validations: how often to validate, checkpoint and export over the whole budget.
        threads: CPU threads; 1 leaves the machine to others.
        device: ``cpu`` or ``cuda``.
    """

    max_windows: int | None = None
    max_minutes: float | None = None
    seed: int = 7
    architecture: Architecture = field(default_factory=Architecture)
    peak_learning_rate: float = 3e-3
    weight_decay: float = 0.02
    warmup_steps: int = 300
    ema_decay: float = 0.999
    gradient_norm: float = 1.0
    tokens: int = 1_000
    max_rows: int = 64
    validations: int = 24
    threads: int = 1
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.max_windows is None and self.max_minutes is None:
            raise ValueError("give max_windows, max_minutes or both: training has no other end")

    def progress(self, windows: int, seconds: float) -> float:
        """Share of the budget that is spent, 0 to 1: of the two budgets, the one nearer its end."""
        by_windows = windows / self.max_windows if self.max_windows else 0.0
        by_time = seconds / (60.0 * self.max_minutes) if self.max_minutes else 0.0
        return min(1.0, max(by_windows, by_time))

    def learning_rate(self, step: int, progress: float) -> float:
        """Linear warm-up, then half a cosine from the peak down to a fiftieth of it."""
        floor = 0.02
        cosine = floor + (1.0 - floor) * 0.5 * (1.0 + math.cos(math.pi * progress))
        return self.peak_learning_rate * cosine * min(1.0, (step + 1) / self.warmup_steps)


@dataclass(frozen=True)
class Progress:
    """One line of the progress file, written at every validation.

    Attributes:
        loss: mean training loss since the line before.
        seconds: time spent so far, over all resumptions, validations left out.
        generator_share: share of that stretch's time that went into making demand.
    """

    step: int
    windows: int
    seconds: float
    share: float
    loss: float
    learning_rate: float
    generator_share: float
    scores: Scores
    is_best: bool


@dataclass
class _State:
    """Everything that a checkpoint holds."""

    model: Chronos2Model
    average: dict[str, torch.Tensor]
    optimizer: torch.optim.Optimizer
    step: int = 0
    windows: int = 0
    seconds: float = 0.0
    best_wql: float = math.inf

    def save(self, path: Path, config: TrainingConfig) -> None:
        """Write the checkpoint beside the old one and swap: a crash leaves one of them whole."""
        import torch

        fresh = path.with_suffix(".partial")
        torch.save(
            {
                "config": asdict(config),
                "model": self.model.state_dict(),
                "average": self.average,
                "optimizer": self.optimizer.state_dict(),
                "step": self.step,
                "windows": self.windows,
                "seconds": self.seconds,
                "best_wql": self.best_wql,
            },
            fresh,
        )
        fresh.replace(path)

    def load(self, path: Path, config: TrainingConfig) -> None:
        """Take up a checkpoint.

        Raises:
            ValueError: it was made with another seed or architecture.
        """
        import torch

        saved = torch.load(path, map_location=config.device, weights_only=True)
        wanted = asdict(config)
        for key in ("seed", "architecture"):
            if saved["config"][key] != wanted[key]:
                raise ValueError(
                    f"{path} was trained with {key} {saved['config'][key]}, not {wanted[key]}; "
                    "choose another directory"
                )
        self.model.load_state_dict(saved["model"])
        self.average = saved["average"]
        self.optimizer.load_state_dict(saved["optimizer"])
        self.step, self.windows, self.seconds = saved["step"], saved["windows"], saved["seconds"]
        self.best_wql = saved["best_wql"]


def train(
    config: TrainingConfig,
    directory: Path,
    on_progress: Callable[[Progress], None] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Path:
    """Train until the budget is spent, resuming from the directory's checkpoint if there is one.

    At every validation the directory gains a line in ``progress.jsonl`` and a new ``checkpoint.pt``,
    and, where the moving average is the best so far on held-out synthetic windows, a new ``best/``.

    Args:
        on_progress: called with every line.
        should_stop: asked before every step; when it says yes, the run validates, saves and returns.
            Resume later, with a larger budget, or with a smaller one that lets the learning rate fall.

    Returns:
        The directory of the best weights.

    Raises:
        ValueError: the checkpoint belongs to another seed or architecture.
        FloatingPointError: the loss is no longer finite.
    """
    import torch

    threads, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    torch.set_num_threads(config.threads)
    # Tensors stay fp32; only the factors inside a product are rounded, which doubles the speed of
    # eager attention and linear layers on processors with bf16 or TF32 units.
    torch.set_float32_matmul_precision("medium")
    try:
        _train(config, directory, on_progress, should_stop)
    finally:
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision(precision)
    return directory / EXPORT_FOLDER


def _train(
    config: TrainingConfig,
    directory: Path,
    on_progress: Callable[[Progress], None] | None,
    should_stop: Callable[[], bool],
) -> None:

    directory.mkdir(parents=True, exist_ok=True)
    state = _fresh_state(config)
    checkpoint = directory / CHECKPOINT_FILE
    if checkpoint.exists():
        state.load(checkpoint, config)

    losses: list[torch.Tensor] = []
    generating = stretch = 0.0
    share = config.progress(state.windows, state.seconds)
    while share < 1.0 and not should_stop():
        started = time.perf_counter()
        batch = training_batch(config.seed, state.step, share, config.tokens, config.max_rows)
        generating += time.perf_counter() - started
        losses.append(_step(state, batch, config, share))
        took = time.perf_counter() - started
        state.step, state.windows, state.seconds = (
            state.step + 1, state.windows + batch.windows, state.seconds + took,
        )  # fmt: skip
        stretch += took
        before, share = share, config.progress(state.windows, state.seconds)
        if int(before * config.validations) == int(share * config.validations):
            continue
        _validate(
            state, config, directory, share=share, losses=losses,
            generator_share=generating / stretch, on_progress=on_progress,
        )  # fmt: skip
        losses, generating, stretch = [], 0.0, 0.0
    if losses:
        _validate(
            state, config, directory, share=share, losses=losses,
            generator_share=generating / stretch, on_progress=on_progress,
        )  # fmt: skip


def _fresh_state(config: TrainingConfig) -> _State:
    import torch

    torch.manual_seed(config.seed)
    model = config.architecture.build(attention="eager").to(config.device)
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim <= 1]
    optimizer = torch.optim.AdamW(
        [
            {"params": matrices, "weight_decay": config.weight_decay},
            {"params": vectors, "weight_decay": 0.0},
        ],
        lr=config.peak_learning_rate,
        betas=(0.9, 0.98),
        fused=True,
    )
    average = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
    return _State(model, average, optimizer)


def _step(state: _State, batch: Batch, config: TrainingConfig, share: float) -> torch.Tensor:
    """One optimiser step; the loss is a tensor, so that a GPU is not waited for."""
    import torch

    learning_rate = config.learning_rate(state.step, share)
    for group in state.optimizer.param_groups:
        group["lr"] = learning_rate
    state.model.train()
    rows = {
        "context": batch.context,
        "future_target": batch.future_target,
        "future_covariates": batch.future_covariates,
        "group_ids": batch.group_ids,
    }
    out = state.model(
        **{name: torch.from_numpy(array).to(config.device) for name, array in rows.items()},
        num_output_patches=batch.output_patches,
    )
    # The library averages over all rows; covariate rows have no loss, so undo their dilution.
    loss = out.loss * (len(batch.group_ids) / batch.windows)
    state.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(state.model.parameters(), config.gradient_norm)
    state.optimizer.step()
    decay = min(config.ema_decay, (1 + state.step) / (10 + state.step))
    with torch.no_grad():
        current = state.model.state_dict()
        torch._foreach_lerp_(list(state.average.values()), [current[n] for n in state.average], 1.0 - decay)
    detached: torch.Tensor = loss.detach()
    return detached


def _validate(
    state: _State,
    config: TrainingConfig,
    directory: Path,
    *,
    share: float,
    losses: list[torch.Tensor],
    generator_share: float,
    on_progress: Callable[[Progress], None] | None,
) -> None:
    import torch

    loss = float(torch.stack(losses).mean())
    if not math.isfinite(loss):
        raise FloatingPointError(f"the loss is {loss} at step {state.step}; the last checkpoint stands")
    averaged = config.architecture.build(attention="eager").to(config.device)
    averaged.load_state_dict(state.average)
    scores = score(averaged)
    progress = Progress(
        step=state.step,
        windows=state.windows,
        seconds=round(state.seconds, 1),
        share=round(share, 4),
        loss=round(loss, 5),
        learning_rate=config.learning_rate(state.step, share),
        generator_share=round(generator_share, 4),
        scores=scores,
        is_best=scores.wql < state.best_wql,
    )
    if progress.is_best:
        state.best_wql = scores.wql
        metrics: dict[str, Any] = {"training": asdict(progress), "config": asdict(config)}
        export_weights(state.average, config.architecture, directory / EXPORT_FOLDER, metrics)
    state.save(directory / CHECKPOINT_FILE, config)
    with (directory / PROGRESS_FILE).open("a") as lines:
        lines.write(json.dumps(asdict(progress)) + "\n")
    if on_progress is not None:
        on_progress(progress)
