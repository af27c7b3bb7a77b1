"""What a client knew on an as-of date beside its demand, read from the warehouse for the models.

Belongs here: the queries, each confined to what was known that day. Does not belong here: what the numbers
mean and which of them a model sees (``forecasting_lib.covariates``), demand itself (``histories``).

Promotions count from their announcement, closed days and prices up to the as-of date, an item's planned last
day and the days of an opening calendar from the delivery that named them; holidays, events and SNAP days are
calendar and were always known. Stock is never a covariate.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import polars as pl

from forecasting_lib.covariates import (
    Facts,
    closed_ahead,
    gone_ahead,
    wholly_shut,
    with_covariates,
    with_expected_closings,
)
from forecasting_lib.grain import Grain
from orchestration.reading.histories import SERIES_COLUMNS, DemandHistory
from orchestration.reading.relatives import read_kin
from orchestration.warehouse.bulk import read_frame, render
from orchestration.warehouse.server import Warehouse


def history_as_known(
    warehouse: Warehouse, client_id: str, history: DemandHistory, horizon: int, *, covariates: bool
) -> DemandHistory:
    """The history with what the as-of date could tell of the days ahead.

    Args:
        warehouse: where to read.
        client_id: whose.
        history: demand up to the as-of date, for covariates with its prices.
        horizon: periods ahead.
        covariates: whether to read them too; without, only the days on which a series cannot sell, and
            the relatives of new series.

    Promotions, prices, holidays and closed days are facts of single days: of weeks and months none is read.
    """
    as_of_date = history.panel.as_of_date
    history = replace(history, kin=read_kin(warehouse, client_id, history))
    last_days = _read_planned_last_days(warehouse, client_id, as_of_date)
    grain = history.panel.grain
    *_, days_ahead = grain.lag_days(as_of_date, horizon)
    gone = gone_ahead(last_days, history.keys["item_id"].to_list(), as_of_date, days_ahead)
    if grain is not Grain.DAY:
        return replace(history, shut_ahead=wholly_shut(gone, as_of_date, horizon, grain))
    locations = history.keys["location_id"].to_list()
    calendar = with_expected_closings(
        _read_calendar(warehouse, client_id, as_of_date),
        as_of_date,
        _read_opening_days(warehouse, client_id, as_of_date),
    )
    closed = closed_ahead(calendar, locations, as_of_date, horizon)
    panel = history.panel
    if covariates:
        facts = _read_facts(warehouse, client_id, history, calendar)
        panel = with_covariates(panel, locations, facts, horizon)
    return replace(history, panel=panel, shut_ahead=closed | gone)


def _read_facts(
    warehouse: Warehouse, client_id: str, history: DemandHistory, calendar: pl.DataFrame
) -> Facts:
    """The calendar beside the promotions and prices of these series, as known on the history's last day."""
    if history.prices is None:
        raise ValueError("the history was read without prices; read them with it")
    promotions = read_frame(
        warehouse,
        render(
            """
            select
                item_id,
                location_id,
                date,
                min(known_date) as known_date,
                max(discount_rate)::float8 as discount_rate
            from analytics.promoted_days
            where client_id = {c} and known_date <= {as_of}::date
            group by item_id, location_id, date
            """,
            c=client_id,
            as_of=history.panel.as_of_date,
        ),
    )
    return Facts(
        calendar=calendar,
        promotions=_of_series(promotions, history.keys),
        prices=history.prices,
    )


def _read_calendar(warehouse: Warehouse, client_id: str, as_of_date: date) -> pl.DataFrame:
    return read_frame(
        warehouse,
        render(
            """
            select
                location_id,
                date,
                is_holiday,
                holiday_name,
                is_snap,
                case when date <= {as_of}::date then is_closed end as is_closed
            from analytics.location_calendar
            where client_id = {c}
            """,
            c=client_id,
            as_of=as_of_date,
        ),
    )


_WAS_KNOWN = """
    not exists (
        select from ops.landing_files as later
        where
            later.client_id = {c}
            and later.status = 'loaded'
            and later.units_loaded is not null
            and later.last_date > {as_of}::date
            and (later.file_id <= told.file_id or later.run_id = told.run_id)
    )
"""
"""Whether a plan's delivery, ``told``, came before any demand of days after the as-of date.

And not together with it: a first delivery of years of history tells nothing about when each of its plans was
made.
"""


def _read_opening_days(warehouse: Warehouse, client_id: str, as_of_date: date) -> pl.DataFrame:
    """``location_id, date, is_open`` of the days ahead that an opening calendar had named by then."""
    return read_frame(
        warehouse,
        render(
            f"""
            select planned.location_id, planned.date, planned.is_open
            from staging.opening_days as planned
            inner join ops.landing_files as told
                on told.client_id = planned.client_id and told.file_id = planned.file_id
            where planned.client_id = {{c}} and planned.date > {{as_of}}::date and {_WAS_KNOWN}
            """,
            c=client_id,
            as_of=as_of_date,
        ),
    )


def _read_planned_last_days(warehouse: Warehouse, client_id: str, as_of_date: date) -> dict[str, date]:
    """The last day on sale of the items that were known to leave after the as-of date."""
    rows = read_frame(
        warehouse,
        render(
            f"""
            select product.item_id, product.end_date
            from staging.products as product
            inner join ops.landing_files as told
                on told.client_id = product.client_id and told.file_id = product.file_id
            where
                product.client_id = {{c}} and product.end_date > {{as_of}}::date and {_WAS_KNOWN}
            """,
            c=client_id,
            as_of=as_of_date,
        ),
    )
    return dict(rows.select("item_id", "end_date").iter_rows())


def _of_series(rows: pl.DataFrame, keys: pl.DataFrame) -> pl.DataFrame:
    return rows.join(keys, on=SERIES_COLUMNS).drop(SERIES_COLUMNS)
