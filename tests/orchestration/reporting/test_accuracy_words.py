"""What is said of scores, and of runs that have none."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from forecasting_lib.grain import Grain
from orchestration.reporting.accuracy_questions import why_not_scored
from orchestration.reporting.accuracy_words import (
    better_models,
    how_good,
    in_words,
    leading_score,
    meanings,
)
from orchestration.reporting.backtest_questions import ComparedModel
from orchestration.reporting.drift_questions import Episode, drift_sentence
from orchestration.reporting.track_record import not_scored

SUNDAY = date(2026, 3, 29)


def score(**changes: Any) -> dict[str, Any]:
    return {
        "model": "hist_q",
        "as_of_date": SUNDAY,
        "grain": "day",
        "n_rows": 100,
        "wape": 0.25,
        "bias": 0.05,
        "coverage_80": 0.8,
        "is_champion": True,
        "periods_known": 28,
        "horizon": 28,
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "Its errors come to 25.0% of what was sold."),
        ({}, "In sum it forecast 5.0% too much."),
        ({"bias": -0.12}, "In sum it forecast 12.0% too little."),
        ({"bias": 0.004}, "In sum it forecast neither too much nor too little."),
        ({}, "The 80 % band held 80.0% of the days, as it should."),
        ({"coverage_80": 0.6}, "The 80 % band held 60.0% of the days, so the bands are too narrow"),
        ({"coverage_80": 0.95}, "The 80 % band held 95.0% of the days, so the bands are wide"),
        ({"grain": "week"}, "The 80 % band held 80.0% of the weeks"),
        ({"wape": None}, "Nothing was sold in the days that are known"),
    ],
)
def test_scores_in_words(changes: dict[str, Any], said: str) -> None:
    assert said in " ".join(in_words(score(**changes)))


def test_a_model_is_better_only_on_the_same_periods_of_the_same_run() -> None:
    lead = score()
    others = [
        score(model="close", wape=0.24),
        score(model="best", wape=0.2),
        score(model="worse", wape=0.3),
        score(model="undefined", wape=None),
        score(model="other day", wape=0.1, as_of_date=SUNDAY - timedelta(days=28)),
        score(model="other periods", wape=0.1, n_rows=99),
    ]
    assert [row["model"] for row in better_models([lead, *others], lead)] == ["best", "close"]


def test_meanings_speak_of_the_clients_periods() -> None:
    for grain in Grain:
        told = " ".join(name + text for name, text in meanings(grain))
        assert "{" not in told
        assert grain.periods in told
        assert not any(other.periods in told for other in Grain if other is not grain)


def run(**changes: Any) -> dict[str, Any]:
    return {
        "as_of_date": SUNDAY,
        "grain": "day",
        "grain_now": "day",
        "horizon_days": 28,
        "last_date": SUNDAY + timedelta(days=10),
        "actuals_through": None,
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"last_date": SUNDAY}, "Its first day ends on 2026-03-30, and no sales of it are known"),
        ({"last_date": None}, "no sales of it are known"),
        (
            {"grain": "week", "grain_now": "week", "last_date": SUNDAY + timedelta(days=6)},
            "Its first week ends on 2026-04-05",
        ),
        ({"grain": "day", "grain_now": "week"}, "demand comes by the week now: it is not scored again"),
        ({}, "Demand is known until 2026-04-08, but it was not scored: run the quality stage."),
        (
            {"actuals_through": SUNDAY + timedelta(days=5)},
            "It is scored until 2026-04-03, and demand is known until 2026-04-08: run the quality stage.",
        ),
        (
            {"actuals_through": SUNDAY + timedelta(days=10)},
            "It is scored until 2026-04-08; the rest, until 2026-04-26, waits for its sales.",
        ),
    ],
)
def test_why_a_run_is_not_scored_to_its_end(changes: dict[str, Any], said: str) -> None:
    assert said in why_not_scored(run(**changes))


ON_THE_28_DAYS = "On the 28 days after 2026-03-29 the errors of hist_q came to 25.0% of what was sold, "


@pytest.mark.parametrize(
    ("changes", "others", "said"),
    [
        (
            {},
            [score(model="seasonal_naive", wape=0.5), score(model="ma7", wape=0.2)],
            ON_THE_28_DAYS
            + "50.0% less than repeating the season before and 25.0% more than the mean of the "
            "last seven days; the 80 % band held 80.0% of them.",
        ),
        (
            {"coverage_80": None},
            [score(model="seasonal_naive", wape=0.5, n_rows=99)],
            ON_THE_28_DAYS + "with no simpler forecast scored on the same to hold it against.",
        ),
        (
            {"periods_known": 1},
            [],
            "On the 1 day known of the 28 after 2026-03-29 the errors of hist_q came to 25.0% of what was",
        ),
        (
            {"wape": None, "grain": "week", "horizon": 28},
            [],
            "On the 28 weeks after 2026-03-29 nothing was sold that could be scored, so how good the "
            "forecast is cannot be said yet.",
        ),
    ],
)
def test_how_good_a_forecast_was_is_one_sentence_with_what_it_is_held_against(
    changes: dict[str, Any], others: list[dict[str, Any]], said: str
) -> None:
    lead = score(**changes)
    sentence = how_good(lead, [lead, *others])
    assert sentence.startswith(said)
    assert sentence.count(". ") == 0


def test_the_model_that_leads_now_comes_before_the_one_that_led() -> None:
    scores = [score(model="now", is_champion=False), score(model="then"), score(model="never")]
    assert (leading_score([{"model": "now", "is_champion": True}], scores) or {})["model"] == "now"
    assert (leading_score([{"model": "new", "is_champion": True}], scores) or {})["model"] == "then"
    assert leading_score([], []) is None


def test_what_is_not_scored_says_why_and_what_past_dates_say() -> None:
    why = "Its first day ends on 2026-03-30, and no sales of it are known: deliver them."
    assert not_scored(why, None) == (
        "How good the forecast is cannot be said yet, because its first day ends on 2026-03-30, and no sales "
        "of it are known: deliver them."
    )
    champion = ComparedModel(
        "champion", leads_for=None, scaled_loss=0.5, wql=0.2, wape=0.3, bias=0.0, fva_naive=-0.1,
        fva_ma7=None, coverage_80=0.8, coverage_90=0.9,
    )  # fmt: skip
    assert not_scored(why, champion).endswith(
        "; at the past dates of its backtest its errors came to 30.0% of what was sold, 10.0% more than "
        "repeating the season before."
    )


def test_no_episode_is_no_all_clear() -> None:
    def episode(*, goes_on: bool) -> Episode:
        return Episode("price_level", "location north", SUNDAY, SUNDAY, SUNDAY, goes_on, "Prices.")

    assert "no all-clear" in drift_sentence([])
    assert "no all-clear" in drift_sentence([episode(goes_on=False)])
    assert drift_sentence([episode(goes_on=True)]) == "1 episode of drift goes on."
    assert drift_sentence([episode(goes_on=True)] * 2) == "2 episodes of drift go on."
    assert episode(goes_on=True).what == "price level of location north"
