"""Demand histories and published forecasts, read from the warehouse into the library's containers.

Belongs here: the queries, and the keys that tie a panel's rows to items and locations. Everything is read
as of a date: nothing after it leaves the database.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from forecasting_lib.covariates import price_changes
from forecasting_lib.grain import Grain
from forecasting_lib.new_items.kin import Kin
from forecasting_lib.panel import QUANTILE_COLUMNS, FloatArray, Forecast, Panel
from orchestration.errors import UserError
from orchestration.landing.known_files import newest_delivery
from orchestration.warehouse.bulk import read_frame, render, snapshot
from orchestration.warehouse.server import Warehouse

SERIES_COLUMNS = ("item_id", "location_id")


class ThinnedError(UserError):
    """A forecast is not whole any more; the message says since when, and what to do."""


@dataclass(frozen=True)
class DemandHistory:
    """A client's demand up to the as-of date.

    Attributes:
        panel: every active series, in periods of the client's grain; one that never sold has an empty
            history.
        keys: ``series_id, item_id, location_id`` of the panel's series, in its order.
        ended: ``item_id, location_id`` of the series whose item had left the assortment by then.
        input_watermark: highest file_id among the deliveries that were visible; None without any.
        shut_ahead: (n, horizon), the periods in which a series cannot sell: its location is expected to be
            closed, or its item has left as planned. None where nobody asked.
        prices: ``series_id, date, unit_price``, one row per series and period of a new price. None where
            nobody asked.
        kin: relatives of the panel's series, where some of these are new; else None.
    """

    panel: Panel
    keys: pl.DataFrame
    ended: pl.DataFrame
    input_watermark: int | None
    shut_ahead: npt.NDArray[np.bool_] | None = None
    prices: pl.DataFrame | None = None
    kin: Kin | None = None


def demand_grain(warehouse: Warehouse, client_id: str) -> Grain:
    """The periods that a client's demand was last built in; days before the first build."""
    frame = read_frame(
        warehouse,
        render("select max(grain) as grain from analytics.dim_series where client_id = {c}", c=client_id),
    )
    return Grain(frame["grain"][0] or Grain.DAY)


def last_demand_day(warehouse: Warehouse, client_id: str) -> date | None:
    """The last day of the last complete period of demand; None before the first delivery."""
    frame = read_frame(
        warehouse,
        render("select max(last_date) as day from analytics.ts_demand where client_id = {c}", c=client_id),
    )
    day = frame["day"][0]
    return day if isinstance(day, date) else None


def first_demand_day(warehouse: Warehouse, client_id: str) -> date | None:
    """The first day on which any series of a client has demand history; None before the first delivery."""
    frame = read_frame(
        warehouse,
        render(
            "select min(first_sale_date) as day from analytics.dim_series where client_id = {c}", c=client_id
        ),
    )
    day = frame["day"][0]
    return day if isinstance(day, date) else None


def read_history(
    warehouse: Warehouse,
    client_id: str,
    as_of_date: date,
    *,
    prices: bool = False,
) -> DemandHistory:
    """Read the histories of all series that were listed by the as-of date.

    The demand comes in parts and is never there as one frame.

    Args:
        warehouse: where to read.
        client_id: whose.
        as_of_date: nothing after it is read.
        prices: whether to read the prices of days, too.

    Raises:
        ValueError: no period of the client's grain ends on the as-of date.
    """
    grain = demand_grain(warehouse, client_id)
    prices = prices and grain is Grain.DAY
    values = {"c": client_id, "as_of": as_of_date}
    with snapshot(warehouse) as seen:
        listed = seen.frame(
            render(f'{_LISTED} order by series.item_id collate "C", series.location_id collate "C"', **values)
        )
        keys = with_series_ids(listed.filter(~pl.col("has_ended")).select(SERIES_COLUMNS))
        panel = Panel.from_parts(
            seen.parts(render(_DEMAND_AND_PRICES if prices else _DEMAND, **values)),
            keys["series_id"].to_list(),
            as_of_date,
            covariates=("unit_price",) if prices else (),
            grain=grain,
        )
    with warehouse.transaction() as connection:
        input_watermark = newest_delivery(connection, client_id)
    return DemandHistory(
        panel=replace(panel, past_covariates={}),
        keys=keys,
        ended=listed.filter("has_ended").select(SERIES_COLUMNS),
        input_watermark=input_watermark,
        prices=price_changes(panel, panel.past_covariates["unit_price"]) if prices else None,
    )


_LISTED = """
    select
        series.item_id,
        series.location_id,
        coalesce(item.end_date <= {as_of}::date, false) as has_ended
    from analytics.dim_series as series
    left join analytics.dim_item as item
        on item.client_id = series.client_id and item.item_id = series.item_id
    where series.client_id = {c} and series.listed_date <= {as_of}::date
"""

_DEMAND = f"""
    with listed as ({_LISTED}),

    numbered as (
        select
            item_id,
            location_id,
            (row_number() over (order by item_id collate "C", location_id collate "C") - 1)::int4
            as series_number
        from listed
        where not has_ended
    )

    select
        numbered.series_number,
        demand.date,
        case when not demand.is_masked then demand.demand_qty::float8 end as target
    from analytics.ts_demand as demand
    inner join numbered
        on demand.item_id = numbered.item_id and demand.location_id = numbered.location_id
    where demand.client_id = {{c}} and demand.date <= {{as_of}}::date
"""
"""The demand of the series in use, each under its number: their names would be most of what is sent."""

_DEMAND_AND_PRICES = _DEMAND.replace("as target", "as target, demand.unit_price::float8 as unit_price")


def current_champion(warehouse: Warehouse, client_id: str, as_of_date: date) -> tuple[str, str] | None:
    """(run id, model) of the leading forecast of an as-of date; None where none was published."""
    frame = read_frame(
        warehouse,
        render(
            """
            select run_id::text as run_id, model from analytics.forecast_runs
            where client_id = {c} and as_of_date = {as_of}::date and is_current and is_champion
            """,
            c=client_id,
            as_of=as_of_date,
        ),
    )
    if frame.is_empty():
        return None
    run_id, model = frame.row(0)
    return run_id, model


def read_forecast(
    warehouse: Warehouse, client_id: str, run_id: str, model: str
) -> tuple[Forecast, pl.DataFrame]:
    """A published forecast and its ``series_id, item_id, location_id``, in the forecast's order.

    Raises:
        ThinnedError: the run was thinned.
        LookupError: the run has no forecast of this model.
    """
    rows = read_frame(
        warehouse,
        render(
            f"""
            select item_id, location_id, date, lag_days, point_qty, mean_qty, {", ".join(QUANTILE_COLUMNS)}
            from analytics.forecast_results
            where client_id = {{c}} and run_id = {{run}}::uuid and model = {{model}}
            """,
            c=client_id,
            run=run_id,
            model=model,
        ),
    ).sort(*SERIES_COLUMNS, "date")
    runs = read_frame(
        warehouse,
        render(
            """
            select grain, as_of_date, thinned_at::date as thinned_on from analytics.forecast_runs
            where client_id = {c} and run_id = {run}::uuid and model = {model}
            """,
            c=client_id,
            run=run_id,
            model=model,
        ),
    )
    # asked after the rows: where they were whole then, the mark is not there yet
    if runs.height and runs["thinned_on"][0] is not None:
        as_of, thinned_on = runs.select("as_of_date", "thinned_on").row(0)
        raise ThinnedError(
            f"The forecast as of {as_of} was thinned on {thinned_on}: run forecast_only with the as_of_date "
            f"{as_of} to make it again."
        )
    if rows.is_empty():
        raise LookupError(f"run {run_id} has no forecast of {model}")
    keys = with_series_ids(rows.select(SERIES_COLUMNS).unique(maintain_order=True))
    n, horizon = keys.height, rows.height // keys.height

    def matrix(column: str) -> FloatArray:
        return rows[column].to_numpy().reshape(n, horizon).astype(np.float64)

    first: date = rows["date"][0]
    forecast = Forecast(
        series_ids=tuple(keys["series_id"].to_list()),
        as_of_date=first - timedelta(days=1),
        point=matrix("point_qty"),
        mean=matrix("mean_qty"),
        quantiles=np.stack([matrix(column) for column in QUANTILE_COLUMNS], axis=2),
        reasons=(None,) * n,
        grain=Grain(runs["grain"][0]),
    )
    return forecast, keys


def with_series_ids(keys: pl.DataFrame) -> pl.DataFrame:
    """Number the series: identifiers that sort like the rows, whatever characters an item id holds."""
    return keys.with_row_index("series_number").select(
        pl.col("series_number").cast(pl.String).str.zfill(8).alias("series_id"), *SERIES_COLUMNS
    )
