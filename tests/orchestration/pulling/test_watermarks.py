"""A watermark is kept with its type, never goes back, and does not run away."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from orchestration.pulling.faults import PullError
from orchestration.pulling.watermarks import Mark, advanced, read, since, stored

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "mark",
    [
        date(2026, 3, 1),
        datetime(2026, 3, 1, 5, 0, 0, 123),  # noqa: DTZ001 - a database may have no zone
        datetime(2026, 3, 1, 5, tzinfo=timezone(timedelta(hours=5, minutes=30))),
        *(2**70, Decimal("1.50"), 0.1, "a'b"),
    ],
)
def test_a_mark_is_read_as_it_was(mark: Mark) -> None:
    again = read(stored(mark))
    assert (again, type(again)) == (mark, type(mark))
    assert read({}) is None


def test_a_mark_never_goes_back_and_unknown_values_do_not_count() -> None:
    march = [date(2026, 3, day) for day in range(1, 4)]
    assert advanced(None, [], NOW) is None
    assert advanced(None, [None, *march], NOW) == march[-1]
    assert advanced(march[1], [march[0], None], NOW) == march[1]


@pytest.mark.parametrize(
    ("ahead", "kept"),
    [
        (date(2999, 1, 1), date(2026, 3, 11)),
        (datetime(2999, 1, 1, tzinfo=UTC), NOW + timedelta(days=1)),
        (datetime(2999, 1, 1), datetime(2026, 3, 11, 12)),  # noqa: DTZ001 - a database may have no zone
        (date(2026, 3, 11), date(2026, 3, 11)),
    ],
)
def test_a_mark_of_the_future_is_the_present(ahead: Mark, kept: Mark) -> None:
    assert advanced(None, [ahead], NOW) == kept


def test_days_are_gone_back_from_days_and_moments_only() -> None:
    assert since(date(2026, 3, 1), 3) == date(2026, 2, 26)
    assert since(NOW, 1) == NOW - timedelta(days=1)
    assert (since(None, 3), since(17, 0)) == (None, 17)
    with pytest.raises(PullError, match="No days can be gone back"):
        since(17, 3)


def test_values_without_one_order_are_refused() -> None:
    with pytest.raises(PullError, match="several types"):
        advanced(date(2026, 3, 1), ["x"], NOW)
    with pytest.raises(PullError, match="The watermark holds bool"):
        stored(True)
