"""The days of demand that can be odd: what ordinary days sold, and from which day on they have changed.

Belongs here: the queries. Does not belong here: what is odd about a day (``forecasting_lib.outliers``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl

from forecasting_lib.outliers import WINDOW_DAYS
from forecasting_lib.panel import FloatArray
from orchestration.warehouse.bulk import read_frame, render, snapshot
from orchestration.warehouse.server import Warehouse

YEAR_DAYS = 364


@dataclass(frozen=True)
class OrdinaryDays:
    """Demand of n series on T consecutive days.

    Attributes:
        keys: ``item_id, location_id`` of each series.
        first_date: the first of the days, eight weeks before the first that is to be judged.
        demand: (n, T) units; NaN of days that are masked, ran out, are promoted or a holiday, or before the
            history begins.
        seen_at: demand that was built before is in it.
    """

    keys: pl.DataFrame
    first_date: date
    demand: FloatArray
    seen_at: datetime


def first_to_judge(warehouse: Warehouse, client_id: str, last: date) -> date:
    """The first day of the last year whose demand may be another than at the last look, or is new since."""
    frame = read_frame(
        warehouse,
        render(
            """
            select
                looks.judged_through,
                count(*) filter (where runs.dagster_run_id is not null and runs.built_after is null) > 0
                    as is_whole,
                min(runs.built_after) as built_after
            from analytics.outlier_looks as looks
            left join analytics.demand_runs as runs
                on runs.client_id = looks.client_id and runs.ended_at > looks.looked_at
            where looks.client_id = {c}
            group by looks.judged_through
            """,
            c=client_id,
        ),
    )
    year = last - timedelta(days=YEAR_DAYS - 1)
    if frame.is_empty() or frame["is_whole"][0]:
        return year
    through: date = frame["judged_through"][0]
    stands = min(through, frame["built_after"][0] or through)
    return max(year, stands + timedelta(days=1))


def read_ordinary_days(warehouse: Warehouse, client_id: str, first: date, last: date) -> OrdinaryDays:
    """The days from eight weeks before ``first`` to ``last``, of all series that have any of these.

    Args:
        warehouse: where to read.
        client_id: whose.
        first: the first day to judge.
        last: the last one.
    """
    begin = first - timedelta(days=WINDOW_DAYS)
    values = {"c": client_id, "begin": begin, "last": last}
    with snapshot(warehouse) as seen:
        seen_at = seen.frame("select now() as moment")["moment"][0]
        keys = seen.frame(
            render(f"{_SERIES} select item_id, location_id from series order by number", **values)
        )
        demand = np.full((keys.height, (last - begin).days + 1), np.nan)
        for part in seen.parts(render(_DAYS, **values)):
            demand[part["number"].to_numpy(), part["day"].to_numpy()] = part["units"].to_numpy()
    return OrdinaryDays(keys, begin, demand, seen_at)


_SERIES = """
    with series as (
        select
            item_id,
            location_id,
            (row_number() over (order by item_id collate "C", location_id collate "C") - 1)::int4 as number
        from analytics.dim_series
        where client_id = {c} and first_sale_date + history_days > {begin}::date
    )
"""

_DAYS = f"""
    {_SERIES}

    select
        series.number,
        demand.date - {{begin}}::date as day,
        demand.demand_qty::float8 as units
    from analytics.ts_demand_daily as demand
    inner join series on demand.item_id = series.item_id and demand.location_id = series.location_id
    where
        demand.client_id = {{c}}
        and demand.date between {{begin}}::date and {{last}}::date
        and not demand.is_masked
        and not demand.is_promotion
        and not demand.is_holiday
        and (demand.demand_qty = 0 or coalesce(demand.on_hand_qty <> 0, true))
"""
