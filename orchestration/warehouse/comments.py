"""What tables and columns hold, said in the database: the comments of ``warehouse.tables``, brought there.

A comment is not part of the schema that migrations lead to: every ``migrate`` writes those that differ, so
that a better sentence needs no migration. Partitions stay without: people read them through their table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import MetaData

from orchestration.warehouse.tables import SCHEMAS, metadata

Described = tuple[str, ...]
"""Schema and table, and the column where it is one."""


def describe(connection: psycopg.Connection[Any]) -> list[Described]:
    """Write the comments that the database has not or has otherwise; returns what they are of.

    Args:
        connection: the administrative login, a member of the roles that own the tables.
    """
    there = _comments_of_the_database(connection)
    differing = {what: text for what, text in _comments_of_the_tables().items() if there.get(what) != text}
    for what, comment in differing.items():
        kind = sql.SQL("table" if len(what) == 2 else "column")
        connection.execute(
            sql.SQL("comment on {} {} is {}").format(kind, sql.Identifier(*what), sql.Literal(comment))
        )
    return list(differing)


def undescribed_tables() -> MetaData:
    """A copy of the tables without their comments, as migrations make them."""
    bare = MetaData(naming_convention=metadata.naming_convention)
    for table in metadata.tables.values():
        copy = table.to_metadata(bare)
        for described in (copy, *copy.columns):
            described.comment = None
    return bare


def _comments_of_the_tables() -> Mapping[Described, str | None]:
    comments: dict[Described, str | None] = {}
    for table in metadata.tables.values():
        name = (str(table.schema), table.name)
        comments[name] = table.comment
        comments |= {(*name, column.name): column.comment for column in table.columns}
    return comments


def _comments_of_the_database(connection: psycopg.Connection[Any]) -> Mapping[Described, str]:
    rows = connection.execute(
        """
        select namespace.nspname, relation.relname, attribute.attname, described.description
        from pg_description as described
        inner join pg_class as relation
            on relation.oid = described.objoid and described.classoid = 'pg_class'::regclass
        inner join pg_namespace as namespace on namespace.oid = relation.relnamespace
        left join pg_attribute as attribute
            on attribute.attrelid = relation.oid and attribute.attnum = described.objsubid
            and described.objsubid > 0
        where namespace.nspname = any(%s) and relation.relkind in ('r', 'p')
        """,
        (list(SCHEMAS),),
    ).fetchall()
    return {tuple(part for part in what if part): text for *what, text in rows}
