"""Which runs are past their use: the rules, without a database."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from orchestration.clients import validated
from orchestration.retention.verdicts import (
    ForecastFacts,
    PlanFacts,
    judge_forecast,
    judge_plan,
    judge_projection,
)

TODAY = date(2026, 6, 30)
CLIENT = validated(client_id="acme", name="Acme")
OLD = ForecastFacts(
    run_id="run",
    model="ma7",
    as_of_date=date(2026, 1, 1),
    last_day=date(2026, 1, 29),
    published_on=date(2026, 1, 2),
    superseded_on=None,
    scored_through=date(2026, 6, 29),
    can_be_scored=True,
    is_latest=False,
    is_planned_on=False,
    is_shown_as_past=False,
)
OLD_PLAN = PlanFacts(
    run_id="run",
    as_of_date=date(2025, 1, 1),
    last_day=date(2025, 1, 29),
    published_on=date(2025, 1, 2),
    superseded_on=None,
    is_latest=False,
)


def test_a_forecast_goes_once_its_days_are_over_and_scored_and_were_kept_for_long_enough() -> None:
    assert judge_forecast(OLD, CLIENT, TODAY).policy == "keep_forecasts_days"
    ends = TODAY - timedelta(days=28)
    assert judge_forecast(replace(OLD, last_day=ends), CLIENT, TODAY).policy is None
    assert judge_forecast(replace(OLD, last_day=ends), CLIENT, TODAY + timedelta(days=1)).policy is not None


@pytest.mark.parametrize(
    ("use", "why"),
    [
        ({"is_latest": True}, "the latest in use"),
        ({"is_planned_on": True}, "the latest plan starts from it, or the one before"),
        ({"is_shown_as_past": True}, "the latest whose days are all known, which reports show"),
        ({"scored_through": None}, "not scored to its last day yet"),
        ({"scored_through": date(2026, 1, 28)}, "not scored to its last day yet"),
        ({"published_on": TODAY}, "its last day is at most 28 days ago"),
        ({"superseded_on": TODAY - timedelta(days=14)}, "another took its place at most 14 days ago"),
    ],
)
def test_a_forecast_that_is_used_stays_whatever_its_age(use: dict[str, object], why: str) -> None:
    verdict = judge_forecast(replace(OLD, **use), CLIENT, TODAY)  # type: ignore[arg-type]
    assert (verdict.policy, verdict.why) == (None, why)


def test_what_cannot_be_scored_does_not_wait_for_it() -> None:
    unscored = replace(OLD, scored_through=None, can_be_scored=False)
    assert judge_forecast(unscored, CLIENT, TODAY).policy == "keep_forecasts_days"


def test_what_another_took_the_place_of_goes_before_its_days_are_over() -> None:
    ahead = replace(OLD, last_day=TODAY + timedelta(days=9), superseded_on=TODAY - timedelta(days=15))
    assert judge_forecast(ahead, CLIENT, TODAY).policy == "keep_superseded_days"
    plan = replace(OLD_PLAN, as_of_date=TODAY, superseded_on=TODAY - timedelta(days=15))
    assert judge_plan(plan, CLIENT, TODAY).policy == "keep_superseded_days"
    assert judge_projection(plan, CLIENT, TODAY).policy == "keep_superseded_days"


def test_a_plan_outlives_its_projection() -> None:
    assert judge_plan(OLD_PLAN, CLIENT, TODAY).policy == "keep_plans_days"
    made, ended = TODAY - timedelta(days=148), TODAY - timedelta(days=120)
    young = replace(OLD_PLAN, as_of_date=made, last_day=ended, published_on=made)
    assert judge_plan(young, CLIENT, TODAY).policy is None
    assert judge_plan(young, CLIENT, TODAY + timedelta(days=1)).policy == "keep_plans_days"
    assert judge_projection(young, CLIENT, TODAY).policy == "keep_projections_days"
    ends = replace(young, last_day=TODAY - timedelta(days=7))
    assert judge_projection(ends, CLIENT, TODAY).policy is None


def test_the_latest_plan_and_the_one_before_stay_whole() -> None:
    latest = replace(OLD_PLAN, is_latest=True)
    assert judge_plan(latest, CLIENT, TODAY).policy is None
    assert judge_projection(latest, CLIENT, TODAY).policy is None


def test_what_was_published_late_is_kept_from_then_on() -> None:
    late = replace(OLD, published_on=TODAY - timedelta(days=28))
    assert judge_forecast(late, CLIENT, TODAY).policy is None
    plan = replace(OLD_PLAN, published_on=TODAY - timedelta(days=7))
    assert judge_projection(plan, CLIENT, TODAY).policy is None
