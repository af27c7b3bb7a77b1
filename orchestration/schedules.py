"""One schedule per registered client, in its own time zone, made when the code location loads."""

from collections.abc import Iterator, Sequence

import dagster as dg

from orchestration.clients import CLIENT_TAG, Client, read_registry
from orchestration.jobs import client_pipeline
from orchestration.settings import Settings
from orchestration.warehouse.server import WarehouseError, locate_warehouse


def client_schedules(clients: Sequence[Client]) -> list[dg.ScheduleDefinition]:
    """The schedules of all active clients that have one."""
    return [_schedule(client) for client in clients if client.cron is not None and client.is_active]


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


def _schedule(client: Client) -> dg.ScheduleDefinition:
    client_id = client.client_id

    @dg.schedule(
        name=f"{client_id}_pipeline",
        job=client_pipeline,
        cron_schedule=str(client.cron),
        execution_timezone=client.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Runs the whole pipeline of {client.name}.",
        tags={CLIENT_TAG: client_id},
    )
    def pipeline_schedule(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        """A run without a key: a constant key would run once, ever."""
        if client_id not in context.instance.get_dynamic_partitions("clients"):
            yield dg.SkipReason(f"{client_id} is no longer registered; reload the code location.")
            return
        yield dg.RunRequest(partition_key=client_id, tags={CLIENT_TAG: client_id})

    return pipeline_schedule
