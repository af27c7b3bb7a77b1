"""The current backtest of a client, read from the warehouse: who leads, and what makes a forecast true.

Belongs here: the queries. Does not belong here: what is made of it (``stages.composing``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from forecasting_lib.backtesting.calibration import Calibration
from forecasting_lib.backtesting.champions import Reason
from forecasting_lib.backtesting.composition import COMPOSED, Ensemble
from orchestration.warehouse.asking import Place, asking
from orchestration.warehouse.bulk import read_frame, render
from orchestration.warehouse.server import Warehouse


@dataclass(frozen=True)
class Choice:
    """Which model leads for a series.

    Attributes:
        model: it, or an ensemble.
        reason: why.
        gain: share by which its expected loss is below that of the first model of the policy that was judged;
            None where that is not known.
    """

    model: str
    reason: Reason
    gain: float | None


@dataclass(frozen=True)
class CurrentBacktest:
    """What forecasts rest on.

    Attributes:
        run_id: of the backtest.
        choices: (item, location) -> who leads.
        leaders: demand class -> the model that leads for most of its series, for those without a choice.
        ensembles: by name.
        calibrations: model or ensemble -> by demand class and lag bucket.
    """

    run_id: str
    choices: Mapping[tuple[str, str], Choice]
    leaders: Mapping[str, str]
    ensembles: Mapping[str, Ensemble]
    calibrations: Mapping[str, Mapping[tuple[str, str], Calibration]]


def current_backtest(warehouse: Warehouse, client_id: str) -> CurrentBacktest | None:
    """The current backtest; None where none was made."""
    with warehouse.transaction() as connection:
        runs = connection.execute(
            """
            select run_id::text, model, settings from analytics.backtest_runs
            where client_id = %s and is_current
            order by model
            """,
            (client_id,),
        ).fetchall()
        if not runs:
            return None
        run_id = str(runs[0][0])
        series = connection.execute(
            """
            select item_id, location_id, model, reason, score, preferred_score
            from analytics.backtest_series
            where client_id = %s and run_id = %s
            """,
            (client_id, run_id),
        ).fetchall()
        leaders = connection.execute(
            """
            select distinct on (demand_class) demand_class, model
            from analytics.backtest_series
            where client_id = %s and run_id = %s
            group by demand_class, model
            order by demand_class, count(*) desc, model
            """,
            (client_id, run_id),
        ).fetchall()
        calibrations = connection.execute(
            """
            select model, demand_class, lag_bucket, factor, read_at from analytics.calibrations
            where client_id = %s and run_id = %s
            """,
            (client_id, run_id),
        ).fetchall()
    by_model: dict[str, dict[tuple[str, str], Calibration]] = {}
    for model, of_class, bucket, factor, read_at in calibrations:
        by_model.setdefault(model, {})[of_class, bucket] = Calibration(factor, np.array(read_at))
    return CurrentBacktest(
        run_id,
        {
            (item, location): Choice(model, Reason(reason), 1 - score / preferred if preferred else None)
            for item, location, model, reason, score, preferred in series
        },
        dict(leaders),
        {model: _ensemble(settings) for _, model, settings in runs if "members" in settings},
        by_model,
    )


def read_reliability(place: Place, client_id: str, run_id: str) -> pl.DataFrame:
    """What each quantile of a backtest held, as ``Evidence.reliability``."""
    return read_frame(
        place,
        render(
            """
            select model, demand_class, lag_bucket, is_calibrated, level, n_series, n_actuals, n_below
            from analytics.backtest_reliability
            where client_id = {c} and run_id = {run}::uuid
            """,
            c=client_id,
            run=run_id,
        ),
    )


def judged_backtest(place: Place, client_id: str) -> tuple[str, str] | None:
    """Id of the current backtest and the first model of the policy that it judged.

    Returns:
        None where there is none, or it has too few origins to judge its own choices on.
    """
    with asking(place) as connection:
        row = connection.execute(
            """
            select run_id::text, settings ->> 'preferred' from analytics.backtest_runs
            where client_id = %s and model = %s and is_current
            """,
            (client_id, COMPOSED),
        ).fetchone()
    return None if row is None else (str(row[0]), str(row[1]))


def read_comparison(place: Place, client_id: str) -> pl.DataFrame:
    """Every model of the current backtest by demand class and lag bucket, as ``model_comparison`` has it."""
    return read_frame(
        place,
        render(
            """
            select
                model, demand_class, lag_bucket, n_series, n_rows, leads_for, scaled_loss, wql, wape, bias,
                fva_naive, fva_ma7, coverage_80, coverage_90
            from analytics.model_comparison
            where client_id = {c}
            """,
            c=client_id,
        ),
    )


def _ensemble(settings: Mapping[str, object]) -> Ensemble:
    members, weights = settings["members"], settings["weights"]
    assert isinstance(members, list)
    assert isinstance(weights, dict)
    return Ensemble(
        tuple(members),
        {of_class: np.array([of_member[m] for m in members]) for of_class, of_member in weights.items()},
    )
