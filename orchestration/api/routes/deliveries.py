"""Deliveries: rows or a file into the client's landing folder, where they are seen like any other.

What is in them is judged by the landing reader; this answers where to ask what became of them.
"""

from __future__ import annotations

import json
import math
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from orchestration.access.identity import Action
from orchestration.api.callers import ClientWork, client_work
from orchestration.api.deeds import as_response
from orchestration.api.delivering import DeliveryDocument, deliver, file_of
from orchestration.api.limits import MOST_DELIVERY_BYTES
from orchestration.api.problems import Kind, ProblemError, not_valid
from orchestration.api.routes.listings import REFUSALS
from orchestration.api.schemas import client_parameter, key_parameter, problem_responses
from orchestration.landing.handed_in import SUFFIXES
from orchestration.landing.kinds import KINDS, kind_named

router = APIRouter(tags=["deliveries"])

Delivers = Annotated[ClientWork, Depends(client_work(Action.DELIVER))]

_ROWS = "application/json"
_FORM = "multipart/form-data"
_TAKEN = (_ROWS, *SUFFIXES, _FORM)
_MOST_ROWS = 100_000


async def actuals(request: Request, work: Delivers) -> JSONResponse:
    """Deliver sales: rows as JSON, or a file as CSV, JSON lines, Parquet, a workbook or a form's ``file``."""
    return await _delivered(request, work, "sales")


async def delivery(request: Request, work: Delivers) -> JSONResponse:
    """Deliver a file of any kind of the data contract; ``kind`` says which."""
    kinds = request.query_params.getlist("kind")
    return await _delivered(request, work, kinds[0] if len(kinds) == 1 else "")


async def _delivered(request: Request, work: ClientWork, kind_name: str) -> JSONResponse:
    kind = kind_named(kind_name)
    if kind is None:
        names = ", ".join(sorted(kind.name for kind in KINDS))
        raise not_valid("query.kind", f"Name one kind of file: {names}.")
    suffix, content = await _content(request)
    return as_response(await run_in_threadpool(deliver, request, work, kind, suffix, content))


async def _content(request: Request) -> tuple[str, bytes]:
    """The suffix and the bytes of what is delivered."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == _ROWS:
        return ".jsonl", await run_in_threadpool(_lines, await request.body())
    if media_type == _FORM:
        return await _form_file(request)
    if media_type not in SUFFIXES:
        raise ProblemError(Kind.WRONG_MEDIA_TYPE, f"Send rows or a file as one of {', '.join(_TAKEN)}.")
    content = await request.body()
    if not content:
        raise not_valid("body", "There is nothing in the body; send rows or a file.")
    return SUFFIXES[media_type], content


async def _form_file(request: Request) -> tuple[str, bytes]:
    async with request.form(max_files=1, max_fields=4, max_part_size=MOST_DELIVERY_BYTES) as form:
        return await file_of(form)


def _lines(body: bytes) -> bytes:
    """Rows of a JSON document as the landing folder takes them: an object a line."""
    try:
        document = json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise not_valid("body", 'The body is no JSON document such as {"rows": [...]}.') from error
    rows = document.get("rows") if isinstance(document, dict) and set(document) == {"rows"} else None
    if not isinstance(rows, list) or not 1 <= len(rows) <= _MOST_ROWS:
        raise not_valid(
            "body.rows", f'Send {{"rows": [...]}} with 1 to {_MOST_ROWS:,} rows and nothing else.'
        )
    for number, row in enumerate(rows):
        if not isinstance(row, dict) or not row or not all(map(_is_plain, row.values())):
            raise not_valid(f"body.rows.{number}", f"Row {number + 1} is no object of texts and numbers.")
    return "".join(f"{json.dumps(row)}\n" for row in rows).encode()


def _is_plain(value: Any) -> bool:
    return (
        value is None
        or isinstance(value, str | bool | int)
        or (isinstance(value, float) and math.isfinite(value))
    )


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


_ROW_EXAMPLE = {"rows": [{"date": "2026-03-31", "item_id": "tea", "location_id": "main", "units_sold": 3}]}
_BODY = {
    "required": True,
    "content": {
        _ROWS: {
            "schema": {
                "type": "object",
                "required": ["rows"],
                "additionalProperties": False,
                "properties": {
                    "rows": {
                        "type": "array",
                        "minItems": 1,
                        "maxItems": _MOST_ROWS,
                        "items": {
                            "type": "object",
                            "minProperties": 1,
                            "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
                        },
                    }
                },
            },
            "example": _ROW_EXAMPLE,
        },
        "text/csv": {
            "schema": {"type": "string", "minLength": 1},
            "example": "date,item_id,location_id,units_sold\n2026-03-31,tea,main,3\n",
        },
        _FORM: {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {"file": {"type": "string", "format": "binary"}},
            }
        },
    },
}
_KEY = key_parameter("The same key gets the same answer. The same content is one file in any case.")
_KIND = {
    "name": "kind",
    "in": "query",
    "required": True,
    "description": "Kind of the data contract.",
    "schema": {"type": "string", "enum": sorted(kind.name for kind in KINDS)},
}


def _offer(path: str, route: Any, *more: dict[str, Any]) -> None:
    router.add_api_route(
        path,
        route,
        methods=["POST"],
        status_code=202,
        response_model=DeliveryDocument,
        responses={**REFUSALS, **problem_responses(Kind.TOO_LARGE, Kind.WRONG_MEDIA_TYPE)},
        openapi_extra={
            "parameters": [client_parameter(path), _KEY, *more],
            "requestBody": _BODY,
        },
    )


_offer("/forecasts/actuals", actuals)
_offer("/clients/{client_id}/forecasts/actuals", actuals)
_offer("/clients/{client_id}/deliveries", delivery, _KIND)
