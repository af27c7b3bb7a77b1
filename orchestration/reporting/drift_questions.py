"""What people ask of drift: which episodes go on, and which are over.

Belongs here: the query and the sentence. Does not belong here: what drift is (``forecasting_lib.drift``), how
episodes begin and end (``stages.drift_events``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from psycopg.rows import class_row

from orchestration.warehouse.asking import Place, asking


@dataclass(frozen=True)
class Episode:
    """One episode of drift.

    Attributes:
        kind: what drifts.
        part: the location or the demand class; empty where it is the whole client.
        first_date: the first day concerned.
        detected_date: last day of demand when it was first found.
        seen_date: the same when it was last found.
        is_current: whether it goes on.
        sentence: what it is.
        part_of: the kind of the episode of the same cause that is told; empty where this one is.
    """

    kind: str
    part: str
    first_date: date
    detected_date: date
    seen_date: date
    is_current: bool
    sentence: str
    part_of: str = ""

    @property
    def what(self) -> str:
        """The kind in words, and what it is of."""
        return self.kind.replace("_", " ") + (f" of {self.part}" if self.part else "")


def drift_episodes(place: Place, client_id: str, limit: int) -> Sequence[Episode]:
    """The latest episodes of a client: those that go on first, each group by the day it was found, the last
    first."""
    with asking(place) as connection, connection.cursor(row_factory=class_row(Episode)) as cursor:
        return cursor.execute(
            """
            select
                event.kind,
                case
                    when event.grain = 'client' then ''
                    else replace(event.grain, '_', ' ') || ' ' || event.grain_key
                end as part,
                event.first_date,
                event.detected_date,
                event.seen_date,
                event.is_current,
                event.sentence,
                coalesce(replace(told.kind, '_', ' '), '') as part_of
            from analytics.drift_events as event
            left join analytics.drift_events as told
                on told.client_id = event.client_id and told.event_id = event.part_of_event_id
            where event.client_id = %s
            order by event.is_current desc, event.detected_at desc, event.kind, event.grain, event.grain_key
            limit %s
            """,
            (client_id, limit),
        ).fetchall()


def drift_sentence(episodes: Sequence[Episode]) -> str:
    """What the episodes come to; several of one cause are one."""
    current = [episode for episode in episodes if episode.is_current]
    if current:
        n = max(sum(not episode.part_of for episode in current), 1)
        return f"{n} episode{'s' if n > 1 else ''} of drift {'go' if n > 1 else 'goes'} on."
    return (
        "No episode of drift goes on. The checks of the run say what could be judged: what could not is no "
        "all-clear."
    )
