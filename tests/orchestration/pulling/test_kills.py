"""A pull that is killed loses nothing and leaves nothing half-done; two pulls do not meet."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import psycopg
import pytest

from orchestration.client_sources import forget_source
from orchestration.clients import Client, ClientError, remove_client
from orchestration.landing.folder import scan
from orchestration.pulling.faults import PullError
from orchestration.pulling.memory import Memory, last_pulls
from orchestration.pulling.place import DRAFT
from orchestration.settings import RESOURCES, Settings
from orchestration.stages.ingestion import ingest_folder
from orchestration.warehouse.locks import NoSuchLockError, Purpose, try_lock_session
from orchestration.warehouse.server import Warehouse
from tests.orchestration.pulling.conftest import PullFrom, SetSource
from tests.orchestration.pulling.test_files import SALES
from tests.orchestration.pulling.test_rows import ORDERS, Erp, sell, staged

NewClient = Callable[..., Client]

KILLED = """
import os, signal, sys
from orchestration.pulling.place import Place
publish = Place.publish

def killed(place, parts):
    if sys.argv[1] == "after":
        publish(place, parts)
    os.kill(os.getpid(), signal.SIGKILL)

Place.publish = killed
from orchestration.cli import app
app(["source", "pull", *sys.argv[2:]])
"""


def kill(moment: str, client: Client) -> None:
    """Pull for a client, and be killed before or after the file has its name."""
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, moment, client.client_id],
        env={**os.environ, "PYTHONPATH": str(RESOURCES)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr


def shown(settings: Settings, client: Client) -> list[str]:
    return [file.path for file in scan(settings.client_landing_dir(client.client_id))]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_files_are_pulled_again_after_a_kill(
    moment: str,
    new_client: NewClient,
    set_source: SetSource,
    pull_from: PullFrom,
    settings: Settings,
    warehouse: Warehouse,
    tmp_path: Path,
) -> None:
    (tmp_path / "sales_1.csv").write_text(SALES)
    client = set_source(new_client(), "shop", url=f"file://{tmp_path}/*.csv")
    kill(moment, client)
    assert shown(settings, client) == (["shop/sales_1.csv"] if moment == "after" else [])
    assert last_pulls(warehouse, client.client_id) == {}

    assert pull_from(client, "shop").landed == ["shop/sales_1.csv"]
    assert not (settings.client_landing_dir(client.client_id) / "shop" / DRAFT).exists()
    ingest_folder(warehouse, client, settings.client_landing_dir(client.client_id), 0)
    assert len(staged(warehouse, client)) == 1


@pytest.mark.parametrize("moment", ["before", "after"])
def test_rows_are_neither_lost_nor_doubled_by_a_kill(
    moment: str,
    erp: Erp,
    new_client: NewClient,
    set_source: SetSource,
    pull_from: PullFrom,
    settings: Settings,
    warehouse: Warehouse,
) -> None:
    client = set_source(new_client(), "erp", **ORDERS)
    sell(erp, "tea", date(2026, 3, 1))
    kill(moment, client)
    assert last_pulls(warehouse, client.client_id) == {}
    folder = settings.client_landing_dir(client.client_id)
    ingest_folder(warehouse, client, folder, 0)
    sell(erp, "mug", date(2026, 3, 1))
    assert len(pull_from(client, "erp").landed) == 1
    ingest_folder(warehouse, client, folder, 0)
    assert [(item, units) for item, _, units in staged(warehouse, client)] == [("mug", 3), ("tea", 3)]


def test_a_warehouse_that_goes_away_is_not_taken_for_the_source(
    new_client: NewClient,
    set_source: SetSource,
    pull_from: PullFrom,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "sales_1.csv").write_text(SALES)
    client = set_source(new_client(), "shop", url=f"file://{tmp_path}/*.csv")

    def ended(*_: object) -> None:
        raise psycopg.OperationalError("the connection is lost")

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(Memory, "keep", ended)
        with pytest.raises(psycopg.OperationalError):
            pull_from(client, "shop")
    assert shown(settings, client) == []
    assert pull_from(client, "shop").landed == ["shop/sales_1.csv"]


def test_two_pulls_of_a_client_do_not_meet_and_another_client_does_not_wait(
    new_client: NewClient, set_source: SetSource, pull_from: PullFrom, warehouse: Warehouse, tmp_path: Path
) -> None:
    (tmp_path / "sales_1.csv").write_text(SALES)
    one, other = (set_source(new_client(), "shop", url=f"file://{tmp_path}/*.csv") for _ in range(2))
    with warehouse.connect_pipeline() as session:
        assert try_lock_session(session, Purpose.PULL, one.client_id) is None
        with pytest.raises(PullError, match=r"Another command is pulling for .*: wait for its end"):
            pull_from(one, "shop")
        with pytest.raises(ClientError, match="Another command is pulling"):
            forget_source(warehouse, one.client_id, "shop")
        assert len(pull_from(other, "shop").landed) == 1
    assert len(pull_from(one, "shop").landed) == 1


def test_what_is_pulled_for_a_client_that_was_removed_does_not_land(
    new_client: NewClient,
    set_source: SetSource,
    pull_from: PullFrom,
    warehouse: Warehouse,
    settings: Settings,
    tmp_path: Path,
) -> None:
    (tmp_path / "sales_1.csv").write_text(SALES)
    (tmp_path / "sales_2.csv").write_text(SALES * 2)
    client = set_source(new_client(), "shop", url=f"file://{tmp_path}/*.csv")

    def remove(said: str) -> None:
        if "2 of 2" in said:
            remove_client(warehouse, client.client_id)

    with pytest.raises(NoSuchLockError):
        pull_from(client, "shop", on_progress=remove)
    assert len(shown(settings, client)) == 1
    assert last_pulls(warehouse, client.client_id) == {}
