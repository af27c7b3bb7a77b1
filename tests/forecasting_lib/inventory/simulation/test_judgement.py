"""Levels swept, fitted on earlier days and compared at equal terms, on made-up demand of a known law."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest
from scipy import stats

from forecasting_lib.backtesting.past_days import PastDays
from forecasting_lib.benchmark.m5_files import M5Sales
from forecasting_lib.benchmark.service_replay import replayed_service
from forecasting_lib.inventory.simulation.baselines import (
    Protection,
    moving_average_levels,
    textbook_levels,
)
from forecasting_lib.inventory.simulation.judgement import Replay, judged
from forecasting_lib.inventory.simulation.sweep import LevelSweep
from forecasting_lib.models.registry import create_model
from forecasting_lib.origins import Origin
from forecasting_lib.panel import FloatArray, Panel

ITEMS, DAYS, WARM_UP, FITTED = 60, 252, 28, 112
LEVELS = np.array([0.5, 0.8, 0.9, 0.95, 0.99, 0.999])


def swept(policy: str, rate: FloatArray, shift: float = 0.0) -> LevelSweep:
    """Base stock for Poisson demand over five days, exact but for ``shift`` units too many."""
    points = stats.poisson.ppf(LEVELS[:, None], 5.0 * rate) + shift
    days = DAYS - WARM_UP
    return LevelSweep(
        policy,
        "probability",
        LEVELS,
        np.repeat(points[:, :, None], days, axis=2),
        np.zeros((ITEMS, days)),
        stats.poisson.cdf(points, 5.0 * rate),
    )


@pytest.fixture(scope="module")
def rows() -> pl.DataFrame:
    rng = np.random.default_rng(11)
    rate = rng.uniform(0.5, 3.0, ITEMS)
    replay = Replay(
        demand=rng.poisson(rate[:, None], (ITEMS, DAYS)).astype(np.float64),
        lead_times=np.full((ITEMS, DAYS), 4),
        review_days=np.ones(ITEMS, dtype=np.int64),
        segments=["fast" if value > 1.5 else "slow" for value in rate],
        warm_up=WARM_UP,
        fitted=FITTED,
        sales_are_lost=False,
        moq=np.full(ITEMS, np.nan),
        multiple=np.ones(ITEMS),
        unit_cost=np.full(ITEMS, 3.0),
        unit_margin=np.full(ITEMS, np.nan),
    )
    sweeps = [swept("forecast", rate), swept("textbook_normal", rate, shift=2.0)]
    return judged(sweeps, replay, [0.95, 0.9])


def of(rows: pl.DataFrame, **wanted: object) -> dict[str, object]:
    return rows.filter(**wanted).row(0, named=True)


def test_an_exact_level_keeps_what_it_promises(rows: pl.DataFrame) -> None:
    own = of(rows, policy="forecast", basis="as_set", segment="all", metric="csl_cycle")
    # a cycle ends with a receipt, which days without demand before it do not bring
    assert own["achieved"] == pytest.approx(own["predicted"], abs=0.02)
    assert own["achieved_low"] < own["achieved"] < own["achieved_high"]  # type: ignore[operator]
    assert own["stock_value"] == pytest.approx(3.0 * own["on_hand_qty"])  # type: ignore[operator]


def test_a_level_fitted_on_earlier_days_meets_its_target_later(rows: pl.DataFrame) -> None:
    for policy in ("forecast", "textbook_normal"):
        for metric in ("csl_cycle", "fill_rate"):
            fitted = of(rows, policy=policy, basis="fitted", segment="all", metric=metric, target=0.95)
            assert fitted["achieved"] == pytest.approx(0.95, abs=0.02), (policy, metric)
    # two units too many are a lower level
    levels = [
        of(rows, policy=policy, basis="fitted", segment="slow", metric="csl_cycle", target=0.95)["nominal"]
        for policy in ("forecast", "textbook_normal")
    ]
    assert levels[1] < levels[0]  # type: ignore[operator]


def test_more_stock_serves_more_along_a_sweep(rows: pl.DataFrame) -> None:
    for segment in ("fast", "slow", "all"):
        sweep = rows.filter(basis="sweep", policy="forecast", segment=segment, metric="fill_rate")
        assert sweep["nominal"].to_list() == LEVELS.tolist()
        assert sweep["on_hand_qty"].is_sorted()
        assert sweep["achieved"].is_sorted()


def test_policies_are_read_at_equal_service_and_at_equal_stock(rows: pl.DataFrame) -> None:
    plan = of(rows, policy="forecast", basis="fitted", segment="all", metric="csl_cycle", target=0.95)
    same = of(rows, policy="textbook_normal", basis="equal_service", segment="all", metric="csl_cycle")
    assert same["achieved"] == plan["achieved"]
    # the same demand and law: what differs is where the levels lie
    assert same["on_hand_qty"] == pytest.approx(plan["on_hand_qty"], rel=0.06)
    stocked = of(rows, policy="textbook_normal", basis="equal_stock", segment="all", metric="csl_cycle")
    assert stocked["on_hand_qty"] == plan["on_hand_qty"]
    assert rows.filter(pl.col("basis").str.starts_with("equal"), policy="forecast").is_empty()


def test_a_sweep_is_read_between_its_levels_and_not_beyond() -> None:
    sweep = swept("forecast", np.full(ITEMS, 2.0))
    between, _ = sweep.at(np.full(ITEMS, 0.93))
    assert (sweep.reorder_point[2] <= between).all()
    assert (between <= sweep.reorder_point[3]).all()
    beyond, promised = sweep.at(np.full(ITEMS, 0.9999999))
    np.testing.assert_allclose(beyond, sweep.reorder_point[-1])
    np.testing.assert_allclose(promised, sweep.predicted[-1])


def test_baselines_see_only_what_came_before_each_origin() -> None:
    demand = np.array([[np.nan, 2.0, 4.0, 2.0, 4.0, 2.0, 4.0, 2.0, 4.0, 100.0, 100.0]])
    protection = Protection(np.array([3.0]), np.array([2.0]), np.array([1.0]))
    levels, lot = np.array([0.5, 0.9]), np.zeros((1, 2))
    textbook = textbook_levels(demand, [9], protection, levels, lot)
    mean, variance = 3.0, 8.0 / 7.0
    spread = (4.0 * variance + mean**2 * 4.0) ** 0.5
    assert textbook.reorder_point[0, 0].tolist() == pytest.approx([12.0, 12.0])
    assert textbook.reorder_point[1, 0, 0] == pytest.approx(12.0 + stats.norm.ppf(0.9) * spread)
    moving = moving_average_levels(demand, [9], protection, np.array([1.0, 2.0]), lot)
    assert moving.reorder_point[:, 0, 0].tolist() == pytest.approx([22.0 / 7.0 * 4.0, 44.0 / 7.0 * 4.0])
    assert np.isnan(moving.predicted).all()


def test_past_days_are_pieced_together_and_masked_ones_filled_in() -> None:
    def origin(day: date, history: list[float], ahead: list[float]) -> Origin:
        return Origin(Panel(("a",), day, (np.array(history),)), np.array([ahead]))

    first = [float(day) for day in range(10, 24)]
    origins = [
        origin(date(2024, 1, 14), first, [1.0, 2.0, np.nan, 4.0, 5.0, 6.0, 7.0]),
        origin(date(2024, 1, 21), first, [11.0, 12.0, 13.0, 14.0, 15.0, 16.0, 17.0]),
    ]
    past = PastDays.of(origins, ["a"], 7)
    assert past.origins == (14, 21)
    assert past.demand[0, :14].tolist() == first
    # the days after it are nearer than those before it are not: as near, the later
    assert past.played(7)[0].tolist() == [
        *(17, 18, 19, 20, 21, 22, 23),
        *(1, 2, 13, 4, 5, 6, 7),
        *(11, 12, 13, 14, 15, 16, 17),
    ]


def test_a_sales_file_is_replayed_with_a_made_up_supply_side(tmp_path: object) -> None:
    rng = np.random.default_rng(5)
    units = rng.poisson(rng.uniform(0.3, 4.0, (24, 1)), (24, 230)).astype(np.float64)
    sales = M5Sales(tmp_path, 1, units, np.arange(24), 24, pl.DataFrame())  # type: ignore[arg-type]
    rows = replayed_service(sales, create_model("hist_q"), judged_weeks=8, fitted_weeks=8)
    own = of(rows, policy="forecast", basis="as_set", segment="all", metric="fill_rate")
    assert 0.8 < own["achieved"] <= 1.0  # type: ignore[operator]
    assert set(rows["policy"]) == {"forecast", "textbook_normal", "ma7_factor"}
    with pytest.raises(ValueError, match="230 days are too few to play 238"):
        replayed_service(sales, create_model("hist_q"))
