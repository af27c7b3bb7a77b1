"""A run killed at any moment loses nothing and publishes nothing half; running it again finishes the work."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import dagster as dg

from forecasting_lib.demo import generate_retailer, hold_back_retailer
from orchestration.clients import Client, sync_partitions
from orchestration.running.runs import find_job, run_job
from orchestration.settings import Settings
from orchestration.warehouse.server import Warehouse
from tests.conftest import SMALL_RETAILER, deliver
from tests.orchestration.fingerprints import IDENTITY, fingerprints

KILLS = int(os.environ.get("FORECASTER_TEST_KILLS", "2"))
"""Ten for the full bar; two keep the suite short."""


def start(client_id: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "orchestration.cli", "run", "--client", client_id]
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )


def test_a_run_killed_at_random_moments_ends_like_an_undisturbed_one(
    settings: Settings,
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
    new_client: Callable[..., Client],
) -> None:
    first, _ = hold_back_retailer(generate_retailer(SMALL_RETAILER).deliveries())
    undisturbed, killed = (new_client(prefix=prefix, country="IE") for prefix in ("undisturbed", "killed"))
    sync_partitions(
        instance,
        [*instance.get_dynamic_partitions("clients"), undisturbed.client_id, killed.client_id],
    )
    for client in (undisturbed, killed):
        deliver(settings, client.client_id, first)

    started = time.monotonic()
    assert start(undisturbed.client_id).wait(timeout=300) == 0
    duration = time.monotonic() - started

    moments = random.Random(20260331)
    for _ in range(KILLS):
        process = start(killed.client_id)
        time.sleep(duration * moments.uniform(0.15, 0.95))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        half = fingerprints(warehouse, killed.client_id, ignore=IDENTITY, current_only=True)
        whole = fingerprints(warehouse, undisturbed.client_id, ignore=IDENTITY, current_only=True)
        for table in ("analytics.forecast_results", "analytics.inventory_metrics", "staging.sales"):
            assert half[table] in (whole[table], (0, "")), f"{table} is half done"

    outcome = run_job(warehouse, instance, find_job("client_pipeline"), killed.client_id)
    assert outcome.succeeded, outcome.problems
    assert fingerprints(warehouse, killed.client_id, ignore=IDENTITY, current_only=True) == fingerprints(
        warehouse, undisturbed.client_id, ignore=IDENTITY, current_only=True
    )
