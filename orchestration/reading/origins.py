"""Past origins of a client, read from the warehouse: what was known on a day, and the demand after it.

Belongs here: putting histories as known and later demand together, and taking back what was restated since.
Does not belong here: which days are origins (``forecasting_lib.origins``), what was known beside demand
(``known_facts``).

Sales that a later delivery replaced are seen as they were, by the time the new value came. What came late for
the first time is seen where it lies: of a delivery of years of history nothing tells when each day was known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import polars as pl

from forecasting_lib.grain import Grain
from forecasting_lib.new_items.kin import Kin
from forecasting_lib.origins import Origin
from forecasting_lib.panel import FloatArray, Panel
from forecasting_lib.ragged import Ragged, lengths_of
from orchestration.landing.known_files import newest_delivery
from orchestration.reading.histories import (
    SERIES_COLUMNS,
    DemandHistory,
    demand_grain,
    read_history,
    with_series_ids,
)
from orchestration.reading.known_facts import history_as_known
from orchestration.reading.odd_days import cleaned
from orchestration.warehouse.bulk import read_frame, render, snapshot
from orchestration.warehouse.server import Warehouse


@dataclass(frozen=True)
class KnownOrigins:
    """The origins of a client.

    Attributes:
        origins: the earliest first; a series has the same identifier at each.
        keys: ``series_id, item_id, location_id`` of all their series.
        input_watermark: highest file_id among the deliveries that were visible; None without any.
        kin: of each origin, the relatives of its series where some are new and all series are kept; else
            None.
    """

    origins: Sequence[Origin]
    keys: pl.DataFrame
    input_watermark: int | None
    kin: Sequence[Kin | None]


def read_origins(
    warehouse: Warehouse,
    client_id: str,
    dates: Sequence[date],
    horizon: int,
    last: date,
    *,
    covariates: bool,
    only: pl.DataFrame | None = None,
    whole_horizon: bool = False,
) -> KnownOrigins:
    """Read what was known on each of some days, and the demand of the periods after it.

    Args:
        warehouse: where to read.
        client_id: whose.
        dates: last days of periods before ``last``, the earliest first.
        horizon: periods ahead that covariates are read for, and the most that are held out.
        last: last day of demand.
        covariates: whether promotions, prices and holidays are read, too.
        only: ``item_id, location_id`` of the series to keep; None keeps all.
        whole_horizon: whether every origin has the whole horizon, its periods after ``last`` as NaN.
    """
    later = _Later(warehouse, client_id, dates[0], last)
    restated = _Restated(warehouse, client_id)
    keys = later.keys if only is None else later.keys.join(only, on=SERIES_COLUMNS, how="semi")
    with warehouse.transaction() as connection:
        input_watermark = newest_delivery(connection, client_id)
    read = [
        _read_origin(
            warehouse,
            client_id,
            day,
            horizon,
            later,
            restated,
            covariates=covariates,
            whole_horizon=whole_horizon,
        )
        for day in dates
    ]
    return KnownOrigins(
        [_kept(origin, keys) for origin, _ in read],
        keys,
        input_watermark,
        [kin if only is None else None for _, kin in read],
    )


def _read_origin(
    warehouse: Warehouse,
    client_id: str,
    day: date,
    horizon: int,
    later: _Later,
    restated: _Restated,
    *,
    covariates: bool,
    whole_horizon: bool,
) -> tuple[Origin, Kin | None]:
    seen = read_history(warehouse, client_id, day, prices=covariates)
    seen = cleaned(warehouse, client_id, restated.taken_back(seen))
    seen = history_as_known(warehouse, client_id, seen, horizon, covariates=covariates)
    named = seen.keys.rename({"series_id": "own_id"}).join(
        later.keys, on=SERIES_COLUMNS, how="left", maintain_order="left"
    )
    series_ids = named["series_id"].to_list()
    actual = later.demand(series_ids, day, horizon)
    if whole_horizon:
        unknown = ((0, 0), (0, horizon - actual.shape[1]))
        actual = np.pad(actual, unknown, constant_values=np.nan)
    origin = Origin(
        replace(seen.panel, series_ids=tuple(series_ids)),
        actual,
        None if seen.shut_ahead is None else seen.shut_ahead[:, : actual.shape[1]],
    )
    return origin, seen.kin


def _kept(origin: Origin, keys: pl.DataFrame) -> Origin:
    """The origin of these series alone."""
    wanted = set(keys["series_id"])
    rows = [row for row, name in enumerate(origin.panel.series_ids) if name in wanted]
    if len(rows) == len(origin.panel):
        return origin
    return Origin(
        origin.panel.select(rows),
        origin.actual[rows],
        None if origin.shut_ahead is None else origin.shut_ahead[rows],
    )


class _Later:
    """The demand of all series after the first origin, those whose item has left by now among them.

    Args:
        warehouse: where to read.
        client_id: whose.
        first: the day before the first day that is read.
        last: the last one.
    """

    def __init__(self, warehouse: Warehouse, client_id: str, first: date, last: date) -> None:
        self._grain = demand_grain(warehouse, client_id)
        self._first = first
        with snapshot(warehouse) as known:
            self.keys = with_series_ids(known.frame(render(_LISTED, c=client_id, last=last)))
            rows = known.frame(render(_DEMAND, c=client_id, first=first, last=last))
        periods = self._grain.periods_between(first, last)
        self._demand = np.full((self.keys.height, periods), np.nan)
        placed = rows.join(self.keys.with_row_index("row"), on=SERIES_COLUMNS).with_columns(
            (self._grain.number_of(pl.col("date")) - self._grain.number_of(pl.lit(first)) - 1).alias("lag")
        )
        self._demand[placed["row"].to_numpy(), placed["lag"].to_numpy()] = placed["target"].to_numpy()
        self._place = {series_id: row for row, series_id in enumerate(self.keys["series_id"])}

    def demand(self, series_ids: Sequence[str], day: date, horizon: int) -> FloatArray:
        """(n, h) of the periods after a day, at most ``horizon``.

        NaN where a period is masked, or the item had left.
        """
        start = self._grain.periods_between(self._first, day)
        rows = [self._place[series_id] for series_id in series_ids]
        return self._demand[rows, start : start + horizon]


_LISTED = """
    select item_id, location_id from analytics.dim_series
    where client_id = {c} and listed_date <= {last}::date
    order by item_id collate "C", location_id collate "C"
"""

_DEMAND = """
    select
        item_id,
        location_id,
        date,
        case when not is_masked then demand_qty::float8 else 'nan'::float8 end as target
    from analytics.ts_demand
    where client_id = {c} and date > {first}::date and date <= {last}::date
"""


class _Restated:
    """Sales values that later deliveries replaced: what each series and period had before, and until when."""

    def __init__(self, warehouse: Warehouse, client_id: str) -> None:
        self._rows = read_frame(
            warehouse,
            render(
                """
                select
                    restated.item_id,
                    restated.location_id,
                    restated.date,
                    (told.loaded_at at time zone client.timezone)::date as told_on,
                    sum(restated.old_units_sold - coalesce(restated.new_units_sold, 0))::float8 as units
                from ops.restated_sales as restated
                inner join ops.landing_files as told
                    on told.client_id = restated.client_id and told.file_id = restated.file_id
                inner join ops.clients as client
                    on client.client_id = restated.client_id
                where restated.client_id = {c} and told.status = 'loaded'
                group by
                    restated.item_id,
                    restated.location_id,
                    restated.date,
                    (told.loaded_at at time zone client.timezone)::date
                """,
                c=client_id,
            ),
        )

    def taken_back(self, seen: DemandHistory) -> DemandHistory:
        """The history with the values that stood on its last day; no demand falls below zero."""
        panel = seen.panel
        day = panel.as_of_date
        rows = self._rows.filter((pl.col("told_on") > day) & (pl.col("date") <= day))
        if rows.is_empty():
            return seen
        rows = (
            rows.join(seen.keys, on=SERIES_COLUMNS)
            .with_columns(_periods_back(panel.grain, day).alias("back"))
            .group_by("series_id", "back")
            .agg(pl.col("units").sum())
        )
        place = {series_id: row for row, series_id in enumerate(panel.series_ids)}
        history = [np.array(demand) for demand in panel.history]
        for series_id, back, units in rows.select("series_id", "back", "units").iter_rows():
            demand = history[place[series_id]]
            if back < len(demand):
                demand[-1 - back] = max(demand[-1 - back] + units, 0.0)
        return replace(seen, panel=_with_history(panel, history))


def _periods_back(grain: Grain, day: date) -> pl.Expr:
    """Periods from the one of each row's date to the one that ends on a day."""
    return grain.number_of(pl.lit(day)) - grain.number_of(pl.col("date"))


def _with_history(panel: Panel, history: Sequence[FloatArray]) -> Panel:
    return replace(panel, history=Ragged.of(history, lengths_of(panel.history)))
