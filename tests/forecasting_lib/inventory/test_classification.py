from __future__ import annotations

import numpy as np
import pytest

from forecasting_lib.inventory.classification import (
    abc_classes,
    adi_and_cv2,
    demand_class,
    demand_profile,
    last_season_mean,
    weekly_coefficient_of_variation,
    xyz_classes,
)
from forecasting_lib.panel import Panel
from tests.forecasting_lib.inventory.situations import AS_OF


def test_abc_counts_the_share_before_the_item() -> None:
    values = np.array([500, 300, 100, 40, 30, 20, 5, 3, 1.5, 0.5])
    assert "".join(c or "-" for c in abc_classes(values, list("abcdefghij"))) == "AABBBCCCCC"


def test_abc_of_a_single_item_is_a() -> None:
    assert abc_classes(np.array([7.0]), ["only"]) == ["A"]


def test_abc_ties_go_by_identifier_and_unknown_value_has_no_class() -> None:
    values = np.array([10.0, 80.0, 10.0, np.nan])
    assert abc_classes(values, ["b", "z", "a", "c"]) == ["B", "A", "B", None]
    assert abc_classes(np.array([50.0, 50.0]), ["b", "a"], cut_a=0.5) == ["B", "A"]


def test_abc_without_any_value_is_c() -> None:
    assert abc_classes(np.zeros(2), ["a", "b"]) == ["C", "C"]


def test_xyz_cuts_belong_to_the_steadier_class() -> None:
    assert xyz_classes(np.array([0.5, 0.51, 1.0, 1.01, np.nan])) == ["X", "Y", "Y", "Z", None]


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ([5, 6, 5, 4, 5, 6, 5, 5], "smooth"),
        ([0, 0, 5, 0, 0, 5, 0, 0, 5, 0, 0, 4], "intermittent"),
        ([1, 12, 2, 20, 1, 15, 3, 1], "erratic"),
        ([0, 0, 1, 0, 0, 20, 0, 0, 1, 0, 0, 1], "lumpy"),
    ],
)
def test_demand_class_of_a_history(history: list[float], expected: str) -> None:
    statistics = adi_and_cv2(np.array(history, dtype=np.float64))
    assert statistics is not None
    assert demand_class(*statistics) == expected


def test_masked_days_are_no_periods_and_no_demand_has_no_class() -> None:
    assert adi_and_cv2(np.array([4.0, np.nan, np.nan, 4.0])) == (1.0, 0.0)
    assert adi_and_cv2(np.array([0.0, 0.0])) is None
    assert demand_class(None, None) is None


def test_weekly_variation_ignores_the_weekday_pattern() -> None:
    week = [0.0, 0.0, 0.0, 0.0, 5.0, 9.0, 7.0]
    assert weekly_coefficient_of_variation(np.array([3.0, *(week * 4)])) == pytest.approx(0.0)
    doubled = np.array([*week, *(2 * day for day in week)])
    assert weekly_coefficient_of_variation(doubled) == pytest.approx(np.sqrt(0.5) / 1.5)
    assert weekly_coefficient_of_variation(np.array(week)) is None


def test_weekly_variation_does_not_count_a_masked_week_as_zero() -> None:
    history = np.array([2.0] * 7 + [np.nan] * 7 + [2.0] * 7)
    assert weekly_coefficient_of_variation(history) == pytest.approx(0.0)


def test_last_season_is_the_same_weeks_a_year_earlier() -> None:
    history = np.arange(400.0)
    # Day 429 after a horizon of 28 has index 428; 364 days before it is index 64.
    assert last_season_mean(history, 28) == pytest.approx(np.arange(64.0, 92.0).mean())
    assert last_season_mean(history[:50], 28) == pytest.approx(np.arange(22.0, 50.0).mean())
    assert last_season_mean(np.array([np.nan]), 28) is None


def test_profile_has_one_row_per_series_even_without_history() -> None:
    panel = Panel(("full", "empty"), AS_OF, (np.array([0.0, 2.0, np.nan, 2.0] * 14), np.empty(0)))
    full, empty = demand_profile(panel, horizon=28).iter_rows(named=True)
    assert (full["history_days"], full["nonzero_days"], full["adi"]) == (42, 28, 1.5)
    assert full["demand_class"] == "intermittent"
    assert full["last_season_mean_qty"] == pytest.approx(4.0 / 3.0)
    assert (empty["history_days"], empty["adi"], empty["last_season_mean_qty"]) == (0, None, None)
