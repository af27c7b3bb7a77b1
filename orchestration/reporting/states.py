"""Where every client stands, and what needs a look.

Belongs here: the one question about all clients, and the sentences that follow from its answer. Does not
belong here: what is asked of one client (``questions``), what is missing (``reading.gaps``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from psycopg.rows import dict_row

from orchestration.reading.gaps import FoundGap, PlanningState, find_gaps, of_severity, planning_states
from orchestration.reporting.questions import latest_run
from orchestration.warehouse.asking import Place, asking
from orchestration.warehouse.gap_vocabulary import Gap


@dataclass(frozen=True)
class ClientState:
    """How fresh one client's data, forecasts and scores are, and whether orders are known."""

    client_id: str
    is_active: bool
    last_delivery_at: datetime | None
    last_demand_date: date | None
    forecast_as_of: date | None
    champion: str | None
    last_scored_at: datetime | None
    planning: PlanningState
    gaps: Sequence[FoundGap]


def client_states(place: Place) -> list[ClientState]:
    """One entry per registered client, by slug."""
    with asking(place) as connection, connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            f"""
            select
                client.client_id,
                client.is_active,
                (
                    select max(last_loaded_at) from analytics.feeds
                    where feeds.client_id = client.client_id
                ) as last_delivery_at,
                freshness.last_demand_date,
                forecast.as_of_date as forecast_as_of,
                forecast.champion,
                freshness.last_scored_at
            from analytics.dim_client as client
            left join analytics.data_freshness as freshness on freshness.client_id = client.client_id
            left join lateral (
                select as_of_date, max(model) filter (where is_champion) as champion
                from analytics.forecast_runs as run
                where run.client_id = client.client_id
                    and run.run_id = ({latest_run("client.client_id")})
                group by as_of_date
            ) as forecast on true
            order by client.client_id
            """
        ).fetchall()
    planning, gaps = planning_states(place), find_gaps(place)
    return [
        ClientState(
            **row,
            planning=planning[row["client_id"]],
            gaps=[gap for gap in gaps if gap.client_id == row["client_id"]],
        )
        for row in rows
    ]


def state_warnings(states: Iterable[ClientState]) -> list[str]:
    """What needs a look, a sentence each; of an inactive client, that it is, and refused files."""
    return [
        f"{state.client_id}: {gap.advice}"
        for state in states
        for gap in of_severity(state.gaps, "error", "warning")
        if state.is_active or gap.gap in (Gap.CLIENT_INACTIVE, Gap.FILES_REFUSED, Gap.EVERYTHING_REFUSED)
    ]
