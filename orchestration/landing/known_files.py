"""What is remembered of the files that were there before: by name, and by content.

Belongs here: reading ``ops.landing_files``. Does not belong here: writing it (``records``) and deciding by it
(``discovery``, ``load``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestration.landing.records import Connection, Identity
from orchestration.warehouse.server import Warehouse


@dataclass(frozen=True)
class KnownFile:
    """One row of ``ops.landing_files``: what became of a content under a name.

    Attributes:
        path: the name.
        sha256: the content.
        status: what became of it.
        config_digest: ``Client.reading_digest()`` as it was.
        size_bytes: its size.
        modified_ns: the file's time of change when it was last read; None where it was not opened, or where
            an earlier version recorded it.
    """

    path: str
    sha256: str
    status: str
    config_digest: str
    size_bytes: int
    modified_ns: int | None


def known_files(warehouse: Warehouse, client_id: str) -> list[KnownFile]:
    """Everything ever recorded of a client's files, in that order."""
    with warehouse.transaction() as connection:
        return [
            KnownFile(*row)
            for row in connection.execute(
                """
                select path, sha256, status, config_digest, size_bytes, modified_ns
                from ops.landing_files where client_id = %s order by file_id
                """,
                (client_id,),
            )
        ]


def newest_delivery(connection: Connection, client_id: str) -> int | None:
    """The highest number of a delivery or withdrawal that a client's tables follow; None before the first."""
    row = connection.execute(
        """
        select max(file_id) from ops.landing_files
        where client_id = %s and status in ('loaded', 'withdrawal')
        """,
        (client_id,),
    ).fetchone()
    return row[0] if row else None


@dataclass(frozen=True)
class Earlier:
    """The last delivery of a content that comes again.

    Attributes:
        path: the name it was loaded under.
        is_latest: nothing of its table was delivered or withdrawn since, so that it can change nothing.
    """

    path: str
    is_latest: bool


def earlier_delivery(connection: Connection, identity: Identity, kinds: Sequence[str]) -> Earlier | None:
    """The last time that the content was loaded as one of the kinds of a table and not withdrawn."""
    row = connection.execute(
        """
        select
            loaded.path,
            not exists (
                select from ops.landing_files as later
                where later.client_id = loaded.client_id
                    and later.file_id > loaded.file_id
                    and later.kind = any(%(kinds)s)
                    and later.status in ('loaded', 'withdrawal')
            )
        from ops.landing_files as loaded
        where loaded.client_id = %(client_id)s
            and loaded.sha256 = %(sha256)s
            and loaded.kind = any(%(kinds)s)
            and loaded.status = 'loaded'
        order by loaded.file_id desc
        limit 1
        """,
        {"client_id": identity.client.client_id, "sha256": identity.sha256, "kinds": list(kinds)},
    ).fetchone()
    return Earlier(*row) if row else None
