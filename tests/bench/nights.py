"""A night: every client has a new day and a schedule at the same minute, and the service works them off.

Belongs here: an installation of its own with its service, what its processes and the server cost from the
minute of the schedules to the end of the last run, and how long each run waited. Does not belong here: a
single client (``small_clients``).
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import psutil

from orchestration.clients import CLIENT_TAG, update_client
from orchestration.running.instance import open_instance
from orchestration.running.service import Service, reload_definitions, running_service
from orchestration.settings import Settings
from tests.bench.processor_time import server_of, time_of
from tests.bench.small_installations import ROOT, deliveries, installation, small_client
from tests.conftest import deliver
from tests.orchestration.test_sensors import free_port

_LEAD = timedelta(seconds=75)
"""From the change of the schedules to their minute, at most a minute more."""

_IDLE_SECONDS = 20.0
_START_SECONDS = 180.0
_SECONDS_A_CLIENT = 60.0
_POLL_SECONDS = 2.0


@dataclass(frozen=True)
class Run:
    """A run that a schedule asked for.

    Attributes:
        client_id: whose.
        has_succeeded: whether it came to a good end.
        began: seconds from the minute of the schedules to its begin.
        ended: the same to its end.
    """

    client_id: str
    has_succeeded: bool
    began: float
    ended: float


@dataclass(frozen=True)
class Cost:
    """Seconds of the processors: of the service's processes, runs among them, and of PostgreSQL."""

    service: float
    server: float

    @property
    def processor(self) -> float:
        return self.service + self.server

    def __sub__(self, other: Cost) -> Cost:
        return Cost(self.service - other.service, self.server - other.server)


@dataclass(frozen=True)
class Night:
    """What came of a night.

    Attributes:
        runs: one of each client.
        cost: from the minute of the schedules to the end of the last run.
        idle_a_minute: seconds of the processors a minute while there was nothing to do.
        first_loads: what the first runs of all clients cost, which load their history.
    """

    runs: Sequence[Run]
    cost: Cost
    idle_a_minute: float
    first_loads: Cost

    @property
    def at_once(self) -> int:
        """The most runs that were in progress at one moment."""
        return max(sum(other.began <= run.began < other.ended for other in self.runs) for run in self.runs)


def measure(clients: int, items: int, report: Callable[[str], None]) -> Night:
    """Give every client a history, then a day and a schedule, and wait for the last run.

    Args:
        clients: registered.
        items: of each, in two locations.
        report: told what is going on.

    Raises:
        TimeoutError: the service does not start, or does not come to an end with its runs.
    """
    with installation() as (settings, warehouse):
        delivered = deliveries(items, days=1)
        report("registering clients")
        names = [small_client(warehouse, number) for number in range(clients)]
        for name in names:
            deliver(settings, name, delivered.history)
        with _service(settings) as (service, process), open_instance(settings, warehouse) as instance:
            server = server_of(settings.home)

            def spent() -> Cost:
                return Cost(time_of(process), time_of(server))

            report("the first runs, which load each client's history")
            started = spent()
            _wait_for(lambda: len(_ended(instance)) == clients, clients * _SECONDS_A_CLIENT)
            first_loads = spent() - started
            report("a while with nothing to do")
            _stop_sensor(service, "new_files")
            started = spent()
            time.sleep(_IDLE_SECONDS)
            idle = (spent() - started).processor * 60 / _IDLE_SECONDS
            minute = (datetime.now(UTC) + _LEAD + timedelta(minutes=1)).replace(second=0, microsecond=0)
            for name in names:
                deliver(settings, name, delivered.days[0], "_later")
                update_client(warehouse, name, cron=f"{minute.minute} {minute.hour} * * *")
            report(reload_definitions(service))
            time.sleep(max(0.0, (minute - datetime.now(UTC)).total_seconds()))
            report("the night")
            started = spent()
            _wait_for(lambda: len(_ended(instance, minute)) == clients, clients * _SECONDS_A_CLIENT)
            cost = spent() - started
            runs = [_run(record, minute) for record in _ended(instance, minute)]
            return Night(runs, cost, idle, first_loads)


def _ended(instance: dg.DagsterInstance, since: datetime | None = None) -> Sequence[dg.RunRecord]:
    """The runs that have ended, of those that were asked for since a moment."""
    ended = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
    return instance.get_run_records(dg.RunsFilter(statuses=ended, created_after=since))


def _run(record: dg.RunRecord, minute: datetime) -> Run:
    assert record.start_time is not None
    assert record.end_time is not None
    return Run(
        client_id=record.dagster_run.tags[CLIENT_TAG],
        has_succeeded=record.dagster_run.is_success,
        began=record.start_time - minute.timestamp(),
        ended=record.end_time - minute.timestamp(),
    )


@contextmanager
def _service(settings: Settings) -> Iterator[tuple[Service, psutil.Process]]:
    """The service of an installation, and its first process."""
    with free_port() as port, free_port() as api_port:
        pass  # let go for the service
    command = ("-m", "orchestration.cli", "up", "--port", str(port), "--api-port", str(api_port))
    with (settings.home / "up.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, *command], cwd=ROOT, stdout=log, stderr=log)
    try:
        _wait_for(lambda: b"The UI is at" in (settings.home / "up.log").read_bytes(), _START_SECONDS)
        service = running_service(settings)
        assert service is not None
        yield service, psutil.Process(process.pid)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


def _stop_sensor(service: Service, name: str) -> None:
    """Have a sensor ask for nothing any more, as a person does in the UI."""
    place = 'repositoryName: "__repository__", repositoryLocationName: "forecaster"'
    found = f'sensorOrError(sensorSelector: {{{place}, sensorName: "{name}"}}) {{ ... on Sensor {{ id }} }}'
    sensor = _ask(service, f"{{ {found} }}")
    _ask(service, f'mutation {{ stopSensor(id: "{sensor["id"]}") {{ __typename }} }}')


def _ask(service: Service, query: str) -> Any:
    request = urllib.request.Request(
        f"{service.url}/graphql",
        data=json.dumps({"query": query}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        [answer] = json.load(response)["data"].values()
    return answer


def _wait_for(happened: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:.0f} seconds in vain")
        time.sleep(_POLL_SECONDS)
