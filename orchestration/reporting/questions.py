"""The questions that people's pages and terminals ask of the output tables, each once.

Each is asked of the warehouse, or in a transaction that works as a client's role and sees that client alone.

Belongs here: queries and what they return. Does not belong here: how an answer looks (``terminal``,
``report``, ``plots``), accuracy (``reading.accuracy``), where clients stand (``states``).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, LiteralString

import polars as pl

from forecasting_lib.grain import Grain
from orchestration.stages.pictures import HISTORY_PERIODS
from orchestration.warehouse.asking import Place
from orchestration.warehouse.bulk import read_frame, render
from orchestration.warehouse.server import Warehouse

SERIES_SHOWN = 6

_NO_RUN = "00000000-0000-0000-0000-000000000000"


def latest_run(client: LiteralString) -> LiteralString:
    """The run in use with the latest as-of date, as a query; the client is given in SQL."""
    return f"""
        select latest.run_id from analytics.forecast_runs as latest
        where latest.client_id = {client} and latest.is_current and latest.thinned_at is null
        order by latest.as_of_date desc, latest.published_at desc
        limit 1
    """


def latest_plan(client: LiteralString) -> LiteralString:
    """The inventory run in use with the latest as-of date, as a query; the client is given in SQL."""
    return f"""
        select latest.* from analytics.inventory_runs as latest
        where latest.client_id = {client} and latest.is_current and latest.thinned_at is null
        order by latest.as_of_date desc
        limit 1
    """


def latest_worklist(client: LiteralString) -> LiteralString:
    """The worklist of that run, as a query.

    Told which run it is, the server reads the lines by rank and stops where the reader does.
    """
    return f"""
        select * from analytics.planner_worklist
        where client_id = {client} and run_id = (select run_id from ({latest_plan(client)}) as latest)
    """


def latest_models(place: Place, client_id: str) -> pl.DataFrame:
    """The models of the latest current forecast run, the leading one first.

    Returns:
        ``run_id, model, as_of_date, grain, horizon_days, status, is_champion, reason, n_series, n_replaced,
        weights_source, code_version, published_at``.
    """
    return read_frame(
        place,
        render(
            f"""
            select
                run_id::text, model, as_of_date, grain, horizon_days, status, is_champion, reason, n_series,
                n_replaced, weights_source, code_version, published_at
            from analytics.forecast_runs
            where client_id = {{c}}
                and run_id = ({latest_run("{c}")})
            order by is_champion desc, status, model
            """,
            c=client_id,
        ),
    )


def volumes(warehouse: Warehouse, client_id: str) -> dict[str, Any]:
    """How much there is of a client: series, items, locations, periods of its grain, files, rows refused.

    Of the warehouse only: clients do not read the record of files.
    """
    frame = read_frame(
        warehouse,
        render(
            """
            select
                (select count(*) from analytics.dim_series where client_id = {c}) as series,
                (select count(*) from analytics.dim_item where client_id = {c}) as items,
                (select count(*) from analytics.dim_location where client_id = {c}) as locations,
                coalesce(demand.grain, 'day') as grain,
                demand.demand_rows,
                demand.first_date,
                demand.last_date,
                demand.units,
                file.files_loaded,
                file.files_refused,
                file.rows_loaded,
                file.rows_rejected,
                file.last_delivery_at
            from (
                select
                    max(grain) as grain,
                    count(*) as demand_rows,
                    min(date) as first_date,
                    max(last_date) as last_date,
                    coalesce(sum(demand_qty), 0)::float8 as units
                from analytics.ts_demand where client_id = {c}
            ) as demand
            cross join (
                select
                    count(*) filter (where status = 'loaded') as files_loaded,
                    count(*) filter (where status = 'rejected') as files_refused,
                    coalesce(sum(rows_loaded), 0)::bigint as rows_loaded,
                    coalesce(sum(rows_rejected), 0)::bigint as rows_rejected,
                    max(loaded_at) as last_delivery_at
                from ops.landing_files where client_id = {c}
            ) as file
            """,
            c=client_id,
        ),
    )
    return frame.row(0, named=True)


def urgent_lines(place: Place, client_id: str, limit: int) -> pl.DataFrame:
    """The most urgent lines of the client's latest plan that nobody has decided about.

    Returns:
        ``priority_rank, urgency, action, item_id, name, location_id, order_qty, order_value, order_date,
        receipt_date, supplier_id, reason``.
    """
    return read_frame(
        place,
        render(
            """
            select
                priority_rank, urgency, action, item_id, coalesce(item_name, item_id) as name, location_id,
                order_qty::float8 as order_qty, order_value::float8 as order_value, order_date, receipt_date,
                supplier_id, reason
            from analytics.planner_worklist
            where client_id = {c} and state = 'open'
            order by priority_rank
            limit {limit}
            """,
            c=client_id,
            limit=limit,
        ),
    )


def chosen_series(place: Place, client_id: str) -> pl.DataFrame:
    """The series shown, at most ``SERIES_SHOWN``: urgent ones first, then the biggest of the rest."""
    candidates = read_frame(
        place,
        render(
            """
            with lines as (
                select
                    item_id, location_id, min(priority_rank) as priority_rank,
                    sum(order_qty) filter (where is_due) as order_qty,
                    sum(order_qty) filter (where not is_due) as later_qty
                from analytics.replenishment_plan_current
                left join lateral (
                    select order_date <= as_of_date + 1 as is_due where action = 'order') as dated on true
                where client_id = {c}
                group by item_id, location_id
            )

            select
                series.item_id,
                series.location_id,
                coalesce(item.name, series.item_id) as name,
                coalesce(series.revenue_365d_value, 0)::float8 as revenue_value,
                coalesce(series.mean_demand_qty, 0) as mean_demand_qty,
                lines.priority_rank,
                lines.order_qty::float8 as order_qty,
                lines.later_qty::float8 as later_qty,
                metrics.on_hand_qty::float8 as on_hand_qty,
                metrics.on_order_qty::float8 as on_order_qty,
                metrics.safety_stock_qty,
                metrics.reorder_point_qty,
                metrics.lead_time_days,
                metrics.dir_days,
                metrics.dir_censored,
                metrics.stockout_date,
                metrics.as_of_date,
                metrics.abc_class,
                metrics.xyz_class
            from analytics.dim_series as series
            left join analytics.dim_item as item
                on item.client_id = series.client_id and item.item_id = series.item_id
            left join analytics.inventory_metrics_current as metrics
                on metrics.client_id = series.client_id
                and metrics.item_id = series.item_id and metrics.location_id = series.location_id
            left join lines
                on lines.item_id = series.item_id and lines.location_id = series.location_id
            where series.client_id = {c}
            """,
            c=client_id,
        ),
    )
    urgent = (
        candidates.filter(pl.col("priority_rank").is_not_null())
        .sort("priority_rank", "item_id", "location_id")
        .head(SERIES_SHOWN // 2)
        .with_columns(pl.lit("among the most urgent to order").alias("why_shown"))
    )
    biggest = (
        candidates.join(urgent, on=["item_id", "location_id"], how="anti")
        .sort(
            "revenue_value",
            "mean_demand_qty",
            "item_id",
            "location_id",
            descending=[True, True, False, False],
        )
        .head(SERIES_SHOWN - urgent.height)
        .with_columns(pl.lit("among the best sellers").alias("why_shown"))
    )
    return pl.concat([urgent, biggest])


def recent_demand(
    place: Place, client_id: str, grain: Grain, last_day: date, keys: Sequence[tuple[str, str]]
) -> pl.DataFrame:
    """The demand of the last ``HISTORY_PERIODS``."""
    return read_frame(
        place,
        render(
            """
            select item_id, location_id, date, demand_qty::float8 as demand_qty, is_masked
            from analytics.ts_demand
            where client_id = {c} and date >= {since}::date and (item_id, location_id) in (
                    select unnest({items}::text[]), unnest({locations}::text[])
                )
            order by date
            """,
            c=client_id,
            since=grain.shift(last_day, 1 - HISTORY_PERIODS[grain]),
            **_wanted(keys),
        ),
    )


def leading_forecast(
    place: Place, client_id: str, run_id: str, keys: Sequence[tuple[str, str]]
) -> pl.DataFrame:
    """The leading model's forecast of a run."""
    return read_frame(
        place,
        render(
            """
            select result.item_id, result.location_id, result.date, result.mean_qty, result.q10, result.q90
            from analytics.forecast_results as result
            inner join analytics.forecast_runs as run
                on run.client_id = result.client_id and run.run_id = result.run_id
                and run.model = result.model and run.is_champion
            where result.client_id = {c} and result.run_id = {run}::uuid
                and (result.item_id, result.location_id) in (
                    select unnest({items}::text[]), unnest({locations}::text[])
                )
            order by result.date
            """,
            c=client_id,
            run=run_id,
            **_wanted(keys),
        ),
    )


def known_forecast(
    place: Place, client_id: str, last_day: date, keys: Sequence[tuple[str, str]]
) -> pl.DataFrame:
    """The leading model's forecast of the latest run whose whole horizon is known; empty without one."""
    runs = read_frame(
        place,
        render(
            """
            select run_id::text as run_id
            from analytics.forecast_runs
            where client_id = {c} and is_current and is_champion and thinned_at is null
                and as_of_date + horizon_days <= {last}::date
            order by as_of_date desc
            limit 1
            """,
            c=client_id,
            last=last_day,
        ),
    )
    run_id = runs["run_id"][0] if runs.height else _NO_RUN
    return leading_forecast(place, client_id, run_id, keys)


def projection(place: Place, client_id: str, keys: Sequence[tuple[str, str]]) -> pl.DataFrame:
    """Where the stock of some series goes by the latest plan."""
    return read_frame(
        place,
        render(
            """
            select
                item_id, location_id, date, projected_qty, with_plan_qty, p10_qty, p90_qty, safety_stock_qty
            from analytics.stock_projection_current
            where client_id = {c} and (item_id, location_id) in (
                    select unnest({items}::text[]), unnest({locations}::text[])
                )
            order by date
            """,
            c=client_id,
            **_wanted(keys),
        ),
    )


def unknown_names(
    place: Place, client_id: str, items: Sequence[str], locations: Sequence[str]
) -> Sequence[str]:
    """Which of some items and locations a client does not have, as ``item 'tea'``."""
    unknown = read_frame(
        place,
        render(
            """
            select 'item ' || quote_literal(named) as name from unnest({items}::text[]) as named
            where not exists (
                select from analytics.dim_item where client_id = {c} and item_id = named
            )
            union all
            select 'location ' || quote_literal(named) from unnest({locations}::text[]) as named
            where not exists (
                select from analytics.dim_location where client_id = {c} and location_id = named
            )
            """,
            c=client_id,
            items=list(items),
            locations=list(locations),
        ),
    )
    return list(unknown["name"])


def _wanted(keys: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    """Items and locations of some series, as the queries take them."""
    return {"items": [item for item, _ in keys], "locations": [location for _, location in keys]}
