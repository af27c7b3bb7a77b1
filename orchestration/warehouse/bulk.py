"""Frames in and out of PostgreSQL, always in bulk: COPY to write, ADBC (Arrow) to read.

A transaction that is under way is read through its own connection, into the same frame.

COPY cannot write to a table under row-level security, so rows go to a temporary table first and from there
by one ``insert ... select``, which is also where keys are resolved.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, LiteralString

import polars as pl
import psycopg
from psycopg import sql

from orchestration.warehouse.asking import Place
from orchestration.warehouse.kept import lent
from orchestration.warehouse.server import Warehouse

_SLICE_ROWS = 200_000

_TYPES: dict[str, pl.DataType | type[pl.DataType]] = {
    "bool": pl.Boolean,
    "int2": pl.Int16,
    "int4": pl.Int32,
    "int8": pl.Int64,
    "float4": pl.Float32,
    "float8": pl.Float64,
    "text": pl.String,
    "varchar": pl.String,
    "date": pl.Date,
    "timestamptz": pl.Datetime("us", "UTC"),
}
"""What ADBC makes of PostgreSQL's types; of arrays, lists of them."""


def read_frame(place: Place, query: str) -> pl.DataFrame:
    """The result of a query as a frame, read as the pipeline's role or as that of a transaction.

    Args:
        place: the warehouse, or a transaction under way whose time zone is UTC.
        query: SQL without parameters; compose it with ``render`` so that values are quoted by the driver.
            Cast numerics to ``float8``: Arrow carries PostgreSQL's numeric as text.
    """
    if isinstance(place, Warehouse):
        from adbc_driver_postgresql import dbapi

        connect = partial(dbapi.connect, autocommit=True)
        with lent("adbc", place.pipeline_url, connect, _asked_for_one) as reading:
            return _read(reading, query)
    with place.cursor() as cursor:
        return fetched(cursor.execute(query.encode()))


def _read(connection: Any, query: str) -> pl.DataFrame:
    with connection.cursor() as cursor:
        return Snapshot(cursor).frame(query)


def _asked_for_one(connection: Any) -> None:
    _read(connection, "select 1")


@dataclass(frozen=True)
class Snapshot:
    """Results of several queries as of one moment, whatever is written meanwhile.

    Attributes:
        cursor: of an ADBC connection within a transaction.
    """

    cursor: Any

    def frame(self, query: str) -> pl.DataFrame:
        """The result of a query as a frame; the query as for :func:`read_frame`."""
        self.cursor.execute(query)
        return pl.DataFrame(self.cursor.fetch_arrow())

    def parts(self, query: str) -> Iterator[pl.DataFrame]:
        """The result of a query as the server sends it, some megabytes at a time."""
        self.cursor.execute(query)
        for batch in self.cursor.fetch_record_batch():
            yield pl.DataFrame(batch)


@contextmanager
def snapshot(warehouse: Warehouse) -> Iterator[Snapshot]:
    """Read as the pipeline's role, everything as of the moment of the first query."""
    from adbc_driver_postgresql import dbapi

    with lent("adbc, transactions", warehouse.pipeline_url, dbapi.connect, _answers_and_ends) as connection:
        with connection.cursor() as cursor:
            cursor.execute("set transaction isolation level repeatable read, read only")
            yield Snapshot(cursor)
        connection.rollback()


def _answers_and_ends(connection: Any) -> None:
    """Ask a connection for something, and leave it where a transaction begins with the next question."""
    _asked_for_one(connection)
    connection.rollback()


def fetched(cursor: psycopg.Cursor[Any]) -> pl.DataFrame:
    """What a cursor's query found, as a frame of the types that ADBC gives it."""
    schema = {column.name: _type_of(cursor, column.type_code) for column in cursor.description or ()}
    return pl.DataFrame(cursor.fetchall(), schema=schema, orient="row")


def _type_of(cursor: psycopg.Cursor[Any], code: int) -> pl.DataType | type[pl.DataType]:
    known = cursor.adapters.types.get(code)
    if known is None or known.name not in _TYPES:
        raise LookupError(f"No frame holds PostgreSQL's type {known.name if known else code}; cast it.")
    return pl.List(_TYPES[known.name]) if code == known.array_oid else _TYPES[known.name]


def render(query: LiteralString, **values: Any) -> str:
    """The query with each ``{name}`` replaced by its value as a quoted literal."""
    return sql.SQL(query).format(**{k: sql.Literal(v) for k, v in values.items()}).as_string(None)


def copy_to_temporary(connection: psycopg.Connection[Any], name: str, like: str, frame: pl.DataFrame) -> None:
    """Create a temporary table with the columns of the frame, typed like a table's, and fill it by COPY.

    Args:
        connection: inside a transaction; the temporary table ends with it.
        name: name of the temporary table.
        like: schema-qualified table whose column types are taken.
        frame: its columns are a subset of that table's. Lists of text become text arrays.
    """
    create_temporary(connection, name, like, frame.columns)
    append_to_temporary(connection, name, frame)


def create_temporary(
    connection: psycopg.Connection[Any], name: str, like: str, columns: Sequence[str]
) -> None:
    """Create an empty temporary table with these columns, typed like another table's."""
    connection.execute(
        sql.SQL("create temporary table {} on commit drop as select {} from {} with no data").format(
            sql.Identifier(name),
            sql.SQL(", ").join(map(sql.Identifier, columns)),
            sql.Identifier(*like.split(".")),
        )
    )


def add_to_temporary(connection: psycopg.Connection[Any], name: str, like: str, column: str) -> None:
    """Add a column to a temporary table, typed like another table's; rows that are there have none of it."""
    typed = connection.execute(
        """
        select format_type(atttypid, atttypmod) from pg_attribute
        where attrelid = %s::regclass and attname = %s
        """,
        (like, column),
    ).fetchone()
    if typed is None:
        raise LookupError(f"{like} has no column {column}")
    connection.execute(
        sql.SQL("alter table {} add column {} {}").format(
            sql.Identifier("pg_temp", name), sql.Identifier(column), sql.SQL(typed[0])
        )
    )


def append_to_temporary(connection: psycopg.Connection[Any], name: str, frame: pl.DataFrame) -> None:
    """COPY a frame into an existing temporary table."""
    copy_into(connection, sql.Identifier(name), frame)


def copy_into(connection: psycopg.Connection[Any], table: sql.Identifier, frame: pl.DataFrame) -> None:
    """COPY a frame into a table without row-level security."""
    _copy(connection, table, frame.columns, [frame])


def _copy(
    connection: psycopg.Connection[Any],
    table: sql.Identifier,
    columns: Sequence[str],
    frames: Iterable[pl.DataFrame],
) -> None:
    statement = sql.SQL("copy {} ({}) from stdin (format csv)").format(
        table, sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for frame in frames:
            for chunk in _csv_chunks(frame):
                copy.write(chunk)


def insert_frame(connection: psycopg.Connection[Any], table: str, frame: pl.DataFrame) -> int:
    """Append a frame to a tenant table; returns the rows written.

    Args:
        connection: inside a transaction.
        table: schema-qualified name.
        frame: its columns are a subset of the table's.
    """
    return insert_frames(connection, table, [frame])


def insert_frames(
    connection: psycopg.Connection[Any],
    table: str,
    frames: Iterable[pl.DataFrame],
    same: Mapping[str, object] | None = None,
) -> int:
    """Append frames to a tenant table, each written before the next is asked for; returns the rows written.

    Args:
        connection: inside a transaction, which everything is in.
        table: schema-qualified name.
        frames: all with the same columns, a subset of the table's.
        same: columns that have one value in every row, with it.
    """
    filled = (frame for frame in frames if not frame.is_empty())
    first = next(filled, None)
    if first is None:
        return 0
    temporary = f"load_{table.replace('.', '_')}"
    create_temporary(connection, temporary, table, first.columns)
    _copy(connection, sql.Identifier(temporary), first.columns, chain([first], filled))
    same = same or {}
    written = connection.execute(
        sql.SQL("insert into {} ({}) select {} from {}").format(
            sql.Identifier(*table.split(".")),
            sql.SQL(", ").join(map(sql.Identifier, [*same, *first.columns])),
            sql.SQL(", ").join([*map(sql.Literal, same.values()), *map(sql.Identifier, first.columns)]),
            sql.Identifier(temporary),
        )
    ).rowcount
    connection.execute(sql.SQL("drop table {}").format(sql.Identifier(temporary)))
    return written


def _csv_chunks(frame: pl.DataFrame) -> Iterator[bytes]:
    """CSV as COPY reads it: NULL is an empty field, an empty text is a quoted one."""
    lists = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.List)]
    ready = frame.with_columns(
        pl.concat_str(
            pl.lit("{"), pl.col(name).list.eval(pl.format('"{}"', pl.element())).list.join(","), pl.lit("}")
        ).alias(name)
        for name in lists
    )
    for part in ready.iter_slices(_SLICE_ROWS):
        buffer = io.BytesIO()
        part.write_csv(buffer, include_header=False, quote_style="non_numeric", null_value="")
        yield buffer.getvalue()
