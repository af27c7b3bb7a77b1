"""What starts by itself: runs for new files, partitions for new clients, a record of failed runs.

Belongs here: when something is launched. Which files are new is decided by ``landing.discovery``, which
partitions are missing by ``clients``; both are pure and tested without Dagster.
"""

import hashlib
import json
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import dagster as dg

from orchestration import audit
from orchestration.clients import (
    CLIENT_PARTITIONS,
    CLIENT_TAG,
    clients_in_flight,
    partition_changes,
    read_registry,
    registered_ids,
)
from orchestration.jobs import JOBS, client_pipeline
from orchestration.landing.discovery import scan, settled
from orchestration.resources import Installation

_WEBHOOK_TIMEOUT_SECONDS = 10


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
def new_files(context: dg.SensorEvaluationContext, installation: Installation) -> dg.SensorResult:
    """The files' content decides what is loaded; this sensor only decides whether to look."""
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
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(run_key=f"{c}:{states[c]}", partition_key=c, tags={CLIENT_TAG: c}) for c in due
        ],
        skip_reason=None if due else " ".join(idle),
        cursor=json.dumps(cursor, sort_keys=True),
    )


@dg.sensor(
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Keeps the partitions equal to the registry, however a client was added or removed.",
)
def client_registry(context: dg.SensorEvaluationContext, installation: Installation) -> dg.SensorResult:
    """Partitions follow ``ops.clients``."""
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
    monitored_jobs=list(JOBS),
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Writes every failed run to the audit log and, where one is configured, to a webhook.",
)
def run_failures(context: dg.RunFailureSensorContext, installation: Installation) -> None:
    """Tell the operator, outside the UI too."""
    run = context.dagster_run
    client_id = run.tags.get(CLIENT_TAG)
    message = context.failure_event.message or "no message"
    with installation.warehouse.transaction() as connection:
        audit.record(
            connection,
            "run_failure",
            run.job_name,
            client_id=client_id,
            run_id=run.run_id,
            message=message,
        )
    webhook = installation.settings.alert_webhook_url
    if webhook is not None:
        body = {"job": run.job_name, "client": client_id, "run_id": run.run_id, "message": message}
        request = urllib.request.Request(
            webhook.get_secret_value(),
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=_WEBHOOK_TIMEOUT_SECONDS).close()


SENSORS = (new_files, client_registry, run_failures)
