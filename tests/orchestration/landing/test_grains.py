"""The dates of sales tell days from weeks and months, and say nothing where they are too few."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import date, timedelta

import pytest

from forecasting_lib.grain import Grain
from orchestration.landing.grains import contradiction, contradicts, decision, grain_of

MONDAY = date(2024, 1, 1)


def rows(dates: Iterable[date], per_date: int = 40) -> dict[date, int]:
    return dict.fromkeys(dates, per_date)


def every(step: int, count: int, first: date = MONDAY) -> list[date]:
    return [first + timedelta(days=step * n) for n in range(count)]


def month_starts(count: int) -> list[date]:
    return [Grain.MONTH.shift(MONDAY, n) for n in range(count)]


def month_ends(count: int) -> list[date]:
    return [Grain.MONTH.period_end(day) for day in month_starts(count)]


WEEKLY = {
    "Mondays": every(7, 60),
    "Saturdays": every(7, 60, date(2024, 1, 6)),
    "Sundays": every(7, 60, date(2024, 1, 7)),
    "every other week": every(14, 20),
    "four weeks of a whole assortment": every(7, 4),
    "weeks with a gap of a summer": every(7, 10) + every(7, 10, date(2024, 8, 5)),
    "one date in twenty mistyped": [*every(7, 40), date(2024, 5, 8), date(2024, 6, 12)],
    "weeks cut at the end of the year": [*every(7, 104), date(2024, 12, 31), date(2025, 12, 31)],
    "a shop that opens on Saturdays only": every(7, 30, date(2024, 1, 6)),
}

MONTHLY = {
    "first days": month_starts(40),
    "last days": month_ends(40),
    "the fifteenth": [day.replace(day=15) for day in month_starts(24)],
    "any one day of each month": [
        day + timedelta(days=n * 11 % 27) for n, day in enumerate(month_starts(12))
    ],
    "quarters": month_starts(24)[::3],
    "four months of a whole assortment": month_starts(4),
    "months with gaps": [day for n, day in enumerate(month_starts(30)) if n % 5],
}

DAILY = {
    "every day": every(1, 100),
    "four days of a whole assortment": every(1, 4),
    "open days of the week": [day for day in every(1, 100) if day.weekday() < 5],
    "weekends": [day for day in every(1, 200) if day.weekday() >= 5],
    "Tuesdays and Fridays": [day for day in every(1, 200) if day.weekday() in (1, 4)],
    "days here and there": sorted(random.Random(1).sample(every(1, 700), 60)),
    "weeks of days with a gap of months": every(1, 14) + every(1, 14, date(2024, 9, 3)),
    "dates two weeks out of three": [day for n, day in enumerate(every(1, 90)) if n // 7 % 3],
}


@pytest.mark.parametrize("shape", WEEKLY)
def test_weekly_totals_are_found(shape: str) -> None:
    assert grain_of(rows(WEEKLY[shape])) is Grain.WEEK


@pytest.mark.parametrize("shape", MONTHLY)
def test_monthly_totals_are_found(shape: str) -> None:
    assert grain_of(rows(MONTHLY[shape])) is Grain.MONTH


@pytest.mark.parametrize("shape", DAILY)
def test_daily_sales_are_found(shape: str) -> None:
    assert grain_of(rows(DAILY[shape])) is Grain.DAY


def test_one_item_needs_more_dates_than_an_assortment() -> None:
    assert [grain_of(rows(every(7, n), per_date=1)) for n in (4, 7, 8)] == [None, None, Grain.WEEK]
    assert [grain_of(rows(month_starts(n), per_date=1)) for n in (4, 5, 6)] == [None, None, Grain.MONTH]


@pytest.mark.parametrize("dates", [[], [MONDAY], every(7, 3), every(1, 2), month_starts(3), every(9, 5)])
def test_few_dates_tell_nothing(dates: list[date]) -> None:
    assert grain_of(rows(dates)) is None


def test_a_slow_item_that_sold_once_in_some_months_is_not_monthly() -> None:
    sold = [date(2024, 1, 9), date(2024, 2, 27), date(2024, 4, 3), date(2024, 5, 17), date(2024, 7, 1)]
    assert grain_of(rows(sold, per_date=1)) is None
    sold += [date(2024, 8, 14), date(2024, 9, 30), date(2024, 11, 2)]
    assert grain_of(rows(sold, per_date=1)) is Grain.DAY


def test_items_that_sell_seldom_on_the_same_weekday_by_chance_are_rarely_taken_for_weekly() -> None:
    draw = random.Random(7)
    samples = [draw.sample(every(1, 120), 8) for _ in range(2000)]
    assert sum(grain_of(rows(dates, per_date=1)) is not Grain.DAY for dates in samples) == 0


def test_only_coarser_totals_than_the_clients_contradict_it() -> None:
    assert [contradicts(Grain.WEEK, found) for found in (None, Grain.DAY, Grain.WEEK, Grain.MONTH)] == [
        False,
        False,
        False,
        True,
    ]
    assert contradicts(Grain.DAY, Grain.WEEK)
    assert not contradicts(Grain.MONTH, Grain.WEEK)


def test_the_sentences_say_what_was_seen_and_what_to_do() -> None:
    weekly = rows([*every(7, 20), date(2024, 2, 6)])
    assert contradiction("acme", Grain.DAY, Grain.WEEK, weekly) == (
        "looks like weekly totals (20 of 21 dates are Mondays), but acme is planned by day, and totals are "
        "not spread over shorter periods"
    )
    assert decision("acme", Grain.MONTH, rows(month_ends(12))) == (
        "Found to be monthly sales (12 dates in 12 months, such as 2024-12-31): acme is planned by month; "
        "'forecaster client update acme --grain' changes it."
    )
    assert "--grain week" in decision("acme", None, rows([MONDAY]))
