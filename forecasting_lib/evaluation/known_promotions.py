"""What it is worth to a model to be told of promotions, on synthetic demand it never saw.

Belongs here: the ratio of losses on promotion days with and without the flags, and its interval. Does not
belong here: the windows (``forecasting_lib.pretraining.validation``), the size of the response
(``promotions``), genuine data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from forecasting_lib.evaluation.benchmark import DRAWS, SEED, Interval
from forecasting_lib.panel import FloatArray
from forecasting_lib.pretraining.batches import Batch
from forecasting_lib.pretraining.validation import (
    futures_of,
    predict,
    promotion_batches,
    quantile_loss,
    scale_of,
)

if TYPE_CHECKING:
    from chronos.chronos2 import Chronos2Model


def promotion_ratio(model: Chronos2Model, draws: int = DRAWS, seed: int = SEED) -> Interval:
    """WQL on promotion days with known promotions given, over not given, windows drawn with replacement.

    Every window is scaled by the mean of its context, so that large sellers do not drown the rest. Below 1
    the model uses what it is told.

    Args:
        model: in evaluation mode.
        draws: bootstrap samples.
        seed: fixes the draws.
    """
    losses = np.concatenate([_losses(model, batch) for batch in promotion_batches()], axis=1)
    n = losses.shape[1]
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=draws)
    drawn = (counts @ losses[0]) / (counts @ losses[1])
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Interval(float(losses[0].sum() / losses[1].sum()), float(low), float(high))


def _losses(model: Chronos2Model, batch: Batch) -> FloatArray:
    """(2, windows): the scaled quantile loss on promotion days, flags given and not given."""
    actual, scale = futures_of(batch), scale_of(batch)
    promoted = batch.future_covariates[~batch.is_target] > 0.5
    answers = [predict(model, batch, with_covariates=given) for given in (True, False)]
    return np.stack([(quantile_loss(actual, q) * promoted * scale).sum(axis=(0, 2)) for q in answers])
