"""An installation that a bench makes and throws away: its folder, its warehouse, its server.

Belongs here: making it, and landing files in it. Does not belong here: what is measured.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from orchestration.clients import Client
from orchestration.settings import load_settings
from orchestration.stages.dbt import build_views
from orchestration.stages.ingestion import ingest_files
from orchestration.warehouse.embedded import start_embedded, throw_away_folder
from orchestration.warehouse.migrate import migrate
from orchestration.warehouse.server import Warehouse, locate_warehouse
from tests.bench.processor_time import server_of


@dataclass(frozen=True)
class Installation:
    """A folder, a warehouse with its tables on a server of its own, and that server's process."""

    home: Path
    warehouse: Warehouse
    server: psutil.Process


@contextmanager
def thrown_away(report: Callable[[str], None]) -> Iterator[Installation]:
    """An installation until the end of the block.

    Args:
        report: told what is going on.
    """
    with throw_away_folder() as home:
        os.environ.update({"DATABASE_URL": start_embedded(home / "postgres"), "FORECASTER_HOME": str(home)})
        warehouse = locate_warehouse(load_settings())
        report("making tables")
        migrate(warehouse, lambda: build_views(warehouse))
        yield Installation(home, warehouse, server_of(home))


def land(warehouse: Warehouse, client: Client, files: Sequence[Path]) -> None:
    """Load a client's files.

    Raises:
        RuntimeError: one of them was not loaded.
    """
    for outcome in ingest_files(warehouse, client, files):
        if outcome.status != "loaded":
            raise RuntimeError(f"{outcome.path} was not loaded: {outcome.message}")
