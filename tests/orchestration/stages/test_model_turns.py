"""One model in memory at a time: who waits is told for whom, and who has no model does not wait."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from queue import SimpleQueue

import dagster as dg
import pytest

from orchestration.clients import CLIENT_TAG, Client
from orchestration.running.runs import find_job, run_job
from orchestration.settings import Settings
from orchestration.stages.model_turns import model_turn
from orchestration.warehouse.locks import LockedError
from orchestration.warehouse.server import Warehouse
from tests.tiny_chronos import save_tiny_chronos

PATIENCE_SECONDS = 120.0


def test_the_turn_is_one_at_a_time_and_given_back(warehouse: Warehouse) -> None:
    said: list[str] = []
    with (
        model_turn(warehouse, said.append),
        pytest.raises(LockedError, match="A model was in the memory of forecaster "),
        model_turn(warehouse, said.append, patience=0),
    ):
        pass
    with model_turn(warehouse, said.append, patience=0):
        assert said == []


def waits(instance: dg.DagsterInstance, client: Client) -> list[str]:
    """What a client's runs have said about waiting for somebody's model."""
    return [
        entry.user_message
        for run in instance.get_runs(dg.RunsFilter(tags={CLIENT_TAG: client.client_id}))
        for entry in instance.all_logs(run.run_id)
        if "has a model in memory; waiting for it." in entry.user_message
    ]


def test_a_run_without_a_model_goes_by_and_one_with_a_model_waits(
    settings: Settings,
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
    new_client: Callable[..., Client],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("CHRONOS_MODEL_ID", str(save_tiny_chronos(tmp_path / "weights")))
    plain, modelled = new_client(models=["ma7"]), new_client(models=["chronos2"])
    last = date.today() - timedelta(days=1)
    rows = [f"{last - timedelta(day)},apples,shop,{day % 5 + 1}" for day in range(90)]
    for client in (plain, modelled):
        instance.add_dynamic_partitions("clients", [client.client_id])
        folder = settings.client_landing_dir(client.client_id)
        folder.mkdir(parents=True)
        lines = ["date,item_id,location_id,units_sold", *rows]
        (folder / "sales.csv").write_text("\n".join(lines) + "\n")
    ended: SimpleQueue[bool] = SimpleQueue()

    def run_with_a_model() -> None:
        outcome = run_job(warehouse, instance, find_job("client_pipeline"), modelled.client_id)
        ended.put(outcome.succeeded)

    with model_turn(warehouse, lambda _: None):
        thread = threading.Thread(target=run_with_a_model, daemon=True)
        outcome = run_job(warehouse, instance, find_job("client_pipeline"), plain.client_id)
        assert outcome.succeeded, outcome.problems
        thread.start()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (said := waits(instance, modelled)) and time.monotonic() < deadline:
            assert ended.empty()
            time.sleep(0.5)
        [sentence] = said
        assert f":{os.getpid()} " in sentence
    assert ended.get(timeout=PATIENCE_SECONDS)
    thread.join(PATIENCE_SECONDS)
