"""How good a client's forecast has been, in one sentence; where nothing tells, why.

Belongs here: which of the answers the sentence is made of. Does not belong here: the words about scores
(``accuracy_words``), the queries (``reading.accuracy``, ``accuracy_questions``, ``backtest_questions``).
"""

from __future__ import annotations

from forecasting_lib.backtesting.composition import COMPOSED
from orchestration.reading.accuracy import latest_accuracy
from orchestration.reporting.accuracy_questions import unscored_runs
from orchestration.reporting.accuracy_words import how_good, leading_score
from orchestration.reporting.backtest_questions import ComparedModel, model_comparison
from orchestration.reporting.numbers import percent
from orchestration.reporting.questions import latest_models
from orchestration.warehouse.asking import Place


def track_record(place: Place, client_id: str) -> str:
    """How good the published forecasts were; before any is scored, what past dates say, and why no more."""
    models = latest_models(place, client_id).to_dicts()
    scores = latest_accuracy(place, client_id).to_dicts()
    lead = leading_score(models, scores)
    if lead is not None:
        return how_good(lead, scores)
    waiting = unscored_runs(place, client_id)
    why = waiting[0]["why"] if waiting else "There is no forecast yet."
    champion = next((m for m in model_comparison(place, client_id).models if m.model == COMPOSED), None)
    return not_scored(why, champion)


def not_scored(why: str, champion: ComparedModel | None) -> str:
    """The sentence where no published forecast is scored.

    Args:
        why: a sentence that says why.
        champion: how the current backtest judges its own choices; None where it cannot or there is none.
    """
    because = f"{why[0].lower()}{why[1:].rstrip('.')}"
    if champion is None or champion.wape is None:
        return f"How good the forecast is cannot be said yet, because {because}."
    beside = (
        ""
        if champion.fva_naive is None
        else f", {percent(abs(champion.fva_naive))} {'less' if champion.fva_naive >= 0 else 'more'} than "
        "repeating the season before"
    )
    return (
        f"No published forecast is scored yet, because {because}; at the past dates of its backtest its "
        f"errors came to {percent(champion.wape)} of what was sold{beside}."
    )
