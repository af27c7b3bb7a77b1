"""Sales in M5's layout played back: which service a model's levels would have kept, and at what stock.

Belongs here: the made-up supply side of data that have none, and the days. Does not belong here: the
simulator and its judgement (``forecasting_lib.inventory.simulation``).

Nothing is known of who supplies M5's stores. Each series gets a mean lead time of 7, 14 or 21 days in turn,
spread by a fifth, a review every day, and a minimum order of two weeks of its demand before the first origin.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

import numpy as np
import polars as pl

from forecasting_lib.backtesting.past_days import PastDays
from forecasting_lib.backtesting.replayed_growth import growth_before
from forecasting_lib.backtesting.replayed_moments import moments_at
from forecasting_lib.backtesting.segments import demand_classes
from forecasting_lib.benchmark.m5_files import FIRST_DAY, M5Sales, since_first_sale
from forecasting_lib.inventory.classification import demand_profile
from forecasting_lib.inventory.policies import InventoryPolicy
from forecasting_lib.inventory.simulation.baselines import (
    Protection,
    moving_average_levels,
    textbook_levels,
)
from forecasting_lib.inventory.simulation.judgement import Replay, judged
from forecasting_lib.inventory.simulation.lead_times import LeadTimeLaw
from forecasting_lib.inventory.simulation.rolled_levels import rolled_levels
from forecasting_lib.inventory.simulation.sweep import SWEPT_FACTORS, SWEPT_LEVELS
from forecasting_lib.inventory.supply import Supply
from forecasting_lib.inventory.tables import SUPPLY_SCHEMA
from forecasting_lib.models.interface import Forecaster
from forecasting_lib.origins import Origin, cut
from forecasting_lib.panel import FloatArray, Panel

STRIDE = 7
WARM_UP = 56
HORIZON = 28
LEAD_TIMES = (7.0, 14.0, 21.0)
SPREAD = 0.2
LOT_DAYS = 14
LEAST_HISTORY = 112
TARGETS = (0.95, 0.90, 0.98)


def replayed_service(
    sales: M5Sales,
    model: Forecaster,
    *,
    judged_weeks: int = 18,
    fitted_weeks: int = 16,
    sales_are_lost: bool = False,
    seed: int = 7,
    progress: Callable[[int, int], None] | None = None,
) -> pl.DataFrame:
    """Play the last weeks of a sales file with levels as they would have stood, refitted every week.

    Args:
        sales: with at least ``LEAST_HISTORY`` days before the first origin; series that began later are
            left out.
        model: any model of the interface.
        judged_weeks: the last weeks, which are judged.
        fitted_weeks: the weeks before, on which levels are fitted.
        sales_are_lost: what stock does not serve is lost; otherwise customers wait.
        seed: of the drawn lead times.
        progress: called with the series answered and those to answer.

    Returns:
        As ``judged``.

    Raises:
        ValueError: the file has too few days.
    """
    weeks = judged_weeks + fitted_weeks
    origins = _origins(sales, weeks)
    ids = origins[0].panel.series_ids
    past = PastDays.of(origins, ids, STRIDE)
    lead = np.resize(np.array(LEAD_TIMES), len(ids))
    rng = np.random.default_rng(seed)
    demand = past.played(WARM_UP)
    daily = np.nanmean(past.demand[:, : past.origins[0]], axis=1)
    moq = np.maximum(np.round(LOT_DAYS * daily), 1.0)
    classes = demand_classes(origins[0].panel)
    supplies = [_supply(origin.panel, lead, moq) for origin in origins]
    moments = moments_at(model, origins, ids, HORIZON, progress=progress)
    policy = InventoryPolicy(
        service_target=TARGETS[0], unmet_demand="lost" if sales_are_lost else "backorder"
    )
    growth = growth_before(moments, supplies, past, fitted_weeks)
    forecast = rolled_levels(moments, supplies, policy, SWEPT_LEVELS, STRIDE, growth)
    protection = Protection(lead, SPREAD * lead, np.ones(len(ids)))
    unknown = np.full(len(ids), np.nan)
    return judged(
        [
            forecast,
            textbook_levels(past.demand, past.origins, protection, SWEPT_LEVELS, forecast.lot),
            moving_average_levels(past.demand, past.origins, protection, SWEPT_FACTORS, forecast.lot),
        ],
        Replay(
            demand=demand,
            lead_times=LeadTimeLaw.from_moments(lead, SPREAD * lead).draw(demand.shape[1], rng),
            review_days=np.ones(len(ids), dtype=np.int64),
            segments=classes,
            warm_up=WARM_UP,
            fitted=STRIDE * fitted_weeks,
            sales_are_lost=sales_are_lost,
            moq=moq,
            multiple=np.ones(len(ids)),
            unit_cost=unknown,
            unit_margin=unknown,
        ),
        TARGETS,
    )


def _origins(sales: M5Sales, weeks: int) -> Sequence[Origin]:
    days = sales.units.shape[1]
    before = days - STRIDE * weeks
    if before < LEAST_HISTORY:
        raise ValueError(
            f"{days} days are too few to play {STRIDE * weeks} of them: "
            f"{LEAST_HISTORY + STRIDE * weeks} are needed, so ask for fewer weeks"
        )
    began = np.array([days - len(since_first_sale(history)) for history in sales.units])
    rows = np.flatnonzero(began <= before - WARM_UP)
    panel = Panel(
        series_ids=tuple(str(sales.rows[row]) for row in rows),
        as_of_date=FIRST_DAY + timedelta(days=sales.last_day - 1),
        history=tuple(sales.units[row, began[row] :] for row in rows),
    )
    return [cut(panel, STRIDE * back, STRIDE) for back in range(weeks, 0, -1)]


def _supply(panel: Panel, lead_time: FloatArray, moq: FloatArray) -> Supply:
    given = {
        "series_id": panel.series_ids,
        "lead_time_days": lead_time,
        "lead_time_sd_days": SPREAD * lead_time,
        "review_days": np.ones(len(lead_time)),
        "moq_qty": moq,
    }
    rows = pl.DataFrame(given).join(demand_profile(panel, HORIZON), on="series_id", maintain_order="left")
    absent = [
        pl.lit(None, dtype=dtype).alias(name) for name, dtype in SUPPLY_SCHEMA.items() if name not in rows
    ]
    return Supply.from_frame(
        rows.with_columns(absent), panel.series_ids, InventoryPolicy(service_target=TARGETS[0])
    )
