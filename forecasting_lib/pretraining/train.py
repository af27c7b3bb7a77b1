"""Train a small Chronos-2 from scratch on the endless stream of synthetic demand.

Belongs here: the loop, the schedule, the moving average, checkpoints, the choice of the best weights.
Does not belong here: the data (demand, batches), the scores (validation), the file format (export).
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forecasting_lib.pretraining.architecture import Architecture
from forecasting_lib.pretraining.batches import Batch, training_batch
from forecasting_lib.pretraining.crew import Crew, assemble
from forecasting_lib.pretraining.export import export_weights
from forecasting_lib.pretraining.validation import Scores, score

if TYPE_CHECKING:
    import torch
    from chronos.chronos2 import Chronos2Model

CHECKPOINT_FILE = "checkpoint.pt"
PROGRESS_FILE = "progress.jsonl"
EXPORT_FOLDER = "best"

_THE_END = -1.0
"""What the leader tells its crew instead of a progress when it stops."""


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
        tokens: patches a process's batch holds, about.
        max_rows: most rows of a process's batch, covariates included.
        validations: how often to validate, checkpoint and export over the whole budget.
        processes: that train together, each on its own batches; two processes of one thread do twice the work
            of one, where two threads of one process do a quarter more.
        threads: CPU threads of a process.
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
    tokens: int = 1_500
    max_rows: int = 64
    validations: int = 24
    processes: int = 1
    threads: int = 1
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.max_windows is None and self.max_minutes is None:
            raise ValueError("give max_windows, max_minutes or both: training has no other end")
        if self.processes > 1 and self.device != "cpu":
            raise ValueError(f"several processes train on a CPU, not on {self.device}")

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
        loss: mean training loss since the line before, of the leading process's batches.
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
            ValueError: it was made with another seed, architecture or number of processes.
        """
        import torch

        saved = torch.load(path, map_location=config.device, weights_only=True)
        wanted = asdict(config)
        for key in ("seed", "architecture", "processes"):
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
        ValueError: the checkpoint belongs to another seed, architecture or number of processes.
        FloatingPointError: the loss is no longer finite.
    """
    state = _resume(config, directory)
    with assemble(config.processes, partial(_follow, config, directory)) as crew, _numerics(config):
        _lead(state, crew, config, directory, on_progress, should_stop)
    return directory / EXPORT_FOLDER


@contextmanager
def _numerics(config: TrainingConfig) -> Iterator[None]:
    """The threads and the precision of training, for as long as it lasts."""
    import torch

    threads, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    torch.set_num_threads(config.threads)
    # Tensors stay fp32; only the factors inside a product are rounded, which doubles the speed of
    # eager attention and linear layers on processors with bf16 or TF32 units.
    torch.set_float32_matmul_precision("medium")
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision(precision)


def _lead(
    state: _State,
    crew: Crew,
    config: TrainingConfig,
    directory: Path,
    on_progress: Callable[[Progress], None] | None,
    should_stop: Callable[[], bool],
) -> None:
    losses: list[torch.Tensor] = []
    generating = stretch = 0.0

    def validate(share: float) -> None:
        _validate(
            state, config, directory, share=share, losses=losses,
            generator_share=generating / stretch, on_progress=on_progress,
        )  # fmt: skip

    share = config.progress(state.windows, state.seconds)
    while share < 1.0 and not should_stop():
        crew.agree(share)
        started = time.perf_counter()
        batch = training_batch(config.seed, state.step, share, config.tokens, config.max_rows)
        generating += time.perf_counter() - started
        losses.append(_step(state, crew, batch, config, share))
        took = time.perf_counter() - started
        state.seconds += took
        stretch += took
        before, share = share, config.progress(state.windows, state.seconds)
        if int(before * config.validations) != int(share * config.validations):
            validate(share)
            losses, generating, stretch = [], 0.0, 0.0
    crew.agree(_THE_END)
    if losses:
        validate(share)


def _follow(config: TrainingConfig, directory: Path, crew: Crew) -> None:
    """Take the same steps as the leader, on other windows, until it says that the end has come."""
    state = _resume(config, directory)
    with _numerics(config):
        while (share := crew.agree(0.0)) != _THE_END:
            batch = training_batch(
                config.seed, state.step, share, config.tokens, config.max_rows, rank=crew.rank
            )
            _step(state, crew, batch, config, share)


def _resume(config: TrainingConfig, directory: Path) -> _State:
    """The state of the directory's checkpoint, or a fresh one."""
    directory.mkdir(parents=True, exist_ok=True)
    state = _fresh_state(config)
    checkpoint = directory / CHECKPOINT_FILE
    if checkpoint.exists():
        state.load(checkpoint, config)
    return state


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


@contextmanager
def loss_over(model: Chronos2Model, futures: torch.Tensor) -> Iterator[None]:
    """Within the block the model's own loss is its mean over several draws of the future.

    Args:
        futures: (draws, rows, horizon); the first is what the model is called with.
    """
    import torch

    loss_of_one = model._compute_loss

    def loss_of_several(**called_with: Any) -> torch.Tensor:
        losses = [loss_of_one(**{**called_with, "future_target": future}) for future in futures]
        return torch.stack(losses).mean()

    model._compute_loss = loss_of_several
    try:
        yield
    finally:
        del model._compute_loss


def _step(state: _State, crew: Crew, batch: Batch, config: TrainingConfig, share: float) -> torch.Tensor:
    """One optimiser step of the crew; the loss is a tensor, so that a GPU is not waited for."""
    import torch

    learning_rate = config.learning_rate(state.step, share)
    for group in state.optimizer.param_groups:
        group["lr"] = learning_rate
    state.model.train()
    rows = {
        "context": batch.context,
        "future_covariates": batch.future_covariates,
        "group_ids": batch.group_ids,
    }
    futures = torch.from_numpy(batch.future_target).to(config.device)
    with loss_over(state.model, futures):
        out = state.model(
            **{name: torch.from_numpy(array).to(config.device) for name, array in rows.items()},
            future_target=futures[0],
            num_output_patches=batch.output_patches,
        )
    # The library averages over all rows; covariate rows have no loss, so undo their dilution.
    loss = out.loss * (len(batch.group_ids) / batch.windows)
    state.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    windows = torch.tensor([float(batch.windows)])
    crew.average([windows, *(p.grad for p in state.model.parameters() if p.grad is not None)])
    torch.nn.utils.clip_grad_norm_(state.model.parameters(), config.gradient_norm)
    state.optimizer.step()
    decay = min(config.ema_decay, (1 + state.step) / (10 + state.step))
    with torch.no_grad():
        current = state.model.state_dict()
        torch._foreach_lerp_(list(state.average.values()), [current[n] for n in state.average], 1.0 - decay)
    state.step += 1
    state.windows += round(float(windows[0]) * crew.size)
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
