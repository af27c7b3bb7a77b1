"""Which clients are late: their sales by the rhythm of their feed, their runs by their own schedules.

Dagster's freshness policies are per asset, and an asset is all clients'. Belongs here: what is due of a
client, and the check per client that says so. Does not belong here: the rhythm of a feed
(``dbt_project/models/reporting/delivery_freshness.sql``), the schedules themselves (``schedules``).
"""

import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg
from dagster._utils.schedules import reverse_cron_string_iterator

from orchestration.clients import CLIENT_PARTITIONS, CLIENT_TAG, Client, read_registry
from orchestration.foreign_text import printable
from orchestration.resources import Installation
from orchestration.table_assets import table_key
from orchestration.warehouse.server import Warehouse
from orchestration.warehouse.tables import staging

SALES_KEY = table_key(staging.sales)
ON_TIME = "client_is_on_time"

PIPELINE, PULL = "client_pipeline", "pull_sources"
"""The jobs that schedules start."""

PATIENCE = timedelta(hours=3)
"""How long after the tick of its schedule a run may end: a night of many clients has a queue."""


@dataclass(frozen=True)
class Due:
    """A run that a schedule asked for and that should have ended.

    Attributes:
        job_name: of what.
        at: when it was asked for, in the client's time zone.
    """

    job_name: str
    at: datetime


def runs_due(client: Client, changed_at: datetime, now: datetime) -> Iterator[Due]:
    """The last run that each schedule of an active client asked for and that should have ended by now.

    Args:
        client: its registry entry.
        changed_at: when that last changed; no tick before it counts, for the schedule may have been another.
        now: the present moment.
    """
    schedules = [(PIPELINE, client.cron), *((PULL, source.cron) for source in client.sources.values())]
    for job_name, cron in schedules if client.is_active else []:
        if cron is not None:
            until = (now - PATIENCE).timestamp()
            at = next(reverse_cron_string_iterator(until, cron, client.timezone))
            if at >= changed_at:
                yield Due(job_name, at.astimezone(ZoneInfo(client.timezone)))


def missed_runs(due: Iterable[Due], last_success: Mapping[str, datetime]) -> list[str]:
    """The runs that are due and that none which succeeded makes up for, a sentence each.

    Args:
        due: of one client.
        last_success: job -> when the last run that succeeded began.
    """
    never = datetime.min.replace(tzinfo=UTC)
    return [
        f"No run of {one.job_name} has succeeded since its schedule asked for one on "
        f"{one.at:%Y-%m-%d at %H:%M} ({one.at.tzinfo})."
        for one in due
        if last_success.get(one.job_name, never) < one.at
    ]


def late_runs(
    warehouse: Warehouse, instance: dg.DagsterInstance, now: datetime | None = None
) -> dict[str, list[str]]:
    """The sentences of :func:`missed_runs` of every client that is late.

    Args:
        warehouse: whose clients.
        instance: that records their runs.
        now: the present moment, unless another is asked about.
    """
    with warehouse.transaction() as connection:
        changed = dict(connection.execute("select client_id, updated_at from ops.clients").fetchall())
    found = {}
    for client in read_registry(warehouse, active_only=True).clients:
        due = list(runs_due(client, changed[client.client_id], now or datetime.now(UTC)))
        jobs = {one.job_name for one in due}
        successes = {job: at for job in jobs if (at := _last_success(instance, client.client_id, job))}
        if missed := missed_runs(due, successes):
            found[client.client_id] = missed
    return found


def late_sales(warehouse: Warehouse) -> dict[str, str]:
    """The active clients whose sales are older than the rhythm of their feed lets expect, with a sentence."""
    with warehouse.transaction() as connection:
        rows = connection.execute(
            """
            select client_id, last_date, age_days, allowed_days
            from analytics.delivery_freshness
            inner join ops.clients using (client_id)
            where is_late and is_active
            order by client_id
            """
        ).fetchall()
    return {
        client_id: f"The last day of sales is {last_date}, {age:,} days ago; {allowed:,} are usual at most."
        for client_id, last_date, age, allowed in rows
    }


def late_clients(warehouse: Warehouse, instance: dg.DagsterInstance) -> dict[str, list[str]]:
    """Every client that is late, with what is, a sentence each."""
    found = late_runs(warehouse, instance)
    for client_id, sentence in late_sales(warehouse).items():
        found.setdefault(client_id, []).insert(0, sentence)
    return found


def on_time_evaluation(client_id: str, late: Iterable[str]) -> dg.AssetCheckEvaluation:
    """What the UI shows of a client: whether anything of it is late, and what."""
    sentences = list(late)
    return dg.AssetCheckEvaluation(
        asset_key=SALES_KEY,
        check_name=ON_TIME,
        passed=not sentences,
        severity=dg.AssetCheckSeverity.WARN,
        description=printable(" ".join(sentences)) or "Nothing is late.",
        partition=client_id,
    )


# Dagster may still change what partitions of a check are; the tests of this one would tell.
with warnings.catch_warnings():
    warnings.simplefilter("ignore", dg.PreviewWarning)

    @dg.asset_check(
        asset=SALES_KEY,
        name=ON_TIME,
        partitions_def=CLIENT_PARTITIONS,
        description="Sales are as recent as the rhythm of the client's feed lets expect, and the runs that "
        "its schedules asked for have succeeded.",
    )
    def client_is_on_time(
        context: dg.AssetCheckExecutionContext, installation: Installation
    ) -> dg.AssetCheckResult:
        """Look at one client; the sensor ``late_clients`` looks at all of them by itself."""
        late = late_clients(installation.warehouse, context.instance).get(context.partition_key, [])
        found = on_time_evaluation(context.partition_key, late)
        return dg.AssetCheckResult(
            passed=found.passed, severity=found.severity, description=found.description
        )


def _last_success(instance: dg.DagsterInstance, client_id: str, job_name: str) -> datetime | None:
    """When the last run of a client's job that succeeded began."""
    records = instance.get_run_records(
        dg.RunsFilter(
            job_name=job_name, tags={CLIENT_TAG: client_id}, statuses=[dg.DagsterRunStatus.SUCCESS]
        ),
        limit=1,
    )
    began = records[0].start_time if records else None
    return None if began is None else datetime.fromtimestamp(began, UTC)
