"""How good a client's forecast has been, in one sentence; where nothing tells, why.

Belongs here: which of the answers the sentence is made of. Does not belong here: the words about scores
(``accuracy_words``), the queries (``reading.accuracy``, ``accuracy_questions``, ``backtest_questions``).
"""

from __future__ import annotations

from collections.abc import Sequence

from forecasting_lib.backtesting.composition import COMPOSED
from orchestration.reading.accuracy import latest_accuracy
from orchestration.reporting.accuracy_questions import unscored_runs
from orchestration.reporting.accuracy_words import how_good, leading_score
from orchestration.reporting.backtest_questions import ComparedModel, model_comparison
from orchestration.reporting.numbers import percent
from orchestration.reporting.questions import latest_models
from orchestration.reporting.states import ClientState
from orchestration.warehouse.asking import Place

NO_FORECAST = "There is no forecast yet."

MOST_ASKED = 20
"""Clients whose forecasts are looked at for one answer; each takes several queries."""


def track_record(place: Place, client_id: str) -> str:
    """How good the published forecasts were; before any is scored, what past dates say, and why no more."""
    models = latest_models(place, client_id).to_dicts()
    scores = latest_accuracy(place, client_id).to_dicts()
    lead = leading_score(models, scores)
    if lead is not None:
        return how_good(lead, scores)
    waiting = unscored_runs(place, client_id)
    why = waiting[0]["why"] if waiting else NO_FORECAST
    champion = next((m for m in model_comparison(place, client_id).models if m.model == COMPOSED), None)
    return not_scored(why, champion)


def track_records(place: Place, states: Sequence[ClientState]) -> dict[str, str]:
    """The sentence of each active client; of many with forecasts the first ones', and where others stand."""
    active = [state for state in states if state.is_active]
    asked = {state.client_id for state in active if state.forecast_as_of is not None}
    shown = set(sorted(asked)[:MOST_ASKED])
    return {
        state.client_id: track_record(place, state.client_id)
        if state.client_id in shown
        else f"'forecaster report --client {state.client_id}' says how good its forecast has been."
        if state.client_id in asked
        else not_scored(NO_FORECAST, None)
        for state in active
    }


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
