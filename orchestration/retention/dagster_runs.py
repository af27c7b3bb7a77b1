"""Dagster's own records: runs that ended long ago, with their events, logs and artifacts.

A run that holds the latest materialization of an asset for a client stays, whatever its age: sensors,
freshness and the UI ask for it. Dagster has no way to take back the results of asset checks of one run; they
stay.

Belongs here: which runs go, through Dagster's instance. Does not belong here: ticks of schedules and sensors,
which Dagster forgets by itself (``running/dagster.yaml``).
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
from dagster import DagsterEventType

from orchestration import audit
from orchestration.clients import CLIENT_TAG
from orchestration.warehouse.server import Warehouse

_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
_PAGE = 200
_BATCH = 50

WHY_LATEST = "holds the latest materialization of an asset"


@dataclass(frozen=True)
class OldRuns:
    """Runs that were begun before a moment and have ended.

    Attributes:
        before: that moment.
        going: those that go, the oldest first.
        latest: how many stay, since they hold the latest materialization of an asset for a client.
    """

    before: datetime
    going: Sequence[dg.DagsterRun]
    latest: int


def old_runs(instance: dg.DagsterInstance, kept_days: int, now: datetime | None = None) -> OldRuns:
    """The runs of an instance that are past their use.

    Args:
        instance: whose runs.
        kept_days: days for which a run is kept after it was launched.
        now: the present moment where it is another.
    """
    before = (now or datetime.now(UTC)) - timedelta(days=kept_days)
    latest = _latest_materializations(instance)
    going, held = [], 0
    for run in _ended_before(instance, before):
        if _materializations(instance, run.run_id) & latest:
            held += 1
        else:
            going.append(run)
    return OldRuns(before, going, held)


def forget_runs(
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
    old: OldRuns,
    kept_days: int,
    dagster_run_id: str | None = None,
    on_progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Delete old runs; returns how many.

    Their events go first: a run that is left without them is found and deleted by the next retention, while
    events without their run would be found by nobody.

    Args:
        warehouse: whose audit log notes each batch before it goes.
        instance: whose runs.
        old: as :func:`old_runs` found them.
        kept_days: recorded with the deed.
        dagster_run_id: of the run that does it.
        on_progress: told how many are done after each batch.
    """
    for start in range(0, len(old.going), _BATCH):
        batch = old.going[start : start + _BATCH]
        with warehouse.transaction() as connection:
            for client_id, count in Counter(run.tags.get(CLIENT_TAG) for run in batch).items():
                audit.record(
                    connection,
                    "thin",
                    "runs of Dagster",
                    client_id=client_id,
                    run_id=dagster_run_id,
                    row_count=count,
                    policy="FORECASTER_KEEP_DAGSTER_RUNS_DAYS",
                    days=kept_days,
                    before=old.before.isoformat(),
                )
        for run in batch:
            instance.event_log_storage.delete_events(run.run_id)
            instance.compute_log_manager.delete_logs(prefix=[run.run_id])
            shutil.rmtree(Path(instance.storage_directory()) / run.run_id, ignore_errors=True)
            instance.delete_run(run.run_id)
        on_progress(start + len(batch))
    return len(old.going)


def _ended_before(instance: dg.DagsterInstance, before: datetime) -> Iterator[dg.DagsterRun]:
    """Runs of the past that have ended, the oldest first."""
    filters = dg.RunsFilter(statuses=_ENDED, created_before=before)
    cursor: str | None = None
    while True:
        page = instance.get_run_records(filters, limit=_PAGE, ascending=True, cursor=cursor)
        yield from (record.dagster_run for record in page)
        if len(page) < _PAGE:
            return
        cursor = page[-1].dagster_run.run_id


def _latest_materializations(instance: dg.DagsterInstance) -> set[int]:
    """Storage ids of the latest materialization of each asset for each client, and of all clients."""
    keys = instance.all_asset_keys()
    of_all = {
        storage_id
        for record in instance.get_asset_records(keys)
        if (storage_id := record.asset_entry.last_materialization_storage_id) is not None
    }
    of_each = {
        storage_id
        for asset_key in keys
        for storage_id in instance.get_latest_storage_id_by_partition(
            asset_key, DagsterEventType.ASSET_MATERIALIZATION
        ).values()
    }
    return of_each | of_all


def _materializations(instance: dg.DagsterInstance, run_id: str) -> set[int]:
    found = instance.get_records_for_run(run_id, of_type=DagsterEventType.ASSET_MATERIALIZATION)
    return {record.storage_id for record in found.records}
