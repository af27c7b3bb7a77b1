"""Kappa: found where errors go together, one where they do not, and its error grows as evidence shrinks."""

from __future__ import annotations

import numpy as np
import pytest

from forecasting_lib.backtesting.inflation import (
    HELD_LEVELS,
    LARGEST,
    LEAST_TOTALS,
    Inflation,
    KnownTotals,
    fitted,
    held,
)
from forecasting_lib.panel import QUANTILE_LEVELS


def totals(kappa: float, count: int, seed: int = 5) -> tuple[KnownTotals, np.ndarray]:
    """Gamma totals whose variance is kappa times what was forecast, four of each series."""
    rng = np.random.default_rng(seed)
    mean = rng.gamma(2.0, 30.0, count) + 5.0
    variance = 0.5 * mean
    true = kappa * variance
    actual = rng.gamma(mean**2 / true, true / mean)
    known = KnownTotals(actual, mean, variance, np.zeros(count, dtype=np.bool_))
    return known, np.arange(count) // 4


@pytest.mark.parametrize("kappa", [0.6, 1.0, 3.0])
def test_kappa_is_found_within_its_error(kappa: float) -> None:
    found = fitted(*totals(kappa, 8_000))
    assert found.standard_error is not None
    assert abs(np.log(found.kappa / kappa)) < 4 * found.standard_error
    assert found.standard_error < 0.1


def test_the_upper_quantiles_of_later_totals_hold_what_they_name() -> None:
    found = fitted(*totals(2.5, 8_000))
    later, _ = totals(2.5, 8_000, seed=6)
    low, high = later.transform(found.kappa)
    for level in HELD_LEVELS:
        read = float(np.interp(level, QUANTILE_LEVELS, found.read_at))
        assert held(low, high, read) == pytest.approx(level, abs=0.015)


def test_a_forecast_that_is_far_off_is_not_made_true_by_any_variance() -> None:
    """Rare days of hundreds among days of none."""
    rng = np.random.default_rng(8)
    mean = np.full(1_000, 0.4)
    actual = np.where(rng.random(1_000) < 0.3, 300.0, 0.0)
    known = KnownTotals(actual, mean, 2.0 * mean, np.ones(1_000, dtype=np.bool_))
    assert fitted(known, np.arange(1_000)).kappa <= LARGEST


def test_a_bias_of_some_windows_is_not_taken_for_certainty() -> None:
    """Forecasts a fifth too high: their quantiles hold more than they name, and still errors are large."""
    known, series = totals(3.0, 8_000)
    biased = KnownTotals(known.actual, 1.2 * known.mean, known.variance, known.counted)
    assert fitted(biased, series).kappa > 2.0


def test_levels_move_the_less_the_fewer_origins_there_are() -> None:
    known, series = totals(2.0, 8_000)
    low = KnownTotals(known.actual, 0.9 * known.mean, known.variance, known.counted)
    levels = np.array(QUANTILE_LEVELS)
    moved = [np.abs(fitted(low, series, origins=origins).read_at - levels).max() for origins in (1, 2, 6)]
    assert moved[0] < 1e-6
    assert moved[0] < moved[1] < moved[2]


def test_fewer_totals_make_the_error_larger() -> None:
    many, few = fitted(*totals(2.0, 8_000)), fitted(*totals(2.0, 500))
    assert few.standard_error is not None
    assert many.standard_error is not None
    assert few.standard_error > 2 * many.standard_error


def test_errors_of_one_series_count_together() -> None:
    known, _ = totals(2.0, 1_500)
    alone = fitted(known, np.arange(1_500))
    repeated = known.part(np.tile(np.arange(1_500), 4))
    again = fitted(repeated, np.tile(np.arange(1_500), 4))
    assert again.standard_error == pytest.approx(alone.standard_error)


def test_a_class_with_few_totals_takes_those_of_everybody() -> None:
    few, series = totals(3.0, LEAST_TOTALS - 1)
    everybody = Inflation(1.7, np.array(QUANTILE_LEVELS), 0.02, 9_000)
    assert fitted(few, series, everybody).kappa == 1.7
    unknown = fitted(few, series)
    assert (unknown.kappa, unknown.standard_error) == (1.0, None)


def test_series_without_demand_say_nothing() -> None:
    zeros = np.zeros(500)
    nothing = KnownTotals(zeros, zeros, zeros, np.ones(500, dtype=np.bool_))
    assert fitted(nothing, np.arange(500)).totals == 0
