"""What scores mean, in sentences: of the leading model, of one that was better, of each metric.

Pure. Belongs here: words. Does not belong here: the scores (``reading.accuracy``), which runs have none
(``accuracy_questions``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from forecasting_lib.grain import Grain
from orchestration.reporting.numbers import percent

Row = Mapping[str, Any]

_SMALL_BIAS = 0.01
_CLOSE = 0.02
"""Coverage within so much of what the band promises is as it should be."""

MEANINGS: tuple[tuple[str, str], ...] = (
    (
        "WAPE",
        "The errors of all {periods} added up, over all that was sold. 20 % is an error of 20 units for "
        "every 100 sold, series by series. Smaller is better.",
    ),
    (
        "Bias",
        "How much too much, or with a minus too little, was forecast in sum. Zero is best; it says nothing "
        "of errors that cancel out.",
    ),
    (
        "WQL",
        "The same as WAPE for the whole forecast distribution instead of one number: it falls when the bands "
        "are narrow and still hold. Smaller is better.",
    ),
    (
        "80 % and 90 % band",
        "The share of {periods} whose demand lay inside the band. It should be 80 % and 90 %: less, and "
        "safety stocks are too small; more, and they are too large. Of slow sellers it is more, as demand "
        "often lies exactly on a bound.",
    ),
    (
        "MASE",
        "The error over that of repeating what was sold a season before. Below 1 is better than repeating.",
    ),
    (
        "{Periods} scored, left out",
        "Left out are {periods} that were closed or stocked out: what would have been sold is not known.",
    ),
)
"""Metric -> what it means; ``{periods}`` are those of the client."""


def meanings(grain: Grain) -> list[tuple[str, str]]:
    """Each metric and what it means, for periods of a grain."""
    words = {"periods": grain.periods, "Periods": grain.periods.capitalize()}
    return [(name.format(**words), text.format(**words)) for name, text in MEANINGS]


YARDSTICKS: Mapping[str, str] = {
    "seasonal_naive": "repeating the season before",
    "ma7": "the mean of the last seven days",
}
"""Models that a forecast has to beat to be worth anything, in the order in which they are named."""


def leading_score(models: Sequence[Row], scores: Sequence[Row]) -> Row | None:
    """The scores of the model that leads now; else of the one that led when it was scored; else of any.

    Args:
        models: of the latest run, as ``questions.latest_models`` has them.
        scores: rows of ``reading.accuracy.latest_accuracy``.
    """
    leads = {row["model"] for row in models if row["is_champion"]}
    ranked = sorted(scores, key=lambda row: (row["model"] not in leads, not row["is_champion"]))
    return ranked[0] if ranked else None


def how_good(lead: Row, scores: Sequence[Row]) -> str:
    """How good a forecast has been, in one sentence: by what measure, on how many periods, against what.

    Args:
        lead: the scores of the model that is asked about.
        scores: those of all models.
    """
    grain, known, horizon = Grain(lead["grain"]), lead["periods_known"], lead["horizon"]
    counted = f"On the {known} {grain if known == 1 else grain.periods}"
    when = f"{counted}{'' if known == horizon else f' known of the {horizon}'} after {lead['as_of_date']}"
    if lead["wape"] is None:
        return (
            f"{when} nothing was sold that could be scored, so how good the forecast is cannot be said yet."
        )
    beside = [
        f"{percent(abs(gain))} {'less' if gain >= 0 else 'more'} than {words}"
        for words, gain in _gains(lead, scores)
    ]
    against = " and ".join(beside) or "with no simpler forecast scored on the same to hold it against"
    held = lead["coverage_80"]
    band = "" if held is None else f"; the 80 % band held {percent(held)} of them"
    errors = f"the errors of {lead['model']} came to {percent(lead['wape'])} of what was sold"
    return f"{when} {errors}, {against}{band}."


def _gains(lead: Row, scores: Sequence[Row]) -> list[tuple[str, float]]:
    """By which share the errors are below each yardstick's, on the same rows of the same run."""
    by_name = {row["model"]: row for row in scores}
    found = []
    for name, words in YARDSTICKS.items():
        yardstick = by_name.get(name)
        if (
            yardstick is not None
            and name != lead["model"]
            and (yardstick["as_of_date"], yardstick["n_rows"]) == (lead["as_of_date"], lead["n_rows"])
            and yardstick["wape"]
        ):
            found.append((words, 1 - lead["wape"] / yardstick["wape"]))
    return found


def in_words(score: Row) -> list[str]:
    """What the scores of one model say, a sentence each.

    Args:
        score: a row of ``reading.accuracy.latest_accuracy``.
    """
    grain = Grain(score["grain"])
    if score["wape"] is None:
        return [f"Nothing was sold in the {grain.periods} that are known, which tells nothing of errors."]
    sentences = [f"Its errors come to {percent(score['wape'])} of what was sold."]
    bias = score["bias"]
    if bias is not None:
        direction = "too much" if bias > 0 else "too little"
        is_small = abs(bias) < _SMALL_BIAS
        sentences.append(
            "In sum it forecast neither too much nor too little."
            if is_small
            else f"In sum it forecast {percent(abs(bias))} {direction}."
        )
    held = score["coverage_80"]
    if held is not None:
        judged = "as it should"
        if held < 0.8 - _CLOSE:
            judged = "so the bands are too narrow and safety stocks too small"
        elif held > 0.8 + _CLOSE:
            judged = "so the bands are wide, and safety stocks rather large"
        sentences.append(f"The 80 % band held {percent(held)} of the {grain.periods}, {judged}.")
    return sentences


def better_models(scores: Sequence[Row], lead: Row) -> list[Row]:
    """Other models with a smaller WAPE on the same periods of the same run, the best first."""
    comparable = [
        row
        for row in scores
        if row["model"] != lead["model"]
        and (row["as_of_date"], row["n_rows"]) == (lead["as_of_date"], lead["n_rows"])
        and row["wape"] is not None
        and lead["wape"] is not None
        and row["wape"] < lead["wape"]
    ]
    return sorted(comparable, key=lambda row: float(row["wape"]))
