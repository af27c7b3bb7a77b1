"""Advisory locks: what waits for what, and how a lock is named.

Belongs here: every purpose that somebody waits for, and the one spelling of a lock's key. Does not belong
here: what is done under a lock. dbt takes its lock in SQL (``dbt_project/macros/client_slice.sql``), by the
same spelling.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import psycopg


class Purpose(StrEnum):
    """What a lock keeps apart; with a subject, that of one client only."""

    MIGRATION = "migration"
    """Changing the structure of the database."""

    VIEWS = "views"
    """Creating the reporting views, which all clients share."""

    RUN = "run"
    """A client's turn: one run of it at a time."""

    LANDING = "landing"
    """Loading a client's files."""

    DEMAND = "demand"
    """Rebuilding a client's demand, by dbt or by hand."""

    FORECAST = "forecast"
    """Publishing a client's forecast."""

    INVENTORY = "inventory"
    """Publishing a client's plan."""

    SCORE = "score"
    """Scoring a client's forecasts."""


def lock_transaction(connection: psycopg.Connection[Any], purpose: Purpose, subject: str = "") -> None:
    """Wait for the lock and hold it until the transaction ends.

    Args:
        connection: inside a transaction.
        purpose: what it is for.
        subject: the client; empty where the lock is the whole installation's.
    """
    connection.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"{purpose}:{subject}",))


def try_lock_session(connection: psycopg.Connection[Any], purpose: Purpose, subject: str = "") -> bool:
    """Take the lock until the connection closes; False where another session holds it."""
    row = connection.execute(
        "select pg_try_advisory_lock(hashtextextended(%s, 0))", (f"{purpose}:{subject}",)
    ).fetchone()
    return bool(row and row[0])
