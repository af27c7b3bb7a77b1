"""The outlier stage: days of demand that nothing explains, side by side with what was to be expected of them.

Belongs here: the asset and the transaction that writes. Does not belong here: what is odd about a day
(``forecasting_lib.outliers``), the queries (``reading.demand_days``). Demand itself is never changed.
"""

from datetime import date, timedelta

import dagster as dg
import numpy as np
import polars as pl
import psycopg

from forecasting_lib.grain import Grain
from forecasting_lib.outliers import Outliers, find_outliers
from orchestration.clients import CLIENT_PARTITIONS, Client, get_client
from orchestration.reading.demand_days import (
    YEAR_DAYS,
    OrdinaryDays,
    first_to_judge,
    read_ordinary_days,
)
from orchestration.reading.histories import demand_grain, last_demand_day
from orchestration.resources import DATABASE_RETRIES, Installation
from orchestration.stages.publishing import claimed
from orchestration.table_assets import OWNERS, table_key, table_metadata
from orchestration.warehouse.bulk import insert_frame
from orchestration.warehouse.locks import Purpose
from orchestration.warehouse.server import Warehouse
from orchestration.warehouse.tables import analytics, staging

OUTLIERS_KEY = table_key(analytics.demand_outliers)


@dg.asset(
    key=OUTLIERS_KEY,
    description=analytics.demand_outliers.comment,
    partitions_def=CLIENT_PARTITIONS,
    group_name="quality",
    kinds={"python", "postgres"},
    owners=OWNERS,
    deps=[table_key(analytics.ts_demand_daily), table_key(staging.outlier_verdicts)],
    metadata=table_metadata(analytics.demand_outliers),
    retry_policy=DATABASE_RETRIES,
)
def demand_outliers(context: dg.AssetExecutionContext, installation: Installation) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Look for odd days among those that are new or have changed, and set verdicts beside them."""
    warehouse, client_id = installation.warehouse, context.partition_key
    grain, last = demand_grain(warehouse, client_id), last_demand_day(warehouse, client_id)
    if why := not_judged(last, grain, get_client(warehouse, client_id)):
        return dg.MaterializeResult(metadata={"nothing_judged": why})
    assert last is not None
    first = first_to_judge(warehouse, client_id, last)
    seen = read_ordinary_days(warehouse, client_id, first, last)
    found = find_outliers(seen.demand)
    counts = write_outliers(warehouse, client_id, seen, found, first, last)
    return dg.MaterializeResult(metadata={"judged_from": first.isoformat(), **counts})


def not_judged(last: date | None, grain: Grain, client: Client) -> str | None:
    """Why a client's days are not looked at, as a sentence; None where they are."""
    if client.outlier_handling == "off":
        return "Odd days are not looked for: outlier_handling is off."
    if last is None:
        return "Odd days cannot be told: there is no demand yet."
    if grain is not Grain.DAY:
        return f"Odd days are looked for in days, and this client has {grain.periods}."
    return None


def write_outliers(
    warehouse: Warehouse, client_id: str, seen: OrdinaryDays, found: Outliers, first: date, last: date
) -> dict[str, int]:
    """Put what was found in the place of what stood of the same days, and the verdicts beside all of it.

    Args:
        warehouse: where to write.
        client_id: whose.
        seen: what was judged.
        found: what of it is odd.
        first: the first day that was judged.
        last: the last one.

    Returns:
        How many days were judged, were found, and have a row now.
    """
    rows = seen.keys[found.series].with_columns(
        pl.lit(client_id).alias("client_id"),
        pl.Series("date", np.datetime64(seen.first_date, "D") + found.day.astype("timedelta64[D]")),
        pl.Series("raw_qty", seen.demand[found.series, found.day]),
        pl.Series("expected_qty", found.expected),
        pl.Series("cleaned_qty", found.expected),
        pl.Series("score", found.score),
        pl.Series("reason", ["high" if score > 0 else "low" for score in found.score], dtype=pl.String),
    )
    with claimed(warehouse, Purpose.SCORE, client_id) as connection:
        connection.execute(
            """
            delete from analytics.demand_outliers
            where client_id = %s and (date >= %s or date < %s or reason = 'person')
            """,
            (client_id, first, last - timedelta(days=YEAR_DAYS - 1)),
        )
        insert_frame(connection, "analytics.demand_outliers", rows)
        total = _judged_by_people(connection, client_id, last)
        connection.execute(
            """
            insert into analytics.outlier_looks (
                client_id, judged_through, judged_days, found_days, looked_at
            )
            values (%s, %s, %s, %s, %s)
            on conflict (client_id) do update set
                judged_through = excluded.judged_through, judged_days = excluded.judged_days,
                found_days = excluded.found_days, looked_at = excluded.looked_at
            """,
            (client_id, last, found.judged, rows.height, seen.seen_at),
        )
    return {"days_judged": found.judged, "days_found": rows.height, "days_in_all": total}


def _judged_by_people(connection: psycopg.Connection[tuple[object, ...]], client_id: str, last: date) -> int:
    """Bring the verdicts as last delivered beside the rows; returns how many rows there are."""
    values = {"client": client_id, "first": last - timedelta(days=YEAR_DAYS - 1)}
    connection.execute(_WITHOUT_VERDICT, values)
    connection.execute(_VERDICTS, values)
    connection.execute(_OF_PEOPLE_ALONE, values)
    row = connection.execute(
        "select count(*) from analytics.demand_outliers where client_id = %(client)s", values
    ).fetchone()
    return int(str(row[0])) if row else 0


_WITHOUT_VERDICT = """
    update analytics.demand_outliers
    set keep = null, decided_by = null, note = null, cleaned_qty = expected_qty
    where client_id = %(client)s and keep is not null
"""

_VERDICTS = """
    update analytics.demand_outliers as outlier
    set
        keep = verdict.keep,
        decided_by = verdict.decided_by,
        note = verdict.note,
        cleaned_qty = case
            when verdict.keep then outlier.raw_qty::float8
            else coalesce(verdict.clean_qty::float8, outlier.expected_qty)
        end
    from staging.outlier_verdicts as verdict
    where outlier.client_id = %(client)s and verdict.client_id = %(client)s
        and outlier.item_id = verdict.item_id and outlier.location_id = verdict.location_id
        and outlier.date = verdict.date
"""

_OF_PEOPLE_ALONE = """
    insert into analytics.demand_outliers (
        client_id, item_id, location_id, date, raw_qty, cleaned_qty, reason, keep, decided_by, note
    )
    select
        verdict.client_id, verdict.item_id, verdict.location_id, verdict.date, demand.demand_qty,
        verdict.clean_qty::float8, 'person', false, verdict.decided_by, verdict.note
    from staging.outlier_verdicts as verdict
    inner join analytics.ts_demand_daily as demand
        on demand.client_id = %(client)s and demand.item_id = verdict.item_id
        and demand.location_id = verdict.location_id and demand.date = verdict.date
    where verdict.client_id = %(client)s and not verdict.keep and verdict.date >= %(first)s
    on conflict (client_id, item_id, location_id, date) do nothing
"""
