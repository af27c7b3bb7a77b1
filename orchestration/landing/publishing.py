"""The accepted rows of a file into staging, and what was changed by them.

Belongs here: inserting, replacing and taking out rows, what was there before, the entities that a file
describes on its way. Does not belong here: which rows are accepted (``judging``, ``whole_file``), taking a
whole delivery back (``withdrawal``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

import polars as pl
from psycopg import sql

from orchestration.landing.changes import note_written
from orchestration.landing.delivery import Delivery, column_list, same_key
from orchestration.landing.measures import describe_units
from orchestration.landing.records import Outcome, keep_rejected, record
from orchestration.landing.shaping import LeftOut
from orchestration.landing.snapshots import lacking, take_out
from orchestration.warehouse.bulk import copy_to_temporary
from orchestration.warehouse.first_rows import attach, build_key, make_bare, tell_planner


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
    days = "min(date), max(date)" if _has_days(delivery) else "null::date, null::date"
    accepted, accepted_units, first, last = delivery.row(
        sql.SQL("select count(*), coalesce(sum({units}), 0), {days} from delivery").format(
            units=delivery.units, days=sql.SQL(days)
        )
    )
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
        file_id=delivery.file_id or 0,
    )
    file_id = record(delivery.connection, delivery.identity, outcome)
    keep_rejected(delivery.connection, client_id, file_id, limit=None)
    restated = _note_changed(delivery, file_id) if delivery.values and delivery.meets_staged else 0
    removed = take_out(delivery, file_id) if delivery.is_snapshot else 0
    changed_units = _change(delivery, file_id) if restated else Decimal(0)
    if delivery.meets_staged:
        inserted, units, first_inserted = _insert_missing(delivery, file_id)
    else:
        inserted, units, first_inserted = accepted, accepted_units, first
        _insert_all(delivery, file_id, accepted)
    written, units = inserted + restated, units + changed_units
    if written or removed:
        firsts = (first_inserted, _first_changed(delivery) if restated else None, first if removed else None)
        note_written(
            *(delivery.connection, client_id, delivery.contract.table, file_id),
            [day for day in firsts if day is not None],
        )
    for table, frame in described.items():
        _describe(delivery, file_id, table, frame)
    describe_units(delivery, file_id)
    _tell_planner(delivery, inserted, described)
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
    delivery.end()
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


def _note_changed(delivery: Delivery, file_id: int) -> int:
    """Keep the rows that the delivery is about to change, and their sales values; returns how many they are.

    They are kept whole, since it may carry some of their columns only, and stay in ``changed`` beside the
    delivery's.
    """
    client, number = sql.Literal(delivery.client_id), sql.Literal(file_id)
    table = sql.Identifier("staging", delivery.contract.table)
    has_units = "units_sold" in delivery.columns
    changed = delivery.connection.execute(
        sql.SQL(
            """
            create temporary table changed on commit drop as
            select delivery.*, to_jsonb(staged) as was, staged.file_id as was_of_file, {units} as was_units
            from delivery
            inner join {table} as staged on staged.client_id = {client} and {same_key}
            where {differs}
            """
        ).format(
            units=sql.SQL("staged.units_sold" if has_units else "null::numeric"),
            table=table,
            client=client,
            same_key=same_key("staged", delivery.contract.key),
            differs=_differs("staged", "delivery", delivery.values),
        )
    ).rowcount
    if not changed:
        return 0
    delivery.connection.execute("analyze changed")
    delivery.connection.execute(
        sql.SQL(
            """
            insert into ops.replaced_rows (client_id, file_id, table_name, was)
            select {client}, {file_id}, {table_name}, was from changed
            """
        ).format(client=client, file_id=number, table_name=sql.Literal(delivery.contract.table))
    )
    if has_units:
        delivery.connection.execute(
            sql.SQL(
                """
                insert into ops.restated_sales (
                    client_id, file_id, item_id, location_id, date, order_id, reason,
                    replaced_file_id, old_units_sold, new_units_sold
                )
                select
                    {client}, {file_id}, item_id, location_id, date, order_id, reason,
                    was_of_file, was_units, units_sold
                from changed
                """
            ).format(client=client, file_id=number)
        )
    return changed


def _change(delivery: Delivery, file_id: int) -> Decimal:
    """Give the rows in ``changed`` the delivery's values; returns the units of these."""
    delivery.connection.execute(
        sql.SQL(
            """
            update {table} as staged set {assigned}, file_id = {file_id}
            from changed as delivery
            where staged.client_id = {client} and {same_key}
            """
        ).format(
            table=sql.Identifier("staging", delivery.contract.table),
            assigned=sql.SQL(", ").join(
                sql.SQL("{0} = delivery.{0}").format(sql.Identifier(name)) for name in delivery.values
            ),
            file_id=sql.Literal(file_id),
            client=sql.Literal(delivery.client_id),
            same_key=same_key("staged", delivery.contract.key),
        )
    )
    [units] = delivery.row(
        sql.SQL("select coalesce(sum({units}), 0) from changed").format(units=delivery.units)
    )
    return Decimal(units)


def _first_changed(delivery: Delivery) -> date | None:
    """The first day of the rows in ``changed``; None for kinds without days."""
    if not _has_days(delivery):
        return None
    first: date | None
    [first] = delivery.row("select min(date) from changed")
    return first


def _has_days(delivery: Delivery) -> bool:
    return "date" in delivery.contract.key


def _insert_all(delivery: Delivery, file_id: int, rows: int) -> None:
    """Insert the rows, of whose keys none is staged."""
    place = (delivery.connection, delivery.contract.table, delivery.client_id)
    if delivery.is_in_place:
        if rows:
            attach(*place)
    elif not rows:
        return
    elif delivery.is_first:
        _insert_into(delivery, file_id, make_bare(*place, file_id))
        build_key(*place)
        attach(*place)
    else:
        _insert_into(delivery, file_id, sql.Identifier("staging", delivery.contract.table))


def _insert_into(delivery: Delivery, file_id: int, table: sql.Identifier) -> None:
    delivery.connection.execute(
        sql.SQL(
            """
            insert into {table} (client_id, file_id, {columns})
            select {client}, {file_id}, {columns} from delivery order by {order}
            """
        ).format(
            table=table,
            columns=column_list(delivery.columns),
            client=sql.Literal(delivery.client_id),
            file_id=sql.Literal(file_id),
            order=column_list(delivery.order),
        )
    )


def _insert_missing(delivery: Delivery, file_id: int) -> tuple[int, Decimal, date | None]:
    """Insert the rows whose keys are not staged; returns how many they are, their units and their first day.

    Nobody else writes the client's rows meanwhile: whoever does holds its landing lock.
    """
    inserted, units, first = delivery.row(
        sql.SQL(
            """
            with inserted as (
                insert into {table} (client_id, file_id, {columns})
                select {client}, {file_id}, {columns} from delivery
                where not exists (
                    select from {table} as staged where staged.client_id = {client} and {same_key}
                )
                order by {order}
                returning {units} as units, {day} as day
            )
            select count(*), coalesce(sum(units), 0), min(day) from inserted
            """
        ).format(
            table=sql.Identifier("staging", delivery.contract.table),
            client=sql.Literal(delivery.client_id),
            day=sql.SQL("date" if _has_days(delivery) else "null::date"),
            file_id=sql.Literal(file_id),
            columns=column_list(delivery.columns),
            same_key=same_key("staged", delivery.contract.key),
            order=column_list(delivery.order),
            units=delivery.units,
        )
    )
    return inserted, units, first


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


def _tell_planner(delivery: Delivery, inserted: int, described: Mapping[str, pl.DataFrame]) -> None:
    rows = {table: frame.height for table, frame in described.items()}
    if not delivery.is_first:
        rows = {delivery.contract.table: inserted, **rows}
    for table, count in rows.items():
        are_first = table != delivery.contract.table or not delivery.meets_staged
        tell_planner(delivery.connection, table, delivery.client_id, count, are_first=are_first)


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
