"""The population stability index of demand: whether series sell at the level, and as often, as they did.

Each series is compared with itself: its demand in a fortnight relative to its other fortnights. So neither
the mix of series nor a long tail decides. The index: N. Siddiqi, "Credit Risk Scorecards" (2006), ch. 8; more
than 0.25 is read as a shift there.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

from forecasting_lib.drift.findings import Drift, DriftKind, Finding, Steady, Unjudged
from forecasting_lib.drift.known import mean_of_known
from forecasting_lib.drift.window import RECENT_DAYS, REFERENCE_DAYS, DemandWindow
from forecasting_lib.panel import FloatArray

PSI_LIMIT = 0.25
BINS = 10

LEAST_ZERO_SHIFT = 0.05
"""How far the mean share of days without demand must have moved, too: of series that sell every day many
shares are equal, and a bin that ends there counts a single day as a shift."""

LEAST_SERIES = 50

_CHANCE = 0.999
"""Share of steady clients whose index stays below what chance alone makes of few series."""

_BLOCKS = REFERENCE_DAYS // RECENT_DAYS


def population_stability_index(reference: FloatArray, recent: FloatArray) -> float:
    """``sum (p - q) ln(p / q)`` over bins by the deciles of the reference; half a value is added to each bin.

    Args:
        reference: (m,) values, all finite.
        recent: (n,) values, all finite.
    """
    edges = np.unique(np.quantile(reference, np.arange(1, BINS) / BINS))
    shares = []
    for values in (recent, reference):
        counts = np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1) + 0.5
        shares.append(counts / counts.sum())
    p, q = shares
    return float(np.sum((p - q) * np.log(p / q)))


def limit_of(reference: int, recent: int) -> float:
    """The index beyond which it is drift: 0.25, or more where series are so few that chance reaches it.

    Of two samples of one distribution the index is about ``(1/n + 1/m)`` times a chi-squared of ``BINS - 1``:
    B. Yurdakul and J. Naranjo, "Statistical properties of the population stability index", Journal of Risk
    Model Validation 14 (2020).

    Args:
        reference: number of values of the reference.
        recent: number of recent values.
    """
    by_chance = float(stats.chi2.ppf(_CHANCE, BINS - 1)) * (1 / reference + 1 / recent)
    return max(PSI_LIMIT, by_chance)


def level_drift(window: DemandWindow) -> Finding:
    """Whether the series sell at the level they sold at: the last fortnight beside the six before."""
    means = _by_fortnight(window.demand)
    reference, recent = _beside_the_others(means, relative=True)
    return _judged(DriftKind.DEMAND_LEVEL, reference, recent, window)


def zero_share_drift(window: DemandWindow) -> Finding:
    """Whether the series have as many days without demand as they had, in the same comparison."""
    zeros = np.where(np.isnan(window.demand), np.nan, (window.demand == 0).astype(float))
    reference, recent = _beside_the_others(_by_fortnight(zeros), relative=False)
    return _judged(DriftKind.ZERO_SHARE, reference, recent, window)


def _by_fortnight(values: FloatArray) -> FloatArray:
    """(n, 7) means over the known days of each fortnight; NaN where fewer than half are known."""
    parts = values[:, -(RECENT_DAYS + REFERENCE_DAYS) :].reshape(len(values), _BLOCKS + 1, RECENT_DAYS)
    known = np.isfinite(parts).sum(axis=2)
    return np.where(known >= RECENT_DAYS / 2, mean_of_known(parts), np.nan)


def _beside_the_others(means: FloatArray, *, relative: bool) -> tuple[FloatArray, FloatArray]:
    """Each fortnight beside the series' other fortnights of the reference, reference and recent apart."""
    complete = np.isfinite(means).all(axis=1)
    means = means[complete]
    if relative:
        means = means[(means[:, :_BLOCKS] > 0).sum(axis=1) > 1]
    before, recent = means[:, :_BLOCKS], means[:, _BLOCKS]
    total = before.sum(axis=1)
    others = (total[:, None] - before) / (_BLOCKS - 1)
    usual = total / _BLOCKS
    if relative:
        return (before / others).ravel(), recent / usual
    return (before - others).ravel(), recent - usual


def _judged(kind: DriftKind, reference: FloatArray, recent: FloatArray, window: DemandWindow) -> Finding:
    if len(recent) < LEAST_SERIES:
        return Unjudged(
            kind,
            f"Only {len(recent)} series sold and are known in each fortnight; {LEAST_SERIES} are needed.",
        )
    index = population_stability_index(reference, recent)
    limit = limit_of(len(reference), len(recent))
    average = np.mean if kind is DriftKind.ZERO_SHARE else np.median
    usual, now = float(average(reference)), float(average(recent))
    evidence: dict[str, float | int | str] = {
        "psi": round(index, 4),
        "psi_limit": round(limit, 4),
        "series": len(recent),
        "before": round(usual, 4),
        "now": round(now, 4),
        "recent_days": RECENT_DAYS,
        "reference_days": REFERENCE_DAYS,
    }
    if kind is DriftKind.ZERO_SHARE:
        evidence["shift_limit"] = LEAST_ZERO_SHIFT
    if index <= limit or (kind is DriftKind.ZERO_SHARE and abs(now - usual) < LEAST_ZERO_SHIFT):
        return Steady(kind, evidence)
    what = {
        DriftKind.DEMAND_LEVEL: f"the median series sold {now:.2f} times what it did before",
        DriftKind.ZERO_SHARE: f"days without demand moved by {100 * (now - usual):+.0f} points on average",
    }[kind]
    first = window.day(-RECENT_DAYS)
    return Drift(
        kind,
        first,
        f"Since {first} {what} ({len(recent):,} series; stability index {index:.2f}, "
        f"the limit is {limit:.2f}).",
        evidence,
    )
