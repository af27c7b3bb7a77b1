"""The model part of the forecasting stage beside the bare forward pass of the same tensors.

Belongs here: panels to measure on, the two ways to forecast them, memory. Does not belong here: databases
(``stages``), accuracy (``forecasting_lib.benchmark``).
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from forecasting_lib.models.chronos2 import CPU_BATCH_ROWS, Chronos2, load_pipeline, model_rows
from forecasting_lib.models.guards import guarded_predict
from forecasting_lib.panel import Panel
from forecasting_lib.pretraining.architecture import Architecture

HORIZON = 28
CONTEXT = 512

AMAZON_CHRONOS_2 = Architecture(
    d_model=768, d_ff=3072, layers=12, heads=12, d_head=64, context_days=8192, max_output_patches=64
)
"""The sizes of amazon/chronos-2."""


@dataclass(frozen=True)
class Throughput:
    """Seconds of the best round, and what the process needed.

    Attributes:
        series: number forecast.
        stage_seconds: guards, batches, model, grid and mean.
        floor_seconds: the forward passes alone, on tensors made before.
        peak_bytes: highest resident memory of the process.
        before_bytes: the same when the model was loaded and nothing forecast.
    """

    series: int
    stage_seconds: float
    floor_seconds: float
    peak_bytes: int
    before_bytes: int


def panel_of(series: int, days: int, covariates: int = 0, seed: int = 7) -> Panel:
    """Counts of slow and fast movers, all ``days`` long, with flags known ahead as covariates."""
    rng = np.random.default_rng(seed)
    demand = rng.poisson(rng.gamma(0.5, 3.0, (series, 1)), (series, days)).astype(np.float64)
    demand[:, 0] = 1.0
    names = [f"flag_{i}" for i in range(covariates)]
    flags = {name: rng.integers(0, 2, (series, days + HORIZON)).astype(np.float64) for name in names}
    return Panel(
        series_ids=tuple(str(i) for i in range(series)),
        as_of_date=date(2026, 3, 31),
        history=tuple(demand),
        past_covariates={name: tuple(rows[:, :days]) for name, rows in flags.items()},
        future_covariates={name: tuple(rows[:, days:]) for name, rows in flags.items()},
    )


def measure(weights: Path, panel: Panel, rounds: int, on_round: Callable[[int], None]) -> Throughput:
    """Forecast a panel both ways in turn, with the same weights, batches and threads.

    Args:
        weights: directory of the model.
        panel: series of one length, each with a sale on its first day.
        rounds: the best of them counts, for neither way may be charged for other work of the machine.
        on_round: called with the number of rounds done.
    """
    import torch

    model = Chronos2(weights, context_days=CONTEXT, batch_rows=CPU_BATCH_ROWS, device="cpu")
    guarded_predict(model, panel.select(range(8)), HORIZON)
    before = _peak_bytes()
    guarded_predict(model, panel, HORIZON)
    peak = _peak_bytes()  # before the floor's tensors are made

    pipeline = load_pipeline(weights, "cpu")
    patch_days = pipeline.model_output_patch_size
    patches = -(-HORIZON // patch_days)
    step = max(1, CPU_BATCH_ROWS // (1 + len(panel.past_covariates)))
    batches = [
        {
            name: torch.from_numpy(rows)
            for name, rows in model_rows(
                panel,
                range(start, min(start + step, len(panel))),
                min(CONTEXT, pipeline.model_context_length),
                HORIZON,
                patches * patch_days,
            ).items()
        }
        for start in range(0, len(panel), step)
    ]

    def passes() -> None:
        with torch.inference_mode():
            for batch in batches:
                pipeline.model(**batch, num_output_patches=patches)

    stage, floor = [], []
    for number in range(rounds):
        floor.append(_seconds(passes))
        stage.append(_seconds(lambda: guarded_predict(model, panel, HORIZON)))
        on_round(number + 1)
    return Throughput(len(panel), min(stage), min(floor), peak, before)


def save_random(architecture: Architecture, directory: Path) -> int:
    """Write a model of random weights; returns its number of parameters."""
    import torch

    torch.manual_seed(7)
    model = architecture.build()
    model.save_pretrained(directory)
    return sum(p.numel() for p in model.parameters())


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
