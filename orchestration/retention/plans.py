"""A client's plans that are past their use, and the projected stock of those that are not.

A plan keeps the rows of every series that was decided about: the record behind an order stays whole.

Belongs here: what is known of each, and its rows. Does not belong here: the rules (``verdicts``), the
transaction (``thinning``), the forecasts beneath (``forecasts``).
"""

from __future__ import annotations

from datetime import date
from typing import LiteralString

from psycopg.rows import class_row

from orchestration.registry import Client
from orchestration.retention.thinning import Connection, Judged, Part, Thinning
from orchestration.retention.verdicts import PlanFacts, Verdict, judge_plan, judge_projection
from orchestration.warehouse.locks import Purpose
from orchestration.warehouse.tables import analytics

_OF_PLAN: LiteralString = "thinned.client_id = %(client)s and thinned.run_id = %(run)s::uuid"

_DECIDED: LiteralString = """
    (thinned.item_id, thinned.location_id) in (
        select decision.item_id, decision.location_id
        from analytics.plan_decisions as decision
        where decision.client_id = %(client)s and decision.run_id = %(run)s::uuid
    )
"""

_PROJECTION = (Part(analytics.stock_projection, _OF_PLAN, _DECIDED),)
_PLAN = (
    *_PROJECTION,
    Part(analytics.replenishment_plan, _OF_PLAN, _DECIDED),
    Part(analytics.lead_time_demand, _OF_PLAN, _DECIDED),
    Part(analytics.inventory_metrics, _OF_PLAN, _DECIDED),
    Part(analytics.purchase_priorities, _OF_PLAN, _DECIDED),
    Part(analytics.plan_inputs, _OF_PLAN, _DECIDED),
)


def plans(connection: Connection, client: Client, today: date) -> list[Judged]:
    """A client's plans, and the projected stock of those that stay."""
    values = {"client": client.client_id, "timezone": client.timezone}
    with connection.cursor(row_factory=class_row(PlanFacts)) as cursor:
        found = cursor.execute(
            """
            with latest as (
                select run_id from analytics.inventory_runs
                where client_id = %(client)s and is_current and thinned_at is null
                order by as_of_date desc
                limit 2
            )

            select
                plan.run_id::text,
                plan.as_of_date,
                plan.as_of_date + coalesce(forecast.horizon_days, 0) as last_day,
                (plan.published_at at time zone %(timezone)s)::date as published_on,
                case
                    when not plan.is_current
                        then (
                            select (
                                coalesce(min(later.published_at), plan.published_at) at time zone %(timezone)s
                            )::date
                            from analytics.inventory_runs as later
                            where later.client_id = plan.client_id and later.as_of_date = plan.as_of_date
                                and later.published_at > plan.published_at
                        )
                end as superseded_on,
                plan.run_id in (select run_id from latest) as is_latest
            from analytics.inventory_runs as plan
            left join analytics.forecast_runs as forecast
                on forecast.client_id = plan.client_id
                and forecast.run_id = plan.forecast_run_id
                and forecast.model = plan.forecast_model
            where plan.client_id = %(client)s and plan.thinned_at is null
            order by plan.as_of_date, plan.published_at, plan.run_id
            """,
            values,
        ).fetchall()
    projected = {
        run_id
        for (run_id,) in connection.execute(
            """
            select run_id::text from analytics.inventory_runs
            where client_id = %(client)s and thinned_at is null and projection_thinned_at is null
            """,
            values,
        )
    }
    verdicts = [(facts, judge_plan(facts, client, today)) for facts in found]
    projections = [
        (facts, judge_projection(facts, client, today))
        for facts, verdict in verdicts
        if verdict.policy is None and facts.run_id in projected
    ]
    return [
        Judged(
            "plans",
            [_plan_thinning(client, facts, verdict) for facts, verdict in verdicts if verdict.policy],
            [verdict.why for _, verdict in verdicts if verdict.policy is None],
        ),
        Judged(
            "projections of plans",
            [_projection_thinning(client, facts) for facts, verdict in projections if verdict.policy],
            [verdict.why for _, verdict in projections if verdict.policy is None],
        ),
    ]


def _plan_thinning(client: Client, facts: PlanFacts, verdict: Verdict) -> Thinning:
    policy = str(verdict.policy)
    return Thinning(
        client_id=client.client_id,
        what="plans",
        subject=f"inventory run {facts.run_id}",
        policy=policy,
        days=getattr(client, policy),
        parts=_PLAN,
        mark="""
            update analytics.inventory_runs
            set thinned_at = now(), projection_thinned_at = coalesce(projection_thinned_at, now())
            where client_id = %(client)s and run_id = %(run)s::uuid and thinned_at is null
        """,
        values={"client": client.client_id, "run": facts.run_id},
        purposes=(Purpose.INVENTORY,),
        details={"as_of_date": facts.as_of_date.isoformat()},
    )


def _projection_thinning(client: Client, facts: PlanFacts) -> Thinning:
    return Thinning(
        client_id=client.client_id,
        what="projections of plans",
        subject=f"projection of inventory run {facts.run_id}",
        policy="keep_projections_days",
        days=client.keep_projections_days,
        parts=_PROJECTION,
        mark="""
            update analytics.inventory_runs set projection_thinned_at = now()
            where client_id = %(client)s and run_id = %(run)s::uuid and projection_thinned_at is null
        """,
        values={"client": client.client_id, "run": facts.run_id},
        purposes=(Purpose.INVENTORY,),
        details={"as_of_date": facts.as_of_date.isoformat()},
    )
