"""The accepted rows of a file into staging, and what was changed by them.

Belongs here: inserting, replacing and taking out rows, what was there before, the entities that a file
describes on its way. Does not belong here: which rows are accepted (``judging``, ``whole_file``), taking a
whole delivery back (``withdrawal``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import polars as pl
from psycopg import sql

from orchestration.landing.delivery import Delivery, column_list, same_key
from orchestration.landing.measures import describe_units
from orchestration.landing.records import Outcome, keep_rejected, record
from orchestration.landing.shaping import LeftOut
from orchestration.landing.snapshots import lacking, take_out
from orchestration.warehouse.bulk import copy_to_temporary


def publish(
    delivery: Delivery,
    described: Mapping[str, pl.DataFrame],
    rows_read: int,
    rejected: int,
    left_out: LeftOut,
    notes: Sequence[str],
) -> Outcome:
    """Write the accepted rows to staging, and everything that is recorded about them.

    Args:
        delivery: its rows, as they are to be staged.
        described: staging table -> entities that the file describes, where no file of their own does.
        rows_read: rows of the file.
        rejected: of these rejected.
        left_out: rows beside them that the feed's rules left out.
        notes: remarks for the operator.
    """
    client_id, has_units = delivery.client_id, "units_sold" in delivery.columns
    days = "min(date), max(date)" if "date" in delivery.contract.key else "null::date, null::date"
    accepted, first, last = delivery.row(f"select count(*), {days} from delivery")
    outcome = Outcome(
        path=delivery.identity.path,
        kind=delivery.contract.name,
        status="loaded",
        rows_read=rows_read + left_out.rows,
        rows_rejected=rejected,
        rows_left_out=left_out.rows,
        units_left_out=left_out.units if has_units else None,
        first_date=first,
        last_date=last,
    )
    file_id = record(delivery.connection, delivery.identity, outcome)
    keep_rejected(delivery.connection, client_id, file_id, limit=None)
    if delivery.values:
        _keep_replaced(delivery, file_id)
    if has_units:
        _keep_restated(delivery, file_id)
    removed = take_out(delivery, file_id) if delivery.is_snapshot else 0
    written, restated, units = delivery.row(_upsert(delivery, file_id))
    for table, frame in described.items():
        _describe(delivery, file_id, table, frame)
    describe_units(delivery, file_id)
    outcome = replace(
        outcome,
        file_id=file_id,
        rows_loaded=written,
        rows_restated=restated,
        rows_removed=removed,
        units_loaded=units if has_units else None,
        message=" ".join([*notes, *_unusual(accepted - written, rejected, removed)]) or None,
    )
    delivery.connection.execute(
        """
        update ops.landing_files
        set rows_loaded = %s, rows_restated = %s, rows_removed = %s, units_loaded = %s, message = %s,
            loaded_at = clock_timestamp()
        where client_id = %s and file_id = %s
        """,
        (written, restated, removed, outcome.units_loaded, outcome.message, client_id, file_id),
    )
    return outcome


def changes_nothing(delivery: Delivery) -> bool:
    """Whether all accepted rows are staged already, and a snapshot lacks none."""
    differs = (
        sql.SQL(" or {}").format(_differs("staged", "delivery", delivery.values)) if delivery.values else None
    )
    [is_new] = delivery.row(
        sql.SQL(
            """
            select exists (
                select from delivery
                left join {table} as staged on staged.client_id = {client} and {same_key}
                where staged.client_id is null {differs}
            )
            """
        ).format(
            table=sql.Identifier("staging", delivery.contract.table),
            client=sql.Literal(delivery.client_id),
            same_key=same_key("staged", delivery.contract.key),
            differs=differs or sql.SQL(""),
        )
    )
    return not is_new and not (delivery.is_snapshot and lacking(delivery).lacking)


def _keep_replaced(delivery: Delivery, file_id: int) -> None:
    """The rows that the delivery is about to replace, whole: it may carry some of their columns only."""
    delivery.connection.execute(
        sql.SQL(
            """
            insert into ops.replaced_rows (client_id, file_id, table_name, was)
            select {client}, {file_id}, {table_name}, to_jsonb(staged)
            from delivery
            inner join {table} as staged on staged.client_id = {client} and {same_key}
            where {differs}
            """
        ).format(
            client=sql.Literal(delivery.client_id),
            file_id=sql.Literal(file_id),
            table_name=sql.Literal(delivery.contract.table),
            table=sql.Identifier("staging", delivery.contract.table),
            same_key=same_key("staged", delivery.contract.key),
            differs=_differs("staged", "delivery", delivery.values),
        )
    )


def _keep_restated(delivery: Delivery, file_id: int) -> None:
    """The sales values that the delivery is about to replace."""
    delivery.connection.execute(
        sql.SQL(
            """
            insert into ops.restated_sales (
                client_id, file_id, item_id, location_id, date, order_id, reason,
                replaced_file_id, old_units_sold, new_units_sold
            )
            select
                sales.client_id, {file_id}, sales.item_id, sales.location_id, sales.date, sales.order_id,
                sales.reason, sales.file_id, sales.units_sold, delivery.units_sold
            from delivery
            inner join staging.sales as sales on sales.client_id = {client} and {same_key}
            where {differs}
            """
        ).format(
            file_id=sql.Literal(file_id),
            client=sql.Literal(delivery.client_id),
            same_key=same_key("sales", delivery.contract.key),
            differs=_differs("sales", "delivery", delivery.values),
        )
    )


def _upsert(delivery: Delivery, file_id: int) -> sql.Composed:
    """Insert new keys, change what differs, and count: rows written, of these restated, their units."""
    columns, values = column_list(delivery.columns), delivery.values
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
        table=sql.Identifier("staging", delivery.contract.table),
        columns=columns,
        key=column_list(delivery.contract.key),
        client=sql.Literal(delivery.client_id),
        file_id=sql.Literal(file_id),
        conflict=conflict,
        units=delivery.units,
    )


def _describe(delivery: Delivery, file_id: int, table: str, frame: pl.DataFrame) -> None:
    """Add the entities that are not there; those that a file described stay as they are."""
    temporary = f"described_{table}"
    copy_to_temporary(delivery.connection, temporary, f"staging.{table}", frame)
    delivery.connection.execute(
        sql.SQL(
            """
            insert into {table} (client_id, file_id, {columns})
            select {client}, {file_id}, {columns} from {temporary}
            on conflict do nothing
            """
        ).format(
            table=sql.Identifier("staging", table),
            columns=column_list(frame.columns),
            client=sql.Literal(delivery.client_id),
            file_id=sql.Literal(file_id),
            temporary=sql.Identifier(temporary),
        )
    )


def _unusual(unchanged: int, rejected: int, removed: int) -> list[str]:
    notes = []
    if removed:
        notes.append(f"{removed:,} rows of its days were taken out, which the snapshot lacks.")
    if rejected:
        notes.append(f"{rejected:,} rows were rejected; see ops.rejected_rows.")
    if unchanged:
        notes.append(f"{unchanged:,} rows were known already and equal.")
    return notes


def _differs(left: str, right: str, columns: Sequence[str]) -> sql.Composed:
    """Whether any of the columns differs between two row sources, NULL being a value."""
    return sql.SQL("({}) is distinct from ({})").format(
        *(sql.SQL(", ").join(sql.Identifier(source, name) for name in columns) for source in (left, right))
    )
