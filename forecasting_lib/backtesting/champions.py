"""Which model leads for a series: the one whose past origins say that it will be better, not luckier.

Belongs here: the loss that decides, shrunk from the series to its segment, and the choice with its reason.
Does not belong here: the losses themselves (``measures``), how a forecast is put together from the choices.

A series' own origins are few. What they say of a model is drawn towards what its segment says, by as much as
the series of the segment differ less than one origin from the next would make them differ (Efron and Morris
1975, empirical Bayes).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from forecasting_lib.backtesting.gains import Losses, mean_gain
from forecasting_lib.panel import FloatArray

IntArray = npt.NDArray[np.int64]

TIE = 0.01
"""Models whose losses differ by less are equally good, and the simpler one leads."""

MARGIN = 0.01
"""By so much a challenger has to win on two successive backtests."""


class Reason(StrEnum):
    """Why a model leads for a series."""

    BEST = "BEST"
    """Its loss is the lowest by more than the tie."""
    SIMPLER = "SIMPLER"
    """Its loss is within the tie of the lowest, and it is simpler."""
    HEDGE = "HEDGE"
    """It is the average of the models, and none of them is clearly better."""
    STAYS = "STAYS"
    """It led before, and no other has won by the margin on two successive backtests."""
    SEGMENT = "SEGMENT"
    """The series has no origin of its own; it leads in the segment."""


@dataclass(frozen=True)
class Verdict:
    """The choice for n series among m models.

    Attributes:
        model: (n,) position of the model that leads.
        reason: of each series.
        score: (n, m) expected loss over the mean of all models'; below 1 is better than most.
        own_weight: (n,) how far the series' own origins decide, 0 to 1.
        origins: (n,) origins that the series itself was judged on.
    """

    model: IntArray
    reason: tuple[Reason, ...]
    score: FloatArray
    own_weight: FloatArray
    origins: IntArray


def expected_scores(losses: FloatArray, segments: Sequence[str]) -> tuple[FloatArray, FloatArray]:
    """What a model's loss at the next origin is expected to be, over the mean of all models'.

    A window in which little is sold says little, so a series' losses are compared over its mean of all
    origins; and a series with little loss says little of its segment, so each weighs there by that mean,
    which makes the segment's score a sum of losses over a sum of losses.

    Args:
        losses: (n, m, o) scaled loss of each series, model and origin; NaN where it was not judged.
        segments: of each series.

    Returns:
        The scores (n, m), and the weight (n,) of the series' own origins, a mean over models.
    """
    n, m, _ = losses.shape
    judged = np.asarray(~np.isnan(losses).any(axis=1))
    count = judged.sum(axis=1)
    known = np.where(judged[:, None, :], losses, np.nan)
    mean = np.nansum(known, axis=(1, 2)) / np.maximum(count * m, 1)
    relative = known / np.where(mean > 0.0, mean, 1.0)[:, None, None]
    names = np.array(segments, dtype=object)
    expected = np.zeros((n, m))
    weights = np.zeros((n, m))
    everybody = _mean(relative, mean)
    for segment in dict.fromkeys(segments):
        rows = np.flatnonzero(names == segment)
        own = relative[rows]
        seen = count[rows]
        level = _mean(own, mean[rows], everybody)
        expected[rows] = level
        known = np.flatnonzero(seen > 0)
        if not len(known):
            continue
        means = np.nansum(own[known], axis=2) / seen[known][:, None]
        weight = _own_weights(own[known], means, seen[known], level, mean[rows[known]])
        expected[rows[known]] = level + weight * (means - level)
        weights[rows[known]] = weight
    return expected, weights.mean(axis=1)


def choose(
    losses: FloatArray,
    segments: Sequence[str],
    simplicity: Sequence[int],
    *,
    hedge: int | None = None,
    before: IntArray | None = None,
    scores_before: FloatArray | None = None,
) -> Verdict:
    """Choose a model for every series.

    Args:
        losses: (n, m, o) as :func:`expected_scores` takes them.
        segments: of each series.
        simplicity: of each model; the lowest is the simplest.
        hedge: position of an average of the others. It leads where none of them is better by more than the
            tie and, in its segment, by more than chance: windows that models were compared on resemble each
            other more than the next one will them.
        before: (n,) position of the model that led until now, -1 where none did.
        scores_before: (n, m) scores of the backtest before; NaN where it did not judge a model.

    Returns:
        The verdict. Without a backtest before, a leader stays only if nobody beats it by the margin.
    """
    scores, own_weight = expected_scores(losses, segments)
    origins = (~np.isnan(losses).any(axis=1)).sum(axis=1)
    best = scores.argmin(axis=1)
    within = scores <= scores.min(axis=1, keepdims=True) * (1.0 + TIE)
    order = np.argsort(np.asarray(simplicity), kind="stable")
    simplest = order[within[:, order].argmax(axis=1)]
    leader = simplest.copy()
    reasons = np.where(simplest == best, Reason.BEST, Reason.SIMPLER).astype(object)
    if hedge is not None:
        clear = _clearly_better(losses, segments, hedge)
        safe = within[:, hedge] | ~clear[np.arange(len(leader)), simplest]
        leader[safe] = hedge
        reasons[safe] = Reason.HEDGE
    if before is not None:
        rows = np.flatnonzero(before >= 0)
        held, challenger = before[rows], leader[rows]
        wins = scores[rows, challenger] * (1.0 + MARGIN) < scores[rows, held]
        if scores_before is not None:
            # a model that the backtest before did not judge has won once at most
            wins &= scores_before[rows, challenger] * (1.0 + MARGIN) < scores_before[rows, held]
        stays = rows[(held != challenger) & ~wins]
        leader[stays] = before[stays]
        reasons[stays] = Reason.STAYS
    for row in np.flatnonzero(origins == 0):
        if reasons[row] is not Reason.STAYS:
            reasons[row] = Reason.SEGMENT
    return Verdict(
        model=leader.astype(np.int64),
        reason=tuple(map(Reason, reasons)),
        score=scores,
        own_weight=own_weight,
        origins=origins.astype(np.int64),
    )


def _clearly_better(losses: FloatArray, segments: Sequence[str], hedge: int) -> npt.NDArray[np.bool_]:
    """(n, m): whether a model's gain over the average is clear in the segment of each series."""
    names = np.array(segments, dtype=object)
    judged = np.asarray(~np.isnan(losses).any(axis=1))
    clear = np.zeros(losses.shape[:2], dtype=np.bool_)
    for segment in dict.fromkeys(segments):
        rows = np.flatnonzero(names == segment)
        windows = [(rows[judged[rows, k]], k) for k in range(losses.shape[2])]
        for model in range(losses.shape[1]):
            found = mean_gain(
                [Losses(losses[own, model, k], losses[own, hedge, k], 0.0, len(own)) for own, k in windows]
            )
            clear[rows, model] = found is not None and found.is_clear
    return clear


def _own_weights(
    own: FloatArray, means: FloatArray, origins: IntArray, level: FloatArray, size: FloatArray
) -> FloatArray:
    """(k, m): the share of a series' deviation from its segment that the next origin is expected to repeat.

    Args:
        own: (k, m, o) losses over the series' mean of all models and origins.
        means: (k, m) their means over origins.
        origins: (k,) how many.
        level: (m,) the segment's.
        size: (k,) the mean that the losses are over; what a series weighs.
    """
    weigh = size / size.sum() if size.sum() > 0.0 else np.full(len(size), 1.0 / len(size))
    several = origins > 1
    deviations = np.nansum(np.square(own - means[:, :, None]), axis=2)
    freedom = np.maximum(origins - 1, 1)[:, None]
    noise_of_mean = deviations / freedom / origins[:, None]
    known = weigh * several
    if known.sum() == 0.0:
        return np.zeros_like(means)
    # of few origins a series' own spread says little: all series of the segment have the mean one
    pooled = (known[:, None] * noise_of_mean * origins[:, None]).sum(axis=0) / known.sum()
    noise_of_mean = pooled[None, :] / origins[:, None]
    spread = (known[:, None] * np.square(means - level)).sum(axis=0) / known.sum()
    expected_noise = (known[:, None] * noise_of_mean).sum(axis=0) / known.sum()
    signal = np.maximum(spread - expected_noise, 0.0)[None, :]
    total = signal + noise_of_mean
    weight = np.zeros_like(total)
    np.divide(np.broadcast_to(signal, total.shape), total, out=weight, where=total > 0.0)
    return np.where(several[:, None], weight, 0.0)


def _mean(relative: FloatArray, size: FloatArray, otherwise: FloatArray | None = None) -> FloatArray:
    """(m,) mean over series, by size, and origins; ``otherwise``, or 1, where nothing was judged."""
    known = ~np.isnan(relative)
    weigh = known * size[:, None, None]
    total = weigh.sum(axis=(0, 2))
    added = np.where(known, relative, 0.0) * size[:, None, None]
    fallback = np.ones(relative.shape[1]) if otherwise is None else otherwise
    mean = np.array(fallback, dtype=np.float64)
    np.divide(added.sum(axis=(0, 2)), total, out=mean, where=total > 0.0)
    return mean
