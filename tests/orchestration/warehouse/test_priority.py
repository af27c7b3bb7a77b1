"""While something runs for a client, the sessions of all clients come last at the processors."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
import pytest

from orchestration import resources
from orchestration.clients import Client
from orchestration.settings import Settings
from orchestration.warehouse.priority import LOWEST, look_for_clients, lower_clients, sessions_of_clients
from orchestration.warehouse.server import Warehouse
from tests.orchestration.warehouse.logins import log_in

START, PREFIX = "postgres: forecaster-0a1b: ", "warehouse_client_"

embedded = pytest.mark.skipif("TEST_DATABASE_URL" in os.environ, reason="its processes are not ours")


def test_clients_and_their_parallel_workers_are_told_from_everybody_else() -> None:
    titles = {
        1: f"{START}checkpointer",
        2: f"{START}warehouse_client_acme warehouse [local] SELECT",
        3: f"{START}parallel worker for PID 2",
        4: f"{START}parallel worker for PID 5",
        5: f"{START}postgres warehouse [local] warehouse_client_acme",
        6: "postgres: another: warehouse_client_acme warehouse [local] idle",
        7: f"{START}parallel worker for PID 9",
    }
    assert sessions_of_clients(titles, START, PREFIX, known={9}) == {2, 3, 7}


@embedded
def test_a_clients_session_is_lowered_once_and_the_pipelines_is_not(
    settings: Settings, embedded_warehouse: Warehouse, new_client: Callable[..., Client]
) -> None:
    data_dir = settings.home / "postgres"
    with (
        log_in(embedded_warehouse, new_client().client_id) as client,
        embedded_warehouse.connect_pipeline() as pipeline,
    ):
        lowered = lower_clients(data_dir, embedded_warehouse.roles, set())
        assert niceness(client.info.backend_pid) == LOWEST
        assert niceness(pipeline.info.backend_pid) < LOWEST
        assert client.info.backend_pid in lowered
        assert pipeline.info.backend_pid not in lowered
        group = Path(f"/proc/{client.info.backend_pid}/autogroup")
        assert not group.exists() or group.read_text().split()[-1] in (str(LOWEST), "")
        assert lower_clients(data_dir, embedded_warehouse.roles, lowered) >= {client.info.backend_pid}


@embedded
def test_a_session_that_begins_later_is_found(
    settings: Settings, embedded_warehouse: Warehouse, new_client: Callable[..., Client]
) -> None:
    slug, ended = new_client().client_id, threading.Event()
    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(look_for_clients, settings.home / "postgres", embedded_warehouse.roles, ended)
        try:
            with log_in(embedded_warehouse, slug) as client:
                while niceness(client.info.backend_pid) != LOWEST:
                    assert not looking.done()
        finally:
            ended.set()


def test_where_no_server_runs_nobody_is_lowered(embedded_warehouse: Warehouse, tmp_path: Path) -> None:
    assert lower_clients(tmp_path, embedded_warehouse.roles, {1}) == set()
    assert lower_clients(tmp_path / "none", embedded_warehouse.roles, {1}) == set()


@embedded
@pytest.mark.parametrize("is_embedded", [True, False])
def test_a_run_keeps_clients_behind_on_the_embedded_server(
    settings: Settings, embedded_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, *, is_embedded: bool
) -> None:
    if is_embedded:
        monkeypatch.delenv("DATABASE_URL")
    kept: list[Path] = []
    monkeypatch.setattr(resources, "keep_clients_behind", lambda data_dir, _roles: kept.append(data_dir))

    @dg.op
    def work(installation: resources.Installation) -> None:
        assert installation.settings.home == settings.home

    @dg.job(resource_defs={"installation": resources.Installation()})
    def run() -> None:
        work()

    assert embedded_warehouse.roles
    assert run.execute_in_process().success
    assert kept == ([settings.home / "postgres"] if is_embedded else [])


def niceness(pid: int) -> int:
    return os.getpriority(os.PRIO_PROCESS, pid)
