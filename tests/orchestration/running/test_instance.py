"""The Dagster instance: what its configuration says, and what it must not say."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster import serialize_value
from sqlalchemy import make_url

from orchestration.clients import Client, remove_client
from orchestration.resources import keep_connections
from orchestration.running.instance import (
    STORAGE_URL_VARIABLE,
    follow_registry,
    instance_environment,
    open_instance,
    render_instance_config,
    write_instance_config,
)
from orchestration.settings import Settings, load_settings
from orchestration.warehouse.server import Warehouse


@pytest.fixture
def instance(settings: Settings, warehouse: Warehouse) -> Iterator[dg.DagsterInstance]:
    with open_instance(settings, warehouse) as instance:
        yield instance


def with_password(warehouse: Warehouse) -> Warehouse:
    url = make_url(warehouse.instance_url).set(username="ops", password="s3cret%/x", host="db", query={})
    return Warehouse(warehouse.admin_url, url.render_as_string(hide_password=False))


def test_the_home_is_closed_to_others_by_whatever_makes_it(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "new" / "home"
    monkeypatch.setenv("FORECASTER_HOME", str(home))
    monkeypatch.delenv("DAGSTER_HOME")
    write_instance_config(load_settings(), warehouse)
    assert (home / "dagster" / "dagster.yaml").exists()
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_dagster_reads_the_configuration_as_it_is_meant(instance: dg.DagsterInstance) -> None:
    limits = instance.get_concurrency_config()
    assert limits.pool_config.default_pool_limit == 1
    assert limits.run_queue_config is not None
    assert limits.run_queue_config.max_concurrent_runs == 4
    assert limits.run_queue_config.tag_concurrency_limits == [
        {"key": "client", "value": {"applyLimitPerUniqueValue": True}, "limit": 1}
    ]
    assert type(instance.run_coordinator).__name__ == "QueuedRunCoordinator"
    assert instance.run_retries_enabled
    assert instance.run_retries_max_retries == 2
    assert not instance.run_retries_retry_on_asset_or_op_failure
    assert instance.run_monitoring_enabled
    assert not instance.telemetry_enabled


def test_the_configuration_is_for_its_owner_only_and_written_when_it_differs(
    settings: Settings, warehouse: Warehouse
) -> None:
    write_instance_config(settings, warehouse)
    path = settings.dagster_home / "dagster.yaml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not write_instance_config(settings, warehouse)
    path.write_text("telemetry: {enabled: true}\n")
    assert write_instance_config(settings, warehouse)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_password_stays_out_of_the_configuration_and_of_the_arguments_made_of_it(
    settings: Settings, warehouse: Warehouse
) -> None:
    guarded = with_password(warehouse)
    storage = yaml.safe_load(render_instance_config(settings, guarded))["storage"]["postgres"]
    assert storage["postgres_url"] == {"env": STORAGE_URL_VARIABLE}
    assert make_url(instance_environment(settings, guarded)[STORAGE_URL_VARIABLE]).password == "s3cret%/x"


def test_what_dagster_hands_to_its_children_holds_no_password(
    instance: dg.DagsterInstance, warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    write_instance_config(load_settings(), with_password(warehouse))
    handed = serialize_value(type(instance.get_ref()).from_dir(str(tmp_path)))
    assert STORAGE_URL_VARIABLE in handed
    assert "s3cret" not in handed


def test_storage_is_reached_with_the_driver_that_dagster_speaks(warehouse: Warehouse) -> None:
    assert make_url(warehouse.instance_storage_url).drivername == "postgresql+psycopg2"


def test_partitions_follow_the_registry(
    settings: Settings, warehouse: Warehouse, new_client: Callable[..., Client]
) -> None:
    client_id = new_client().client_id
    added, _ = follow_registry(settings, warehouse)
    assert client_id in added
    assert client_id not in follow_registry(settings, warehouse)[0]
    remove_client(warehouse, client_id)
    assert client_id in follow_registry(settings, warehouse)[1]


def test_a_run_keeps_its_connections_and_replaces_one_whose_server_went_away(
    settings: Settings, warehouse: Warehouse
) -> None:
    database = str(make_url(warehouse.instance_url).database)

    def sessions() -> set[int]:
        with warehouse.connect_admin() as connection:
            found = connection.execute("select pid from pg_stat_activity where datname = %s", (database,))
            return {pid for (pid,) in found}

    with open_instance(settings, warehouse) as instance:
        before = sessions()
        keep_connections(instance)
        instance.get_runs(limit=1)
        kept = sessions() - before
        instance.get_runs(limit=1)
        assert sessions() - before == kept != set()
        with warehouse.connect_admin() as connection:
            connection.execute("select pg_terminate_backend(pid, 5000) from unnest(%s) as pid", (list(kept),))
        instance.get_runs(limit=1)
        assert sessions() & kept == set()
