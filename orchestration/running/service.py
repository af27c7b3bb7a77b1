"""The running service (UI, daemon, sensors, schedules): a session of processes that ``forecaster up`` starts.

Belongs here: starting it, stopping it, knowing whether it runs, asking it to reload the definitions. Does
not belong here: which processes it consists of (``supervisor``, ``processes``), the database server
(``warehouse.server``) and the instance's configuration (``instance``).
"""

from __future__ import annotations

import fcntl
import json
import math
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import IO, TypeVar

import psutil

from orchestration.errors import UserError
from orchestration.running.processes import find_command, has_mark, kill, marked
from orchestration.running.supervisor import CODE_LOCATION
from orchestration.settings import WORKPLACE, Settings

HOST = "127.0.0.1"

RUN_PATIENCE_SECONDS = 60.0
"""How long runs are waited for where nobody at a terminal decides; service managers kill after 90."""

_SUPERVISOR = "orchestration.running.supervisor"
_POLL_SECONDS = 0.2
_SAME_REQUEST_SECONDS = 1.0
_LOOK_SECONDS = 1.0
_RECORD_SECONDS = 5.0

_Told = TypeVar("_Told")


class ServiceError(UserError):
    """The service cannot be started or stopped; the message says what to do."""


@dataclass(frozen=True)
class Service:
    """A running service.

    Attributes:
        pid: its supervisor, which leads the session of all its processes.
        port: of the UI.
        api_port: of the API; None of a service that an earlier version started, which had none.
    """

    pid: int
    port: int
    api_port: int | None

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def api_url(self) -> str | None:
        return None if self.api_port is None else f"http://{HOST}:{self.api_port}"


@dataclass(frozen=True)
class Ended:
    """How a service ended: the exit status of the command, and whether this process was told to stop it."""

    status: int
    was_asked: bool


def running_service(settings: Settings) -> Service | None:
    """The installation's service, None where none runs.

    The service holds a lock on its file for as long as it lives, so a file left behind by a killed one, or
    a process id used again by a stranger, is not taken for it. Where the file is damaged, the supervisor's
    command line says what it said.

    Raises:
        ServiceError: something holds the lock, and nothing tells what.
    """
    path = _service_file(settings)
    deadline = time.monotonic() + _RECORD_SECONDS
    while path.exists():
        with path.open("r+") as file:
            if _is_locked(file, fcntl.LOCK_SH):
                return None
        if service := _recorded(path) or _supervised(path):
            return service
        if time.monotonic() > deadline:
            raise ServiceError(f"A process holds {path} and is not a UI of this program; end it first.")
        time.sleep(_POLL_SECONDS)
    return None


def run_service(
    settings: Settings,
    environment: dict[str, str],
    port: int,
    api_port: int,
    on_ready: Callable[[Service], None],
    on_stop: Callable[[float], None],
) -> Ended:
    """Start the service and stay until it ends or this process is told to stop.

    Ctrl-C waits for the runs, SIGTERM and SIGHUP wait for a minute at most; a second signal ends the wait.
    What is left is killed. The service has a session of its own, so that the terminal's Ctrl-C reaches it
    through this process only.

    Args:
        settings: the installation.
        environment: of the service's processes.
        port: of the UI, on the loopback.
        api_port: of the API, on the loopback.
        on_ready: told once the UI and the API answer.
        on_stop: told once the service is asked to stop, with the seconds its runs are waited for at most.

    Raises:
        ServiceError: it runs already, the port is taken, or a process of it cannot be ended.
    """
    if service := running_service(settings):
        raise ServiceError(f"The UI is running at {service.url}; stop it with 'forecaster down'.")
    if _answers(port):
        raise ServiceError(f"Port {port} is in use by another program; choose one with --port.")
    if api_port == port or _answers(api_port):
        raise ServiceError(f"Port {api_port} is in use already; choose one for the API with --api-port.")
    asked: list[tuple[float, int]] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        asked.append((time.monotonic(), number))

    # Handlers first: a child inherits signals that are ignored, and the service would then be deaf. Who
    # starts this with 'nohup' ignores the end of the terminal on purpose.
    is_nohup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    heard = [signal.SIGINT, signal.SIGTERM, *([] if is_nohup else [signal.SIGHUP])]
    before = {number: signal.signal(number, stop) for number in heard}
    try:
        process = _start(settings, environment, port, api_port)
        service = Service(process.pid, port, api_port)
        is_ready = is_stopping = False
        deadline = math.inf
        while process.poll() is None and time.monotonic() < deadline and not _is_insistent(asked):
            time.sleep(_POLL_SECONDS)
            if asked and not is_stopping:
                is_stopping = True
                process.terminate()
                patience = math.inf if asked[0][1] == signal.SIGINT else RUN_PATIENCE_SECONDS
                deadline = asked[0][0] + patience
                _tell(on_stop, patience)
            elif not is_ready and _answers(port) and _answers(api_port):
                is_ready = True
                _tell(on_ready, service)
        _kill(settings, service)
        return Ended(0 if asked else process.wait(), bool(asked))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def stop_service(settings: Settings, patience: float, on_stop: Callable[[float], None]) -> Service | None:
    """Stop the installation's service; returns what was stopped, None where none ran.

    Args:
        settings: the installation.
        patience: seconds its runs are waited for; what is left then is killed.
        on_stop: told once the service is asked to stop, with the seconds its runs are waited for at most.

    Raises:
        ServiceError: it belongs to another user, or a process of it cannot be ended.
    """
    service = running_service(settings)
    if service is None:
        end_leftovers(settings)
        return None
    try:
        # Without its supervisor nobody is left who would end the others in their order.
        is_orderly = has_mark(psutil.Process(service.pid), _service_file(settings))
        if is_orderly:
            psutil.Process(service.pid).terminate()
    except psutil.NoSuchProcess:
        is_orderly = False
    except psutil.AccessDenied as error:
        raise ServiceError(f"The UI (process {service.pid}) was started by another user.") from error
    deadline = time.monotonic() + (patience if is_orderly else 0.0)
    _tell(on_stop, patience)
    while running_service(settings) is not None and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    _kill(settings, service)
    return service


def end_leftovers(settings: Settings) -> None:
    """End what a killed service has left behind: runs whose supervisor is gone.

    Raises:
        ServiceError: a process cannot be ended.
    """
    if running_service(settings) is None and (service := _recorded(_service_file(settings))):
        _kill(settings, service)


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
    return settings.home.resolve() / "service.json"


def _start(
    settings: Settings, environment: dict[str, str], port: int, api_port: int
) -> subprocess.Popen[bytes]:
    """Start the supervisor with the lock on the service's file, and record it there."""
    path = _service_file(settings)
    service_log(settings).parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file, service_log(settings).open("ab") as log:
        if not _is_locked(file, fcntl.LOCK_EX):
            raise ServiceError("Another 'forecaster up' is starting; it was first.")
        file.truncate(0)
        process = subprocess.Popen(
            [sys.executable, "-m", _SUPERVISOR, str(port), str(file.fileno()), str(api_port)],
            cwd=WORKPLACE,
            env=marked(environment, path),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=(file.fileno(),),
        )
        try:
            file.write(json.dumps(asdict(Service(process.pid, port, api_port))))
            file.flush()
            os.fsync(file.fileno())
        except OSError as error:
            process.kill()
            process.wait()
            raise ServiceError(f"{path} cannot be written: {error.strerror}.") from error
    return process


def _is_locked(file: IO[str], kind: int) -> bool:
    """Whether the lock was taken; those who only look have it for a moment, which is waited for."""
    deadline = time.monotonic() + _LOOK_SECONDS
    while True:
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if kind == fcntl.LOCK_SH or time.monotonic() > deadline:
                return False
            time.sleep(_POLL_SECONDS)
        else:
            return True


def _recorded(path: Path) -> Service | None:
    """What the service's file says; None where it says nothing, as after a full disk or a power cut."""
    try:
        entry = json.loads(path.read_text())
        api_port = int(entry["api_port"]) if "api_port" in entry else None
        service = Service(int(entry["pid"]), int(entry["port"]), api_port)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return service if service.pid > 1 else None


def _supervised(path: Path) -> Service | None:
    """The service of that file as its supervisor's command line tells it."""
    with suppress(psutil.Error, ValueError):
        if process := find_command(_SUPERVISOR, path):
            command = process.cmdline()
            port, _lock, *api_port = map(int, command[command.index(_SUPERVISOR) + 1 :])
            return Service(process.pid, port, api_port[0] if api_port else None)
    return None


def _kill(settings: Settings, service: Service) -> None:
    """Kill what is left of a service, and empty its file."""
    path = _service_file(settings)
    if left := kill(service.pid, path):
        raise ServiceError(f"Process {left[0].pid} of the UI does not end; end it by hand.")
    deadline = time.monotonic() + _RECORD_SECONDS
    with path.open("a") as file:
        # a process gives up its memory, by which it is found, before its files
        while not _is_locked(file, fcntl.LOCK_SH):
            if time.monotonic() > deadline:
                return
            time.sleep(_POLL_SECONDS)
        file.truncate(0)


def _is_insistent(asked: list[tuple[float, int]]) -> bool:
    """Whether somebody has asked a second time; a terminal that closes sends several signals at once."""
    return len(asked) > 1 and asked[-1][0] - asked[0][0] > _SAME_REQUEST_SECONDS


def _tell(listener: Callable[[_Told], None], what: _Told) -> None:
    """Tell somebody who may have gone: a closed terminal or pipe must not keep the service from its end."""
    with suppress(OSError, SystemExit):  # rich leaves the program where a pipe is broken
        listener(what)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((HOST, port)) == 0
