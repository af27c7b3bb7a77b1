"""The demand stage: public holidays, then dbt from staging to ``ts_demand_daily`` and its dimensions.

Belongs here: the holidays, how dbt's models appear in Dagster, and the reporting views' lineage. Does not
belong here: how dbt is called (``dbt``), what the models compute; that is in ``dbt_project``.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import psycopg
from dagster_dbt import (
    DagsterDbtTranslator,
    DagsterDbtTranslatorSettings,
    build_dbt_asset_specs,
    dbt_assets,
)
from psycopg import sql

from forecasting_lib.grain import Grain
from orchestration.clients import CLIENT_PARTITIONS, Client, get_client
from orchestration.foreign_text import printable
from orchestration.resources import DATABASE_RETRIES, Installation
from orchestration.stages.dbt import (
    DBT_EXECUTABLE,
    PROJECT_DIR,
    REPORTING,
    OfflineDbt,
    build_arguments,
    current_manifest,
    environment_of_dbt,
)
from orchestration.stages.publishing import claimed
from orchestration.table_assets import OWNERS, table_key, table_metadata
from orchestration.warehouse.bulk import insert_frame
from orchestration.warehouse.locks import Purpose
from orchestration.warehouse.server import Warehouse
from orchestration.warehouse.tables import metadata as table_definitions
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


class DemandTranslator(DagsterDbtTranslator):
    """Keys are schema and table, for models and sources alike; columns are documented where defined."""

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        return dg.AssetKey([dbt_resource_props["schema"], dbt_resource_props["name"]])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        return "reporting" if "reporting" in dbt_resource_props["fqn"] else "demand"

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> Sequence[str]:  # noqa: ARG002
        return OWNERS

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        return str(dbt_resource_props["description"]).strip()

    def get_metadata(self, dbt_resource_props: Mapping[str, Any]) -> Mapping[str, Any]:
        """The columns of a mart come from its table's definition, whose comments the database shows too."""
        name = f"{dbt_resource_props['schema']}.{dbt_resource_props['name']}"
        derived = {**super().get_metadata(dbt_resource_props), "dagster/table_name": name}
        if name not in table_definitions.tables:
            return derived
        return {**derived, **table_metadata(table_definitions.tables[name])}


_TRANSLATOR = DemandTranslator(DagsterDbtTranslatorSettings(enable_source_metadata=False))
_MANIFEST = current_manifest()


@dbt_assets(
    manifest=_MANIFEST,
    exclude=REPORTING,
    name="demand",
    partitions_def=CLIENT_PARTITIONS,
    dagster_dbt_translator=_TRANSLATOR,
)
def demand(context: dg.AssetExecutionContext, installation: Installation) -> Iterator[Any]:
    """Rebuild one client's daily demand and dimensions with dbt, and run the data tests on them."""
    warehouse = installation.warehouse
    dbt = OfflineDbt(
        project_dir=str(PROJECT_DIR), profiles_dir=str(PROJECT_DIR), dbt_executable=str(DBT_EXECUTABLE)
    )
    with environment_of_dbt(warehouse.dbt_environment()), tempfile.TemporaryDirectory() as target:
        arguments = build_arguments(context.partition_key)
        for event in dbt.cli(arguments, context=context, target_path=Path(target)).stream():
            if isinstance(event, dg.Output):
                key = context.asset_key_for_output(event.output_name)
                rows = count_rows(warehouse, key.path[-1], context.partition_key)
                context.add_output_metadata({"dagster/partition_row_count": rows}, event.output_name)
            yield event


def count_rows(warehouse: Warehouse, table: str, client_id: str) -> int:
    """Rows of one client in a table of ``analytics``."""
    query = sql.SQL("select count(*) from {} where client_id = %s").format(sql.Identifier("analytics", table))
    with warehouse.transaction() as connection:
        row = connection.execute(query, (client_id,)).fetchone()
    return int(row[0]) if row else 0


REPORTING_VIEWS = build_dbt_asset_specs(
    manifest=_MANIFEST,
    select=REPORTING,
    exclude=f"{REPORTING}.forecast_quality",
    dagster_dbt_translator=_TRANSLATOR,
)
"""The views, for the lineage only: ``forecaster migrate`` makes them, no run does.

The view of the scores is the asset of the quality stage, which fills the tables beneath it.
"""

DEMAND_KEYS = sorted(demand.keys)
"""What the later stages read."""

DEMAND_ASSETS: list[dg.AssetsDefinition | dg.AssetSpec] = [holidays, demand, *REPORTING_VIEWS]
