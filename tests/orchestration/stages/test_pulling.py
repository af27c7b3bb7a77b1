"""The run that pulls: what a schedule's tick asks for, what it brings, and what it says of what it cannot."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from orchestration.client_sources import change_source
from orchestration.clients import Client, get_client
from orchestration.running.runs import find_job, run_job
from orchestration.sensors import clients_with_news, folder_state
from orchestration.settings import Settings
from orchestration.warehouse.server import Warehouse

NewClient = Callable[..., Client]
SALES = "date,item_id,location_id,units_sold\n2026-03-01,tea,main,3\n"


@pytest.fixture
def puller(
    new_client: NewClient, warehouse: Warehouse, instance: dg.DagsterInstance, tmp_path: Path
) -> Client:
    """A client with three sources, of which one is broken."""
    client_id = new_client().client_id
    instance.add_dynamic_partitions("clients", [client_id])
    for name in ("one", "three"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"sales_{name}.csv").write_text(SALES)
    for name in ("one", "two", "three"):
        fields = {"url": f"file://{tmp_path}/{name}/*.csv", "cron": "30 4 * * *"}
        change_source(warehouse, client_id, name, fields.__or__, lambda _: None)
    return get_client(warehouse, client_id)


def test_one_source_that_fails_keeps_no_other_from_being_pulled(
    puller: Client,
    warehouse: Warehouse,
    settings: Settings,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("orchestration.stages.pulling.pull_from_sources._retry_policy", None)
    folder = settings.client_landing_dir(puller.client_id)
    before = {puller.client_id: folder_state(folder, 0, time.time()) or ""}
    outcome = run_job(warehouse, instance, find_job("pull_sources"), puller.client_id)
    assert not outcome.succeeded
    [problem] = outcome.problems
    assert "Nothing at file://" in problem
    assert sorted(path.name for path in folder.rglob("*.csv")) == ["sales_one.csv", "sales_three.csv"]
    after = {puller.client_id: folder_state(folder, 0, time.time())}
    assert clients_with_news(after, before)[0] == [puller.client_id], "the sensor starts the pipeline"


def test_a_tick_asks_for_its_source_alone(
    puller: Client, warehouse: Warehouse, settings: Settings, instance: dg.DagsterInstance
) -> None:
    from orchestration.definitions import build_definitions

    definitions = build_definitions([puller])
    with (
        dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=datetime(2026, 3, 1, 4, 30, tzinfo=UTC),
            repository_def=definitions.get_repository_def(),
        ) as context,
        dg.partition_loading_context(dynamic_partitions_store=instance),
    ):
        schedule = definitions.resolve_schedule_def(f"{puller.client_id}__three_pull")
        [request] = schedule.evaluate_tick(context).run_requests or []
    assert request.run_key is None
    result = find_job("pull_sources").execute_in_process(
        run_config=request.run_config, instance=instance, partition_key=request.partition_key
    )
    assert result.success
    folder = settings.client_landing_dir(puller.client_id)
    assert [path.name for path in folder.rglob("*.csv")] == ["sales_three.csv"]
