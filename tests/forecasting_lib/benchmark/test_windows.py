"""Several windows of the same series: pooled by the sums of each series, by window and by class."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from forecasting_lib.benchmark.baselines import Answer
from forecasting_lib.benchmark.figures import Bar, SeriesScores, judge, score_series
from forecasting_lib.benchmark.m5_calendar import HOLIDAY, SNAP, told_of_flags
from forecasting_lib.benchmark.m5_files import read_sales
from forecasting_lib.benchmark.windows import Window, pooled
from forecasting_lib.origins import Origin
from forecasting_lib.panel import FloatArray, Panel

HISTORY = [1.0, 3.0] * 14


def window(day: int, actual: list[list[float]], said: float, classes: tuple[str, ...]) -> Window:
    held_out = np.array(actual)
    panel = Panel(tuple(map(str, range(len(actual)))), date(2026, 1, day), (np.array(HISTORY),) * len(actual))
    forecast = np.full(held_out.shape, said)
    scores = score_series(Origin(panel, held_out), Answer(forecast, forecast))
    return Window(date(2026, 1, day), {"model": scores}, classes)


EARLY = window(1, [[4.0, 4.0], [0.0, 2.0]], 3.0, ("smooth", "lumpy"))
LATE = window(3, [[3.0, 1.0], [1.0, 1.0]], 1.0, ("smooth", "smooth"))


def figure(scores: dict[str, SeriesScores], metric: str) -> float:
    return float(scores["model"].metrics()[metric][0])


def test_windows_are_pooled_by_their_sums_and_not_by_their_ratios() -> None:
    both = pooled([EARLY, LATE])
    assert figure(both, "wape") == pytest.approx((2 + 4 + 2 + 0) / (8 + 2 + 4 + 2))
    assert figure(both, "bias") == pytest.approx((12 + 4 - 10 - 6) / 16)
    assert figure(pooled([EARLY]), "bias") == pytest.approx(2 / 10)


def test_biases_of_opposite_windows_cancel_in_the_pool_and_stand_in_their_own() -> None:
    bar = (Bar("absolute bias", "bias"),)
    assert judge(pooled([EARLY, LATE]), ["model"], bar)["absolute bias"]["model"].value == pytest.approx(0.0)
    assert judge(pooled([LATE]), ["model"], bar)["absolute bias"]["model"].value == pytest.approx(2 / 6)


def test_a_series_counts_in_the_class_it_was_of_when_it_was_forecast() -> None:
    lumpy = pooled([EARLY, LATE], "lumpy")
    assert len(lumpy["model"].numerators) == 1
    assert figure(lumpy, "wape") == pytest.approx(4 / 2)
    smooth = pooled([EARLY, LATE], "smooth")
    assert figure(smooth, "wape") == pytest.approx((2 + 2 + 0) / (8 + 4 + 2))


def test_windows_of_other_series_and_absent_classes_are_refused() -> None:
    with pytest.raises(ValueError, match="same series"):
        pooled([EARLY, window(3, [[3.0, 1.0]], 1.0, ("smooth",))])
    with pytest.raises(ValueError, match="erratic"):
        pooled([EARLY], "erratic")


def test_a_figure_that_is_not_defined_is_left_out() -> None:
    nothing = window(1, [[0.0, 0.0], [0.0, 0.0]], 1.0, ("smooth", "smooth"))
    bars = (Bar("bias", "bias"), Bar("MASE / itself", "mase", ("model",)))
    found = judge(pooled([nothing]), ["model"], bars)
    assert found["bias"] == {}
    assert found["MASE / itself"]["model"].value == 1.0


def write_m5(folder: Path, units: FloatArray, *, days_of_calendar: int) -> None:
    days = {f"d_{11 + i}": units[:, i] for i in range(units.shape[1])}
    names = {name: ["x", "y"] for name in ("item_id", "dept_id", "cat_id", "store_id")}
    pl.DataFrame({**names, "state_id": ["CA", "TX"], **days}).write_csv(folder / "sales_train.csv")
    numbers = list(range(1, days_of_calendar + 1))
    pl.DataFrame(
        {
            "date": [str(number) for number in numbers],
            "d": [f"d_{number}" for number in numbers],
            "event_name_1": ["Feast" if number == 100 else None for number in numbers],
            "snap_CA": [int(number % 2 == 0) for number in numbers],
            "snap_TX": [int(number > 70) for number in numbers],
        }
    ).write_csv(folder / "calendar.csv")


def test_flags_stand_at_the_days_of_the_calendar_also_of_a_late_starter(tmp_path: Path) -> None:
    units = np.ones((2, 100))
    units[1, :40] = 0.0
    write_m5(tmp_path, units, days_of_calendar=110)
    sales = read_sales(tmp_path)
    told = told_of_flags(sales.origin(14, 14), sales, tmp_path, last_day=82)
    snap, holiday = told.panel.past_covariates[SNAP], told.panel.past_covariates[HOLIDAY]
    assert snap[0].tolist() == [float(day % 2 == 0) for day in range(11, 83)]
    assert snap[1].tolist() == [float(day > 70) for day in range(51, 83)]
    assert len(holiday[1]) == len(told.panel.history[1]) == 32
    ahead = told_of_flags(sales.origin(14), sales, tmp_path, last_day=96).panel.future_covariates
    assert np.flatnonzero(ahead[HOLIDAY][0]).tolist() == [100 - 97]


def test_a_calendar_that_ends_too_early_or_is_not_there_is_named(tmp_path: Path) -> None:
    write_m5(tmp_path, np.ones((2, 100)), days_of_calendar=109)
    sales = read_sales(tmp_path)
    with pytest.raises(ValueError, match="lacks the day d_110"):
        told_of_flags(sales.origin(14), sales, tmp_path, last_day=96)
    (tmp_path / "calendar.csv").unlink()
    with pytest.raises(ValueError, match=r"no calendar\.csv"):
        told_of_flags(sales.origin(14), sales, tmp_path, last_day=96)
