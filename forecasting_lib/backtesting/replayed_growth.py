"""How errors had grown by the eve of a replay's judged days, from the forecasts it made before.

Belongs here: the totals whose days had passed by then, and the factors fitted on them. Does not belong here:
the fit itself (``inflation``), levels (``inventory.simulation``).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from forecasting_lib.backtesting.inflation import Inflation, KnownTotals, fitted
from forecasting_lib.backtesting.past_days import PastDays
from forecasting_lib.grain import Grain
from forecasting_lib.history_variance import blended
from forecasting_lib.inventory.error_growth import ErrorGrowth
from forecasting_lib.inventory.simulation.rolled_levels import DailyMoments
from forecasting_lib.inventory.supply import Supply
from forecasting_lib.panel import IntArray

INTERVALS = (7, 14, 28)
"""Days over which errors are added up, as far as the forecast reaches."""


def growth_before(
    moments: Sequence[DailyMoments], supplies: Sequence[Supply], past: PastDays, judged_from: int
) -> ErrorGrowth:
    """What the origins before the judged days say of the errors of n series, by demand class.

    Args:
        moments: of the forecast at each origin.
        supplies: what was known of the series at each.
        past: the demand of all days.
        judged_from: number of the first origin whose days are judged; with 0 nothing is measured.
    """
    classes = supplies[judged_from].demand_classes
    if not judged_from:
        return ErrorGrowth.unmeasured(classes, Grain.DAY)
    reach = [days for days in INTERVALS if days <= moments[0].mean.shape[1]]
    found: dict[tuple[str, str], dict[int, Inflation]] = {("", name): {} for name in classes}
    of_class = np.array(classes)
    for days in reach:
        totals, series, independent = _known(moments, supplies, past, judged_from, days)
        everybody = fitted(totals, series, origins=independent)
        for name in set(classes):
            rows = np.flatnonzero(of_class[series] == name)
            found["", name][days] = fitted(totals.part(rows), series[rows], everybody, origins=independent)
    return ErrorGrowth.of([("", name) for name in classes], found, Grain.DAY)


def _known(
    moments: Sequence[DailyMoments],
    supplies: Sequence[Supply],
    past: PastDays,
    judged_from: int,
    days: int,
) -> tuple[KnownTotals, IntArray, int]:
    """The totals that had passed, the number of the series of each, and how many windows do not overlap."""
    eve = past.origins[judged_from]
    actual, mean, variance, counted, series = ([] for _ in range(5))
    passed = [number for number, start in enumerate(past.origins) if start + days <= eve]
    for number in passed:
        start, known, supply = past.origins[number], moments[number], supplies[number]
        total = past.demand[:, start : start + days].sum(axis=1)
        rows = np.flatnonzero(~np.isnan(total))
        actual.append(total[rows])
        mean.append(known.mean[rows, :days].sum(axis=1))
        independent = known.variance[rows, :days].sum(axis=1)
        variance.append(blended(independent, days * supply.history_variance[rows]))
        counted.append(supply.is_counted[rows])
        series.append(rows)
    windows = max(len(passed) * (past.origins[1] - past.origins[0]) // days, 1) if passed else 1
    if not passed:
        nothing = np.empty(0)
        return KnownTotals(nothing, nothing, nothing, nothing.astype(np.bool_)), np.empty(0, np.int64), 1
    return (
        KnownTotals(*(np.concatenate(part) for part in (actual, mean, variance, counted))),
        np.concatenate(series),
        windows,
    )
