"""The assembled code location: a snapshot of what is in it, and how it loads.

The snapshot is the file beside this one; after a change that is meant, it is written again by
``python -m tests.orchestration.test_definitions``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.instance import InstanceRef

from orchestration.clients import CLIENT_PARTITIONS, Client, validated

SNAPSHOT = Path(__file__).with_name("definitions_snapshot.txt")
ROOT = Path(__file__).parents[2]
NO_DATABASE = {"DATABASE_URL": "postgresql://127.0.0.1:1/nobody", "DAGSTER_HOME": "/nonexistent"}

EXPORTS = {"url": "file:///srv/exports/*.csv", "cron": "30 4 * * *"}

CLIENTS = [
    validated(client_id="daily", name="Daily", cron="0 5 * * *", timezone="Europe/Berlin"),
    validated(client_id="pulling", name="Pulling", timezone="Asia/Kolkata", sources={"exports": EXPORTS}),
    validated(client_id="on_files", name="On Files"),
    validated(client_id="resting", name="Resting", cron="0 6 * * *", is_active=False),
]


def assembled(clients: list[Client]) -> dg.Definitions:
    from orchestration.definitions import build_definitions

    return build_definitions(clients)


def described(definitions: dg.Definitions) -> str:
    """What the definitions consist of, a line each, in a stable order."""

    def lines() -> Iterator[str]:
        repository = definitions.get_repository_def()
        graph = repository.asset_graph
        yield "assets (group, and 'external' where no run materializes it)"
        for key in sorted(graph.get_all_asset_keys()):
            kind = "" if graph.get(key).is_materializable else ", external"
            yield f"  {key.to_user_string()}: {graph.get(key).group_name}{kind}"
        yield "checks"
        for check in sorted(graph.asset_check_keys):
            yield f"  {check.asset_key.to_user_string()}: {check.name}"
        yield "jobs (what each materializes)"
        for job in sorted(repository.get_all_jobs(), key=lambda job: job.name):
            if job.name.startswith("__"):
                continue
            yield f"  {job.name}"
            yield from (f"    {key}" for key in sorted(selected(job)))
        yield "schedules"
        for schedule in sorted(repository.schedule_defs, key=lambda schedule: schedule.name):
            yield (
                f"  {schedule.name}: {schedule.cron_schedule} {schedule.execution_timezone} "
                f"{schedule.job_name} {schedule.default_status.value}"
            )
        yield "sensors"
        for sensor in sorted(repository.sensor_defs, key=lambda sensor: sensor.name):
            interval = sensor.minimum_interval_seconds or "default"
            yield f"  {sensor.name}: interval {interval}, {sensor.default_status.value}"
        yield "resources"
        yield from (f"  {name}" for name in sorted(definitions.resources or {}))

    return "\n".join(lines()) + "\n"


def selected(job: dg.JobDefinition) -> list[str]:
    """The assets that a run of the job materializes."""
    return sorted(key.to_user_string() for key in job.asset_layer.executable_asset_keys)


def test_the_code_location_is_what_the_snapshot_says(settings: object) -> None:
    assert described(assembled(CLIENTS)) == SNAPSHOT.read_text(), (
        "what is meant is written by: python -m tests.orchestration.test_definitions"
    )


def test_an_asset_of_a_new_group_enters_no_job(settings: object) -> None:
    @dg.asset(group_name="a_group_of_its_own", partitions_def=CLIENT_PARTITIONS)
    def backtest() -> None:
        """Something heavy that nobody wants in a daily run."""

    before = assembled([])
    after = dg.Definitions.merge(before, dg.Definitions(assets=[backtest]))
    assert "backtest" in selected(after.resolve_implicit_global_asset_job_def())
    names = [job.name for job in before.get_repository_def().get_all_jobs() if not job.name.startswith("__")]
    assert "client_pipeline" in names
    for name in names:
        assert selected(after.resolve_job_def(name)) == selected(before.resolve_job_def(name))


def test_no_run_materializes_a_view_or_the_registry(settings: object) -> None:
    definitions = assembled([])
    repository = definitions.get_repository_def()
    shared = {
        key.to_user_string()
        for key in repository.asset_graph.get_all_asset_keys()
        if repository.asset_graph.get(key).group_name in ("reporting", "registry")
    }
    assert {"analytics/planner_worklist", "ops/clients"} <= shared
    for job in repository.get_all_jobs():
        assert shared.isdisjoint(selected(job)), job.name


def test_a_test_may_put_its_own_resource_in_place_of_a_default(settings: object) -> None:
    from orchestration.definitions import build_definitions

    class Elsewhere(dg.ConfigurableResource):  # type: ignore[type-arg]
        """Stands for another installation."""

    replaced = build_definitions([], {"installation": Elsewhere()}).resources
    assert replaced is not None
    assert isinstance(replaced["installation"], Elsewhere)
    assert list(replaced) == list(build_definitions([]).resources or {})


def load(environment: dict[str, str]) -> tuple[list[str], str]:
    """Load the code location in a process of its own; returns its schedules and what it printed."""
    code = (
        "from orchestration.definitions import defs; "
        "print('schedules:', *(s.name for s in defs().get_repository_def().schedule_defs))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    [line] = [line for line in done.stdout.splitlines() if line.startswith("schedules:")]
    return line.split()[1:], done.stderr


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        (
            NO_DATABASE,
            "Client schedules are missing until this code location is reloaded: PostgreSQL does not",
        ),
        ({**NO_DATABASE, "DAGSTER_HOME": ""}, "DAGSTER_HOME is not set"),
    ],
)
def test_the_location_loads_without_a_database_and_without_an_instance_and_says_so(
    settings: object, environment: dict[str, str], said: str
) -> None:
    schedules, printed = load(environment)
    assert schedules == ["retention"]
    assert said in printed
    assert ("DAGSTER_HOME is not set" in printed) == (environment["DAGSTER_HOME"] == "")


def test_dagster_started_by_hand_in_the_project_s_folder_finds_the_limits_of_every_instance(
    tmp_path: Path,
) -> None:
    reference = InstanceRef.from_dir(str(tmp_path), config_dir=str(ROOT))
    with dg.DagsterInstance.from_ref(reference) as temporary:
        limits = temporary.get_concurrency_config().run_queue_config
        assert limits is not None
        assert limits.tag_concurrency_limits == [
            {"key": "client", "value": {"applyLimitPerUniqueValue": True}, "limit": 1}
        ]
        assert not temporary.telemetry_enabled


if __name__ == "__main__":
    os.environ.update(NO_DATABASE)
    SNAPSHOT.write_text(described(assembled(CLIENTS)))
