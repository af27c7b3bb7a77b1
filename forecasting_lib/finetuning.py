"""Tuning Chronos-2 on one client's history, and the comparison that decides whether the result is used.

Belongs here: what training sees, the call of the library's ``fit``, the losses on later days, the verdict.
Does not belong here: where weights and records are kept, and whose history it is (the caller's).

Everything up to the cut trains, the days after it judge. Weights are stored in half precision and compared as
they are read back, so that the verdict is about what will run.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from forecasting_lib.accuracy.metrics import DECILES, quantile_loss, seasonal_scale
from forecasting_lib.models.chronos2 import Chronos2, load_pipeline
from forecasting_lib.models.guards import guarded_predict
from forecasting_lib.origins import Origin
from forecasting_lib.panel import Forecast, Panel

MARGIN = 0.02
"""Share by which the scaled loss must fall: less is within what another window would have said."""

LEARNING_RATES = {"lora": 1e-4, "full": 1e-5}
"""Of a model as wide as amazon/chronos-2. A narrower one takes larger steps, in inverse proportion to its
width (``docs/methods.md#tuning``)."""

_FULL_WIDTH = 768


class FinetuneError(Exception):
    """Tuning that cannot be done; the message says what is missing."""


@dataclass(frozen=True)
class FinetuneConfig:
    """How weights are tuned; together with the history it fixes the result on one machine.

    Attributes:
        method: ``lora`` trains low-rank additions to the attention and output layers and merges them in the
            end, ``full`` every weight.
        steps: optimiser steps.
        learning_rate: falls linearly to 0; None for the method's own of ``LEARNING_RATES``, at the width of
            the weights.
        context_days: most periods of context in a training window.
        batch_rows: rows of a step, one per series and per covariate.
        seed: of the windows drawn and of the additions' first weights.
        margin: share by which the tuned weights must beat the base.
    """

    method: Literal["lora", "full"] = "lora"
    steps: int = 200
    learning_rate: float | None = None
    context_days: int = 512
    batch_rows: int = 48
    seed: int = 7
    margin: float = MARGIN

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError("steps must be at least 1")
        if self.method not in LEARNING_RATES:
            raise ValueError(f"method is {self.method!r}; it must be one of {', '.join(LEARNING_RATES)}")


@dataclass(frozen=True)
class Comparison:
    """Losses of base and tuned weights on the days after the cut; lower is better.

    Attributes:
        base_scaled, tuned_scaled: mean over series of the quantile loss a day over the series' MASE scale.
        base_wql, tuned_wql: the quantile loss over the sum of actuals: large sellers decide it.
    """

    base_scaled: float
    tuned_scaled: float
    base_wql: float
    tuned_wql: float

    def accepted(self, margin: float = MARGIN) -> bool:
        """Whether the scaled loss falls by the margin and the weighted one does not rise."""
        return self.tuned_scaled <= (1 - margin) * self.base_scaled and self.tuned_wql <= self.base_wql

    def sentence(self, margin: float = MARGIN) -> str:
        """The verdict with its figures, for the record."""
        verdict = "Accepted" if self.accepted(margin) else "Rejected"
        change = self.tuned_scaled / self.base_scaled - 1
        return (
            f"{verdict}: the scaled quantile loss went from {self.base_scaled:.4f} to "
            f"{self.tuned_scaled:.4f}, {change:+.1%} (asked for: {-margin:+.0%} or better), the "
            f"weighted one from {self.base_wql:.4f} to {self.tuned_wql:.4f} (no rise is allowed)."
        )


def finetune(
    base: Path,
    past: Panel,
    horizon: int,
    config: FinetuneConfig,
    directory: Path,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Tune weights on a history and write them to a directory, as a whole model that loads like any other.

    Args:
        base: directory of the weights to start from; it is not changed.
        past: series with a sale and at least ``2 * horizon`` periods since their first one take part.
        horizon: periods ahead that training asks for.
        config: how.
        directory: for the tuned weights; it is created.
        progress: called with the number of steps done.

    Raises:
        FinetuneError: no series is long enough, or LoRA is asked for and peft is not installed.
        WeightsUnavailable: the base does not load.
    """
    from transformers import TrainerCallback, set_seed

    if config.method == "lora":
        _require_peft()
    pipeline = load_pipeline(base, "cpu")
    horizon = min(horizon, pipeline.model_prediction_length)
    by_width = LEARNING_RATES[config.method] * _FULL_WIDTH / pipeline.model.config.d_model
    inputs = training_inputs(past, 2 * horizon)
    if not inputs:
        raise FinetuneError(
            f"No series has {2 * horizon} {past.grain.periods} since its first sale by {past.as_of_date}; "
            "choose a later cut."
        )

    class Report(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
            if progress is not None:
                progress(state.global_step)

    set_seed(config.seed)
    with tempfile.TemporaryDirectory(prefix="finetune-") as scratch:
        tuned = pipeline.fit(
            inputs,
            prediction_length=horizon,
            finetune_mode=config.method,
            context_length=min(config.context_days, pipeline.model_context_length),
            learning_rate=config.learning_rate or by_width,
            num_steps=config.steps,
            batch_size=config.batch_rows,
            output_dir=scratch,
            callbacks=[Report()],
            remove_printer_callback=True,
            seed=config.seed,
            disable_tqdm=True,
            dataloader_pin_memory=False,
        )
    model = tuned.model.merge_and_unload() if config.method == "lora" else tuned.model
    model.half().save_pretrained(directory)


def training_inputs(past: Panel, shortest: int) -> list[dict[str, Any]]:
    """The series that train, from their first sale on, in the form the library takes."""
    inputs: list[dict[str, Any]] = []
    for position, history in enumerate(past.history):
        sold = np.flatnonzero(history > 0)
        if len(sold) == 0 or len(history) - sold[0] < shortest:
            continue
        since = sold[0]
        inputs.append(
            {
                "target": np.maximum(history[since:], 0.0).astype(np.float32),
                "past_covariates": {
                    name: arrays[position][since:].astype(np.float32)
                    for name, arrays in past.past_covariates.items()
                },
                # None: known ahead, and taken from the past of the window that is drawn.
                "future_covariates": dict.fromkeys(past.future_covariates),
            }
        )
    return inputs


def compare(base: Path, tuned: Path, later: Origin) -> Comparison:
    """Forecast the days after the cut with both, through the guards, and take the losses.

    Raises:
        FinetuneError: no day after the cut has demand to compare with.
    """
    if not np.nansum(later.actual) > 0:
        raise FinetuneError("Nothing was sold after the cut, so nothing can be compared; choose another.")
    base_loss, tuned_loss = (
        _losses(guarded_predict(Chronos2(path), later.panel, later.horizon), later) for path in (base, tuned)
    )
    return Comparison(base_loss[0], tuned_loss[0], base_loss[1], tuned_loss[1])


def _losses(forecast: Forecast, later: Origin) -> tuple[float, float]:
    """Scaled and weighted quantile loss over 0.1 ... 0.9."""
    known = ~np.isnan(later.actual)
    daily = quantile_loss(later.actual, forecast.quantiles[:, :, DECILES])
    days = known.sum(axis=1)
    grain = later.panel.grain
    scales = np.array([seasonal_scale(history, grain) or np.nan for history in later.panel.history])
    judged = (days > 0) & np.isfinite(scales)
    scaled = daily.sum(axis=1)[judged] / days[judged] / scales[judged]
    if not len(scaled):
        raise FinetuneError("No series is long enough to scale its errors; choose a later cut.")
    return float(scaled.mean()), float(daily.sum() / later.actual[known].sum())


def _require_peft() -> None:
    """Refuse LoRA without peft: the library would tune every weight instead.

    Raises:
        FinetuneError: peft is not installed.
    """
    from importlib.util import find_spec

    if find_spec("peft") is None:
        raise FinetuneError(
            "LoRA needs peft: pip install -c constraints.txt peft; or tune every weight with --method full."
        )
