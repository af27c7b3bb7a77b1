"""Genuine M5 files through the whole path: the published reference figures come out of the tables."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from orchestration.clients import Client, sync_partitions
from orchestration.running.runs import find_job, run_job
from orchestration.settings import Settings
from orchestration.stages.scoring import score_due_runs
from orchestration.warehouse.bulk import read_frame, render
from orchestration.warehouse.server import Warehouse

AS_OF = date(2016, 4, 24)

REFERENCE = {
    ("m5_280x1941", "ma7"): (0.4368, 2.4397, 4.9796, -0.0720, 1.0608, 0.8268),
    ("m5_280x1941", "seasonal_naive"): (0.5022, 2.8051, 5.6710, -0.0720, 1.1610, 0.9909),
    ("m5_280x1941", "hist_q"): (0.4552, 2.5429, 5.0188, -0.0596, 0.9985, 0.8402),
    ("m5_ca1_3049x447", "ma7"): (0.7498, 1.1772, 2.3492, -0.0556, 1.0334, 0.8059),
    ("m5_ca1_3049x447", "seasonal_naive"): (0.8680, 1.3628, 2.7375, -0.0556, 1.1573, 1.0091),
    ("m5_ca1_3049x447", "hist_q"): (0.7065, 1.1091, 2.3697, -0.0554, 0.8986, 0.7912),
}
"""WAPE, MAE, RMSE, bias of the mean, MASE (m = 7), RMSSE over d_1914..d_1941, computed elsewhere."""

TOLERANCE = {"wape": 5e-4, "mae_qty": 5e-4, "rmse_qty": 5e-4, "bias": 5e-4, "mase": 5e-3, "rmsse": 5e-3}


@pytest.mark.slow
@pytest.mark.shared_data
@pytest.mark.parametrize("data_set", ["m5_280x1941", "m5_ca1_3049x447"])
def test_quality_equals_the_reference_figures(
    data_set: str,
    shared_data: Path,
    settings: Settings,
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
    new_client: Callable[..., Client],
) -> None:
    client = new_client(prefix="genuine")
    c = client.client_id
    sync_partitions(instance, [*instance.get_dynamic_partitions("clients"), c])
    folder = settings.client_landing_dir(c)
    folder.mkdir(parents=True)
    for file in (shared_data / data_set).iterdir():
        if file.name.startswith(("sales_train", "calendar", "sell_prices")):
            shutil.copyfile(file, folder / file.name)

    outcome = run_job(warehouse, instance, find_job("client_pipeline"), c, as_of=AS_OF)
    assert outcome.succeeded, outcome.problems
    assert len(score_due_runs(warehouse, c, outcome.run_id)) == 3

    scores = read_frame(
        warehouse,
        render(
            """
            select model, wape, mae_qty, rmse_qty, bias, mase, rmsse, n_series, n_rows
            from analytics.forecast_quality
            where client_id = {c} and is_current and grain = 'client' and lag_bucket = 'all'
            """,
            c=c,
        ),
    )
    assert sorted(scores["model"]) == ["hist_q", "ma7", "seasonal_naive"]
    for row in scores.to_dicts():
        expected = dict(zip(TOLERANCE, REFERENCE[data_set, row["model"]], strict=True))
        for metric, tolerance in TOLERANCE.items():
            assert row[metric] == pytest.approx(expected[metric], abs=tolerance), (row["model"], metric)

    delivered = delivered_units(next((shared_data / data_set).glob("sales_train*")))
    demand = read_frame(
        warehouse,
        render(
            """
            select sum(demand_qty - clipped_qty)::float8 as units
            from analytics.ts_demand_daily where client_id = {c}
            """,
            c=c,
        ),
    )
    assert demand.item() == delivered


def delivered_units(file: Path) -> float:
    wide = pl.read_csv(file)
    days = [column for column in wide.columns if column.startswith("d_")]
    return float(wide.select(pl.sum_horizontal(pl.col(days).sum())).item())
