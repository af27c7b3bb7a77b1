"""The least that a forecast or a plan can take: ``python -m tests.bench.planning_floors STAGE CLIENT AS_OF``.

Belongs here: reading the demand once, the model's forward passes on tensors that are there, the inventory
engine on inputs that are there, and one COPY of the rows that the stage wrote into tables without an index.
Does not belong here: the stages (``one_stage``).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from forecasting_lib.inventory import demand_profile, plan_inventory
from forecasting_lib.models.chronos2 import Chronos2, load_pipeline, model_rows
from forecasting_lib.models.guards import guarded_predict
from forecasting_lib.models.workers import Answer
from forecasting_lib.panel import Panel
from orchestration.clients import get_client
from orchestration.reading.histories import current_champion, demand_grain, read_history
from orchestration.reading.known_facts import history_as_known
from orchestration.settings import load_settings
from orchestration.stages.inventory_inputs import policy_of, read_inputs
from orchestration.stages.model_plans import plan_models
from orchestration.warehouse.bulk import render
from orchestration.warehouse.server import Warehouse, locate_warehouse
from tests.bench.processor_time import cost_of, server_of

TABLES = {
    "forecasts": ("forecast_series", "forecast_results"),
    "inventory": ("inventory_metrics", "lead_time_demand", "replenishment_plan", "stock_projection"),
}

_BLOCK_BYTES = 1 << 18

Tensors = dict[str, npt.NDArray[Any]]


class Recorder(Chronos2):
    """Answers nothing, and keeps what the model would have been given."""

    def _one_pass(self, batch: Panel, context: int, horizon: int) -> Answer:
        days = self._pipeline.model_output_patch_size
        rows = model_rows(batch, range(len(batch)), context, horizon, -(-horizon // days) * days)
        RECORDED.append(rows)
        return np.full((len(batch), horizon, 21), np.nan, dtype=np.float32)


RECORDED: list[Tensors] = []


def floor_of_forecasts(warehouse: Warehouse, client_id: str, as_of: date) -> dict[str, Callable[[], object]]:
    """Reading, the passes of the model of the client's policy, and writing."""
    client, grain = get_client(warehouse, client_id), demand_grain(warehouse, client_id)
    parts: dict[str, Callable[[], object]] = {"reading": lambda: _read(warehouse, client_id, as_of)}
    paths = [plan.weights.path for plan in plan_models(client, load_settings(), grain) if plan.weights]
    if paths:
        horizon = client.horizon(grain)
        seen = read_history(warehouse, client_id, as_of, prices=True)
        known = history_as_known(warehouse, client_id, seen, horizon, covariates=True)
        parts["computing"] = _passes(paths[0], known.panel, horizon)
    return {**parts, "writing": _writing(warehouse, "forecasts", client_id, as_of)}


def _passes(weights: Path, panel: Panel, horizon: int) -> Callable[[], None]:
    """The forward passes over the tensors that the stage makes of a panel."""
    import torch

    guarded_predict(Recorder(weights), panel, horizon)
    pipeline = load_pipeline(weights)
    patches = -(-horizon // pipeline.model_output_patch_size)
    batches = [{name: torch.from_numpy(rows) for name, rows in one.items()} for one in RECORDED]

    def passes() -> None:
        with torch.inference_mode():
            for batch in batches:
                pipeline.model(**batch, num_output_patches=patches)

    return passes


def floor_of_inventory(warehouse: Warehouse, client_id: str, as_of: date) -> dict[str, Callable[[], object]]:
    """Reading, the statistics of demand and the engine, and writing."""
    client = get_client(warehouse, client_id)
    champion = current_champion(warehouse, client_id, as_of)
    if champion is None:
        raise RuntimeError(f"{client_id} has no forecast as of {as_of}")
    inputs = read_inputs(warehouse, client, champion, as_of)
    panel = read_history(warehouse, client_id, as_of).panel

    def computing() -> None:
        demand_profile(panel, inputs.forecast.horizon)
        plan_inventory(inputs.forecast, inputs.positions, inputs.receipts, policy_of(client))

    return {
        "reading": lambda: _read(warehouse, client_id, as_of),
        "computing": computing,
        "writing": _writing(warehouse, "inventory", client_id, as_of),
    }


FLOORS = {"forecasts": floor_of_forecasts, "inventory": floor_of_inventory}


def _read(warehouse: Warehouse, client_id: str, as_of: date) -> None:
    query = """
        select date, demand_qty::float8 as demand_qty from analytics.ts_demand
        where client_id = {c} and date <= {as_of}::date
    """
    pl.read_database_uri(render(query, c=client_id, as_of=as_of), warehouse.pipeline_url, engine="adbc")


def _writing(warehouse: Warehouse, stage: str, client_id: str, as_of: date) -> Callable[[], None]:
    """COPY of the rows of the stage's current run, taken out before."""
    runs = {"forecasts": "forecast_runs", "inventory": "inventory_runs"}[stage]
    rows: dict[str, bytes] = {}
    with warehouse.connect_admin() as connection:
        for table in TABLES[stage]:
            connection.execute(f"drop table if exists public.bare_{table}")
            connection.execute(f"create table public.bare_{table} (like analytics.{table})")
            query = f"""
                copy (
                    select * from analytics.{table} where client_id = '{client_id}' and run_id in (
                        select run_id from analytics.{runs}
                        where client_id = '{client_id}' and as_of_date = '{as_of}' and is_current
                    )
                ) to stdout
            """
            with connection.cursor().copy(query.encode()) as copy:
                rows[table] = b"".join(copy)

    def write() -> None:
        with warehouse.connect_admin() as connection:
            for table, of_table in rows.items():
                with connection.cursor().copy(f"copy public.bare_{table} from stdin".encode()) as copy:
                    for start in range(0, len(of_table), _BLOCK_BYTES):
                        copy.write(of_table[start : start + _BLOCK_BYTES])

    return write


if __name__ == "__main__":
    name, client_name, day = sys.argv[1:]
    settings = load_settings()
    here = locate_warehouse(settings)
    server = server_of(settings.home)
    works = FLOORS[name](here, client_name, date.fromisoformat(day))
    costs = {part: asdict(cost_of(server, work)) for part, work in works.items()}
    sys.stdout.write(json.dumps(costs))
