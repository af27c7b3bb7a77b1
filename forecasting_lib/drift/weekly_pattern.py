"""Whether the week still has its pattern: the last two weeks' totals beside the weekdays of those before."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from forecasting_lib.drift.findings import Drift, DriftKind, Finding, Steady, Unjudged
from forecasting_lib.drift.known import mean_of_known, median_of_known
from forecasting_lib.drift.window import RECENT_DAYS, REFERENCE_DAYS, DemandWindow
from forecasting_lib.panel import FloatArray

LEAST_WEEKS = 8
"""Of the twelve before, those sold in on every day."""

LEAST_EXPLAINED = 0.4
"""Share of the variance that the weekday must have explained for a pattern to be there."""

SLOPE_LIMIT = 0.4
"""What is left of a pattern that counts as gone: 1 is all of it, 0 is none."""

SLOPE_DEVIATIONS = 4.0


def weekly_pattern(window: DemandWindow) -> Finding:
    """Whether the weekday still says how much is sold.

    Each day's total is taken relative to its week's mean; the last two weeks are regressed on the profile of
    the twelve weeks before. A slope of 1 is the old pattern, 0 is none. Of the twelve weeks medians are
    taken, so that Christmas among them hides nothing.
    """
    kind = DriftKind.WEEKLY_PATTERN
    totals = np.nansum(window.demand[:, -(RECENT_DAYS + REFERENCE_DAYS) :], axis=0)
    weeks = np.where(totals > 0, totals, np.nan).reshape(-1, 7)
    n_recent = RECENT_DAYS // 7
    relative = weeks / mean_of_known(weeks)[:, None] - 1
    profile = median_of_known(relative[:-n_recent].T)
    earlier, recent = relative[:-n_recent], relative[-n_recent:]
    before = earlier[np.isfinite(earlier).all(axis=1)]
    if not np.isfinite(profile).all() or len(before) < LEAST_WEEKS:
        return Unjudged(kind, "Fewer than eight whole weeks were sold in before the last two.")
    if np.isfinite(recent).sum() < RECENT_DAYS - 2:
        return Unjudged(kind, "More than two days of the last two weeks are without sales.")
    explained = float(np.median([_explained(week, profile) for week in before]))
    if explained < LEAST_EXPLAINED:
        return Unjudged(
            kind,
            f"The weekday explains {explained:.0%} of the variance: there is no weekly pattern to lose.",
        )
    slopes = np.array([_slope(week, profile) for week in before])
    slope = _slope(recent, np.broadcast_to(profile, recent.shape))
    spread = stats.median_abs_deviation(slopes, scale="normal")
    deviation = float(spread) / math.sqrt(n_recent)
    evidence: dict[str, float | int | str] = {
        "explained_before": round(explained, 4),
        "explained_now": round(_explained(recent, profile), 4),
        "explained_limit": LEAST_EXPLAINED,
        "slope": round(slope, 4),
        "slope_limit": SLOPE_LIMIT,
        "slope_deviation": round(deviation, 4),
        "deviations_limit": SLOPE_DEVIATIONS,
    }
    if slope >= SLOPE_LIMIT or 1 - slope <= SLOPE_DEVIATIONS * deviation:
        return Steady(kind, evidence)
    first = window.day(-RECENT_DAYS)
    return Drift(
        kind,
        first,
        f"Since {first} {max(slope, 0):.0%} of the weekly pattern is left, which explained {explained:.0%} "
        "of the days' variance in the twelve weeks before.",
        evidence,
    )


def _slope(relative: FloatArray, profile: FloatArray) -> float:
    known = np.isfinite(relative)
    x = profile[known] - profile[known].mean()
    y = relative[known] - relative[known].mean()
    return float((x * y).sum() / (x * x).sum())


def _explained(relative: FloatArray, profile: FloatArray) -> float:
    """Share of the variance around the weeks' means that the profile explains; below 0 where it misleads."""
    residual = relative - profile
    known = np.isfinite(residual)
    total = float((relative[known] ** 2).sum())
    return 1 - float((residual[known] ** 2).sum()) / total if total > 0 else 0.0
