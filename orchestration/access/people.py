"""Who it was, where a row names a user's id or a key's prefix.

Belongs here: the name that people know somebody by. Does not belong here: what one may do (``identity``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import psycopg


def names_of(connection: psycopg.Connection[Any], written: Iterable[str | None]) -> dict[str, str]:
    """The address of each user, and each key's prefix as it is.

    Args:
        connection: of the API's role.
        written: as rows name them.
    """
    people = {text: _user_id(text) for text in written if text is not None}
    rows = connection.execute(
        "select user_id, email from ops.users where user_id = any(%s)",
        ([user_id for user_id in people.values() if user_id is not None],),
    ).fetchall()
    addresses = dict(rows)
    return {text: _name(text, user_id, addresses) for text, user_id in people.items()}


def _name(text: str, user_id: UUID | None, addresses: dict[UUID, str]) -> str:
    if user_id is None:
        return f"key {text}"
    return addresses.get(user_id, "somebody who is no user any more")


def _user_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
