"""Chronos-2, the pretrained model: how it is loaded, fed and read.

Belongs here: everything that knows the chronos package. Does not belong here: where the weights come from
(``weights``), which series may be asked about (``guards``).

torch and chronos take seconds to import, so both are imported when a model is first loaded and not before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from forecasting_lib.models.quantile_grid import demand_grid, grid_mean
from forecasting_lib.models.weights import WeightsUnavailable, tensor_names
from forecasting_lib.panel import MEDIAN_INDEX, QUANTILE_LEVELS, FloatArray, Forecast, Panel

Progress = Callable[[int, int], None]
"""Called with (series done, series in all) after every batch."""


@dataclass(frozen=True)
class Chronos2:
    """Chronos-2 in single precision, each series forecast on its own history and covariates alone.

    ``point`` is the median and ``mean`` the integral of the grid; quantiles are clipped at 0 and sorted
    before either is taken. A series without an observed day in its context is answered with NaN.

    Args:
        path: directory with ``config.json`` and the weights, as ``weights.resolve_weights`` returns it.
        context_days: most recent days the model is shown; the main driver of cost.
        batch_rows: rows of a forward pass, one per series and per covariate. Attention over the batch
            grows with its square: 32 to 64 are the fastest on a CPU.
        device: a torch device, ``cpu`` or ``cuda``.
        progress: told after every batch how far the forecast is.

    Raises:
        WeightsUnavailable: at the first forecast, where the directory does not load as Chronos-2.
    """

    path: Path
    context_days: int = 512
    batch_rows: int = 64
    device: str = "cpu"
    progress: Progress | None = None
    name: ClassVar[str] = "chronos2"
    uses_covariates: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.context_days < 1 or self.batch_rows < 1:
            raise ValueError("context_days and batch_rows must be at least 1")

    @cached_property
    def _pipeline(self) -> Any:
        return load_pipeline(self.path, self.device)

    def predict(self, panel: Panel, horizon: int) -> Forecast:
        """See :meth:`forecasting_lib.models.interface.Forecaster.predict`.

        Raises:
            ValueError: a future covariate ends before the horizon does.
        """
        for covariate, arrays in panel.future_covariates.items():
            if any(len(a) < horizon for a in arrays):
                raise ValueError(f"covariate {covariate!r} is not known for all {horizon} days ahead")
        grid = np.full((len(panel), horizon, len(QUANTILE_LEVELS)), np.nan)
        lengths = np.array([min(len(h), self.context_days) for h in panel.history], dtype=np.int64)
        known = np.array([not np.isnan(h[-self.context_days :]).all() for h in panel.history], dtype=np.bool_)
        by_length = [int(i) for i in np.argsort(lengths, kind="stable") if known[i]]
        step = max(1, self.batch_rows // (1 + len(panel.past_covariates)))
        for start in range(0, len(by_length), step):
            batch = by_length[start : start + step]
            grid[batch] = self._predict_batch(panel, batch, horizon)
            if self.progress is not None:
                self.progress(start + len(batch), len(by_length))
        quantiles = demand_grid(grid)
        return Forecast(
            series_ids=panel.series_ids,
            as_of_date=panel.as_of_date,
            point=quantiles[:, :, MEDIAN_INDEX].copy(),
            mean=grid_mean(quantiles),
            quantiles=quantiles,
            reasons=(None,) * len(panel),
        )

    def _predict_batch(self, panel: Panel, batch: list[int], horizon: int) -> FloatArray:
        """(len(batch), horizon, 21), as the model gives them: possibly negative or crossing."""
        predictions, _ = self._pipeline.predict_quantiles(
            self._inputs(panel, batch, horizon),
            prediction_length=horizon,
            quantile_levels=list(QUANTILE_LEVELS),
            batch_size=len(batch) * (1 + len(panel.past_covariates)),
            context_length=self.context_days,
            cross_learning=False,
        )
        return np.stack([p[0].numpy() for p in predictions]).astype(np.float64)

    def _inputs(self, panel: Panel, batch: list[int], horizon: int) -> list[dict[str, Any]]:
        """One dict per series in the form chronos takes; without covariates only the target."""

        def recent(values: FloatArray) -> npt.NDArray[np.float32]:
            return values[-self.context_days :].astype(np.float32)

        return [
            {
                "target": recent(panel.history[i]),
                "past_covariates": {k: recent(v[i]) for k, v in panel.past_covariates.items()},
                "future_covariates": {
                    k: v[i][:horizon].astype(np.float32) for k, v in panel.future_covariates.items()
                },
            }
            for i in batch
        ]


def load_pipeline(path: Path, device: str = "cpu") -> Any:
    """The chronos pipeline of a directory: single precision whatever the file holds, in evaluation mode.

    Raises:
        WeightsUnavailable: chronos cannot load the directory, or its files lack tensors of the model, which
            chronos would replace by random numbers.
    """
    import torch
    from chronos import Chronos2Pipeline

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
    pipeline.model.to(device).eval()
    return pipeline
