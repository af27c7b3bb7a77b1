"""Dagster's runs that ended long ago go, with their events; the latest of each asset and client stays."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from orchestration.clients import CLIENT_PARTITIONS, CLIENT_TAG
from orchestration.definitions import build_definitions
from orchestration.retention.dagster_runs import OldRuns, forget_runs, old_runs
from orchestration.stages.retention import thinned_table
from orchestration.warehouse.server import Warehouse
from tests.orchestration.retention.stores import open_store

KEY = dg.AssetKey("something_of_a_client")
LATER = datetime.now(UTC) + timedelta(days=100)


@dg.asset(key=KEY, partitions_def=CLIENT_PARTITIONS)
def something_of_a_client(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
    if "fails" in context.run.tags:
        raise dg.Failure("it was to fail", allow_retries=False)
    return dg.MaterializeResult(metadata={"n": 1})


@dg.asset
def something_of_all() -> dg.MaterializeResult[Any]:
    return dg.MaterializeResult(metadata={"n": 1})


@dg.op
def nothing() -> None:
    """Does nothing."""


@dg.job
def empty() -> None:
    nothing()


@pytest.fixture
def run(instance: dg.DagsterInstance) -> Callable[..., str]:
    """A run of a client; returns its id."""

    def one(client_id: str, **tags: str) -> str:
        instance.add_dynamic_partitions("clients", [client_id])
        result = dg.materialize(
            [something_of_a_client],
            instance=instance,
            partition_key=client_id,
            tags={CLIENT_TAG: client_id, **tags},
            raise_on_error=False,
        )
        return result.run_id

    return one


def of(old: OldRuns, *client_ids: str) -> OldRuns:
    """Those of some clients: other tests have runs in the same instance."""
    return replace(old, going=[run for run in old.going if run.tags.get(CLIENT_TAG) in client_ids])


def test_old_runs_go_but_for_the_latest_materialization_and_what_goes_on(
    warehouse: Warehouse, instance: dg.DagsterInstance, run: Callable[..., str]
) -> None:
    first, second, failed = run("dag_a"), run("dag_a"), run("dag_a", fails="yes")
    only = run("dag_b")
    abandoned = instance.create_run_for_job(empty, tags={CLIENT_TAG: "dag_a"})
    instance.report_run_failed(abandoned)
    unfinished = instance.create_run_for_job(empty, tags={CLIENT_TAG: "dag_a"})

    assert of(old_runs(instance, 90), "dag_a", "dag_b").going == []
    old = of(old_runs(instance, 90, LATER), "dag_a", "dag_b")
    assert [one.run_id for one in old.going] == [first, failed, abandoned.run_id]
    latest = instance.get_latest_storage_id_by_partition(KEY, dg.DagsterEventType.ASSET_MATERIALIZATION)

    assert forget_runs(warehouse, instance, old, 90, "night") == 3
    for gone in (first, failed, abandoned.run_id):
        assert instance.get_run_by_id(gone) is None
        assert instance.all_logs(gone) == []
    for kept in (second, only, unfinished.run_id):
        assert instance.get_run_by_id(kept) is not None
    assert instance.all_logs(second)
    assert latest == instance.get_latest_storage_id_by_partition(
        KEY, dg.DagsterEventType.ASSET_MATERIALIZATION
    )
    with warehouse.transaction() as connection:
        noted = connection.execute(
            "select client_id, row_count, details ->> 'days' from ops.audit_log "
            "where action = 'thin' and object = 'runs of Dagster' and run_id = 'night'"
        ).fetchall()
    assert noted == [("dag_a", 3, "90")]


def test_the_latest_run_of_what_is_of_no_client_stays_too(
    warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    first, second = (dg.materialize([something_of_all], instance=instance).run_id for _ in range(2))
    going = {run.run_id for run in old_runs(instance, 90, LATER).going}
    assert first in going
    assert second not in going


def test_a_run_whose_events_are_gone_already_is_finished_by_the_next(
    warehouse: Warehouse, instance: dg.DagsterInstance, run: Callable[..., str]
) -> None:
    half, _ = run("dag_c"), run("dag_c")
    instance.event_log_storage.delete_events(half)
    old = of(old_runs(instance, 90, LATER), "dag_c")
    assert [one.run_id for one in old.going] == [half]
    forget_runs(warehouse, instance, old, 90)
    assert instance.get_run_by_id(half) is None


def test_the_night_s_run_is_of_all_clients_and_shows_what_went(
    warehouse: Warehouse, instance: dg.DagsterInstance
) -> None:
    store = open_store(warehouse, "night_store")
    store.age(100)
    job = build_definitions([]).resolve_job_def("retention")
    result = job.execute_in_process(instance=instance, raise_on_error=True)
    [materialized] = result.asset_materializations_for_node("thinned_tables")
    shown = materialized.metadata
    assert int(str(shown["rows_thinned"].value)) > 0
    table = str(shown["thinned"].value)
    assert "| night_store | forecasts | keep_forecasts_days = 28 | 2 |" in table
    assert instance.get_run_by_id(result.run_id) is not None


def test_a_night_on_which_nothing_is_past_its_use_says_so() -> None:
    assert thinned_table([]) == "Nothing was past its use."
