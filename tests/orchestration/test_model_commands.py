"""``forecaster model``: what it prints and writes, and how it answers a mistake."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner, Result

from orchestration.cli import app
from orchestration.clients import Client
from orchestration.reading.tuned_weights import client_models_dir
from orchestration.settings import Settings
from tests.tiny_chronos import save_tiny_chronos


def forecaster(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_chronos(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def sales(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("m5")
    units = np.random.default_rng(0).poisson(3.0, (12, 150))
    days = {f"d_{i + 1}": units[:, i] for i in range(150)}
    items = {"item_id": [f"item_{i}" for i in range(12)]}
    places = dict.fromkeys(("dept_id", "cat_id", "store_id", "state_id"), "CA")
    sold = pl.DataFrame({**items, **days}).with_columns(pl.lit(at).alias(name) for name, at in places.items())
    sold.write_csv(folder / "sales_train.csv")
    calendar = pl.DataFrame({"d": list(days)}).with_row_index("date")
    calendar.with_columns(
        pl.when(pl.col("date") % 30 == 0).then(pl.lit("Feast")).alias("event_name_1"),
        (pl.col("date") % 10 < 3).cast(pl.Int64).alias("snap_CA"),
    ).write_csv(folder / "calendar.csv")
    return folder


def test_evaluation_prints_the_tables_and_writes_every_figure(
    weights: Path, sales: Path, tmp_path: Path
) -> None:
    result = forecaster(
        "model", "evaluate", "--data", sales, "--weights", weights, "--max-series", 5, "--skip-statsforecast",
        "--skip-synthetic", "--windows", 2, "--with-flags", "--json", tmp_path / "figures.json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "5 series, the last 2 windows of 28 days held out" in result.stdout
    for name in ("MA7", "MA28", "seasonal naive", "HistQ56", "HistQ-DoW8", "WQL / HistQ56"):
        assert name in result.stdout
    assert "AutoETS" not in result.stdout
    written = json.loads((tmp_path / "figures.json").read_text())
    assert written["series"] == 5
    figure = written["bars"]["WQL / HistQ56"]["Chronos-2"]
    assert figure["low"] <= figure["value"] <= figure["high"]
    assert set(written["bars"]["WQL with SNAP and events / without"]) == {"Chronos-2, whole units"}
    assert sum(found["series_windows"] for found in written["classes"].values()) == 2 * 5
    by_window = [found["WQL / HistQ56"]["Chronos-2"]["value"] for found in written["windows"].values()]
    assert min(by_window) <= figure["value"] <= max(by_window)
    assert set(written["metrics"]["MA7"]) == {"wape", "mae", "rmse", "bias", "mase", "rmsse", "total_error"}


def test_weights_or_files_that_are_not_there_are_named(weights: Path, sales: Path, tmp_path: Path) -> None:
    missing = forecaster("model", "evaluate", "--data", sales, "--weights", tmp_path / "nowhere")
    assert missing.exit_code == 2
    assert "--weights is" in missing.stderr
    assert "CHRONOS_MODEL_ID" not in missing.stderr
    empty = forecaster("model", "evaluate", "--data", tmp_path, "--weights", weights)
    assert empty.exit_code == 2
    assert "sales_train" in empty.stderr


def test_training_writes_weights_that_can_be_evaluated(sales: Path, tmp_path: Path) -> None:
    trained = forecaster("model", "train", tmp_path, "--max-windows", 40, "--validations", 1)
    assert trained.exit_code == 0, trained.output
    assert "100.0%" in trained.stdout
    carded = forecaster("model", "card", tmp_path / "best")
    assert carded.exit_code == 0, carded.output
    assert "# best" in (tmp_path / "best" / "README.md").read_text()
    stranger = tmp_path / "figures.json"
    stranger.write_text(json.dumps({"weights": {"digest": "f" * 64}}))
    refused = forecaster("model", "card", tmp_path / "best", stranger)
    assert refused.exit_code == 2
    assert "evaluate these" in " ".join(refused.stderr.replace("│", " ").split()), (
        "whatever the path's length"
    )
    result = forecaster(
        "model", "evaluate", "--data", sales, "--weights", tmp_path / "best", "--skip-statsforecast",
        "--skip-synthetic", "--windows", 1,
    )  # fmt: skip
    assert result.exit_code == 0, result.output


def test_training_without_a_budget_is_refused(tmp_path: Path) -> None:
    result = forecaster("model", "train", tmp_path)
    assert result.exit_code == 2
    assert "max_minutes" in result.stderr


def test_tuning_says_the_verdict_and_keeps_the_record(
    settings: Settings, pipeline_client: Client, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHRONOS_MODEL_ID", str(weights))
    result = forecaster(
        "model", "finetune", "--client", pipeline_client.client_id, "--method", "full", "--steps", 1
    )
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(("Accepted", "Rejected"))
    (record,) = client_models_dir(settings, pipeline_client.client_id).glob("*/tuning.json")
    assert json.loads(record.read_text())["verdict"] == result.stdout.strip()


def test_a_cut_without_days_after_it_is_refused(
    pipeline_client: Client, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHRONOS_MODEL_ID", str(weights))
    result = forecaster("model", "finetune", "--client", pipeline_client.client_id, "--cut", "2030-01-01")
    assert result.exit_code == 2
    assert "No day lies after the cut" in " ".join(result.stderr.split())
