"""Rows of a client by the page: a route for each listing of the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from orchestration.api.answers import page_answer
from orchestration.api.callers import ClientWork, Reads, office_of, record
from orchestration.api.formats import Format
from orchestration.api.limits import MOST_ROWS, USUAL_ROWS
from orchestration.api.paging import TokenRefusedError
from orchestration.api.problems import Kind
from orchestration.api.schemas import Planning, client_parameter, page_of, problem_responses
from orchestration.api.wishes import LIMIT, asked, most_text, parameters
from orchestration.reading.gaps import about, find_gaps, of_severity, planning_state
from orchestration.reporting.catalogue import CATALOGUE, ITEM_QUALITY
from orchestration.reporting.listings import Listing, Wish, Worker, read_page

REFUSALS = problem_responses(
    Kind.NOT_READABLE,
    Kind.NOT_SIGNED_IN,
    Kind.NOT_ALLOWED,
    Kind.NOT_FOUND,
    Kind.NOT_VALID,
    Kind.TOO_MANY,
    Kind.UNAVAILABLE,
)

router = APIRouter(tags=["rows"])


def rows_answer(
    request: Request, work: ClientWork, listing: Listing, fixed: Mapping[str, str] | None = None
) -> Response:
    """One page of a listing; where it is empty, why."""
    seals = office_of(request).seals
    try:
        wanted = asked(listing, work.client_id, request.query_params.multi_items(), seals, fixed)
    except TokenRefusedError:
        record(
            *(request, "access_refused"),
            identity=work.identity,
            client_id=work.client_id,
            reason="page token",
        )
        raise
    reason, planning = None, None
    with work.reading(listing.worker) as connection:
        page = read_page(connection, listing, work.client_id, wanted.wish)
        if listing.worker is Worker.READER:
            if "orders" in listing.concerns:
                state = planning_state(connection, work.client_id)
                planning = None if state is None else Planning.of(state)
            if page.rows.is_empty():
                errors = of_severity(find_gaps(connection, work.client_id), "error")
                reason = next(iter(about(errors, listing.concerns)), None)
    if page.rows.is_empty() and reason is None:
        reason = empty_because(wanted.wish, planning)
    return page_answer(request, wanted, page, seals, reason=reason, planning=planning)


def empty_because(wish: Wish, planning: Planning | None) -> str:
    """Why a page is empty where nothing stands in the way of rows."""
    if wish.after:
        return "There are no more rows."
    if wish.is_filtered:
        return "No row is as the filters want it."
    return planning.sentence if planning is not None else "There is no row yet."


def _add(listing: Listing) -> None:
    model = page_of(listing)

    def answer(request: Request, work: Reads) -> Response:
        return rows_answer(request, work, listing)

    _offer(f"/clients/{{client_id}}/{listing.name}", listing, answer, model, ())


def _offer(
    path: str, listing: Listing, answer: Callable[..., Response], model: Any, fixed: tuple[str, ...]
) -> None:
    router.add_api_route(
        path,
        answer,
        methods=["GET"],
        name=f"list {listing.name}" + (" of an item" if fixed else ""),
        summary=listing.sentence,
        response_model=model,
        responses={
            200: {
                "description": listing.sentence,
                "content": {
                    Format.CSV: {"schema": {"type": "string"}},
                    Format.PARQUET: {"schema": {"type": "string", "format": "binary"}},
                },
            },
            304: {"description": "The copy named in If-None-Match is still right."},
            **REFUSALS,
            **problem_responses(Kind.NOT_ACCEPTABLE),
        },
        openapi_extra={
            "parameters": [
                client_parameter(path),
                *(
                    _parameter(listing, name, sentence)
                    for name, sentence in parameters(listing, fixed).items()
                ),
            ]
        },
    )


def _parameter(listing: Listing, name: str, sentence: str) -> dict[str, Any]:
    text: dict[str, Any] = {"type": "string", "maxLength": most_text(name)}
    if name == LIMIT:
        text = {"type": "integer", "minimum": 1, "maximum": MOST_ROWS, "default": USUAL_ROWS}
    is_several = name in listing.filters
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": sentence,
        "schema": {"type": "array", "items": text} if is_several else text,
    }


for _listing in CATALOGUE:
    _add(_listing)


def item_quality(request: Request, work: Reads, item_id: str) -> Response:
    return rows_answer(request, work, ITEM_QUALITY, {"item_id": item_id})


_offer("/forecasts/quality/{item_id}", ITEM_QUALITY, item_quality, page_of(ITEM_QUALITY), ("item_id",))
