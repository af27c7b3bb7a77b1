"""Mean and variance of what a model would have said at past origins, of the same series throughout.

Belongs here: asking, and putting the answers in one order. Does not belong here: what they are used for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from forecasting_lib.inventory.simulation.rolled_levels import DailyMoments
from forecasting_lib.models.interface import Forecaster
from forecasting_lib.origins import Origin, forecast_origins
from forecasting_lib.quantile_grid import grid_variance


def moments_at(
    model: Forecaster,
    origins: Sequence[Origin],
    series_ids: Sequence[str],
    horizon: int,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> list[DailyMoments]:
    """Mean and variance of each day ahead at each origin, of the same series in the same order.

    Args:
        model: any model of the interface.
        origins: of one grain, the earliest first.
        series_ids: the n series. One that an origin does not know of has no demand there.
        horizon: days ahead.
        progress: called with the series answered and those to answer, over all origins.
    """
    place = {series_id: row for row, series_id in enumerate(series_ids)}
    found = [DailyMoments(np.zeros((len(place), horizon)), np.zeros((len(place), horizon))) for _ in origins]
    for part in forecast_origins(model, origins, horizon, progress=progress):
        known = [(at, place[name]) for at, name in enumerate(part.forecast.series_ids) if name in place]
        taken, rows = ([pair[side] for pair in known] for side in (0, 1))
        found[part.origin].mean[rows] = np.maximum(part.forecast.mean[taken], 0.0)
        found[part.origin].variance[rows] = grid_variance(part.forecast.quantiles[taken])
    return found
