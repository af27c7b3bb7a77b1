"""Address and password become something to come back with: tokens for a program, a cookie for a browser.

Belongs here: the one way in by password, with its limits. Does not belong here: what is given (``access``),
how it travels (``routes.sessions``, ``pages.entry``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar
from uuid import UUID

from fastapi import Request

from orchestration.access.identity import Identity
from orchestration.access.logins import authenticate_password
from orchestration.access.refusals import Refused
from orchestration.api.callers import address_of, count_address, office_of, origin_of, record
from orchestration.api.limits import TooManyError
from orchestration.api.pool import Connection
from orchestration.api.problems import Kind, ProblemError

Given = TypeVar("Given")

LONGEST_EMAIL = 254


def let_in(
    request: Request, email: str, password: str, give: Callable[[Connection, UUID], Given | None]
) -> Given:
    """What a user is given for the password, in the transaction that looked at it.

    Args:
        request: of whoever stands at the door.
        email: as typed.
        password: as typed.
        give: makes it; None for a user who is not active any more.

    Raises:
        ProblemError: the two do not go together, or too many attempts came before.
    """
    count_address(request)
    office = office_of(request)
    try:
        office.limits.count_login(address_of(request), email.strip().lower()[:LONGEST_EMAIL])
    except TooManyError as error:
        if error.is_news:
            record(request, "rate_limited", by="login")
        raise
    with office.pool.as_api() as connection:
        found = authenticate_password(connection, email, password, origin_of(request))
        given = None
        if isinstance(found, Identity) and found.user_id is not None:
            given = give(connection, found.user_id)
    if isinstance(found, Refused) and found.wait_seconds:
        office.metrics.refused("login_delayed")
        raise ProblemError(
            Kind.TOO_MANY,
            f"Too many attempts failed; try again in {found.wait_seconds} seconds.",
            headers={"Retry-After": str(found.wait_seconds)},
        )
    if given is None:
        office.metrics.refused("login_failed")
        raise ProblemError(Kind.NOT_SIGNED_IN, "Address and password do not go together; check both.")
    return given
