"""What people ask of covariates: which a model is told of, and what each was worth at past days.

Belongs here: the sentence and the line of each. Does not belong here: the query
(``reading.covariate_worth``), the verdict (``forecasting_lib.backtesting.covariate_worth``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from forecasting_lib.covariates import Use
from orchestration.reading.covariate_worth import JudgedCovariate, judged_covariates
from orchestration.warehouse.asking import Place

IN_WORDS = {
    Use.USED: "used",
    Use.NOT_USED: "not used",
    Use.TOO_FEW_WINDOWS: "used, too few windows to judge",
}
"""A verdict for a person."""


@dataclass(frozen=True)
class CovariateWorth:
    """The covariates of the current backtest, and what they come to in a sentence."""

    covariates: Sequence[JudgedCovariate]
    sentence: str


def covariate_worth(place: Place, client_id: str) -> CovariateWorth:
    """What the models are told of beside demand, and what it was worth."""
    rows = judged_covariates(place, client_id)
    return CovariateWorth(rows, covariate_sentence(rows))


def covariate_sentence(rows: Sequence[JudgedCovariate]) -> str:
    """What judging the covariates came to.

    >>> covariate_sentence([])[:44]
    'No covariate has been judged: models that us'
    """
    if not rows:
        return (
            "No covariate has been judged: models that use promotions, prices, holidays or closed days are "
            "told of all that are known."
        )
    used = sum(row.verdict == Use.USED for row in rows)
    unjudged = sum(row.verdict == Use.TOO_FEW_WINDOWS for row in rows)
    open_question = f"; {unjudged} could not be judged on so few windows and stay in use" if unjudged else ""
    return (
        f"Of {len(rows)} covariates of models, {used} made forecasts clearly better at past days and "
        f"{'is' if used == 1 else 'are'} used{open_question}."
    )


def worth_line(row: JudgedCovariate) -> str:
    """The verdict and its figures, for one line of text."""
    if row.gain is None or row.standard_error is None:
        return verdict_in_words(row)
    own = (
        ""
        if row.own_gain is None or row.own_standard_error is None
        else f", on its own days {_signed(row.own_gain)} (± {row.own_standard_error:.1%})"
    )
    return (
        f"{verdict_in_words(row)}; error {_signed(row.gain)} (± {row.standard_error:.1%}) with it{own}, "
        f"{row.n_windows} windows through {row.last_origin_date}"
    )


def verdict_in_words(row: JudgedCovariate) -> str:
    """Whether the model is told of it."""
    return IN_WORDS[Use(row.verdict)]


def _signed(gain: float) -> str:
    """The change of the error: a gain is less of it."""
    return f"{-gain:+.1%}"
