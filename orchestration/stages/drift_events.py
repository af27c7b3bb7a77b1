"""Episodes of drift: what is found of a client, the rows it is written as, and who is told.

Belongs here: which segments are looked at, the transaction that writes, telling the webhook. Does not belong
here: what drift is (``forecasting_lib.drift``), the queries (``reading.drift``), the asset (``drift``).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import psycopg
from psycopg.types.json import Jsonb

from forecasting_lib.drift.episodes import Open, Place, turns
from forecasting_lib.drift.errors import LEAST_SERIES, PART_LIMIT, error_drift
from forecasting_lib.drift.feed import feed_frozen
from forecasting_lib.drift.findings import Drift, DriftKind, Finding
from forecasting_lib.drift.look import look
from forecasting_lib.drift.window import DemandWindow
from orchestration import audit
from orchestration.reading.drift import DailyTotals, read_errors, read_window
from orchestration.settings import Settings
from orchestration.stages.publishing import claimed, insert_row
from orchestration.warehouse.locks import Purpose
from orchestration.warehouse.server import Warehouse
from orchestration.warehouse.tables import analytics
from orchestration.webhook import tell

SECONDS_TO_TELL = 8.0
PAUSES = (1.0, 5.0)
"""Before the webhook is tried again; what it does not take then is told by the next run."""


def find_drift(warehouse: Warehouse, client_id: str, last: date) -> dict[Place, Finding]:
    """Every finding about a client planned in days, by kind and segment.

    Args:
        warehouse: where to read.
        client_id: whose.
        last: the last day of demand.
    """
    window = read_window(warehouse, client_id, last)
    errors = read_errors(warehouse, client_id, last)
    return {**of_the_window(client_id, window), **of_the_errors(client_id, errors, last)}


def of_the_window(client_id: str, window: DemandWindow) -> dict[Place, Finding]:
    """What demand and prices tell of the client, and of each location whether its feed stands still.

    A location is looked at where the client as a whole does not stand still.
    """
    found: dict[Place, Finding] = {(one.kind, "client", client_id): one for one in look(window)}
    locations = np.unique(window.location_ids.astype(str))
    whole = found[DriftKind.FEED_FROZEN, "client", client_id]
    if len(locations) > 1 and not isinstance(whole, Drift):
        for location in locations:
            part = feed_frozen(window.of(window.location_ids == location))
            found[DriftKind.FEED_FROZEN, "location", str(location)] = part
    return found


def of_the_errors(
    client_id: str, errors: Mapping[str | None, DailyTotals], last: date
) -> dict[Place, Finding]:
    """What forecast errors tell of the client and, where it is steady, of the demand classes."""
    total = errors[None]
    whole = error_drift(total.forecast, total.actual, last, total.baseline)
    found: dict[Place, Finding] = {(whole.kind, "client", client_id): whole}
    for of, part in errors.items():
        if of is not None and part.n_series >= LEAST_SERIES and not isinstance(whole, Drift):
            found[whole.kind, "demand_class", of] = error_drift(
                part.forecast, part.actual, last, part.baseline, PART_LIMIT
            )
    return found


@dataclass(frozen=True)
class Written:
    """What came of a look.

    Attributes:
        begun: episodes that are new.
        going_on: episodes found again.
        over: episodes that ended.
    """

    begun: int
    going_on: int
    over: int


def write_events(
    warehouse: Warehouse, client_id: str, found: Mapping[Place, Finding], last: date, dagster_run_id: str
) -> Written:
    """Write new episodes, note those that go on and end those that are over, in one transaction."""
    with claimed(warehouse, Purpose.SCORE, client_id) as connection:
        rows = connection.execute(
            """
            select
                kind, grain, grain_key, first_date, seen_date, coalesce(part_of_event_id, event_id)::text
            from analytics.drift_events
            where client_id = %s and is_current
            order by detected_at, event_id
            """,
            (client_id,),
        ).fetchall()
        going_on = {(DriftKind(kind), grain, key): Open(*days) for kind, grain, key, *days, _ in rows}
        told_as: dict[Place, str] = {(DriftKind(kind), grain, key): of for kind, grain, key, *_, of in rows}
        becomes = turns(going_on, found, last)
        for place, episode in becomes.begun.items():
            (kind, grain, key), drift = place, episode.drift
            event_id = str(uuid.uuid4())
            part_of = None if episode.part_of is None else told_as[episode.part_of]
            told_as[place] = part_of or event_id
            insert_row(
                connection,
                analytics.drift_events,
                {
                    **{"client_id": client_id, "event_id": event_id, "part_of_event_id": part_of},
                    **{"kind": str(kind), "grain": grain, "grain_key": key},
                    **{"first_date": drift.first_date, "detected_date": last, "seen_date": last},
                    **{
                        "is_current": True,
                        "sentence": drift.sentence,
                        "evidence": Jsonb(dict(drift.evidence)),
                    },
                    "dagster_run_id": dagster_run_id,
                },
            )
            audit.record(
                connection,
                "drift",
                f"{kind} of {grain} {key}",
                client_id=client_id,
                run_id=dagster_run_id,
                first_date=drift.first_date.isoformat(),
                sentence=drift.sentence,
            )
        for place in becomes.going_on:
            _note(connection, "seen_date = greatest(seen_date, %(last)s)", client_id, place, last)
        for place in becomes.over:
            _note(connection, "is_current = false", client_id, place, last)
    return Written(len(becomes.begun), len(becomes.going_on), len(becomes.over))


def _note(connection: psycopg.Connection[Any], change: str, client_id: str, place: Place, last: date) -> None:
    kind, grain, key = place
    connection.execute(
        f"""
        update analytics.drift_events set {change}
        where client_id = %(client)s and kind = %(kind)s and grain = %(grain)s and grain_key = %(key)s
            and is_current
        """.encode(),
        {"client": client_id, "kind": str(kind), "grain": grain, "key": key, "last": last},
    )


def tell_of_events(
    warehouse: Warehouse, settings: Settings, client_id: str, warn: Callable[[str], object]
) -> int:
    """Tell the webhook of each current episode that it was not told of; returns how many it took.

    Of what is part of another episode nobody is told.

    Args:
        warehouse: where to read.
        settings: with the webhook; where none is set, nobody is told.
        client_id: whose.
        warn: is given a sentence about what could not be told.
    """
    if settings.alert_webhook_url is None:
        return 0
    with warehouse.transaction() as connection:
        events = connection.execute(
            """
            select
                event_id::text, kind, grain, grain_key, first_date::text, sentence, evidence, dagster_run_id
            from analytics.drift_events
            where client_id = %s and is_current and told_at is null and part_of_event_id is null
            order by detected_at, kind, grain, grain_key
            """,
            (client_id,),
        ).fetchall()
    told = 0
    for event_id, kind, grain, key, first_date, sentence, evidence, run_id in events:
        message = {
            **{"event": "drift", "client": client_id, "event_id": event_id, "kind": kind, "grain": grain},
            **{"grain_key": key, "first_date": first_date, "message": sentence, "evidence": evidence},
            "run_id": run_id,
        }
        if problem := tell(settings, message, seconds=SECONDS_TO_TELL, pauses=PAUSES):
            warn(f"The webhook was not told of drift ({kind} of {grain} {key}): {problem}.")
            break
        with warehouse.transaction() as connection:
            connection.execute(
                "update analytics.drift_events set told_at = now() where client_id = %s and event_id = %s",
                (client_id, event_id),
            )
        told += 1
    return told
