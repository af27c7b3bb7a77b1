"""What starts by itself: runs for new files, partitions for new clients, a record of failed runs.

Belongs here: when something is launched. Which files are new is decided by ``landing.discovery``, which
partitions are missing by ``clients``; both are pure and tested without Dagster.
"""

import hashlib
import json
import time
from collections.abc import Mapping
from pathlib import Path

import dagster as dg
import psycopg

from orchestration import audit, run_requests
from orchestration.clients import (
    CLIENT_PARTITIONS,
    CLIENT_TAG,
    clients_in_flight,
    clients_waiting,
    partition_changes,
    read_registry,
    registered_ids,
)
from orchestration.jobs import backtest, client_pipeline, forecast_only, inventory_only
from orchestration.kept_answers import forget_answers
from orchestration.landing.discovery import settled
from orchestration.landing.folder import scan
from orchestration.reading.drift import drift_since_the_backtest
from orchestration.resources import Installation
from orchestration.running.problems import problem_of
from orchestration.stages import lateness
from orchestration.warehouse.server import WarehouseError
from orchestration.webhook import tell

DRIFT_TAG = "forecaster/drift_event"
"""Tag of a backtest before its time: the episode of drift that is its reason."""

_WEBHOOK_SECONDS = 8.0
"""All a delivery may take, the name's resolution included: a tick handles five failures and has a minute, and
one that takes longer is begun again with the same five."""


def folder_state(folder: Path, quiet_seconds: float, now: float) -> str | None:
    """Digest of the names, sizes and modification times of a folder's files; None while one is still young.

    A folder where a file is being written is left alone as a whole, so that files delivered together are
    loaded together.
    """
    files = scan(folder)
    if len(settled(files, now, quiet_seconds)) < len(files):
        return None
    state = sorted((file.path, file.size_bytes, file.modified_ns) for file in files)
    return hashlib.sha256(json.dumps(state).encode()).hexdigest() if state else ""


def clients_with_news(
    states: Mapping[str, str | None], seen: Mapping[str, str]
) -> tuple[list[str], dict[str, str]]:
    """Which clients to run, and the cursor to remember.

    Args:
        states: client -> state of its landing folder; None while a delivery is under way, "" when empty.
        seen: client -> the state the last run was requested for.

    Returns:
        The clients whose folder is complete and differs from what was seen, and the new cursor. A client
        with a delivery under way keeps its old entry: it is looked at again at the next tick.
    """
    due = sorted(c for c, state in states.items() if state and state != seen.get(c))
    cursor = {c: (seen.get(c, "") if state is None else state) for c, state in states.items()}
    return due, cursor


@dg.sensor(
    job=client_pipeline,
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Runs a client's pipeline when files land in its folder; one run per client and tick.",
)
def new_files(
    context: dg.SensorEvaluationContext, installation: Installation
) -> dg.SensorResult | dg.SkipReason:
    """The files' content decides what is loaded; this sensor only decides whether to look.

    A run without a key: the cursor tells what is new, and a client that was removed and comes back with the
    same folder would never be run again under the key of its first time.
    """
    if reason := _cannot_look(installation):
        return reason
    settings = installation.settings
    partitions = set(context.instance.get_dynamic_partitions("clients"))
    registry = read_registry(installation.warehouse, active_only=True)
    for problem in registry.problems:
        context.log.warning(problem.message)
    states: dict[str, str | None] = {
        c: folder_state(settings.client_landing_dir(c), settings.landing_quiet_seconds, time.time())
        for c in (client.client_id for client in registry.clients)
        if c in partitions
    }
    idle = [f"No new files for {len(states)} clients.", *(problem.message for problem in registry.problems)]
    # What a client has delivered meanwhile is news once its entry is mended; the rest stays seen.
    states |= {problem.client_id: None for problem in registry.problems}
    due, cursor = clients_with_news(states, json.loads(context.cursor or "{}"))
    # asked after the folders were looked at: a run that has yet to begin finds all that is in them
    waiting = clients_waiting(context.instance, client_pipeline.name) if due else set()
    due = [client_id for client_id in due if client_id not in waiting]
    return dg.SensorResult(
        run_requests=[dg.RunRequest(partition_key=c, tags={CLIENT_TAG: c}) for c in due],
        skip_reason=None if due else " ".join(idle),
        cursor=json.dumps(cursor, sort_keys=True),
    )


@dg.sensor(
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Keeps the partitions equal to the registry, however a client was added or removed.",
)
def client_registry(
    context: dg.SensorEvaluationContext, installation: Installation
) -> dg.SensorResult | dg.SkipReason:
    """Partitions follow ``ops.clients``."""
    if reason := _cannot_look(installation):
        return reason
    wanted = registered_ids(installation.warehouse)
    existing = list(context.instance.get_dynamic_partitions("clients"))
    to_add, to_remove = partition_changes(wanted, existing, clients_in_flight(context.instance))
    requests: list[dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest] = []
    if to_add:
        requests.append(CLIENT_PARTITIONS.build_add_request(to_add))
    if to_remove:
        requests.append(CLIENT_PARTITIONS.build_delete_request(to_remove))
    return dg.SensorResult(
        dynamic_partitions_requests=requests,
        skip_reason=None if requests else f"{len(wanted)} clients, all with a partition.",
    )


@dg.run_failure_sensor(
    name="run_failures",
    # Not a list of jobs: a run of the command line has no code location, and one asset's has no named job.
    monitor_all_code_locations=True,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Writes every failed run to the audit log and, where one is configured, to a webhook.",
)
def run_failures(context: dg.RunFailureSensorContext, installation: Installation) -> None:
    """Tell the operator, outside the UI too.

    Neither way waits for the other, and neither is tried again: what did not work is said in the tick's log.
    """
    run = context.dagster_run
    client_id = run.tags.get(CLIENT_TAG, context.partition_key)
    message = context.failure_event.message or "no message"
    try:
        installation.warehouse.require_tables()
        with installation.warehouse.transaction() as connection:
            audit.record(
                connection,
                "run_failure",
                run.job_name,
                client_id=client_id,
                run_id=run.run_id,
                message=message,
            )
    except (WarehouseError, OSError, psycopg.Error) as error:
        context.log.error(f"The failure of run {run.run_id} is not in the audit log: {error}")
    if installation.settings.alert_webhook_url is not None:
        body = {"job": run.job_name, "client": client_id, "run_id": run.run_id, "message": message}
        if problem := tell(installation.settings, body, seconds=_WEBHOOK_SECONDS):
            context.log.error(f"The webhook was not told of the failure of run {run.run_id}: {problem}.")


@dg.sensor(
    jobs=[forecast_only, inventory_only, client_pipeline],
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Runs what was asked for over HTTP, writes back what came of it, and forgets old answers.",
)
def requested_runs(
    context: dg.SensorEvaluationContext, installation: Installation
) -> dg.SensorResult | dg.SkipReason:
    """A request is one run: its number is the run's key, however often a tick is tried again."""
    if reason := _cannot_look(installation):
        return reason
    with installation.warehouse.transaction() as connection:
        open_requests = run_requests.unfinished(connection)
        forget_answers(connection)
    if not open_requests:
        return dg.SkipReason("Nobody waits for a run.")
    registry = {client.client_id: client for client in read_registry(installation.warehouse).clients}
    partitions = set(context.instance.get_dynamic_partitions("clients"))
    wanted, turns = [], []
    for request in open_requests:
        client = registry.get(request.client_id)
        turn = _turn_of(context.instance, request) or run_requests.refusal(
            request.job, is_known=client is not None, is_active=client is not None and client.is_active
        )
        if turn is None:
            # the partition of a client that was added just now comes with a tick of 'client_registry'
            if request.client_id in partitions:
                wanted.append(_requested_run(request))
        else:
            turns.append((request, turn))
    if turns:
        with installation.warehouse.transaction() as connection:
            for request, turn in turns:
                run_requests.write_back(connection, request, turn)
    return dg.SensorResult(
        run_requests=wanted,
        skip_reason=None if wanted else f"{len(open_requests)} requests, all with a run.",
    )


@dg.sensor(
    job=backtest,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Judges models before their time where demand has drifted since they were judged.",
)
def early_backtests(
    context: dg.SensorEvaluationContext, installation: Installation
) -> dg.SensorResult | dg.SkipReason:
    """An episode is one run: its number is the run's key, and its tag says why the run was started."""
    if reason := _cannot_look(installation):
        return reason
    partitions = set(context.instance.get_dynamic_partitions("clients"))
    drifted = {
        client_id: event_id
        for client_id, event_id in drift_since_the_backtest(installation.warehouse).items()
        if client_id in partitions
    }
    waiting = clients_waiting(context.instance, backtest.name) if drifted else set()
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(
                run_key=event_id,
                partition_key=client_id,
                tags={CLIENT_TAG: client_id, DRIFT_TAG: event_id},
            )
            for client_id, event_id in drifted.items()
            if client_id not in waiting
        ],
        skip_reason=None if drifted else "No client has drifted since its models were judged.",
    )


@dg.sensor(
    minimum_interval_seconds=600,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Says of each client whether its sales and its scheduled runs are on time.",
)
def late_clients(
    context: dg.SensorEvaluationContext, installation: Installation
) -> dg.SensorResult | dg.SkipReason:
    """The check ``client_is_on_time`` of each client, written where its answer is another than the last."""
    if reason := _cannot_look(installation):
        return reason
    late = lateness.late_clients(installation.warehouse, context.instance)
    clients = context.instance.get_dynamic_partitions("clients")
    found = {client_id: late.get(client_id, []) for client_id in clients}
    seen = json.loads(context.cursor or "{}")
    changed = [client_id for client_id in clients if seen.get(client_id) != found[client_id]]
    return dg.SensorResult(
        asset_events=[lateness.on_time_evaluation(client_id, found[client_id]) for client_id in changed],
        skip_reason=f"{len(late)} of {len(clients)} clients are late.",
        cursor=json.dumps(found, sort_keys=True),
    )


def _turn_of(instance: dg.DagsterInstance, request: run_requests.RunRequest) -> run_requests.Turn | None:
    """What became of a request's run, the last one where it was tried again; None where it has none."""
    runs = instance.get_runs(dg.RunsFilter(tags={run_requests.REQUEST_TAG: str(request.request_id)}), limit=1)
    if not runs:
        return None
    run = runs[0]
    problem = problem_of(instance, run.run_id) if run.status is dg.DagsterRunStatus.FAILURE else None
    is_retried = run.tags.get("dagster/will_retry") == "true"
    return run_requests.turn_of(run.status.value, run.run_id, problem, is_retried=is_retried)


def _requested_run(request: run_requests.RunRequest) -> dg.RunRequest:
    as_of = request.parameters.get("as_of_date")
    steps = run_requests.STEPS[request.job] if as_of else ()
    return dg.RunRequest(
        run_key=str(request.request_id),
        job_name=run_requests.JOBS[request.job],
        partition_key=request.client_id,
        run_config={"ops": {step: {"config": {"as_of_date": as_of}} for step in steps}},
        tags={
            CLIENT_TAG: request.client_id,
            run_requests.REQUEST_TAG: str(request.request_id),
            run_requests.ASKED_BY_TAG: request.asked_by,
            run_requests.HTTP_REQUEST_TAG: str(request.parameters.get("http_request", "unknown")),
        },
    )


def _cannot_look(installation: Installation) -> dg.SkipReason | None:
    """Why a tick can do nothing, in the sentence that says what to do; None where the tables are there."""
    try:
        installation.warehouse.require_tables()
    except (WarehouseError, OSError) as error:
        return dg.SkipReason(str(error))
    return None


SENSORS = (new_files, client_registry, run_failures, requested_runs, early_backtests, late_clients)
