"""Whether the process lives, whether it can answer, and what it has counted."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse

from orchestration.api.callers import office_of
from orchestration.api.metrics import MEDIA_TYPE

router = APIRouter(tags=["health"])


@router.get("/healthz")
def alive() -> JSONResponse:
    """The process answers; nothing is asked of the database."""
    return JSONResponse({"status": "alive"})


@router.get("/readyz", responses={503: {"description": "The database does not answer."}})
def ready(request: Request) -> JSONResponse:
    """The database answers and has the tables of this version."""
    if office_of(request).pool.is_ready():
        return JSONResponse({"status": "ready"})
    return JSONResponse({"status": "the database does not answer"}, status_code=503)


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(request: Request) -> PlainTextResponse:
    """Counts of this process for Prometheus; none of them names a client or a user."""
    office = office_of(request)
    return PlainTextResponse(office.metrics.text(office.pool.gauges()), media_type=MEDIA_TYPE)
