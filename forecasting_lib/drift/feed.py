"""Whether a delivery is plausible as such: numbers that stand still, prices in another unit."""

from __future__ import annotations

import math

import numpy as np

from forecasting_lib.drift.findings import Drift, DriftKind, Finding, Steady, Unjudged
from forecasting_lib.drift.known import median_of_known
from forecasting_lib.drift.window import DemandWindow

FROZEN_DAYS = 5
FROZEN_CHANCE = 1e-6
"""How probable it may be that nothing changes."""

PRICE_FACTOR = 3.0
PRICE_SHARE = 0.05
"""Of the series with a price, those whose price jumps by more than the factor."""

LEAST_PRICED = 5
_USUAL_PRICE_DAYS = 28
_JUMP_DAYS = 7


def feed_frozen(window: DemandWindow) -> Finding:
    """Whether every series has stood still for the last five days, as if the same day came again and again.

    How probable that is follows from how often each series stood still so long before: slow sellers at zero
    do all the time, so a handful of these tell nothing.
    """
    kind = DriftKind.FEED_FROZEN
    recent, before = window.demand[:, -FROZEN_DAYS:], window.demand[:, :-FROZEN_DAYS]
    complete = np.isfinite(recent).all(axis=1)
    runs = before.shape[1] // FROZEN_DAYS
    parts = before[:, before.shape[1] - runs * FROZEN_DAYS :].reshape(len(before), runs, FROZEN_DAYS)
    known = np.isfinite(parts).all(axis=2)
    still = known & (parts == parts[:, :, :1]).all(axis=2)
    judged = complete & (known.sum(axis=1) >= 4)
    # Laplace's rule: half a run more of each outcome than was seen
    chance = (still.sum(axis=1) + 0.5) / (known.sum(axis=1) + 1)
    log_chance = float(np.log(chance[judged]).sum())
    if log_chance > math.log(FROZEN_CHANCE):
        return Unjudged(
            kind,
            f"The {int(judged.sum())} series known on the last {FROZEN_DAYS} days may stand still by chance.",
        )
    stood = judged & (recent == recent[:, :1]).all(axis=1)
    evidence: dict[str, float | int | str] = {
        "series": int(judged.sum()),
        "series_still": int(stood.sum()),
        "days": FROZEN_DAYS,
        "log10_chance": round(log_chance / math.log(10), 1),
        "log10_chance_limit": round(math.log10(FROZEN_CHANCE), 1),
        "total_qty": round(float(recent[judged, -1].sum()), 3),
    }
    if not stood[judged].all():
        return Steady(kind, evidence)
    first = window.day(-FROZEN_DAYS)
    what = "is zero" if evidence["total_qty"] == 0 else "is the same"
    return Drift(
        kind,
        first,
        f"Demand of all {int(judged.sum()):,} series {what} on all {FROZEN_DAYS} days from {first} on, "
        "which does not happen by chance: the feed repeats itself or is empty.",
        evidence,
    )


def price_level(window: DemandWindow) -> Finding:
    """Whether prices of many series jumped by a factor, as they do where a unit or a decimal sign changed."""
    kind = DriftKind.PRICE_LEVEL
    usual = median_of_known(window.price[:, -(_USUAL_PRICE_DAYS + _JUMP_DAYS) : -_JUMP_DAYS])
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = window.price[:, -_JUMP_DAYS:] / usual[:, None]
    judged = np.isfinite(ratio[:, -1]) & (usual > 0)
    n = int(judged.sum())
    if n < LEAST_PRICED:
        return Unjudged(kind, f"Only {n} series have a price now and before; {LEAST_PRICED} are needed.")
    beyond = (ratio > PRICE_FACTOR) | (ratio < 1 / PRICE_FACTOR)
    jumped = judged & beyond[:, -1]
    share = float(jumped.sum()) / n
    evidence: dict[str, float | int | str] = {
        "series": int(jumped.sum()),
        "series_priced": n,
        "share": round(share, 4),
        "share_limit": PRICE_SHARE,
        "factor_limit": PRICE_FACTOR,
        "median_ratio": round(float(np.median(ratio[jumped, -1] if jumped.any() else ratio[judged, -1])), 4),
    }
    if share <= PRICE_SHARE or jumped.sum() < LEAST_PRICED:
        return Steady(kind, evidence)
    first = window.day(-_JUMP_DAYS + int(np.argmax(beyond[jumped].mean(axis=0) > 0.5)))
    return Drift(
        kind,
        first,
        f"Since {first} the price of {int(jumped.sum()):,} of {n:,} series is about "
        f"{evidence['median_ratio']:.2g} times that of the four weeks before: its unit may have changed.",
        evidence,
    )
