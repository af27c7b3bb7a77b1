"""Runs launched by the command line: how they are recorded, followed, kept apart and cleaned up after."""

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import dagster as dg
import pytest
from dagster._utils.error import SerializableErrorInfo  # type: ignore[attr-defined]

from orchestration.clients import CLIENT_PARTITIONS, CLIENT_TAG, Client
from orchestration.running.instance import follow_registry, open_instance
from orchestration.running.problems import innermost_message
from orchestration.running.runs import (
    RunError,
    StepUpdate,
    client_turn,
    find_job,
    mark_abandoned,
    run_config,
    run_job,
    started_runs,
)
from orchestration.settings import Settings, load_settings
from orchestration.warehouse.outage import ADVICE
from orchestration.warehouse.server import Warehouse, locate_warehouse

PATIENCE_SECONDS = 300
"""For what takes a second on a quiet machine."""


class AsOf(dg.Config):
    as_of_date: str | None = None


@dg.asset(partitions_def=CLIENT_PARTITIONS)
def forecasts(context: dg.AssetExecutionContext, config: AsOf) -> dg.MaterializeResult:  # type: ignore[type-arg]
    print("a step prints")  # noqa: T201
    return dg.MaterializeResult(metadata={"as_of": config.as_of_date or "last day"})


@dg.asset(partitions_def=CLIENT_PARTITIONS, deps=[forecasts])
def broken() -> None:
    try:
        raise ValueError("the shelf is empty")
    except ValueError as error:
        raise RuntimeError("could not count") from error


@dg.asset(partitions_def=CLIENT_PARTITIONS)
def bereft() -> None:
    with locate_warehouse(load_settings()).connect_admin() as connection:
        connection.execute("select pg_terminate_backend(pg_backend_pid())")


@dg.asset(partitions_def=CLIENT_PARTITIONS, check_specs=[dg.AssetCheckSpec("volume", asset="counted")])
def counted() -> dg.MaterializeResult:  # type: ignore[type-arg]
    return dg.MaterializeResult(
        check_results=[
            dg.AssetCheckResult(
                check_name="volume",
                passed=False,
                severity=dg.AssetCheckSeverity.WARN,
                description="Half the usual rows.",
            )
        ]
    )


_DEFINITIONS = dg.Definitions(
    assets=[forecasts, broken, bereft, counted],
    jobs=[
        dg.define_asset_job("sound", [forecasts]),
        dg.define_asset_job("failing", [forecasts, broken]),
        dg.define_asset_job("cut_off", [bereft]),
        dg.define_asset_job("warning", [counted]),
    ],
)


def job(name: str) -> dg.JobDefinition:
    return _DEFINITIONS.resolve_job_def(name)


@pytest.fixture
def instance(settings: Settings, warehouse: Warehouse) -> Iterator[dg.DagsterInstance]:
    with open_instance(settings, warehouse) as instance:
        yield instance


@pytest.fixture
def client_id(settings: Settings, warehouse: Warehouse, new_client: Callable[..., Client]) -> str:
    client_id = new_client().client_id
    follow_registry(settings, warehouse)
    return client_id


def recorded_as_started(instance: dg.DagsterInstance, client_id: str) -> dg.DagsterRun:
    """A run of the daemon with a place in a pool of its own; no process of this test works on it."""
    run = instance.create_run_for_job(
        job("sound"), tags={CLIENT_TAG: client_id}, status=dg.DagsterRunStatus.STARTED
    )
    storage = instance.event_log_storage
    storage.initialize_concurrency_limit_to_default(pool_of(run))
    assert storage.claim_concurrency_slot(pool_of(run), run.run_id, "forecasts").is_claimed
    assert places_taken(instance, pool_of(run)) == {run.run_id}
    return run


def pool_of(run: dg.DagsterRun) -> str:
    return f"pool_of_{run.tags[CLIENT_TAG]}"


def places_taken(instance: dg.DagsterInstance, pool: str) -> set[str]:
    """The runs that hold a place in a pool."""
    return set(instance.event_log_storage.get_concurrency_info(pool).active_run_ids)


def status_of(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dg.DagsterRunStatus:
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    return found.status


def test_a_run_is_recorded_for_its_client_with_its_steps(
    warehouse: Warehouse, instance: dg.DagsterInstance, client_id: str
) -> None:
    updates: list[StepUpdate] = []
    outcome = run_job(
        warehouse, instance, job("sound"), client_id, as_of=date(2026, 3, 31), on_step=updates.append
    )
    assert outcome.succeeded
    assert outcome.problems == []
    assert [(u.step, u.state) for u in updates] == [("forecasts", "started"), ("forecasts", "done")]
    run = instance.get_run_by_id(outcome.run_id)
    assert run is not None
    assert run.status == dg.DagsterRunStatus.SUCCESS
    assert run.tags["client"] == run.tags["dagster/partition"] == client_id
    event = instance.get_latest_materialization_event(dg.AssetKey("forecasts"))
    assert event is not None
    assert event.asset_materialization is not None
    assert event.asset_materialization.partition == client_id
    assert event.asset_materialization.metadata["as_of"].value == "2026-03-31"


def test_a_failure_is_told_in_the_words_of_its_cause(
    warehouse: Warehouse, instance: dg.DagsterInstance, client_id: str
) -> None:
    outcome = run_job(warehouse, instance, job("failing"), client_id)
    assert not outcome.succeeded
    assert outcome.problems == ["broken: the shelf is empty"]


def test_a_step_whose_connection_was_ended_is_told_with_the_next_step(
    warehouse: Warehouse, instance: dg.DagsterInstance, client_id: str
) -> None:
    outcome = run_job(warehouse, instance, job("cut_off"), client_id)
    assert not outcome.succeeded
    (problem,) = outcome.problems
    assert problem.startswith("bereft: PostgreSQL went away (")
    assert problem.endswith(ADVICE)


def test_a_check_that_only_warns_is_told_and_does_not_fail_the_run(
    warehouse: Warehouse, instance: dg.DagsterInstance, client_id: str
) -> None:
    outcome = run_job(warehouse, instance, job("warning"), client_id)
    assert outcome.succeeded
    assert outcome.problems == ["counted: Half the usual rows."]


def test_an_as_of_date_needs_a_step_that_takes_one() -> None:
    assert run_config(job("sound"), date(2026, 3, 31))["ops"] == {
        "forecasts": {"config": {"as_of_date": "2026-03-31"}}
    }
    with pytest.raises(RunError, match="takes no as-of date"):
        run_config(job("warning"), date(2026, 3, 31))


def test_an_unknown_job_is_answered_with_the_known_ones() -> None:
    with pytest.raises(RunError, match=r"no job 'everything'.*client_pipeline"):
        find_job("everything")


def test_the_jobs_of_the_project_are_found_and_take_what_the_command_offers() -> None:
    steps = {
        "client_pipeline": {"forecasts", "inventory"},
        "forecast_only": {"forecasts"},
        "inventory_only": {"inventory"},
    }
    for name, expected in steps.items():
        assert run_config(find_job(name), date(2026, 3, 31))["ops"].keys() == expected
    for name in ("quality_only", "finetune"):
        with pytest.raises(RunError, match="takes no as-of date"):
            run_config(find_job(name), date(2026, 3, 31))


def test_a_turn_that_does_not_come_names_who_has_it(
    warehouse: Warehouse, instance: dg.DagsterInstance, client_id: str
) -> None:
    with (
        client_turn(warehouse, instance, client_id, lambda _: None),
        pytest.raises(
            RunError, match=rf"running {client_id}, forecaster .*:{os.getpid()} .*; end it, or wait"
        ),
        client_turn(warehouse, instance, client_id, lambda _: None, patience=0.0),
    ):
        pass


def test_two_runs_of_a_client_wait_for_each_other(
    warehouse: Warehouse, instance: dg.DagsterInstance, client_id: str
) -> None:
    waits: list[str] = []
    has_waited = threading.Event()

    def note(why: str) -> None:
        waits.append(why)
        has_waited.set()

    def second() -> None:
        with client_turn(warehouse, instance, client_id, note):
            pass

    with client_turn(warehouse, instance, client_id, waits.append):
        thread = threading.Thread(target=second)
        thread.start()
        assert has_waited.wait(PATIENCE_SECONDS)
        assert thread.is_alive()
    thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()
    [sentence] = waits
    assert sentence.startswith(f"Another command is running {client_id}, forecaster ")
    assert f":{os.getpid()} " in sentence
    assert sentence.endswith("; waiting for it.")


def test_a_run_whose_process_was_killed_does_not_block_the_next(
    settings: Settings, warehouse: Warehouse, instance: dg.DagsterInstance, client_id: str
) -> None:
    killed = (
        "import os, dagster as dg\n"
        "from orchestration.clients import CLIENT_PARTITIONS\n"
        "from orchestration.running.instance import open_instance\n"
        "from orchestration.running.runs import run_job\n"
        "from orchestration.settings import load_settings\n"
        "from orchestration.warehouse.server import locate_warehouse\n"
        "@dg.asset(partitions_def=CLIENT_PARTITIONS, pool='chronos')\n"
        "def dying(): os._exit(9)\n"
        "defs = dg.Definitions(assets=[dying], jobs=[dg.define_asset_job('fatal', [dying])])\n"
        "settings = load_settings(); warehouse = locate_warehouse(settings)\n"
        "with open_instance(settings, warehouse) as instance:\n"
        f"    run_job(warehouse, instance, defs.resolve_job_def('fatal'), {client_id!r})\n"
    )
    process = subprocess.run([sys.executable, "-c", killed], env=os.environ, capture_output=True, check=False)
    assert process.returncode == 9, process.stderr.decode()
    (abandoned,) = started_runs(instance, client=client_id)
    assert places_taken(instance, "chronos") == {abandoned.run_id}
    outcome = run_job(warehouse, instance, job("sound"), client_id)
    assert outcome.succeeded
    assert status_of(instance, abandoned) == dg.DagsterRunStatus.FAILURE
    assert places_taken(instance, "chronos") == set()


def test_an_abandoned_run_fails_and_frees_its_places_and_another_clients_run_goes_on(
    instance: dg.DagsterInstance, client_id: str, new_client: Callable[..., Client]
) -> None:
    abandoned = recorded_as_started(instance, client_id)
    other = recorded_as_started(instance, new_client().client_id)
    mark_abandoned(instance, started_runs(instance, client=client_id))
    assert status_of(instance, abandoned) == dg.DagsterRunStatus.FAILURE
    assert places_taken(instance, pool_of(abandoned)) == set()
    assert status_of(instance, other) == dg.DagsterRunStatus.STARTED
    assert places_taken(instance, pool_of(other)) == {other.run_id}


def test_a_run_of_the_daemon_is_waited_for_and_not_taken_for_abandoned(
    warehouse: Warehouse, instance: dg.DagsterInstance, client_id: str
) -> None:
    daemons = recorded_as_started(instance, client_id)
    said: queue.Queue[str] = queue.Queue()

    def next_run() -> None:
        with client_turn(warehouse, instance, client_id, said.put):
            said.put("begins")

    thread = threading.Thread(target=next_run, daemon=True)
    thread.start()
    waits = f"Run {daemons.run_id[:8]} of {client_id} is in progress; waiting for it."
    assert said.get(timeout=PATIENCE_SECONDS) == waits
    assert status_of(instance, daemons) == dg.DagsterRunStatus.STARTED
    assert said.empty()
    instance.report_run_canceled(daemons)
    assert said.get(timeout=PATIENCE_SECONDS) == "begins"
    thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()


def test_what_steps_print_goes_to_the_log_and_not_to_the_screen(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "runs.log"
    program = (
        "import os, sys\nfrom pathlib import Path\n"
        "from orchestration.running.runs import output_sent_to\n"
        f"with output_sent_to(Path({str(log)!r})) as screen:\n"
        "    print('from python'); os.system('echo from a child'); print('progress', file=screen)\n"
        "print('afterwards')\n"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stderr.strip() == "progress"
    assert shown.stdout.strip() == "afterwards"
    assert sorted(log.read_text().split("\n")) == ["", "from a child", "from python"]


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("ValueError: \n$10_$\n    ^\n", "$10_$"),
        ("ValueError: no such day\nmore\n", "no such day"),
        ("ValueError\n", "ValueError"),
        ("the disk is full: nothing was written", "the disk is full: nothing was written"),
        ("KeyError: 'a\x1b[31m'", "'a\\x1b[31m'"),
    ],
)
def test_a_failed_step_is_never_without_a_message(message: str, shown: str) -> None:
    assert innermost_message(SerializableErrorInfo(message, [], "ValueError")) == shown
