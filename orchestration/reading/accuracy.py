"""How accurate the forecasts were, as far as they are scored.

Belongs here: the question that the quality stage and the reports both ask. Does not belong here: scoring
(``stages.scoring``), the formulas (``dbt_project/macros/accuracy.sql``).
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from forecasting_lib.grain import Grain
from orchestration.warehouse.asking import Place
from orchestration.warehouse.bulk import read_frame, render
from orchestration.warehouse.formulas import accuracy_metric


def latest_accuracy(place: Place, client_id: str) -> pl.DataFrame:
    """How accurate each model was, all series and lags together, at the latest run that can tell.

    For each model that is the run with the largest known share of its horizon, and of those the latest: a
    run of last night has one known day, which says little beside a run whose four weeks are over.

    Returns:
        One row per model, by name: ``model, is_champion, as_of_date, days_known, horizon_days, grain,
        n_series, n_rows, n_masked, wape, mape, mae, rmse, bias, mase, rmsse, wql, coverage_80, coverage_90,
        within_90, periods_known, horizon``; ``within_90`` is without the actuals exactly on a bound, the last
        two count periods of the grain. Empty before the first scoring; a metric that is undefined is null.
    """
    scores = read_frame(
        place,
        render(
            f"""
            with scored as (
                select
                    quality.*,
                    run.is_champion,
                    run.grain as period,
                    run.horizon_days,
                    least(quality.actuals_through - run.as_of_date, run.horizon_days) as days_known
                from analytics.forecast_quality as quality
                inner join analytics.forecast_runs as run
                    on run.client_id = quality.client_id
                    and run.run_id = quality.run_id
                    and run.model = quality.model
                where quality.client_id = {{client_id}}
                    and quality.grain = 'client'
                    and quality.lag_bucket = 'all'
                    and quality.is_current
                    and run.grain = coalesce(
                        (select max(grain) from analytics.dim_series where client_id = {{client_id}}), 'day'
                    )
            )

            select distinct on (model)
                model,
                is_champion,
                as_of_date,
                days_known,
                horizon_days,
                period as grain,
                n_series,
                n_rows,
                n_masked,
                wape,
                mape,
                mae_qty as mae,
                rmse_qty as rmse,
                bias,
                mase,
                rmsse,
                wql,
                coverage_80,
                coverage_90,
                {accuracy_metric("within_90")}
            from scored
            order by model, days_known::float8 / horizon_days desc, as_of_date desc
            """,
            client_id=client_id,
        ),
    )
    return scores.with_columns(
        _periods(scores, "days_known").alias("periods_known"),
        _periods(scores, "horizon_days").alias("horizon"),
    )


def _periods(scores: pl.DataFrame, days: str) -> pl.Series:
    """Periods of each row's grain in so many days after its as-of date, which ends one."""
    counted = [
        Grain(row["grain"]).periods_between(row["as_of_date"], row["as_of_date"] + timedelta(days=row[days]))
        for row in scores.select("grain", "as_of_date", days).iter_rows(named=True)
    ]
    return pl.Series(counted, dtype=pl.Int64)
