"""The stages that work in the database, each beside the least that moving the same rows can cost.

Belongs here: one client's way through ingestion, demand build, forecast and scoring on a server of its own,
and the floors. Does not belong here: the model itself (``forecasting``).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import psycopg

from forecasting_lib.demo import M5Config, generate_m5_layout
from forecasting_lib.pretraining.architecture import Architecture
from orchestration.clients import add_client, sync_partitions, validated
from orchestration.running.instance import open_instance
from orchestration.running.runs import StepUpdate, find_job, output_sent_to, run_job
from orchestration.settings import load_settings
from orchestration.stages.dbt import build_views
from orchestration.stages.ingestion import ingest_files
from orchestration.warehouse.embedded import start_embedded, throw_away_folder
from orchestration.warehouse.migrate import migrate
from orchestration.warehouse.server import Warehouse, locate_warehouse
from tests.bench.forecasting import save_random

CLIENT = "bench"
LAST_DAY = date(2016, 5, 22)
HORIZON = 28


@dataclass(frozen=True)
class Stage:
    """Seconds of a stage and of its floor, on the same rows."""

    name: str
    rows: int
    seconds: float
    floor: str
    floor_seconds: float


def measure(items: int, days: int, report: Callable[[str], None]) -> list[Stage]:
    """Take a generated M5 client through the pipeline, with random weights of the small size.

    Args:
        items: in each of two stores.
        days: of sales.
        report: told what is going on.
    """
    with throw_away_folder() as folder:
        return _measure(folder, items, days, report)


def _measure(home: Path, items: int, days: int, report: Callable[[str], None]) -> list[Stage]:
    save_random(Architecture(), home / "weights")
    os.environ.update(
        {
            "DATABASE_URL": start_embedded(home / "postgres"),
            "FORECASTER_HOME": str(home),
            "FORECASTER_LANDING_DIR": str(home / "landing"),
            "DAGSTER_HOME": str(home / "dagster"),
            "CHRONOS_MODEL_ID": str(home / "weights"),
            "HF_HUB_OFFLINE": "1",
        }
    )
    os.environ.pop("DAGSTER_DATABASE_URL", None)
    settings = load_settings()
    warehouse = locate_warehouse(settings)
    report("making tables")
    migrate(warehouse, lambda: build_views(warehouse))
    client = validated(client_id=CLIENT, name="Bench", country="US", models=["chronos2"])
    add_client(warehouse, client)

    report("making files")
    data = generate_m5_layout(M5Config(end_date=LAST_DAY, days=days, n_items=items, stores=("CA_1", "TX_1")))
    for name, frame in data.deliveries().items():
        frame.write_csv(home / f"{name}.csv")

    report("ingestion")
    ingest_files(warehouse, client, [home / "calendar.csv", home / "sell_prices.csv"])
    started = time.perf_counter()
    ingest_files(warehouse, client, [home / "sales_train_evaluation.csv"])
    ingestion = time.perf_counter() - started
    seconds: dict[str, float] = {}

    def note(update: StepUpdate) -> None:
        report(f"{update.step} {update.state}")
        if update.seconds is not None:
            seconds[update.step] = update.seconds

    with open_instance(settings, warehouse) as instance, output_sent_to(home / "runs.log"):
        sync_partitions(instance, [CLIENT])
        outcome = run_job(
            warehouse,
            instance,
            find_job("client_pipeline"),
            CLIENT,
            as_of=LAST_DAY - timedelta(days=HORIZON),
            on_step=note,
        )
        if not outcome.succeeded:
            raise RuntimeError("; ".join(outcome.problems))
        steps = dict(seconds)
        outcome = run_job(warehouse, instance, find_job("quality_only"), CLIENT, on_step=note)
    report("floors")
    return _beside_floors(warehouse, ingestion, steps, seconds)


def _beside_floors(
    warehouse: Warehouse, ingestion: float, steps: dict[str, float], later: dict[str, float]
) -> list[Stage]:
    with warehouse.connect_admin() as connection:
        sold = _count(connection, "staging.sales")
        demand = _count(connection, "analytics.ts_demand_daily")
        forecast = _count(connection, "analytics.forecast_results")
        models = connection.execute(
            "select coalesce(sum(duration_seconds), 0)::float8 from analytics.forecast_runs"
        ).fetchone()
        model_seconds = float(models[0]) if models else 0.0
        return [
            Stage(
                "ingestion of sales",
                sold,
                ingestion,
                "COPY of the same rows",
                _copy(connection, "staging.sales"),
            ),
            Stage(
                "demand build (dbt)",
                demand,
                _step(steps, "demand"),
                "insert ... select of the same rows",
                _insert(connection, "analytics.ts_demand_daily"),
            ),
            Stage(
                "forecast, whole stage",
                forecast,
                _step(steps, "forecasts"),
                "its models alone",
                model_seconds,
            ),
            Stage(
                "scoring",
                forecast,
                max(_step(later, "forecast_quality"), _step(steps, "forecast_quality")),
                "count over the join",
                _join(connection),
            ),
        ]


def _step(seconds: dict[str, float], name: str) -> float:
    return sum(took for step, took in seconds.items() if step.split("__")[-1] == name)


def _count(connection: psycopg.Connection, table: str) -> int:
    row = connection.execute(f"select count(*) from {table}").fetchone()
    return int(row[0]) if row else 0


def _copy(connection: psycopg.Connection, table: str) -> float:
    """COPY a table's rows out, and back into an empty table with the same columns and indexes."""
    connection.execute(f"create table public.copied (like {table} including all)")
    with connection.cursor() as cursor:
        with cursor.copy(f"copy (select * from {table}) to stdout") as source:
            blocks = [bytes(block) for block in source]
        started = time.perf_counter()
        with cursor.copy("copy public.copied from stdin") as target:
            for block in blocks:
                target.write(block)
        connection.commit()
        return time.perf_counter() - started


def _insert(connection: psycopg.Connection, table: str) -> float:
    connection.execute(f"create table public.inserted (like {table} including all)")
    started = time.perf_counter()
    connection.execute(f"insert into public.inserted select * from {table}")
    connection.commit()
    return time.perf_counter() - started


def _join(connection: psycopg.Connection) -> float:
    started = time.perf_counter()
    connection.execute(
        """
        select count(*), sum(forecast.mean_qty - demand.demand_qty)
        from analytics.forecast_results as forecast
        inner join analytics.ts_demand_daily as demand using (client_id, item_id, location_id, date)
        """
    ).fetchone()
    return time.perf_counter() - started
