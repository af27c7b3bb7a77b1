"""The page Runs: what was asked for, how it stands, and asking for more.

Belongs here: what the page shows and the button. Does not belong here: what asking does (``run_requests``).
"""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response

from orchestration import run_requests
from orchestration.api.deeds import done_once
from orchestration.api.idempotency import Answer
from orchestration.api.pages import session
from orchestration.api.pages.render import page
from orchestration.api.pages.visits import Form, Reads, Runs, Visit, text_of
from orchestration.api.pool import Connection
from orchestration.api.problems import not_valid
from orchestration.reporting.catalogue import RUNS
from orchestration.reporting.listings import Wish, Worker, read_page

router = APIRouter(prefix=session.PATH + "/{client_id}/runs", include_in_schema=False)

_SHOWN = 50

JOBS = {
    "inventory": ("Plan anew", "Positions, policies and proposals on the current forecast."),
    "forecast": ("Forecast anew", "Every model on the demand that is known, and which of them leads."),
    "pipeline": ("Everything anew", "New files, demand, forecast, scores and plan, in this order."),
}
"""What may be asked for -> what its button says, and what the run does."""

Number = Annotated[str | None, Query(max_length=100)]


@router.get("")
def runs_page(request: Request, visit: Reads, at: Number = None, number: Number = None) -> Response:
    """What was asked for, the latest first."""
    return page(request, visit, "runs.html.j2", jobs=JOBS, **_runs(visit, at, number))


@router.get("/list")
def runs_part(request: Request, visit: Reads, seen: str = "") -> Response:
    """The list alone, which asks again while something is still to come; nothing where nothing is new."""
    found = _runs(visit, None, None)
    if seen == found["seen"]:
        return Response(status_code=204)
    return page(request, visit, "runs_part.html.j2", jobs=JOBS, **found)


@router.post("")
async def ask(request: Request, visit: Runs, form: Form) -> Response:
    """Ask for a run; a form that is sent twice asks once."""
    job, once = text_of(form, "job"), text_of(form, "once")
    if job not in JOBS:
        raise not_valid("body.job", f"There is no job {job!r} to ask for.")

    def insert(connection: Connection) -> Answer:
        parameters = {"http_request": visit.work.request_id}
        number = run_requests.ask(connection, visit.client_id, job, parameters, visit.work.asked_by)
        return Answer(303, f"{visit.base}/runs", {"request_id": str(number)})

    await run_in_threadpool(
        done_once, request, visit.work, job.encode(), insert, key=f"{once}-{job}" if once else None
    )
    return RedirectResponse(f"{visit.base}/runs", status_code=303)


def _runs(visit: Visit, at: str | None, number: str | None) -> dict[str, Any]:
    wish = Wish(_SHOWN, after=[at, number] if at and number else [])
    with visit.work.reading(Worker.WRITER) as connection:
        found = read_page(connection, RUNS, visit.client_id, wish)
    rows = found.rows.to_dicts()
    more = None
    if found.next_key is not None:
        last_at, last_number = found.next_key
        assert isinstance(last_at, datetime), "runs are listed by when they were asked for"
        more = {"at": last_at.isoformat(), "number": str(last_number)}
    return {
        "runs": [{**row, "sentence": row["message"] or run_requests.words(row["state"])} for row in rows],
        "names": visit.names(row["asked_by"] for row in rows),
        "is_open": any(row["state"] in run_requests.OPEN for row in rows),
        "is_first": not wish.after,
        "seen": sha256(repr(rows).encode()).hexdigest()[:16],
        "more": more,
    }
