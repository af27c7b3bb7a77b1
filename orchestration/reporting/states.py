"""Where every client stands, and what needs a look.

Belongs here: the one question about all clients, and the sentences that follow from its answer. Does not
belong here: what is asked of one client (``questions``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from psycopg.rows import class_row

from orchestration.reporting.questions import latest_run
from orchestration.warehouse.server import Warehouse

URGENT = ("stocked_out", "late", "today")
STALE_DEMAND_DAYS = 7


@dataclass(frozen=True)
class ClientState:
    """How fresh one client's data, forecasts and scores are."""

    client_id: str
    is_active: bool
    last_delivery_at: datetime | None
    refused_files: int
    last_demand_date: date | None
    forecast_as_of: date | None
    champion: str | None
    skipped: str | None
    last_scored_at: datetime | None
    urgent_lines: int


def client_states(warehouse: Warehouse) -> list[ClientState]:
    """One entry per registered client, by slug."""
    with (
        warehouse.transaction() as connection,
        connection.cursor(row_factory=class_row(ClientState)) as cursor,
    ):
        return cursor.execute(
            f"""
            select
                client.client_id,
                client.is_active,
                delivery.last_delivery_at,
                coalesce(delivery.refused_files, 0)::int as refused_files,
                freshness.last_demand_date,
                forecast.as_of_date as forecast_as_of,
                forecast.champion,
                forecast.skipped,
                freshness.last_scored_at,
                plan.urgent_lines::int
            from ops.clients as client
            left join analytics.data_freshness as freshness on freshness.client_id = client.client_id
            left join lateral (
                select
                    max(loaded_at) as last_delivery_at,
                    count(*) filter (
                        where status = 'rejected' and not exists (
                            select from ops.landing_files as later
                            where later.client_id = file.client_id and later.path = file.path
                                and later.file_id > file.file_id and later.status <> 'rejected'
                        )
                    ) as refused_files
                from ops.landing_files as file
                where file.client_id = client.client_id
            ) as delivery on true
            left join lateral (
                select
                    as_of_date,
                    max(model) filter (where is_champion) as champion,
                    string_agg(model || ' - ' || reason, ' ') filter (where status = 'skipped') as skipped
                from analytics.forecast_runs as run
                where run.client_id = client.client_id
                    and run.run_id = ({latest_run("client.client_id")})
                group by as_of_date
            ) as forecast on true
            left join lateral (
                select count(*) filter (where urgency = any(%s)) as urgent_lines
                from analytics.replenishment_plan_current as line
                where line.client_id = client.client_id
            ) as plan on true
            order by client.client_id
            """,
            (list(URGENT),),
        ).fetchall()


def state_warnings(states: Sequence[ClientState], today: date) -> list[str]:
    """What needs a look, a sentence each."""
    warnings = []
    for state in states:
        if state.refused_files:
            warnings.append(
                f"{state.client_id}: {state.refused_files} file(s) refused; "
                "ops.landing_files.message says why and what to do."
            )
        if not state.is_active:
            continue
        if state.last_demand_date is None:
            warnings.append(f"{state.client_id}: no sales delivered yet.")
            continue
        age = (today - state.last_demand_date).days
        if age > STALE_DEMAND_DAYS:
            warnings.append(f"{state.client_id}: the last day of demand is {age} days ago; is the feed late?")
        if state.forecast_as_of is None or state.forecast_as_of < state.last_demand_date:
            warnings.append(
                f"{state.client_id}: newer demand than forecasts; run 'forecaster run --client "
                f"{state.client_id}'."
            )
        if state.skipped:
            warnings.append(f"{state.client_id}: {state.skipped}")
    return warnings
