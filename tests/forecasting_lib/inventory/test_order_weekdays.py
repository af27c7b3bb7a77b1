"""When a supplier that takes orders on some weekdays only is ordered from."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting_lib.inventory.order_weekdays import longest_gap, order_weekdays
from tests.forecasting_lib.inventory.situations import AS_OF, STOCKED, metrics_of, plan_one

TEN_A_DAY = [10.0] * 28


def order_dates(stock: float, **supply: Any) -> list[date]:
    plan = plan_one(TEN_A_DAY, {**STOCKED, "on_hand_qty": stock, **supply})
    return sorted(plan.replenishment["order_date"].to_list())


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("mon,thu", [0, 3]),
        ("Monday; Thursday", [0, 3]),
        ("1/4", [0, 3]),
        ("TUE", [1]),
        ("sat sun", [5, 6]),
        ("t", range(7)),
        ("mon, by phone", range(7)),
        ("0", range(7)),
        ("", range(7)),
        (None, range(7)),
    ],
)
def test_weekdays_are_read_as_suppliers_write_them(text: str | None, days: list[int]) -> None:
    assert order_weekdays([text])[0].nonzero()[0].tolist() == list(days)


def test_orders_are_placed_on_the_suppliers_days() -> None:
    assert AS_OF.weekday() == 4
    found = order_dates(0.0, order_weekdays="mon,thu")
    assert {day.weekday() for day in found} == {0, 3}
    assert found[0] == date(2026, 11, 23)
    assert order_dates(0.0)[0] == date(2026, 11, 21)


def test_the_stock_lasts_until_the_day_after_next() -> None:
    levels = metrics_of(plan_one(TEN_A_DAY, {**STOCKED, "order_weekdays": "mon,thu"}))
    assert (levels["review_days"], levels["reorder_point_qty"]) == (4.0, 80.0)


def test_a_longer_review_is_kept_and_falls_on_one_of_the_days() -> None:
    found = order_dates(0.0, order_weekdays="mon", review_days=14.0)
    assert [(day.weekday(), (day - found[0]).days) for day in found] == [(0, 0), (0, 14)]


def test_every_weekday_named_is_as_none_named() -> None:
    named = plan_one(TEN_A_DAY, {**STOCKED, "order_weekdays": "mon tue wed thu fri sat sun"})
    assert named.replenishment.equals(plan_one(TEN_A_DAY, STOCKED).replenishment)
    assert named.metrics.equals(plan_one(TEN_A_DAY, STOCKED).metrics)


@given(days=st.sets(st.integers(1, 7), min_size=1))
def test_no_wait_is_longer_than_the_longest_gap(days: set[int]) -> None:
    weekdays = order_weekdays([" ".join(map(str, days))])
    ahead = [next(n for n in range(1, 8) if weekdays[0, (day - 1 + n) % 7]) for day in days]
    assert longest_gap(weekdays).tolist() == [max(ahead)]
