"""Forecasts whose bands held at past origins, and what is left of one when a later forecast is held back.

Belongs here: the queries, and the part of an earlier forecast that still lies ahead. Does not belong here:
whether bands hold (``stages.band_gate``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import LiteralString

import polars as pl

from forecasting_lib.grain import Grain
from forecasting_lib.panel import Forecast
from orchestration.reading.histories import SERIES_COLUMNS
from orchestration.warehouse.bulk import read_frame, render
from orchestration.warehouse.server import Warehouse


@dataclass(frozen=True)
class GoodForecast:
    """A forecast that stands in for a later one."""

    run_id: str
    model: str
    as_of_date: date


def last_good_forecast(
    warehouse: Warehouse, client_id: str, as_of_date: date, grain: Grain, ahead: int
) -> GoodForecast | None:
    """The latest forecast in use whose bands held, as of a day or before.

    Args:
        warehouse: where to read.
        client_id: whose.
        as_of_date: the day.
        grain: of its periods.
        ahead: periods that it has to reach beyond the day.
    """
    return _forecast(
        warehouse,
        """
        select run_id::text as run_id, model, as_of_date
        from analytics.forecast_runs
        where client_id = {c} and is_current and is_champion and bands_hold and thinned_at is null
            and grain = {grain} and as_of_date <= {as_of}::date
            and as_of_date + horizon_days >= {until}::date
        order by as_of_date desc
        limit 1
        """,
        c=client_id,
        grain=str(grain),
        as_of=as_of_date,
        until=grain.shift(as_of_date, ahead),
    )


def standing_in(warehouse: Warehouse, client_id: str, as_of_date: date) -> GoodForecast | None:
    """The forecast that stands in for the one of an as-of date, which was held back; None where none was."""
    return _forecast(
        warehouse,
        """
        select good.run_id::text as run_id, good.model, good.as_of_date
        from analytics.forecast_runs as held_back
        inner join analytics.forecast_runs as good
            on good.client_id = held_back.client_id and good.run_id = held_back.stand_in_run_id
            and good.is_champion
        where held_back.client_id = {c} and held_back.as_of_date = {as_of}::date
        order by held_back.published_at desc
        limit 1
        """,
        c=client_id,
        as_of=as_of_date,
    )


def held_back_run(warehouse: Warehouse, client_id: str, as_of_date: date, digest: str) -> str | None:
    """Id of the run that was made from these inputs and held back; None where there is none."""
    frame = read_frame(
        warehouse,
        render(
            """
            select run_id::text as run_id from analytics.forecast_runs
            where client_id = {c} and as_of_date = {as_of}::date and input_digest = {digest}
                and stand_in_run_id is not null
            order by published_at desc
            limit 1
            """,
            c=client_id,
            as_of=as_of_date,
            digest=digest,
        ),
    )
    return None if frame.is_empty() else str(frame["run_id"][0])


def still_ahead(
    forecast: Forecast, keys: pl.DataFrame, listed: pl.DataFrame, as_of_date: date
) -> tuple[Forecast, pl.DataFrame]:
    """What a forecast says of the periods after a later day, of the series that are still listed then.

    Args:
        forecast: from before.
        keys: ``series_id, item_id, location_id`` of its series, in its order.
        listed: ``item_id, location_id`` of the series that are listed on the day.
        as_of_date: the day, the end of one of its periods.
    """
    passed = forecast.grain.periods_between(forecast.as_of_date, as_of_date)
    kept = keys.with_row_index("row").join(listed, on=SERIES_COLUMNS, how="semi", maintain_order="left")
    rows = kept["row"].to_numpy()
    part = replace(
        forecast,
        series_ids=tuple(kept["series_id"].to_list()),
        as_of_date=as_of_date,
        point=forecast.point[rows, passed:],
        mean=forecast.mean[rows, passed:],
        quantiles=forecast.quantiles[rows, passed:],
        reasons=tuple(forecast.reasons[row] for row in rows),
        notes=None if forecast.notes is None else tuple(forecast.notes[row] for row in rows),
        raw_mean=None if forecast.raw_mean is None else forecast.raw_mean[rows, passed:],
    )
    return part, kept.drop("row")


def _forecast(warehouse: Warehouse, query: LiteralString, **values: object) -> GoodForecast | None:
    frame = read_frame(warehouse, render(query, **values))
    return None if frame.is_empty() else GoodForecast(**frame.row(0, named=True))
