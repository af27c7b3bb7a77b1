"""Commands killed at random moments, and a disk that is full: the same command again finishes the work.

Runs have their own page (``test_crash``). A command is killed some time after it has connected to the
database, since nothing has happened before.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from forecasting_lib.demo import generate_retailer, hold_back_retailer
from orchestration.clients import Client
from orchestration.reading.tuned_weights import client_models_dir, read_records
from orchestration.settings import RESOURCES, Settings
from orchestration.warehouse.archive import open_archive
from orchestration.warehouse.server import Warehouse, libpq_spelling, locate_warehouse
from tests.conftest import SMALL_RETAILER, deliver, drop_databases
from tests.orchestration.fingerprints import IDENTITY, fingerprints
from tests.orchestration.test_crash import PATIENCE_SECONDS
from tests.orchestration.warehouse.test_backup import catalog, contents, silent
from tests.tiny_chronos import save_tiny_chronos

pytestmark = pytest.mark.slow

KILLS = 5
FULL_DISKS = 10

Environment = Mapping[str, str]


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        status: exit status; the negative signal where it died by one.
        said: what it printed.
        seconds: from its first connection to its end.
    """

    status: int
    said: str
    seconds: float

    @property
    def is_killed(self) -> bool:
        return self.status == -signal.SIGKILL


def forecaster(
    watched: Warehouse, *arguments: object, environment: Environment | None = None, delay: float | None = None
) -> Ended:
    """Run a command, and kill it with its children so many seconds after it connected.

    Args:
        watched: whose server the command connects to.
        arguments: of ``forecaster``.
        environment: None is this session's.
        delay: None lets it end by itself.
    """
    with psycopg.connect(
        libpq_spelling(make_url(watched.admin_url).set(database="postgres")), autocommit=True
    ) as connection:
        seen = sessions(connection)
        process = subprocess.Popen(
            [sys.executable, "-m", "orchestration.cli", *map(str, arguments)],
            env={**(environment or os.environ), "PYTHONPATH": str(RESOURCES)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        while process.poll() is None and not sessions(connection) - seen:
            time.sleep(0.02)
        began = time.monotonic()
    try:
        said, _ = process.communicate(timeout=PATIENCE_SECONDS if delay is None else delay)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        said, _ = process.communicate()
    return Ended(process.returncode, said, time.monotonic() - began)


def sessions(connection: psycopg.Connection[Any]) -> set[int]:
    rows = connection.execute("select pid from pg_stat_activity where backend_type = 'client backend'")
    return {pid for (pid,) in rows}


def kill_each(attempt: Callable[[float], Ended], seconds: float, seed: int) -> None:
    """Have an attempt killed five times, at random moments of what it takes undisturbed."""
    moments = random.Random(seed)
    hits, ends = 0, []
    for tries in range(4 * KILLS):
        ends.append(attempt(seconds * moments.uniform(0.02, 0.98) / 1.3 ** (tries - hits)))
        hits += ends[-1].is_killed
        if hits == KILLS:
            return
    raise AssertionError(f"only {hits} of {KILLS} were hit: {ends}")


def state_of(warehouse: Warehouse, client_id: str) -> list[list[tuple[str, ...]]]:
    """Everything the catalogs say of a client: partitions, policies, role; its name is left out."""
    return [
        [tuple(value.replace(client_id, "CLIENT") for value in row) for row in rows if client_id in str(row)]
        for rows in catalog(warehouse)
    ]


def test_clients_whose_adding_is_killed_are_whole_when_it_is_done_again(warehouse: Warehouse) -> None:
    whole = forecaster(warehouse, "client", "add", "add_whole", "--name", "Same")
    assert whole.status == 0, whole.said
    numbers = iter(range(100))

    def add(delay: float) -> Ended:
        # as long as the other: what the server names itself is cut to 63 characters
        client_id = f"add_{next(numbers):02}_xy"
        ended = forecaster(warehouse, "client", "add", client_id, "--name", "Same", delay=delay)
        again = forecaster(warehouse, "client", "add", client_id, "--name", "Same")
        assert again.status == 0 or "exists already" in again.said, again.said
        assert state_of(warehouse, client_id) == state_of(warehouse, "add_whole")
        return ended

    kill_each(add, whole.seconds, 1)


def test_clients_whose_removal_is_killed_are_gone_when_it_is_done_again(
    warehouse: Warehouse, new_client: Callable[..., Client]
) -> None:
    def remove(delay: float | None) -> Ended:
        client_id = new_client(prefix="remove").client_id
        ended = forecaster(warehouse, "client", "remove", client_id, "--yes", delay=delay)
        again = forecaster(warehouse, "client", "remove", client_id, "--yes")
        assert again.status == 0 or "There is no client" in again.said, again.said
        assert state_of(warehouse, client_id) == [[] for _ in catalog(warehouse)]
        return ended

    kill_each(remove, remove(None).seconds, 2)


@pytest.fixture
def apart(warehouse: Warehouse, tmp_path: Path) -> Iterator[Callable[[str], tuple[Warehouse, Environment]]]:
    """Installations of their own on the session's server, and the environment of their commands."""
    made = []

    def make(name: str) -> tuple[Warehouse, Environment]:
        url = make_url(warehouse.admin_url)
        house = Warehouse(
            libpq_spelling(url.set(database=name)), libpq_spelling(url.set(database=f"{name}_dagster"))
        )
        made.append(house)
        home = tmp_path / name
        return house, {
            **os.environ,
            "DATABASE_URL": house.admin_url,
            "FORECASTER_HOME": str(home),
            "DAGSTER_HOME": str(home / "dagster"),
        }

    yield make
    for house in made:
        drop_databases(house)


def test_a_migration_that_is_killed_is_finished_by_the_next(
    apart: Callable[[str], tuple[Warehouse, Environment]],
) -> None:
    house, environment = apart("migrated_whole")
    whole = forecaster(house, "migrate", environment=environment)
    assert whole.status == 0, whole.said
    numbers = iter(range(100))

    def migrate(delay: float) -> Ended:
        half, environment = apart(f"migrated_{next(numbers)}")
        ended = forecaster(half, "migrate", environment=environment, delay=delay)
        again = forecaster(half, "migrate", environment=environment)
        assert again.status == 0, again.said
        assert catalog(half) == catalog(house)
        return ended

    kill_each(migrate, whole.seconds, 3)


def test_tuning_that_is_killed_comes_to_the_same_weights_when_it_is_done_again(
    settings: Settings, warehouse: Warehouse, pipeline_client: Client, tmp_path: Path
) -> None:
    client_id = pipeline_client.client_id
    base = save_tiny_chronos(tmp_path / "base")

    def tune(home: str, delay: float | None = None) -> Ended:
        environment = {**os.environ, "CHRONOS_MODEL_ID": str(base), "FORECASTER_HOME": str(tmp_path / home)}
        return forecaster(
            warehouse,
            *("model", "finetune", "--client", client_id, "--method", "full", "--steps", 20),
            environment=environment,
            delay=delay,
        )

    def digests(home: str) -> set[str]:
        folder = client_models_dir(settings.model_copy(update={"home": tmp_path / home}), client_id)
        return {record.digest for record in read_records(folder)}

    whole = tune("whole")
    assert whole.status == 0, whole.said
    kill_each(lambda delay: tune("killed", delay), whole.seconds, 4)
    again = tune("killed")
    assert again.status == 0, again.said
    assert digests("killed") == digests("whole") != set()


def test_a_backup_that_is_killed_leaves_no_file_and_is_whole_when_it_is_done_again(
    warehouse: Warehouse, pipeline_client: Client, tmp_path: Path
) -> None:
    whole = forecaster(warehouse, "backup", tmp_path / "whole.zip")
    assert whole.status == 0, whole.said

    def back_up(delay: float) -> Ended:
        ended = forecaster(warehouse, "backup", tmp_path / "killed.zip", delay=delay)
        if (tmp_path / "killed.zip").exists():
            with open_archive(tmp_path / "killed.zip", silent):
                pass
            (tmp_path / "killed.zip").unlink()
        return ended

    kill_each(back_up, whole.seconds, 5)
    again = forecaster(warehouse, "backup", tmp_path / "killed.zip")
    assert again.status == 0, again.said
    with (
        open_archive(tmp_path / "whole.zip", silent) as one,
        open_archive(tmp_path / "killed.zip", silent) as other,
    ):
        assert one.manifest.rows == other.manifest.rows
        assert one.manifest.roles == other.manifest.roles
    assert [path.name for path in tmp_path.glob("*.part")] == []


def test_a_restore_that_is_killed_changes_nothing_or_everything_and_is_finished_by_the_next(
    warehouse: Warehouse,
    pipeline_client: Client,
    apart: Callable[[str], tuple[Warehouse, Environment]],
    tmp_path: Path,
) -> None:
    house, environment = apart("restored_kills")
    file = tmp_path / "backup.zip"
    assert forecaster(warehouse, "backup", file).status == 0
    whole = forecaster(house, "restore", file, environment=environment)
    assert whole.status == 0, whole.said
    restored = contents(house)
    assert forecaster(house, "client", "add", "later", "--name", "L", environment=environment).status == 0
    changed = contents(house)

    def restore(delay: float) -> Ended:
        ended = forecaster(house, "restore", file, "--replace", "--yes", environment=environment, delay=delay)
        assert contents(house) in (restored, changed)
        return ended

    kill_each(restore, whole.seconds, 6)
    again = forecaster(house, "restore", file, "--replace", "--yes", environment=environment)
    assert again.status == 0, again.said
    assert contents(house) == restored


# --- full disks ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Disk:
    """A small filesystem of its own in memory."""

    folder: Path

    def resize(self, size: int) -> None:
        subprocess.run(["mount", "-o", f"remount,size={size}", self.folder], check=True)

    @property
    def used(self) -> int:
        stat = os.statvfs(self.folder)
        return (stat.f_blocks - stat.f_bfree) * stat.f_frsize


@pytest.fixture
def disk(session_folder: Path) -> Iterator[Disk]:
    """The disk of an embedded installation; skipped where nothing can be mounted."""
    folder = session_folder / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2g,mode=0755", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("a filesystem of its own can be mounted by root only")
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def test_full_disks_stop_a_run_and_with_space_again_it_ends_like_an_undisturbed_one(
    disk: Disk, session_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing = session_folder / "landing of the disk"
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("FORECASTER_HOME", str(disk.folder / "home"))
    monkeypatch.setenv("DAGSTER_HOME", str(disk.folder / "home" / "dagster"))
    monkeypatch.setenv("FORECASTER_LANDING_DIR", str(landing))
    first, _ = hold_back_retailer(generate_retailer(SMALL_RETAILER).deliveries())

    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "orchestration.cli", *arguments],
            env={**os.environ, "PYTHONPATH": str(RESOURCES)},
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    def with_files(client_id: str) -> str:
        added = command("client", "add", client_id, "--name", "D", "--country", "IE", "--model", "ma7")
        assert added.returncode == 0, added.stderr
        deliver(settings, client_id, first)
        return client_id

    def in_use(client_id: str) -> dict[str, tuple[int, str]]:
        return fingerprints(locate_warehouse(settings), client_id, ignore=IDENTITY, current_only=True)

    settings = Settings()
    try:
        assert command("migrate").returncode == 0
        undisturbed = with_files("undisturbed")
        before = disk.used
        ran = command("run", "--client", undisturbed)
        assert ran.returncode == 0, ran.stderr
        growth, whole = disk.used - before, in_use(undisturbed)
        moments, full = random.Random(20260331), 0
        for number in range(3 * FULL_DISKS):
            client_id = with_files(f"disk_{number}_x")
            disk.resize(disk.used + int(growth * moments.uniform(0.0, 0.8)))
            ran = command("run", "--client", client_id)
            disk.resize(1 << 31)
            full += ran.returncode != 0
            assert "Traceback" not in ran.stderr
            again = command("run", "--client", client_id)
            assert again.returncode == 0, again.stderr
            assert in_use(client_id) == whole
            if full == FULL_DISKS:
                break
        assert full == FULL_DISKS
    finally:
        with suppress(subprocess.TimeoutExpired):
            command("down")
