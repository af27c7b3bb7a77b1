"""Answers that a request sent again gets again: for how long they are kept.

Belongs here: forgetting them. Does not belong here: writing and finding them (``api.idempotency``).
"""

from __future__ import annotations

from typing import Any

import psycopg

KEPT_DAYS = 7
"""Whoever sends a request again does so within minutes, or after a weekend."""


def forget_answers(connection: psycopg.Connection[Any]) -> int:
    """Delete the answers that nobody asks for again, of all clients; returns how many.

    Args:
        connection: works as the pipeline's role.
    """
    return connection.execute(
        "delete from ops.idempotent_answers where created_at < now() - make_interval(days => %s)",
        (KEPT_DAYS,),
    ).rowcount
