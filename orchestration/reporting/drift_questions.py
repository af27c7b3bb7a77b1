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
    """One episode of drift; ``part`` is empty where it is of the whole client."""

    kind: str
    part: str
    first_date: date
    detected_date: date
    seen_date: date
    is_current: bool
    sentence: str

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
                kind,
                case when grain = 'client' then '' else replace(grain, '_', ' ') || ' ' || grain_key end
                    as part,
                first_date,
                detected_date,
                seen_date,
                is_current,
                sentence
            from analytics.drift_events
            where client_id = %s
            order by is_current desc, detected_at desc, kind, grain, grain_key
            limit %s
            """,
            (client_id, limit),
        ).fetchall()


def drift_sentence(episodes: Sequence[Episode]) -> str:
    """What the episodes come to."""
    going_on = sum(episode.is_current for episode in episodes)
    if going_on:
        return (
            f"{going_on} episode{'s' if going_on > 1 else ''} of drift {'go' if going_on > 1 else 'goes'} on."
        )
    return (
        "No episode of drift goes on. The checks of the run say what could be judged: what could not is no "
        "all-clear."
    )
