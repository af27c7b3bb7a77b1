"""Running a job for one client from the command line, visible in the Dagster UI like any other run.

Belongs here: launching in this process through the instance, following the run's events, and the rule of one
run per client. Does not belong here: what a job consists of (``jobs``), how progress looks
(``commands.terminal``).
"""

from __future__ import annotations

import io
import os
import sys
import threading
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Literal, TextIO

import dagster as dg

from orchestration.clients import CLIENT_TAG
from orchestration.errors import UserError
from orchestration.running.problems import problems_of
from orchestration.warehouse.locks import Purpose, try_lock_session
from orchestration.warehouse.outage import outage_sentence
from orchestration.warehouse.server import Warehouse

COMMAND_LINE_TAG = "launched_by"
COMMAND_LINE = "command line"

_AS_OF = "as_of_date"
"""The setting of every step that can look at an earlier day."""

TURN_PATIENCE_SECONDS = 6 * 3600.0
"""How long a run waits for another of its client: longer than any run of one client takes."""

_POLL_SECONDS = 0.4
_STARTED = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]

_TAGS = {
    COMMAND_LINE_TAG: COMMAND_LINE,
    # Only the daemon's own runs can be started again by it.
    "dagster/max_retries": "0",
    # The labels by which the UI lists a run on its job's page.
    ".dagster/repository": "__repository__@forecaster",
    "dagster/code_location": "forecaster",
}


class RunError(UserError):
    """A run that cannot be launched; the message says what to do instead."""


@dataclass(frozen=True)
class StepUpdate:
    """Something that happened to a step of the run."""

    step: str
    state: Literal["started", "done", "failed", "retrying", "skipped"]
    seconds: float | None = None


@dataclass(frozen=True)
class RunOutcome:
    """How a run ended."""

    client_id: str
    job_name: str
    run_id: str
    succeeded: bool
    seconds: float
    problems: list[str] = field(default_factory=list)
    """Failed steps and failed checks, a sentence each; a run may succeed with warnings."""


@cache
def find_job(name: str) -> dg.JobDefinition:
    """The job of that name, as the UI would launch it.

    Raises:
        RunError: there is no such job.
    """
    from orchestration.definitions import build_definitions
    from orchestration.jobs import JOBS

    known = [job.name for job in JOBS]
    if name not in known:
        raise RunError(f"There is no job {name!r}. Jobs are {', '.join(known)}.")

    return build_definitions([]).resolve_job_def(name)


def run_config(
    job: dg.JobDefinition, as_of: date | None, chosen: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The configuration of a run: what was chosen for the steps that take it, and a silent console log.

    Args:
        job: of the run.
        as_of: last day the models may see.
        chosen: settings of the job's only step.

    Raises:
        RunError: an as-of date was given and no step of the job takes one.
    """
    config: dict[str, Any] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    if as_of is not None:
        steps = [node.name for node in job.nodes if _AS_OF in _settings_of(node.definition)]
        if not steps:
            raise RunError(f"The job {job.name!r} looks at what has happened; it takes no as-of date.")
        config["ops"] = {name: {"config": {_AS_OF: as_of.isoformat()}} for name in steps}
    if chosen:
        [step] = job.nodes
        config["ops"] = {step.name: {"config": dict(chosen)}}
    return config


def _settings_of(step: object) -> Collection[str]:
    """Names of what can be chosen for a step."""
    schema = step.config_schema.config_type if isinstance(step, dg.OpDefinition) else None
    return getattr(schema, "fields", {})


def run_job(
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
    job: dg.JobDefinition,
    client_id: str,
    *,
    as_of: date | None = None,
    chosen: Mapping[str, Any] | None = None,
    on_step: Callable[[StepUpdate], None] = lambda _: None,
    on_wait: Callable[[str], None] = lambda _: None,
) -> RunOutcome:
    """Run a job for one client in this process and wait for its end.

    Args:
        warehouse: whose locks keep two runs of a client apart.
        instance: the instance that records the run.
        job: partitioned by client.
        client_id: a registered client; its partition must exist.
        as_of: last day the models may see; None means the last complete day.
        chosen: settings of the job's only step.
        on_step: told of each step as it starts and ends, from another thread.
        on_wait: told why the run has to wait, where it has to.

    Raises:
        RunError: an as-of date was given and no step of the job takes one, or another run does not end.
    """
    config = run_config(job, as_of, chosen)
    run_id = str(uuid.uuid4())
    with client_turn(warehouse, instance, client_id, on_wait):
        started = time.monotonic()
        with _following(instance, run_id, on_step) as problems:
            result = job.execute_in_process(
                run_config=config,
                instance=instance,
                partition_key=client_id,
                raise_on_error=False,
                run_id=run_id,
                tags={**_TAGS, CLIENT_TAG: client_id},
            )
    return RunOutcome(client_id, job.name, run_id, result.success, time.monotonic() - started, problems)


@contextmanager
def client_turn(
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
    client_id: str,
    on_wait: Callable[[str], None],
    patience: float = TURN_PATIENCE_SECONDS,
) -> Iterator[None]:
    """Hold a client's turn: no other run of it is in progress while the block lasts.

    The queue of the daemon sees the runs of the command line by their tag; this is the other direction. The
    lock belongs to a database session, so a killed process gives it back.

    Raises:
        RunError: the other run has not ended in ``patience`` seconds.
        NoSuchLockError: there is no such client.
    """
    deadline = time.monotonic() + patience
    with warehouse.connect_pipeline() as connection:
        waiting = False
        while holder := try_lock_session(connection, Purpose.RUN, client_id):
            if not waiting:
                on_wait(f"Another command is running {client_id}, {holder}; waiting for it.")
                waiting = True
            if time.monotonic() >= deadline:
                raise RunError(
                    f"Another command is running {client_id}, {holder}, and has not ended in "
                    f"{patience / 3600:.0f} hours; end it, or wait, and run this again."
                )
            time.sleep(_POLL_SECONDS)
        # Whoever holds the lock is the only one: what the command line left unfinished is dead.
        mine = started_runs(instance, **{CLIENT_TAG: client_id})
        mark_abandoned(instance, (run for run in mine if COMMAND_LINE_TAG in run.tags))
        waiting = False
        while others := started_runs(instance, **{CLIENT_TAG: client_id}):
            if not waiting:
                on_wait(f"Run {others[0].run_id[:8]} of {client_id} is in progress; waiting for it.")
                waiting = True
            if time.monotonic() >= deadline:
                raise RunError(
                    f"Run {others[0].run_id[:8]} of {client_id} has not ended in {patience / 3600:.0f} "
                    "hours; look at it in the UI, end it there, and run this again."
                )
            time.sleep(_POLL_SECONDS)
        yield


def started_runs(instance: dg.DagsterInstance, **tags: str) -> list[dg.DagsterRun]:
    """Runs that have begun and not ended, as far as the instance knows."""
    return list(instance.get_runs(dg.RunsFilter(tags=tags, statuses=_STARTED)))


def waiting_runs(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """Runs the daemon has yet to start."""
    return list(instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED])))


def mark_abandoned(instance: dg.DagsterInstance, runs: Iterable[dg.DagsterRun]) -> None:
    """Mark runs as failed whose process is known to be gone, and free their places in pools."""
    for run in runs:
        instance.report_run_failed(run, "The process of this run ended before the run did.")
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)


@contextmanager
def output_sent_to(log: Path) -> Iterator[TextIO]:
    """Send everything this process and its children print to a file; yields the terminal for what may show.

    Steps print for themselves (dbt, model libraries) and Dagster copies what they print into the run's log,
    so a progress display must have a stream of its own.
    """
    try:
        screen = os.fdopen(os.dup(sys.stderr.fileno()), "w", encoding="utf-8")
    except (io.UnsupportedOperation, OSError):
        yield sys.stderr
        return
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    with screen, log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        try:
            yield screen
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, copy in zip((1, 2), kept, strict=True):
                os.dup2(copy, number)
                os.close(copy)


@contextmanager
def _following(
    instance: dg.DagsterInstance, run_id: str, on_step: Callable[[StepUpdate], None]
) -> Iterator[list[str]]:
    """Report a run's steps as its events arrive; yields the list that collects its problems."""
    problems: list[str] = []
    ended = threading.Event()

    def follow() -> None:
        cursor: str | None = None
        while True:
            is_last_look = ended.wait(_POLL_SECONDS)
            has_more = True
            while has_more:
                try:
                    page = instance.get_records_for_run(run_id, cursor=cursor)
                except Exception as error:
                    # The run has noticed, too, and says so; it may be back at the next look.
                    if outage_sentence(error) is None:
                        raise
                    break
                cursor, has_more = page.cursor, page.has_more
                for record in page.records:
                    event = record.event_log_entry.dagster_event
                    if event is not None:
                        problems.extend(problems_of(event))
                        if (update := _step_update(event)) is not None:
                            on_step(update)
            if is_last_look:
                return

    thread = threading.Thread(target=follow, name=f"follow {run_id}", daemon=True)
    thread.start()
    try:
        yield problems
    finally:
        ended.set()
        thread.join()


_STATES: dict[str, Literal["started", "done", "failed", "retrying", "skipped"]] = {
    "STEP_START": "started",
    "STEP_SUCCESS": "done",
    "STEP_FAILURE": "failed",
    "STEP_UP_FOR_RETRY": "retrying",
    "STEP_SKIPPED": "skipped",
}


def _step_update(event: dg.DagsterEvent) -> StepUpdate | None:
    state = _STATES.get(event.event_type_value)
    if state is None or event.step_key is None:
        return None
    duration = getattr(event.event_specific_data, "duration_ms", None)
    return StepUpdate(event.step_key, state, None if duration is None else duration / 1000)
