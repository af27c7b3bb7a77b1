"""What a struck day does to a forecast, and how much of it the guard takes back."""

from __future__ import annotations

import numpy as np
import pytest

from forecasting_lib.benchmark.outliers import PLACES, Effect, effect, sold_before, with_planted_days
from forecasting_lib.models.naive import MovingAverage
from forecasting_lib.origins import Origin
from tests.forecasting_lib.models.panels import panel_of


@pytest.fixture(scope="module")
def window() -> Origin:
    demand = np.random.default_rng(1).poisson(6.0, (40, 428)).astype(np.float64)
    demand[:, 0] = 6.0
    return Origin(panel_of(*demand[:, :400]), demand[:, 400:])


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_one_day_of_every_series_is_struck_in_its_place(window: Origin, place: tuple[int, int]) -> None:
    for before, after in zip(
        window.panel.history, with_planted_days(window.panel, place, 1).history, strict=True
    ):
        (day,) = np.flatnonzero(before != after)
        assert place[0] <= len(before) - day <= place[1]
        assert 99 * before.mean() < after[day] < 5_100 * before.mean()


def test_the_guard_takes_back_nine_tenths_of_what_a_struck_day_does(window: Origin) -> None:
    planted = Origin(with_planted_days(window.panel, (1, 7), 1), window.actual)
    found = effect(MovingAverage(), planted)
    assert found.shrunk == 40
    assert found.error_ratio.high < 0.1
    assert found.bias[0] > 10 * abs(found.bias[1])


def test_where_nothing_is_struck_the_guard_changes_nothing(window: Origin) -> None:
    found = Effect.over([effect(MovingAverage(), window)] * 2)
    assert found.shrunk == 0
    assert found.loss_ratio.low == found.loss_ratio.high == 1.0
    assert found.actual.sum() == 2 * window.actual.sum()


def test_series_that_never_sold_are_left_out(window: Origin) -> None:
    silent = Origin(panel_of(np.zeros(30), np.ones(30)), window.actual[:2])
    assert sold_before(silent).panel.series_ids == ("s1",)
