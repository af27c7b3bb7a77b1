"""One deed of one client: done once, in one transaction, and answered the same however often it is sent.

Belongs here: idempotency around a deed. Does not belong here: any deed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import psycopg
from fastapi import Depends, Request
from fastapi.responses import JSONResponse

from orchestration.api import idempotency
from orchestration.api.callers import ClientWork
from orchestration.api.idempotency import Answer, Sent
from orchestration.api.pool import Connection
from orchestration.api.problems import ProblemError

Deed = Callable[[Connection], Answer]


async def body_of(request: Request) -> bytes:
    """The body as it came."""
    return await request.body()


Body = Annotated[bytes, Depends(body_of)]


def done_once(
    request: Request, work: ClientWork, body: bytes, deed: Deed, *, key: str | None = None
) -> Answer:
    """Do a deed, or find what it was answered with before.

    Args:
        request: with or without a key.
        work: of the client.
        body: what makes the request the same beside its address.
        deed: done in the transaction that the answer is written in.
        key: of a page's form, which sends no header; None looks for the header.

    Raises:
        ProblemError: the key is none, or was sent with another request.
    """
    sent = Sent(
        work.client_id,
        work.asked_by,
        idempotency.checked_key([key] if key else request.headers.getlist(idempotency.HEADER)),
        idempotency.digest(
            request.method,
            request.url.path,
            request.url.query,
            request.headers.get("content-type", ""),
            body,
        ),
    )
    try:
        with work.writing() as connection:
            earlier = idempotency.earlier_answer(connection, sent)
            if earlier is not None:
                return earlier
            answer = deed(connection)
            idempotency.keep(connection, sent, answer)
            return answer
    except (psycopg.errors.UniqueViolation, ProblemError):
        # the same request, sent twice at once: what the quicker one did is in the way of the other
        with work.writing() as connection:
            quicker = idempotency.earlier_answer(connection, sent)
        if quicker is None:
            raise
        return quicker


def as_response(answer: Answer, **headers: str) -> JSONResponse:
    """An answer on its way."""
    told: dict[str, Any] = {**headers, **({"Location": answer.location} if answer.location else {})}
    return JSONResponse(dict(answer.body), status_code=answer.status, headers=told)
