"""Whether a run is past its use: pure functions from what is known of a run to a verdict.

Belongs here: the rules, and the reasons as people read them. Does not belong here: reading what is known of
runs (``forecasts``, ``plans``), the transactions (``thinning``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from orchestration.registry import Client


@dataclass(frozen=True)
class Verdict:
    """What becomes of a run.

    Attributes:
        policy: the client's field by which it goes; None where it stays.
        why: why it stays; empty where it goes.
    """

    policy: str | None
    why: str = ""


@dataclass(frozen=True)
class ForecastFacts:
    """What is known of one model of a published forecast run that is whole.

    Attributes:
        run_id: the run.
        model: its model.
        as_of_date: the day before its first day.
        last_day: its last day.
        published_on: when it was published, in the client's time zone.
        superseded_on: when another run of its as-of date was published; None of a run in use.
        scored_through: last day of actuals that its scores are of; None without scores.
        can_be_scored: it has series, and demand comes in periods of its grain.
        is_latest: the run in use with the latest as-of date.
        is_planned_on: the latest plan starts from it, or the one before, about which people may be deciding
            while the latest is published.
        is_shown_as_past: reports show it beside what was sold, as the latest that can tell.
    """

    run_id: str
    model: str
    as_of_date: date
    last_day: date
    published_on: date
    superseded_on: date | None
    scored_through: date | None
    can_be_scored: bool
    is_latest: bool
    is_planned_on: bool
    is_shown_as_past: bool


@dataclass(frozen=True)
class PlanFacts:
    """What is known of an inventory run of which not all is thinned.

    Attributes:
        run_id: the run.
        as_of_date: close of business that its positions are of.
        last_day: last day of its projected stock.
        published_on: when it was published, in the client's time zone.
        superseded_on: when another run of its as-of date was published; None of a run in use.
        is_latest: the plan in use with the latest as-of date, or the one before, which it is compared with.
    """

    run_id: str
    as_of_date: date
    last_day: date
    published_on: date
    superseded_on: date | None
    is_latest: bool


def judge_forecast(facts: ForecastFacts, client: Client, today: date) -> Verdict:
    """Whether a forecast goes.

    Args:
        facts: of a run that is whole.
        client: its policies.
        today: in the client's time zone.
    """
    if use := _still_used(facts):
        return Verdict(None, use)
    if facts.superseded_on is not None:
        return _judge_superseded(facts.superseded_on, client, today)
    if _is_over(max(facts.last_day, facts.published_on), client.keep_forecasts_days, today):
        return Verdict("keep_forecasts_days")
    return Verdict(None, f"its last day is at most {client.keep_forecasts_days} days ago")


def _still_used(facts: ForecastFacts) -> str | None:
    """What a forecast is used for, whatever its age."""
    is_scored = facts.scored_through is not None and facts.scored_through >= facts.last_day
    if facts.is_latest:
        return "the latest in use"
    if facts.is_planned_on:
        return "the latest plan starts from it, or the one before"
    if facts.is_shown_as_past:
        return "the latest whose days are all known, which reports show"
    if facts.superseded_on is None and facts.can_be_scored and not is_scored:
        return "not scored to its last day yet"
    return None


def judge_plan(facts: PlanFacts, client: Client, today: date) -> Verdict:
    """Whether a plan goes; arguments as of :func:`judge_forecast`."""
    if facts.is_latest:
        return Verdict(None, "the latest in use, or the one before, which it is compared with")
    if facts.superseded_on is not None:
        return _judge_superseded(facts.superseded_on, client, today)
    if _is_over(max(facts.last_day, facts.published_on), client.keep_plans_days, today):
        return Verdict("keep_plans_days")
    return Verdict(None, f"its last day is at most {client.keep_plans_days} days ago")


def judge_projection(facts: PlanFacts, client: Client, today: date) -> Verdict:
    """Whether a plan's projected stock goes before the plan does; arguments as of :func:`judge_forecast`."""
    if facts.is_latest or facts.superseded_on is not None:
        return judge_plan(facts, client, today)
    if _is_over(max(facts.last_day, facts.published_on), client.keep_projections_days, today):
        return Verdict("keep_projections_days")
    return Verdict(None, f"its last day is at most {client.keep_projections_days} days ago")


def _judge_superseded(since: date, client: Client, today: date) -> Verdict:
    if _is_over(since, client.keep_superseded_days, today):
        return Verdict("keep_superseded_days")
    return Verdict(None, f"another took its place at most {client.keep_superseded_days} days ago")


def _is_over(since: date, kept_days: int, today: date) -> bool:
    return today > since + timedelta(days=kept_days)
