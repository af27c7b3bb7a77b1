"""Answers: a page of rows in the wanted format, a document, a deed that was taken on.

Belongs here: bodies and headers of what went well. Does not belong here: reading rows (``reporting``),
problems.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import Request
from fastapi.encoders import jsonable_encoder
from fastapi.responses import Response

from orchestration.api.formats import Format, chosen_format, etag, is_known, written
from orchestration.api.paging import seal
from orchestration.api.schemas import Planning
from orchestration.api.wishes import PAGE, Asked
from orchestration.reporting.listings import Page

_KEPT = "private, no-cache"
"""A copy may be kept by the caller alone, who asks whether it is still right."""


def page_answer(
    request: Request,
    asked: Asked,
    page: Page,
    secrets: list[bytes],
    *,
    reason: str | None,
    planning: Planning | None,
) -> Response:
    """A page in the format that the request accepts; 304 where the caller has it already.

    Raises:
        ProblemError: it accepts none that is offered.
    """
    as_format = chosen_format(request.headers.get("accept"))
    token = None if page.next_key is None else seal(secrets, asked.about, page.next_key)
    body = written(
        page.rows,
        as_format,
        {"next": token, "reason": reason, "planning": planning and planning.model_dump()},
    )
    headers = {"Vary": "Accept, Authorization, X-Api-Key, X-Client"}
    if token is not None:
        query = [(name, value) for name, value in request.query_params.multi_items() if name != PAGE]
        address = f"{request.url.path}?{urlencode([*query, (PAGE, token)])}"
        headers["Link"] = f'<{address}>; rel="next"'
        headers["X-Next-Page"] = token
    # a table has no place for what is said beside it
    if as_format is not Format.JSON:
        if reason:
            headers["X-Reason"] = _in_header(reason)
        if planning:
            headers["X-Planning-State"] = planning.state
    media_type = f"{as_format}; header=present" if as_format is Format.CSV else str(as_format)
    return _kept(request, body, media_type, headers)


def document_answer(request: Request, content: Any) -> Response:
    """A JSON document; 304 where the caller has it already."""
    return _kept(request, json.dumps(jsonable_encoder(content)).encode(), Format.JSON, {})


def _kept(request: Request, body: bytes, media_type: str, headers: Mapping[str, str]) -> Response:
    tag = etag(body)
    told = {**headers, "ETag": tag, "Cache-Control": _KEPT}
    if is_known(tag, request.headers.get("if-none-match")):
        return Response(status_code=304, headers=told)
    return Response(body, media_type=media_type, headers=told)


def _in_header(sentence: str) -> str:
    """A sentence as a header can hold it: percent-encoded where it is not plain."""
    return quote(sentence, safe=" !#$&'()*+,/:;=?@[]-._~`\"|")
