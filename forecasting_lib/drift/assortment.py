"""Which items come and go: new ones, vanished ones, and codes that were exchanged on one day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from forecasting_lib.drift.findings import Drift, DriftKind, Finding, Steady, Unjudged
from forecasting_lib.drift.known import mean_of_known
from forecasting_lib.drift.window import RECENT_DAYS, DemandWindow
from forecasting_lib.panel import FloatArray

SHARE_LIMIT = 0.10
"""Of the series that sell, those that come or go within a fortnight."""

LEAST_SERIES = 20

RENAMED_SHARE = 0.05
"""Of the series that sell, those that begin on one day."""

LEAST_RENAMED = 5
SILENCE_DEVIATIONS = 3.0
"""By how much more series than chance explains must have fallen silent."""

SAME_LEVEL = 3.0
"""What begins sells at most so many times as much or as little as what fell silent did."""

_PRACTICALLY_NEVER = 0.001


@dataclass(frozen=True)
class _Rates:
    """How the series that sold before the recent days did so.

    Attributes:
        active: (n,) whether a series sold on two days or more and is known on half of the days.
        silent: (n,) the share of its days without demand.
        level: (n,) its mean demand a day.
    """

    active: npt.NDArray[np.bool_]
    silent: FloatArray
    level: FloatArray


def _rates(window: DemandWindow, until: int) -> _Rates:
    """Of the four weeks before day ``until``: what sold then is what can vanish now."""
    before = window.demand[:, max(0, until - 28) : until]
    known = np.isfinite(before).sum(axis=1)
    sold = (before > 0).sum(axis=1)
    days = np.maximum(known, 1)
    # half a day without demand more than was seen at least: nothing is certain to sell
    silent = 1 - np.clip(sold, 0, days - 0.5) / days
    level = np.nansum(before, axis=1) / days
    return _Rates((sold >= 2) & (known >= 14), silent, level)


def new_items(window: DemandWindow) -> Finding:
    """Whether an unusual share of the series began within the recent days."""
    active = _rates(window, window.days - RECENT_DAYS).active
    began = window.listed >= window.days - RECENT_DAYS
    return _share(DriftKind.NEW_ITEMS, window, began, int(active.sum()), "are new")


def vanished_items(window: DemandWindow) -> Finding:
    """Whether an unusual share of the series no longer sells: silent longer than chance lets expect."""
    rates = _rates(window, window.days - RECENT_DAYS)
    recent = window.demand[:, -RECENT_DAYS:]
    known = np.isfinite(recent).sum(axis=1)
    silent = (np.nan_to_num(recent) == 0).all(axis=1) & (known > 0)
    gone = rates.active & silent & (rates.silent**known < _PRACTICALLY_NEVER)
    return _share(DriftKind.VANISHED_ITEMS, window, gone, int(rates.active.sum()), "no longer sell")


def _share(
    kind: DriftKind, window: DemandWindow, which: npt.NDArray[np.bool_], active: int, what: str
) -> Finding:
    if active < LEAST_SERIES:
        return Unjudged(kind, f"Only {active} series sold before; {LEAST_SERIES} are needed.")
    n = int(which.sum())
    evidence: dict[str, float | int | str] = {
        "series": n,
        "series_before": active,
        "share": round(n / active, 4),
        "share_limit": SHARE_LIMIT,
        "items": len(set(window.item_ids[which])),
    }
    if n / active <= SHARE_LIMIT:
        return Steady(kind, evidence)
    first = window.day(-RECENT_DAYS)
    return Drift(
        kind,
        first,
        f"{n:,} series ({evidence['items']:,} items) {what} since {first}, "
        f"beside {active:,} that sold before: {n / active:.0%}, the limit is {SHARE_LIMIT:.0%}.",
        evidence,
    )


def items_renamed(window: DemandWindow) -> Finding:
    """Whether codes were exchanged: on one recent day many series begin as many fall silent, at their level.

    One day can tell, for the series that begin are counted and those that fell silent are more than the
    shares of days without demand let expect.
    """
    kind = DriftKind.ITEMS_RENAMED
    began = np.bincount(window.listed[window.listed >= window.days - RECENT_DAYS], minlength=window.days)
    day = int(np.argmax(began)) if began.any() else window.days - 1
    rates = _rates(window, day)
    active = int(rates.active.sum())
    if active < LEAST_SERIES:
        return Unjudged(kind, f"Only {active} series sold before; {LEAST_SERIES} are needed.")
    n_new = int(began[day])
    since = window.demand[:, day:]
    known = np.isfinite(since).sum(axis=1)
    candidates = rates.active & (known > 0)
    silent = candidates & (np.nan_to_num(since) == 0).all(axis=1)
    chance = rates.silent[candidates] ** known[candidates]
    expected, spread = float(chance.sum()), float(np.sqrt((chance * (1 - chance)).sum()))
    excess = float(silent.sum()) - expected
    fresh = window.listed == day
    level_new = float(np.nan_to_num(mean_of_known(since[fresh].ravel()))) if n_new else 0.0
    # what fell silent by chance sold little: the level of those that chance does not explain
    weights = np.where(silent, 1 - rates.silent**known, 0.0)
    level_gone = float((weights * rates.level).sum() / weights.sum()) if weights.any() else 0.0
    evidence: dict[str, float | int | str] = {
        "series_begun": n_new,
        "series_before": active,
        "share_limit": RENAMED_SHARE,
        "series_silent": int(silent.sum()),
        "silent_by_chance": round(expected, 2),
        "silence_deviations": round(excess / spread, 2) if spread else 0.0,
        "deviations_limit": SILENCE_DEVIATIONS,
        "level_begun": round(level_new, 4),
        "level_silent": round(level_gone, 4),
        "items": len(set(window.item_ids[fresh])),
    }
    many = n_new >= max(LEAST_RENAMED, RENAMED_SHARE * active)
    as_many = 0.5 * n_new <= excess <= 2 * n_new and excess > SILENCE_DEVIATIONS * spread
    alike = level_gone > 0 and 1 / SAME_LEVEL < level_new / level_gone < SAME_LEVEL
    if not (many and as_many and alike):
        return Steady(kind, evidence)
    first = window.day(day)
    return Drift(
        kind,
        first,
        f"On {first} {n_new:,} series ({evidence['items']:,} items) began, "
        f"and about {excess:,.0f} fell silent which sold about as much: item codes may have been renamed.",
        evidence,
    )
