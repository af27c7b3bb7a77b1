"""What a backtest measured of the models behind a forecast, for the plan that is made of it.

Belongs here: which backtest that is, the queries, and from when on it is old. Does not belong here: how its
factors are fitted (``forecasting_lib.backtesting.inflation``) and used (``forecasting_lib.inventory``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from forecasting_lib.backtesting.inflation import LEAST_TOTALS, Inflation
from forecasting_lib.grain import Grain
from forecasting_lib.inventory import Calibrated, ErrorGrowth
from forecasting_lib.inventory.error_growth import NO_DEMAND
from orchestration.reading.histories import SERIES_COLUMNS
from orchestration.warehouse.bulk import read_frame, render
from orchestration.warehouse.server import Warehouse

OLD_AFTER: Mapping[Grain, timedelta] = {
    Grain.DAY: timedelta(days=56),
    Grain.WEEK: timedelta(days=91),
    Grain.MONTH: timedelta(days=183),
}
"""Time after the last day that a backtest judged from which on it is old: eight weekly ones were missed."""


@dataclass(frozen=True)
class ForecastCalibration:
    """What is known of the errors behind a forecast.

    Attributes:
        backtest_run_id: the backtest that said it.
        calibrated: it, for the forecast's series.
    """

    backtest_run_id: str
    calibrated: Calibrated


def read_calibration(
    warehouse: Warehouse, client_id: str, champion: tuple[str, str], positions: pl.DataFrame, grain: Grain
) -> ForecastCalibration | None:
    """The calibration of a forecast; None where no backtest can say anything of it.

    It is that of the backtest which the forecast itself follows, else of the current one, unless that has
    judged days after the forecast's as-of date. A segment of too few totals counts as not judged.

    Args:
        warehouse: where to read.
        client_id: whose.
        champion: (run id, model) of the forecast.
        positions: its series in its order: item_id, location_id and demand_class.
        grain: of the forecast.
    """
    values = {"c": client_id, "run": champion[0], "model": champion[1]}
    runs = read_frame(warehouse, render(_BACKTEST, **values))
    if runs.is_empty():
        return None
    run_id, as_of_date, is_followed, last_origin, horizon = runs.row(0)
    judged_to: date = last_origin + timedelta(days=grain.lag_days(last_origin, horizon)[-1])
    if not is_followed and judged_to > as_of_date:
        return None
    rows = read_frame(
        warehouse,
        render(
            """
            select model, demand_class, n_periods, kappa, read_at, log_standard_error, n_totals
            from analytics.error_inflation where client_id = {c} and run_id = {backtest}::uuid
            """,
            c=client_id,
            backtest=run_id,
        ),
    )
    inflations: dict[tuple[str, str], dict[int, Inflation]] = defaultdict(dict)
    for model, of_class, periods, kappa, read_at, error, totals in rows.iter_rows():
        if error is None and totals < LEAST_TOTALS:
            continue
        inflations[model, of_class][periods] = Inflation(kappa, np.array(read_at), error, totals)
    makers = read_frame(warehouse, render(_MAKERS, **values))
    segments = (
        positions.select(*SERIES_COLUMNS, "demand_class")
        .join(makers, on=SERIES_COLUMNS, how="left", maintain_order="left")
        .select(pl.col("made_by").fill_null(champion[1]), pl.col("demand_class").fill_null(NO_DEMAND))
        .rows()
    )
    growth = ErrorGrowth.of(segments, inflations, grain)
    return ForecastCalibration(run_id, Calibrated(growth, is_stale=as_of_date - judged_to > OLD_AFTER[grain]))


_BACKTEST = """
    with forecast as (
        select as_of_date, grain, backtest_run_id from analytics.forecast_runs
        where client_id = {c} and run_id = {run}::uuid and model = {model}
    )

    select
        backtest.run_id::text as run_id,
        forecast.as_of_date,
        forecast.backtest_run_id is not null as is_followed,
        backtest.last_origin_date,
        backtest.horizon_periods
    from forecast
    inner join analytics.backtest_runs as backtest
        on
            backtest.client_id = {c}
            and backtest.grain = forecast.grain
            and backtest.status = 'published'
            and case
                when forecast.backtest_run_id is null then backtest.is_current
                else backtest.run_id = forecast.backtest_run_id
            end
    order by backtest.model
    limit 1
"""

_MAKERS = """
    select item_id, location_id, made_by from analytics.forecast_series
    where client_id = {c} and run_id = {run}::uuid and model = {model} and made_by is not null
"""
