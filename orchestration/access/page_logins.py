"""Logins in a browser: what a cookie holds, whose it is and when it ends.

Belongs here: the rows of ``ops.refresh_tokens`` whose purpose is ``page``. Does not belong here: passwords
and the tokens of programs (``logins``), the cookie itself (``api.pages``).

A login is one random text for as long as it lasts; it is not exchanged. A new password, a disabled user and a
logout end it as they end tokens. All of it works as the API's role.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import psycopg

from orchestration.access import tokens
from orchestration.access.identity import Identity
from orchestration.access.logins import active_user, locked
from orchestration.access.security_events import Origin, record

Connection = psycopg.Connection[Any]

LOGIN_HOURS = 12
"""A working day: whoever comes back the next morning signs in again."""


def begin(connection: Connection, user_id: UUID) -> str | None:
    """A new login, in the transaction that let the user in; None for a disabled one.

    Returns:
        The text of the cookie, which is nowhere else.
    """
    if not locked(connection, user_id):
        return None
    connection.execute(
        "delete from ops.refresh_tokens where user_id = %s and expires_at < clock_timestamp()", (user_id,)
    )
    text = tokens.new_secret()
    connection.execute(
        """
        insert into ops.refresh_tokens (user_id, family_id, token_hash, issued_at, expires_at, purpose)
        select %s, %s, %s, moment, moment + make_interval(hours => %s), 'page'
        from clock_timestamp() as moment
        """,
        (user_id, uuid4(), tokens.digest(text), LOGIN_HOURS),
    )
    return text


def identity_of_page_login(connection: Connection, text: str, origin: Origin) -> Identity | None:
    """Who a login is of, with what the user may do now; None where it is not good, which is written down.

    Args:
        connection: to be committed whatever comes of it.
        text: of the cookie.
        origin: of the request.
    """
    row = connection.execute(
        """
        select user_id, revoked_at is not null, expires_at <= clock_timestamp()
        from ops.refresh_tokens where token_hash = %s and purpose = 'page'
        """,
        (tokens.digest(text),),
    ).fetchone()
    user_id, was_revoked, has_expired = row or (None, False, False)
    if user_id is None:
        reason = "unknown"
    elif was_revoked or has_expired:
        reason = "revoked" if was_revoked else "expired"
    else:
        identity = active_user(connection, user_id)
        if identity is not None:
            return identity
        reason = "disabled"
    record(connection, "token_refused", origin, user_id=user_id, token="page", reason=reason)
    return None


def end(connection: Connection, text: str, user_id: UUID, origin: Origin) -> None:
    """Log out: the login is refused from now on."""
    locked(connection, user_id)
    connection.execute(
        """
        update ops.refresh_tokens set revoked_at = clock_timestamp()
        where token_hash = %s and user_id = %s and purpose = 'page' and revoked_at is null
        """,
        (tokens.digest(text), user_id),
    )
    record(connection, "logout", origin, user_id=user_id, token="page")
