"""The running service: ``dagster dev`` (UI, daemon, sensors, schedules) as a child of ``forecaster up``.

Belongs here: starting it, stopping it, knowing whether it runs, asking it to reload the definitions. Does
not belong here: the database server (``warehouse.server``) and the instance's configuration (``instance``).
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
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType

from orchestration.errors import UserError
from orchestration.settings import RESOURCES, WORKPLACE, Settings

HOST = "127.0.0.1"
CODE_LOCATION = "forecaster"

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_STOP_SECONDS = 45.0


class ServiceError(UserError):
    """The service cannot be started or stopped; the message says what to do."""


@dataclass(frozen=True)
class Service:
    """A running service: the process group of ``dagster dev`` and the port of its UI."""

    pid: int
    port: int

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"


def running_service(settings: Settings) -> Service | None:
    """The installation's service, None where none runs.

    The service holds a lock on its file for as long as it lives, so a file left behind by a killed one, or
    a process id used again by a stranger, is not taken for it.
    """
    path = _service_file(settings)
    if not path.exists():
        return None
    with path.open("r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return Service(**json.loads(path.read_text()))
    return None


def run_service(
    settings: Settings, environment: dict[str, str], port: int, on_ready: Callable[[Service], None]
) -> int:
    """Start the service and stay until it ends or this process is told to stop; returns its exit status.

    Ctrl-C and SIGTERM stop it cleanly. It runs in a session of its own, so that the terminal's Ctrl-C
    reaches it once, through this process.

    Raises:
        ServiceError: it runs already, or the port is taken.
    """
    if service := running_service(settings):
        raise ServiceError(f"The UI is running at {service.url}; stop it with 'forecaster down'.")
    if _answers(port):
        raise ServiceError(f"Port {port} is in use by another program; choose one with --port.")
    path = _service_file(settings)
    service_log(settings).parent.mkdir(parents=True, exist_ok=True)
    stopping = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    # Handlers first: a child inherits signals that are ignored, and 'dagster dev' would then be deaf.
    before = {number: signal.signal(number, stop) for number in _STOP_SIGNALS}
    try:
        with path.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            with service_log(settings).open("ab") as log:
                process = subprocess.Popen(
                    [
                        *(sys.executable, "-m", "dagster", "dev"),
                        *("-w", str(RESOURCES / "workspace.yaml"), "-h", HOST, "-p", str(port)),
                    ],
                    cwd=WORKPLACE,
                    env=environment,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    pass_fds=(file.fileno(),),
                )
            service = Service(process.pid, port)
            file.write(json.dumps(asdict(service)))
            file.flush()
        announced = False
        while process.poll() is None and not stopping:
            time.sleep(0.2)
            if not announced and _answers(port):
                announced = True
                on_ready(service)
        _end(process.pid, lambda: process.poll() is not None)
        path.unlink(missing_ok=True)
        return 0 if stopping else int(process.returncode)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def stop_service(settings: Settings) -> Service | None:
    """Stop the installation's service; returns what was stopped, None where none ran.

    Raises:
        ServiceError: it belongs to another user.
    """
    service = running_service(settings)
    if service is None:
        return None
    try:
        _end(service.pid, lambda: running_service(settings) is None)
    except PermissionError as error:
        raise ServiceError(f"The UI (process {service.pid}) was started by another user.") from error
    return service


def reload_definitions(service: Service) -> str:
    """Have the UI load the definitions again, to give new clients schedules; says what came of it."""
    from dagster_graphql import (
        DagsterGraphQLClient,
        DagsterGraphQLClientError,
        ReloadRepositoryLocationStatus,
    )

    try:
        answer = DagsterGraphQLClient(HOST, port_number=service.port, timeout=60).reload_repository_location(
            CODE_LOCATION
        )
    except DagsterGraphQLClientError:
        return f"The UI at {service.url} did not answer; reload the code location there."
    if answer.status == ReloadRepositoryLocationStatus.SUCCESS:
        return f"The UI at {service.url} has reloaded; schedules follow the registry."
    return f"The UI at {service.url} could not reload the definitions: {answer.message}"


def service_log(settings: Settings) -> Path:
    """Where the service's processes print; every event of every run is among it."""
    return settings.home / "logs" / "service.log"


def _service_file(settings: Settings) -> Path:
    return settings.home / "service.json"


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((HOST, port)) == 0


def _end(pid: int, has_ended: Callable[[], bool]) -> None:
    """Interrupt the service as Ctrl-C would; what has not ended after that is killed with its children."""
    for number, patience in ((signal.SIGINT, _STOP_SECONDS), (signal.SIGKILL, 5.0)):
        if has_ended():
            return
        if number == signal.SIGINT:
            os.kill(pid, number)
        else:
            os.killpg(pid, number)
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline and not has_ended():
            time.sleep(0.2)
