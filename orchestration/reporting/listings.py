"""Rows of one client by the page: filters, fields and keysets over what is declared.

Belongs here: what a listing is, and the one query that answers for all of them. Does not belong here: which
listings there are (``catalogue``), how a page travels (``api``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any, LiteralString

import polars as pl
import psycopg
from psycopg import sql

from orchestration.warehouse.bulk import fetched
from orchestration.warehouse.gap_vocabulary import Concern


class Kind(StrEnum):
    """What a field holds, and the type of PostgreSQL that its values are compared as."""

    TEXT = "text"
    TEXTS = "text[]"
    WHOLE = "bigint"
    NUMBER = "float8"
    DAY = "date"
    MOMENT = "timestamptz"
    TRUTH = "boolean"
    UUID = "uuid"


class Worker(StrEnum):
    """Which of a client's two roles may read the relation."""

    READER = "reader"
    WRITER = "writer"


@dataclass(frozen=True)
class Field:
    """A column of a listing."""

    name: str
    kind: Kind

    @property
    def selected(self) -> sql.Composable:
        """The column as it is read: of a type that a frame holds."""
        name = sql.Identifier(self.name)
        if self.kind in (Kind.NUMBER, Kind.WHOLE):
            return sql.SQL("{}::{} as {}").format(name, sql.SQL(self.kind.value), name)
        return sql.SQL("{}::text as {}").format(name, name) if self.kind is Kind.UUID else name


def fields(spelled: str) -> tuple[Field, ...]:
    """Fields from ``name`` or ``name:kind``, in their order; a name alone is a text."""
    pairs = [word.partition(":") for word in spelled.split()]
    return tuple(Field(name, Kind[kind.upper()] if kind else Kind.TEXT) for name, _, kind in pairs)


@dataclass(frozen=True)
class Listing:
    """Something of a client that is read by the page.

    Attributes:
        name: last part of its path.
        sentence: what a row is.
        relation: a table, a view or a query in parentheses; ``{client}`` stands for the client there.
        fields: what a row has.
        key: the fields by which rows are ordered; together they name one row.
        descending: the largest key first.
        filters: fields that may be asked for by value.
        ranges: fields that may be asked for by their first and last.
        worker: the role that may read it.
        concerns: the answers it depends on: what stands in the way of them explains an empty page.
    """

    name: str
    sentence: str
    relation: LiteralString
    fields: tuple[Field, ...]
    key: tuple[str, ...]
    descending: bool = False
    filters: tuple[str, ...] = ()
    ranges: tuple[str, ...] = ()
    worker: Worker = Worker.READER
    concerns: tuple[Concern, ...] = ("deliveries",)

    @cached_property
    def by_name(self) -> Mapping[str, Field]:
        return {found.name: found for found in self.fields}


@dataclass(frozen=True)
class Wish:
    """What is asked of a listing.

    Attributes:
        limit: rows of the page.
        chosen: names of the fields wanted; none means all.
        equal: field -> values, one of which a row has.
        first: field -> the smallest value.
        last: field -> the largest.
        after: the key of the last row seen.
    """

    limit: int
    chosen: Sequence[str] = ()
    equal: Mapping[str, Sequence[str]] = field(default_factory=dict)
    first: Mapping[str, str] = field(default_factory=dict)
    last: Mapping[str, str] = field(default_factory=dict)
    after: Sequence[Any] = ()

    @property
    def is_filtered(self) -> bool:
        return bool(self.equal or self.first or self.last)


@dataclass(frozen=True)
class Page:
    """Rows of a listing, and the key to go on after; None at the end."""

    rows: pl.DataFrame
    next_key: tuple[Any, ...] | None


def read_page(connection: psycopg.Connection[Any], listing: Listing, client_id: str, wish: Wish) -> Page:
    """The rows after a key, in the order of keys.

    Args:
        connection: a transaction that works as a role of the client.
        listing: what is read.
        client_id: whose rows; the role decides, this lets the server leave out the others' partitions.
        wish: which of them.
    """
    names = [found.name for found in listing.fields if not wish.chosen or found.name in wish.chosen]
    hidden = [name for name in listing.key if name not in names]
    with connection.cursor() as cursor:
        found = fetched(cursor.execute(_query(listing, client_id, wish, [*names, *hidden])))
    rows = found.head(wish.limit)
    next_key = rows.select(listing.key).row(-1) if found.height > wish.limit else None
    return Page(rows.select(names), next_key)


def _query(listing: Listing, client_id: str, wish: Wish, names: Sequence[str]) -> sql.Composed:
    client = sql.Literal(client_id)
    conditions = [
        sql.SQL("client_id = {}").format(client),
        *(
            sql.SQL("{} = any({})").format(sql.Identifier(name), _bound(listing, name, list(values)))
            for name, values in wish.equal.items()
        ),
        *(
            sql.SQL("{} {} {}").format(sql.Identifier(name), sql.SQL(sign), _bound(listing, name, value))
            for sign, bounds in ((">=", wish.first), ("<=", wish.last))
            for name, value in bounds.items()
        ),
    ]
    key = sql.SQL(", ").join(map(sql.Identifier, listing.key))
    if wish.after:
        seen = [_bound(listing, name, value) for name, value in zip(listing.key, wish.after, strict=True)]
        conditions.append(
            sql.SQL("({}) {} ({})").format(
                key, sql.SQL("<" if listing.descending else ">"), sql.SQL(", ").join(seen)
            )
        )
    return sql.SQL("select {} from {} as listed where {} order by {} limit {}").format(
        sql.SQL(", ").join(listing.by_name[name].selected for name in names),
        sql.SQL(listing.relation).format(client=client),
        sql.SQL(" and ").join(conditions),
        # as it is stored, not as it is selected: an index knows the order of that
        sql.SQL(", ").join(
            sql.SQL("listed.{} {}").format(
                sql.Identifier(name), sql.SQL("desc" if listing.descending else "asc")
            )
            for name in listing.key
        ),
        sql.Literal(wish.limit + 1),
    )


def _bound(listing: Listing, name: str, value: Any) -> sql.Composable:
    """A value as a quoted literal of the field's type, so that the server judges it before comparing."""
    kind = sql.SQL(listing.by_name[name].kind.value)
    if isinstance(value, list):
        return sql.SQL("{}::text[]::{}[]").format(sql.Literal(value), kind)
    return sql.SQL("{}::text::{}").format(sql.Literal(str(value)), kind)
