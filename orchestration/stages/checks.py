"""What is looked at before numbers are published: pure functions from numbers to problems.

Belongs here: only what SQL cannot say before the rows exist. What SQL can say about rows that exist is a
dbt data test; what must never be stored is a constraint of the table.
"""

from __future__ import annotations

import numpy as np

from forecasting_lib.panel import Forecast, Panel

TOTAL_BAND = 10.0
"""A forecast total this many times the recent total is an error: nobody orders on it."""

RECENT_DAYS = 56


def forecast_problems(forecast: Forecast, panel: Panel, horizon: int) -> list[str]:
    """Reasons not to publish a forecast, as sentences; empty where there are none.

    Args:
        forecast: what the guarded model returned.
        panel: what it was given.
        horizon: days asked for.
    """
    problems = []
    if forecast.series_ids != panel.series_ids:
        problems.append(f"{len(panel)} series were asked for, {len(forecast.series_ids)} came back.")
    if forecast.horizon != horizon:
        problems.append(f"{horizon} days were asked for, {forecast.horizon} came back.")
    for name, values in (
        ("mean", forecast.mean),
        ("point", forecast.point),
        ("quantiles", forecast.quantiles),
    ):
        if not np.isfinite(values).all():
            problems.append(f"{int((~np.isfinite(values)).sum())} numbers of the {name} are not finite.")
        elif values.size and values.min() < 0:
            problems.append(f"{int((values < 0).sum())} numbers of the {name} are negative.")
    if forecast.quantiles.size and (np.diff(forecast.quantiles, axis=2) < 0).any():
        problems.append("Quantiles cross.")
    recent = recent_daily_total(panel)
    expected = float(forecast.mean.sum()) / max(forecast.horizon, 1)
    if recent > 0 and expected > TOTAL_BAND * recent:
        problems.append(
            f"The forecast totals {expected:,.1f} units a day; the last {RECENT_DAYS} days had {recent:,.1f}."
        )
    return problems


def recent_daily_total(panel: Panel) -> float:
    """Units a day of all series together, over the unmasked days of the last eight weeks."""
    means = [np.nanmean(h[-RECENT_DAYS:]) for h in panel.history if not np.isnan(h[-RECENT_DAYS:]).all()]
    return float(np.sum(means))
