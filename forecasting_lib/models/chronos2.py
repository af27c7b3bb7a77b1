"""Chronos-2, the pretrained model: how it is loaded, fed and read.

Belongs here: everything that knows the chronos package. Does not belong here: where the weights come from
(``weights``), which series may be asked about (``guards``).

torch and chronos take seconds to import, so both are imported when a model is first loaded and not before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from forecasting_lib.models.counts import counts_in_whole_units
from forecasting_lib.models.interface import Progress
from forecasting_lib.models.weights import WeightsUnavailable, tensor_names
from forecasting_lib.models.workers import THIS_PROCESS, Answer, Workers
from forecasting_lib.panel import MEDIAN_INDEX, QUANTILE_LEVELS, FloatArray, Forecast, Panel
from forecasting_lib.quantile_grid import demand_grid, grid_mean
from forecasting_lib.ragged import lengths_of

CPU_BATCH_ROWS = 48
"""The fastest on CPUs, from 32 to 64: attention over the batch grows with its square."""

CUDA_BATCH_ROWS = 256
"""The library's own default, meant for GPUs."""


@dataclass(frozen=True)
class Chronos2:
    """Chronos-2 in single precision, each series forecast on its own history and covariates alone.

    Quantiles are clipped at 0 and sorted, and ``mean`` is their integral. Where a history is in whole units,
    they are then brought to whole units, too. ``point`` is the median of what is published. A series without
    an observed period in its context is answered with NaN.

    Args:
        path: directory with ``config.json`` and the weights, as ``weights.resolve_weights`` returns it.
        context_days: most recent periods the model is shown, days where the panel's are, up to what its
            weights allow; the main driver of cost.
        batch_rows: rows of a forward pass, one per series and per covariate; None chooses for the device.
        device: a torch device, ``cpu`` or ``cuda``; None takes a GPU where there is one.
        progress: told after every batch how far the forecast is.
        in_whole_units: False leaves the quantiles of counts between the counts, as the model answers.
        workers: who makes the forward passes; the numbers are the same whoever does.

    Raises:
        WeightsUnavailable: at the first forecast, where the directory does not load as Chronos-2.
    """

    path: Path
    context_days: int = 512
    batch_rows: int | None = None
    device: str | None = None
    progress: Progress | None = None
    in_whole_units: bool = True
    workers: Workers = THIS_PROCESS
    name: ClassVar[str] = "chronos2"
    uses_covariates: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.context_days < 1 or (self.batch_rows is not None and self.batch_rows < 1):
            raise ValueError("context_days and batch_rows must be at least 1")

    def __getstate__(self) -> dict[str, Any]:
        """Pickled for a worker: the settings, which load the weights there, and nobody to tell or to ask."""
        kept = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**kept, "progress": None, "workers": THIS_PROCESS}

    @cached_property
    def _pipeline(self) -> Any:
        return load_pipeline(self.path, self.device)

    def predict(self, panel: Panel, horizon: int) -> Forecast:
        """See :meth:`forecasting_lib.models.interface.Forecaster.predict`.

        Raises:
            ValueError: a future covariate ends before the horizon does.
        """
        for covariate, arrays in panel.future_covariates.items():
            if (lengths_of(arrays) < horizon).any():
                raise ValueError(
                    f"covariate {covariate!r} is not known for all {horizon} {panel.grain.periods} ahead"
                )
        context = self._context()
        lengths = np.minimum(lengths_of(panel.history), context)
        known = np.array([not np.isnan(h[-context:]).all() for h in panel.history], dtype=np.bool_)
        by_length = [int(i) for i in np.argsort(lengths, kind="stable") if known[i]]
        step = max(1, self._batch_rows() // (1 + len(panel.past_covariates)))
        batches = [by_length[start : start + step] for start in range(0, len(by_length), step)]
        grid = np.full((len(panel), horizon, len(QUANTILE_LEVELS)), np.nan)
        done = 0
        with closing(self.workers.answers(self, _shown(panel, batches, context), horizon)) as answers:
            for batch, answer in zip(batches, answers, strict=True):
                grid[batch] = answer
                done += len(batch)
                if self.progress is not None:
                    self.progress(done, len(by_length))
        quantiles = demand_grid(grid)
        forecast = Forecast(
            series_ids=panel.series_ids,
            as_of_date=panel.as_of_date,
            point=quantiles[:, :, MEDIAN_INDEX].copy(),
            mean=grid_mean(quantiles),
            quantiles=quantiles,
            reasons=(None,) * len(panel),
            grain=panel.grain,
        )
        return counts_in_whole_units(forecast, panel) if self.in_whole_units else forecast

    def _context(self) -> int:
        return min(self.context_days, int(self._pipeline.model_context_length))

    def _batch_rows(self) -> int:
        if self.batch_rows is not None:
            return self.batch_rows
        return CUDA_BATCH_ROWS if self._pipeline.model.device.type == "cuda" else CPU_BATCH_ROWS

    def answer(self, batch: Panel, horizon: int) -> Answer:
        """(len(batch), horizon, 21), as the model gives them: possibly negative or crossing.

        One pass of the model answers whatever its weights were made for. The library's own call costs a
        tenth more than the pass with small weights, and is kept for what it adds: horizons that need
        several passes, and weights with other levels than the grid's.
        """
        context, levels = self._context(), tuple(self._pipeline.quantiles)
        if horizon <= self._pipeline.model_prediction_length and levels == QUANTILE_LEVELS:
            return self._one_pass(batch, context, horizon)
        predictions, _ = self._pipeline.predict_quantiles(
            _inputs(batch, context, horizon),
            prediction_length=horizon,
            quantile_levels=list(QUANTILE_LEVELS),
            batch_size=len(batch) * (1 + len(batch.past_covariates)),
            context_length=context,
            cross_learning=False,
        )
        return np.stack([p[0].numpy() for p in predictions])

    def _one_pass(self, batch: Panel, context: int, horizon: int) -> Answer:
        """The model's answer from arrays built here, with the rows, padding and groups the library makes."""
        import torch

        patch_days = self._pipeline.model_output_patch_size
        patches = -(-horizon // patch_days)
        rows = model_rows(batch, range(len(batch)), context, horizon, patches * patch_days)
        tensors = {
            name: torch.from_numpy(array).to(self._pipeline.model.device) for name, array in rows.items()
        }
        with torch.inference_mode():
            answer = self._pipeline.model(**tensors, num_output_patches=patches).quantile_preds
            # Rows of targets (series, 21, days), as (series, days, 21).
            targets = answer[:: len(answer) // len(batch), :, :horizon].transpose(1, 2).cpu().numpy()
        return np.asarray(targets, dtype=np.float32)


def model_rows(
    panel: Panel, batch: Sequence[int], context: int, horizon: int, future_days: int
) -> dict[str, npt.NDArray[Any]]:
    """The rows of some series as the model's forward pass takes them: each target, then its covariates.

    Args:
        panel: any panel.
        batch: positions of the series.
        context: most days of the past to show.
        horizon: days ahead of which covariates are known.
        future_days: the horizon filled up to whole patches.

    Returns:
        ``context`` (rows, longest), padded on the left, and ``future_covariates`` (rows, future_days), both
        float32 with NaN for what is not known; ``group_ids`` (rows,), one number per series.
    """
    rows_each = 1 + len(panel.past_covariates)
    longest = int(min(lengths_of(panel.history)[np.array(batch, dtype=np.int64)].max(), context))
    past = np.full((len(batch), rows_each, longest), np.nan, dtype=np.float32)
    future = np.full((len(batch), rows_each, future_days), np.nan, dtype=np.float32)
    for row, arrays in enumerate((panel.history, *panel.past_covariates.values())):
        for position, series in enumerate(batch):
            recent = arrays[series][-context:]
            past[position, row, longest - len(recent) :] = recent
    for row, name in enumerate(panel.past_covariates, start=1):
        if name in panel.future_covariates:
            for position, series in enumerate(batch):
                future[position, row, :horizon] = panel.future_covariates[name][series][:horizon]
    return {
        "context": past.reshape(-1, longest),
        "future_covariates": future.reshape(-1, future_days),
        "group_ids": np.repeat(np.arange(len(batch)), rows_each),
    }


def _shown(panel: Panel, batches: Sequence[Sequence[int]], context: int) -> Iterator[Panel]:
    """The batches as panels, with no more of the past than the model looks at."""

    def recent(arrays: Sequence[FloatArray]) -> tuple[FloatArray, ...]:
        return tuple(array[-context:] for array in arrays)

    for positions in batches:
        batch = panel.select(positions)
        yield replace(
            batch,
            history=recent(batch.history),
            past_covariates={name: recent(arrays) for name, arrays in batch.past_covariates.items()},
        )


def _inputs(panel: Panel, context: int, horizon: int) -> list[dict[str, Any]]:
    """One dict per series in the form the library's call takes."""

    def recent(values: FloatArray) -> npt.NDArray[np.float32]:
        return values[-context:].astype(np.float32)

    return [
        {
            "target": recent(panel.history[i]),
            "past_covariates": {k: recent(v[i]) for k, v in panel.past_covariates.items()},
            "future_covariates": {
                k: v[i][:horizon].astype(np.float32) for k, v in panel.future_covariates.items()
            },
        }
        for i in range(len(panel))
    ]


def load_pipeline(path: Path, device: str | None = None) -> Any:
    """The chronos pipeline of a directory: single precision whatever the file holds, in evaluation mode.

    Args:
        path: the directory.
        device: a torch device; None takes a GPU where there is one.

    Raises:
        WeightsUnavailable: chronos cannot load the directory, or its files lack tensors of the model, which
            chronos would replace by random numbers.
    """
    import torch
    from chronos import Chronos2Pipeline
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # of reading a few files from the disk
    try:
        pipeline = Chronos2Pipeline.from_pretrained(path, dtype=torch.float32, local_files_only=True)
    except Exception as error:  # a broken model fails in as many ways as its files can be broken
        raise WeightsUnavailable(f"{path} does not load as a Chronos-2 model: {error}") from error
    missing = sorted(set(pipeline.model.state_dict()) - tensor_names(path))
    if missing:
        raise WeightsUnavailable(
            f"{path} lacks {len(missing)} tensors of the model its config.json describes, "
            f"for example {missing[0]!r}"
        )
    pipeline.model.to(device or ("cuda" if torch.cuda.is_available() else "cpu")).eval()
    return pipeline
