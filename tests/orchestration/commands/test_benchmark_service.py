"""``forecaster model benchmark-service``: what it prints and writes, and how it answers a mistake."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

from typer.testing import CliRunner, Result

from forecasting_lib.demo.m5_layout import M5Config, generate_m5_layout
from orchestration.cli import app


def benchmark(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["model", "benchmark-service", *(str(argument) for argument in arguments)])


def test_every_class_interval_and_target_has_its_share_beside_the_promise(tmp_path: Path) -> None:
    made = generate_m5_layout(
        M5Config(end_date=date(2016, 5, 22), n_items=40, stores=("CA_1", "TX_1"), days=300)
    )
    for name, frame in made.deliveries().items():
        frame.write_csv(tmp_path / f"{name}.csv")
    result = benchmark(
        "--data", tmp_path, "--model", "hist_q", "--origins", 6, "--json", tmp_path / "figures.json"
    )
    assert result.exit_code == 0, result.output
    assert "80 series, 6 origins, the last four judged." in result.stdout
    rows = json.loads((tmp_path / "figures.json").read_text())
    assert {row["interval"] for row in rows} == {"7", "14", "21", "drawn"}
    assert {row["target"] for row in rows} == {0.90, 0.95, 0.98}
    for row in rows:
        assert row["low"] <= row["achieved"] <= row["high"]
        assert row["predicted"] >= row["target"] - 1e-6
        assert 0.0 <= row["left"] <= row["stock"]
        assert f"{row['predicted']:.1%}" in result.stdout


def test_mistakes_are_named(tmp_path: Path) -> None:
    for arguments, said in (
        (("--data", tmp_path), "sales_train"),
        (("--data", tmp_path, "--model", "oracle"), "no model 'oracle'"),
    ):
        result = benchmark(*arguments)
        assert result.exit_code == 2, arguments
        assert said in " ".join(result.stderr.replace("│", " ").split())
