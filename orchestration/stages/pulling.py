"""Pulling as a step of a run: a client's sources, one after the other.

Belongs here: the op, and what the UI shows of it. Does not belong here: the pulling (``pulling``), when it
starts (``schedules``).
"""

from collections.abc import Sequence

import dagster as dg
from pydantic import Field

from orchestration.clients import Client, ClientError, get_client
from orchestration.foreign_text import printable
from orchestration.pulling.faults import PullError
from orchestration.pulling.pull import Progress, Pulled, pull_source
from orchestration.resources import Installation
from orchestration.settings import Settings
from orchestration.warehouse.server import Warehouse


class Pull(dg.Config):
    """What is pulled."""

    sources: list[str] = Field(default_factory=list)
    """Names of sources; none means all of the client's."""


def pull_sources(
    warehouse: Warehouse,
    settings: Settings,
    client: Client,
    names: Sequence[str],
    *,
    anew: bool = False,
    on_progress: Progress,
) -> tuple[list[Pulled], list[str]]:
    """Pull from several sources; one that fails does not keep the others from being pulled.

    Returns:
        What came of each that could be pulled, and a sentence for each that could not.
    """
    done, failed = [], []
    for name in names or client.sources:
        try:
            done.append(pull_source(warehouse, settings, client, name, anew=anew, on_progress=on_progress))
        except (PullError, ClientError) as error:
            failed.append(str(error))
    return done, failed


@dg.op(retry_policy=dg.RetryPolicy(max_retries=2, delay=30, backoff=dg.Backoff.EXPONENTIAL))
def pull_from_sources(context: dg.OpExecutionContext, config: Pull, installation: Installation) -> None:
    """Bring what is new at the client's sources into its landing folder; the sensor sees what landed."""
    client = get_client(installation.warehouse, context.partition_key)
    done, failed = pull_sources(
        *(installation.warehouse, installation.settings, client, config.sources),
        on_progress=lambda said: context.log.debug(printable(said)),
    )
    for pulled in done:
        context.log.info(f"{pulled.source}: {pulled.summary}.")
        for note in pulled.notes:
            context.log.warning(note)
    context.add_output_metadata({pulled.source: pulled.summary for pulled in done})
    if failed:
        raise dg.Failure(" ".join(failed))
