"""The cookie of a login, and how a page's own requests are told from another site's.

Belongs here: writing and reading the cookie, the token against forged requests, the origin of a request.
Does not belong here: whose the login is (``access.page_logins``), refusing (``visits``).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from fastapi import Request
from fastapi.responses import Response

from orchestration.access.page_logins import LOGIN_HOURS
from orchestration.api.callers import office_of

COOKIE = "forecaster_page"
PATH = "/planner"
CSRF_HEADER = "X-CSRF-Token"
CSRF_FIELD = "csrf"

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""Where a browser takes plain HTTP for safe."""


def login_of(request: Request) -> str | None:
    """The text of the login that a browser keeps; None where it keeps none."""
    return request.cookies.get(COOKIE) or None


def keep(response: Response, request: Request, text: str) -> None:
    """Have the browser keep a login: out of reach of scripts and of other sites' requests."""
    response.set_cookie(
        COOKIE,
        text,
        max_age=LOGIN_HOURS * 3600,
        path=PATH,
        secure=_must_be_secure(request),
        httponly=True,
        samesite="strict",
    )


def forget(response: Response, request: Request) -> None:
    """Have the browser forget the login."""
    response.delete_cookie(
        COOKIE, path=PATH, secure=_must_be_secure(request), httponly=True, samesite="strict"
    )


def csrf_token(secrets: Sequence[bytes], login: str) -> str:
    """What a page of this login sends back with each deed; another site's page cannot know it.

    Args:
        secrets: the current one first.
        login: the text of the cookie.
    """
    return _sealed(secrets[0], login)


def is_csrf_token(secrets: Sequence[bytes], login: str, presented: str) -> bool:
    """Whether a page of this login was given this token."""
    sent = presented.encode(errors="replace")
    return any(hmac.compare_digest(_sealed(secret, login).encode(), sent) for secret in secrets)


def is_foreign(request: Request) -> bool:
    """Whether a browser says that another site's page sends the request.

    ``Sec-Fetch-Site`` says it, of an older browser ``Origin``; what sends neither is no browser, and carries
    no cookie that it was not given by hand.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is not None and origin.partition("://")[2].lower() != request.url.netloc.lower()


def is_kept(request: Request) -> bool:
    """Whether a browser keeps the cookie that this request would be answered with."""
    is_trusted = request.url.scheme == "https" or request.url.hostname in _LOOPBACK
    return is_trusted or not _must_be_secure(request)


def _must_be_secure(request: Request) -> bool:
    is_development = office_of(request).settings.environment == "development"
    return not (is_development and request.url.scheme == "http")


def _sealed(secret: bytes, login: str) -> str:
    return hmac.digest(secret, b"csrf\n" + login.encode(errors="replace"), hashlib.sha256).hex()
