"""The demand stage: public holidays, then dbt from staging to ``ts_demand_daily`` and its dimensions.

Belongs here: the holidays, and what happens around dbt's build of one client. Does not belong here: how dbt
is called (``dbt``), how much is built (``demand_builds``), how its models appear in Dagster (``dbt_assets``),
what the models compute; that is in ``dbt_project``.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import dagster as dg
import polars as pl
import psycopg
from psycopg import sql

from forecasting_lib.grain import Grain
from orchestration.clients import CLIENT_PARTITIONS, Client, get_client
from orchestration.foreign_text import printable
from orchestration.resources import DATABASE_RETRIES, Installation
from orchestration.stages.dbt import build_client, current_manifest
from orchestration.stages.dbt_assets import read_assets
from orchestration.stages.demand_builds import begin_build, record_build
from orchestration.stages.publishing import claimed
from orchestration.stages.quality import QUALITY_KEY
from orchestration.table_assets import OWNERS, table_key, table_metadata
from orchestration.warehouse.bulk import insert_frame
from orchestration.warehouse.locks import Purpose
from orchestration.warehouse.server import Warehouse
from orchestration.warehouse.tables import staging

HOLIDAYS_KEY = table_key(staging.holidays)


# --- public holidays ----------------------------------------------------------------------------------


def public_holidays(
    calendars: Sequence[str], first_year: int, last_year: int
) -> tuple[pl.DataFrame, list[str]]:
    """Public holidays of some calendars, from the package ``holidays``.

    Args:
        calendars: ISO country codes, with a subdivision after a hyphen where one is meant: ``US-CA``.
        first_year: first year covered.
        last_year: last year covered.

    Returns:
        ``holiday_calendar, date, name``, one row per calendar and holiday, and the calendars nobody knows.
    """
    from holidays import country_holidays

    rows: list[tuple[str, date, str]] = []
    unknown = []
    for calendar in sorted(set(calendars)):
        country, _, subdivision = calendar.upper().partition("-")
        try:
            found = country_holidays(
                country, subdiv=subdivision or None, years=range(first_year, last_year + 1)
            )
        except NotImplementedError:
            unknown.append(calendar)
            continue
        rows += [(calendar, day, name) for day, name in sorted(found.items())]
    schema = {"holiday_calendar": pl.String, "date": pl.Date, "name": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row"), unknown


def refresh_holidays(warehouse: Warehouse, client: Client) -> tuple[int, list[str]]:
    """Replace the client's public holidays by those of its locations, over its sales and one horizon more.

    Returns:
        The rows written, and the calendars the package does not know.
    """
    with claimed(warehouse, Purpose.DEMAND, client.client_id) as connection:
        calendars, first, last = _calendars_and_years(connection, client)
        connection.execute("delete from staging.holidays where client_id = %s", (client.client_id,))
        if first is None or last is None:
            return 0, []
        found, unknown = public_holidays(calendars, first, last)
        rows = found.select(pl.lit(client.client_id).alias("client_id"), pl.all())
        return insert_frame(connection, "staging.holidays", rows), unknown


def _calendars_and_years(
    connection: psycopg.Connection[Any], client: Client
) -> tuple[list[str], int | None, int | None]:
    row = connection.execute(
        """
        select
            array(
                select distinct coalesce(holiday_calendar, country) from staging.locations
                where client_id = %(client)s and coalesce(holiday_calendar, country) is not null
            ),
            extract(year from min(date))::int,
            extract(year from max(date) + %(horizon)s)::int
        from staging.sales
        where client_id = %(client)s
        """,
        {"client": client.client_id, "horizon": client.horizon(Grain.DAY)},
    ).fetchone()
    assert row is not None
    return [*row[0], *([client.country] if client.country else [])], row[1], row[2]


@dg.asset(
    key=HOLIDAYS_KEY,
    retry_policy=DATABASE_RETRIES,
    partitions_def=CLIENT_PARTITIONS,
    deps=[dg.AssetKey(["staging", "sales"]), dg.AssetKey(["staging", "locations"])],
    group_name="demand",
    owners=OWNERS,
    kinds={"python", "postgres"},
    metadata=table_metadata(staging.holidays),
)
def holidays(context: dg.AssetExecutionContext, installation: Installation) -> dg.MaterializeResult[None]:
    """Public holidays of the client's locations, one row per holiday calendar and day."""
    client = get_client(installation.warehouse, context.partition_key)
    written, unknown = refresh_holidays(installation.warehouse, client)
    if unknown:
        context.log.warning(
            f"No holidays are known for {printable(', '.join(unknown))}; name a country such as DE or a part "
            f"of one such as US-CA in the locations' holiday_calendar or in the client's country."
        )
    return dg.MaterializeResult(metadata={"rows": written, "unknown_calendars": unknown})


# --- dbt in Dagster -----------------------------------------------------------------------------------

_DBT = read_assets(current_manifest())


@dg.multi_asset(
    name="demand",
    specs=_DBT.models,
    check_specs=_DBT.tests,
    can_subset=True,
    partitions_def=CLIENT_PARTITIONS,
)
def demand(context: dg.AssetExecutionContext, installation: Installation) -> Iterator[Any]:
    """Bring one client's demand and dimensions up to date with dbt, and run the data tests on them."""
    warehouse, client_id = installation.warehouse, context.partition_key
    selection = _DBT.selection({*context.selected_asset_keys, *context.selected_asset_check_keys})
    # a part of the models follows nothing for the others: what they are built from is whole
    build = begin_build(warehouse, client_id, context.run.run_id) if selection is None else None
    standing_until = build.standing_until if build else None
    context.log.info(
        "All days are built." if standing_until is None else f"The days after {standing_until} are built."
    )
    invocation_id = None
    for result in build_client(
        *(warehouse, client_id, selection),
        standing_until=standing_until,
        build_id=build.build_id if build else None,
    ):
        invocation_id = result.invocation_id
        event = _DBT.event(result)
        if isinstance(event, dg.MaterializeResult) and event.asset_key:
            rows = count_rows(warehouse, event.asset_key.path, client_id)
            event = event._replace(metadata={**(event.metadata or {}), "dagster/partition_row_count": rows})
        if event is not None:
            yield event
    if build:
        record_build(warehouse, build, invocation_id)


def count_rows(warehouse: Warehouse, table: Sequence[str], client_id: str) -> int:
    """Rows of one client in a table, which is given by its schema and its name."""
    query = sql.SQL("select count(*) from {} where client_id = %s").format(sql.Identifier(*table))
    with warehouse.transaction() as connection:
        row = connection.execute(query, (client_id,)).fetchone()
    return int(row[0]) if row else 0


REPORTING_VIEWS = [view for view in _DBT.views if view.key != QUALITY_KEY]
"""The views, for the lineage only: ``forecaster migrate`` makes them, no run does.

The view of the scores is the asset of the quality stage, which fills the tables beneath it.
"""

DEMAND_KEYS = sorted(key for key in demand.keys if key.path[0] == "analytics")
"""What the later stages read; what is kept for the next build is not."""

DEMAND_ASSETS: list[dg.AssetsDefinition | dg.AssetSpec] = [holidays, demand, *REPORTING_VIEWS]
