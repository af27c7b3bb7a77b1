"""The rows of a source's query, as a stream, from a session that cannot write.

Belongs here: SQLAlchemy, the limits of the session, the value of ``:since``. Does not belong here: what a
watermark is (``watermarks``), the file that is made (``parquet_draft``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import URL, Connection, NullPool, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError

from orchestration.pulling.faults import PullError
from orchestration.pulling.secrets import Secrets
from orchestration.pulling.watermarks import Mark
from orchestration.references import is_reference
from orchestration.sources import Source

ROWS_AT_ONCE = 20_000

STATEMENT_SECONDS = 900
"""How long the database may work on one answer, where it has such a limit."""

_SINCE = re.compile(r"(?<![:\w\\]):since\b(?!:)")

_OPENING = {
    "postgresql": (f"set local statement_timeout = {STATEMENT_SECONDS * 1000}",),
    "sqlite": ("pragma query_only = on",),
}
"""What is said first, by dialect; everywhere the transaction is rolled back at its end."""

_ARGUMENTS: dict[str, dict[str, Any]] = {"postgresql": {"connect_timeout": 15}}
"""What the driver is told, by dialect."""


@dataclass(frozen=True)
class Rows:
    """An answer that has begun.

    Attributes:
        columns: their names.
        batches: the rows, some at a time.
    """

    columns: Sequence[str]
    batches: Iterator[Sequence[Sequence[Any]]]


@contextmanager
def opened_rows(source: Source, since: Mark | None, secrets: Secrets) -> Iterator[Rows]:
    """Ask a database its query.

    Args:
        source: of rows.
        since: what ``:since`` stands for.
        secrets: of this pull.

    Raises:
        PullError: an environment variable is not set, or its URL is none.
        Exception: whatever driver and SQLAlchemy say of a host, a login or the query.
    """
    url = _url(source.url, secrets)
    dialect = url.get_backend_name()
    engine = create_engine(
        url, poolclass=NullPool, connect_args=_ARGUMENTS.get(dialect, {}), hide_parameters=True
    )
    options = {"postgresql_readonly": True} if dialect == "postgresql" else {}
    with engine.connect().execution_options(**options) as connection:
        for statement in _OPENING.get(dialect, ()):
            connection.exec_driver_sql(statement)
        with _answer(connection, str(source.query), since) as answer:
            yield Rows(list(answer.keys()), answer.partitions(ROWS_AT_ONCE))
        connection.rollback()


def _answer(connection: Connection, query: str, since: Mark | None) -> Any:
    """The beginning of the answer, of which no more is held than a batch.

    Before there is a mark its type is not known, so NULL stands in the text itself.
    """
    bound = text(_SINCE.sub("null", query) if since is None else query)
    values = {} if since is None or not _SINCE.search(query) else {"since": since}
    return connection.execute(
        bound, values, execution_options={"stream_results": True, "max_row_buffer": ROWS_AT_ONCE}
    )


def _url(said: str, secrets: Secrets) -> URL:
    """The URL with its secrets; one that is written in parts is filled in part by part, whatever they hold.

    Raises:
        PullError: an environment variable is not set, or what it holds is no URL.
    """
    try:
        if is_reference(said):
            return make_url(secrets.fill(said))
        url = make_url(said)
    except ArgumentError:
        raise PullError("The URL of the database cannot be read; it begins as in postgresql://.") from None

    def filled(part: str | None) -> str | None:
        return None if part is None else secrets.fill(part)

    return URL.create(
        url.drivername,
        *(filled(url.username), filled(url.password), filled(url.host), url.port, filled(url.database)),
        {
            name: secrets.fill(value) if isinstance(value, str) else tuple(map(secrets.fill, value))
            for name, value in url.query.items()
        },
    )
