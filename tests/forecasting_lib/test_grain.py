"""Periods: where they begin and end, how they are counted, in dates and in columns of dates."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest

from forecasting_lib.grain import Grain

SEVEN_YEARS = [date(1999, 12, 20) + timedelta(days=i) for i in range(7 * 366)]


@pytest.mark.parametrize("grain", Grain)
def test_every_day_lies_in_exactly_one_period_and_the_next_day_in_it_or_the_following(grain: Grain) -> None:
    for day in SEVEN_YEARS:
        start, end = grain.period_start(day), grain.period_end(day)
        assert start <= day <= end
        assert grain.is_period_end(day) == (day == end)
        assert grain.number(day + timedelta(days=1)) - grain.number(day) == (day == end)
        assert grain.days_in_period(day) == (end - start).days + 1


@pytest.mark.parametrize("grain", Grain)
def test_columns_of_dates_are_counted_as_dates_are(grain: Grain) -> None:
    days = pl.DataFrame({"day": SEVEN_YEARS})
    day = pl.col("day")
    found = days.select(grain.period_start_of(day).alias("start"), grain.number_of(day).alias("number"))
    assert found["start"].to_list() == [grain.period_start(d) for d in SEVEN_YEARS]
    numbers = [grain.number(d) for d in SEVEN_YEARS]
    assert {n - m for n, m in zip(numbers, found["number"].to_list(), strict=True)} == {
        numbers[0] - found["number"][0]
    }


@pytest.mark.parametrize("grain", Grain)
def test_a_shift_is_undone_by_its_opposite_and_counted_by_periods_between(grain: Grain) -> None:
    day = date(2024, 1, 31)
    for periods in (-27, -12, -1, 0, 1, 5, 52):
        shifted = grain.shift(day, periods)
        assert grain.periods_between(day, shifted) == periods
        assert grain.shift(shifted, -periods) == grain.period_start(day)


def test_weeks_begin_on_monday_across_the_turn_of_a_year() -> None:
    assert Grain.WEEK.period_start(date(2025, 1, 1)) == date(2024, 12, 30)
    assert Grain.WEEK.period_end(date(2024, 12, 30)) == date(2025, 1, 5)


def test_a_lag_ends_with_its_period() -> None:
    assert Grain.WEEK.lag_days(date(2024, 4, 28), 3) == [7, 14, 21]
    assert Grain.MONTH.lag_days(date(2023, 12, 31), 3) == [31, 60, 91]


def test_the_mean_period_is_what_four_centuries_give() -> None:
    for grain in Grain:
        periods = grain.periods_between(date(2001, 1, 1), date(2401, 1, 1))
        assert (date(2401, 1, 1) - date(2001, 1, 1)).days / periods == pytest.approx(
            grain.days_per_period, rel=1e-4
        )
