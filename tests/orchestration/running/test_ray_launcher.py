"""Runs as jobs of a Ray cluster: a head and two workers on this machine, the daemon, the genuine launcher.

Skipped where Ray is not installed, which is of an extra of its own.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import date
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path

import dagster as dg
import psutil
import pytest
import yaml

from forecasting_lib.demo import RetailerConfig, generate_retailer
from orchestration.clients import CLIENT_TAG, Client
from orchestration.running.instance import open_instance
from orchestration.running.launchers import LauncherError, launcher_section
from orchestration.settings import RESOURCES, Settings, load_settings
from orchestration.warehouse.server import Warehouse
from tests.conftest import deliver
from tests.orchestration.test_sensors import free_port

PATIENCE_SECONDS = 800.0

pytestmark = pytest.mark.skipif(
    find_spec("dagster_ray") is None,
    reason="Ray is not installed; pip install -c constraints.txt -e '.[ray]'",
)


def test_the_genuine_launcher_takes_the_settings_of_the_deployment_and_wants_an_address(
    settings: Settings, tmp_path: Path
) -> None:
    file = RESOURCES / "deploy" / "ray-launcher.yaml"
    chosen = settings.model_copy(update={"run_launcher": "ray", "run_launcher_config": file})
    assert launcher_section(chosen)["run_launcher"]["config"] == {"ray": yaml.safe_load(file.read_text())}
    with pytest.raises(LauncherError, match="'address' is missing"):
        launcher_section(chosen.model_copy(update={"run_launcher_config": None}))
    other = tmp_path / "other.yaml"
    other.write_text("address: http://head:8265\ncpus: 4\n")
    with pytest.raises(LauncherError, match="cpus"):
        launcher_section(chosen.model_copy(update={"run_launcher_config": other}))


@contextmanager
def started(log: Path, *command: str) -> Iterator[None]:
    """A program through 'forecaster exec', as a container starts it; it is ended with all that it started."""
    with log.open("ab") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "orchestration.cli", "exec", "--", *command],
            cwd=RESOURCES,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    try:
        yield
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(30)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def cluster(warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """An instance of its own whose runs are jobs of a head and two workers, and its daemon."""
    port, dashboard = free_port(), free_port()
    config = tmp_path / "launcher.yaml"
    config.write_text(f"address: http://127.0.0.1:{dashboard}\nnum_cpus: 1\n")
    for name, value in {
        "DAGSTER_HOME": str(tmp_path / "dagster"),
        "FORECASTER_LANDING_DIR": str(tmp_path / "landing"),
        "FORECASTER_RUN_LAUNCHER": "ray",
        "FORECASTER_RUN_LAUNCHER_CONFIG": str(config),
        "PYTHONPATH": str(RESOURCES),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
    }.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    with open_instance(settings, warehouse) as instance:
        instance.upgrade()
    ray = (str(Path(sys.executable).with_name("ray")), "start", "--block")
    head = ("--head", f"--port={port}", f"--dashboard-port={dashboard}", "--num-cpus=0")
    worker = (f"--address=127.0.0.1:{port}", "--num-cpus=1")
    daemon = (sys.executable, "-m", "dagster._daemon", "run", "-w", str(RESOURCES / "workspace.yaml"))
    with ExitStack() as running:
        running.enter_context(started(tmp_path / "head.log", *ray, *head))
        until(lambda: answers(dashboard))
        for number in (1, 2):
            running.enter_context(started(tmp_path / f"worker{number}.log", *ray, *worker))
        running.enter_context(started(tmp_path / "daemon.log", *daemon))
        yield settings


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.slow
def test_runs_of_the_cluster_keep_the_limits_and_one_that_is_killed_is_tried_again(
    cluster: Settings, warehouse: Warehouse, new_client: Callable[..., Client]
) -> None:
    clients = [new_client(prefix="ray").client_id for _ in range(3)]
    made = generate_retailer(RetailerConfig(end_date=date(2026, 6, 30), days=120, n_items=6, n_locations=1))
    for client_id in clients:
        deliver(cluster, client_id, made.deliveries())
    with open_instance(cluster, warehouse) as instance:
        until(lambda: len(runs_of(instance, *clients)) >= 3)
        victim = until(lambda: process_of_a_run(instance, clients[0]))
        assert isinstance(victim, psutil.Process)
        # a second delivery of a client whose run goes on
        deliver(cluster, clients[1], {"sales": made.deliveries()["sales"].head(50)}, "_again")
        os.kill(victim.pid, signal.SIGKILL)
        until(lambda: len(runs_of(instance, *clients)) >= 5)
        until(lambda: all(run.is_finished for run in runs_of(instance, *clients)))
        runs = runs_of(instance, *clients)
        spans = {run.run_id: span(instance, run) for run in runs}
        pooled = [step for run in runs for step in steps(instance, run, "forecasts")]
    ended = {
        client_id: sorted(run.status.value for run in runs if run.tags[CLIENT_TAG] == client_id)
        for client_id in clients
    }
    assert ended[clients[0]] == ["FAILURE", "SUCCESS"]
    assert ended[clients[1]] == ["SUCCESS", "SUCCESS"]
    assert ended[clients[2]] == ["SUCCESS"]
    assert overlapping([spans[run.run_id] for run in runs]), "the runs of several clients go on at once"
    for client_id in clients:
        assert not overlapping([spans[run.run_id] for run in runs if run.tags[CLIENT_TAG] == client_id])
    assert len(pooled) >= 4
    assert not overlapping(pooled), "the pool admits one step at a time, on whichever node"
    listed = jobs(cluster)
    assert [run.run_id for run in runs if f"dagster-run-{run.run_id}" not in listed] == []


Span = tuple[float, float]


def runs_of(instance: dg.DagsterInstance, *clients: str) -> list[dg.DagsterRun]:
    return [run for run in instance.get_runs() if run.tags.get(CLIENT_TAG) in clients]


def until(happened: Callable[[], object]) -> object:
    """Wait for something to come true; returns what it was."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := happened()):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    return found


def process_of_a_run(instance: dg.DagsterInstance, client_id: str) -> psutil.Process | None:
    """The process of a client's run once it has begun to work."""
    started = [run for run in runs_of(instance, client_id) if run.status is dg.DagsterRunStatus.STARTED]
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            line = process.cmdline()
            if started and "execute_run" in line and started[0].run_id in line[-1] and "sh" not in line[0]:
                return process
    return None


def span(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Span:
    record = instance.get_run_record_by_id(run.run_id)
    assert record is not None
    assert record.start_time is not None
    assert record.end_time is not None
    return record.start_time, record.end_time


def steps(instance: dg.DagsterInstance, run: dg.DagsterRun, name: str) -> list[Span]:
    """When a step of a run began and ended; one that was killed has no end and is none."""
    stats = instance.get_run_step_stats(run.run_id, [name])
    return [(step.start_time, step.end_time) for step in stats if step.start_time and step.end_time]


def overlapping(spans: list[Span]) -> list[tuple[Span, Span]]:
    return [(one, other) for one, other in combinations(spans, 2) if one[0] < other[1] and other[0] < one[1]]


def jobs(cluster: Settings) -> str:
    """What the cluster says of the jobs it was given."""
    assert cluster.run_launcher_config is not None
    address = yaml.safe_load(cluster.run_launcher_config.read_text())["address"]
    ray = Path(sys.executable).with_name("ray")
    return subprocess.run(
        [ray, "job", "list", "--address", address], capture_output=True, text=True, check=True
    ).stdout
