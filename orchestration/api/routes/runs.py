"""Runs: asking for one, and how it stands.

A request is a row that the client's writer inserts; the sensor ``requested_runs`` makes a run of it. The API
knows nothing of Dagster.
"""

from __future__ import annotations

import asyncio
import re
import time
from datetime import date, datetime
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from forecasting_lib.models.registry import available_models
from orchestration import run_requests
from orchestration.access.identity import Action
from orchestration.api.answers import document_answer
from orchestration.api.callers import ClientWork, Reads, client_work
from orchestration.api.deeds import Body, as_response, done_once
from orchestration.api.idempotency import Answer
from orchestration.api.pool import Connection
from orchestration.api.problems import Kind, ProblemError, not_valid
from orchestration.api.routes.listings import REFUSALS
from orchestration.api.schemas import client_parameter, key_parameter, problem_responses
from orchestration.reporting.listings import Worker
from orchestration.reporting.questions import unknown_names
from orchestration.run_requests import RunRequest

router = APIRouter(tags=["runs"])

Runs = Annotated[ClientWork, Depends(client_work(Action.RUN))]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]

_WAIT = re.compile(r"(?:^|,)\s*wait=(\d{1,4})\s*(?:,|;|$)")
_MOST_WAIT_SECONDS = 60
_LOOK_SECONDS = 1.0


class ForecastWish(BaseModel):
    """A forecast to be made. The run forecasts everything of the client; what is named here is what the
    answer's ``results`` lead to."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"items": ["tea"], "as_of_date": "2026-03-31", "horizon_days": 14}]},
    )

    items: list[Name] = Field(
        default=[], max_length=200, description="Items wanted; all where none is named."
    )
    locations: list[Name] = Field(default=[], max_length=200, description="Locations wanted.")
    model: str | None = Field(default=None, max_length=60, description="Model wanted; the leading one else.")
    as_of_date: date | None = Field(default=None, description="Last day the models may see.")
    horizon_days: int | None = Field(default=None, ge=1, le=365, description="Days ahead wanted.")


class InventoryWish(BaseModel):
    """A plan to be made anew, on the current forecast."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"items": ["tea"]}]})

    items: list[Name] = Field(
        default=[], max_length=200, description="Items wanted; all where none is named."
    )
    locations: list[Name] = Field(default=[], max_length=200, description="Locations wanted.")
    as_of_date: date | None = Field(default=None, description="Close of business the position is taken at.")


class RunState(BaseModel):
    """How a request stands."""

    request_id: UUID
    job: str = Field(description="forecast, inventory or pipeline.", examples=["forecast"])
    state: str = Field(description="asked, started, succeeded, failed or refused.", examples=["asked"])
    sentence: str = Field(description="The same in words.")
    parameters: dict[str, Any]
    asked_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    run_id: str | None = Field(default=None, description="The run in Dagster, once there is one.")
    status_url: str = Field(description="Where to ask again.")
    results: str | None = Field(description="Where the rows are that the run makes.")


async def forecast(request: Request, work: Runs, wish: ForecastWish, body: Body) -> JSONResponse:
    """Ask for a forecast; answered at once, with ``Prefer: wait=60`` once it has ended."""
    return await _asked(request, work, "forecast", wish, body)


async def inventory(request: Request, work: Runs, wish: InventoryWish, body: Body) -> JSONResponse:
    """Ask for a plan on the current forecast: metrics, orders, projection."""
    return await _asked(request, work, "inventory", wish, body)


def run_state(request: Request, work: Reads, request_id: UUID) -> Response:
    """How a request stands, in words."""
    return document_answer(request, _state(work, _found(work, request_id)))


async def _asked(
    request: Request, work: ClientWork, job: str, wish: ForecastWish | InventoryWish, body: bytes
) -> JSONResponse:
    def insert(connection: Connection) -> Answer:
        parameters = wish.model_dump(mode="json", exclude_defaults=True)
        number = run_requests.ask(
            connection,
            work.client_id,
            job,
            {**parameters, "http_request": work.request_id},
            work.asked_by,
        )
        asked = RunState(
            request_id=number,
            job=job,
            state="asked",
            sentence=run_requests.words("asked"),
            parameters=parameters,
            status_url=f"/api/v1/clients/{work.client_id}/runs/{number}",
            results=_results(work.client_id, job, parameters),
        )
        return Answer(202, asked.status_url, asked.model_dump(mode="json"))

    def do() -> Answer:
        _check(work, wish)
        return done_once(request, work, body, insert)

    answer = await run_in_threadpool(do)
    seconds = _wait_seconds(request.headers.getlist("prefer"))
    if not seconds:
        return as_response(answer)
    number = UUID(str(answer.body["request_id"]))
    deadline = time.monotonic() + seconds
    found = await run_in_threadpool(_found, work, number)
    while found.is_open and time.monotonic() < deadline:
        await asyncio.sleep(_LOOK_SECONDS)
        found = await run_in_threadpool(_found, work, number)
    shown = Answer(
        202 if found.is_open else 200, answer.location, _state(work, found).model_dump(mode="json")
    )
    return as_response(shown, **{"Preference-Applied": f"wait={seconds}"})


def _check(work: ClientWork, wish: ForecastWish | InventoryWish) -> None:
    """Refuse what would have no effect: names that the client does not have, models that there are not."""
    model = getattr(wish, "model", None)
    if model is not None and model not in available_models():
        raise _unknown("model", f"There is no model {model!r}; models are {', '.join(available_models())}.")
    with work.reading() as connection:
        unknown = unknown_names(connection, work.client_id, wish.items, wish.locations)
    if unknown:
        raise _unknown("items", f"{work.client_id} has no {unknown[0]}; GET its items and locations.")


def _unknown(place: str, detail: str) -> ProblemError:
    return not_valid(f"body.{place}", detail, "not known for the client")


def _found(work: ClientWork, request_id: UUID) -> RunRequest:
    with work.reading(Worker.WRITER) as connection:
        found = run_requests.find(connection, work.client_id, request_id)
    if found is None:
        raise ProblemError(
            Kind.NOT_FOUND,
            f"There is no run {request_id} of {work.client_id}; GET runs lists those there are.",
        )
    return found


def _state(work: ClientWork, found: RunRequest) -> RunState:
    return RunState(
        request_id=found.request_id,
        job=found.job,
        state=found.state,
        sentence=found.sentence,
        parameters={name: value for name, value in found.parameters.items() if name != "http_request"},
        asked_at=found.asked_at,
        started_at=found.started_at,
        ended_at=found.ended_at,
        run_id=found.run_id,
        status_url=f"/api/v1/clients/{work.client_id}/runs/{found.request_id}",
        results=_results(work.client_id, found.job, found.parameters),
    )


def _results(client_id: str, job: str, parameters: dict[str, Any]) -> str:
    """The rows that a request asked for, as an address."""
    query = [("item_id", item) for item in parameters.get("items", ())]
    query += [("location_id", location) for location in parameters.get("locations", ())]
    if job == "forecast":
        model = parameters.get("model")
        query.append(("model", model) if model else ("is_champion", "true"))
        if horizon := parameters.get("horizon_days"):
            query.append(("lag_days_to", str(horizon)))
    name = "forecasts" if job == "forecast" else "worklist"
    return f"/api/v1/clients/{client_id}/{name}" + (f"?{urlencode(query)}" if query else "")


def _wait_seconds(preferences: list[str]) -> int:
    """For how long the caller would rather wait: RFC 7240."""
    found = _WAIT.search(",".join(preferences).replace(" ", ""))
    return min(int(found[1]), _MOST_WAIT_SECONDS) if found else 0


_ACCEPTED: dict[int | str, dict[str, Any]] = {
    200: {"description": "It has ended while the caller waited.", "model": RunState},
    202: {"description": "Asked for; the header Location says where to ask.", "model": RunState},
    **REFUSALS,
    **problem_responses(Kind.TOO_LARGE),
}
_KEY = key_parameter("The same key gets the same answer, and the deed is done once.")
_PREFER = {
    "name": "Prefer",
    "in": "header",
    "required": False,
    "description": f"wait=60 waits for the end, {_MOST_WAIT_SECONDS} seconds at most.",
    "schema": {"type": "string"},
}
for _base in ("", "/clients/{client_id}"):
    for _path, _route in (("/forecast", forecast), ("/inventory/calculate", inventory)):
        router.add_api_route(
            _base + _path,
            _route,
            methods=["POST"],
            status_code=202,
            response_model=RunState,
            responses=_ACCEPTED,
            openapi_extra={"parameters": [client_parameter(_base), _KEY, _PREFER]},
        )
    router.add_api_route(
        _base + "/runs/{request_id}",
        run_state,
        methods=["GET"],
        response_model=RunState,
        responses=REFUSALS,
        openapi_extra={"parameters": [client_parameter(_base)]},
    )
