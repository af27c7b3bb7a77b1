"""What is looked at before numbers are published: pure functions from numbers to problems.

Belongs here: only what SQL cannot say before the rows exist. What SQL can say about rows that exist is a
dbt data test; what must never be stored is a constraint of the table.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from forecasting_lib.grain import Grain
from forecasting_lib.panel import Forecast, Panel

TOTAL_BAND = 10.0
"""A forecast total this many times the recent total is an error: nobody orders on it."""

RECENT_PERIODS: Mapping[Grain, int] = {Grain.DAY: 56, Grain.WEEK: 8, Grain.MONTH: 12}


def forecast_problems(forecast: Forecast, panel: Panel, horizon: int) -> list[str]:
    """Reasons not to publish a forecast, as sentences; empty where there are none.

    Args:
        forecast: what the guarded model returned.
        panel: what it was given.
        horizon: periods asked for.
    """
    problems = []
    grain = panel.grain
    if forecast.series_ids != panel.series_ids:
        problems.append(f"{len(panel)} series were asked for, {len(forecast.series_ids)} came back.")
    if forecast.horizon != horizon:
        problems.append(f"{horizon} {grain.periods} were asked for, {forecast.horizon} came back.")
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
    recent = recent_total(panel)
    expected = float(forecast.mean.sum()) / max(forecast.horizon, 1)
    if recent > 0 and expected > TOTAL_BAND * recent:
        problems.append(
            f"The forecast totals {expected:,.1f} units a {grain}; the last {RECENT_PERIODS[grain]} "
            f"{grain.periods} had {recent:,.1f}."
        )
    return problems


def recent_total(panel: Panel) -> float:
    """Units a period of all series together, over the unmasked of the last 56 days, 8 weeks or 12 months."""
    recent = [history[-RECENT_PERIODS[panel.grain] :] for history in panel.history]
    means = [np.nanmean(periods) for periods in recent if not np.isnan(periods).all()]
    return float(np.sum(means))
