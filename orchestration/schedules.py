"""Schedules per registered client, in its own time zone, made when the code location loads, and one of all.

One runs a client's pipeline; one judges its models at past days; one for each of its sources pulls from it,
and what lands starts the pipeline as any delivery does. The one of all clients thins what is past its use.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
from dagster._core.storage.tags import SCHEDULE_NAME_TAG

from orchestration.clients import CLIENT_TAG, Client, clients_waiting, read_registry
from orchestration.jobs import backtest, client_pipeline, pull_job, retention_job
from orchestration.settings import Settings
from orchestration.stages.pulling import pull_from_sources
from orchestration.warehouse.server import WarehouseError, locate_warehouse

retention_schedule = dg.ScheduleDefinition(
    name="retention",
    job=retention_job,
    cron_schedule="30 2 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Thins what is past its use, by each client's policies, and forgets Dagster's old runs.",
)


def client_schedules(clients: Sequence[Client]) -> list[dg.ScheduleDefinition]:
    """The schedules of all active clients that have one, and of those of their sources that have one."""
    active = [client for client in clients if client.is_active]
    return [
        *(_pipeline_schedule(client) for client in active if client.cron is not None),
        *(_backtest_schedule(client) for client in active if client.backtest_cron is not None),
        *(
            _source_schedule(client, name, source.cron)
            for client in active
            for name, source in client.sources.items()
            if source.cron is not None
        ),
    ]


def registered_clients(settings: Settings) -> list[Client]:
    """The clients to make schedules for; none, with a warning, while the database is away or has no tables.

    A code location that fails to load because of the database could not even show that it is away.
    """
    try:
        warehouse = locate_warehouse(settings)
        warehouse.require_tables()
        registry = read_registry(warehouse, active_only=True)
    except (WarehouseError, OSError) as error:
        dg.get_dagster_logger().warning(
            f"Client schedules are missing until this code location is reloaded: {error}"
        )
        return []
    for problem in registry.problems:
        dg.get_dagster_logger().warning(f"No schedule for {problem.client_id}: {problem.message}")
    return registry.clients


def _pipeline_schedule(client: Client) -> dg.ScheduleDefinition:
    return _schedule(
        client,
        f"{client.client_id}_pipeline",
        client_pipeline,
        str(client.cron),
        f"Runs the whole pipeline of {client.name}.",
    )


def _backtest_schedule(client: Client) -> dg.ScheduleDefinition:
    """A source's schedule ends in ``_pull``, and a client's own has no two underscores before its end."""
    return _schedule(
        client,
        f"{client.client_id}__backtest",
        backtest,
        str(client.backtest_cron),
        f"Judges the models of {client.name} at past days.",
    )


def _source_schedule(client: Client, source: str, cron: str) -> dg.ScheduleDefinition:
    """Two underscores, which no source has, keep ``a`` of ``b_c`` apart from ``a_b`` of ``c``."""
    name = f"{client.client_id}__{source}_pull"
    return _schedule(
        client,
        name,
        pull_job,
        cron,
        f"Pulls from the source {source} of {client.name}.",
        config={"ops": {pull_from_sources.name: {"config": {"sources": [source]}}}},
        alike={SCHEDULE_NAME_TAG: name},
    )


def _schedule(
    client: Client,
    name: str,
    job: "dg.UnresolvedAssetJobDefinition | dg.JobDefinition",
    cron: str,
    description: str,
    *,
    config: Mapping[str, Any] | None = None,
    alike: Mapping[str, str] | None = None,
) -> dg.ScheduleDefinition:
    """A schedule of a client, in its time zone.

    Args:
        client: whose.
        name: of the schedule.
        job: that it runs for the client.
        cron: when.
        description: what it does, as the UI shows it.
        config: of each run.
        alike: tags of the runs that do the same; unless named, all of the job's for the client.
    """
    client_id = client.client_id

    @dg.schedule(
        name=name,
        job=job,
        cron_schedule=cron,
        execution_timezone=client.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=description,
        tags={CLIENT_TAG: client_id},
    )
    def client_schedule(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        waiting = clients_waiting(context.instance, job.name, **(alike or {CLIENT_TAG: client_id}))
        yield _request(context, client_id, config, is_waiting=bool(waiting))

    return client_schedule


def _request(
    context: dg.ScheduleEvaluationContext,
    client_id: str,
    config: Mapping[str, Any] | None = None,
    *,
    is_waiting: bool,
) -> dg.RunRequest | dg.SkipReason:
    """A run without a key: a constant key would run once, ever.

    One that has yet to begin does what another would: a schedule that is faster than its runs has no queue.
    """
    if client_id not in context.instance.get_dynamic_partitions("clients"):
        return dg.SkipReason(f"{client_id} is no longer registered; reload the code location.")
    if is_waiting:
        return dg.SkipReason(f"A run of {client_id} that does the same is waiting already.")
    return dg.RunRequest(partition_key=client_id, run_config=config, tags={CLIENT_TAG: client_id})
