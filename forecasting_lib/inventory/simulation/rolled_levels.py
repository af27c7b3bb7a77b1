"""The engine's own reorder levels as they would have stood on each day: forecast at an origin, rolled daily.

Belongs here: moments of forecasts at past origins, and the levels of the days until the next. Does not belong
here: how a level follows from a forecast (``levels``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecasting_lib.inventory.lead_time_demand import CumulativeDemand
from forecasting_lib.inventory.levels import levels_of
from forecasting_lib.inventory.policies import InventoryPolicy
from forecasting_lib.inventory.simulation.sweep import LevelSweep
from forecasting_lib.inventory.supply import Supply
from forecasting_lib.models.interface import Forecaster
from forecasting_lib.origins import Origin, forecast_origins
from forecasting_lib.panel import FloatArray
from forecasting_lib.quantile_grid import grid_variance

FORECAST = "forecast"
"""The policy of the plan: levels from forecasts."""


@dataclass(frozen=True)
class DailyMoments:
    """What a forecast says of each day ahead.

    Attributes:
        mean: (n, h) units a day, at least 0.
        variance: (n, h) units squared.
    """

    mean: FloatArray
    variance: FloatArray


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


def rolled_levels(
    moments: Sequence[DailyMoments],
    supplies: Sequence[Supply],
    policy: InventoryPolicy,
    service_levels: FloatArray,
    stride: int,
) -> LevelSweep:
    """Levels of the days after each origin until the next: day k sees the forecast from its day k on.

    Args:
        moments: of the forecast at each origin, of the same n series.
        supplies: what was known of lead times, lots and history at each, of the same series.
        policy: the client's; its target is replaced by each of the levels.
        service_levels: (k,) nominal cycle service levels, ascending.
        stride: days from one origin to the next.

    Returns:
        A sweep over ``stride`` days per origin.
    """
    policies = [replace(policy, service_target=float(level)) for level in service_levels]
    days = stride * len(moments)
    items = len(moments[0].mean)
    points = np.zeros((len(policies), items, days))
    promised = np.zeros((len(policies), items, days))
    lot = np.zeros((items, days))
    for number, (known, supply) in enumerate(zip(moments, supplies, strict=True)):
        for ahead in range(stride):
            day = number * stride + ahead
            demand = CumulativeDemand.from_daily(
                known.mean[:, ahead:], known.variance[:, ahead:], supply.last_season_mean
            )
            for row, of_level in enumerate(policies):
                levels = levels_of(supply, demand, of_level)
                points[row, :, day] = levels.reorder_point
                promised[row, :, day] = levels.service_predicted
                lot[:, day] = levels.order_up_to - levels.reorder_point
    return LevelSweep(
        policy=FORECAST,
        scale="probability",
        levels=service_levels,
        reorder_point=np.maximum.accumulate(points, axis=0),
        lot=lot,
        predicted=promised.mean(axis=2),
    )
