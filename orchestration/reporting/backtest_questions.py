"""What people ask of a backtest: which model was how good, and what choosing was worth.

Belongs here: putting the answer together, and the sentences. Does not belong here: the queries
(``reading.backtests``), any formula (``model_comparison`` of the dbt project), how an answer looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import polars as pl

from forecasting_lib.backtesting.composition import COMPOSED
from forecasting_lib.backtesting.reliability import held_by_level
from orchestration.reading.backtests import judged_backtest, read_comparison, read_reliability
from orchestration.warehouse.asking import Place
from orchestration.warehouse.tables.vocabulary import TotalBucket, words_of


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
class Reliability:
    """What the quantiles of the current backtest held, beside what they name.

    Attributes:
        levels: as ``forecasting_lib.backtesting.reliability.held_by_level`` returns them, at least one.
        preferred: the model that ``raw`` is of.
    """

    levels: pl.DataFrame
    preferred: str

    @property
    def sentence(self) -> str:
        """Where what was held lies farthest from what was named."""
        off = (pl.col("published") - pl.col("level")).abs()
        level, held, n_actuals = (
            self.levels.sort(off, descending=True).select("level", "published", "n_actuals").row(0)
        )
        return (
            f"Of {n_actuals:,} actuals at past days {held:.1%} lay below the {level:.1%} quantile as it "
            "would have been published; no other level is farther off."
        )


@dataclass(frozen=True)
class ModelComparison:
    """All models of the current backtest, the best first, and what it comes to in a sentence.

    Attributes:
        models: over all series and lags.
        sentence: what choosing among them was worth.
        segments: of the forecast made of the leaders' own, ``demand_class, lag_bucket, n_series, n_rows,
            wape, bias, wql, fva_naive, fva_ma7, coverage_80, coverage_90``: first by class over all lags,
            then by lag over all classes, then by both; empty where it could not be judged.
        reliability: None where it could not.
    """

    models: Sequence[ComparedModel]
    sentence: str
    segments: pl.DataFrame
    reliability: Reliability | None


def model_comparison(place: Place, client_id: str) -> ModelComparison:
    """How good each model was at the origins that no choice was made on."""
    found = read_comparison(place, client_id)
    judged = judged_backtest(place, client_id)
    names = [field.name for field in fields(ComparedModel)]
    models = [
        ComparedModel(**row)
        for row in found.filter(demand_class="all", lag_bucket="all")
        .sort("wql", "model", nulls_last=True)
        .select(names)
        .to_dicts()
    ]
    preferred = judged[1] if judged else None
    return ModelComparison(
        models,
        comparison_sentence(models, preferred),
        _segments(found),
        None if judged is None else _reliability(place, client_id, *judged),
    )


def _segments(found: pl.DataFrame) -> pl.DataFrame:
    order = {bucket: place for place, bucket in enumerate(words_of(TotalBucket))}
    of_class, of_lag = pl.col("demand_class") != "all", pl.col("lag_bucket") != "all"
    return (
        found.filter((pl.col("model") == COMPOSED) & (pl.col("n_rows") > 0) & (of_class | of_lag))
        .sort(
            of_class & of_lag,
            of_lag,
            "demand_class",
            pl.col("lag_bucket").replace_strict(order, return_dtype=pl.Int64),
        )
        .select(
            *("demand_class", "lag_bucket", "n_series", "n_rows", "wape", "bias", "wql"),
            *("fva_naive", "fva_ma7", "coverage_80", "coverage_90"),
        )
    )


def _reliability(place: Place, client_id: str, run_id: str, preferred: str) -> Reliability | None:
    levels = held_by_level(read_reliability(place, client_id, run_id), COMPOSED, preferred)
    return None if levels.is_empty() else Reliability(levels, preferred)


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
