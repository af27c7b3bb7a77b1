"""Forecast errors of daily totals: a two-sided CUSUM and the tracking signal against a baseline.

The errors are relative: ``(forecast - actual) / forecast``, positive for an over-forecast. CUSUM: E. S. Page,
"Continuous inspection schemes", Biometrika 41 (1954). Tracking signal: R. G. Brown, "Smoothing, Forecasting
and Prediction" (1963), here over the run of days that the CUSUM points at.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from scipy import stats

from forecasting_lib.drift.findings import Drift, DriftKind, Finding, Steady, Unjudged
from forecasting_lib.panel import FloatArray

CUSUM_SLACK = 1.0
"""Deviations of an error that are no news."""

CUSUM_LIMIT = 8.0
"""Deviations beyond the slack, added up, that are."""

PART_LIMIT = 14.0
"""The same of a part of the client: there are several of these, and single series weigh more in them."""

LEAST_SERIES = 50
"""Of a part."""

TRACKING_LIMIT = 4.0
"""Mean absolute deviations, added up."""

LEAST_ERRORS = 5
"""Of a baseline."""

_TAIL = 0.999


@dataclass(frozen=True)
class Baseline:
    """What errors are usual.

    Attributes:
        mean: of the relative errors.
        deviation: their standard deviation, wider the fewer there were (Student's t beside the normal).
        mad: their mean absolute deviation.
        n: how many there were.
        origin: where they are from, in words.
    """

    mean: float
    deviation: float
    mad: float
    n: int
    origin: str


def baseline_of(errors: FloatArray, origin: str) -> Baseline | None:
    """The baseline of some relative errors; None where they are too few or all the same.

    Args:
        errors: (k,) relative errors; NaN is left out.
        origin: where they are from, in words.
    """
    known = errors[np.isfinite(errors)]
    if len(known) < LEAST_ERRORS:
        return None
    if np.ptp(known) == 0:
        return None
    deviation = float(np.std(known, ddof=1))
    wider = float(stats.t.ppf(_TAIL, len(known) - 1) / stats.norm.ppf(_TAIL))
    mean = float(np.mean(known))
    return Baseline(mean, deviation * wider, float(np.mean(np.abs(known - mean))) * wider, len(known), origin)


@dataclass(frozen=True)
class Cusum:
    """Where a CUSUM stands.

    Attributes:
        statistic: of the last day, positive on the side of over-forecasts.
        began: number of the day on which that side last rose from zero.
    """

    statistic: float
    began: int


def cusum(standardised: FloatArray) -> Cusum:
    """Where the two-sided CUSUM of standardised errors stands on the last day; NaN leaves it as it is.

    >>> cusum(np.array([0.0, 3.0, 3.0]))
    Cusum(statistic=4.0, began=1)
    """
    sides, began = [0.0, 0.0], [len(standardised), len(standardised)]
    for number, value in enumerate(standardised):
        if np.isnan(value):
            continue
        for side, signed in enumerate((value, -value)):
            before = sides[side]
            sides[side] = max(0.0, before + float(signed) - CUSUM_SLACK)
            if sides[side] > 0 and before == 0:
                began[side] = number
    over, under = sides
    return Cusum(over, began[0]) if over >= under else Cusum(-under, began[1])


def tracking_signal(errors: FloatArray, mad: float) -> float:
    """``sum e / MAD`` over the errors that are known.

    >>> tracking_signal(np.array([1.0, -2.0, np.nan, 5.0]), 2.0)
    2.0
    """
    return float(np.nansum(errors) / mad)


def error_drift(
    forecast: FloatArray,
    actual: FloatArray,
    last_date: date,
    baseline: Baseline | None,
    limit: float = CUSUM_LIMIT,
) -> Finding:
    """Whether the errors of daily totals have left their baseline for good.

    Both have to say so: the CUSUM passes its limit, and so does the tracking signal of the same days.

    Args:
        forecast: (T,) forecast total of each day; NaN where nothing was forecast.
        actual: (T,) total of the same series; NaN where unknown.
        last_date: the last of the days.
        baseline: what is usual; None where nothing tells.
        limit: of the CUSUM, in deviations.
    """
    kind = DriftKind.FORECAST_ERROR
    with np.errstate(divide="ignore", invalid="ignore"):
        errors = np.where(forecast > 0, (forecast - actual) / forecast, np.nan)
    if not np.isfinite(errors).any():
        return Unjudged(kind, "No day that was forecast is known yet.")
    if baseline is None:
        return Unjudged(
            kind,
            f"Neither a backtest nor {LEAST_ERRORS} days scored earlier show which errors are usual.",
        )
    found = cusum((errors - baseline.mean) / baseline.deviation)
    began = min(found.began, len(errors) - 1)
    signal = tracking_signal(errors[began:] - baseline.mean, baseline.mad)
    evidence: dict[str, float | int | str] = {
        "cusum": round(found.statistic, 3),
        "cusum_limit": limit,
        "cusum_slack": CUSUM_SLACK,
        "tracking_signal": round(signal, 3),
        "tracking_limit": TRACKING_LIMIT,
        "baseline_mean": round(baseline.mean, 5),
        "baseline_deviation": round(baseline.deviation, 5),
        "baseline_errors": baseline.n,
        "baseline_from": baseline.origin,
        "days": int(np.isfinite(errors[began:]).sum()),
    }
    if abs(found.statistic) <= limit or abs(signal) <= TRACKING_LIMIT:
        return Steady(kind, evidence)
    first = last_date - timedelta(days=len(errors) - 1 - began)
    known = np.isfinite(errors)
    known[:began] = False
    total, sold = forecast[known].sum(), actual[known].sum()
    evidence |= {"forecast_qty": round(float(total), 3), "actual_qty": round(float(sold), 3)}
    return Drift(
        kind,
        first,
        f"Since {first} {sold:,.0f} units were sold where {total:,.0f} were forecast; "
        f"such errors add up to {abs(found.statistic):.1f} deviations, {limit:g} are the limit.",
        evidence,
    )
