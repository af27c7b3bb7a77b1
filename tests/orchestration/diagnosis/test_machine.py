"""Who may read an installation's files, and how much room there is for more."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from orchestration.diagnosis.findings import Level
from orchestration.diagnosis.machine import (
    FULL_BYTES,
    SCARCE_BYTES,
    Disk,
    Place,
    disks,
    judge_disks,
    judge_places,
    places,
)
from orchestration.settings import Settings


@pytest.mark.parametrize(
    ("mode", "closed_by", "is_secret", "level"),
    [
        (0o700, "go-rwx", False, Level.OK),
        (0o711, "go-rwx", False, Level.WARNING),
        (0o711, "go-rw", False, Level.OK),
        (0o755, "go-rw", False, Level.WARNING),
        (0o750, "o-rwx", False, Level.OK),
        (0o770, "o-rwx", False, Level.OK),
        (0o751, "o-rwx", False, Level.WARNING),
        (0o640, "go-rw", True, Level.PROBLEM),
        (0o777, "o-rwx", False, Level.PROBLEM),
    ],
)
def test_a_place_is_judged_by_what_others_may_do(
    mode: int, closed_by: str, is_secret: bool, level: Level
) -> None:
    place = Place(Path("/home/x"), mode, "everything", closed_by, is_secret)
    assert next(iter(judge_places([place]))).level is level


def test_the_advice_closes_what_was_open(settings: Settings) -> None:
    folder = settings.landing_dir
    folder.mkdir(parents=True, exist_ok=True)
    before = folder.stat().st_mode
    folder.chmod(0o777)
    try:
        (finding,) = [f for f in judge_places(places(settings)) if str(folder) in f.what]
        assert finding.level is Level.PROBLEM
        subprocess.run(finding.advice.split(), check=True)
        assert not [f for f in judge_places(places(settings)) if str(folder) in f.what]
    finally:
        folder.chmod(before)


@pytest.mark.parametrize(
    ("free", "level"),
    [
        (FULL_BYTES - 1, Level.PROBLEM),
        (SCARCE_BYTES - 1, Level.WARNING),
        (SCARCE_BYTES, Level.OK),
    ],
)
def test_a_disk_is_judged_by_the_room_that_is_left(free: int, level: Level) -> None:
    (finding,) = judge_disks([Disk(("home", "landing"), free)])
    assert finding.level is level
    assert "home, landing" in finding.what


def test_folders_of_one_file_system_are_one_finding(tmp_path: Path) -> None:
    (disk,) = disks({"home": tmp_path, "landing": tmp_path / "not" / "yet"})
    assert disk.holds == ("home", "landing")
    assert disk.free_bytes > 0
