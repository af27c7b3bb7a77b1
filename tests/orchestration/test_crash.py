"""A run killed at any moment loses nothing and publishes nothing half; running it again finishes the work."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import dagster as dg
import pytest

from forecasting_lib.demo import generate_retailer, hold_back_retailer
from orchestration.clients import CLIENT_TAG, Client, sync_partitions
from orchestration.running.runs import find_job, run_job
from orchestration.settings import Settings
from orchestration.warehouse.server import Warehouse
from tests.conftest import SMALL_RETAILER, deliver
from tests.orchestration.fingerprints import IDENTITY, fingerprints

pytestmark = pytest.mark.starts_first

KILLS = int(os.environ.get("FORECASTER_TEST_KILLS", "1"))
"""One keeps the suite short; the long test below kills five times in every step."""

PATIENCE_SECONDS = 900
"""A run takes a fiftieth of it on a quiet machine."""


@dataclass(frozen=True)
class Kill:
    """What became of one attempt to kill a run.

    Attributes:
        returncode: of the process; the negative signal where it died by one.
        status: of the run, as its record was left.
        steps: those in progress when the process died.
    """

    returncode: int
    status: dg.DagsterRunStatus
    steps: tuple[str, ...]

    @property
    def is_hit(self) -> bool:
        """The process died by the signal, in the middle of a step."""
        return self.returncode == -signal.SIGKILL and self.has_not_ended and bool(self.steps)

    @property
    def has_not_ended(self) -> bool:
        return self.status == dg.DagsterRunStatus.STARTED


def start(client_id: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "orchestration.cli", "run", "--client", client_id]
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )


def runs_of(instance: dg.DagsterInstance, client_id: str) -> dict[str, dg.DagsterRun]:
    return {run.run_id: run for run in instance.get_runs(dg.RunsFilter(tags={CLIENT_TAG: client_id}))}


def seconds_of_steps(instance: dg.DagsterInstance, run_id: str) -> dict[str, float]:
    """Seconds of each step of a run, in the order in which they began."""
    steps = sorted(instance.get_run_step_stats(run_id), key=lambda step: step.start_time or 0.0)
    return {step.step_key: (step.end_time or 0.0) - (step.start_time or 0.0) for step in steps}


def kill_in(instance: dg.DagsterInstance, client_id: str, step: str, delay: float) -> Kill:
    """Start a run and kill it, with its children, some seconds after a step began."""
    earlier = runs_of(instance, client_id).keys()
    process = start(client_id)
    deadline = time.monotonic() + PATIENCE_SECONDS
    begun: set[str] = set()
    run_id = ""
    while process.poll() is None and step not in begun:
        assert time.monotonic() < deadline, f"{step} did not begin; so far: {sorted(begun)}"
        time.sleep(0.05)
        for run_id in runs_of(instance, client_id).keys() - earlier:
            begun = {stats.step_key for stats in instance.get_run_step_stats(run_id)}
    time.sleep(delay)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    returncode = process.wait()
    assert run_id, f"the process ended with {returncode} before its run was recorded"
    in_progress = tuple(
        stats.step_key for stats in instance.get_run_step_stats(run_id) if stats.end_time is None
    )
    return Kill(returncode, runs_of(instance, client_id)[run_id].status, in_progress)


def in_use(warehouse: Warehouse, client_id: str) -> dict[str, tuple[int, str]]:
    """What a client has of current runs, without what tells two clients apart."""
    return fingerprints(warehouse, client_id, ignore=IDENTITY, current_only=True)


def kill_in_each(
    instance: dg.DagsterInstance,
    targets: list[str],
    seconds: Mapping[str, float],
    fresh: Callable[[], str],
    check: Callable[[str], None],
) -> list[str]:
    """Kill runs in the middle of each of these steps; returns the clients that were hit.

    Args:
        instance: of the installation.
        targets: steps in the order of the work; a step that is done stands.
        seconds: of each step, undisturbed.
        fresh: gives a client with all the work before it, called where the other's is done.
        check: looks at a client after each kill.
    """
    moments = random.Random(20260331)
    attempts: list[Kill] = []
    killed = [fresh()]
    left = list(targets)
    while left and len(attempts) < 4 * len(targets):
        misses = sum(not kill.is_hit for kill in attempts)
        delay = seconds[left[0]] * moments.uniform(0.1, 0.8) / 2**misses
        attempts.append(kill_in(instance, killed[-1], left[0], delay))
        check(killed[-1])
        if attempts[-1].is_hit:
            left.pop(0)
        elif not attempts[-1].has_not_ended:
            killed.append(fresh())  # the work of the other is done
    assert left == [], attempts
    return killed


@pytest.mark.slow
def test_a_run_killed_at_random_moments_ends_like_an_undisturbed_one(
    settings: Settings,
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
    new_client: Callable[..., Client],
) -> None:
    first, _ = hold_back_retailer(generate_retailer(SMALL_RETAILER).deliveries())

    def with_files(prefix: str) -> str:
        client_id = new_client(prefix=prefix, country="IE").client_id
        sync_partitions(instance, [*instance.get_dynamic_partitions("clients"), client_id])
        deliver(settings, client_id, first)
        return client_id

    undisturbed = with_files("undisturbed")
    assert start(undisturbed).wait(timeout=PATIENCE_SECONDS) == 0
    whole = in_use(warehouse, undisturbed)
    (run_id,) = runs_of(instance, undisturbed)
    seconds = seconds_of_steps(instance, run_id)

    def is_not_half_done(client_id: str) -> None:
        half = in_use(warehouse, client_id)
        assert {table for table in whole if half[table] not in (whole[table], (0, ""))} == set()

    # The last steps, where something is published.
    order = list(seconds)
    targets = sorted((order[-1 - n % len(order)] for n in range(KILLS)), key=order.index)
    for client_id in kill_in_each(instance, targets, seconds, lambda: with_files("killed"), is_not_half_done):
        outcome = run_job(warehouse, instance, find_job("client_pipeline"), client_id)
        assert outcome.succeeded, outcome.problems
        assert in_use(warehouse, client_id) == whole


@pytest.mark.slow
def test_five_kills_in_every_step_of_a_later_delivery_end_like_an_undisturbed_one(
    settings: Settings,
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
    new_client: Callable[..., Client],
) -> None:
    """With the actuals of an earlier forecast, so that there is something to score."""
    first, later = hold_back_retailer(generate_retailer(SMALL_RETAILER).deliveries())

    def with_a_forecast_and_its_actuals() -> str:
        client_id = new_client(prefix="later", country="IE").client_id
        sync_partitions(instance, [*instance.get_dynamic_partitions("clients"), client_id])
        deliver(settings, client_id, first)
        assert start(client_id).wait(timeout=PATIENCE_SECONDS) == 0
        deliver(settings, client_id, later, "_later")
        return client_id

    undisturbed = with_a_forecast_and_its_actuals()
    before = in_use(warehouse, undisturbed)
    earlier = runs_of(instance, undisturbed).keys()
    assert start(undisturbed).wait(timeout=PATIENCE_SECONDS) == 0
    whole = in_use(warehouse, undisturbed)
    (run_id,) = runs_of(instance, undisturbed).keys() - earlier
    seconds = seconds_of_steps(instance, run_id)

    def is_not_half_done(client_id: str) -> None:
        half = in_use(warehouse, client_id)
        assert {table for table in whole if half[table] not in (whole[table], before[table])} == set()

    targets = [step for step in seconds for _ in range(max(KILLS, 5))]
    killed = kill_in_each(instance, targets, seconds, with_a_forecast_and_its_actuals, is_not_half_done)
    for client_id in killed:
        assert start(client_id).wait(timeout=PATIENCE_SECONDS) == 0
        assert in_use(warehouse, client_id) == whole
