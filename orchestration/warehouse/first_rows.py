"""A client's first rows of a large table, written before there is an index.

Belongs here: a client's partition of the tables in ``staging.PARTITIONED``, from a bare table to an attached
partition, and what the planner knows of what was written. Does not belong here: which rows (``landing``), the
partitions that a client has from its beginning (``tenancy``).

Until it is attached at the end of its transaction, nobody sees the new table, and attaching keeps neither
readers nor writers of other partitions from their work. A key that is built of all rows costs a fraction of
one that grows row by row.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from orchestration.warehouse.server import roles_of
from orchestration.warehouse.tables import metadata, staging
from orchestration.warehouse.tenancy import partition_name, relation_exists, secure_table

Connection = psycopg.Connection[Any]

_NOTICEABLE_ROWS = 1_000
_NOTICEABLE_SHARE = 0.2
"""Rows written, and their share of those that the planner knows, from which on it is told."""

_ONLY_A_PARENT = 180_000
"""The server from which on a partitioned table is looked at without its partitions."""


def lacks_partition(connection: Connection, table: str, client_id: str) -> bool:
    """Whether a client has no partition of a table that is to have one, and so no rows."""
    return _is_partitioned(table) and not relation_exists(
        connection, f"staging.{partition_name(table, client_id)}"
    )


def make_bare(connection: Connection, table: str, client_id: str, file_id: int) -> sql.Identifier:
    """Make a table for a client's first rows, without key and policies.

    Args:
        connection: of the pipeline's role, in the transaction that ends with ``attach``, or with
            ``discard_unless_attached``.
        table: name of the partitioned table.
        client_id: whose rows they are; only its.
        file_id: the delivery that they come in. Both are given to rows that do not say them.
    """
    bare = _identifier(table, client_id)
    connection.execute(
        sql.SQL("create table {} (like {} including defaults including constraints)").format(
            bare, sql.Identifier("staging", table)
        )
    )
    connection.execute(
        sql.SQL("alter table {} alter client_id set default {}, alter file_id set default {}").format(
            bare, sql.Literal(client_id), sql.Literal(file_id)
        )
    )
    return bare


def build_key(connection: Connection, table: str, client_id: str) -> None:
    """Build the key of a bare table whose rows are all there; other clients have the other processors.

    Raises:
        psycopg.errors.UniqueViolation: two rows have the same.
    """
    connection.execute("set local max_parallel_maintenance_workers = 0")
    key = metadata.tables[f"staging.{table}"].primary_key.columns.keys()
    connection.execute(
        sql.SQL("alter table {} add primary key ({})").format(
            _identifier(table, client_id), sql.SQL(", ").join(map(sql.Identifier, key))
        )
    )


def attach(connection: Connection, table: str, client_id: str) -> None:
    """Make a table with its key the client's partition."""
    bare, parent = _identifier(table, client_id), sql.Identifier("staging", table)
    connection.execute(
        sql.SQL("alter table {} alter client_id drop default, alter file_id drop default").format(bare)
    )
    secure_table(connection, roles_of(connection), "staging", partition_name(table, client_id))
    connection.execute(
        sql.SQL("alter table {} attach partition {} for values in ({})").format(
            parent, bare, sql.Literal(client_id)
        )
    )
    connection.execute(sql.SQL("analyze {}").format(bare))
    is_much = _known_rows(connection, bare) >= _NOTICEABLE_SHARE * max(_known_rows(connection, parent), 0)
    if is_much and connection.info.server_version >= _ONLY_A_PARENT:
        connection.execute(sql.SQL("analyze only {}").format(parent))


def discard_unless_attached(connection: Connection, table: str, client_id: str) -> None:
    """Drop a bare table that did not become a partition."""
    bare = _identifier(table, client_id)
    row = connection.execute(
        "select relispartition from pg_class where oid = to_regclass(%s)", (bare.as_string(connection),)
    ).fetchone()
    if row == (False,):
        connection.execute(sql.SQL("drop table {}").format(bare))


def tell_planner(connection: Connection, table: str, client_id: str, rows: int, *, are_first: bool) -> None:
    """Have rows counted that the planner would not expect, which it would not know before autovacuum comes.

    Args:
        connection: of the pipeline's role, near the end of the transaction that wrote them: until it ends,
            others wait who want to count the same table.
        table: where they are.
        client_id: whose they are.
        rows: how many were written.
        are_first: the client may have had none there; a partition counts its own.
    """
    if rows < _NOTICEABLE_ROWS:
        return
    place = _identifier(table, client_id) if _is_partitioned(table) else sql.Identifier("staging", table)
    is_news = are_first and not _is_partitioned(table)
    if is_news or rows >= _NOTICEABLE_SHARE * max(_known_rows(connection, place), 0):
        connection.execute(sql.SQL("analyze {}").format(place))


def _known_rows(connection: Connection, table: sql.Identifier) -> float:
    """The rows that the planner believes a table to have; -1 where it was never told."""
    row = connection.execute(
        "select reltuples::float8 from pg_class where oid = to_regclass(%s)", (table.as_string(connection),)
    ).fetchone()
    return float(row[0]) if row else -1.0


def _is_partitioned(table: str) -> bool:
    return any(partitioned.name == table for partitioned in staging.PARTITIONED)


def _identifier(table: str, client_id: str) -> sql.Identifier:
    return sql.Identifier("staging", partition_name(table, client_id))
