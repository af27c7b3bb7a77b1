"""What could not be computed for a client, what is outdated or could be better; whether orders are known.

Everything that people read asks here: the report, the terminal, the status of all clients, the checks. SQL
asks the same views, ``planning_gaps`` and ``planning_state``. Belongs here: asking them. Does not belong
here: what a gap says (``warehouse.gap_meanings``), when there is one (the views, in ``dbt_project``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal

from psycopg.rows import class_row

from orchestration.warehouse.asking import Place, asking
from orchestration.warehouse.gap_vocabulary import Concern, Gap

State = Literal["unknown", "partial", "doubtful", "sound"]


@dataclass(frozen=True)
class FoundGap:
    """One gap of one client, as people read it.

    Attributes:
        client_id: whose.
        gap: its code.
        severity: error where something cannot be computed, warning where it may be wrong, info else.
        concerns: which answer it is about.
        affected: things concerned; None where the gap is not counted.
        total: of how many.
        sentence: what is the matter.
        costs: what cannot be known for want of it.
        remedy: what to deliver or to decide.
        command: the next command, where there is one.
    """

    client_id: str
    gap: str
    severity: str
    concerns: Concern
    affected: int | None
    total: int | None
    sentence: str
    costs: str
    remedy: str
    command: str | None

    @property
    def advice(self) -> str:
        """What is the matter and what to do, with the next command."""
        return f"{self.sentence} {self.remedy}" + (f" Next: {self.command}" if self.command else "")


@dataclass(frozen=True)
class PlanningState:
    """Whether orders are known for a client, and how many.

    Attributes:
        client_id: whose.
        state: unknown, partial, doubtful or sound.
        as_of_date: the plan's; None where there is none.
        planned_series: series of the plan; None where there is none.
        decided_series: of these, the ones whose stock and lead time are known.
        lines: lines of the worklist; None where nothing could be proposed.
        urgent_lines: of these, those stocked out, late or due today; None likewise.
        sentence: the same for people, with the first thing that stands in the way.
        remedy: what to deliver or to decide first; None where nothing is the matter.
        command: the next command; None likewise.
    """

    client_id: str
    state: State
    as_of_date: date | None
    planned_series: int | None
    decided_series: int | None
    lines: int | None
    urgent_lines: int | None
    sentence: str
    remedy: str | None
    command: str | None

    @property
    def urgent(self) -> str:
        """The number of urgent lines as people read it; unknown is not none."""
        if self.urgent_lines is None:
            return "unknown"
        shown = f"{self.urgent_lines:,}"
        return f"{shown}, rest unknown" if self.state in ("unknown", "partial") else shown


def find_gaps(place: Place, client_id: str | None = None) -> list[FoundGap]:
    """The gaps of one client, or of all, the most important of each first."""
    with asking(place) as connection, connection.cursor(row_factory=class_row(FoundGap)) as cursor:
        return cursor.execute(
            """
            select
                client_id, gap, severity, concerns, affected, total, sentence, costs, remedy, command
            from analytics.planning_gaps
            where %(client)s::text is null or client_id = %(client)s
            order by client_id, place
            """,
            {"client": client_id},
        ).fetchall()


def planning_states(place: Place, client_id: str | None = None) -> dict[str, PlanningState]:
    """Whether orders are known, of one client, or of all; by slug."""
    with (
        asking(place) as connection,
        connection.cursor(row_factory=class_row(PlanningState)) as cursor,
    ):
        states = cursor.execute(
            """
            select
                client_id, state, as_of_date, planned_series, decided_series, lines, urgent_lines,
                sentence, remedy, command
            from analytics.planning_state
            where %(client)s::text is null or client_id = %(client)s
            """,
            {"client": client_id},
        ).fetchall()
    return {state.client_id: state for state in states}


def planning_state(place: Place, client_id: str) -> PlanningState | None:
    """Whether a client's orders are known; None where the client was removed meanwhile."""
    return planning_states(place, client_id).get(client_id)


def of_severity(gaps: Iterable[FoundGap], *severities: str) -> list[FoundGap]:
    """Those that are as grave as that."""
    return [gap for gap in gaps if gap.severity in severities]


def about(gaps: Iterable[FoundGap], concerns: Collection[Concern], *, but: Collection[Gap] = ()) -> list[str]:
    """What is said of errors and warnings of some answers, as sentences that say what to do."""
    return [
        gap.advice
        for gap in gaps
        if gap.severity != "info" and gap.concerns in concerns and gap.gap not in but
    ]
