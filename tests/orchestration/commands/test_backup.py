"""``forecaster backup`` and ``forecaster restore``: what they say, and what a run makes of a restored one."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from sqlalchemy import make_url
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.clients import Client
from orchestration.settings import RESOURCES, Settings
from orchestration.warehouse.server import Warehouse, libpq_spelling
from tests.conftest import drop_databases
from tests.orchestration.fingerprints import fingerprints


@pytest.fixture
def elsewhere(warehouse: Warehouse, tmp_path: Path) -> Iterator[tuple[Warehouse, Mapping[str, str]]]:
    """Another installation on the server, with nothing in it, and the environment of its commands."""
    url = make_url(warehouse.admin_url)
    house = Warehouse(
        libpq_spelling(url.set(database="elsewhere")), libpq_spelling(url.set(database="elsewhere_dagster"))
    )
    yield (
        house,
        {
            **os.environ,
            "DATABASE_URL": house.admin_url,
            "FORECASTER_HOME": str(tmp_path / "elsewhere"),
            "DAGSTER_HOME": str(tmp_path / "elsewhere" / "dagster"),
            "PYTHONPATH": str(RESOURCES),
        },
    )
    drop_databases(house)


def forecaster(environment: Mapping[str, str], *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "orchestration.cli", *map(str, arguments)],
        env=dict(environment),
        capture_output=True,
        text=True,
        check=False,
    )


def deeds(warehouse: Warehouse, client_id: str) -> list[tuple[str, int]]:
    """What the audit log says was done, by kind."""
    with warehouse.transaction() as connection:
        return connection.execute(
            "select action, count(*) from ops.audit_log where client_id = %s group by action order by action",
            (client_id,),
        ).fetchall()


@pytest.mark.slow
def test_a_restored_installation_goes_on_where_the_other_stood(
    pipeline_client: Client,
    warehouse: Warehouse,
    elsewhere: tuple[Warehouse, Mapping[str, str]],
    tmp_path: Path,
) -> None:
    house, environment = elsewhere
    file = tmp_path / "backup.zip"
    written = CliRunner().invoke(app, ["backup", str(file)])
    assert written.exit_code == 0, written.output
    assert f"Wrote {file}" in written.stdout.replace("\n", "")
    assert "warehouse.dump" in written.stderr
    restored = forecaster(environment, "restore", file)
    assert restored.returncode == 0, restored.stderr
    client_id = pipeline_client.client_id
    assert fingerprints(house, client_id) == fingerprints(warehouse, client_id)
    with house.transaction() as connection:
        assert connection.execute(
            "select object, row_count > 0 from ops.audit_log where action = 'restore'"
        ).fetchall() == [(file.name, True)]
    before, done = fingerprints(house, client_id), deeds(house, client_id)
    run = forecaster(environment, "run", "--client", client_id)
    assert run.returncode == 0, run.stderr
    assert fingerprints(house, client_id) == before
    assert deeds(house, client_id) == done

    again = forecaster(environment, "restore", file)
    assert again.returncode == 1
    assert "holds an installation" in again.stderr
    assert "--replace" in again.stderr
    declined = subprocess.run(
        [sys.executable, "-m", "orchestration.cli", "restore", str(file), "--replace"],
        env=dict(environment),
        input="n\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert declined.returncode == 1
    assert deeds(house, client_id) == done
    replaced = forecaster(environment, "restore", file, "--replace", "--yes")
    assert replaced.returncode == 0, replaced.stderr
    assert fingerprints(house, client_id) == before


def test_without_a_name_the_file_lies_below_the_installation(
    pipeline_client: Client, settings: Settings
) -> None:
    result = CliRunner().invoke(app, ["backup"])
    assert result.exit_code == 0, result.output
    (file,) = (settings.home / "backups").glob("forecaster-*.zip")
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_restore_is_refused_while_the_ui_runs(
    settings: Settings, warehouse: Warehouse, tmp_path: Path
) -> None:
    service = settings.home / "service.json"
    with service.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # as the service does for as long as it lives
        file.write('{"pid": 1, "port": 3999}')
        file.flush()
        result = CliRunner().invoke(app, ["restore", str(tmp_path / "backup.zip")])
    service.unlink()
    assert result.exit_code == 1
    assert "service.json" in result.stderr
    assert "end it first" in result.stderr


def test_two_restores_do_not_run_at_once(settings: Settings, warehouse: Warehouse, tmp_path: Path) -> None:
    with (settings.home / "restore.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        result = CliRunner().invoke(app, ["restore", str(tmp_path / "backup.zip")])
    assert result.exit_code == 1
    assert "Another restore" in result.stderr


def test_a_file_that_is_not_there_is_named(warehouse: Warehouse, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["restore", str(tmp_path / "backup.zip")])
    assert result.exit_code == 1
    assert "backup.zip cannot be read: No such file or directory." in result.stderr.replace("\n", "")
