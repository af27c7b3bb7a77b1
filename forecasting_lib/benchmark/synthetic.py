"""What held-out synthetic demand says of some weights, as ratios of losses with their intervals.

Belongs here: what it is worth to be told of promotions, and to publish counts in whole units. Does not belong
here: the windows (``forecasting_lib.pretraining.validation``), the size of the response to a promotion
(``promotions``), genuine data.

Every window is scaled by the mean of its context, so that large sellers do not drown the rest; intervals are
of a bootstrap over windows in which both losses see the same draw.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from forecasting_lib.accuracy.metrics import quantile_loss
from forecasting_lib.benchmark.figures import DRAWS, Interval, bootstrap_draws, percentile_interval
from forecasting_lib.models.counts import is_counted
from forecasting_lib.panel import FloatArray
from forecasting_lib.pretraining.batches import Batch
from forecasting_lib.pretraining.validation import (
    futures_of,
    held_out_batches,
    predict,
    promotion_batches,
    promotion_losses,
    scale_of,
)
from forecasting_lib.quantile_grid import whole_units

if TYPE_CHECKING:
    from chronos.chronos2 import Chronos2Model


def promotion_ratio(model: Chronos2Model, draws: int = DRAWS) -> Interval:
    """WQL on promotion days with known promotions given, over not given; below 1 the model uses them.

    Args:
        model: in evaluation mode.
        draws: bootstrap samples.
    """
    return _ratio((promotion_losses(model, batch) for batch in promotion_batches()), draws)


def whole_units_ratio(model: Chronos2Model, draws: int = DRAWS) -> Interval:
    """WQL of counts with the quantiles in whole units, over the model's own; below 1 whole units are better.

    This is the backtest that decides what is published (``Chronos2.in_whole_units``). Arguments as in
    :func:`promotion_ratio`.
    """
    return _ratio((_count_losses(model, batch) for batch in held_out_batches()), draws)


def _ratio(losses_by_batch: Iterable[FloatArray], draws: int) -> Interval:
    """Of two losses by window, each (2, windows), the sum of the first over the sum of the second."""
    losses = np.concatenate(list(losses_by_batch), axis=1)
    counts = bootstrap_draws(losses.shape[1], draws)
    drawn = (counts @ losses[0]) / (counts @ losses[1])
    return percentile_interval(losses[0].sum() / losses[1].sum(), drawn)


def _count_losses(model: Chronos2Model, batch: Batch) -> FloatArray:
    """(2, windows): the scaled loss of windows in whole units, quantiles in whole units and as answered."""
    counted = np.array([is_counted(row) for row in batch.context[batch.is_target]])
    actual, scale = futures_of(batch)[:, counted], scale_of(batch)[counted]
    answer = predict(model, batch)[counted]
    both = (whole_units(answer), answer)
    return np.stack([(quantile_loss(actual, q) * scale).sum(axis=(0, 2)) for q in both])
