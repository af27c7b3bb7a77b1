"""How far choosing a model was better than each single one, with what drawing other series would make of it.

Belongs here: the query and the intervals. Does not belong here: the figures themselves (``model_comparison``
of the dbt project), how a draw is made (``forecasting_lib.benchmark.figures``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from forecasting_lib.backtesting.composition import COMPOSED
from forecasting_lib.benchmark.figures import Interval, drawn_sums, percentile_interval
from forecasting_lib.panel import FloatArray
from orchestration.warehouse.asking import Place
from orchestration.warehouse.bulk import read_frame, render

_SUMS = ("loss_qty", "actual_qty", "forecast_qty", "scaled_losses", "n_scaled")


@dataclass(frozen=True)
class Beside:
    """The champion over one model, on the origins that no choice was made on.

    The intervals are the central 95 % of a bootstrap over series in which both see the same draw. They know
    nothing of other windows.

    Attributes:
        model: the other one; the champion itself for its own bias.
        wql_ratio: weighted quantile loss of the champion over the model's; None where undefined.
        scaled_ratio: the same of the scaled loss.
        bias: of the model.
    """

    model: str
    wql_ratio: Interval | None
    scaled_ratio: Interval | None
    bias: Interval | None


def champion_beside(place: Place, client_id: str) -> list[Beside]:
    """The champion of the current backtest beside every model; none where nothing was judged."""
    sums = read_frame(
        place,
        render(
            """
            with origins as (
                select
                    scores.model,
                    scores.item_id,
                    scores.location_id,
                    scores.origin_date,
                    scores.mase_scale,
                    sum(scores.sum_decile_losses_qty) / 9 as loss_qty,
                    sum(scores.sum_actual_qty) as actual_qty,
                    sum(scores.sum_forecast_qty) as forecast_qty,
                    sum(scores.n_rows) as n_rows
                from analytics.backtest_scores as scores
                inner join analytics.backtest_runs as runs using (client_id, run_id, model)
                where scores.client_id = {c} and runs.is_current and scores.origin_date >= runs.judged_from
                group by
                    scores.model, scores.item_id, scores.location_id, scores.origin_date, scores.mase_scale
            )

            select
                model,
                item_id,
                location_id,
                sum(loss_qty)::float8 as loss_qty,
                sum(actual_qty)::float8 as actual_qty,
                sum(forecast_qty)::float8 as forecast_qty,
                coalesce(
                    sum(loss_qty / n_rows / mase_scale) filter (where n_rows > 0 and mase_scale > 0), 0
                )::float8 as scaled_losses,
                (count(*) filter (where n_rows > 0 and mase_scale > 0))::float8 as n_scaled
            from origins
            group by model, item_id, location_id
            order by model, item_id collate "C", location_id collate "C"
            """,
            c=client_id,
        ),
    )
    by_model = {str(name): rows for (name,), rows in sums.group_by("model", maintain_order=True)}
    champion = by_model.pop(COMPOSED, None)
    if champion is None:
        return []
    return [_beside(champion, name, rows) for name, rows in (*by_model.items(), (COMPOSED, champion))]


def _beside(champion: pl.DataFrame, model: str, rows: pl.DataFrame) -> Beside:
    both = champion.join(rows, on=["item_id", "location_id"], suffix="_other")
    columns = both.select(*_SUMS, *(f"{name}_other" for name in _SUMS)).to_numpy()
    once, drawn = columns.sum(axis=0, keepdims=True), drawn_sums(columns)
    is_itself = model == COMPOSED
    return Beside(
        model,
        None if is_itself else _found(once[:, 0], once[:, 5], drawn[:, 0], drawn[:, 5]),
        None if is_itself else _found(once[:, 3], once[:, 8], drawn[:, 3], drawn[:, 8]),
        _found(once[:, 7] - once[:, 6], once[:, 6], drawn[:, 7] - drawn[:, 6], drawn[:, 6]),
    )


def _found(
    above: FloatArray, below: FloatArray, drawn_above: FloatArray, drawn_below: FloatArray
) -> Interval | None:
    if below[0] <= 0.0:
        return None
    draws = np.full(len(drawn_above), np.nan)
    np.divide(drawn_above, drawn_below, out=draws, where=drawn_below > 0.0)
    return percentile_interval(float(above[0] / below[0]), draws)
