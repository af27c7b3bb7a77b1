"""The benchmark: published figures come out of it, intervals are paired, files are read as they are."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from forecasting_lib.benchmark.baselines import (
    Answer,
    classic_baselines,
    recent_quantiles,
    simple_baselines,
)
from forecasting_lib.benchmark.figures import (
    BARS,
    METRICS,
    bootstrap_draws,
    drawn_sums,
    figures,
    judge,
    score_series,
)
from forecasting_lib.benchmark.m5_files import read_m5, since_first_sale
from forecasting_lib.origins import Origin
from forecasting_lib.panel import FloatArray, Panel

# WAPE, MAE, RMSE, bias, MASE, RMSSE, error of the total, WQL, coverage 80 %, computed elsewhere
REFERENCE = {
    "m5_280x1941": {
        "MA7": (0.4368, 2.4397, 4.9796, -0.0720, 1.0608, 0.8268, 0.2006),
        "MA28": (0.4423, 2.4707, 4.9417, -0.0365, 1.0698, 0.8213, 0.1874),
        "seasonal naive": (0.5022, 2.8051, 5.6710, -0.0720, 1.1610, 0.9909, 0.2006),
        "HistQ56": (0.4552, 2.5429, 5.0188, -0.0596, 0.9985, 0.8402, 0.2020, 0.3513, 0.8430),
        "HistQ-DoW8": (0.4514, 2.5213, 4.9295, -0.0596, 1.0109, 0.8556, 0.2020, 0.3577, 0.7476),
    },
    "m5_ca1_3049x447": {
        "MA7": (0.7498, 1.1772, 2.3492, -0.0556, 1.0334, 0.8059, 0.3416),
        "MA28": (0.7478, 1.1740, 2.3472, -0.0453, 1.0229, 0.7906, 0.2968),
        "seasonal naive": (0.8680, 1.3628, 2.7375, -0.0556, 1.1573, 1.0091, 0.3416),
        "HistQ56": (0.7065, 1.1091, 2.3697, -0.0554, 0.8986, 0.7912, 0.3027, 0.5631, 0.8857),
        "HistQ-DoW8": (0.7169, 1.1256, 2.3223, -0.0554, 0.9253, 0.8112, 0.3027, 0.5840, 0.7961),
    },
}
CLASSICS = {
    "Theta": (0.4165, 2.3262, 4.7393, -0.0687, 1.0355, 0.7992, 0.1844, 0.3300, 0.8722),
    "AutoETS": (0.4187, 2.3386, 4.7384, -0.0561, 1.0450, 0.8017, 0.1852, 0.3262, 0.8621),
}


def assert_figures(held_out: Origin, answer: Answer, expected: tuple[float, ...]) -> None:
    found = [values[0] for values in score_series(held_out, answer).metrics().values()]
    np.testing.assert_allclose(found[: len(expected)], expected, atol=2e-4)


@pytest.mark.shared_data
@pytest.mark.parametrize("data_set", sorted(REFERENCE))
def test_the_simple_baselines_have_their_published_figures(shared_data: Path, data_set: str) -> None:
    held_out = read_m5(shared_data / data_set)
    answers = simple_baselines(held_out.panel, 28)
    assert set(answers) == set(REFERENCE[data_set])
    for name, expected in REFERENCE[data_set].items():
        assert_figures(held_out, answers[name], expected)


@pytest.mark.shared_data
@pytest.mark.slow
def test_the_classics_have_their_published_figures(shared_data: Path) -> None:
    held_out = read_m5(shared_data / "m5_280x1941")
    for name, answer in classic_baselines(held_out.panel, 28).items():
        assert_figures(held_out, answer, CLASSICS[name])


def held_out_of(history: list[list[float]], actual: list[list[float]]) -> Origin:
    rows = tuple(np.array(h, dtype=np.float64) for h in history)
    panel = Panel(tuple(str(i) for i in range(len(rows))), date(2026, 1, 1), rows)
    return Origin(panel, np.array(actual, dtype=np.float64))


def random_held_out(n: int = 40, horizon: int = 14, seed: int = 0) -> Origin:
    rng = np.random.default_rng(seed)
    demand = rng.poisson(rng.gamma(2.0, 1.0, (n, 1)), (n, 90 + horizon)).astype(np.float64)
    demand[:, 0] = 1.0
    return held_out_of(demand[:, :90].tolist(), demand[:, 90:].tolist())


def test_metrics_of_a_small_case_by_hand() -> None:
    held_out = held_out_of([[1, 3] * 7, [0, 2] * 7], [[2, 4], [1, 1]])
    forecast = np.array([[3.0, 3.0], [0.0, 3.0]])
    found = {k: v[0] for k, v in score_series(held_out, Answer(forecast, forecast)).metrics().items()}
    assert found["wape"] == pytest.approx(5 / 8)
    assert found["bias"] == pytest.approx(1 / 8)
    assert found["total_error"] == pytest.approx((0 + 1) / 8)
    # Every difference of days seven apart, and of neighbours, is 2.
    assert found["mase"] == pytest.approx(np.mean([1 / 2, 1.5 / 2]))
    assert found["rmsse"] == pytest.approx(np.mean([1 / 2, np.sqrt(2.5) / 2]))
    assert np.isnan(found["wql"])


def test_a_masked_day_counts_in_no_metric() -> None:
    held_out = random_held_out()
    answer = simple_baselines(held_out.panel, 14)["HistQ56"]
    assert answer.deciles is not None
    masked = held_out.actual.copy()
    masked[:, -1] = np.nan
    found = score_series(Origin(held_out.panel, masked), answer).metrics()
    shorter = Answer(answer.point[:, :-1], answer.mean[:, :-1], answer.deciles[:, :-1])
    for name, value in score_series(Origin(held_out.panel, masked[:, :-1]), shorter).metrics().items():
        assert found[name] == pytest.approx(value), name


def test_a_series_without_a_scale_is_left_out_of_the_scaled_metrics_only() -> None:
    varied, constant = [1.0, 3.0] * 7, [2.0] * 14
    both = held_out_of([varied, constant], [[2, 4], [9, 9]])
    alone = held_out_of([varied], [[2, 4]])
    forecast = np.array([[3.0, 3.0], [2.0, 2.0]])
    two = score_series(both, Answer(forecast, forecast)).metrics()
    one = score_series(alone, Answer(forecast[:1], forecast[:1])).metrics()
    assert two["mase"] == one["mase"]
    assert two["wape"] != one["wape"]


def test_a_model_is_equal_to_itself_in_every_draw() -> None:
    held_out = random_held_out()
    answer = simple_baselines(held_out.panel, 14)["HistQ56"]
    scores = {name: score_series(held_out, answer) for name in ("model", "HistQ56", "MA7", "MA28")}
    interval = judge(scores, ["model"])["WQL / HistQ56"]["model"]
    assert (interval.low, interval.value, interval.high) == (1.0, 1.0, 1.0)


def test_bars_without_their_baselines_are_left_out_and_the_better_of_two_counts() -> None:
    held_out = random_held_out()
    answers = simple_baselines(held_out.panel, 14)
    scores = {name: score_series(held_out, answer) for name, answer in answers.items()}
    assert "WQL / better of AutoETS and Theta" not in judge(scores, ["HistQ56"])
    scores |= {"AutoETS": scores["HistQ56"], "Theta": scores["HistQ-DoW8"]}
    bars = judge(scores, ["HistQ56"])
    assert set(bars) == {bar.name for bar in BARS}
    best = min(scores[name].metrics()["wql"][0] for name in ("AutoETS", "Theta"))
    own = scores["HistQ56"].metrics()["wql"][0]
    assert bars["WQL / better of AutoETS and Theta"]["HistQ56"].value == pytest.approx(own / best)


def test_an_interval_holds_its_figure_and_narrows_with_more_series() -> None:
    def width(n: int) -> float:
        held_out = random_held_out(n)
        answers = simple_baselines(held_out.panel, 14)
        scores = {name: score_series(held_out, answer) for name, answer in answers.items()}
        found = judge(scores, ["HistQ56"])["WAPE / MA7"]["HistQ56"]
        assert found.low < found.value < found.high
        return found.high - found.low

    assert width(400) < width(25)


def test_every_metric_has_an_interval_where_it_is_defined() -> None:
    held_out = random_held_out()
    answers = simple_baselines(held_out.panel, 14)
    table = figures({name: score_series(held_out, answer) for name, answer in answers.items()})
    assert set(table["HistQ56"]) == set(METRICS)
    assert set(METRICS) - set(table["MA7"]) == {"wql", "coverage_80"}
    assert table["MA7"]["wape"].low <= table["MA7"]["wape"].value <= table["MA7"]["wape"].high


def test_quantiles_by_weekday_follow_the_weekday() -> None:
    weekly = Panel(("a",), date(2026, 1, 1), (np.tile(np.arange(7.0), 8),))
    answer = recent_quantiles(weekly, 9, season=7, seasons=8)
    np.testing.assert_array_equal(answer.point[0], [0, 1, 2, 3, 4, 5, 6, 0, 1])
    np.testing.assert_array_equal(answer.mean, answer.point)


def test_without_statsforecast_the_message_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "statsforecast", None)
    with pytest.raises(ModuleNotFoundError, match="pip install"):
        classic_baselines(random_held_out().panel, 14)


# --- files --------------------------------------------------------------------------------------------


def write_sales(
    folder: Path,
    units: FloatArray | npt.NDArray[np.int64],
    first_day: int = 1,
    names: Sequence[str] = ("sales_train.csv",),
) -> None:
    days = {f"d_{first_day + i}": units[:, i] for i in range(units.shape[1])}
    frame = pl.DataFrame({"id": [f"item_{i}" for i in range(len(units))], **days})
    for name in names:
        frame.write_csv(folder / name)


def test_the_last_days_are_held_out_and_histories_begin_with_a_sale(tmp_path: Path) -> None:
    units = np.zeros((2, 100), dtype=np.int64)
    units[0, 10:] = np.arange(90)
    units[1, 95:] = 5
    write_sales(tmp_path, units, first_day=1495)
    held_out = read_m5(tmp_path, horizon=28)
    np.testing.assert_array_equal(held_out.actual, units[:, -28:])
    np.testing.assert_array_equal(held_out.panel.history[0], np.arange(1, 62))
    assert held_out.panel.history[1].tolist() == [0.0] * 29
    assert held_out.panel.as_of_date == date(2015, 5, 13)


def test_a_young_series_keeps_twenty_nine_days() -> None:
    history = np.r_[np.zeros(50), 3.0, 1.0]
    assert len(since_first_sale(history)) == 29


def test_a_sample_is_spread_over_the_file(tmp_path: Path) -> None:
    write_sales(tmp_path, np.arange(1, 11)[:, None] * np.ones((1, 80), dtype=np.int64))
    assert read_m5(tmp_path, max_series=4).actual[:, 0].tolist() == [1, 4, 7, 10]


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        (lambda _folder: None, "found none"),
        (
            lambda folder: write_sales(
                folder, np.ones((1, 90)), names=("sales_train_a.csv", "sales_train_b.csv")
            ),
            "_a",
        ),
        (lambda folder: write_sales(folder, np.ones((1, 57))), "more than 57 day columns"),
        (
            lambda folder: pl.DataFrame({f"d_{i}": [1] for i in range(1, 100) if i != 50}).write_csv(
                folder / "sales_train.csv"
            ),
            "without gaps",
        ),
        (
            lambda folder: pl.DataFrame({f"d_{i}": [None if i == 9 else 1] for i in range(1, 100)}).write_csv(
                folder / "sales_train.csv"
            ),
            "empty cells",
        ),
    ],
)
def test_files_of_another_layout_are_refused(
    tmp_path: Path, prepare: Callable[[Path], None], said: str
) -> None:
    prepare(tmp_path)
    with pytest.raises(ValueError, match=said):
        read_m5(tmp_path)


def test_sums_are_drawn_some_at_a_time_as_they_are_at_once() -> None:
    sums = np.random.default_rng(1).random((37, 3))
    np.testing.assert_allclose(drawn_sums(sums, 120), bootstrap_draws(37, 120) @ sums, rtol=1e-12)
