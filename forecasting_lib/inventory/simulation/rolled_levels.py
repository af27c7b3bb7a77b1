"""The engine's own reorder levels as they would have stood on each day: forecast at an origin, rolled daily.

Belongs here: the levels of the days from an origin until the next. Does not belong here: how a level follows
from a forecast (``levels``), who forecasts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecasting_lib.grain import Grain
from forecasting_lib.inventory.error_growth import ErrorGrowth
from forecasting_lib.inventory.levels import demand_of, levels_of
from forecasting_lib.inventory.policies import InventoryPolicy
from forecasting_lib.inventory.simulation.sweep import LevelSweep
from forecasting_lib.inventory.supply import Supply
from forecasting_lib.panel import FloatArray

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


def rolled_levels(
    moments: Sequence[DailyMoments],
    supplies: Sequence[Supply],
    policy: InventoryPolicy,
    service_levels: FloatArray,
    stride: int,
    growth: ErrorGrowth | None = None,
) -> LevelSweep:
    """Levels of the days after each origin until the next: day k sees the forecast from its day k on.

    Args:
        moments: of the forecast at each origin, of the same n series.
        supplies: what was known of lead times, lots and history at each, of the same series.
        policy: the client's; its target is replaced by each of the levels.
        service_levels: (k,) nominal cycle service levels, ascending.
        stride: days from one origin to the next.
        growth: how errors had grown before; None: what stands where no backtest measured it.

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
            rolled = known.mean[:, ahead:], known.variance[:, ahead:]
            demand = demand_of(*rolled, supply, policy, Grain.DAY, growth)
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
