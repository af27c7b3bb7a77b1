"""A client's records that nobody asks for any more: details of old deliveries, and runs asked for long ago.

Belongs here: which they are, and their rows. Does not belong here: the transaction (``thinning``). What is
never thinned is in the table of the operations page.
"""

from __future__ import annotations

from datetime import date
from typing import LiteralString

from orchestration.registry import Client
from orchestration.retention.thinning import Connection, Judged, Part, Thinning
from orchestration.warehouse.locks import Purpose
from orchestration.warehouse.tables import access, ops

_OF_FILE: LiteralString = "thinned.client_id = %(client)s and thinned.file_id = %(file)s"

_DETAILS = tuple(
    Part(table, _OF_FILE) for table in (ops.rejected_rows, ops.replaced_rows, ops.restated_sales)
)

_ENDED_BEFORE: LiteralString = """
    thinned.client_id = %(client)s
    and (thinned.ended_at at time zone %(timezone)s)::date + %(days)s < %(today)s::date
"""


def delivery_details(connection: Connection, client: Client, today: date) -> Judged:
    """The deliveries whose rejected rows and replaced rows go; the deliveries themselves stay."""
    days = client.keep_delivery_details_days
    found = connection.execute(
        """
        select
            file_id,
            path,
            (received_at at time zone %(timezone)s)::date + %(days)s < %(today)s::date as goes
        from ops.landing_files
        where client_id = %(client)s and thinned_at is null
            and (rows_rejected > 0 or rows_restated > 0 or rows_removed > 0)
        order by file_id
        """,
        {"client": client.client_id, "timezone": client.timezone, "days": days, "today": today},
    ).fetchall()
    return Judged(
        "details of deliveries",
        [
            Thinning(
                client_id=client.client_id,
                what="details of deliveries",
                subject=path,
                policy="keep_delivery_details_days",
                days=days,
                parts=_DETAILS,
                mark="""
                    update ops.landing_files set thinned_at = now()
                    where client_id = %(client)s and file_id = %(file)s and thinned_at is null
                """,
                values={"client": client.client_id, "file": file_id},
                purposes=(Purpose.LANDING,),
                details={"file_id": file_id},
            )
            for file_id, path, goes in found
            if goes
        ],
        [f"received at most {days} days ago" for *_, goes in found if not goes],
    )


def requests(connection: Connection, client: Client, today: date) -> Judged:
    """The runs asked for over HTTP that ended long ago."""
    days = client.keep_requests_days
    values = {"client": client.client_id, "timezone": client.timezone, "days": days, "today": today}
    ((stay, go),) = connection.execute(
        """
        select
            count(*) filter (where not goes),
            count(*) filter (where goes)
        from (
            select
                coalesce((ended_at at time zone %(timezone)s)::date + %(days)s < %(today)s::date, false)
                    as goes
            from ops.run_requests
            where client_id = %(client)s
        ) as request
        """,
        values,
    ).fetchall()
    thinning = Thinning(
        client_id=client.client_id,
        what="requests of runs",
        subject="requests of runs",
        policy="keep_requests_days",
        days=days,
        parts=(Part(access.run_requests, _ENDED_BEFORE),),
        mark=None,
        values=values,
        purposes=(),
    )
    return Judged(
        "requests of runs",
        [thinning] if go else [],
        [f"not ended, or at most {days} days ago"] * stay,
    )
