"""The Dagster instance of the installation: its configuration, its storage, how it is opened.

Belongs here: ``dagster.yaml``, rendered from the two files beside this one, and everything that must be true
before a Dagster process starts. Does not belong here: runs (``runs``), definitions (``definitions``).
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from string import Template

import dagster as dg
import yaml
from sqlalchemy import make_url

from orchestration.clients import registered_ids, sync_partitions
from orchestration.running.launchers import launcher_section
from orchestration.settings import Settings, dagster_environment
from orchestration.warehouse.server import Warehouse

STORAGE_URL_VARIABLE = "FORECASTER_INSTANCE_URL"
"""Carries the storage URL to Dagster's processes where it holds a password; set by the project itself."""

_STORAGE = Path(__file__).with_name("dagster.yaml.tmpl")
_RULES = Path(__file__).with_name("dagster.yaml")


def render_instance_config(settings: Settings, warehouse: Warehouse) -> str:
    """The text of ``dagster.yaml``: the storage, the rules, and the engine for runs where one is chosen.

    A URL with a password is named by its variable instead of written out: Dagster passes this
    configuration to its child processes as an argument, where any user of the machine could read it.

    Raises:
        LauncherError: the engine cannot be used as it is.
    """
    url = warehouse.instance_storage_url
    has_password = bool(make_url(url).password)
    home = settings.dagster_home
    storage = Template(_STORAGE.read_text()).substitute(
        storage_url=json.dumps({"env": STORAGE_URL_VARIABLE} if has_password else url),
        artifacts_dir=json.dumps(str(home / "storage")),
        compute_logs_dir=json.dumps(str(home / "compute_logs")),
    )
    rules = yaml.safe_load(_RULES.read_text())
    rules["concurrency"]["runs"]["max_concurrent_runs"] = settings.runs_at_once
    return storage + yaml.safe_dump({**rules, **launcher_section(settings)}, sort_keys=False)


def write_instance_config(settings: Settings, warehouse: Warehouse) -> bool:
    """Bring ``dagster.yaml`` up to date, readable by its owner only; False where it was.

    Raises:
        LauncherError: the engine for runs cannot be used as it is.
    """
    path = settings.dagster_home / "dagster.yaml"
    content = render_instance_config(settings, warehouse)
    if path.exists() and path.read_bytes() == content.encode():
        return False
    settings.made_home()
    settings.dagster_home.mkdir(parents=True, exist_ok=True)
    # a name of its own: processes on several machines may share the folder and begin at once
    number, draft = tempfile.mkstemp(dir=settings.dagster_home, prefix="dagster.yaml.")
    os.close(number)
    Path(draft).write_text(content)
    Path(draft).replace(path)
    return True


def instance_environment(settings: Settings, warehouse: Warehouse) -> dict[str, str]:
    """The environment of a Dagster process of this installation."""
    return {**dagster_environment(settings), STORAGE_URL_VARIABLE: warehouse.instance_storage_url}


@contextmanager
def open_instance(settings: Settings, warehouse: Warehouse) -> Iterator[dg.DagsterInstance]:
    """The instance, configured; its tables are made on first use.

    Sets ``DAGSTER_HOME`` for this process, because assets and libraries ask for it.
    """
    write_instance_config(settings, warehouse)
    os.environ.update(instance_environment(settings, warehouse))
    with dg.DagsterInstance.get() as instance:
        yield instance


def create_storage(settings: Settings, warehouse: Warehouse) -> None:
    """Create or upgrade the instance's tables."""
    with open_instance(settings, warehouse) as instance:
        instance.upgrade()


def follow_registry(settings: Settings, warehouse: Warehouse) -> tuple[list[str], list[str]]:
    """Make the partitions follow the registry; returns the clients added and removed."""
    with open_instance(settings, warehouse) as instance:
        return sync_partitions(instance, registered_ids(warehouse))


def warn_of_temporary_instance(settings: Settings) -> None:
    """Say so where Dagster was started without ``DAGSTER_HOME``: its instance is not this installation's."""
    if settings.dagster_home_override is None:
        dg.get_dagster_logger().warning(
            "DAGSTER_HOME is not set: this Dagster forgets its runs when it stops and does not see those of "
            "'forecaster up'. Start it with that command, or with "
            f"DAGSTER_HOME={settings.dagster_home} after 'forecaster migrate'."
        )
