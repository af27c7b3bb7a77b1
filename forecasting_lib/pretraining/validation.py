"""How good weights are on synthetic demand that training never sees.

Belongs here: the held-out windows, how they are weighted, the promotion test.
Does not belong here: the loss itself (``forecasting_lib.accuracy``), genuine data, which choose no weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from forecasting_lib.accuracy.metrics import DECILES, WQL_LEVELS, quantile_loss
from forecasting_lib.panel import FloatArray
from forecasting_lib.pretraining.batches import FUTURE_DRAWS, Batch, batch_from_windows
from forecasting_lib.pretraining.demand import draw_covariate_counts, generate

if TYPE_CHECKING:
    from chronos.chronos2 import Chronos2Model

HORIZON_DAYS = 28
HELD_OUT_SEED = 20_260_000
"""First word of the held-out generators' seeds; a training run with this seed would see its own exam."""


@dataclass(frozen=True)
class Scores:
    """Scores of one set of weights; lower is better.

    Attributes:
        wql: weighted quantile loss over 0.1 ... 0.9 on mixed windows, each scaled by its context's mean.
        wql_history: the same for the empirical quantiles of each window's last 56 days.
        promotion_ratio: WQL on promotion days with the known promotions given, over not given.
    """

    wql: float
    wql_history: float
    promotion_ratio: float


def weighted_quantile_loss(actual: FloatArray, quantiles: FloatArray, weight: FloatArray) -> float:
    """The quantile loss over the sum of actuals, both weighted.

    Args:
        actual: (n, h) or (draws, n, h); NaN days do not count.
        quantiles: (n, h, 9) at 0.1 ... 0.9.
        weight: (n, h) multiplies both the loss and the actual of a day.
    """
    loss = quantile_loss(actual, quantiles)
    return float((loss * weight).sum() / (np.nan_to_num(actual) * weight).sum())


def held_out_batches(windows: int = 896, part: int = 56) -> list[Batch]:
    """Mixed windows of contexts 126, 252 and 504, the last of them twice as many."""
    batches = []
    for i in range(windows // part):
        rng = np.random.default_rng([HELD_OUT_SEED, 0, i])
        context_days = (504, 126, 504, 252)[i % 4]
        counts = draw_covariate_counts(rng, part)
        drawn = generate(rng, counts, context_days, HORIZON_DAYS, draws=FUTURE_DRAWS)
        batches.append(batch_from_windows(drawn, context_days))
    return batches


def promotion_batches(windows: int = 192, part: int = 48) -> list[Batch]:
    """Windows of 252 days of context with one known covariate, a promotion flag that has an effect."""
    batches = []
    for i in range(windows // part):
        rng = np.random.default_rng([HELD_OUT_SEED, 1, i])
        drawn = generate(
            rng, np.ones(part, dtype=np.int64), 252, HORIZON_DAYS, first_kind="promotion", draws=FUTURE_DRAWS
        )
        batches.append(batch_from_windows(drawn, 252))
    return batches


def predict(model: Chronos2Model, batch: Batch, *, with_covariates: bool = True) -> FloatArray:
    """Quantiles 0.1 ... 0.9 of the batch's targets, clipped at 0 and sorted: (windows, horizon, 9)."""
    import torch

    rows = np.ones(len(batch.is_target), dtype=bool) if with_covariates else batch.is_target
    device = model.device
    with torch.inference_mode():
        out = model(
            context=torch.from_numpy(batch.context[rows]).to(device),
            future_covariates=torch.from_numpy(batch.future_covariates[rows]).to(device),
            group_ids=torch.from_numpy(batch.group_ids[rows]).to(device),
            num_output_patches=batch.output_patches,
        )
    quantiles = out.quantile_preds[:, :, : batch.future_target.shape[-1]].cpu().numpy().astype(np.float64)
    ordered = np.sort(np.maximum(quantiles[batch.is_target[rows]], 0.0), axis=1)
    return np.moveaxis(ordered[:, DECILES], 1, -1)


def score(model: Chronos2Model) -> Scores:
    """Score the weights on the held-out windows; the windows are made anew, identical every time."""
    model.eval()
    mixed = [
        (futures_of(b), predict(model, b), _history_quantiles(b), scale_of(b)) for b in held_out_batches()
    ]
    losses = [(weighted_quantile_loss(a, q, s), weighted_quantile_loss(a, h, s)) for a, q, h, s in mixed]
    promoted = np.concatenate([promotion_losses(model, batch) for batch in promotion_batches()], axis=1)
    given, hidden = promoted.sum(axis=1)
    return Scores(
        wql=float(np.mean([model_loss for model_loss, _ in losses])),
        wql_history=float(np.mean([history_loss for _, history_loss in losses])),
        promotion_ratio=float(given / hidden),
    )


def promotion_losses(model: Chronos2Model, batch: Batch) -> FloatArray:
    """(2, windows): the scaled loss on promotion days, with the flags given and not given."""
    actual, scale = futures_of(batch), scale_of(batch)
    promoted = batch.future_covariates[~batch.is_target] > 0.5
    answers = [predict(model, batch, with_covariates=given) for given in (True, False)]
    return np.stack([(quantile_loss(actual, q) * promoted * scale).sum(axis=(0, 2)) for q in answers])


def futures_of(batch: Batch) -> FloatArray:
    """The targets' days ahead, (draws, n, h); NaN where they do not count."""
    return batch.future_target[:, batch.is_target].astype(np.float64)


def scale_of(batch: Batch) -> FloatArray:
    """One over the mean of each context, (n, 1); a context of zeros weighs nothing."""
    mean = np.nan_to_num(_nanmean(np.abs(batch.context[batch.is_target].astype(np.float64))))
    return np.divide(1.0, mean, out=np.zeros_like(mean), where=mean > 1e-3)[:, None]


def _nanmean(rows: FloatArray) -> FloatArray:
    observed = np.isfinite(rows)
    return np.asarray(np.where(observed, rows, 0.0).sum(axis=1) / np.maximum(observed.sum(axis=1), 1))


def _history_quantiles(batch: Batch) -> FloatArray:
    recent = batch.context[batch.is_target][:, -56:].astype(np.float64)
    empty = ~np.isfinite(recent).any(axis=1)
    recent[empty] = 0.0
    quantiles = np.nanquantile(recent, WQL_LEVELS, axis=1).T
    return np.repeat(quantiles[:, None, :], batch.future_target.shape[-1], axis=1)
