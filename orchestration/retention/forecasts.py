"""A client's forecasts that are past their use, and the scores by item that outlive them.

A forecast keeps the rows of every series that was decided about on a plan from it: the record behind an order
stays whole.

Belongs here: what is known of each, and its rows. Does not belong here: the rules (``verdicts``), the
transaction (``thinning``), plans (``plans``).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import groupby
from typing import LiteralString

from psycopg.rows import class_row

from orchestration.registry import Client
from orchestration.retention.thinning import Connection, Judged, Part, Thinning
from orchestration.retention.verdicts import ForecastFacts, judge_forecast
from orchestration.warehouse.locks import Purpose
from orchestration.warehouse.tables import analytics

_OF_MODELS: LiteralString = (
    "thinned.client_id = %(client)s and thinned.run_id = %(run)s::uuid and thinned.model = any(%(models)s)"
)

_ORDERED_ON: LiteralString = """
    (thinned.model, thinned.item_id, thinned.location_id) in (
        select plan.forecast_model, decision.item_id, decision.location_id
        from analytics.inventory_runs as plan
        inner join analytics.plan_decisions as decision using (client_id, run_id)
        where plan.client_id = %(client)s and plan.forecast_run_id = %(run)s::uuid
    )
"""

_FORECAST = (
    Part(analytics.forecast_results, _OF_MODELS, _ORDERED_ON),
    Part(analytics.forecast_series, _OF_MODELS, _ORDERED_ON),
)


def forecast_runs(connection: Connection, client: Client, today: date) -> Judged:
    """A client's forecasts: which go, and why the others stay."""
    with connection.cursor(row_factory=class_row(ForecastFacts)) as cursor:
        found = cursor.execute(
            """
            with latest as (
                select run_id from analytics.forecast_runs
                where client_id = %(client)s and is_current and thinned_at is null
                order by as_of_date desc, published_at desc
                limit 1
            ),

            latest_plans as (
                select forecast_run_id, forecast_model from analytics.inventory_runs
                where client_id = %(client)s and is_current and thinned_at is null
                order by as_of_date desc
                limit 2
            ),

            planned as (
                select distinct forecast_run_id, forecast_model from latest_plans
            ),

            demand as (
                select
                    max(first_sale_date + history_days - 1) as last_date,
                    coalesce(max(grain), 'day') as grain
                from analytics.dim_series
                where client_id = %(client)s
            ),

            shown as (
                select run_id from analytics.forecast_runs
                where client_id = %(client)s and is_current and is_champion and thinned_at is null
                    and as_of_date + horizon_days <= (select last_date from demand)
                order by as_of_date desc
                limit 1
            )

            select
                run.run_id::text,
                run.model,
                run.as_of_date,
                run.as_of_date + run.horizon_days as last_day,
                (run.published_at at time zone %(timezone)s)::date as published_on,
                case
                    when not run.is_current
                        then (
                            select (
                                coalesce(min(later.published_at), run.published_at) at time zone %(timezone)s
                            )::date
                            from analytics.forecast_runs as later
                            where later.client_id = run.client_id and later.as_of_date = run.as_of_date
                                and later.published_at > run.published_at
                        )
                end as superseded_on,
                scoring.actuals_through as scored_through,
                run.n_series > 0 and run.grain = demand.grain as can_be_scored,
                coalesce(run.run_id = latest.run_id, false) as is_latest,
                planned.forecast_run_id is not null as is_planned_on,
                coalesce(run.run_id = shown.run_id, false) as is_shown_as_past
            from analytics.forecast_runs as run
            cross join demand
            left join latest on true
            left join shown on true
            left join planned
                on planned.forecast_run_id = run.run_id and planned.forecast_model = run.model
            left join analytics.scorings as scoring
                on scoring.client_id = run.client_id
                and scoring.run_id = run.run_id
                and scoring.model = run.model
                and scoring.is_current
            where run.client_id = %(client)s and run.status = 'published' and run.thinned_at is null
            order by run.as_of_date, run.published_at, run.run_id, run.model
            """,
            {"client": client.client_id, "timezone": client.timezone},
        ).fetchall()
    verdicts = [(facts, judge_forecast(facts, client, today)) for facts in found]
    going = [(facts, verdict) for facts, verdict in verdicts if verdict.policy is not None]
    return Judged(
        "forecasts",
        [
            _forecast_thinning(client, run_id, policy, [facts for facts, _ in several])
            for (run_id, policy), several in groupby(
                going, key=lambda one: (one[0].run_id, str(one[1].policy))
            )
        ],
        [verdict.why for _, verdict in verdicts if verdict.policy is None],
    )


def item_scores(connection: Connection, client: Client, today: date) -> Judged:
    """A client's scores by item and location; those of a forecast that is whole may still be added to."""
    found = connection.execute(
        """
        select
            run_id::text,
            run.as_of_date,
            array_agg(model order by model),
            bool_and(
                run.thinned_at is not null
                and run.as_of_date + run.horizon_days + %(days)s < %(today)s::date
            ) as goes
        from analytics.scorings as scoring
        inner join analytics.forecast_runs as run using (client_id, run_id, model)
        where client_id = %(client)s and scoring.items_thinned_at is null
        group by run_id, run.as_of_date
        order by run.as_of_date, run_id
        """,
        {"client": client.client_id, "days": client.keep_item_scores_days, "today": today},
    ).fetchall()
    return Judged(
        "scores by item",
        [
            Thinning(
                client_id=client.client_id,
                what="scores by item",
                subject=f"scores by item of forecast run {run_id}",
                policy="keep_item_scores_days",
                days=client.keep_item_scores_days,
                parts=(Part(analytics.score_sums, _OF_MODELS),),
                mark="""
                    update analytics.scorings set items_thinned_at = now()
                    where client_id = %(client)s and run_id = %(run)s::uuid and model = any(%(models)s)
                        and items_thinned_at is null
                """,
                values={"client": client.client_id, "run": run_id, "models": models},
                purposes=(Purpose.SCORE,),
                details={"as_of_date": as_of_date.isoformat(), "models": models},
            )
            for run_id, as_of_date, models, goes in found
            if goes
        ],
        [
            f"of a forecast whose last day is at most {client.keep_item_scores_days} days ago"
            for *_, goes in found
            if not goes
        ],
    )


def _forecast_thinning(client: Client, run_id: str, policy: str, facts: Sequence[ForecastFacts]) -> Thinning:
    models = [one.model for one in facts]
    return Thinning(
        client_id=client.client_id,
        what="forecasts",
        subject=f"forecast run {run_id}",
        policy=policy,
        days=getattr(client, policy),
        parts=_FORECAST,
        mark="""
            update analytics.forecast_runs set thinned_at = now()
            where client_id = %(client)s and run_id = %(run)s::uuid and model = any(%(models)s)
                and thinned_at is null
        """,
        values={"client": client.client_id, "run": run_id, "models": models},
        purposes=(Purpose.FORECAST, Purpose.SCORE),
        details={"as_of_date": facts[0].as_of_date.isoformat(), "models": models},
    )
