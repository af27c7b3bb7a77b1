"""A database that goes away under a command or a run: how its errors are recognised, and what to do then.

Belongs here: the words and names by which the drivers, SQLAlchemy and Dagster's storage say it. Does not
belong here: a database that cannot be reached to begin with (``server``).
"""

from __future__ import annotations

ADVICE = (
    "Nothing half-done was published. Run the command again: it starts the embedded server; a server of "
    "DATABASE_URL must answer first."
)

_CLASSES = frozenset(
    {"AdminShutdown", "CrashShutdown", "CannotConnectNow", "ConnectionFailure", "DagsterPostgresException"}
)
"""Of psycopg, whatever the server's language; and of Dagster, which has tried for a while."""

_WORDS = (
    "server closed the connection",
    "terminating connection due to administrator command",
    "terminating connection because of crash",
    "the database system is ",
    "connection is lost",
    "connection is closed",
    "connection already closed",
    "no connection to the server",
    "could not receive data from server",
    "could not send data to server",
    "SSL connection has been closed",
    "too many retries for DB connection",
)


def is_outage(class_name: str, message: str) -> bool:
    """Whether an error says that the connection to the database was lost or is not to be had."""
    is_refused = "connection to server " in message and "FATAL:" not in message
    return class_name in _CLASSES or is_refused or any(words in message for words in _WORDS)


def outage_sentence(error: BaseException | None) -> str | None:
    """What to tell a person where the error, or one it was raised from, is an outage; else None."""
    while error is not None:
        lines = str(error).strip().splitlines()
        if is_outage(type(error).__name__, str(error)):
            return f"PostgreSQL went away ({lines[0] if lines else type(error).__name__}). {ADVICE}"
        error = error.__cause__ or error.__context__
    return None
