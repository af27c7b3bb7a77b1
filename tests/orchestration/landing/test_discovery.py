"""Which files of a landing folder are taken, and in which order."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestration.landing.discovery import LandingFile, finished, pending, scan, settled, unopened_hash
from orchestration.landing.records import KnownFile


def file(path: str, modified_ns: int = 0) -> LandingFile:
    return LandingFile(path, 1, modified_ns)


def test_an_absent_folder_has_no_files(tmp_path: Path) -> None:
    assert scan(tmp_path / "absent") == []


@pytest.mark.parametrize(
    "name", ["sales.csv.part", "sales.csv.tmp", ".hidden.csv", "Thumbs.db", ".DS_Store", "sales.csv~"]
)
def test_unfinished_and_hidden_files_are_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("x")
    assert scan(tmp_path) == []


@pytest.mark.parametrize(
    "name",
    ["sales 1.csv", "sales'\".csv", "sales 🙂.csv", "sales;drop table.csv", "sub/sales.csv", "sales_é.csv"],
)
def test_unusual_names_are_fine(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("x")
    assert [(found.path, found.problem) for found in scan(tmp_path)] == [(name, None)]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"sales..csv", "sales..csv"),
        (b"..sales.csv", "..sales.csv"),
        (b"sales\n.csv", "sales\\n.csv"),
        (b"sales\xff.csv", "sales\\udcff.csv"),
    ],
)
def test_names_that_cannot_be_trusted_are_listed_with_their_problem(
    tmp_path: Path, name: bytes, shown: str
) -> None:
    (tmp_path / os.fsdecode(name)).write_text("x")
    [found] = scan(tmp_path)
    assert found.path == shown
    assert found.problem is not None


def test_links_may_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    landing.mkdir()
    (tmp_path / "secret.csv").write_text("x")
    (landing / "sales.csv").write_text("x")
    (landing / "sales_out.csv").symlink_to(tmp_path / "secret.csv")
    (landing / "sales_in.csv").symlink_to(landing / "sales.csv")
    (landing / "sales_gone.csv").symlink_to(landing / "gone.csv")
    (landing / "sales_folder").symlink_to(tmp_path, target_is_directory=True)

    problems = {found.path: found.problem for found in scan(landing)}

    assert problems == {
        "sales.csv": None,
        "sales_in.csv": None,
        "sales_out.csv": "is a link that leads out of the landing folder",
        "sales_folder": "is a link that leads out of the landing folder",
        "sales_gone.csv": "is a link to something that is not a file",
    }


def test_a_pipe_is_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "sales.csv")
    [found] = scan(tmp_path)
    assert found.problem == "is not a regular file"


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
    ordered = pending([file(name) for name in reversed(in_order)], [])
    assert [found.path for found in ordered] == in_order
    by_age = pending([file("sales_1.csv", 2), file("sales_2.csv", 1)], [])
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
    assert bool(pending([file("sales.csv")], finished([record], "now"))) is is_pending


def test_what_must_not_be_opened_is_known_by_its_name_and_problem() -> None:
    pipe = LandingFile("sales.csv", 0, 0, "is not a regular file")
    digest = unopened_hash("sales.csv", "is not a regular file")
    refused = KnownFile("sales.csv", digest, "rejected", "now", 0, None)

    assert pending([pipe], [refused]) == []
    assert pending([LandingFile("sales.csv", 0, 0, "is a link")], [refused]) != []
    assert pending([file("sales.csv")], [refused]) != []
