"""What the planner knows of a column, where its estimates would tell one client of another.

Belongs here: which columns have no statistics, and switching them off. Does not belong here: rows
(``tenancy``).

``explain`` shows estimates made of all rows of a table, whoever they belong to: with statistics of a
category, a client reads from them how often another client's category occurs. Partitions do not hide it:
before a query runs, the plan has all of them, and the cost of each follows its own statistics.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

Connection = psycopg.Connection[Any]

KEPT = frozenset(
    {"client_id", "run_id", "forecast_run_id", "scoring_id", "model", "as_of_date", "status"}
    | {"is_current", "is_champion", "grain", "lag_bucket"}
)
"""Columns that keep their statistics: the pipeline finds its rows by them, and they say no more than how many
runs, scores and rows there are."""


def hide_statistics(connection: Connection) -> None:
    """Switch off the statistics of the tables that clients read; where they are off, nothing is altered.

    Args:
        connection: works as the owner of the tables.
    """
    for table, column in columns_with_statistics(connection):
        connection.execute(
            sql.SQL("alter table only {} alter column {} set statistics 0").format(
                sql.Identifier("analytics", table), sql.Identifier(column)
            )
        )


def columns_with_statistics(connection: Connection) -> list[tuple[str, str]]:
    """(table, column) of the tables that clients read, of which the server would collect statistics."""
    return connection.execute(
        """
        select relation.relname, attribute.attname
        from pg_attribute as attribute
        inner join pg_class as relation on relation.oid = attribute.attrelid
        where relation.relnamespace = to_regnamespace('analytics')
            and relation.relkind in ('r', 'p')
            and attribute.attnum > 0
            and not attribute.attisdropped
            and attribute.attname <> all(%s)
            and attribute.attstattarget is distinct from 0
            and exists (
                select from pg_attribute as owner
                where owner.attrelid = relation.oid and owner.attname = 'client_id' and not owner.attisdropped
            )
        order by relation.relname, attribute.attnum
        """,
        (sorted(KEPT),),
    ).fetchall()
