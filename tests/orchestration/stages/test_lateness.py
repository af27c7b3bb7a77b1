"""Which clients are late, each by its own schedules and by the rhythm of its own feed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
from dagster._core.event_api import PartitionKeyFilter

from orchestration.clients import Client, update_client, validated
from orchestration.running.runs import find_job, run_job
from orchestration.settings import Settings
from orchestration.stages.ingestion import ingest_files
from orchestration.stages.lateness import (
    ON_TIME,
    PATIENCE,
    SALES_KEY,
    Due,
    late_clients,
    late_runs,
    late_sales,
    missed_runs,
    on_time_evaluation,
    runs_due,
)
from orchestration.warehouse.server import Warehouse

NewClient = Callable[..., Client]

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
TICK = datetime(2026, 3, 10, 1, 30, tzinfo=UTC)
"""Half past two in Berlin."""


def scheduled(**fields: object) -> Client:
    return validated(
        **{"client_id": "acme", "name": "Acme", "cron": "30 2 * * *", "timezone": "Europe/Berlin", **fields}
    )


def due(client: Client, now: datetime, changed_at: datetime = LONG_AGO) -> list[tuple[str, str]]:
    return [(one.job_name, one.at.isoformat(timespec="minutes")) for one in runs_due(client, changed_at, now)]


def test_a_run_is_due_once_its_schedule_has_had_time_in_the_client_s_own_zone() -> None:
    today, yesterday = "2026-03-10T02:30+01:00", "2026-03-09T02:30+01:00"
    assert due(scheduled(), TICK + PATIENCE) == [("client_pipeline", today)]
    assert due(scheduled(), TICK + PATIENCE - timedelta(seconds=1)) == [("client_pipeline", yesterday)]


def test_a_tick_before_the_entry_changed_is_not_waited_for() -> None:
    assert due(scheduled(), TICK + PATIENCE, TICK + timedelta(seconds=1)) == []
    assert due(scheduled(), TICK + timedelta(days=1) + PATIENCE, TICK + timedelta(seconds=1)) != []


def test_nothing_is_due_of_who_has_no_schedule_or_rests() -> None:
    assert due(scheduled(cron=None), TICK + PATIENCE) == []
    assert due(scheduled(is_active=False), TICK + PATIENCE) == []


def test_a_source_has_a_schedule_of_its_own() -> None:
    sources = {"exports": {"url": "file:///srv/*.csv", "cron": "0 * * * *"}}
    assert due(scheduled(cron=None, sources=sources), TICK + PATIENCE) == [
        ("pull_sources", "2026-03-10T02:00+01:00")
    ]


def test_a_run_that_began_after_the_tick_and_succeeded_makes_up_for_it() -> None:
    asked = [Due("client_pipeline", TICK)]
    assert missed_runs(asked, {"client_pipeline": TICK}) == []
    said = (
        "No run of client_pipeline has succeeded since its schedule asked for one on 2026-03-10 at 01:30 "
        "(UTC)."
    )
    assert missed_runs(asked, {"client_pipeline": TICK - timedelta(seconds=1)}) == [said]
    assert missed_runs(asked, {"pull_sources": TICK}) == [said]


def sales(folder: Path, through: date, days: int) -> Path:
    """A file with a row for each of some days."""
    rows = [f"{through - timedelta(day)},apples,shop,{day + 1}" for day in range(days)]
    file = folder / f"sales_{through}.csv"
    file.write_text("\n".join(["date,item_id,location_id,units_sold", *rows]) + "\n")
    return file


def test_sales_are_late_by_the_rhythm_of_their_own_feed(
    warehouse: Warehouse, new_client: NewClient, tmp_path: Path
) -> None:
    last = date.today() - timedelta(days=10)
    daily, weekly, once = new_client(), new_client(), new_client()
    for client, steps in ((daily, (2, 1, 0)), (weekly, (14, 7, 0)), (once, (0,))):
        for step in steps:
            folder = tmp_path / client.client_id
            folder.mkdir(exist_ok=True)
            ingest_files(warehouse, client, [sales(folder, last - timedelta(step), 7)])
    late = late_sales(warehouse)
    assert set(late) & {c.client_id for c in (daily, weekly, once)} == {daily.client_id, once.client_id}
    assert late[daily.client_id].startswith(f"The last day of sales is {last}, ")
    update_client(warehouse, daily.client_id, is_active=False)
    assert daily.client_id not in late_sales(warehouse)


def test_a_client_whose_scheduled_run_did_not_come_is_late_until_one_succeeds(
    settings: Settings, warehouse: Warehouse, instance: dg.DagsterInstance, new_client: NewClient
) -> None:
    client, other = new_client(cron="0 0 * * *"), new_client()
    instance.add_dynamic_partitions("clients", [client.client_id])
    with warehouse.transaction() as connection:
        connection.execute("update ops.clients set updated_at = updated_at - interval '9 days'")
    (said,) = late_runs(warehouse, instance)[client.client_id]
    assert said.startswith("No run of client_pipeline has succeeded since its schedule asked for one on ")
    assert other.client_id not in late_runs(warehouse, instance)
    folder = settings.client_landing_dir(client.client_id)
    folder.mkdir(parents=True)
    sales(folder, date.today() - timedelta(days=1), 90)
    outcome = run_job(warehouse, instance, find_job("client_pipeline"), client.client_id)
    assert outcome.succeeded, outcome.problems
    assert client.client_id not in late_clients(warehouse, instance)
    later = datetime.now(UTC) + timedelta(days=1) + PATIENCE
    assert client.client_id in late_runs(warehouse, instance, later)


def test_the_check_of_each_client_has_an_answer_of_its_own(instance: dg.DagsterInstance) -> None:
    for client_id, late in (("on_time", []), ("behind", ["Nothing came."])):
        instance.report_runless_asset_event(on_time_evaluation(client_id, late))
    key = dg.AssetCheckKey(SALES_KEY, ON_TIME)

    def latest(client_id: str) -> tuple[bool, str | None]:
        [record] = instance.event_log_storage.get_asset_check_execution_history(
            key, limit=1, partition_filter=PartitionKeyFilter(key=client_id)
        )
        assert record.event is not None
        assert record.event.dagster_event is not None
        found = record.event.dagster_event.asset_check_evaluation_data
        return found.passed, found.description

    assert latest("on_time") == (True, "Nothing is late.")
    assert latest("behind") == (False, "Nothing came.")
