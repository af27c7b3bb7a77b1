"""How errors had grown before the judged days: seen in the days before, and blind to those after."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from forecasting_lib.backtesting.past_days import PastDays
from forecasting_lib.backtesting.replayed_growth import growth_before
from forecasting_lib.inventory.policies import InventoryPolicy
from forecasting_lib.inventory.simulation.rolled_levels import DailyMoments
from forecasting_lib.inventory.supply import Supply
from forecasting_lib.inventory.tables import SUPPLY_SCHEMA
from forecasting_lib.panel import FloatArray

ITEMS, WEEKS, JUDGED_FROM, BEFORE = 80, 14, 10, 56
MOMENTS = [DailyMoments(np.full((ITEMS, 28), 20.0), np.full((ITEMS, 28), 20.0))] * WEEKS


def supplies() -> list[Supply]:
    rows = pl.DataFrame(
        {
            "series_id": [f"s{i}" for i in range(ITEMS)],
            "demand_class": ["smooth"] * ITEMS,
            "history_variance": [20.0] * ITEMS,
            "is_counted": [True] * ITEMS,
        }
    )
    absent = [pl.lit(None, dtype=t).alias(name) for name, t in SUPPLY_SCHEMA.items() if name not in rows]
    known = Supply.from_frame(
        rows.with_columns(absent), rows["series_id"].to_list(), InventoryPolicy(service_target=0.95)
    )
    return [known] * WEEKS


def demand(swing: float) -> FloatArray:
    """Poisson of 20 a day; each series' level swings from one four weeks to the next."""
    rng = np.random.default_rng(4)
    days = BEFORE + 7 * WEEKS
    level = 20.0 * np.exp(swing * rng.standard_normal((ITEMS, days // 28 + 1)).repeat(28, axis=1)[:, :days])
    return rng.poisson(level).astype(np.float64)


def past(units: FloatArray) -> PastDays:
    return PastDays(units, tuple(BEFORE + 7 * week for week in range(WEEKS)))


def test_errors_that_go_together_inflate_longer_intervals_more() -> None:
    steady, swinging = (
        growth_before(MOMENTS, supplies(), past(demand(swing)), JUDGED_FROM) for swing in (0.0, 0.2)
    )
    intervals = [np.full(ITEMS, days) for days in (7.0, 28.0)]
    alone = [float(steady.kappa_at(days)[0]) for days in intervals]
    together = [float(swinging.kappa_at(days)[0]) for days in intervals]
    assert alone == pytest.approx([1.0, 1.0], abs=0.15)
    assert together[1] > 1.3 * together[0] > 2.0
    assert swinging.is_measured.all()


def test_nothing_is_known_of_the_judged_days() -> None:
    units = demand(0.2)
    later = units.copy()
    later[:, BEFORE + 7 * JUDGED_FROM :] *= 9.0
    one, other = (growth_before(MOMENTS, supplies(), past(each), JUDGED_FROM) for each in (units, later))
    np.testing.assert_array_equal(one.kappa, other.kappa)
    np.testing.assert_array_equal(one.read_at, other.read_at)


def test_without_days_before_nothing_is_measured() -> None:
    growth = growth_before(MOMENTS, supplies(), past(demand(0.2)), 0)
    assert not growth.is_measured.any()


def test_masked_days_leave_their_totals_out() -> None:
    units = demand(0.2)
    masked = units.copy()
    masked[:40, BEFORE + 3] = np.nan
    growth = growth_before(MOMENTS, supplies(), past(masked), JUDGED_FROM)
    assert np.isfinite(growth.kappa).all()
    assert replace(growth).is_measured.all()
