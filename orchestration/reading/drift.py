"""What drift is looked for in, read from the warehouse: recent demand and prices, errors and their baseline.

Belongs here: the queries. Does not belong here: what is found in them (``forecasting_lib.drift``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from forecasting_lib.drift.episodes import OF_THE_DELIVERY
from forecasting_lib.drift.errors import Baseline, baseline_of
from forecasting_lib.drift.window import WINDOW_DAYS, DemandWindow
from forecasting_lib.panel import FloatArray
from orchestration.warehouse.bulk import read_frame, render, snapshot
from orchestration.warehouse.server import Warehouse

WATCHED_DAYS = 28
"""Of forecast errors: older ones are what they are held against."""

EARLIER_DAYS = 182


@dataclass(frozen=True)
class DailyTotals:
    """Forecast and demand of the days that are watched.

    Attributes:
        forecast: (T,) units; NaN where nothing was forecast.
        actual: (T,) units of the same series; NaN there, too.
        baseline: what errors are usual; None where nothing tells.
        n_series: the most series that are in a day's totals.
    """

    forecast: FloatArray
    actual: FloatArray
    baseline: Baseline | None
    n_series: int


def drift_since_the_backtest(warehouse: Warehouse) -> dict[str, str]:
    """Clients with a scheduled backtest whose demand has drifted since the current one, and the episode.

    A fault of a delivery is no reason to judge models on it, and the first backtest waits for its time.

    Returns:
        client -> number of the latest episode that is told.
    """
    found = read_frame(
        warehouse,
        render(
            """
            select distinct on (event.client_id)
                event.client_id,
                event.event_id::text as event_id
            from analytics.drift_events as event
            inner join ops.clients as client
                on client.client_id = event.client_id
                and client.is_active
                and client.backtest_cron is not null
            inner join (
                select client_id, max(published_at) as published_at from analytics.backtest_runs
                where is_current
                group by client_id
            ) as judged
                on judged.client_id = event.client_id and judged.published_at < event.detected_at
            where event.is_current
                and event.part_of_event_id is null
                and event.kind <> all({delivery}::text[])
            order by event.client_id, event.detected_at desc, event.event_id
            """,
            delivery=sorted(map(str, OF_THE_DELIVERY)),
        ),
    )
    return dict(found.iter_rows())


def read_window(warehouse: Warehouse, client_id: str, last: date) -> DemandWindow:
    """Demand and prices of the days up to ``last`` of all series whose item has not left the assortment."""
    first = last - timedelta(days=WINDOW_DAYS - 1)
    values = {"c": client_id, "first": first, "last": last}
    with snapshot(warehouse) as seen:
        series = seen.frame(render(f"{_SERIES} select * from series order by series_number", **values))
        demand = np.full((series.height, WINDOW_DAYS), np.nan)
        price = np.full((series.height, WINDOW_DAYS), np.nan)
        for part in seen.parts(render(_DAYS, **values)):
            rows, days = part["series_number"].to_numpy(), part["day"].to_numpy()
            demand[rows, days] = part["demand_qty"].to_numpy()
            price[rows, days] = part["unit_price"].to_numpy()
    return DemandWindow(
        np.array(series["item_id"].to_list(), dtype=object),
        np.array(series["location_id"].to_list(), dtype=object),
        last,
        demand,
        price,
        series["listed"].to_numpy().astype(np.int64),
    )


def read_errors(warehouse: Warehouse, client_id: str, last: date) -> Mapping[str | None, DailyTotals]:
    """Daily totals of the leading forecasts and their baselines, by demand class; None is the whole client.

    A day's forecast is that of the latest run that could not see it. The baseline is of errors one day ahead:
    those of the current backtest on the origins its choices were not made on, of all its origins where these
    are too few, and of earlier published runs where there is no backtest.
    """
    first = last - timedelta(days=WATCHED_DAYS - 1)
    values = {
        "c": client_id,
        "first": first,
        "last": last,
        "earliest": last - timedelta(days=WATCHED_DAYS + EARLIER_DAYS - 1),
    }
    watched = read_frame(warehouse, render(_WATCHED, **values))
    backtest = read_frame(warehouse, render(_OF_THE_BACKTEST, **values))
    earlier = read_frame(warehouse, render(_EARLIER, **values))
    classes = [None, *watched["demand_class"].unique().sort()]
    return {of: _totals(of, watched, backtest, earlier, first) for of in classes}


def _totals(
    of: str | None, watched: pl.DataFrame, backtest: pl.DataFrame, earlier: pl.DataFrame, first: date
) -> DailyTotals:
    days = _added_up(watched, of, "date")
    forecast, actual = np.full(WATCHED_DAYS, np.nan), np.full(WATCHED_DAYS, np.nan)
    places = (days["date"] - first).dt.total_days().to_numpy()
    forecast[places], actual[places] = days["forecast_qty"].to_numpy(), days["actual_qty"].to_numpy()
    later = backtest.filter("is_later")
    baseline = (
        baseline_of(_errors(later, of, "date"), "the backtest's later origins")
        or baseline_of(_errors(backtest, of, "date"), "all of the backtest's origins")
        or baseline_of(_errors(earlier, of, "date"), "earlier forecasts that were scored")
    )
    return DailyTotals(forecast, actual, baseline, max(days["n_series"], default=0))


def _added_up(rows: pl.DataFrame, of: str | None, by: str) -> pl.DataFrame:
    own = rows if of is None else rows.filter(pl.col("demand_class") == of)
    return own.group_by(by).agg(pl.col("forecast_qty", "actual_qty", "n_series").sum()).sort(by)


def _errors(rows: pl.DataFrame, of: str | None, by: str) -> FloatArray:
    totals = _added_up(rows, of, by).filter(pl.col("forecast_qty") > 0)
    return (1 - totals["actual_qty"] / totals["forecast_qty"]).to_numpy()


_SERIES = """
    with series as (
        select
            series.item_id,
            series.location_id,
            greatest(series.listed_date - {first}::date, -1) as listed,
            (
                row_number() over (order by series.item_id collate "C", series.location_id collate "C") - 1
            )::int4 as series_number
        from analytics.dim_series as series
        left join analytics.dim_item as item
            on item.client_id = series.client_id and item.item_id = series.item_id
        where series.client_id = {c}
            and series.listed_date <= {last}::date
            and (item.end_date is null or item.end_date > {last}::date)
    )
"""

_DAYS = f"""
    {_SERIES}

    select
        series.series_number,
        demand.date - {{first}}::date as day,
        case when not demand.is_masked then demand.demand_qty::float8 end as demand_qty,
        demand.unit_price::float8 as unit_price
    from analytics.ts_demand_daily as demand
    inner join series
        on demand.item_id = series.item_id and demand.location_id = series.location_id
    where demand.client_id = {{c}} and demand.date >= {{first}}::date and demand.date <= {{last}}::date
"""

_WATCHED = """
    with run as (
        select run_id, model, as_of_date, horizon_days
        from analytics.forecast_runs
        where client_id = {c} and grain = 'day' and is_current and is_champion and as_of_date < {last}::date
    ),

    chosen as (
        select distinct on (day) day::date as date, run_id, model
        from generate_series({first}::date, {last}::date, interval '1 day') as day
        inner join run on run.as_of_date < day and day <= run.as_of_date + run.horizon_days
        order by day asc, run.as_of_date desc
    )

    select
        demand.date,
        coalesce(series.demand_class, 'none') as demand_class,
        sum(forecast.mean_qty) as forecast_qty,
        sum(demand.demand_qty)::float8 as actual_qty,
        count(*) as n_series
    from chosen
    inner join analytics.forecast_results as forecast
        on forecast.run_id = chosen.run_id
        and forecast.model = chosen.model
        and forecast.date = chosen.date
        and forecast.client_id = {c}
    inner join analytics.ts_demand_daily as demand
        on demand.client_id = {c}
        and demand.item_id = forecast.item_id
        and demand.location_id = forecast.location_id
        and demand.date = forecast.date
        and not demand.is_masked
        and demand.date >= {first}::date
        and demand.date <= {last}::date
    inner join analytics.dim_series as series
        on series.client_id = {c}
        and series.item_id = demand.item_id
        and series.location_id = demand.location_id
    group by demand.date, series.demand_class
"""

_OF_THE_BACKTEST = """
    select
        score.origin_date as date,
        coalesce(run.judged_from <= score.origin_date, false) as is_later,
        coalesce(series.demand_class, 'none') as demand_class,
        sum(score.sum_forecast_qty) as forecast_qty,
        sum(score.sum_actual_qty) as actual_qty,
        count(*) as n_series
    from analytics.backtest_runs as run
    inner join analytics.backtest_scores as score
        on score.client_id = {c} and score.run_id = run.run_id and score.model = run.model
    inner join analytics.dim_series as series
        on series.client_id = {c}
        and series.item_id = score.item_id
        and series.location_id = score.location_id
    where run.client_id = {c}
        and run.is_current
        and run.grain = 'day'
        and score.lag_bucket = '1'
        and run.model = (
            select model from analytics.forecast_runs
            where client_id = {c} and is_current and is_champion and as_of_date < {last}::date
            order by as_of_date desc
            limit 1
        )
    group by score.origin_date, run.judged_from, series.demand_class
"""

_EARLIER = """
    select
        run.as_of_date + 1 as date,
        coalesce(series.demand_class, 'none') as demand_class,
        sum(score.sum_forecast_qty)::float8 as forecast_qty,
        sum(score.sum_actual_qty)::float8 as actual_qty,
        count(*) as n_series
    from analytics.forecast_runs as run
    inner join analytics.score_sums as score
        on score.client_id = {c} and score.run_id = run.run_id and score.model = run.model
    inner join analytics.dim_series as series
        on series.client_id = {c}
        and series.item_id = score.item_id
        and series.location_id = score.location_id
    where run.client_id = {c}
        and run.grain = 'day'
        and run.is_current
        and run.is_champion
        and run.as_of_date + 1 >= {earliest}::date
        and run.as_of_date + 1 < {first}::date
        and score.lag_bucket = '1'
    group by run.as_of_date, series.demand_class
"""
