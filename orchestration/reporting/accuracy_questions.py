"""The questions about past accuracy beside the latest one: of items, of months, of runs that are not scored.

Each is asked of the warehouse, or in a transaction that works as a client's role and sees that client alone.

Belongs here: queries, and the sentence on a run that is not scored. Does not belong here: the accuracy of the
latest run that can tell (``reading.accuracy``), scores by as-of date, which are a listing (``catalogue``).
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, LiteralString

import polars as pl

from forecasting_lib.grain import Grain
from orchestration.warehouse.asking import Place
from orchestration.warehouse.bulk import read_frame, render


def worst_items(place: Place, client_id: str, model: str, as_of_date: date, limit: int) -> pl.DataFrame:
    """The items of one scored run whose absolute errors add up to the most.

    Returns:
        ``item_id, name, error_qty, actual_qty, forecast_qty, wape, bias, n_rows, n_series, error_share``; the
        share is that of the error of all items.
    """
    return _items(place, client_id, model, as_of_date, "error_qty desc", limit)


def best_items(place: Place, client_id: str, model: str, as_of_date: date, limit: int) -> pl.DataFrame:
    """The items of one scored run with the lowest WAPE, among those that sold no less than the mean item.

    An item that sold little may be right by chance, and its forecast decides little.

    Returns:
        The columns of :func:`worst_items`.
    """
    return _items(
        place,
        client_id,
        model,
        as_of_date,
        "wape asc",
        limit,
        only="actual_qty >= mean_qty and actual_qty > 0",
    )


def _items(
    place: Place,
    client_id: str,
    model: str,
    as_of_date: date,
    order: LiteralString,
    limit: int,
    only: LiteralString = "true",
) -> pl.DataFrame:
    return read_frame(
        place,
        render(
            f"""
            with item as (
                select
                    item_id,
                    sum_abs_error_qty as error_qty,
                    sum_actual_qty as actual_qty,
                    sum_forecast_qty as forecast_qty,
                    wape,
                    bias,
                    n_rows,
                    n_series,
                    sum_abs_error_qty / nullif(sum(sum_abs_error_qty) over (), 0) as error_share,
                    avg(sum_actual_qty) over () as mean_qty
                from analytics.forecast_quality
                where client_id = {{c}} and is_current and model = {{model}}
                    and as_of_date = {{as_of}}::date and grain = 'item'
                    and lag_bucket = 'all' and n_rows > 0
            )

            select
                item.item_id,
                coalesce(described.name, item.item_id) as name,
                item.error_qty,
                item.actual_qty,
                item.forecast_qty,
                item.wape,
                item.bias,
                item.n_rows,
                item.n_series,
                item.error_share
            from item
            left join analytics.dim_item as described
                on described.client_id = {{c}} and described.item_id = item.item_id
            where {only}
            order by {order}, item.item_id
            limit {{limit}}
            """,
            c=client_id,
            model=model,
            as_of=as_of_date,
            limit=limit,
        ),
    )


def value_added(place: Place, client_id: str, model: str) -> pl.DataFrame:
    """How much better than the simplest forecasts one model's published ones were, by month and segment.

    Returns:
        ``month, segment, segment_key, grain, n_runs, n_rows, wape, bias, fva_naive, fva_ma7, coverage_80``,
        the latest month first, in it all together before categories and locations, those with most sold rows
        first.
    """
    return read_frame(
        place,
        render(
            """
            select
                month, segment, segment_key, grain, n_runs, n_rows, wape, bias, fva_naive, fva_ma7,
                coverage_80
            from analytics.forecast_value_added
            where client_id = {c} and model = {model} and lag_bucket = 'all' and n_rows > 0
            order by month desc, segment <> 'client', segment, n_rows desc, segment_key
            """,
            c=client_id,
            model=model,
        ),
    )


def unscored_runs(place: Place, client_id: str) -> list[dict[str, Any]]:
    """Runs in use that are not scored over their whole horizon yet, the latest first, each with the reason.

    Returns:
        ``as_of_date, models, grain, horizon_days, actuals_through, why`` of each as-of date; ``models`` are
        names, ``actuals_through`` is the last day of the scores, None where there are none.
    """
    found = read_frame(
        place,
        render(
            """
            with demand as (
                select
                    coalesce(max(grain), 'day') as grain,
                    max(first_sale_date + history_days - 1) as last_date
                from analytics.dim_series
                where client_id = {c}
            )

            select
                run.as_of_date,
                run.grain,
                run.horizon_days,
                demand.grain as grain_now,
                demand.last_date,
                quality.actuals_through,
                array_agg(run.model order by run.model) as models
            from analytics.forecast_runs as run
            cross join demand
            left join analytics.forecast_quality as quality
                on quality.client_id = run.client_id and quality.run_id = run.run_id
                and quality.model = run.model and quality.is_current
                and quality.grain = 'client' and quality.lag_bucket = 'all'
            where run.client_id = {c} and run.is_current
                and (
                    quality.actuals_through is null
                    or quality.actuals_through < run.as_of_date + run.horizon_days
                )
            group by
                run.as_of_date, run.grain, run.horizon_days, demand.grain, demand.last_date,
                quality.actuals_through
            order by run.as_of_date desc, quality.actuals_through desc nulls last
            """,
            c=client_id,
        ),
    )
    return [{**row, "why": why_not_scored(row)} for row in found.to_dicts()]


def why_not_scored(run: dict[str, Any]) -> str:
    """Why a run is not scored over its whole horizon, and what to do."""
    grain, begins = Grain(run["grain"]), run["as_of_date"] + timedelta(days=1)
    ends = run["as_of_date"] + timedelta(days=run["horizon_days"])
    first_known = grain.period_end(begins)
    if run["grain"] != run["grain_now"]:
        now = run["grain_now"]
        return f"It is of {grain.periods}, and demand comes by the {now} now: it is not scored again."
    if run["last_date"] is None or run["last_date"] < first_known:
        return f"Its first {grain} ends on {first_known}, and no sales of it are known: deliver them."
    if run["actuals_through"] is None:
        return f"Demand is known until {run['last_date']}, but it was not scored: run the quality stage."
    if run["actuals_through"] < min(run["last_date"], ends):
        return (
            f"It is scored until {run['actuals_through']}, and demand is known until {run['last_date']}: run "
            "the quality stage."
        )
    return f"It is scored until {run['actuals_through']}; the rest, until {ends}, waits for its sales."
