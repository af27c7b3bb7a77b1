"""The append-only record of who got in, who did not, and what was changed about it.

Belongs here: one function, used inside the transaction of the deed itself, and where a request came from.
Does not belong here: what is recorded when.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from orchestration import audit
from orchestration.warehouse.tables.vocabulary import SecurityEvent

Connection = psycopg.Connection[Any]

_LONGEST = 200
"""Characters of what a request says of itself."""


@dataclass(frozen=True)
class Origin:
    """Where something comes from.

    Attributes:
        address: network address of who asks; None at the terminal.
        request_id: as in the logs; None at the terminal.
        actor: who acts, where that is not the user it is about: an identity's name.
    """

    address: str | None = None
    request_id: str | None = None
    actor: str | None = None


def of_the_terminal() -> Origin:
    """The user of the operating system who runs a command."""
    return Origin(actor=audit.actor())


def record(
    connection: Connection,
    event: SecurityEvent,
    origin: Origin,
    *,
    user_id: UUID | None = None,
    email: str | None = None,
    client_id: str | None = None,
    key_prefix: str | None = None,
    **details: Any,
) -> None:
    """Add one entry to ``ops.security_events``; the API's role may, and nobody may change it.

    Args:
        connection: the transaction that does what is recorded; both happen, or neither.
        event: what happened.
        origin: where it came from.
        user_id: the user it is about.
        email: that was given, or the user's.
        client_id: the tenant concerned.
        key_prefix: of the service key it is about.
        details: anything JSON can hold. Never a secret, and nothing typed that may be one.
    """
    connection.execute(
        """
        insert into ops.security_events
            (event, user_id, email, client_id, key_prefix, actor, address, request_id, details)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (
            *(event, user_id, email, client_id, key_prefix, origin.actor),
            *(_short(origin.address), _short(origin.request_id), Jsonb(details)),
        ),
    )


def _short(text: str | None) -> str | None:
    return None if text is None else text.replace("\0", "")[:_LONGEST]
