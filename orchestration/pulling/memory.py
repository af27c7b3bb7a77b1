"""What was pulled before, in ``ops.pulled``: from where pulling goes on.

Belongs here: reading and writing that table. Does not belong here: what a state says (``remote_files``,
``watermarks``).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from orchestration.sources import Source
from orchestration.warehouse.server import Warehouse

State = dict[str, Any]

THE_QUERY = ""
"""The item of a source that has rows, not files."""


@dataclass(frozen=True)
class Memory:
    """What is remembered of a client's source.

    Attributes:
        client_id: whose.
        source: its name.
        made_of: digest of the settings that say what is there; what was pulled under others does not count.
    """

    client_id: str
    source: str
    made_of: str

    def states(self, warehouse: Warehouse) -> dict[str, State]:
        """Item -> its state when it was last pulled."""
        with warehouse.transaction() as connection:
            return dict(
                connection.execute(
                    """
                    select item, state from ops.pulled
                    where client_id = %s and source = %s and made_of = %s
                    """,
                    (self.client_id, self.source, self.made_of),
                ).fetchall()
            )

    def keep(
        self, connection: psycopg.Connection[Any], item: str, state: State, landed_as: str, size_bytes: int
    ) -> None:
        """Remember an item; in the transaction at whose end its file is to be seen."""
        connection.execute(
            """
            insert into ops.pulled (client_id, source, item, made_of, state, landed_as, size_bytes)
            values (%s, %s, %s, %s, %s, %s, %s)
            on conflict (client_id, source, item) do update set
                made_of = excluded.made_of, state = excluded.state, landed_as = excluded.landed_as,
                size_bytes = excluded.size_bytes, pulled_at = now()
            """,
            (self.client_id, self.source, item, self.made_of, Jsonb(state), landed_as, size_bytes),
        )

    def forget(self, warehouse: Warehouse) -> None:
        """Begin anew: whatever is there counts as new."""
        with warehouse.transaction() as connection:
            connection.execute(
                "delete from ops.pulled where client_id = %s and source = %s", (self.client_id, self.source)
            )


def memory_of(client_id: str, name: str, source: Source) -> Memory:
    """What is remembered of a source as it is set now."""
    said = source.model_dump(include={"url", "query", "kind", "watermark"})
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
    return Memory(client_id, name, digest)


def last_pulls(warehouse: Warehouse, client_id: str) -> dict[str, tuple[datetime, str]]:
    """Source -> when something was last pulled from it, and what it landed as."""
    with warehouse.transaction() as connection:
        return {
            source: (pulled_at, landed_as)
            for source, pulled_at, landed_as in connection.execute(
                """
                select distinct on (source) source, pulled_at, landed_as from ops.pulled
                where client_id = %s order by source, pulled_at desc
                """,
                (client_id,),
            )
        }
