"""What is known and what is not: the planning state, what stands in the way, models and their accuracy."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from orchestration.api.answers import document_answer
from orchestration.api.callers import Reads
from orchestration.api.pool import no_client
from orchestration.api.problems import Kind, ProblemError
from orchestration.api.routes.listings import REFUSALS
from orchestration.api.schemas import Planning, client_parameter
from orchestration.reading.accuracy import latest_accuracy
from orchestration.reading.gaps import find_gaps, planning_state
from orchestration.reporting.states import client_states

router = APIRouter(tags=["planning"])

_PATH = "/clients/{client_id}"
_PLACE = {"parameters": [client_parameter(_PATH)]}


class GapDocument(BaseModel):
    """Something that cannot be computed, is outdated or could be better."""

    gap: str
    severity: str = Field(description="error, warning or info.")
    concerns: str
    affected: int | None
    total: int | None
    sentence: str
    costs: str
    remedy: str
    command: str | None


class PlanningDocument(Planning):
    """Whether orders are known, and what stands in the way of those that are not."""

    as_of_date: date | None
    planned_series: int | None
    decided_series: int | None
    lines: int | None = Field(description="Lines of the worklist; null where nothing could be proposed.")
    urgent_lines: int | None
    gaps: list[GapDocument]


class ClientDocument(BaseModel):
    """How fresh a client's data, forecasts and scores are."""

    client_id: str
    is_active: bool
    last_delivery_at: str | None
    last_demand_date: date | None
    forecast_as_of: date | None
    champion: str | None
    last_scored_at: str | None
    planning_state: str


class AccuracyDocument(BaseModel):
    """How accurate each model was at the latest run that can tell, a row each."""

    data: list[dict[str, Any]]
    reason: str | None = Field(description="Why there is none, where there is none.")


@router.get(_PATH, response_model=ClientDocument, responses=REFUSALS, openapi_extra=_PLACE)
def client(request: Request, work: Reads) -> Response:
    """How fresh a client's data, forecasts and scores are."""
    with work.reading() as connection:
        states = [state for state in client_states(connection) if state.client_id == work.client_id]
    if not states:
        raise ProblemError(Kind.NOT_FOUND, no_client(work.client_id))
    (state,) = states
    shown = {name: value for name, value in asdict(state).items() if name not in ("planning", "gaps")}
    return document_answer(request, {**shown, "planning_state": state.planning.state})


@router.get(_PATH + "/planning", response_model=PlanningDocument, responses=REFUSALS, openapi_extra=_PLACE)
def planning(request: Request, work: Reads) -> Response:
    """Whether orders are known: an empty worklist means nothing to do only where the state is sound."""
    with work.reading() as connection:
        state = planning_state(connection, work.client_id)
        gaps = find_gaps(connection, work.client_id)
    if state is None:
        raise ProblemError(Kind.NOT_FOUND, no_client(work.client_id))
    return document_answer(request, {**asdict(state), "gaps": [asdict(gap) for gap in gaps]})


@router.get(
    _PATH + "/latest-accuracy", response_model=AccuracyDocument, responses=REFUSALS, openapi_extra=_PLACE
)
def accuracy(request: Request, work: Reads) -> Response:
    """How accurate each model was at the latest run whose days are known, as the report shows it."""
    with work.reading() as connection:
        scores = latest_accuracy(connection, work.client_id)
        gaps = find_gaps(connection, work.client_id) if scores.is_empty() else []
    told = [gap.advice for gap in gaps if gap.concerns in ("deliveries", "forecast", "accuracy")]
    reason = None
    if scores.is_empty():
        reason = told[0] if told else "No forecast has been scored yet: the days it is about have to pass."
    return document_answer(request, {"data": scores.to_dicts(), "reason": reason})
