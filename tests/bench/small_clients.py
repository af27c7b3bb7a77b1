"""What a small client costs beside its own work: commands, loading the definitions, a run.

Belongs here: an installation with many registered clients, two of them with files, and the processor time of
each command's processes and of the server. Does not belong here: large clients (``stages``), a night of all
of them (``nights``).
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.bench.processor_time import Cost, cost_of, server_of
from tests.bench.small_installations import ROOT, deliveries, installation, small_client
from tests.conftest import deliver

_IMPORT = "import orchestration.definitions"
_LOAD = "from orchestration.definitions import defs; defs().get_repository_def()"

_CLI = ("-m", "orchestration.cli")


@dataclass(frozen=True)
class Command:
    """A command and what it cost.

    Attributes:
        what: was called.
        cost: of its processes, and of PostgreSQL meanwhile.
    """

    what: str
    cost: Cost


def measure(clients: int, items: int, report: Callable[[str], None]) -> list[Command]:
    """Register clients, two of them with files, and call the command line.

    Args:
        clients: registered.
        items: of each of the two, in two locations.
        report: told what is going on.

    Returns:
        What each command cost; the last three are runs of one client without anything new, of one with a new
        day, and of two with a new day.
    """
    with installation() as (settings, warehouse):
        delivered = deliveries(items, days=2)
        names = []
        for number in range(clients):
            if number % 20 == 0:
                report(f"registering clients, {number} of {clients}")
            names.append(small_client(warehouse, number, cron="0 5 * * *"))
        measured = partial(_spent, settings.home)
        both = [part for name in names[:2] for part in ("--client", name)]

        def day_comes(number: int, *names: str) -> None:
            for name in names:
                deliver(settings, name, delivered.days[number], f"_{number}")

        report("the first runs")
        for name in names[:2]:
            deliver(settings, name, delivered.history)
        measured("", *_CLI, "run", *both)
        report("measuring")
        found = [
            measured("forecaster --help", *_CLI, "--help"),
            measured("forecaster client list", *_CLI, "client", "list"),
            measured("forecaster status", *_CLI, "status"),
            measured("import of the definitions", "-c", _IMPORT),
            measured(f"the same with the schedules of {clients} clients", "-c", _LOAD),
            measured("forecaster run, one client, nothing new", *_CLI, "run", *both[:2]),
        ]
        day_comes(0, names[0])
        found.append(measured("forecaster run, one client, a new day", *_CLI, "run", *both[:2]))
        day_comes(1, names[0])
        day_comes(0, names[1])
        found.append(measured("forecaster run, two clients, a new day", *_CLI, "run", *both))
        return found


def _spent(home: Path, what: str, *arguments: str) -> Command:
    command = [sys.executable, *arguments]
    run = partial(subprocess.run, command, cwd=ROOT, capture_output=True, check=True)
    return Command(what, cost_of(server_of(home), run))
