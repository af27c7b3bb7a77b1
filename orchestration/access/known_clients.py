"""Which clients there are, for somebody who has to choose one.

Belongs here: what the API's role may know of the registry. Does not belong here: anything else of it
(``clients``), who may choose which (``identity``).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import class_row


@dataclass(frozen=True)
class KnownClient:
    """A client as people choose it."""

    client_id: str
    name: str
    is_active: bool


def known_clients(
    connection: psycopg.Connection[Any], client_ids: Collection[str] | None = None
) -> list[KnownClient]:
    """Clients by slug.

    Args:
        connection: of the API's role or the pipeline's.
        client_ids: those wanted; None is all, for an operator.
    """
    wanted = None if client_ids is None else list(client_ids)
    with connection.cursor(row_factory=class_row(KnownClient)) as cursor:
        return cursor.execute(
            """
            select client_id, name, is_active from ops.clients
            where %(wanted)s::text[] is null or client_id = any(%(wanted)s)
            order by client_id
            """,
            {"wanted": wanted},
        ).fetchall()
