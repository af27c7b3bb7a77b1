"""The demand stage: public holidays, then dbt from staging to ``ts_demand_daily`` and its dimensions.

Belongs here: how dbt is called (arguments, environment, manifest), how its models appear in Dagster, and the
reporting views. Does not belong here: what the models compute; that is in ``dbt_project``.
"""

import fcntl
import hashlib
import importlib.metadata
import json
import os
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import psycopg
from dagster_dbt import (
    DagsterDbtTranslator,
    DagsterDbtTranslatorSettings,
    DbtCliResource,
    build_dbt_asset_specs,
    dbt_assets,
)
from packaging.version import Version
from psycopg import sql

from orchestration.clients import CLIENT_PARTITIONS, Client, get_client
from orchestration.resources import DATABASE_RETRIES, Installation
from orchestration.settings import INSTALLED, RESOURCES, load_settings
from orchestration.table_assets import OWNERS, table_key, table_metadata
from orchestration.warehouse.bulk import insert_frame
from orchestration.warehouse.server import Warehouse, WarehouseError
from orchestration.warehouse.tables import metadata as table_definitions
from orchestration.warehouse.tables import staging

PROJECT_DIR = RESOURCES / "dbt_project"
DBT_EXECUTABLE = Path(sysconfig.get_path("scripts")) / "dbt"
REPORTING = "fqn:forecaster.reporting"
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
    with warehouse.transaction() as connection:
        connection.execute("select pg_advisory_xact_lock(hashtext('demand:' || %s))", (client.client_id,))
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
        {"client": client.client_id, "horizon": client.horizon_days},
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
            f"No holidays are known for {', '.join(unknown)}; name a country such as DE or a part of one "
            f"such as US-CA in the locations' holiday_calendar or in the client's country."
        )
    return dg.MaterializeResult(metadata={"rows": written, "unknown_calendars": unknown})


# --- how dbt is called --------------------------------------------------------------------------------


def build_arguments(client_id: str) -> list[str]:
    """Arguments of the dbt run that rebuilds one client's slice and tests it.

    Without unit tests, which bring a client of their own, and without the reporting views, which all
    clients share: two runs that create the same view at once collide.
    """
    return [
        "build",
        "--exclude",
        REPORTING,
        "--exclude-resource-type",
        "unit_test",
        "--vars",
        json.dumps({"client_id": client_id}),
    ]


def build_views(warehouse: Warehouse) -> None:
    """Create or replace the reporting views; two callers wait for each other.

    Raises:
        WarehouseError: dbt could not build them; the message is dbt's.
    """
    with warehouse.transaction() as connection, tempfile.TemporaryDirectory() as target:
        connection.execute("select pg_advisory_xact_lock(hashtext('demand:views'))")
        _run_dbt(["run", "--select", REPORTING], Path(target), {**os.environ, **warehouse.dbt_environment()})


def _run_dbt(
    arguments: Sequence[str], target: Path, environment: Mapping[str, str], project_dir: Path = PROJECT_DIR
) -> None:
    paths = {"--project-dir": project_dir, "--profiles-dir": project_dir}
    outputs = {"--target-path": target, "--log-path": target}
    options = [str(part) for pair in {**paths, **outputs}.items() for part in pair]
    done = subprocess.run(
        [str(DBT_EXECUTABLE), "--quiet", "--no-use-colors", *arguments, *options],
        env=dict(environment),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise WarehouseError(f"dbt {arguments[0]} failed:\n{(done.stdout + done.stderr).strip()}")


# --- the manifest -------------------------------------------------------------------------------------


def project_digest(project_dir: Path = PROJECT_DIR) -> str:
    """Digest of everything dbt parses: a manifest made from the same digest is still right."""
    digest = hashlib.sha256(importlib.metadata.version("dbt-core").encode())
    folders = (project_dir / name for name in ("macros", "models", "tests"))
    files = [*project_dir.glob("*.yml"), *(path for folder in folders for path in folder.rglob("*"))]
    for path in sorted(path for path in files if path.is_file()):
        digest.update(f"\0{path.relative_to(project_dir)}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def current_manifest(project_dir: Path = PROJECT_DIR) -> Path:
    """The manifest of the project as it is on disk; dbt parses only where none was made of these files.

    The file's name carries the digest and the file is renamed into place, so that whoever finds it finds
    it whole; the lock keeps processes that start together from parsing together. dbt parses without a
    database and without the installation's variables: the manifest is the same everywhere. It is kept in
    dbt's own place, or below ``FORECASTER_HOME`` where the project was installed from a wheel.
    """
    folder = (load_settings().home / "dbt" if INSTALLED else project_dir / "target") / "manifests"
    manifest = folder / f"{project_digest(project_dir)}.json"
    if manifest.exists():
        return manifest
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not manifest.exists():
            neutral = {name: value for name, value in os.environ.items() if "DBT_" not in name}
            with tempfile.TemporaryDirectory(dir=folder) as target:
                _run_dbt(["parse"], Path(target), neutral, project_dir)
                outdated = list(folder.glob("*.json"))
                (Path(target) / "manifest.json").rename(manifest)
            for path in outdated:
                path.unlink()
    return manifest


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


class OfflineDbt(DbtCliResource):
    """dbt that is not asked for its version by ``dbt --version``, which asks PyPI for the newest one."""

    @cached_property
    def _cli_version(self) -> Version:
        return Version(importlib.metadata.version("dbt-core"))


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
    with _environment(warehouse.dbt_environment()), tempfile.TemporaryDirectory() as target:
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


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set variables for as long as dbt runs; dagster-dbt hands dbt the process's own environment."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


REPORTING_VIEWS = build_dbt_asset_specs(
    manifest=_MANIFEST, select=REPORTING, dagster_dbt_translator=_TRANSLATOR
)
"""The views, for the lineage only: ``forecaster migrate`` makes them, no run does."""

DEMAND_KEYS = sorted(demand.keys)
"""What the later stages read."""

DEMAND_ASSETS: list[dg.AssetsDefinition | dg.AssetSpec] = [holidays, demand, *REPORTING_VIEWS]
