"""Headers of every answer, and the id of every request.

Belongs here: what a browser is told it may do with an answer, which request ids are taken. Pure.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping

REQUEST_ID = "X-Request-Id"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
}
_NOT_KEPT = {"Cache-Control": "no-store"}
_OVER_TLS = {"Strict-Transport-Security": "max-age=31536000"}


def security_headers(answer: Mapping[str, str], *, is_tls: bool) -> dict[str, str]:
    """What is added to an answer's headers, whose names are in lower case; what it says itself stays."""
    added = {**_ALWAYS, **_NOT_KEPT, **(_OVER_TLS if is_tls else {})}
    return {name: value for name, value in added.items() if name.lower() not in answer}


def request_id(sent: str | None) -> str:
    """The id that the caller gave the request, or one that is made up."""
    return sent if sent is not None and _REQUEST_ID.fullmatch(sent) else uuid.uuid4().hex
