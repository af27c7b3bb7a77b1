"""An installation of its own with small clients, for benches that measure whole commands.

Belongs here: its folder, its server, its clients and their files. Does not belong here: what is measured.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from forecasting_lib.demo import RetailerConfig, generate_retailer, hold_back_retailer
from orchestration.clients import add_client, validated
from orchestration.settings import Settings, load_settings
from orchestration.stages.dbt import build_views
from orchestration.warehouse.embedded import throw_away_folder
from orchestration.warehouse.migrate import migrate
from orchestration.warehouse.server import Warehouse, locate_warehouse

ROOT = Path(__file__).parents[2]

_LAST_DAY = date(2026, 6, 30)
_DAYS = 400

Frames = Mapping[str, pl.DataFrame]


@dataclass(frozen=True)
class Deliveries:
    """What a small client delivers: its history, and the days after it, one at a time."""

    history: Frames
    days: Sequence[Frames]


@contextmanager
def installation() -> Iterator[tuple[Settings, Warehouse]]:
    """A migrated one in a folder that goes with this process; the environment is its until then."""
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
        migrate(warehouse, lambda: build_views(warehouse))
        yield settings, warehouse


def small_client(warehouse: Warehouse, number: int, cron: str | None = None) -> str:
    """Register a client without a model that needs weights; returns its slug."""
    client_id = f"client_{number}"
    client = validated(
        client_id=client_id,
        name=f"Client {number}",
        country="IE",
        models=["ma7", "seasonal_naive"],
        cron=cron,
    )
    add_client(warehouse, client)
    return client_id


def deliveries(items: int, days: int) -> Deliveries:
    """Of a generated retailer with two locations.

    Args:
        items: in each location.
        days: that come one at a time after its history.
    """
    data = generate_retailer(
        RetailerConfig(end_date=_LAST_DAY, days=_DAYS, n_items=items, n_locations=2)
    ).deliveries()
    later: list[Frames] = []
    for _ in range(days):
        data, day = hold_back_retailer(data, 1)
        later.append(day)
    return Deliveries(data, later[::-1])
