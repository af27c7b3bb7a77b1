"""A file that is all there is of its days: what it lacks is taken out.

Belongs here: what a snapshot lacks, how much it may lack, taking it out. Does not belong here: which files
are snapshots (``kinds``) and the rows that they bring (``publishing``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from psycopg import sql

from orchestration.landing.delivery import Delivery, same_key
from orchestration.landing.reasons import FileRefusedError, Refusal

MOST_REMOVED = 0.5
"""Share of the known days of items that a snapshot may take out; a partial export lacks more."""


@dataclass(frozen=True)
class Known:
    """What is known of the span of a snapshot.

    Attributes:
        first_date: its first day.
        last_date: its last day.
        days: days of items at locations with sales there.
        lacking: those of them of which the snapshot has no row.
    """

    first_date: date
    last_date: date
    days: int
    lacking: int


def lacking(delivery: Delivery) -> Known:
    """What is known of the span of a snapshot."""
    return Known(
        *delivery.row(
            sql.SQL(
                """
            with span as (select min(date) as first_date, max(date) as last_date from delivery),

            delivered as (select distinct item_id, location_id, date from delivery)

            select
                span.first_date,
                span.last_date,
                count(known.date),
                count(known.date) filter (where delivered.date is null)
            from span
            left join (
                select distinct item_id, location_id, date from staging.sales where client_id = {client}
            ) as known on known.date between span.first_date and span.last_date
            left join delivered on delivered.item_id = known.item_id
                and delivered.location_id = known.location_id and delivered.date = known.date
            group by span.first_date, span.last_date
            """
            ).format(client=sql.Literal(delivery.client_id))
        )
    )


def refuse_large_removal(delivery: Delivery) -> None:
    """Refuse a snapshot that lacks most of what is known of its days.

    Raises:
        FileRefusedError: it lacks more than ``MOST_REMOVED`` of the days of items that had sales.
    """
    if not delivery.is_snapshot:
        return
    known = lacking(delivery)
    if known.lacking > MOST_REMOVED * known.days:
        raise FileRefusedError(
            Refusal.REMOVES_TOO_MUCH,
            f"{delivery.identity.path} would take out {known.lacking:,} of the {known.days:,} known days of "
            f"items from {known.first_date} to {known.last_date}; a snapshot may take out {MOST_REMOVED:.0%}",
        )


def take_out(delivery: Delivery, file_id: int) -> int:
    """Take out the sales of a snapshot's days that it lacks, and keep them; returns the rows."""
    [removed] = delivery.row(
        sql.SQL(
            """
            with removed as (
                delete from staging.sales as sales
                using (select min(date) as first_date, max(date) as last_date from delivery) as span
                where sales.client_id = {client}
                    and sales.date between span.first_date and span.last_date
                    and not exists (select from delivery where {same_key})
                returning sales.*
            ),

            kept as (
                insert into ops.replaced_rows (client_id, file_id, table_name, was)
                select {client}, {file_id}, 'sales', to_jsonb(removed) from removed
            ),

            noted as (
                insert into ops.restated_sales (
                    client_id, file_id, item_id, location_id, date, order_id, reason,
                    replaced_file_id, old_units_sold
                )
                select
                    {client}, {file_id}, item_id, location_id, date, order_id, reason, file_id, units_sold
                from removed
            )

            select count(*) from removed
            """
        ).format(
            client=sql.Literal(delivery.client_id),
            file_id=sql.Literal(file_id),
            same_key=same_key("sales", delivery.contract.key),
        )
    )
    return int(removed)
