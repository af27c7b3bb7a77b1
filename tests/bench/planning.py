"""The forecast stage and the inventory stage of one client, each beside the least that its work can take.

Belongs here: the client, the processes that are measured, and what they found. Does not belong here: what is
measured of a stage (``one_stage``), the floors (``planning_floors``).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from orchestration.clients import add_client, sync_partitions, validated
from orchestration.running.instance import open_instance
from orchestration.running.runs import find_job, output_sent_to, run_job
from orchestration.settings import load_settings
from orchestration.stages.dbt import build_views
from orchestration.warehouse.embedded import start_embedded, throw_away_folder
from orchestration.warehouse.migrate import migrate
from orchestration.warehouse.server import Warehouse, locate_warehouse
from tests.bench.installation import land
from tests.bench.m5_files import LAST_DAY, files_of_m5

ROOT = Path(__file__).parents[2]
CLIENT = "bench"


@dataclass(frozen=True)
class Taken:
    """What a stage took beside its floor, in the same round.

    Attributes:
        own: processor seconds of the stage's process.
        server: processor seconds of PostgreSQL meanwhile.
        peak_bytes: the most memory of the stage's process, which holds Python, its libraries and the model.
        before_bytes: the same before the stage began.
        written_bytes: what PostgreSQL wrote meanwhile.
        floor: processor seconds of each part of the floor, own and the server's.
    """

    own: float
    server: float
    peak_bytes: int
    before_bytes: int
    written_bytes: int
    floor: dict[str, float]

    @property
    def processor(self) -> float:
        return self.own + self.server

    @property
    def times(self) -> float:
        return self.processor / sum(self.floor.values())


@dataclass(frozen=True)
class Planning:
    """One client's demand, and each round of a stage over it, the one with the middle ratio first."""

    series: int
    rows: int
    rounds: list[Taken]


def measure(
    stage: str,
    models: list[str],
    data: Path | None,
    series: int,
    days: int,
    rounds: int,
    report: Callable[[str], None],
) -> Planning:
    """Land a client, build its demand, and run a stage of it several times.

    Args:
        stage: ``forecasts``, ``inventory`` or ``inventory-in-a-run``.
        models: of the client's policy.
        data: folder with a ``sales_train*`` of M5 and its ``calendar.csv``; None generates them.
        series: to generate.
        days: to generate.
        rounds: of which the one with the middle ratio counts.
        report: told what is going on.
    """
    with throw_away_folder() as home:
        os.environ.update(
            {
                "DATABASE_URL": start_embedded(home / "postgres"),
                "FORECASTER_HOME": str(home),
                "FORECASTER_LANDING_DIR": str(home / "landing"),
                "DAGSTER_HOME": str(home / "dagster"),
                "HF_HUB_OFFLINE": "1",
                "OMP_WAIT_POLICY": "PASSIVE",
            }
        )
        os.environ.pop("DAGSTER_DATABASE_URL", None)
        report("making tables")
        warehouse = locate_warehouse(load_settings())
        migrate(warehouse, lambda: build_views(warehouse))
        _land(warehouse, home, models, files_of_m5(home, data, series, days), report)
        floor_of = stage.removesuffix("-in-a-run")
        if floor_of == "inventory":
            report("forecasts")
            _in_a_process("one_stage", "forecasts")
        found = []
        for number in range(rounds):
            report(f"{stage}, round {number + 1} of {rounds}")
            with warehouse.transaction() as connection:
                # the same inputs would be left standing
                table = {"forecasts": "forecast_runs", "inventory": "inventory_runs"}[floor_of]
                connection.execute(f"update analytics.{table} set input_digest = ''".encode())
            taken = _in_a_process("one_stage", stage)
            report(f"{stage}, floor {number + 1} of {rounds}")
            floor = _in_a_process("planning_floors", floor_of)
            found.append(
                Taken(
                    taken["own"],
                    taken["server"],
                    taken["peak_bytes"],
                    taken["before_bytes"],
                    taken["written_bytes"],
                    {part: cost["own"] + cost["server"] for part, cost in floor.items()},
                )
            )
        found.sort(key=lambda one: one.times)
        middle = found.pop(len(found) // 2)
        with warehouse.connect_admin() as connection:
            counted = connection.execute(
                "select count(distinct (item_id, location_id)), count(*) from analytics.ts_demand_daily"
            ).fetchone()
        assert counted is not None
        return Planning(counted[0], counted[1], [middle, *found])


def _land(
    warehouse: Warehouse, home: Path, models: list[str], data: Path, report: Callable[[str], None]
) -> None:
    """Sales, calendar, prices where there are some, and stock of most series; then the demand of it."""
    client = validated(client_id=CLIENT, name="Bench", country="US", models=models, default_lead_time_days=7)
    add_client(warehouse, client)
    sales = next(data.glob("sales_train*"))
    stock = home / "stock_levels.csv"
    items = pl.read_csv(sales, columns=["item_id", "store_id"]).rename({"store_id": "location_id"})
    drawn = np.random.default_rng(5)
    items.with_columns(
        pl.lit(LAST_DAY).alias("date"), pl.Series("on_hand_qty", drawn.integers(0, 60, items.height))
    ).filter(pl.Series(drawn.random(items.height) < 0.95)).write_csv(stock)
    report("landing")
    prices = list(data.glob("sell_prices*"))
    land(warehouse, client, [data / "calendar.csv", *prices, sales, stock])
    report("demand")
    with open_instance(load_settings(), warehouse) as instance, output_sent_to(home / "runs.log"):
        sync_partitions(instance, [CLIENT])
        built = run_job(warehouse, instance, find_job("quality_only"), CLIENT)
        if not built.succeeded:
            raise RuntimeError("; ".join(built.problems))


def _in_a_process(module: str, stage: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", f"tests.bench.{module}", stage, CLIENT, LAST_DAY.isoformat()],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
