"""One file into ``staging`` in one transaction: wholly, or not at all.

Belongs here: the order of the statements, what needs the whole file (duplicate keys, order lines, the reject
rate) or the warehouse (restatements, mixed grain), and the records of what was done. Does not belong here:
judging a row (``validation``) and choosing files (``discovery``).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO, LiteralString

import polars as pl
import psycopg
from psycopg import sql

from orchestration.clients import Client
from orchestration.landing.contracts import (
    M5_SALES,
    SALES,
    FileRefusedError,
    Kind,
    Reason,
    Refusal,
    kind_of,
    known_names,
)
from orchestration.landing.discovery import content_hash
from orchestration.landing.m5 import COUNTRY, WideSales
from orchestration.landing.reader import LINE, RAW, Table, open_table
from orchestration.landing.records import (
    Connection,
    Identity,
    Outcome,
    is_loaded,
    keep_rejected,
    record,
    record_audit,
    record_duplicate,
    record_refusal,
)
from orchestration.landing.validation import REJECTED_SCHEMA, Judged, Rules, is_usable, judge
from orchestration.warehouse.bulk import append_to_temporary, create_temporary
from orchestration.warehouse.locks import Purpose, lock_transaction
from orchestration.warehouse.server import Warehouse

Progress = Callable[[str, int], None]
"""Called with a file's path and the rows read of it so far."""

_SHOWN_UNUSED = 10


class FileChangedError(Exception):
    """The file was written to while it was read; nothing is recorded, the next run takes it."""


def load_file(
    warehouse: Warehouse,
    client: Client,
    source: Path,
    path: str,
    *,
    run_id: str | None = None,
    on_progress: Progress | None = None,
) -> Outcome:
    """Load one file, or record why not.

    Args:
        warehouse: where to.
        client: whose file it is.
        source: where it is.
        path: what it is called in the records: its path below the landing folder.
        run_id: the Dagster run, where there is one.
        on_progress: told the rows read so far.

    Raises:
        FileChangedError: the file was written to meanwhile.
    """
    try:
        content = source.open("rb")
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
        return refuse_unopened(
            warehouse,
            client,
            path,
            Refusal.UNREADABLE,
            problem,
            sha256=hashlib.sha256(path.encode()).hexdigest(),
            run_id=run_id,
        )
    with content:
        before = os.fstat(content.fileno())
        identity = Identity(client, path, content_hash(content), before.st_size, run_id)
        try:
            with warehouse.transaction() as connection:
                lock_client(connection, client.client_id)
                content.seek(0)
                outcome = _load(connection, identity, content, on_progress)
                after = os.fstat(content.fileno())
                if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
                    raise FileChangedError(f"{path} was written to while it was read; the next run takes it.")
                return outcome
        except psycopg.DataError as error:
            refusal = FileRefusedError(
                Refusal.NOT_STORABLE, f"{path} cannot be stored ({str(error).splitlines()[0]})"
            )
            with warehouse.transaction() as connection:
                return record_refusal(connection, identity, kind_of(path), refusal, rows_read=0)


def lock_client(connection: Connection, client_id: str) -> None:
    """Two loads of one client wait for each other; the lock ends with the transaction."""
    lock_transaction(connection, Purpose.LANDING, client_id)


def refuse_unopened(
    warehouse: Warehouse,
    client: Client,
    path: str,
    refusal: Refusal,
    problem: str,
    *,
    sha256: str,
    run_id: str | None = None,
) -> Outcome:
    """Record the refusal of something that must not be opened.

    Args:
        warehouse: where to.
        client: whose file it is.
        path: its storable name.
        refusal: why.
        problem: the same in words, following the name.
        sha256: what stands for its content.
        run_id: the Dagster run, where there is one.
    """
    identity = Identity(client, path, sha256, 0, run_id)
    with warehouse.transaction() as connection:
        lock_client(connection, client.client_id)
        return record_refusal(
            connection, identity, kind_of(path), FileRefusedError(refusal, f"{path} {problem}"), rows_read=0
        )


# --- the order of things ------------------------------------------------------------------------------


def _load(
    connection: Connection, identity: Identity, content: BinaryIO, on_progress: Progress | None
) -> Outcome:
    if is_loaded(connection, identity):
        return record_duplicate(connection, identity)
    kind = kind_of(identity.path)
    if kind is None:
        refusal = FileRefusedError(
            Refusal.UNKNOWN_KIND, f"{identity.path} has no known name; known are {known_names()}"
        )
        return record_refusal(connection, identity, None, refusal, rows_read=0)
    staged = _Staged(connection, identity, kind, on_progress)
    try:
        notes = staged.fill(content)
        staged.refuse_repeated_and_mixed()
        rejected = staged.refuse_whole_if_too_bad()
    except FileRefusedError as refusal:
        return record_refusal(connection, identity, kind, refusal, rows_read=staged.rows_read)
    outcome = staged.publish(rejected, notes)
    record_audit(connection, identity, outcome)
    return outcome


class _Staged:
    """One file on its way: the temporary tables ``delivery`` and ``refused`` of the transaction."""

    def __init__(
        self, connection: Connection, identity: Identity, kind: Kind, on_progress: Progress | None
    ) -> None:
        self.rows_read = 0
        self._connection = connection
        self._identity = identity
        self._client = identity.client
        self._kind = kind
        self._on_progress = on_progress
        self._columns: list[str] = []
        self._wide: WideSales | None = None
        create_temporary(connection, "refused", "ops.rejected_rows", list(REJECTED_SCHEMA))

    def fill(self, content: BinaryIO) -> list[str]:
        """COPY the accepted and the rejected rows; returns remarks for the operator."""
        path = self._identity.path
        column_map = self._client.column_map.get(self._kind.name, {})
        table = open_table(content, path, self._identity.size_bytes, self._kind, column_map)
        for judged in self._judged(table):
            self.rows_read += judged.rows_read
            if not self._columns:
                self._create_delivery(judged.accepted.columns)
            append_to_temporary(self._connection, "delivery", judged.accepted)
            append_to_temporary(self._connection, "refused", judged.rejected)
            if self._on_progress:
                self._on_progress(path, self.rows_read)
        self._connection.execute("analyze delivery")
        return _unused_columns(table) if self._kind is not M5_SALES else []

    def _judged(self, table: Table) -> Iterator[Judged]:
        client = self._client
        if client.date_format and not self._kind.iso_dates and not is_usable(client.date_format):
            raise FileRefusedError(
                Refusal.BAD_DATE_FORMAT,
                f"{self._identity.path}: the client's date_format {client.date_format!r} does not give a day",
            )
        rules = Rules(
            today=client.today().date(),
            last_day=self._scalar(
                "select max(date) from staging.sales where client_id = %s", (client.client_id,)
            ),
            max_gap_days=client.max_gap_days,
            shift_days=client.date_shift_days,
            date_format=client.date_format,
            decimal_comma=table.decimal_comma,
        )
        if self._kind is M5_SALES:
            self._wide = WideSales(table, self._identity.path, rules, self._calendar())
            yield from self._wide.judged()
        else:
            for batch in table.batches:
                yield judge(batch, self._kind, rules)

    def _calendar(self) -> dict[str, date]:
        rows = self._connection.execute(
            "select d, date from staging.calendar where client_id = %s and d is not null",
            (self._client.client_id,),
        )
        return dict(rows.fetchall())

    def _create_delivery(self, columns: Sequence[str]) -> None:
        self._columns = [name for name in columns if name not in (LINE, RAW)]
        create_temporary(self._connection, "delivery", f"staging.{self._kind.table}", self._columns)
        self._connection.execute(
            f"alter table delivery add column {LINE} bigint"
            + (f", add column {RAW} text" if RAW in columns else "")
        )

    # what needs the whole file

    def refuse_repeated_and_mixed(self) -> None:
        """Rows with an earlier row's key, and days that would count twice; order lines are added up."""
        if self._kind is M5_SALES:
            return
        if self._kind is not SALES:
            self._refuse_repeated("")
            return
        has_orders = bool(self._scalar("select count(*) from delivery where order_id <> ''"))
        self._refuse_mixed(has_orders)
        if has_orders:
            self._add_up_order_lines()
        else:
            self._refuse_repeated(" Add an order_id column if rows are transaction lines.")

    def _refuse_repeated(self, advice: str) -> None:
        key = _names(self._kind.key)
        named = ", ".join(name for name in self._kind.key if name != "order_id")
        message = f"An earlier row of the file has the same {named}.{advice}"
        query = sql.SQL(
            """
            select {line}
            from (
                select {line}, row_number() over (partition by {key} order by {line}) as occurrence
                from delivery
            ) as numbered
            where occurrence > 1
            """
        ).format(line=sql.Identifier(LINE), key=key)
        self._refuse(query, Reason.DUPLICATE_KEY_IN_FILE, self._kind.key[0], message)

    def _refuse_mixed(self, has_orders: bool) -> None:
        """A day is a daily total or order lines, never both: the two would be added."""
        same_day = sql.SQL(
            """
            sales.client_id = {client} and sales.item_id = delivery.item_id
            and sales.location_id = delivery.location_id and sales.date = delivery.date
            """
        ).format(client=sql.Literal(self._client.client_id))
        if has_orders:
            query = sql.SQL(
                """
                select delivery.line_number
                from delivery
                inner join staging.sales as sales on {same_day} and sales.order_id = ''
                where delivery.order_id <> '' and not exists (
                    select from delivery as total
                    where total.order_id = '' and total.item_id = delivery.item_id
                        and total.location_id = delivery.location_id and total.date = delivery.date
                )
                """
            ).format(same_day=same_day)
            message = "The day was delivered as a daily total before; order lines would count on top of it."
        else:
            query = sql.SQL(
                """
                select distinct delivery.line_number
                from delivery
                inner join staging.sales as sales on {same_day} and sales.order_id <> ''
                """
            ).format(same_day=same_day)
            message = "The day was delivered as order lines before; a daily total would count on top of them."
        self._refuse(query, Reason.MIXED_GRAIN, "order_id", message)

    def _refuse(self, lines: sql.Composed, reason: Reason, column: str, message: str) -> None:
        units = sql.SQL("units_sold" if "units_sold" in self._columns else "null::numeric")
        self._connection.execute(
            sql.SQL(
                """
                with removed as (
                    delete from delivery where line_number in ({lines})
                    returning line_number, raw, {units} as units
                )
                insert into refused (line_number, reason, column_name, message, raw, units)
                select line_number, {reason}, {column}, {message}, raw, units from removed
                """
            ).format(
                lines=lines,
                units=units,
                reason=sql.Literal(reason.value),
                column=sql.Literal(column),
                message=sql.Literal(message),
            )
        )

    def _add_up_order_lines(self) -> None:
        """One row per order, item, location and day: units added, the price their weighted mean.

        Prices are weighted by the size of the line, returns included; the stock is the last line's.
        """
        sums = {
            "units_sold": "sum(units_sold)",
            "unit_price": "coalesce(sum(unit_price * abs(units_sold)) / nullif(sum(abs(units_sold))"
            " filter (where unit_price is not null), 0), avg(unit_price))",
            "on_promotion": "bool_or(on_promotion)",
            "on_hand_qty": "(array_agg(on_hand_qty order by line_number desc)"
            " filter (where on_hand_qty is not null))[1]",
        }
        values = [name for name in self._columns if name not in self._kind.key]
        self._connection.execute("alter table delivery rename to order_lines")
        self._connection.execute(
            sql.SQL(
                "create temporary table delivery on commit drop as select {}, {} from order_lines group by {}"
            ).format(
                _names(self._kind.key),
                sql.SQL(", ").join(
                    sql.SQL("{} as {}").format(sql.SQL(sums[name]), sql.Identifier(name)) for name in values
                ),
                _names(self._kind.key),
            )
        )
        self._connection.execute("analyze delivery")

    def refuse_whole_if_too_bad(self) -> int:
        """The number of rejected rows.

        Raises:
            FileRefusedError: they are more than the client allows.
        """
        counts = self._connection.execute(
            "select reason, count(*), min(line_number) from refused group by reason order by 2 desc, 1"
        ).fetchall()
        rejected: int = sum(count for _, count, _ in counts)
        if rejected > self._client.max_reject_rate * self.rows_read:
            reason, count, line = counts[0]
            raise FileRefusedError(
                Refusal.TOO_MANY_BAD_ROWS,
                f"{self._identity.path}: {rejected:,} of {self.rows_read:,} rows are bad, more than the "
                f"{self._client.max_reject_rate:.1%} allowed; most often {reason} ({count:,} rows, first on "
                f"line {line:,}): {Reason(reason).sentence.rstrip('.')}",
            )
        return rejected

    # writing

    def publish(self, rejected: int, notes: list[str]) -> Outcome:
        """Write the accepted rows to staging, and everything that is recorded about them."""
        client_id, has_units = self._client.client_id, "units_sold" in self._columns
        accepted = int(self._scalar("select count(*) from delivery"))
        days = "min(date), max(date)" if "date" in self._kind.key else "null::date, null::date"
        first, last = self._row(f"select {days} from delivery")
        outcome = Outcome(
            path=self._identity.path,
            kind=self._kind.name,
            status="loaded",
            rows_read=self.rows_read,
            rows_rejected=rejected,
            first_date=first,
            last_date=last,
        )
        file_id = record(self._connection, self._identity, outcome)
        keep_rejected(self._connection, client_id, file_id, limit=None)
        if has_units:
            self._keep_replaced(file_id)
        written, restated, units = self._row(self._upsert(file_id, has_units))
        if self._wide is not None:
            _describe(self._connection, client_id, file_id, self._wide.described())
        notes += _unusual(accepted - written, rejected)
        outcome = replace(
            outcome,
            file_id=file_id,
            rows_loaded=written,
            rows_restated=restated,
            units_loaded=units if has_units else None,
            message=" ".join(notes) or None,
        )
        self._connection.execute(
            """
            update ops.landing_files
            set rows_loaded = %s, rows_restated = %s, units_loaded = %s, message = %s,
                loaded_at = clock_timestamp()
            where client_id = %s and file_id = %s
            """,
            (written, restated, outcome.units_loaded, outcome.message, client_id, file_id),
        )
        return outcome

    def _keep_replaced(self, file_id: int) -> None:
        """The sales values that the delivery is about to replace."""
        self._connection.execute(
            sql.SQL(
                """
                insert into ops.restated_sales (
                    client_id, file_id, item_id, location_id, date, order_id,
                    replaced_file_id, old_units_sold, new_units_sold
                )
                select
                    sales.client_id, {file_id}, sales.item_id, sales.location_id, sales.date, sales.order_id,
                    sales.file_id, sales.units_sold, delivery.units_sold
                from delivery
                inner join staging.sales as sales on sales.client_id = {client} and {same_key}
                where {differs}
                """
            ).format(
                file_id=sql.Literal(file_id),
                client=sql.Literal(self._client.client_id),
                same_key=sql.SQL(" and ").join(
                    sql.SQL("sales.{0} = delivery.{0}").format(sql.Identifier(name))
                    for name in self._kind.key
                ),
                differs=_differs("sales", "delivery", self._values()),
            )
        )

    def _upsert(self, file_id: int, has_units: bool) -> sql.Composed:
        """Insert new keys, change what differs, and count: rows written, of these restated, their units."""
        columns, values = _names(self._columns), self._values()
        if values:
            conflict = sql.SQL("update set {assigned}, file_id = excluded.file_id where {differs}").format(
                assigned=sql.SQL(", ").join(
                    sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in values
                ),
                differs=_differs("staged", "excluded", values),
            )
        else:
            conflict = sql.Composed([sql.SQL("nothing")])
        return sql.SQL(
            """
            with written as (
                insert into {table} as staged (client_id, file_id, {columns})
                select {client}, {file_id}, {columns} from delivery
                on conflict (client_id, {key}) do {conflict}
                returning xmax <> 0 as was_there, {units} as units
            )
            select count(*), count(*) filter (where was_there), coalesce(sum(units), 0) from written
            """
        ).format(
            table=sql.Identifier("staging", self._kind.table),
            columns=columns,
            key=_names(self._kind.key),
            client=sql.Literal(self._client.client_id),
            file_id=sql.Literal(file_id),
            conflict=conflict,
            units=sql.SQL("units_sold" if has_units else "null::numeric"),
        )

    def _values(self) -> list[str]:
        """Columns the delivery carries, the key apart; the others keep what an earlier delivery said."""
        return [name for name in self._columns if name not in self._kind.key]

    def _row(self, query: sql.Composed | LiteralString) -> tuple[Any, ...]:
        row = self._connection.execute(query).fetchone()
        if row is None:
            raise RuntimeError("an aggregate returned no row")
        return tuple(row)

    def _scalar(self, query: LiteralString, parameters: tuple[Any, ...] = ()) -> Any:
        """First column of the only row."""
        row = self._connection.execute(query, parameters).fetchone()
        return row[0] if row else None


def _describe(connection: Connection, client_id: str, file_id: int, described: pl.DataFrame) -> None:
    """Items and stores that M5's sales file describes, where no product or location file did."""
    items = described.unique("item_id", maintain_order=True).select("item_id", "category", "department")
    stores = described.unique("location_id", maintain_order=True).select(
        "location_id", "region", country=pl.lit(COUNTRY)
    )
    for table, key, frame in (("products", "item_id", items), ("locations", "location_id", stores)):
        temporary = f"described_{table}"
        create_temporary(connection, temporary, f"staging.{table}", frame.columns)
        append_to_temporary(connection, temporary, frame)
        connection.execute(
            sql.SQL(
                """
                insert into {table} (client_id, file_id, {columns})
                select {client}, {file_id}, {columns} from {temporary}
                on conflict (client_id, {key}) do nothing
                """
            ).format(
                table=sql.Identifier("staging", table),
                columns=_names(frame.columns),
                client=sql.Literal(client_id),
                file_id=sql.Literal(file_id),
                temporary=sql.Identifier(temporary),
                key=sql.Identifier(key),
            )
        )


# --- sentences and SQL pieces -------------------------------------------------------------------------


def _unused_columns(table: Table) -> list[str]:
    if not table.unused:
        return []
    shown = ", ".join(table.unused[:_SHOWN_UNUSED])
    more = f" and {len(table.unused) - _SHOWN_UNUSED:,} more" if len(table.unused) > _SHOWN_UNUSED else ""
    return [f"Columns not used: {shown}{more}."]


def _unusual(unchanged: int, rejected: int) -> list[str]:
    notes = []
    if rejected:
        notes.append(f"{rejected:,} rows were rejected; see ops.rejected_rows.")
    if unchanged:
        notes.append(f"{unchanged:,} rows were known already and equal.")
    return notes


def _names(columns: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def _differs(left: str, right: str, columns: Sequence[str]) -> sql.Composed:
    """Whether any of the columns differs between two row sources, NULL being a value."""
    return sql.SQL("({}) is distinct from ({})").format(
        *(sql.SQL(", ").join(sql.Identifier(source, name) for name in columns) for source in (left, right))
    )
