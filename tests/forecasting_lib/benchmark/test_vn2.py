"""The VN2 competition's rules on weeks small enough to follow, and on its published ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from forecasting_lib.benchmark.vn2 import (
    HOLDING,
    SHORTAGE,
    UNSCORED,
    WEEKS,
    Choice,
    Vn2Sales,
    cost,
    law_rule,
    read_vn2,
    replayed_windows,
    simple_rule,
)

LEVEL = Choice(level=0.83, by_group=False, own_dispersion=0.5)


def sales_of(units: list[list[float]]) -> Vn2Sales:
    given = np.array(units)
    week = np.arange(given.shape[1]) % 52 + 1
    return Vn2Sales(given, given.copy(), week, np.array(["a"] * len(given)))


def test_a_level_demand_that_is_expected_costs_its_buffer_alone() -> None:
    steady = sales_of([[9.0] * 80])
    # forecast 9, buffer 0.6 * 3 = 1.8: 11 are wanted on the shelf, and two are left at the end of a week
    assert cost(steady, simple_rule(), 60) == pytest.approx(HOLDING * 2.0 * (WEEKS - UNSCORED))


def test_a_unit_that_is_lost_costs_what_the_competition_said() -> None:
    units = [9.0] * 80
    units[60 + WEEKS - 1] = 14.0
    surprised = cost(sales_of([units]), simple_rule(), 60)
    assert surprised == pytest.approx(HOLDING * 2.0 * (WEEKS - UNSCORED - 1) + SHORTAGE * 3.0)


def test_no_rule_looks_at_the_weeks_it_is_judged_on() -> None:
    rng = np.random.default_rng(2)
    units = rng.poisson(6.0, (5, 80)).astype(np.float64)
    later = units.copy()
    later[:, 60:] *= 7.0
    for rule in (simple_rule(), law_rule(LEVEL), law_rule(Choice(0.8, True, 0.8))):
        for one, other in zip(
            rule(sales_of(units.tolist()), 60), rule(sales_of(later.tolist()), 60), strict=True
        ):
            np.testing.assert_array_equal(one, other)


def test_weeks_out_of_stock_do_not_lower_a_forecast() -> None:
    units = np.full((1, 80), 9.0)
    units[0, 50:58] = 0.0
    known = np.where(units == 0.0, np.nan, units)
    week = np.arange(80) % 52 + 1
    masked = Vn2Sales(units, known, week, np.array(["a"]))
    expected, wanted = simple_rule()(masked, 60)
    assert expected[0].tolist() == pytest.approx([9.0, 9.0], rel=0.2)
    assert wanted[0] > 9.0


def test_too_few_weeks_are_refused() -> None:
    with pytest.raises(ValueError, match="80 weeks are too few for 10 windows"):
        replayed_windows(sales_of([[9.0] * 80]))


@pytest.mark.shared_data
def test_the_fitted_rule_is_cheaper_than_the_simple_one_on_the_published_weeks(shared_data: Path) -> None:
    sales = read_vn2(shared_data / "vn2_weekly_599x157")
    assert sales.units.shape == (599, 157)
    figures = replayed_windows(sales, windows=3, candidates=(LEVEL, Choice(0.8, False, 0.8)))
    assert figures.ratio() < 1.0
    low, high = figures.interval()
    assert low <= figures.ratio() <= high
