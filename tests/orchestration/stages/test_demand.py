"""How dbt is called and how its models appear in Dagster; tests/dbt_project tests what they compute."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from orchestration.clients import Client
from orchestration.resources import Installation
from orchestration.stages import dbt, demand
from orchestration.stages.dbt_process import run_dbt
from orchestration.warehouse.bulk import insert_frame
from orchestration.warehouse.server import Warehouse, WarehouseError
from orchestration.warehouse.tables.analytics import ts_demand_daily
from tests.sales_partition import make_room_for_sales

MARTS = {
    "ts_demand_daily",
    "ts_demand_periods",
    "demand_by_month",
    "promoted_days",
    "location_calendar",
    "dim_item",
    "dim_location",
    "dim_series",
}

KEPT = {"series", "location_sales"}


def test_build_arguments_name_the_client() -> None:
    arguments = dbt.build_arguments("acme")
    assert arguments[0] == "build"
    assert json.loads(arguments[arguments.index("--vars") + 1]) == {"client_id": "acme"}


def test_build_arguments_say_what_stands() -> None:
    arguments = dbt.build_arguments("acme", standing_until=date(2024, 1, 31), build_id="b")
    assert json.loads(arguments[arguments.index("--vars") + 1]) == {
        "client_id": "acme",
        "standing_until": "2024-01-31",
        "build_id": "b",
    }


def test_build_arguments_leave_out_unit_tests_and_shared_views() -> None:
    arguments = dbt.build_arguments("acme")
    assert arguments[arguments.index("--exclude-resource-type") + 1] == "unit_test"
    assert arguments[arguments.index("--exclude") + 1] == dbt.REPORTING
    assert "--full-refresh" not in arguments


def test_models_have_the_keys_of_their_tables() -> None:
    assert set(demand.DEMAND_KEYS) == {dg.AssetKey(["analytics", name]) for name in MARTS}


def test_sources_link_to_the_assets_that_fill_them() -> None:
    upstream = {spec.key.path[-1]: {dep.asset_key for dep in spec.deps} for spec in demand.demand.specs}
    assert demand.HOLIDAYS_KEY in upstream["location_calendar"]
    assert dg.AssetKey(["staging", "sales"]) in upstream["ts_demand_daily"]


def test_a_marts_columns_are_documented_by_its_table() -> None:
    (spec,) = [spec for spec in demand.demand.specs if spec.key.path[-1] == "ts_demand_daily"]
    schema = spec.metadata["dagster/column_schema"]
    documented = {column.name: column.description for column in schema.columns}
    assert documented == {column.name: column.comment for column in ts_demand_daily.columns}


def test_every_data_test_is_a_blocking_check() -> None:
    checks = list(demand.demand.check_specs)
    assert {check.asset_key.path[-1] for check in checks} == {
        "ts_demand_daily",
        "location_calendar",
        "dim_series",
    }
    assert all(check.blocking for check in checks)


def test_no_run_can_materialize_a_reporting_view() -> None:
    views = {spec.key for spec in demand.REPORTING_VIEWS}
    assert views
    assert views.isdisjoint(demand.demand.keys)


def _copy_of_the_project(folder: Path) -> Path:
    return Path(shutil.copytree(dbt.PROJECT_DIR, folder, ignore=shutil.ignore_patterns("target", "logs")))


def test_the_digest_follows_every_parsed_file_and_nothing_else(tmp_path: Path) -> None:
    project = _copy_of_the_project(tmp_path / "project")
    before = dbt.project_digest(project)
    assert before == dbt.project_digest(dbt.PROJECT_DIR)
    (project / "target").mkdir()
    (project / "target" / "manifest.json").write_text("{}")
    assert dbt.project_digest(project) == before
    (project / "macros" / "extra.sql").write_text("{% macro extra() %}{% endmacro %}")
    assert dbt.project_digest(project) != before


def test_a_fresh_manifest_is_taken_as_it_is() -> None:
    manifest = dbt.current_manifest()
    written = manifest.stat().st_mtime_ns
    assert dbt.current_manifest() == manifest
    assert manifest.stat().st_mtime_ns == written


def test_processes_that_load_a_changed_project_together_parse_it_once(tmp_path: Path) -> None:
    project = _copy_of_the_project(tmp_path / "project")
    outdated = project / "target" / "manifests" / "outdated.json"
    outdated.parent.mkdir(parents=True)
    outdated.write_text("{}")
    with ThreadPoolExecutor(4) as pool:
        manifests = set(pool.map(dbt.current_manifest, [project] * 4))
    assert list(outdated.parent.glob("*.json")) == list(manifests)
    (manifest,) = manifests
    assert "model.forecaster.ts_demand_daily" in json.loads(manifest.read_text())["nodes"]


def test_a_project_dbt_cannot_parse_says_why(tmp_path: Path) -> None:
    project = _copy_of_the_project(tmp_path / "project")
    (project / "models" / "broken.sql").write_text("select * from {{ ref('nowhere') }}")
    with pytest.raises(WarehouseError, match="nowhere"):
        dbt.current_manifest(project)


def test_the_parsed_project_is_the_same_for_every_client(warehouse: Warehouse, tmp_path: Path) -> None:
    """What dbt renders while it parses would be the first client's, or nobody's, in the builds of all."""
    parsed = dbt.parsed_project(warehouse)
    assert dbt.parsed_project(warehouse) == parsed
    assert warehouse.roles.tenant.encode() in parsed.read_bytes()
    client = ["--vars", json.dumps({"client_id": "whoever_is_first"})]
    places = ["--project-dir", str(dbt.PROJECT_DIR), "--profiles-dir", str(dbt.PROJECT_DIR)]
    outputs = ["--target-path", str(tmp_path), "--log-path", str(tmp_path)]
    assert list(run_dbt(["parse", "--quiet", *client, *places, *outputs], None, {})) == []
    assert b"whoever_is_first" not in (tmp_path / "partial_parse.msgpack").read_bytes()


def test_public_holidays_are_of_the_country_or_its_part() -> None:
    found, unknown = demand.public_holidays(["DE", "de-by", "US-CA"], 2024, 2024)
    assert unknown == []
    epiphany = found.filter(date=date(2024, 1, 6))
    assert epiphany["holiday_calendar"].to_list() == ["de-by"]
    assert found.filter(holiday_calendar="US-CA", date=date(2024, 7, 4)).height == 1


def test_unknown_holiday_calendars_are_reported_and_do_no_harm() -> None:
    found, unknown = demand.public_holidays(["DE", "Narnia", "US-XX"], 2024, 2025)
    assert unknown == ["Narnia", "US-XX"]
    assert set(found["holiday_calendar"]) == {"DE"}


def _deliver(warehouse: Warehouse, client: Client) -> None:
    rows = pl.DataFrame(
        {
            "client_id": client.client_id,
            "item_id": "tea",
            "location_id": "main",
            "date": pl.date_range(date(2023, 12, 20), date(2024, 1, 10), eager=True),
            "units_sold": 2,
            "file_id": 1,
        }
    )
    with warehouse.transaction() as connection:
        make_room_for_sales(connection, client.client_id)
        insert_frame(connection, "staging.sales", rows)
        connection.execute(
            "insert into staging.locations (client_id, location_id, holiday_calendar, file_id) "
            "values (%s, 'main', 'US', 1)",
            (client.client_id,),
        )


def test_holidays_cover_the_sales_and_the_horizon_and_are_replaced(
    warehouse: Warehouse, new_client: Callable[..., Client]
) -> None:
    client = new_client(country="DE")
    _deliver(warehouse, client)
    once = demand.refresh_holidays(warehouse, client)
    assert demand.refresh_holidays(warehouse, client) == once
    with warehouse.transaction() as connection:
        stored = connection.execute(
            """
            select count(*)::int, array_agg(distinct holiday_calendar), min(extract(year from date))::int,
                max(extract(year from date))::int
            from staging.holidays where client_id = %s
            """,
            (client.client_id,),
        ).fetchone()
    assert stored == (once[0], ["DE", "US"], 2023, 2024)


def test_holidays_of_a_client_without_sales_are_none(
    warehouse: Warehouse, new_client: Callable[..., Client]
) -> None:
    assert demand.refresh_holidays(warehouse, new_client(country="DE")) == (0, [])


def test_the_stage_materializes_checks_and_counts_one_client(
    warehouse: Warehouse, new_client: Callable[..., Client]
) -> None:
    client = new_client()
    _deliver(warehouse, client)
    before = dict(os.environ)
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("clients", [client.client_id])
        result = dg.materialize(
            [demand.holidays, demand.demand],
            partition_key=client.client_id,
            instance=instance,
            resources={"installation": Installation()},
        )
    materialized = {
        event.asset_key.path[-1]: event.step_materialization_data.materialization.metadata
        for event in result.get_asset_materialization_events()
        if event.asset_key
    }
    assert set(materialized) == MARTS | KEPT | {"holidays"}
    assert materialized["ts_demand_daily"]["dagster/partition_row_count"].value == 22
    checks = result.get_asset_check_evaluations()
    assert {check.check_name for check in checks} == {spec.name for spec in demand.demand.check_specs}
    assert all(check.passed for check in checks)
    assert dict(os.environ) == before
