"""A client's first-day checklist: what was delivered, what is missing and what that costs, what looks odd.

Belongs here: the answer of ``forecaster client check`` and of the report's head. Does not belong here: what
is missing (``reading.gaps``), what is odd (``landing.anomalies``), how it looks (``terminal``, ``report``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from psycopg.rows import class_row

from orchestration.clients import Client
from orchestration.landing import anomalies
from orchestration.landing.reasons import Reason
from orchestration.landing.records import last_delivered_day
from orchestration.reading.gaps import FoundGap, PlanningState, find_gaps, of_severity, planning_states
from orchestration.warehouse.gap_vocabulary import MISSING_KINDS
from orchestration.warehouse.server import Warehouse


@dataclass(frozen=True)
class Feed:
    """What came of one kind.

    Attributes:
        kind: of the data contract; other where the file's name says none.
        files_loaded: files loaded.
        files_refused: files refused that still need a look.
        rows_read: rows of the files loaded.
        rows_loaded: of these, rows that were new or changed something.
        rows_rejected: of these, rows rejected.
        first_date: their first day; None where they have none.
        last_date: their last day.
    """

    kind: str
    files_loaded: int
    files_refused: int
    rows_read: int
    rows_loaded: int
    rows_rejected: int
    first_date: date | None
    last_date: date | None


@dataclass(frozen=True)
class Checklist:
    """What a person should know of a client before reading its numbers.

    Attributes:
        feeds: what came, by kind.
        missing: (kind, what its absence costs) of what never came.
        gaps: what cannot be computed, is outdated or could be better.
        oddities: what is odd about the rows, a sentence each.
        state: whether orders are known.
    """

    feeds: Sequence[Feed]
    missing: Sequence[tuple[str, str]]
    gaps: Sequence[FoundGap]
    oddities: Sequence[str]
    state: PlanningState

    @property
    def errors(self) -> list[FoundGap]:
        """What keeps something from being computed."""
        return of_severity(self.gaps, "error")

    @property
    def notes(self) -> list[FoundGap]:
        """What is right and could be better."""
        return of_severity(self.gaps, "info")

    @property
    def next_command(self) -> str:
        """What to type next: it mends the first thing that has a command, or shows the plan."""
        commands = [gap.command for gap in of_severity(self.gaps, "error", "warning") if gap.command]
        return commands[0] if commands else f"forecaster report --client {self.state.client_id}"


def read_checklist(warehouse: Warehouse, client: Client) -> Checklist:
    """Look at everything that was delivered for a client, and at what became of it."""
    with warehouse.transaction() as connection, connection.cursor(row_factory=class_row(Feed)) as cursor:
        feeds = cursor.execute(
            """
            select
                kind, files_loaded, files_refused, rows_read, rows_loaded, rows_rejected,
                first_date, last_date
            from analytics.feeds
            where client_id = %s
            order by files_loaded = 0, kind
            """,
            (client.client_id,),
        ).fetchall()
    return Checklist(
        feeds=feeds,
        missing=missing_kinds(feeds),
        gaps=find_gaps(warehouse, client.client_id),
        oddities=_oddities(warehouse, client),
        state=planning_states(warehouse, client.client_id)[client.client_id],
    )


def missing_kinds(feeds: Sequence[Feed]) -> list[tuple[str, str]]:
    """The kinds of which nothing was loaded, with what that costs; M5's sales are sales."""
    there = {feed.kind.removeprefix("m5_") for feed in feeds if feed.files_loaded}
    return [(kind, costs) for kind, costs in MISSING_KINDS.items() if kind not in there]


def _oddities(warehouse: Warehouse, client: Client) -> list[str]:
    client_id = client.client_id
    found = [*_rejections(warehouse, client_id), *anomalies.unknown_items(warehouse, client_id)]
    last_day = last_delivered_day(warehouse, client_id)
    if last_day is None:
        return found
    recent = anomalies.read_recent_sales(warehouse, client_id, last_day)
    return [
        *found,
        *anomalies.distant_days(warehouse, client_id),
        *anomalies.outlying_days(warehouse, client_id),
        *anomalies.vanished_items(recent),
        *anomalies.silent_locations(recent),
        *anomalies.implausible_prices(recent),
    ]


def _rejections(warehouse: Warehouse, client_id: str) -> list[str]:
    """Rows rejected, by reason, the most frequent first."""
    with warehouse.transaction() as connection:
        rows = connection.execute(
            """
            select reason, count(*) from ops.rejected_rows where client_id = %s
            group by reason order by 2 desc, 1
            """,
            (client_id,),
        ).fetchall()
    return [f"{count:,} rows were rejected as {reason}: {Reason(reason).sentence}" for reason, count in rows]
