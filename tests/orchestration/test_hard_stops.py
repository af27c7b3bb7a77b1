"""A machine that stops hard in the middle of a run and tears state files: the next commands go on alone.

An installation of its own with an embedded server, worked on by commands alone.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from forecasting_lib.demo import generate_retailer, hold_back_retailer
from orchestration.settings import RESOURCES, Settings, load_settings
from orchestration.warehouse.embedded import embedded_data_dir, stop_embedded, throw_away_folder
from orchestration.warehouse.outage import ADVICE
from orchestration.warehouse.postmaster import read_pid_file
from orchestration.warehouse.server import locate_warehouse
from tests.conftest import SMALL_RETAILER, deliver
from tests.orchestration.fingerprints import IDENTITY, fingerprints
from tests.orchestration.warehouse.hard_stop import kill_server, write_as_owner
from tests.orchestration.warehouse.test_embedded import SHELL

pytestmark = pytest.mark.slow

STOPS = 10
PATIENCE_SECONDS = 900
STEPS = ("landing_files", "demand", "forecasts", "inventory")
"""What is in progress when the machine stops; each in its turn."""


@dataclass
class Installation:
    """A folder with everything of an installation, and the commands that work on it.

    What a shell may set for psql is set for each of them, and must lead nothing astray.
    """

    home: Path
    settings: Settings
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def data_dir(self) -> Path:
        return embedded_data_dir(self.settings)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "orchestration.cli", *arguments],
            env={**os.environ, **SHELL},
            cwd=RESOURCES,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.started.append(process)
        return process

    def said(self, process: subprocess.Popen[str], code: int = 0) -> str:
        """What a command printed until it ended by itself."""
        printed, _ = process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == code, printed
        assert "Traceback" not in printed
        assert "Unexpected" not in printed
        return printed

    def forecaster(self, *arguments: str, code: int = 0) -> str:
        return self.said(self.start(*arguments), code)

    def add(self, client_id: str) -> None:
        """A client with its first files in the landing folder."""
        models = ("--model", "ma7", "--model", "seasonal_naive")
        self.forecaster("client", "add", client_id, "--name", client_id, "--country", "IE", *models)
        retailer = generate_retailer(SMALL_RETAILER)
        first, _ = hold_back_retailer(retailer.deliveries())
        deliver(self.settings, client_id, first)

    def results(self, client_id: str) -> dict[str, tuple[int, str]]:
        return fingerprints(locate_warehouse(self.settings), client_id, ignore=IDENTITY, current_only=True)

    def wait_for(self, step: str, run: subprocess.Popen[str]) -> None:
        """Return once a step of a run has begun that began after this was called."""
        said = read_pid_file(self.data_dir)
        assert said is not None
        where = f"host={said.socket_dir} port={said.port} user=postgres dbname=dagster"
        query = (
            "select count(*) from event_logs "
            "where dagster_event_type = 'STEP_START' and step_key like '%%' || %s and id > %s"
        )
        with psycopg.connect(where, autocommit=True) as connection:
            (newest,) = connection.execute("select coalesce(max(id), 0) from event_logs").fetchone() or (0,)
            deadline = time.monotonic() + PATIENCE_SECONDS
            while connection.execute(query, (step, newest)).fetchone() == (0,):
                assert run.poll() is None, run.communicate()[0]
                assert time.monotonic() < deadline, f"{step} did not begin"
                time.sleep(0.02)

    def tear(self, chance: random.Random) -> list[str]:
        """Leave the state files as a full disk or a power cut does; returns what was done to which."""
        done = []
        files = [
            *(self.data_dir / name for name in ("postmaster.pid", "postmaster.opts", ".handle_pids.json")),
            *(self.home / name for name in ("service.json", "postgres.lock")),
            *(self.settings.dagster_home / name for name in ("dagster.yaml", "dagster.yaml.part")),
            self.data_dir.with_name("postgres-socket") / ".s.PGSQL.5432.lock",
        ]
        for path in files:
            whole = path.read_bytes() if path.exists() else b'{"pid": 1'
            torn = {
                "as it was": whole,
                "cut": whole[: chance.randrange(len(whole) + 1)],
                "empty": b"",
                "zeros": b"\0" * 512,
                "garbage": chance.randbytes(200),
                "somebody's": f"{os.getpid()}\n{self.data_dir}\n1\n5432\n{self.home}\n\n\nready\n".encode(),
            }
            how = chance.choice(list(torn))
            write_as_owner(path, torn[how])
            done.append(f"{path.name}: {how}")
        return done


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    with throw_away_folder() as folder, pytest.MonkeyPatch.context() as environment:
        home = folder / "installation"
        for name in ("DATABASE_URL", "DAGSTER_DATABASE_URL", "DAGSTER_HOME", "CHRONOS_MODEL_ID"):
            environment.delenv(name, raising=False)
        environment.setenv("FORECASTER_HOME", str(home))
        environment.setenv("FORECASTER_LANDING_DIR", str(home / "landing"))
        environment.setenv("HF_HUB_OFFLINE", "1")
        made = Installation(home, load_settings())
        made.forecaster("migrate")
        yield made
        for process in made.started:
            process.kill()
            process.communicate()
        stop_embedded(made.data_dir)


def test_a_server_that_dies_under_a_run_is_said_with_the_next_step_which_works(
    installation: Installation,
) -> None:
    installation.add("bereft")
    run = installation.start("run", "--client", "bereft")
    installation.wait_for("forecasts", run)
    kill_server(installation.data_dir)
    said = installation.said(run, code=1)
    assert "PostgreSQL went away (" in said
    assert ADVICE in " ".join(said.split())
    assert "finished" in installation.forecaster("run", "--client", "bereft")


def test_after_a_hard_stop_with_torn_files_the_next_commands_go_on_by_themselves(
    installation: Installation,
) -> None:
    installation.add("undisturbed")
    installation.forecaster("run", "--client", "undisturbed")
    whole = installation.results("undisturbed")
    assert whole["analytics.forecast_results"][0] > 0
    chance = random.Random(20261124)
    for number in range(STOPS):
        client_id = f"stopped_{number}"
        installation.add(client_id)
        run = installation.start("run", "--client", client_id)
        installation.wait_for(STEPS[number % len(STEPS)], run)
        time.sleep(chance.uniform(0.0, 1.0))
        os.killpg(run.pid, signal.SIGKILL)
        kill_server(installation.data_dir)
        assert run.wait() == -signal.SIGKILL
        torn = installation.tear(chance)
        if number % 2:
            assert "PostgreSQL was not running." in installation.forecaster("down"), torn
        assert client_id in installation.forecaster("status"), torn
        assert "finished" in installation.forecaster("run", "--client", client_id), torn
        assert installation.results(client_id) == whole, torn
