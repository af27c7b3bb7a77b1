"""Which files of a landing folder are taken, and in which order."""

from __future__ import annotations

import pytest

from orchestration.landing.discovery import finished, pending, settled, unopened_hash
from orchestration.landing.folder import LandingFile
from orchestration.landing.known_files import KnownFile


def file(path: str, modified_ns: int = 0) -> LandingFile:
    return LandingFile(path, 1, modified_ns)


def test_a_file_settles_when_it_was_left_alone() -> None:
    young, old, ahead = (
        file("young.csv", modified_ns=99 * 10**9),
        file("old.csv", modified_ns=90 * 10**9),
        file("ahead.csv", modified_ns=200 * 10**9),
    )
    assert settled([young, old, ahead], now=100, quiet_seconds=5) == [old, ahead]


def test_what_describes_is_loaded_before_what_refers_to_it_and_older_files_first() -> None:
    in_order = [
        "products.csv",
        "calendar.csv",
        "sell_prices.csv",
        "sales_train_x.csv",
        "sales.csv",
        "promotions.csv",
        "what.txt",
    ]
    ordered = pending([file(name) for name in reversed(in_order)], [], {})
    assert [found.path for found in ordered] == in_order
    by_age = pending([file("sales_1.csv", 2), file("sales_2.csv", 1)], [], {})
    assert [found.path for found in by_age] == ["sales_2.csv", "sales_1.csv"]


def known(
    path: str = "sales.csv",
    status: str = "loaded",
    digest: str = "now",
    size: int = 1,
    modified: int | None = 0,
) -> KnownFile:
    return KnownFile(path, "a", status, digest, size, modified)


@pytest.mark.parametrize(
    ("record", "is_pending"),
    [
        (known(digest="old"), False),
        (known(status="duplicate", digest="old"), False),
        (known(status="rejected"), False),
        (known(status="rejected", digest="old"), True),
        (known(size=2), True),
        (known(modified=1), True),
        (known(modified=None), True),
        (known("sales_copy.csv"), True),
    ],
)
def test_a_file_is_opened_unless_its_size_and_time_of_change_are_done_with(
    record: KnownFile, is_pending: bool
) -> None:
    assert bool(pending([file("sales.csv")], finished([record], "now"), {})) is is_pending


def test_what_must_not_be_opened_is_known_by_its_name_and_problem() -> None:
    pipe = LandingFile("sales.csv", 0, 0, "is not a regular file")
    digest = unopened_hash("sales.csv", "is not a regular file")
    refused = KnownFile("sales.csv", digest, "rejected", "now", 0, None)

    assert pending([pipe], [refused], {}) == []
    assert pending([LandingFile("sales.csv", 0, 0, "is a link")], [refused], {}) != []
    assert pending([file("sales.csv")], [refused], {}) != []
