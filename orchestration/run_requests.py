"""Runs that somebody asked for over HTTP: the rows of ``ops.run_requests``.

Belongs here: asking, finding what waits, and what a run's state is in a request's words. Does not belong
here: starting runs (``sensors``), who may ask (``access``), how the request travels (``api``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

REQUEST_TAG = "forecaster/request"
"""Tag of a run: the row that asked for it."""

ASKED_BY_TAG = "forecaster/asked_by"
HTTP_REQUEST_TAG = "forecaster/http_request"

JOBS: Mapping[str, str] = {
    "forecast": "forecast_only",
    "inventory": "inventory_only",
    "pipeline": "client_pipeline",
}
"""What may be asked for, and the job that does it."""

STEPS: Mapping[str, tuple[str, ...]] = {
    "forecast": ("forecasts",),
    "inventory": ("inventory",),
    "pipeline": ("forecasts", "inventory"),
}
"""The steps of it that look at an earlier day where one is asked for."""

OPEN = ("asked", "started")
_OF_A_CLIENT_AT_ONCE = 20

_WORDS = {
    "asked": "Asked for; the daemon starts it within seconds while 'forecaster up' runs.",
    "started": "The run is in progress.",
    "succeeded": "The run has ended well; its results are the current ones.",
    "failed": "The run failed.",
    "refused": "The run was not started.",
}


@dataclass(frozen=True)
class RunRequest:
    """One row of ``ops.run_requests``."""

    client_id: str
    request_id: UUID
    job: str
    parameters: dict[str, Any]
    asked_by: str
    asked_at: datetime
    state: str
    run_id: str | None
    message: str | None
    started_at: datetime | None
    ended_at: datetime | None

    @property
    def is_open(self) -> bool:
        """Whether something is still to come of it."""
        return self.state in OPEN

    @property
    def sentence(self) -> str:
        """How it stands, in words."""
        return self.message or words(self.state)


_COLUMNS = """
    client_id, request_id, job, parameters, asked_by, asked_at, state, run_id, message, started_at, ended_at
"""


def ask(
    connection: psycopg.Connection[Any],
    client_id: str,
    job: str,
    parameters: Mapping[str, Any],
    asked_by: str,
) -> UUID:
    """Ask for a run; returns the request's number, which the database makes up.

    Args:
        connection: a transaction that works as the client's writer.
        client_id: whose run.
        job: one of ``JOBS``.
        parameters: as checked; with the HTTP request's id under ``http_request``.
        asked_by: a user's id or a key's prefix.
    """
    row = connection.execute(
        """
        insert into ops.run_requests (client_id, job, parameters, asked_by)
        values (%s, %s, %s, %s)
        returning request_id
        """,
        (client_id, job, Jsonb(dict(parameters)), asked_by),
    ).fetchone()
    assert row is not None, "an insert returns what it inserted"
    request_id: UUID = row[0]
    return request_id


def words(state: str) -> str:
    """What a state means, where nothing more is known."""
    return _WORDS[state]


def find(connection: psycopg.Connection[Any], client_id: str, request_id: UUID) -> RunRequest | None:
    """One request of a client, where the connection's role sees it."""
    with connection.cursor(row_factory=class_row(RunRequest)) as cursor:
        return cursor.execute(
            f"select {_COLUMNS} from ops.run_requests where client_id = %s and request_id = %s",
            (client_id, request_id),
        ).fetchone()


def unfinished(connection: psycopg.Connection[Any]) -> Sequence[RunRequest]:
    """Requests of which something is still to come, the oldest of each client, the oldest first.

    One client that asks without end keeps nobody else waiting.
    """
    with connection.cursor(row_factory=class_row(RunRequest)) as cursor:
        return cursor.execute(
            f"""
            with numbered as (
                select *, row_number() over (partition by client_id order by asked_at, request_id) as place
                from ops.run_requests
                where state = any(%s)
            )

            select {_COLUMNS} from numbered
            where place <= %s
            order by asked_at, request_id
            """,
            (list(OPEN), _OF_A_CLIENT_AT_ONCE),
        ).fetchall()


@dataclass(frozen=True)
class Turn:
    """What became of a request: its new state, and a sentence."""

    state: str
    message: str
    run_id: str | None = None


def turn_of(status: str, run_id: str, problem: str | None, *, is_retried: bool = False) -> Turn:
    """The state of a request whose run has this status of Dagster's.

    Args:
        status: the run's status, such as ``QUEUED``.
        run_id: the run.
        problem: what went wrong, where something did.
        is_retried: whether the daemon tries it again.
    """
    if is_retried:
        return Turn("started", "The run's process ended; the run is tried again.", run_id)
    if status == "SUCCESS":
        return Turn("succeeded", _WORDS["succeeded"], run_id)
    if status in ("FAILURE", "CANCELED"):
        said = problem or ("It was cancelled." if status == "CANCELED" else "The UI shows where.")
        return Turn("failed", f"The run failed: {said}", run_id)
    if status in ("QUEUED", "NOT_STARTED", "MANAGED"):
        return Turn("asked", "The run waits for its turn: one run of a client goes on at a time.", run_id)
    return Turn("started", _WORDS["started"], run_id)


def refusal(job: str, *, is_known: bool, is_active: bool) -> Turn | None:
    """Why a request gets no run; None where it does.

    Args:
        job: what was asked for.
        is_known: whether the client has a valid entry in the registry.
        is_active: whether it is active.
    """
    if job not in JOBS:
        return Turn("refused", f"There is no job {job}; ask for {', '.join(JOBS)}.")
    if not is_known:
        return Turn(
            "refused", "The client's entry in the registry is not valid; 'forecaster status' says why."
        )
    if not is_active:
        return Turn("refused", "The client is inactive; 'forecaster client update' makes it active again.")
    return None


def write_back(connection: psycopg.Connection[Any], request: RunRequest, turn: Turn) -> bool:
    """Write what became of a request, where that is news; returns whether it was."""
    if (turn.state, turn.message, turn.run_id) == (request.state, request.message, request.run_id):
        return False
    connection.execute(
        """
        update ops.run_requests set
            state = %(state)s,
            message = %(message)s,
            run_id = coalesce(%(run_id)s, run_id),
            started_at = case
                when %(state)s in ('started', 'succeeded', 'failed') then coalesce(started_at, now())
            end,
            ended_at = case when %(state)s not in ('asked', 'started') then now() end
        where request_id = %(request)s
        """,
        {
            "state": turn.state,
            "message": turn.message,
            "run_id": turn.run_id,
            "request": request.request_id,
        },
    )
    return True
