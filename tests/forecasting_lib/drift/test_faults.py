"""Faults put into genuine demand are caught by name on the first day that could know, and calm is calm.

The thresholds were chosen on the years before ``JUDGED``; what is asserted is of the half year after it.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from forecasting_lib.drift.findings import DriftKind
from tests.forecasting_lib.drift.genuine import FIRST, Years, drifting, episodes, findings, read_years

JUDGED = date(2015, 11, 22)

FAULTY = [date(2016, 2, 10), date(2016, 3, 20), date(2016, 4, 23)]
"""The first day of each fault: a Wednesday, a Sunday, a Saturday."""

pytestmark = pytest.mark.shared_data


@pytest.fixture(scope="module")
def years(shared_data: Path) -> Years:
    return read_years(shared_data / "m5_280x1941")


def first_day_of(years: Years, kind: DriftKind, fault: int, most: int) -> int | None:
    """Days of the fault that had been seen when a kind was first found; None where ``most`` did not do."""
    return next((n for n in range(1, most + 1) if kind in drifting(years, fault + n - 1)), None)


def test_half_a_year_of_undisturbed_demand_has_at_most_one_alarm_a_month(years: Years) -> None:
    daily = episodes(years, years.number(JUDGED), years.last)
    weekly = episodes(years, years.number(JUDGED), years.last, step=7)
    months = (years.last - years.number(JUDGED)) / 30.4
    assert len(daily) <= months, daily
    assert len(weekly) <= months, weekly


@pytest.mark.parametrize("began", FAULTY)
@pytest.mark.parametrize(("factor", "most"), [(2.0, 2), (0.5, 5)])
def test_a_level_that_doubles_is_found_in_two_days_and_one_that_halves_in_five(
    years: Years, began: date, factor: float, most: int
) -> None:
    """One day of twice the demand may be a feast; half of it is half as far from the forecast."""
    fault = years.number(began)
    demand = years.demand.copy()
    demand[:, fault:] = np.floor(demand[:, fault:] * factor)
    disturbed = years.with_demand(demand)
    assert DriftKind.FORECAST_ERROR not in drifting(years, fault - 1)
    found = first_day_of(disturbed, DriftKind.FORECAST_ERROR, fault, most)
    assert found is not None
    assert DriftKind.DEMAND_LEVEL in drifting(disturbed, fault + 13)


@pytest.mark.parametrize("began", FAULTY)
@pytest.mark.parametrize("what", ["repeated", "zero"])
def test_a_feed_that_stands_still_is_found_on_the_fifth_day(years: Years, began: date, what: str) -> None:
    fault = years.number(began)
    demand = years.demand.copy()
    listed = np.isfinite(demand[:, fault - 1])
    demand[listed, fault:] = demand[listed, fault - 1 : fault] if what == "repeated" else 0.0
    # of a day that came again the day itself is the first of five
    fifth = 4 if what == "repeated" else 5
    assert first_day_of(years.with_demand(demand), DriftKind.FEED_FROZEN, fault, 8) == fifth
    assert DriftKind.FEED_FROZEN not in drifting(years, fault + 4)


@pytest.mark.parametrize("began", FAULTY)
@pytest.mark.parametrize("share", [0.2, 1.0])
def test_renamed_items_are_found_on_the_first_days(years: Years, began: date, share: float) -> None:
    """A fifth of 28 items, or all of them: the new codes sell what the old ones would have sold."""
    fault = years.number(began)
    items = np.unique(years.items.astype(str))
    renamed = np.isin(years.items, items[: round(share * len(items))])
    old, new = years.demand.copy(), years.demand[renamed].copy()
    old[renamed, fault:] = 0.0
    new[:, :fault] = np.nan
    # a code begins with its first sale: nothing says before that there is one
    sold = np.maximum.accumulate(np.nan_to_num(new) > 0, axis=1)
    disturbed = Years(
        np.concatenate([years.items, years.items[renamed] + "_NEW"]),
        np.concatenate([years.stores, years.stores[renamed]]),
        np.concatenate([old, np.where(sold, new, np.nan)]),
        np.concatenate([years.prices, years.prices[renamed]]),
    )
    found = first_day_of(disturbed, DriftKind.ITEMS_RENAMED, fault, 3)
    assert found is not None
    assert found == 1 or share < 1
    assert DriftKind.ITEMS_RENAMED not in drifting(years, fault)


@pytest.mark.parametrize("began", FAULTY)
@pytest.mark.parametrize("factor", [10.0, 0.1])
def test_prices_ten_times_as_high_or_as_low_are_found_on_the_first_day(
    years: Years, began: date, factor: float
) -> None:
    fault = years.number(began)
    prices = years.prices.copy()
    prices[::10, fault:] *= factor
    disturbed = Years(years.items, years.stores, years.demand, prices)
    assert first_day_of(disturbed, DriftKind.PRICE_LEVEL, fault, 1) == 1
    found = findings(disturbed, fault + 3)[DriftKind.PRICE_LEVEL, "client", "m5"]
    assert getattr(found, "first_date", None) == began


@pytest.mark.parametrize("began", FAULTY)
def test_a_week_without_its_pattern_is_found_within_the_two_weeks_looked_at(
    years: Years, began: date
) -> None:
    """The days of each week after the fault change places at random, so that levels and sizes stay."""
    fault = years.number(began)
    random = np.random.default_rng(0)
    demand = years.demand.copy()
    for week in range(fault, years.last - 6, 7):
        total = np.nansum(demand[:, week : week + 7], axis=0)
        even = total.mean() / np.where(total > 0, total, np.nan)
        demand[:, week : week + 7] = random.poisson(np.nan_to_num(demand[:, week : week + 7] * even))
    demand[np.isnan(years.demand)] = np.nan
    disturbed = years.with_demand(demand)
    found = first_day_of(disturbed, DriftKind.WEEKLY_PATTERN, fault, 14)
    assert found is not None
    assert DriftKind.WEEKLY_PATTERN not in drifting(years, fault + found - 1)


def test_items_that_vanish_and_items_that_are_new_are_found_by_name(years: Years) -> None:
    fault = years.number(FAULTY[0])
    stores = np.unique(years.stores.astype(str))
    gone = years.demand.copy()
    two = np.isin(years.stores, stores[:2])
    gone[two, fault:] = 0.0
    assert DriftKind.VANISHED_ITEMS in drifting(years.with_demand(gone), fault + 13)
    fresh = years.demand.copy()
    fresh[two, :fault] = np.nan
    assert DriftKind.NEW_ITEMS in drifting(years.with_demand(fresh), fault + 13)
    assert not {DriftKind.NEW_ITEMS, DriftKind.VANISHED_ITEMS} & drifting(years, fault + 13)


def test_the_window_of_a_day_ends_with_it(years: Years) -> None:
    window = years.window(years.number(JUDGED))
    assert window.last_date == JUDGED
    assert window.day(-1) == JUDGED
    assert window.day(0) == JUDGED - timedelta(days=window.days - 1) > FIRST
