"""What surrounds every request: its id, its size, the headers of its answer, a line in the log, a count.

Belongs here: the ASGI layer around the application. Does not belong here: anything that needs to know who
asks or for what.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fastapi import HTTPException

from orchestration.api.headers import REQUEST_ID, request_id, security_headers
from orchestration.api.limits import MOST_BODY_BYTES, MOST_DELIVERY_BYTES
from orchestration.api.metrics import Metrics
from orchestration.api.problems import Kind, ProblemError
from orchestration.foreign_text import printable

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Told = Callable[[str, ProblemError, str], tuple[str, str]]
"""Path, problem and request id -> media type and body of the answer."""

_log = logging.getLogger("forecaster.api")

_DELIVERED_TO = ("/deliveries", "/forecasts/actuals")


class Envelope:
    """The layer; ``app`` is the application inside, whose routers are included under ``prefix``.

    ``told`` says a problem where the application cannot.
    """

    def __init__(self, app: App, metrics: Metrics, prefix: str, told: Told) -> None:
        self._app = app
        self._told = told
        self._metrics = metrics
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; what is no request passes through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        given = request_id(headers.get(REQUEST_ID.lower()))
        scope.setdefault("state", {})["request_id"] = given
        most = MOST_DELIVERY_BYTES if scope["path"].endswith(_DELIVERED_TO) else MOST_BODY_BYTES
        began = time.perf_counter()
        status: int | None = None
        received = 0

        async def received_within() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > most:
                # the framework lets its own exceptions through while it reads a body
                raise HTTPException(Kind.TOO_LARGE.status, _too_large(most))
            return message

        async def send_enveloped(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                there = {name.decode("latin-1").lower(): "" for name, _ in message["headers"]}
                added = {
                    **security_headers(there, is_tls=scope.get("scheme") == "https"),
                    REQUEST_ID: given,
                }
                message["headers"] = [
                    *message["headers"],
                    *((name.encode(), value.encode()) for name, value in added.items()),
                ]
            await send(message)

        try:
            declared = headers.get("content-length", "0")
            if declared.isdigit() and int(declared) > most:
                too_large = ProblemError(Kind.TOO_LARGE, _too_large(most))
                await self._refuse(too_large, scope["path"], given, send_enveloped)
            else:
                await self._app(scope, received_within, send_enveloped)
        except Exception:
            _log.exception("request %s failed", given)
            if status is not None:
                raise
            unexpected = ProblemError(
                Kind.UNEXPECTED,
                f"Nothing was done. Tell the operator the request id {given}; the log has more.",
            )
            await self._refuse(unexpected, scope["path"], given, send_enveloped)
        finally:
            self._tell(scope, given, status, time.perf_counter() - began)

    async def _refuse(self, problem: ProblemError, path: str, given: str, send: Send) -> None:
        media_type, text = self._told(path, problem, given)
        body = text.encode()
        await send(
            {
                "type": "http.response.start",
                "status": problem.kind.status,
                "headers": [
                    (b"content-type", media_type.encode()),
                    (b"content-length", str(len(body)).encode()),
                ],
            }
        )
        await send({"type": "http.response.body", "body": body})

    def _tell(self, scope: Scope, given: str, status: int | None, seconds: float) -> None:
        pattern = str(getattr(scope.get("route"), "path", "none"))
        if scope["path"].startswith(self._prefix) and pattern.startswith("/"):
            pattern = self._prefix + pattern.removeprefix(self._prefix)
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._metrics.answered(method, pattern, status or 0, seconds)
        state = scope["state"]
        _log.info(
            json.dumps(
                {
                    "request_id": given,
                    "method": printable(method),
                    "route": pattern,
                    "path": printable(scope["path"])[:300],
                    "status": status,
                    "milliseconds": round(seconds * 1000, 1),
                    "caller": state.get("caller"),
                    "client": state.get("client_id"),
                }
            )
        )


def _too_large(most: int) -> str:
    return f"At most {most >> 20} MiB are taken here; deliver larger files into the landing folder."


_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
