"""Starting, supervising and ending the service, with stand-ins for Dagster's three programs and the API.

Everything else is real: the service, its supervisor, the guard, the processes and the signals. The stand-ins
start at once and behave as the real ones do where it matters: the code server has runs, and when interrupted
waits for them. The real ones are in ``test_up``.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from orchestration.running.processes import living, marked
from orchestration.running.service import (
    HOST,
    Service,
    ServiceError,
    end_leftovers,
    run_service,
    running_service,
    service_log,
    stop_service,
)
from orchestration.settings import RESOURCES, Settings, load_settings
from tests.orchestration.test_sensors import free_port

pytestmark = pytest.mark.starts_first

PATIENCE_SECONDS = 60.0

CODE_SERVER = """
import os, pathlib, signal, socket, subprocess, sys, time

folder = pathlib.Path(os.environ["STAND_IN"])
run = "import pathlib, time\\nwhile not pathlib.Path({!r}).exists(): time.sleep(0.05)"
signal.signal(signal.SIGINT, signal.default_int_handler)
runs = [
    subprocess.Popen([sys.executable, "-c", run.format(str(folder / "finish"))])
    for _ in range(int(os.environ["STAND_IN_RUNS"]))
]
address = sys.argv[sys.argv.index("--socket") + 1]
pathlib.Path(address).unlink(missing_ok=True)
with socket.socket(socket.AF_UNIX) as listening:
    listening.bind(address)
    listening.listen()
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        for run in runs:
            run.wait()
"""

DAEMON = """
import time

try:
    time.sleep(3600)
except KeyboardInterrupt:
    pass
"""

API = """
import signal, socket, sys

signal.signal(signal.SIGINT, signal.default_int_handler)
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listening:
    try:
        while True:
            listening.accept()[0].close()
    except KeyboardInterrupt:
        pass
"""

IN_ITS_PLACE = """
import importlib.util, pathlib, sys

class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "orchestration.api.serving":
            file = pathlib.Path(__file__).with_name("api_serving.py")
            return importlib.util.spec_from_file_location(name, file)

sys.meta_path.insert(0, Finder)
"""

PACKAGES = {
    "api_serving.py": API,
    "sitecustomize.py": IN_ITS_PLACE,
    "dagster/__main__.py": CODE_SERVER,
    "dagster/_daemon/__init__.py": "",
    "dagster/_daemon/__main__.py": DAEMON,
    "dagster/__init__.py": """
import contextlib

__version__ = "0"

class DagsterInstance:
    @classmethod
    @contextlib.contextmanager
    def get(cls):
        yield cls()

    def optimize_for_webserver(self, *limits):
        pass
""",
    "dagster/_core/workspace/load_target.py": "WorkspaceFileTarget = list",
    "dagster/_core/workspace/context.py": """
import contextlib

@contextlib.contextmanager
def WorkspaceProcessContext(instance, target, version):
    yield instance
""",
    "dagster_webserver/__init__.py": "",
    "dagster_webserver/app.py": """
def create_app_from_workspace_process_context(context):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"page"})
    return app
""",
}

UP = """
import os, signal, sys
from orchestration.commands.terminal import out
from orchestration.running import service
from orchestration.settings import load_settings

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests may be run by nohup
service.RUN_PATIENCE_SECONDS = 2.0
paths = os.pathsep.join([os.environ["STAND_IN"], os.environ["PYTHONPATH"]])
ended = service.run_service(
    load_settings(),
    {**os.environ, "PYTHONPATH": paths},
    int(sys.argv[1]),
    int(sys.argv[2]),
    lambda service: out.print("ready", service.url),
    lambda seconds: out.print("stopping", seconds),
)
out.print("ended", ended.was_asked)
sys.exit(ended.status)
"""


@dataclass
class Installation:
    """An installation in a folder of its own, whose Dagster is the stand-in."""

    settings: Settings
    folder: Path
    port: int
    api_port: int
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def file(self) -> Path:
        return self.settings.home / "service.json"

    def start(self, port: int, runs: int = 1) -> subprocess.Popen[str]:
        """Start the service as 'forecaster up' does."""
        process = subprocess.Popen(
            [sys.executable, "-c", UP, str(port), str(self.api_port)],
            env={**os.environ, "STAND_IN_RUNS": str(runs)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.started.append(process)
        return process

    def up(self, runs: int = 1) -> subprocess.Popen[str]:
        """Start the service with so many runs, and wait until its UI answers."""
        process = self.start(self.port, runs)
        said = self.hear(process)
        assert said == f"ready http://{HOST}:{self.port}", said + self.log()
        return process

    def up_that_is_killed(self) -> None:
        """Start the service and kill the command that started it; the service goes on."""
        up = self.up()
        up.kill()
        up.wait()

    def hear(self, process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        return process.stdout.readline().rstrip()

    def log(self) -> str:
        return service_log(self.settings).read_text()

    def service(self) -> Service:
        service = running_service(self.settings)
        assert service is not None
        return service

    def finish_runs(self) -> None:
        (self.folder / "finish").touch()

    def processes(self) -> dict[str, psutil.Process]:
        """What is alive, by the last part of its command that tells it from the others."""
        found = {}
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("FORECASTER_SERVICE") == str(self.file):
                    command = " ".join(process.cmdline())
                    [name] = [name for name in NAMES if name in command]
                    found[NAMES[name]] = process
        return found


NAMES = {
    "running.supervisor": "supervisor",
    "code-server": "code server",
    "running.webserver": "webserver",
    "api.serving": "API",
    "dagster._daemon": "daemon",
    "pathlib": "run",
}
ALL = set(NAMES.values())


def until(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    folder = tmp_path / "stand-in"
    for name, text in PACKAGES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("FORECASTER_HOME", str(home))
    monkeypatch.setenv("PYTHONPATH", str(RESOURCES))
    monkeypatch.setenv("STAND_IN", str(folder))
    with free_port() as port, free_port() as api_port:
        pass  # let go for the service
    installation = Installation(load_settings(), folder, port, api_port)
    yield installation
    for process in installation.processes().values():
        process.kill()
    for up in installation.started:
        up.kill()
        up.wait()
        assert up.stdout is not None
        up.stdout.close()


def deaf(_seconds: float) -> None:
    """Nobody listens."""


TORN = [
    "",
    "{",
    "[]",
    "null",
    '{"pid": null, "port": 1, "api_port": 2}',
    '{"pid": 0, "port": 1, "api_port": 2}',
    '{"pid": 12',
    "\0" * 40,
]


@pytest.mark.parametrize("content", [*TORN, '{"pid": THIS, "port": 3000, "api_port": 8000}'], ids=repr)
def test_a_file_left_behind_is_not_taken_for_a_running_service(
    content: str, installation: Installation
) -> None:
    assert running_service(installation.settings) is None
    installation.file.write_text(content.replace("THIS", str(os.getpid())))
    assert running_service(installation.settings) is None
    assert stop_service(installation.settings, 0.0, deaf) is None
    end_leftovers(installation.settings)


def test_a_stranger_with_an_id_used_again_is_left_alone(installation: Installation) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True
    ) as stranger:
        record = json.dumps({"pid": stranger.pid, "port": 3000, "api_port": 8000})
        installation.file.write_text(record)
        end_leftovers(installation.settings)
        assert stop_service(installation.settings, 0.0, deaf) is None
        installation.file.write_text(record)
        with installation.file.open("r+") as held:
            # The lock is one of the service's, whose other processes have ended.
            fcntl.flock(held, fcntl.LOCK_EX)
            stop_service(installation.settings, 0.0, deaf)
        assert stranger.poll() is None
        stranger.communicate(b"\n")
        assert stranger.returncode == 0


def test_a_port_in_use_is_answered_with_the_option_that_changes_it(installation: Installation) -> None:
    with socket.create_server((HOST, 0)) as taken, pytest.raises(ServiceError, match="--port"):
        run_service(
            installation.settings, {}, taken.getsockname()[1], installation.api_port, lambda _: None, deaf
        )
    with socket.create_server((HOST, 0)) as taken, pytest.raises(ServiceError, match="--api-port"):
        run_service(
            installation.settings, {}, installation.port, taken.getsockname()[1], lambda _: None, deaf
        )


def test_a_running_service_is_known_and_refused_a_second_time(installation: Installation) -> None:
    installation.up()
    service = installation.service()
    assert service == Service(
        installation.processes()["supervisor"].pid, installation.port, installation.api_port
    )
    assert set(installation.processes()) == ALL
    assert len(living(service.pid, installation.file)) == len(ALL)
    with pytest.raises(ServiceError, match=f"running at {service.url}.*forecaster down"):
        run_service(installation.settings, {}, installation.port, installation.api_port, lambda _: None, deaf)


def test_ctrl_c_waits_for_the_runs_however_long_they_take(installation: Installation) -> None:
    up = installation.up()
    up.send_signal(signal.SIGINT)
    assert installation.hear(up) == "stopping inf"
    until(lambda: set(installation.processes()) == {"supervisor", "code server", "run"})
    assert installation.service().port == installation.port
    installation.finish_runs()
    assert installation.hear(up) == "ended True"
    assert up.wait(PATIENCE_SECONDS) == 0
    assert installation.processes() == {}
    assert running_service(installation.settings) is None


def test_a_second_ctrl_c_ends_the_runs(installation: Installation) -> None:
    up = installation.up(runs=3)
    up.send_signal(signal.SIGINT)
    assert installation.hear(up) == "stopping inf"
    until(lambda: "daemon" not in installation.processes())
    time.sleep(1.1)  # a signal that follows at once is the same Ctrl-C
    assert "run" in installation.processes()
    up.send_signal(signal.SIGINT)
    assert installation.hear(up) == "ended True"
    assert up.wait(PATIENCE_SECONDS) == 0
    assert installation.processes() == {}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=["SIGTERM", "SIGHUP"])
def test_a_service_manager_or_a_closed_terminal_waits_for_a_time_only(
    number: int, installation: Installation
) -> None:
    up = installation.up()
    up.send_signal(number)
    up.send_signal(signal.SIGHUP)
    assert installation.hear(up) == "stopping 2.0"
    assert installation.hear(up) == "ended True"
    assert up.wait(PATIENCE_SECONDS) == 0
    assert installation.processes() == {}


def test_nobody_who_listens_is_no_reason_to_stop_half_way(installation: Installation) -> None:
    up = installation.up()
    assert up.stdout is not None
    up.stdout.close()  # as 'up | tee' when Ctrl-C ends 'tee' first
    up.send_signal(signal.SIGTERM)
    up.wait(PATIENCE_SECONDS)
    assert installation.processes() == {}
    assert running_service(installation.settings) is None


def test_another_process_stops_it_and_runs_end_in_peace_if_they_are_quick(installation: Installation) -> None:
    up = installation.up()
    service = installation.service()
    told: list[float] = []

    def listen(seconds: float) -> None:
        told.append(seconds)
        installation.finish_runs()

    assert stop_service(installation.settings, 60.0, listen) == service
    assert told == [60.0]
    assert installation.hear(up) == "ended False"
    assert up.wait(PATIENCE_SECONDS) == 0
    assert installation.processes() == {}


def test_another_process_ends_runs_that_it_does_not_wait_for(installation: Installation) -> None:
    installation.up()
    assert stop_service(installation.settings, 0.0, deaf) is not None
    assert installation.processes() == {}
    assert stop_service(installation.settings, 0.0, deaf) is None


def test_a_service_outlives_a_killed_command_and_is_stopped_all_the_same(installation: Installation) -> None:
    installation.up_that_is_killed()
    assert set(installation.processes()) == ALL
    service = installation.service()
    installation.finish_runs()
    assert stop_service(installation.settings, 60.0, deaf) == service
    assert installation.processes() == {}


def test_a_service_without_its_supervisor_is_known_and_ended(installation: Installation) -> None:
    installation.up_that_is_killed()
    service = installation.service()
    installation.processes()["supervisor"].kill()
    until(lambda: "supervisor" not in installation.processes())
    assert installation.service() == service
    assert stop_service(installation.settings, 60.0, deaf) == service
    assert installation.processes() == {}


def test_runs_that_a_killed_service_left_behind_are_ended(installation: Installation) -> None:
    installation.up_that_is_killed()
    everything = installation.processes()
    for name in ALL - {"run"}:
        everything[name].kill()
    until(lambda: set(installation.processes()) == {"run"})
    until(lambda: running_service(installation.settings) is None)  # a dying process lets go of its files last
    end_leftovers(installation.settings)
    assert installation.processes() == {}


@pytest.mark.parametrize("content", TORN, ids=repr)
def test_a_running_service_is_known_and_stopped_without_its_file(
    content: str, installation: Installation
) -> None:
    installation.up()
    service = installation.service()
    installation.file.write_text(content)
    assert installation.service() == service
    assert stop_service(installation.settings, 0.0, deaf) == service
    assert installation.processes() == {}


HOLDING = """
import fcntl, pathlib, sys, time

with open(sys.argv[1], "a") as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    print("holds it", flush=True)
    time.sleep(3600)
"""


@pytest.mark.parametrize("is_recorded", [True, False])
def test_a_service_of_a_version_without_an_api_is_known_and_stopped(
    installation: Installation, is_recorded: bool
) -> None:
    """Its record has no second port, and neither has its supervisor's command line."""
    older = subprocess.Popen(
        [
            sys.executable,
            "-c",
            HOLDING,
            str(installation.file),
            "orchestration.running.supervisor",
            "3000",
            "5",
        ],
        env=marked(dict(os.environ), installation.file),
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        assert older.stdout is not None
        assert older.stdout.readline()
        if is_recorded:
            installation.file.write_text(json.dumps({"pid": older.pid, "port": 3000}))
        service = installation.service()
        assert service == Service(older.pid, 3000, None)
        assert service.api_url is None
        assert stop_service(installation.settings, 0.0, deaf) == service
    finally:
        older.kill()
        older.communicate()
    assert running_service(installation.settings) is None


def test_the_ui_that_ends_by_itself_ends_the_service_with_an_error(installation: Installation) -> None:
    up = installation.up()
    installation.finish_runs()
    installation.processes()["webserver"].kill()
    assert installation.hear(up) == "ended False"
    assert up.wait(PATIENCE_SECONDS) == 1
    assert installation.processes() == {}


def test_a_code_server_that_ends_by_itself_is_started_again(installation: Installation) -> None:
    installation.up(runs=0)
    killed = installation.processes()["code server"]
    killed.kill()
    until(lambda: installation.processes().get("code server", killed) != killed)
    assert "The code server ended with -9; it is started again." in installation.log()
    assert stop_service(installation.settings, 60.0, deaf) is not None
    assert installation.processes() == {}


def test_an_api_that_ends_by_itself_is_started_again_and_ends_nobody_else(installation: Installation) -> None:
    installation.up(runs=0)
    before = installation.processes()
    before["API"].kill()
    until(lambda: installation.processes().get("API", before["API"]) != before["API"])
    assert "The API ended with -9; it is started again." in installation.log()
    assert {**installation.processes(), "API": None} == {**before, "API": None}
    assert stop_service(installation.settings, 60.0, deaf) is not None
    assert installation.processes() == {}


def test_of_two_that_start_at_once_one_is_refused(installation: Installation) -> None:
    with free_port() as other:
        pass  # let go for the service
    both = [installation.start(installation.port), installation.start(other)]
    said = [installation.hear(up) for up in both]
    assert sorted(text.split()[0] for text in said) == ["Traceback", "ready"]
    [refused] = [up for up, text in zip(both, said, strict=True) if text.startswith("Traceback")]
    assert "ServiceError" in refused.communicate()[0]
    assert set(installation.processes()) == ALL


def test_something_else_that_holds_the_file_is_said(installation: Installation) -> None:
    with installation.file.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(ServiceError, match="not a UI of this program"):
            running_service(installation.settings)
