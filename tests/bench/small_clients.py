"""What a small client costs beside its own work: commands, loading the definitions, a run.

Belongs here: an installation of its own with many registered clients, two of them with files, and the
processor time of each command's processes and of the server. Does not belong here: large clients
(``stages``).
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

from forecasting_lib.demo import RetailerConfig, generate_retailer
from orchestration.clients import add_client, validated
from orchestration.settings import load_settings
from orchestration.stages.dbt import build_views
from orchestration.warehouse.embedded import throw_away_folder
from orchestration.warehouse.migrate import migrate
from orchestration.warehouse.server import locate_warehouse
from tests.bench.processor_time import Cost, cost_of, server_of
from tests.conftest import deliver

ROOT = Path(__file__).parents[2]

_IMPORT = "import orchestration.definitions"
_LOAD = "from orchestration.definitions import defs; defs().get_repository_def()"


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
    """
    with throw_away_folder() as home:
        os.environ.update(
            {
                "FORECASTER_HOME": str(home),
                "FORECASTER_LANDING_DIR": str(home / "landing"),
                "FORECASTER_LANDING_QUIET_SECONDS": "0",
                "DAGSTER_HOME": str(home / "dagster"),
                "PYTHONPATH": str(ROOT),
            }
        )
        for name in ("DATABASE_URL", "DAGSTER_DATABASE_URL"):
            os.environ.pop(name, None)
        settings = load_settings()
        warehouse = locate_warehouse(settings)
        report("making tables")
        migrate(warehouse, lambda: build_views(warehouse))
        files = generate_retailer(
            RetailerConfig(end_date=date(2026, 6, 30), days=400, n_items=items, n_locations=2)
        ).deliveries()
        report("registering clients")
        for number in range(clients):
            client = validated(
                client_id=f"client_{number}",
                name=f"Client {number}",
                country="IE",
                models=["ma7", "seasonal_naive"],
                cron="0 5 * * *",
            )
            add_client(warehouse, client)
            if number < 2:
                deliver(settings, client.client_id, files)
        cli = ("-m", "orchestration.cli")
        first, second = ("--client", "client_0"), ("--client", "client_1")
        report("measuring")
        _spent("", home, "-c", _LOAD)  # dbt parses, once per version
        _spent("", home, *cli, "run", *first, *second)
        return [
            _spent("forecaster --help", home, *cli, "--help"),
            _spent("forecaster client list", home, *cli, "client", "list"),
            _spent("forecaster status", home, *cli, "status"),
            _spent("import of the definitions", home, "-c", _IMPORT),
            _spent(f"the same with the schedules of {clients} clients", home, "-c", _LOAD),
            _spent("forecaster run, one client", home, *cli, "run", *first),
            _spent("forecaster run, two clients", home, *cli, "run", *first, *second),
        ]


def _spent(what: str, home: Path, *arguments: str) -> Command:
    command = [sys.executable, *arguments]
    run = partial(subprocess.run, command, cwd=ROOT, capture_output=True, check=True)
    return Command(what, cost_of(server_of(home), run))
