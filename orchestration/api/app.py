"""The application: routes, the envelope around them, and what errors become.

Belongs here: the assembly, and which exception is which problem. Does not belong here: any route.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib import metadata
from typing import Any

import psycopg
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse, Response
from psycopg_pool import PoolTimeout

from orchestration.access.signing import signing_keys
from orchestration.api.callers import CLIENT_HEADER, KEY_HEADER, Office
from orchestration.api.envelope import Envelope
from orchestration.api.headers import REQUEST_ID
from orchestration.api.idempotency import HEADER as IDEMPOTENCY_KEY
from orchestration.api.limits import RateLimits, Rates
from orchestration.api.metrics import Metrics
from orchestration.api.pages.render import problem_answer, problem_page
from orchestration.api.pages.routers import PAGES, is_page
from orchestration.api.pool import Pool
from orchestration.api.problems import MEDIA_TYPE, Kind, ProblemError, document, of_status
from orchestration.api.routes import (
    decisions,
    deliveries,
    documentation,
    health,
    listings,
    orders,
    planning,
    runs,
    sessions,
)
from orchestration.api.schemas import ProblemDocument
from orchestration.settings import Settings
from orchestration.warehouse.server import Warehouse

PREFIX = "/api/v1"

_DESCRIPTION = (
    "Forecasts, purchase proposals and their accuracy of one client at a time. Sign in with POST "
    "/api/v1/auth/token, or send a service key; GET /api/v1/me says which clients are yours."
)


def build_app(warehouse: Warehouse, settings: Settings, rates: Rates | None = None) -> FastAPI:
    """The API of an installation; its connections live as long as it is served.

    Args:
        warehouse: of the installation.
        settings: of the installation.
        rates: how often a caller may ask.

    Raises:
        AccessError: no key to sign tokens with.
    """
    office = Office(
        settings, Pool(warehouse), RateLimits(rates or Rates()), Metrics(), signing_keys(settings)
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(office.pool.open)
        yield
        await run_in_threadpool(office.pool.close)

    app = FastAPI(
        title="Forecaster",
        description=_DESCRIPTION,
        version=_version(),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        responses={422: {"description": Kind.NOT_VALID.title, "model": ProblemDocument}},
    )
    app.state.office = office
    for module in (sessions, planning, decisions, orders, runs, deliveries, listings):
        app.include_router(module.router, prefix=PREFIX)
    app.include_router(health.router)
    app.include_router(documentation.router)
    for of_a_browser in PAGES:
        app.include_router(of_a_browser)
    _answer_errors(app)
    app.openapi = _documented(app)  # type: ignore[method-assign]
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "POST"],
            allow_headers=[
                "Authorization",
                "Content-Type",
                KEY_HEADER,
                CLIENT_HEADER,
                IDEMPOTENCY_KEY,
                "Prefer",
                "If-None-Match",
                REQUEST_ID,
            ],
            expose_headers=["ETag", "Link", "Location", "Retry-After", "X-Next-Page", REQUEST_ID],
        )
    app.add_middleware(Envelope, metrics=office.metrics, prefix=PREFIX, told=_told)
    return app


def _answer_errors(app: FastAPI) -> None:
    """Make every error a problem document, and a page where a browser asked for one."""

    def answer(request: Request, problem: ProblemError) -> Response:
        if is_page(request.url.path):
            return problem_answer(request, problem)
        return JSONResponse(
            document(problem, request.state.request_id),
            status_code=problem.kind.status,
            headers=problem.headers,
            media_type=MEDIA_TYPE,
        )

    async def of_ours(request: Request, error: Exception) -> Response:
        assert isinstance(error, ProblemError)
        return answer(request, error)

    async def of_the_framework(request: Request, error: Exception) -> Response:
        kind = of_status(getattr(error, "status_code", 500))
        detail = _DETAILS.get(kind, str(getattr(error, "detail", kind.title)))
        return answer(request, ProblemError(kind, detail, headers=getattr(error, "headers", None)))

    async def of_validation(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        places = [
            {"in": ".".join(map(str, found["loc"]))[:200], "problem": str(found["msg"])[:300]}
            for found in error.errors()[:20]
        ]
        said = "; ".join(f"{place['in']}: {place['problem']}" for place in places[:3])
        return answer(request, ProblemError(Kind.NOT_VALID, f"Mend the request: {said}.", errors=places))

    async def of_the_database(request: Request, error: Exception) -> Response:
        return answer(request, of_postgres(error))

    app.add_exception_handler(ProblemError, of_ours)
    for status in _OF_THE_FRAMEWORK:
        app.add_exception_handler(status, of_the_framework)
    app.add_exception_handler(RequestValidationError, of_validation)
    for kind in _OF_THE_DATABASE:
        app.add_exception_handler(kind, of_the_database)


def _told(path: str, problem: ProblemError, request_id: str) -> tuple[str, str]:
    """A problem's media type and body, outside the application."""
    if is_page(path):
        return "text/html; charset=utf-8", problem_page(problem, request_id)
    return MEDIA_TYPE, json.dumps(document(problem, request_id))


_OF_THE_FRAMEWORK = (400, 404, 405, 413, 415)
"""What routing and reading a body answer by themselves."""

_DETAILS = {
    Kind.NOT_FOUND: "There is nothing at this address; GET /docs lists what there is.",
    Kind.WRONG_METHOD: "This address does not take that method; GET /docs lists what it takes.",
}


_OF_THE_DATABASE = (
    psycopg.DataError,
    psycopg.OperationalError,
    psycopg.errors.InsufficientPrivilege,
    PoolTimeout,
)


def of_postgres(error: Exception) -> ProblemError:
    """What an error of the database means to who asked; the server's own words stay in the log."""
    if isinstance(error, psycopg.DataError):
        return ProblemError(
            Kind.NOT_VALID,
            "A value is not of its field's type; write dates as 2026-03-31 and numbers as 12.5.",
        )
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return ProblemError(Kind.NOT_ALLOWED, "The database lets nobody do this for another client.")
    if isinstance(error, psycopg.errors.QueryCanceled):
        return ProblemError(
            Kind.TOO_SLOW,
            "The answer took too long; ask for fewer rows or a narrower filter.",
            headers={"Retry-After": "5"},
        )
    return ProblemError(
        Kind.UNAVAILABLE,
        "The database does not answer at the moment; try again.",
        headers={"Retry-After": "5"},
    )


def _documented(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """The OpenAPI document, with how to sign in."""
    make = app.openapi

    def documented() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = make()
            found["components"]["securitySchemes"] = {
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "key": {"type": "apiKey", "in": "header", "name": KEY_HEADER},
            }
            for path, operations in found["paths"].items():
                is_open = not path.startswith(PREFIX) or path in _WITHOUT_SIGNING_IN
                for operation in operations.values():
                    operation["security"] = [] if is_open else [{"token": []}, {"key": []}]
            app.openapi_schema = found
        return app.openapi_schema

    return documented


_WITHOUT_SIGNING_IN = (f"{PREFIX}/auth/token", f"{PREFIX}/auth/refresh")


def _version() -> str:
    try:
        return metadata.version("forecaster")
    except metadata.PackageNotFoundError:
        return "0"
