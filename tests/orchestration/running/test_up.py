"""What starts by itself, end to end: by 'forecaster up', and as anybody starts a Dagster project.

Each test has an installation of its own with an embedded server, and leaves no process behind.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from orchestration.running.service import HOST
from orchestration.settings import RESOURCES, Settings, load_settings
from orchestration.warehouse.locks import Purpose, lock_transaction
from orchestration.warehouse.server import locate_warehouse
from tests.orchestration.test_sensors import free_port

PROC = Path("/proc")
PATIENCE_SECONDS = 300.0
RETENTION = {"retention": ("30 2 * * *", "UTC", "RUNNING")}
"""The schedule that is nobody's in particular."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (PROC / "self" / "environ").exists(), reason="processes are counted in /proc"),
]


@dataclass
class Service:
    """An installation in a folder of its own, and the Dagster that is started for it."""

    settings: Settings
    port: int
    api_port: int
    log: Path
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def forecaster(self, *arguments: str) -> str:
        """Run a command to its end; returns what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "orchestration.cli", *arguments],
            cwd=RESOURCES,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a command that stays; what it prints goes to the log."""
        # A child inherits signals that are ignored, as they are in a shell's background jobs.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            with self.log.open("ab") as log:
                process = subprocess.Popen(
                    [sys.executable, "-m", *command],
                    cwd=RESOURCES,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        finally:
            signal.signal(signal.SIGINT, before)
        self.started.append(process)
        return process

    def up(self) -> tuple[str, ...]:
        """The command that starts the service."""
        return ("up", "--port", str(self.port), "--api-port", str(self.api_port))

    def printed(self) -> str:
        return self.log.read_text(errors="replace")

    def until(self, what: str, happened: Callable[[], Any]) -> Any:
        """Wait for something to come true, for as long as what was started lives."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            if found := happened():
                return found
            assert self.started[-1].poll() is None, f"ended before {what}:\n{self.printed()}"
            time.sleep(1)
        raise AssertionError(f"waited in vain for {what}:\n{self.printed()[-20_000:]}")

    def ask(self, query: str) -> Any:
        """What the UI's GraphQL has for a query of one field; None while nobody answers.

        Raises:
            urllib.error.HTTPError: the query is not one.
        """
        request = urllib.request.Request(
            f"http://{HOST}:{self.port}/graphql",
            data=json.dumps({"query": query}).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                [answer] = json.load(response)["data"].values()
        except urllib.error.HTTPError:
            raise
        except OSError:
            return None
        return answer

    def schedules(self) -> dict[str, tuple[str, str, str]]:
        """Name -> cron, time zone and status, of the schedules of the loaded definitions."""
        answer = self.ask(
            "{ schedulesOrError(repositorySelector: {repositoryName: "
            '"__repository__", repositoryLocationName: "forecaster"}) { ... on Schedules { results '
            "{ name cronSchedule executionTimezone scheduleState { status } } } } }"
        )
        return {
            found["name"]: (
                found["cronSchedule"],
                found["executionTimezone"],
                found["scheduleState"]["status"],
            )
            for found in (answer or {}).get("results", [])
        }

    def skipped(self, sensor: str) -> list[str]:
        """Why the last ticks of a sensor asked for nothing, the newest first."""
        answer = self.ask(
            '{ sensorOrError(sensorSelector: {repositoryName: "__repository__", repositoryLocationName: '
            f'"forecaster", sensorName: "{sensor}"}}) {{ ... on Sensor {{ sensorState {{ ticks(limit: 5) '
            "{ status skipReason } } } } }"
        )
        ticks = ((answer or {}).get("sensorState") or {}).get("ticks", [])
        return [str(tick["skipReason"]) for tick in ticks if tick["status"] == "SKIPPED"]

    def runs(self, client_id: str) -> list[str]:
        """The states of a client's runs, the newest first."""
        answer = self.ask(
            f'{{ runsOrError(filter: {{tags: [{{key: "client", value: "{client_id}"}}]}}) '
            "{ ... on Runs { results { status } } } }"
        )
        return [run["status"] for run in (answer or {}).get("results", [])]

    def deliver(self, client_id: str, name: str, content: str) -> None:
        folder = self.settings.client_landing_dir(client_id)
        draft = folder / f"{name}.part"
        draft.write_text(content)
        draft.rename(folder / name)

    def sql(self, statement: str, *values: object) -> Any:
        """The first value of the first row, or None."""
        with locate_warehouse(self.settings).transaction() as connection:
            cursor = connection.execute(statement.encode(), values)
            row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None

    @contextmanager
    def loading_held_up(self) -> Iterator[None]:
        """Keep every load of sales from its end while the block lasts."""
        with locate_warehouse(self.settings).connect_admin() as connection:
            connection.execute("lock table staging.sales in access exclusive mode")
            yield

    @contextmanager
    def loading_of_held_up(self, client_id: str) -> Iterator[None]:
        """Keep every load of one client from its end while the block lasts."""
        with locate_warehouse(self.settings).transaction() as connection:
            lock_transaction(connection, Purpose.LANDING, client_id)
            yield

    def has_forecasts(self, client_id: str) -> None:
        """Every row of the delivered sales is staged, and the horizon of both items is forecast."""
        staged = self.sql("select count(*) from staging.sales where client_id = %s", client_id)
        assert staged == len(SALES.splitlines()) - 1
        ahead = self.sql(
            "select count(distinct (item_id, date)) from analytics.forecast_results_current "
            "where client_id = %s",
            client_id,
        )
        assert ahead == 2 * 28

    def leaves_nothing_behind(self) -> bool:
        """Whether the last process has ended, or does so within the time a code server takes to notice."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.processes() and time.monotonic() < deadline:
            time.sleep(1)
        return self.processes() == {}

    def processes(self) -> dict[int, str]:
        """Id -> command of every process of this installation, by its environment or its arguments."""
        folder = str(self.settings.home).encode()
        found = {}
        for process in PROC.glob("[0-9]*"):
            try:
                command = (process / "cmdline").read_bytes()
                belongs = folder in command or folder in (process / "environ").read_bytes()
            except OSError:
                continue
            if belongs and command and int(process.name) != os.getpid():
                found[int(process.name)] = command.replace(b"\0", b" ").decode(errors="replace")
        return found


def sales(days: int) -> str:
    """Two items in one shop, up to yesterday."""
    first = date.today() - timedelta(days)
    rows = (
        f"{first + timedelta(day)},{item},shop,{(3 * day + len(item)) % 7 + 1}"
        for day in range(days)
        for item in ("apples", "pears")
    )
    return "\n".join(["date,item_id,location_id,units_sold", *rows]) + "\n"


SALES = sales(90)


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with free_port() as port, free_port() as api_port:
        pass  # let go for the service
    with tempfile.TemporaryDirectory(prefix="forecaster-", ignore_cleanup_errors=True) as folder:
        for name in ("DATABASE_URL", "DAGSTER_DATABASE_URL", "DAGSTER_HOME", "FORECASTER_INSTANCE_URL"):
            monkeypatch.delenv(name, raising=False)
        for name, value in {
            "FORECASTER_HOME": f"{folder}/home",
            "FORECASTER_LANDING_DIR": f"{folder}/landing",
            "FORECASTER_REPORTS_DIR": f"{folder}/reports",
            "FORECASTER_LANDING_QUIET_SECONDS": "1",
            "HF_HUB_OFFLINE": "1",
            "PYTHONPATH": str(RESOURCES),
        }.items():
            monkeypatch.setenv(name, value)
        service = Service(load_settings(), port, api_port, Path(folder) / "started.log")
        try:
            yield service
        finally:
            try:
                subprocess.run(
                    [sys.executable, "-m", "orchestration.cli", "down"], cwd=RESOURCES, check=False
                )
            finally:
                for process_id in service.processes():
                    with suppress(ProcessLookupError):
                        os.kill(process_id, signal.SIGKILL)
                for process in service.started:
                    process.wait()


def test_files_clients_and_a_spoilt_row_come_while_the_service_runs(service: Service) -> None:
    service.forecaster("migrate")
    for client_id in ("acme", "spoilt"):
        service.forecaster("client", "add", client_id, "--name", client_id.title(), "--model", "ma7")
    up = service.start("orchestration.cli", *service.up())

    service.until("the UI is announced", lambda: f"The UI is at http://{HOST}" in service.printed())
    service.until("the definitions are loaded", lambda: service.skipped("new_files"))
    assert service.schedules() == RETENTION

    service.deliver("acme", "sales.csv", SALES)
    service.until("the run of acme's file has finished", lambda: service.runs("acme") == ["SUCCESS"])
    service.has_forecasts("acme")

    said = service.forecaster(
        *("client", "add", "zenith", "--name", "Zenith", "--model", "ma7"),
        *("--cron", "30 2 * * *", "--timezone", "Europe/Berlin"),
    )
    assert "has reloaded; schedules follow the registry" in said
    schedule = {**RETENTION, "zenith_pipeline": ("30 2 * * *", "Europe/Berlin", "RUNNING")}
    assert service.schedules() == schedule
    service.deliver("zenith", "sales.csv", SALES)
    service.until("the run of zenith's file has finished", lambda: service.runs("zenith") == ["SUCCESS"])
    service.has_forecasts("zenith")

    service.sql("update ops.clients set timezone = 'Mars/Olympus' where client_id = 'spoilt'")
    service.deliver("spoilt", "sales.csv", SALES)
    service.deliver("acme", "products.csv", "item_id,name\napples,Apples\npears,Pears\n")
    service.until("acme's second file is taken", lambda: service.runs("acme") == ["SUCCESS", "SUCCESS"])
    # the tick that took acme's file said nothing; the next one does
    service.until(
        "the spoilt row is said",
        lambda: [
            said for said in service.skipped("new_files")[:1] if "spoilt" in said and "Mars/Olympus" in said
        ],
    )
    assert service.runs("spoilt") == []
    said = service.forecaster("client", "update", "acme", "--cron", "0 5 * * *")
    assert "has reloaded" in said
    assert service.schedules() == {**schedule, "acme_pipeline": ("0 5 * * *", "UTC", "RUNNING")}

    service.deliver("zenith", "sales_later.csv", "no,columns,of,ours\n1,2,3,4\n")
    service.until(
        "the refused file's run is audited",
        lambda: service.sql(
            "select count(*) from ops.audit_log where action = 'run_failure' and client_id = 'zenith'"
        ),
    )
    assert service.runs("zenith") == ["FAILURE", "SUCCESS"]

    assert "Stopped the UI" in service.forecaster("down")
    assert up.wait(PATIENCE_SECONDS) == 0
    assert service.leaves_nothing_behind(), service.processes()


def test_clients_that_hang_and_fail_hold_nobody_up_and_none_runs_twice_at_once(service: Service) -> None:
    service.forecaster("migrate")
    others = ("first", "second", "third", "fourth")
    for client_id in ("failing", "hanging", *others):
        service.forecaster("client", "add", client_id, "--name", client_id.title(), "--model", "ma7")
    up = service.start("orchestration.cli", *service.up())
    service.until("the definitions are loaded", lambda: service.skipped("new_files"))
    products = "item_id,name\napples,Apples\npears,Pears\n"
    with service.loading_of_held_up("hanging"):
        service.deliver("hanging", "sales.csv", SALES)
        service.until("it hangs", lambda: service.runs("hanging") == ["STARTED"])
        service.deliver("failing", "sales.csv", "no,columns,of,ours\n1,2,3,4\n")
        for client_id in others:
            service.deliver(client_id, "sales.csv", SALES)
        for client_id in others:
            done = partial(lambda name: service.runs(name) == ["SUCCESS"], client_id)
            service.until(f"the run of {client_id} has finished", done)
        service.until("the other's has failed", lambda: service.runs("failing") == ["FAILURE"])
        service.deliver("hanging", "products.csv", products)
        service.until("its next run waits", lambda: service.runs("hanging") == ["QUEUED", "STARTED"])
        service.deliver("first", "products.csv", products)
        service.until("another goes by", lambda: service.runs("first") == ["SUCCESS", "SUCCESS"])
        service.deliver("hanging", "suppliers.csv", "supplier_id,lead_time_days\norchard,7\n")
        service.deliver("second", "products.csv", products)
        service.until("the folders were looked at", lambda: service.runs("second") == ["SUCCESS", "SUCCESS"])
        assert service.runs("hanging") == ["QUEUED", "STARTED"]
    service.until("both have finished", lambda: service.runs("hanging") == ["SUCCESS", "SUCCESS"])
    service.has_forecasts("hanging")
    kinds = (
        "select count(distinct kind) from ops.landing_files where client_id = 'hanging' and status = 'loaded'"
    )
    assert service.sql(kinds) == 3
    up.send_signal(signal.SIGINT)
    assert up.wait(PATIENCE_SECONDS) == 0
    service.forecaster("down")
    assert service.leaves_nothing_behind(), service.processes()


def test_stopping_waits_for_runs_ends_what_is_left_and_tries_it_again(service: Service) -> None:
    service.forecaster("migrate")
    service.forecaster("client", "add", "acme", "--name", "Acme", "--model", "ma7")
    up = service.start("orchestration.cli", *service.up())
    service.until("the UI is announced", lambda: "The UI is at" in service.printed())
    with service.loading_held_up():
        service.deliver("acme", "sales.csv", SALES)
        service.until("the run has begun", lambda: service.runs("acme") == ["STARTED"])
        up.send_signal(signal.SIGINT)
        waiting = "waiting for 1 run: client_pipeline of acme; Ctrl-C again ends them at once"
        service.until("the run is waited for", lambda: waiting in service.printed())
        time.sleep(1.5)  # a signal that follows at once is the same Ctrl-C
        up.send_signal(signal.SIGINT)
        assert up.wait(PATIENCE_SECONDS) == 0
    assert "was ended; the next 'forecaster up' tries it again" in service.printed()
    assert {command for command in service.processes().values() if "postgres -D" not in command} == set()

    up = service.start("orchestration.cli", *service.up())
    service.until("the run is tried again", lambda: service.runs("acme")[-1:] == ["FAILURE"])
    service.until("it goes on", lambda: service.runs("acme")[0] in ("STARTED", "SUCCESS"))
    said = service.forecaster("down")
    assert "Stopped the UI" in said
    assert up.wait(PATIENCE_SECONDS) == 0
    assert service.leaves_nothing_behind(), service.processes()


def test_dagster_started_without_our_command_says_what_to_run_and_then_works(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def has_looked_twice(sensor: str) -> bool:
        return len(service.skipped(sensor)) > 1

    by_hand = ("dagster", "dev", "-w", "workspace.yaml", "-h", HOST, "-p", str(service.port))
    dagster = service.start(*by_hand)
    sentence = "The database has no tables yet. Run 'forecaster migrate' first."
    for sensor in ("new_files", "client_registry"):
        service.until(f"{sensor} has looked twice", partial(has_looked_twice, sensor))
        assert set(service.skipped(sensor)) == {sentence}
    service.until("failures are watched", lambda: service.skipped("run_failures"))
    assert "DAGSTER_HOME is not set" in service.printed()

    service.forecaster("migrate")
    service.forecaster("client", "add", "acme", "--name", "Acme", "--model", "ma7", "--cron", "0 5 * * *")
    service.deliver("acme", "sales.csv", SALES)
    service.until("the run of acme's file has finished", lambda: service.runs("acme") == ["SUCCESS"])
    service.has_forecasts("acme")
    service.ask('mutation { reloadRepositoryLocation(repositoryLocationName: "forecaster") { __typename } }')
    schedule = {**RETENTION, "acme_pipeline": ("0 5 * * *", "UTC", "RUNNING")}
    assert service.schedules() == schedule
    assert "Traceback" not in service.printed()

    dagster.send_signal(signal.SIGINT)
    assert dagster.wait(PATIENCE_SECONDS) == 0
    before = len(service.printed())
    monkeypatch.setenv("DAGSTER_HOME", str(service.settings.dagster_home))
    dagster = service.start(*by_hand)
    service.until("the same schedule", lambda: service.schedules() == schedule)
    assert "DAGSTER_HOME is not set" not in service.printed()[before:]
    dagster.send_signal(signal.SIGINT)
    assert dagster.wait(PATIENCE_SECONDS) == 0
    service.forecaster("down")
    assert service.leaves_nothing_behind(), service.processes()
