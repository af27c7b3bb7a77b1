"""Which engine carries runs out: what dagster.yaml says of it, and the sentence where it cannot be had."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from orchestration.running.instance import render_instance_config
from orchestration.running.launchers import ENGINES, Engine, LauncherError, launcher_section
from orchestration.settings import Settings, load_settings
from orchestration.warehouse.server import Warehouse

CONFIG = {"base_dir": "/var/runs"}


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Something that is installed and whose schema wants one setting, in the place of ``k8s``."""
    own = Engine("dagster._core.storage.local_compute_log_manager", "LocalComputeLogManager", "k8s")
    assert isinstance(ENGINES, dict)
    monkeypatch.setitem(ENGINES, "k8s", own)


def chosen(settings: Settings, launcher: str, config: object = None, folder: Path | None = None) -> Settings:
    path = None
    if folder is not None:
        path = folder / "launcher.yaml"
        path.write_text(config if isinstance(config, str) else json.dumps(config))
    return settings.model_copy(update={"run_launcher": launcher, "run_launcher_config": path})


def test_by_default_runs_are_processes_of_this_machine(settings: Settings, warehouse: Warehouse) -> None:
    assert launcher_section(settings) == {}
    assert "run_launcher" not in yaml.safe_load(render_instance_config(settings, warehouse))


@pytest.mark.usefixtures("engine")
def test_the_engine_and_the_operators_settings_of_it_are_named(
    settings: Settings, warehouse: Warehouse, tmp_path: Path
) -> None:
    cluster = chosen(settings, "k8s", CONFIG, tmp_path)
    written = yaml.safe_load(render_instance_config(cluster, warehouse))
    assert written["run_launcher"] == {
        "module": "dagster._core.storage.local_compute_log_manager",
        "class": "LocalComputeLogManager",
        "config": CONFIG,
    }


def test_the_queue_and_its_limits_are_the_same_for_every_engine(
    settings: Settings, warehouse: Warehouse, tmp_path: Path, engine: None
) -> None:
    local = yaml.safe_load(render_instance_config(settings, warehouse))
    cluster = chosen(settings, "k8s", CONFIG, tmp_path)
    elsewhere = yaml.safe_load(render_instance_config(cluster, warehouse))
    assert {name: part for name, part in elsewhere.items() if name != "run_launcher"} == local
    assert local["run_coordinator"]["class"] == "QueuedRunCoordinator"


def test_how_many_runs_go_on_at_a_time_is_a_setting(settings: Settings, warehouse: Warehouse) -> None:
    many = settings.model_copy(update={"runs_at_once": 40})
    written = yaml.safe_load(render_instance_config(many, warehouse))
    assert written["concurrency"]["runs"]["max_concurrent_runs"] == 40
    assert written["concurrency"]["pools"] == {"default_limit": 1, "granularity": "op"}


@pytest.mark.parametrize("launcher", list(ENGINES))
def test_an_engine_that_is_not_installed_is_named_with_what_to_install(
    settings: Settings, launcher: str
) -> None:
    if find_spec(ENGINES[launcher].module):
        pytest.skip(f"{ENGINES[launcher].module} is installed here")
    with pytest.raises(LauncherError, match=rf"pip install 'forecaster\[{launcher}\]'\.$"):
        launcher_section(chosen(settings, launcher))


@pytest.mark.usefixtures("engine")
def test_a_database_that_other_machines_do_not_reach_is_refused(settings: Settings, tmp_path: Path) -> None:
    cluster = chosen(settings, "k8s", CONFIG, tmp_path)
    with pytest.raises(LauncherError, match="DATABASE_URL is not set"):
        launcher_section(cluster.model_copy(update={"database_url": None}))


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({}, "base_dir"),
        ({**CONFIG, "colour": "red"}, "colour"),
        ("- a list", "name: value"),
        ("a: [", "not YAML"),
    ],
)
def test_settings_that_the_engine_does_not_take_are_refused_with_the_place(
    settings: Settings, tmp_path: Path, config: object, words: str
) -> None:
    with pytest.raises(LauncherError, match=words) as refused:
        launcher_section(chosen(settings, "k8s", config, tmp_path))
    assert "FORECASTER_RUN_LAUNCHER_CONFIG" in str(refused.value)


@pytest.mark.usefixtures("engine")
def test_settings_that_are_not_there_are_missed(settings: Settings, tmp_path: Path) -> None:
    nowhere = settings.model_copy(
        update={"run_launcher": "k8s", "run_launcher_config": tmp_path / "none.yaml"}
    )
    with pytest.raises(LauncherError, match="cannot be read: No such file"):
        launcher_section(nowhere)
    with pytest.raises(LauncherError, match="not set"):
        launcher_section(chosen(settings, "k8s"))


def test_another_word_is_refused_with_those_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORECASTER_RUN_LAUNCHER", "swarm")
    with pytest.raises(ValidationError, match="'local', 'ray' or 'k8s'"):
        load_settings()
