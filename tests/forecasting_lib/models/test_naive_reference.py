"""The published reference figures of M5, reproduced through the guards and the metrics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from forecasting_lib.benchmark.baselines import Answer
from forecasting_lib.benchmark.figures import score_series
from forecasting_lib.benchmark.m5_files import since_first_sale
from forecasting_lib.models.guards import guarded_predict
from forecasting_lib.models.registry import create_model
from forecasting_lib.origins import Origin
from forecasting_lib.panel import FloatArray, Panel

HORIZON = 28

REFERENCE = {
    ("m5_ca1_3049x447", "ma7"): (0.7498, 1.1772, 2.3492, -0.0556, 1.0334, 0.8059),
    ("m5_ca1_3049x447", "seasonal_naive"): (0.8680, 1.3628, 2.7375, -0.0556, 1.1573, 1.0091),
    ("m5_280x1941", "ma7"): (0.4368, 2.4397, 4.9796, -0.0720, 1.0608, 0.8268),
    ("m5_280x1941", "seasonal_naive"): (0.5022, 2.8051, 5.6710, -0.0720, 1.1610, 0.9909),
    ("m5_ca1_3049x447", "hist_q"): (0.7065, 1.1091, 2.3697, -0.0554, 0.8986, 0.7912),
    ("m5_280x1941", "hist_q"): (0.4552, 2.5429, 5.0188, -0.0596, 0.9985, 0.8402),
}
"""WAPE, MAE, RMSE, bias of the mean, MASE, RMSSE over d_1914..d_1941."""


LOSSES = {"m5_ca1_3049x447": (0.5631, 0.8857), "m5_280x1941": (0.3513, 0.8430)}
"""WQL and coverage of 80 % of the quantiles of the last 56 days, over the same days."""


@pytest.fixture(scope="module")
def m5(shared_data: Path) -> Callable[[str], tuple[Panel, FloatArray]]:
    """Reads a data set as the panel up to d_1913 and the actuals (n, 28) after it."""
    read: dict[str, tuple[Panel, FloatArray]] = {}

    def load(folder: str) -> tuple[Panel, FloatArray]:
        if folder not in read:
            wide = pl.read_csv(shared_data / folder / "sales_train_evaluation.csv.gz")
            units = wide.select(pl.col("^d_.*$")).to_numpy().astype(np.float64)
            panel = Panel(tuple(wide["id"]), date(2016, 4, 24), tuple(units[:, :-HORIZON]))
            read[folder] = panel, units[:, -HORIZON:]
        return read[folder]

    return load


@pytest.mark.shared_data
@pytest.mark.parametrize(("folder", "name"), REFERENCE)
def test_reference_figures_of_m5_are_met(
    m5: Callable[[str], tuple[Panel, FloatArray]], folder: str, name: str
) -> None:
    panel, actual = m5(folder)
    forecast = guarded_predict(create_model(name), panel, HORIZON)
    # A scale is taken from the first sale on, as the reference has it; the model gets the zeros, too.
    kept = replace(panel, history=tuple(since_first_sale(history) for history in panel.history))
    found = score_series(Origin(kept, actual), Answer.of(forecast)).metrics()
    figures = [found[metric][0] for metric in ("wape", "mae", "rmse", "bias", "mase", "rmsse")]
    assert figures[:4] == pytest.approx(REFERENCE[folder, name][:4], abs=0.0005)
    assert figures[4:] == pytest.approx(REFERENCE[folder, name][4:], abs=0.005)
    if name == "hist_q":
        losses = [found[metric][0] for metric in ("wql", "coverage_80")]
        assert losses == pytest.approx(LOSSES[folder], abs=0.002)
