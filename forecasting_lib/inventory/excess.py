"""Stock and orders beyond what is needed, and what to do about them.

Belongs here: how much is too much, and the sentence of advice. Does not belong here: which open order to cut
(``open_order_actions``).

Source: ``docs/methods.md#excess``.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from forecasting_lib.inventory.flags import BoolArray
from forecasting_lib.inventory.lead_time_demand import QTY_TOLERANCE, CumulativeDemand
from forecasting_lib.inventory.wording import plain
from forecasting_lib.panel import FloatArray


def excess_units(
    position: FloatArray,
    order_up_to: FloatArray,
    safety_stock: FloatArray,
    demand: CumulativeDemand,
    horizon_days: int,
) -> FloatArray:
    """``max(IP - max(S, C(H) + SS), 0)``, (n,) units; NaN where the position or a level is.

    Args:
        position: (n,) units, stock and orders.
        order_up_to: (n,) units.
        safety_stock: (n,) units.
        demand: of the same series.
        horizon_days: H, days whose demand is kept.
    """
    needed = demand.mean_through(np.full(position.size, float(horizon_days))) + safety_stock
    return np.maximum(position - np.maximum(order_up_to, needed), 0.0)


def excess_advice(
    excess: FloatArray,
    on_order: FloatArray,
    net_stock: FloatArray,
    used_up_days: FloatArray,
    is_dead: BoolArray,
    no_demand: BoolArray,
    as_of_date: date,
    horizon_days: int,
) -> pl.Series:
    """What to do about the excess of each series, one sentence; null where there is none.

    Args:
        excess, on_order, net_stock: (n,) units.
        used_up_days: (n,) days until the position is down at the reorder point, so that the morning after
            orders; NaN: never, or unknown.
        is_dead: (n,) nothing is forecast and nothing was sold last season.
        no_demand: (n,) nothing is forecast.
        as_of_date: day 0.
        horizon_days: days whose demand is kept.
    """
    day = pl.Series("day", np.ceil(used_up_days) + 1.0).fill_nan(None).cast(pl.Int64)
    rows = pl.DataFrame(
        {
            "excess": excess,
            "net_stock": net_stock,
            "cut": np.minimum(excess, on_order),
            "is_dead": is_dead,
            "no_demand": no_demand,
            "day": day,
        }
    )
    until = (
        pl.when(pl.col("day").is_null())
        .then(pl.lit("order nothing for now"))
        .otherwise(
            pl.format("order nothing before {}", (pl.lit(as_of_date) + pl.duration(days="day")).cast(pl.Date))
        )
    )
    too_many = pl.format("{} more than {} d need", plain("excess"), pl.lit(horizon_days))
    advice = (
        pl.when(pl.col("is_dead"))
        .then(
            pl.format(
                "{} on hand, no demand last season and none ahead: return, sell off or write off",
                plain("net_stock"),
            )
        )
        .when(pl.col("excess").is_nan() | (pl.col("excess") <= QTY_TOLERANCE))
        .then(None)
        .when(pl.col("no_demand"))
        .then(pl.format("{} and no demand ahead: order nothing, cancel what is open", plain("excess")))
        .when(pl.col("cut") > QTY_TOLERANCE)
        .then(
            pl.format("{}, {} of it on order: cut the open orders first; {}", too_many, plain("cut"), until)
        )
        .otherwise(pl.format("{}: {}; offer the rest elsewhere", too_many, until))
    )
    return rows.select(advice.alias("advice"))["advice"]
