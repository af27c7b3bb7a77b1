"""Runs that wait in Dagster's queue, as a schedule, a sensor or a person puts them there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteRepositoryOrigin

from orchestration.clients import CLIENT_TAG
from orchestration.running.runs import find_job


@contextmanager
def waiting_run(instance: dg.DagsterInstance, job_name: str, client_id: str) -> Iterator[None]:
    """A run of a client's job that has yet to begin, for the length of the block."""
    origin = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("forecaster"), "__repository__")
    run = instance.create_run_for_job(
        find_job(job_name),
        tags={CLIENT_TAG: client_id},
        status=dg.DagsterRunStatus.QUEUED,
        remote_job_origin=origin.get_job_origin(job_name),
    )
    try:
        yield
    finally:
        instance.delete_run(run.run_id)
