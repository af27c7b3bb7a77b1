"""``forecaster model benchmark-m5``: what it prints and writes, and how it answers a mistake."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from forecasting_lib.demo.m5_layout import M5Config, generate_m5_layout
from forecasting_lib.models import registry
from orchestration.cli import app
from tests.tiny_chronos import save_tiny_chronos


def benchmark(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["model", "benchmark-m5", *(str(argument) for argument in arguments)])


@pytest.fixture(scope="module")
def m5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("m5")
    made = generate_m5_layout(
        M5Config(end_date=date(2016, 5, 22), n_items=8, stores=("CA_1", "CA_2", "TX_1"), days=200)
    )
    for name, frame in made.deliveries().items():
        frame.write_csv(folder / f"{name}.csv")
    return folder


def test_every_model_has_a_row_for_each_window_and_their_mean(m5: Path, tmp_path: Path) -> None:
    result = benchmark(
        "--data", m5, "--model", "ma7", "--model", "seasonal_naive", "--model", "hist_q", "--skip", "hist_q",
        "--windows", 2, "--json", tmp_path / "figures.json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "24 series of M5's 30,490, days d_1 to d_200" in result.stdout
    assert "part of M5" in result.stdout
    written = json.loads((tmp_path / "figures.json").read_text())
    assert written["weights"] == "dollars"
    assert [level["sums"] for level in written["levels"]][:3] == [1, 2, 3]
    assert list(written["scores"]) == ["ma7", "seasonal_naive"]
    rows = written["scores"]["ma7"]
    assert list(rows) == ["d_173-200", "d_145-172", "mean"]
    assert len(rows["mean"]["wrmsse"]) == 12
    for measure in ("mean_wrmsse", "mean_wspl"):
        assert rows["mean"][measure] == pytest.approx(
            (rows["d_173-200"][measure] + rows["d_145-172"][measure]) / 2
        )
        assert f"{rows['d_145-172'][measure]:.4f}" in result.stdout
    assert f"{rows['mean']['percentages']['store x day']['wape']:.1%}" in result.stdout


def test_without_a_choice_every_model_runs_that_can_and_the_others_are_named(
    m5: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHRONOS_MODEL_ID", str(save_tiny_chronos(tmp_path / "tiny")))
    monkeypatch.setattr(registry, "find_spec", lambda package: None if package == "lightgbm" else package)
    result = benchmark("--data", m5, "--max-series", 6, "--skip", "auto_ets", "--json", tmp_path / "f.json")
    assert result.exit_code == 0, result.output
    assert "6 series of the 24 in the file" in result.stdout
    assert "gbm needs lightgbm" in result.stderr
    judged = list(json.loads((tmp_path / "f.json").read_text())["scores"])
    assert judged == [name for name in registry.available_models() if name not in ("auto_ets", "gbm")]


def test_a_model_without_its_weights_is_left_out_with_the_reason(
    m5: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHRONOS_MODEL_ID", str(tmp_path / "nowhere"))
    result = benchmark("--data", m5, "--model", "ma7", "--model", "chronos2")
    assert result.exit_code == 0, result.output
    assert "chronos2 is left out" in result.stderr
    alone = benchmark("--data", m5, "--model", "chronos2")
    assert alone.exit_code == 2
    assert "none of these models" in alone.stderr


def test_mistakes_are_named(m5: Path, tmp_path: Path) -> None:
    for arguments, said in (
        (("--data", m5, "--model", "oracle"), "no model 'oracle'"),
        (("--data", m5, "--skip", "oracle"), "no model 'oracle'"),
        (("--data", tmp_path), "sales_train"),
        (("--data", m5, "--windows", 9), "day columns"),
    ):
        result = benchmark(*arguments)
        assert result.exit_code == 2, arguments
        assert said in " ".join(result.stderr.replace("│", " ").split())
