"""Users at the door: passwords, the tokens they are given for them, and taking tokens back.

Belongs here: who is let in, who has to wait, which tokens are good. Does not belong here: logins in a browser
(``page_logins``), what a token looks like (``tokens``), what a user may do (``identity``), changing users
(``users``).

All of it works as the API's role. Whatever gives a user tokens or takes them back locks the user's row first,
so that none is given out past a logout, a new password or a theft.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg

from orchestration.access import tokens
from orchestration.access.emails import spelled
from orchestration.access.identity import Identity, user_identity
from orchestration.access.passwords import checked
from orchestration.access.refusals import OF_AN_ADDRESS, OF_AN_EMAIL, WINDOW_SECONDS, Refused
from orchestration.access.security_events import Origin, record
from orchestration.access.signing import SigningKeys

Connection = psycopg.Connection[Any]

LOGIN_DAYS = 14
"""How long one login lasts, however often its tokens are exchanged."""


@dataclass(frozen=True)
class Tokens:
    """What a user is given. Never logged; the database keeps no more than digests."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    access_seconds: int = tokens.ACCESS_SECONDS
    refresh_expires_at: datetime | None = None


def authenticate_password(
    connection: Connection, email: str, password: str, origin: Origin
) -> Identity | Refused:
    """Let a user in by the password.

    After some failures attempts have to wait, whether or not there is such a user. The failures are counted
    again after the password was looked at: many attempts at once do not get around the waiting.

    Args:
        connection: of the API's role; to be committed whatever comes of it.
        email: as typed. What has not the shape of an address may be a password in the wrong field, and is
            written down nowhere.
        password: as typed.
        origin: of the request.
    """
    address = spelled(email)
    if wait := _wait_seconds(connection, address, origin):
        record(connection, "login_delayed", origin, email=address, wait_seconds=wait)
        return Refused(wait)
    row = connection.execute(
        "select user_id, password_hash, is_active from ops.users where email = %s", (address,)
    ).fetchone()
    user_id, known, is_active = row or (None, None, False)
    is_right, renewed = checked(password, known)
    if user_id is not None and is_right and is_active:
        if wait := _wait_seconds(connection, address, origin):
            record(connection, "login_delayed", origin, email=address, wait_seconds=wait)
            return Refused(wait)
        let_in = connection.execute(
            """
            update ops.users
            set last_login_at = clock_timestamp(), password_hash = coalesce(%s, password_hash)
            where user_id = %s and is_active and password_hash = %s
            """,
            (renewed, user_id, known),
        ).rowcount
        identity = active_user(connection, user_id) if let_in else None
        if identity is not None:
            record(connection, "login", origin, user_id=user_id, email=address)
            return identity
    reason = "unknown" if row is None else "disabled" if is_right else "password"
    record(connection, "login_failed", origin, user_id=user_id, email=address, reason=reason)
    return Refused()


def issue_tokens(connection: Connection, keys: SigningKeys, user_id: UUID) -> Tokens | None:
    """The tokens of a new login, in the transaction that let the user in; None for a disabled one."""
    if not locked(connection, user_id):
        return None
    connection.execute(
        "delete from ops.refresh_tokens where user_id = %s and expires_at < clock_timestamp()", (user_id,)
    )
    return _next_tokens(connection, keys, user_id, uuid4(), None)


def refresh(connection: Connection, keys: SigningKeys, text: str, origin: Origin) -> Tokens | None:
    """Exchange a refresh token for new ones; None where it is not good.

    One that is presented a second time was stolen, before or after its owner used it: its whole login ends.

    Args:
        connection: of the API's role; to be committed whatever comes of it.
        keys: of the installation.
        text: the token.
        origin: of the request.
    """
    token_hash = tokens.digest(text)
    owner = connection.execute(
        "select user_id from ops.refresh_tokens where token_hash = %s and purpose = 'refresh'", (token_hash,)
    ).fetchone()
    if owner is None:
        record(connection, "token_refused", origin, token="refresh", reason="unknown")
        return None
    (user_id,) = owner
    is_active = locked(connection, user_id)
    row = connection.execute(
        """
        select
            family_id, used_at is not null, revoked_at is not null, expires_at,
            expires_at <= clock_timestamp()
        from ops.refresh_tokens where token_hash = %s
        """,
        (token_hash,),
    ).fetchone()
    if row is None:
        return None
    family_id, was_used, was_revoked, expires_at, has_expired = row
    if was_used and not was_revoked:
        _end_login(connection, family_id)
        record(connection, "token_reused", origin, user_id=user_id, login=str(family_id))
        return None
    if was_revoked or has_expired or not is_active:
        reason = "revoked" if was_revoked else "expired" if has_expired else "disabled"
        record(connection, "token_refused", origin, user_id=user_id, token="refresh", reason=reason)
        return None
    connection.execute(
        "update ops.refresh_tokens set used_at = clock_timestamp() where token_hash = %s", (token_hash,)
    )
    return _next_tokens(connection, keys, user_id, family_id, expires_at)


def revoke(connection: Connection, claims: tokens.Claims, origin: Origin) -> None:
    """Log out: the access token, and the login it comes from with all its tokens, are refused from now on."""
    locked(connection, claims.user_id)
    connection.execute("delete from ops.revoked_tokens where expires_at < now() - interval '1 day'")
    connection.execute(
        "insert into ops.revoked_tokens (token_id, expires_at) values (%s, %s) on conflict do nothing",
        (claims.token_id, datetime.fromtimestamp(claims.expires_at, UTC)),
    )
    _end_login(connection, claims.family_id)
    record(connection, "logout", origin, user_id=claims.user_id)


def revoke_all(connection: Connection, user_id: UUID, origin: Origin) -> None:
    """Refuse every token that a user was given before this moment."""
    locked(connection, user_id)
    connection.execute(
        "update ops.users set tokens_valid_from = clock_timestamp() where user_id = %s", (user_id,)
    )
    connection.execute(
        """
        update ops.refresh_tokens set revoked_at = clock_timestamp()
        where user_id = %s and revoked_at is null
        """,
        (user_id,),
    )
    record(connection, "tokens_revoked", origin, user_id=user_id)


def identity_of_access_token(
    connection: Connection, keys: SigningKeys, text: str, origin: Origin
) -> Identity | None:
    """Who a token is of, with what the user may do now; None where it is not good, which is written down.

    Args:
        connection: of the API's role; to be committed whatever comes of it.
        keys: of the installation.
        text: the token.
        origin: of the request.
    """
    claims = tokens.read(keys, text)
    if isinstance(claims, tokens.Unbelieved):
        record(connection, "token_refused", origin, token="access", reason=claims.reason)
        return None
    row = connection.execute(
        """
        select
            is_active,
            tokens_valid_from <= to_timestamp(%(issued_at)s),
            exists (select from ops.revoked_tokens where token_id = %(token_id)s),
            exists (
                select from ops.refresh_tokens where family_id = %(family_id)s and revoked_at is not null
            )
        from ops.users where user_id = %(user_id)s
        """,
        {
            **{"issued_at": claims.issued_at, "token_id": claims.token_id},
            **{"family_id": claims.family_id, "user_id": claims.user_id},
        },
    ).fetchone()
    is_active, is_recent, was_revoked, has_ended = row or (False, False, False, False)
    if is_active and is_recent and not (was_revoked or has_ended):
        return active_user(connection, claims.user_id)
    reason = "unknown" if row is None else "disabled" if not is_active else "revoked"
    known = claims.user_id if row else None
    record(connection, "token_refused", origin, user_id=known, token="access", reason=reason)
    return None


def _wait_seconds(connection: Connection, email: str | None, origin: Origin) -> int:
    """How long this user, or this network address, has to wait after earlier failures."""
    row = connection.execute(
        """
        select
            count(*) filter (where failure.email = %(email)s and failure.occurred_at > login.latest),
            coalesce(extract(epoch from clock_timestamp() - max(failure.occurred_at)
                filter (where failure.email = %(email)s)), 0)::float8,
            count(*) filter (where failure.address = %(address)s),
            coalesce(extract(epoch from clock_timestamp() - max(failure.occurred_at)
                filter (where failure.address = %(address)s)), 0)::float8
        from ops.security_events as failure
        cross join (
            select coalesce(max(last_login_at), '-infinity') as latest from ops.users where email = %(email)s
        ) as login
        where failure.event = 'login_failed'
            and failure.occurred_at > clock_timestamp() - make_interval(secs => %(window)s)
            and (failure.email = %(email)s or failure.address = %(address)s)
        """,
        {"email": email, "address": origin.address, "window": WINDOW_SECONDS},
    ).fetchone()
    assert row is not None
    of_email, since_email, of_address, since_address = row
    return max(
        OF_AN_EMAIL.wait_seconds(of_email, since_email),
        OF_AN_ADDRESS.wait_seconds(of_address, since_address),
    )


def locked(connection: Connection, user_id: UUID) -> bool:
    """Lock a user's row until the end of the transaction; returns whether the user is active."""
    row = connection.execute(
        "select is_active from ops.users where user_id = %s for no key update", (user_id,)
    ).fetchone()
    return row == (True,)


def _next_tokens(
    connection: Connection, keys: SigningKeys, user_id: UUID, family_id: UUID, expires_at: datetime | None
) -> Tokens:
    text = tokens.new_secret()
    row = connection.execute(
        """
        insert into ops.refresh_tokens (user_id, family_id, token_hash, issued_at, expires_at)
        select %s, %s, %s, moment, coalesce(%s, moment + make_interval(days => %s))
        from clock_timestamp() as moment
        returning issued_at, expires_at
        """,
        (user_id, family_id, tokens.digest(text), expires_at, LOGIN_DAYS),
    ).fetchone()
    assert row is not None
    issued_at, ends_at = row
    return Tokens(tokens.signed(keys, user_id, family_id, issued_at), text, refresh_expires_at=ends_at)


def _end_login(connection: Connection, family_id: UUID) -> None:
    connection.execute(
        """
        update ops.refresh_tokens set revoked_at = clock_timestamp()
        where family_id = %s and revoked_at is null
        """,
        (family_id,),
    )


def active_user(connection: Connection, user_id: UUID) -> Identity | None:
    """Who a user is and may do what for which client now; None of one that is disabled or not there."""
    row = connection.execute(
        """
        select email, is_operator, (
            select coalesce(jsonb_object_agg(client_id, role), '{}')
            from ops.memberships where memberships.user_id = users.user_id
        )
        from ops.users where user_id = %s and is_active
        """,
        (user_id,),
    ).fetchone()
    if row is None:
        return None
    email, is_operator, roles = row
    return user_identity(user_id, email, is_operator=is_operator, roles=roles)
