"""Tuned weights: kept where they win, used for their own client alone, passed over where they are gone."""

from __future__ import annotations

import json
import shutil
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pytest

from forecasting_lib.finetuning import FinetuneConfig, FinetuneError
from forecasting_lib.grain import Grain
from forecasting_lib.models.guards import guarded_predict
from orchestration.clients import Client, get_client
from orchestration.reading.histories import last_demand_day, read_history
from orchestration.reading.tuned_weights import (
    RECORD_FILE,
    Tuning,
    base_weights,
    client_models_dir,
    client_weights,
    erase_client_models,
    latest_accepted,
)
from orchestration.running.runs import find_job
from orchestration.settings import Settings
from orchestration.stages.finetuning import read_held_out, tune_client
from orchestration.stages.model_plans import plan_models
from orchestration.warehouse.server import Warehouse
from tests.tiny_chronos import save_tiny_chronos

pytestmark = pytest.mark.starts_first

LEARNS = FinetuneConfig(method="full", steps=25, learning_rate=5e-3, batch_rows=32, context_days=64)
LEARNS_NOTHING = FinetuneConfig(method="full", steps=1, learning_rate=1e-12, batch_rows=8, context_days=64)


@pytest.fixture(scope="module")
def tiny(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The installation with random weights as its base and a home of its own."""
    folder = tmp_path_factory.mktemp("tuning")
    base = save_tiny_chronos(folder / "base")
    return settings.model_copy(update={"chronos_model_id": str(base), "home": folder / "home"})


@pytest.fixture(scope="module")
def tuned(warehouse: Warehouse, tiny: Settings, pipeline_client: Client) -> Tuning:
    """A tuning of the small retailer that was accepted."""
    return tune_client(warehouse, tiny, pipeline_client, LEARNS)


def weights_in_use(settings: Settings, client: Client) -> object:
    (plan,) = plan_models(client.model_copy(update={"models": ["chronos2", "ma7"]}), settings, Grain.DAY)[:1]
    return plan.weights


def test_weights_that_win_are_what_the_client_forecasts_with(
    tiny: Settings, tuned: Tuning, warehouse: Warehouse, pipeline_client: Client
) -> None:
    assert tuned.accepted, tuned.verdict
    found = client_weights(tiny, pipeline_client.client_id)
    assert (found.source, found.digest) == ("finetuned", tuned.digest)
    assert found.warnings == ()
    assert weights_in_use(tiny, pipeline_client) == found
    (plan, *_) = plan_models(pipeline_client.model_copy(update={"models": ["chronos2"]}), tiny, Grain.DAY)
    assert plan.weights is not None
    from forecasting_lib.models.chronos2 import Chronos2

    last = last_demand_day(warehouse, pipeline_client.client_id)
    assert last is not None
    panel = read_history(warehouse, pipeline_client.client_id, last).panel.select([0, 1])
    by_tuned = guarded_predict(Chronos2(plan.weights.path), panel, 7)
    by_base = guarded_predict(Chronos2(base_weights(tiny).path), panel, 7)
    assert (by_tuned.quantiles != by_base.quantiles).any()


def test_no_other_client_is_given_them_even_if_the_folder_is_copied(
    tiny: Settings, tuned: Tuning, pipeline_client: Client
) -> None:
    assert tuned.accepted
    base = base_weights(tiny)
    assert client_weights(tiny, "stranger") == base
    shutil.copytree(client_models_dir(tiny, pipeline_client.client_id), client_models_dir(tiny, "stranger"))
    assert client_weights(tiny, "stranger") == base


def test_weights_tuned_from_another_base_are_passed_over_aloud(
    tiny: Settings, tuned: Tuning, pipeline_client: Client, tmp_path: Path
) -> None:
    assert tuned.accepted
    other = tiny.model_copy(update={"chronos_model_id": str(save_tiny_chronos(tmp_path, seed=9))})
    found = client_weights(other, pipeline_client.client_id)
    assert found.digest == base_weights(other).digest
    assert "tuned from other base weights" in found.warnings[0]


@pytest.mark.parametrize("damage", ["truncated", "replaced", "gone"])
def test_weights_whose_files_changed_are_passed_over_aloud(
    damage: str, tiny: Settings, tuned: Tuning, pipeline_client: Client, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(tiny.home, home)
    moved = tiny.model_copy(update={"home": home})
    file = client_models_dir(moved, pipeline_client.client_id) / tuned.digest / "model.safetensors"
    if damage == "truncated":
        file.write_bytes(file.read_bytes()[:100])
    elif damage == "replaced":
        shutil.copyfile(base_weights(tiny).path / "model.safetensors", file)
    else:
        file.unlink()
    found = client_weights(moved, pipeline_client.client_id)
    assert found.digest == base_weights(moved).digest
    assert "are not used" in found.warnings[0]


def test_weights_that_do_not_win_leave_their_record_only(
    warehouse: Warehouse, tiny: Settings, tuned: Tuning, pipeline_client: Client
) -> None:
    before = client_weights(tiny, pipeline_client.client_id)
    rejected = tune_client(warehouse, tiny, pipeline_client, LEARNS_NOTHING)
    assert not rejected.accepted
    assert rejected.verdict.startswith("Rejected")
    folder = client_models_dir(tiny, pipeline_client.client_id)
    assert [file.name for file in (folder / rejected.digest).iterdir()] == [RECORD_FILE]
    assert client_weights(tiny, pipeline_client.client_id) == before
    assert tuned.digest == before.digest
    assert {path.name for path in folder.iterdir()} == {tuned.digest, rejected.digest}, "no scratch is left"


def test_every_tuning_is_in_the_audit_log(
    warehouse: Warehouse, tuned: Tuning, pipeline_client: Client
) -> None:
    with warehouse.transaction() as connection:
        entry = connection.execute(
            """
            select details from ops.audit_log
            where client_id = %s and action = 'finetune' and object = %s
            """,
            (pipeline_client.client_id, f"weights {tuned.digest[:12]}"),
        ).fetchone()
    assert entry is not None
    assert entry[0]["verdict"] == tuned.verdict
    assert entry[0]["base_digest"] == tuned.base_digest


def test_the_past_ends_on_the_cut_and_the_days_after_it_judge(
    warehouse: Warehouse, pipeline_client: Client
) -> None:
    c = pipeline_client.client_id
    last = last_demand_day(warehouse, c)
    assert last is not None
    cut = last - timedelta(days=10)
    later = read_held_out(warehouse, pipeline_client, cut)
    assert later.panel.as_of_date == cut
    assert later.actual.shape == (len(later.panel), 10)
    whole = read_history(warehouse, c, last)
    assert later.actual[0].tolist() == whole.panel.history[0][-10:].tolist()
    assert read_held_out(warehouse, pipeline_client, None).horizon == pipeline_client.horizon(Grain.DAY)
    with pytest.raises(FinetuneError, match="No day lies after the cut"):
        read_held_out(warehouse, pipeline_client, last)


def test_a_client_without_demand_is_told_to_deliver(
    warehouse: Warehouse, tiny: Settings, new_client: object
) -> None:
    client = new_client()  # type: ignore[operator]
    with pytest.raises(FinetuneError, match="deliver a sales file"):
        tune_client(warehouse, tiny, client, LEARNS_NOTHING)


def test_the_latest_accepted_tuning_stands() -> None:
    def record(digest: str, day: int, *, accepted: bool = True, client_id: str = "acme") -> Tuning:
        finished = f"{date(2026, 1, day)}T00:00:00+00:00"
        return Tuning(
            client_id, digest, accepted, "", "full", 1, "2026-01-01", "bundled", "base", finished, {}
        )

    records = [record("a", 1), record("c", 3), record("b", 2), record("d", 4, accepted=False)]
    found = latest_accepted([*records, record("e", 5, client_id="other")], "acme")
    assert found is not None
    assert found.digest == "c"


def test_a_removed_clients_weights_are_erased(tiny: Settings, tmp_path: Path) -> None:
    settings = tiny.model_copy(update={"home": tmp_path})
    folder = client_models_dir(settings, "leaving") / "digest"
    folder.mkdir(parents=True)
    (folder / RECORD_FILE).write_text(json.dumps({"damaged": True}))
    assert client_weights(settings, "leaving") == base_weights(settings), "a damaged record is no record"
    erase_client_models(settings, "leaving")
    assert not folder.exists()


def test_the_job_tunes_and_shows_the_verdict(
    warehouse: Warehouse,
    tiny: Settings,
    instance: dg.DagsterInstance,
    pipeline_client: Client,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("CHRONOS_MODEL_ID", str(tiny.chronos_model_id))
    monkeypatch.setenv("FORECASTER_HOME", str(tmp_path))
    result = find_job("finetune").execute_in_process(
        instance=instance,
        partition_key=pipeline_client.client_id,
        run_config={"ops": {"tune_weights": {"config": {"method": "full", "steps": 1}}}},
    )
    assert result.success
    assert result.dagster_run.tags["client"] == pipeline_client.client_id
    (record,) = tmp_path.glob(f"models/{pipeline_client.client_id}/*/{RECORD_FILE}")
    assert json.loads(record.read_text())["steps"] == 1
    assert get_client(warehouse, pipeline_client.client_id) == pipeline_client
