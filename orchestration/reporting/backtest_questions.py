"""What people ask of a backtest: which model was how good, and what choosing was worth.

Belongs here: the query and the sentence. Does not belong here: any formula (``model_comparison`` of the dbt
project), how an answer looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg.rows import class_row

from forecasting_lib.backtesting.composition import COMPOSED
from orchestration.warehouse.asking import Place, asking


@dataclass(frozen=True)
class ComparedModel:
    """One model of the current backtest, over all series and lags; None where undefined.

    ``leads_for`` is None of the forecast that is made of the leaders' own.
    """

    model: str
    leads_for: int | None
    scaled_loss: float | None
    wql: float | None
    wape: float | None
    bias: float | None
    fva_naive: float | None
    fva_ma7: float | None
    coverage_80: float | None
    coverage_90: float | None


@dataclass(frozen=True)
class ModelComparison:
    """All models of the current backtest, the best first, and what it comes to in a sentence."""

    models: Sequence[ComparedModel]
    sentence: str


def model_comparison(place: Place, client_id: str) -> ModelComparison:
    """How good each model was at the origins that no choice was made on."""
    with asking(place) as connection, connection.cursor(row_factory=class_row(ComparedModel)) as cursor:
        models = cursor.execute(
            """
            select
                model, leads_for, scaled_loss, wql, wape, bias, fva_naive, fva_ma7, coverage_80, coverage_90
            from analytics.model_comparison
            where client_id = %s and demand_class = 'all' and lag_bucket = 'all'
            order by wql nulls last, model
            """,
            (client_id,),
        ).fetchall()
        preferred = connection.execute(
            """
            select settings ->> 'preferred' from analytics.backtest_runs
            where client_id = %s and model = %s and is_current
            """,
            (client_id, COMPOSED),
        ).fetchone()
    return ModelComparison(models, comparison_sentence(models, preferred[0] if preferred else None))


def comparison_sentence(models: Sequence[ComparedModel], preferred: str | None) -> str:
    """What a comparison comes to.

    Args:
        models: of one backtest.
        preferred: the first model of the client's policy.
    """
    if not models:
        return "Unknown: no backtest has been made yet; 'forecaster backtest' makes one."
    by_name = {model.model: model for model in models}
    champion, policy = by_name.get(COMPOSED), by_name.get(preferred or "")
    if champion is None or champion.wql is None:
        return "The backtest has too few origins to judge its own choices on; deliver more history."
    if policy is None or not policy.wql:
        return f"The forecast made of the leaders' own had a weighted quantile loss of {champion.wql:.3f}."
    gain = 1 - champion.wql / policy.wql
    than = f"always using {policy.model}, at past days that the choice had not seen"
    if abs(gain) < 0.0005:
        return f"Choosing a model for each item is worth nothing beside {than}: the error is the same."
    by = f"{abs(gain):.1%} {'less' if gain > 0 else 'more'}"
    return f"Choosing a model for each item has {by} error than {than}."
