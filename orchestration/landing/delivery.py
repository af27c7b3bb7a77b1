"""One file on its way to staging: the temporary tables of its transaction.

Belongs here: the tables ``delivery`` (rows accepted so far) and ``refused``, and moving a row from one to
the other; rows that are put where they stay. Does not belong here: which rows (``judging``, ``whole_file``),
and what becomes of them (``publishing``).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import cached_property
from typing import Any, LiteralString

import polars as pl
import psycopg
from psycopg import sql

from orchestration.landing.batches import LINE, RAW
from orchestration.landing.contracts import Contract
from orchestration.landing.layout import Layout
from orchestration.landing.reasons import Reason, feed_to_set
from orchestration.landing.records import Connection, Identity
from orchestration.landing.values import BOOK
from orchestration.warehouse.bulk import (
    add_to_temporary,
    append_to_temporary,
    copy_into,
    create_temporary,
)
from orchestration.warehouse.first_rows import (
    build_key,
    discard_unless_attached,
    lacks_partition,
    make_bare,
)
from orchestration.warehouse.tables import metadata

REJECTED_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    LINE: pl.Int64,
    "reason": pl.String,
    "column_name": pl.String,
    "message": pl.String,
    RAW: pl.String,
    "units": BOOK,
}


_PARTS_OF_A_DAY = ("order_id", "reason")
"""Columns that tell the rows of a day apart; empty where nobody says them."""


class NotInPlaceError(Exception):
    """Rows that were put where they stay have to be held against each other first."""


class Delivery:
    """The temporary tables of one file.

    ``delivery`` has the staging columns of the file and ``line_number``; ``refused`` has ``REJECTED_SCHEMA``.
    The text of an accepted row is not copied; ``raw`` is NULL where the row was accepted first.

    A client's first rows may be put where they stay: into the bare table that becomes its partition, of which
    ``delivery`` is then a view, without line numbers.

    Args:
        connection: inside the file's transaction; the tables end with it.
        identity: the file.
        contract: what it holds.
        layout: how it is laid out, as far as somebody said.
        feed_name: the feed that says how it is read; None where none does.
        is_snapshot: the file is all there is of its days: what it lacks is taken out.
        may_be_in_place: rows without an order, a reason and a measure of their own need be held against each
            other for their keys only.

    Attributes:
        columns: the staging columns of ``delivery``; empty before the first rows.
        file_id: the delivery's number, once its rows need one.
    """

    def __init__(
        self,
        connection: Connection,
        identity: Identity,
        contract: Contract,
        layout: Layout,
        *,
        feed_name: str | None = None,
        is_snapshot: bool = False,
        may_be_in_place: bool = False,
    ) -> None:
        self.connection = connection
        self.identity = identity
        self.contract = contract
        self.layout = layout
        self.feed_name = feed_name
        self.is_snapshot = is_snapshot
        self.columns: list[str] = []
        self.file_id: int | None = None
        self._may_be_in_place = may_be_in_place
        self._bare: sql.Identifier | None = None
        self._days: tuple[date | None, date | None] = (None, None)
        create_temporary(connection, "refused", "ops.rejected_rows", list(REJECTED_SCHEMA))

    @property
    def client_id(self) -> str:
        return self.identity.client.client_id

    @property
    def feed_to_set(self) -> str:
        """The feed that a command changes to have the file read in another way."""
        return feed_to_set(self.feed_name, self.contract.name, self.identity.client.feeds)

    @property
    def values(self) -> list[str]:
        """Columns the delivery carries, the key apart; the others keep what an earlier delivery said."""
        return [name for name in self.columns if name not in self.contract.key]

    @property
    def order(self) -> list[str]:
        """The key in the order of the table's index, in which rows are written fastest."""
        key = metadata.tables[f"staging.{self.contract.table}"].primary_key.columns.keys()
        return [name for name in key if name != "client_id"]

    @cached_property
    def is_first(self) -> bool:
        """Whether the client's table is still to be made for it, so that nothing of it is staged."""
        return lacks_partition(self.connection, self.contract.table, self.client_id)

    @cached_property
    def meets_staged(self) -> bool:
        """Whether rows are staged that the accepted ones may be about, once all of those are there.

        Where the table is ordered by day, the client's rows of the delivery's days, else all of its rows. As
        long as the client's landing lock is held nobody adds any.
        """
        if self.is_first:
            return False
        by_day = self.order[0] == "date"
        [meets] = self.row(
            sql.SQL("select exists (select from {table} where client_id = {client} {of_its_days})").format(
                table=sql.Identifier("staging", self.contract.table),
                client=sql.Literal(self.client_id),
                of_its_days=sql.SQL("and date between {} and {}").format(*map(sql.Literal, self._days))
                if by_day
                else sql.SQL(""),
            )
        )
        return bool(meets)

    @property
    def units(self) -> sql.SQL:
        """The units of a row, NULL for kinds that have none."""
        return sql.SQL("units_sold" if "units_sold" in self.columns else "null::numeric")

    @property
    def is_in_place(self) -> bool:
        """Whether its rows are where they stay."""
        return self._bare is not None

    def append(self, accepted: pl.DataFrame, rejected: pl.DataFrame) -> None:
        """COPY rows into both tables; a later batch may have columns that the first had no need of.

        Raises:
            NotInPlaceError: rows are in place, and one of these cannot be.
        """
        columns, table = [name for name in accepted.columns if name != LINE], f"staging.{self.contract.table}"
        if not self.columns:
            self.columns = columns
            if self._may_be_in_place and self.is_first and _stand_alone(accepted):
                self._put_in_place()
            else:
                create_temporary(self.connection, "delivery", table, columns)
                self.connection.execute(f"alter table delivery add column {LINE} bigint")
        for name in columns:
            if name not in self.columns:
                if not self.is_in_place:
                    add_to_temporary(self.connection, "delivery", table, name)
                self.columns.append(name)
        if "date" in columns:
            ends = accepted.select(first=pl.col("date").min(), last=pl.col("date").max()).row(0)
            days = [day for day in (*self._days, *ends) if day is not None]
            self._days = (min(days, default=None), max(days, default=None))
        if self._bare is None:
            append_to_temporary(self.connection, "delivery", accepted)
        elif _stand_alone(accepted):
            copy_into(self.connection, self._bare, accepted.drop(LINE, *_PARTS_OF_A_DAY))
        else:
            raise NotInPlaceError
        append_to_temporary(self.connection, "refused", rejected)

    def _put_in_place(self) -> None:
        [self.file_id] = self.row("select nextval(pg_get_serial_sequence('ops.landing_files', 'file_id'))")
        self._bare = make_bare(self.connection, self.contract.table, self.client_id, self.file_id)
        self.connection.execute(
            sql.SQL("create temporary view delivery as select * from {}").format(self._bare)
        )

    def complete(self) -> None:
        """Let the planner know the rows, all of which are there; what is not joined can do without.

        Raises:
            NotInPlaceError: rows are in place, and two have the same key.
        """
        if self.is_in_place:
            try:
                build_key(self.connection, self.contract.table, self.client_id)
            except psycopg.errors.UniqueViolation as error:
                raise NotInPlaceError from error
        elif self.meets_staged:
            self.connection.execute("analyze delivery")

    def end(self) -> None:
        """Leave nothing behind of rows in place but the client's partition, where they became one."""
        if self.is_in_place:
            self.connection.execute("drop view delivery")
            discard_unless_attached(self.connection, self.contract.table, self.client_id)

    def refuse(self, lines: sql.Composed, reason: Reason, column: str, message: str) -> None:
        """Move accepted rows to the rejected ones.

        Args:
            lines: a query of their line numbers.
            reason: why.
            column: the column at fault.
            message: one sentence, the same for all of them.
        """
        self.connection.execute(
            sql.SQL(
                """
                with removed as (
                    delete from delivery where line_number in ({lines})
                    returning line_number, {units} as units
                )
                insert into refused (line_number, reason, column_name, message, units)
                select line_number, {reason}, {column}, {message}, units from removed
                """
            ).format(
                lines=lines,
                units=self.units,
                reason=sql.Literal(reason.value),
                column=sql.Literal(column),
                message=sql.Literal(message),
            )
        )

    def row(self, query: sql.Composed | LiteralString, parameters: Sequence[Any] = ()) -> tuple[Any, ...]:
        """The only row of a query."""
        row = self.connection.execute(query, parameters).fetchone()
        if row is None:
            raise RuntimeError("an aggregate returned no row")
        return tuple(row)


def _stand_alone(accepted: pl.DataFrame) -> bool:
    """Whether rows are whole days of an item in measures that nobody named."""
    return not {"currency", "uom"} & set(accepted.columns) and all(
        name in accepted.columns and (accepted[name] == "").all() for name in _PARTS_OF_A_DAY
    )


def column_list(columns: Sequence[str]) -> sql.Composed:
    """Names of columns, quoted, with commas between them."""
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def same_key(row: str, key: Sequence[str]) -> sql.Composed:
    """Whether a row of another source and one of the delivery have the same values in these columns."""
    return sql.SQL(" and ").join(
        sql.SQL("{0}.{1} = delivery.{1}").format(sql.Identifier(row), sql.Identifier(name)) for name in key
    )
