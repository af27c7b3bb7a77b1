"""Service keys: what a client's programs get in with.

Belongs here: making, listing, taking back and checking them. Does not belong here: what a scope permits
(``identity``).

A key is ``fc_``, ten characters by which people name it, and 256 random bits. It is shown once; the database
holds its digest, and every function here works as the API's role.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row

from orchestration.access.identity import Identity, key_identity
from orchestration.access.refusals import AccessError
from orchestration.access.security_events import Origin, record
from orchestration.access.tokens import digest, new_secret
from orchestration.access.users import no_such_client
from orchestration.warehouse.tables.vocabulary import KeyScope, listed, words_of

Connection = psycopg.Connection[Any]

SCOPES = words_of(KeyScope)

LONGEST_DAYS = 366
"""A key that nobody renews ends within a year."""

KEY_PREFIX = "fc_"

_SHAPE = re.compile(r"(fc_[0-9a-f]{10})_[A-Za-z0-9_-]{43}")


@dataclass(frozen=True)
class ServiceKey:
    """A key as listed, without what it opens the door with."""

    client_id: str
    prefix: str
    name: str
    scopes: Sequence[str]
    created_at: datetime
    created_by: str
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
    is_good: bool


def create_key(
    connection: Connection, client_id: str, name: str, scopes: Sequence[str], days: int, origin: Origin
) -> str:
    """Make a key; the text returned is nowhere else.

    Args:
        connection: of the API's role or the pipeline's.
        client_id: the client's slug.
        name: what people call it.
        scopes: what it may be used for.
        days: until it ends.
        origin: of the deed, with its actor.

    Raises:
        AccessError: no such client, or something about the key is not valid.
    """
    if unknown := [scope for scope in scopes if scope not in SCOPES]:
        raise AccessError(f"There is no scope {unknown[0]!r}; there are {listed(SCOPES)}.")
    if not scopes:
        raise AccessError(f"Say what the key may be used for: {listed(SCOPES)}.")
    if not 1 <= days <= LONGEST_DAYS:
        raise AccessError(f"A key is good for 1 to {LONGEST_DAYS} days.")
    if not name.strip() or len(name) > 100:
        raise AccessError("Name the key after the program that uses it, in 100 characters at most.")
    prefix = f"fc_{secrets.token_hex(5)}"
    text = f"{prefix}_{new_secret()}"
    chosen = [scope for scope in SCOPES if scope in scopes]
    try:
        connection.execute(
            """
            insert into ops.service_keys (client_id, name, prefix, key_hash, scopes, created_by, expires_at)
            values (%s, %s, %s, %s, %s, %s, clock_timestamp() + make_interval(days => %s))
            """,
            (client_id, name.strip(), prefix, digest(text), chosen, origin.actor or "unknown", days),
        )
    except psycopg.errors.ForeignKeyViolation as error:
        raise no_such_client(client_id) from error
    record(
        connection, "key_created", origin, client_id=client_id, key_prefix=prefix, scopes=chosen, days=days
    )
    return text


def list_keys(connection: Connection, client_id: str) -> list[ServiceKey]:
    """A client's keys, the newest first, those that are no longer good included."""
    with connection.cursor(row_factory=class_row(ServiceKey)) as cursor:
        return cursor.execute(
            """
            select
                client_id, prefix, name, scopes, created_at, created_by, expires_at, last_used_at, revoked_at,
                revoked_at is null and expires_at > clock_timestamp() as is_good
            from ops.service_keys where client_id = %s order by created_at desc, prefix
            """,
            (client_id,),
        ).fetchall()


def revoke_key(connection: Connection, prefix: str, origin: Origin, *, client_id: str | None = None) -> bool:
    """Take a key back, from the next request on; False where that was done before.

    Args:
        connection: of the API's role or the pipeline's.
        prefix: the readable part, or the whole key.
        origin: of the deed.
        client_id: whose it has to be; None where any client's may be taken back.

    Raises:
        AccessError: no such key.
    """
    named = prefix[: len("fc_") + 10]
    row = connection.execute(
        """
        select client_id, revoked_at is not null from ops.service_keys
        where prefix = %s and client_id = coalesce(%s, client_id) for no key update
        """,
        (named, client_id),
    ).fetchone()
    if row is None:
        raise AccessError("There is no key with that beginning; 'forecaster key list' shows a client's keys.")
    owner, was_revoked = row
    if was_revoked:
        return False
    connection.execute(
        "update ops.service_keys set revoked_at = clock_timestamp() where prefix = %s", (named,)
    )
    record(connection, "key_revoked", origin, client_id=owner, key_prefix=named)
    return True


def identity_of_key(connection: Connection, text: str, origin: Origin) -> Identity | None:
    """What a key is of and may do; None where it is not good, which is written down.

    Args:
        connection: of the API's role; to be committed whatever comes of it.
        text: the whole key.
        origin: of the request.
    """
    shape = _SHAPE.fullmatch(text)
    if shape is None:
        record(connection, "key_refused", origin, reason="malformed")
        return None
    prefix = shape.group(1)
    row = connection.execute(
        """
        select client_id, key_hash, scopes, revoked_at is not null, expires_at <= clock_timestamp()
        from ops.service_keys where prefix = %s
        """,
        (prefix,),
    ).fetchone()
    client_id, known, scopes, was_revoked, has_expired = row or (None, "", (), False, False)
    if client_id is None or not hmac.compare_digest(known, digest(text)):
        reason = "unknown"
    elif was_revoked or has_expired:
        reason = "revoked" if was_revoked else "expired"
    else:
        connection.execute(
            """
            update ops.service_keys set last_used_at = clock_timestamp()
            where prefix = %s
                and coalesce(last_used_at, '-infinity') < clock_timestamp() - interval '1 minute'
            """,
            (prefix,),
        )
        return key_identity(prefix, client_id, scopes)
    record(connection, "key_refused", origin, client_id=client_id, key_prefix=prefix, reason=reason)
    return None
