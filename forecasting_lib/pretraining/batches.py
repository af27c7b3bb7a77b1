"""From windows of demand to the arrays that Chronos-2 trains on.

Belongs here: row layout, groups, what is hidden from the model, the mix of window sizes.
Does not belong here: what demand looks like (demand), the optimiser (train).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from forecasting_lib.pretraining.architecture import PATCH_DAYS
from forecasting_lib.pretraining.demand import DemandWindows, draw_covariate_counts, generate

FloatRows = npt.NDArray[np.float32]

CONTEXT_DAYS = (70, 126, 252, 504)
EARLY_SHARES = (0.24, 0.36, 0.28, 0.12)
LATE_SHARES = (0.06, 0.14, 0.26, 0.54)
"""Shares of the batches by context, at the start and at the end of training; in between, linear. A short
context teaches the basics at a fifth of the price, the long ones are what the product sends."""

EARLY_LESSONS, LATE_LESSONS = 0.4, 0.06
"""Shares of the batches that are lessons: every window is told of one and the same kind of covariate,
which has an effect. Amid all kinds at once a small model takes far longer to find out that the rows
beside the target mean anything; from the middle of training on, the mix prevails, because its windows
without covariates, slow items most of all, are what most of a client's series look like."""

LESSON_SHARES = {
    "promotion": 0.50,
    "discount": 0.14,
    "price": 0.12,
    "event": 0.10,
    "open": 0.07,
    "payday": 0.03,
    "driver": 0.04,
}

OUTPUT_PATCHES = (1, 2, 3, 4, 7)
OUTPUT_PATCH_SHARES = (0.06, 0.52, 0.14, 0.14, 0.14)

FUTURE_DRAWS = 8
"""How often the horizon of a training window is observed. The loss is averaged over the draws: the model
learns the same quantiles from a gradient with less of the noise of single days."""


@dataclass(frozen=True)
class Batch:
    """Rows of one training step: each window's target row, followed by its covariates.

    Attributes:
        context: (rows, context) float32 with NaN.
        future_target: (draws, rows, horizon); NaN on covariate rows and on days that do not count.
        future_covariates: (rows, horizon); NaN on target rows and where the future is unknown.
        group_ids: (rows,) rows of the same window share an id.
        is_target: (rows,)
        windows: number of windows.
    """

    context: FloatRows
    future_target: FloatRows
    future_covariates: FloatRows
    group_ids: npt.NDArray[np.int64]
    is_target: npt.NDArray[np.bool_]
    windows: int

    @property
    def output_patches(self) -> int:
        return int(self.future_target.shape[-1]) // PATCH_DAYS


def batch_from_windows(windows: DemandWindows, context_days: int) -> Batch:
    """Lay the windows out as rows, grouped window by window.

    Targets whose context is constant or has fewer than three observed days are left out of the loss:
    they have no scale, and the guards around the model never let them through. A covariate that never
    moved before the horizon stays: a first holiday is a thing that happens.
    """
    n = len(windows.target)
    window_of_row = np.concatenate([np.arange(n), windows.covariate_window])
    order = np.argsort(window_of_row, kind="stable")
    rows = np.concatenate([windows.target, windows.covariates])[order]
    is_target = (np.arange(len(order)) < n)[order]
    known_ahead = np.concatenate([np.zeros(n, dtype=bool), windows.covariate_known_ahead])[order]

    context, future = rows[:, :context_days], rows[:, context_days:]
    observed = np.isfinite(context)
    filled = np.where(observed, context, 0.0)
    count = observed.sum(axis=1)
    mean = filled.sum(axis=1) / np.maximum(count, 1)
    spread = np.where(observed, np.abs(context - mean[:, None]), 0.0).max(axis=1)
    has_scale = (count >= 3) & (spread > 1e-6 * (1.0 + np.abs(mean)))
    counts_in_loss = is_target & has_scale
    future_target = np.full((len(windows.futures), *future.shape), np.nan, dtype=np.float32)
    future_target[:, counts_in_loss] = windows.futures[:, window_of_row[order][counts_in_loss]]
    return Batch(
        context=context,
        future_target=future_target,
        future_covariates=np.where(known_ahead[:, None], future, np.nan).astype(np.float32),
        group_ids=window_of_row[order],
        is_target=is_target,
        windows=n,
    )


def training_batch(
    seed: int, index: int, progress: float, tokens: int, max_rows: int, *, rank: int = 0
) -> Batch:
    """Batch number ``index`` of the endless stream of this seed.

    Args:
        rank: which of the processes that train together asks; their batches have one shape and differ in
            their windows.
        progress: 0 at the start of training, 1 at its end; moves the mix towards long contexts.
        tokens: about how many patches the batch holds: long contexts come in fewer rows.
        max_rows: upper bound of rows, because group attention grows with their square.
    """
    rng = np.random.default_rng([seed, index])
    early, late = np.array(EARLY_SHARES), np.array(LATE_SHARES)
    context_days = int(rng.choice(CONTEXT_DAYS, p=early + (late - early) * progress))
    patches = int(rng.choice(OUTPUT_PATCHES, p=OUTPUT_PATCH_SHARES))
    rows = min(max_rows, tokens // (context_days // PATCH_DAYS + 1 + patches))
    lesson = None
    if rng.random() < EARLY_LESSONS + (LATE_LESSONS - EARLY_LESSONS) * min(1.0, 2.0 * progress):
        lesson = str(rng.choice(list(LESSON_SHARES), p=list(LESSON_SHARES.values())))
    rng = np.random.default_rng([seed, index, 1 + rank])
    counts = draw_covariate_counts(rng, rows) if lesson is None else np.ones(rows, dtype=np.int64)
    fitting = counts[np.cumsum(1 + counts) <= rows]
    horizon_days = patches * PATCH_DAYS
    windows = generate(rng, fitting, context_days, horizon_days, first_kind=lesson, draws=FUTURE_DRAWS)
    return batch_from_windows(windows, context_days)
