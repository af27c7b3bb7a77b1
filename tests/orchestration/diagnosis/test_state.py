"""What earlier processes left behind, and the weights the next run would use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestration.diagnosis.findings import Finding, Level
from orchestration.diagnosis.state import (
    LONGEST_RUN_SECONDS,
    UnfinishedRun,
    examine_files,
    examine_weights,
    judge_runs,
    judge_server_file,
    unfinished_pieces,
)
from orchestration.settings import Settings
from tests.orchestration.warehouse.hard_stop import GENUINE


def levels(findings: list[Finding]) -> list[Level]:
    return [finding.level for finding in findings]


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings of an installation with nothing in it."""
    monkeypatch.setenv("FORECASTER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FORECASTER_LANDING_DIR", str(tmp_path / "landing"))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return Settings(_env_file=None)


def test_nothing_is_left_where_nothing_ever_ran(elsewhere: Settings) -> None:
    assert examine_files(elsewhere) == []


def test_the_file_of_a_killed_ui_is_named(elsewhere: Settings) -> None:
    elsewhere.home.mkdir()
    (elsewhere.home / "service.json").write_text('{"pid": 1, "port": 3000}')
    (finding,) = examine_files(elsewhere)
    assert finding.level is Level.WARNING
    assert "service.json is of a UI that was killed" in finding.what


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("", "names no process"),
        ("a torn file", "names no process"),
        (GENUINE.format(pid=os.getpid(), data_dir="/srv/postgres"), "is of a server that was killed"),
        (GENUINE.format(pid=999999999, data_dir="/srv/postgres"), "is of a server that was killed"),
    ],
    ids=["empty", "torn", "a stranger's number", "nobody's number"],
)
def test_a_server_file_without_its_server_is_named_and_left_to_the_next_start(
    tmp_path: Path, content: str, what: str
) -> None:
    """A stranger may have the number by now, who must not be stopped for it."""
    (tmp_path / "postmaster.pid").write_text(content)
    (finding,) = judge_server_file(tmp_path)
    assert finding.level is Level.WARNING
    assert what in finding.what
    assert finding.advice.startswith("nothing; the next command")


def test_a_server_that_runs_is_no_finding(settings: Settings, tmp_path: Path) -> None:
    assert list(judge_server_file(settings.home / "postgres")) == []
    assert list(judge_server_file(tmp_path)) == []


def test_pieces_that_nobody_touched_for_a_day_are_unfinished(tmp_path: Path) -> None:
    for name in ("sales.csv.part", "stock.csv.part", "whole.csv"):
        (tmp_path / name).write_text("x")
    moment = (tmp_path / "sales.csv.part").stat().st_mtime
    os.utime(tmp_path / "stock.csv.part", (moment, moment - 90_000))
    assert unfinished_pieces([tmp_path, tmp_path / "none"], moment) == [tmp_path / "stock.csv.part"]


def test_a_run_of_a_ui_that_is_gone_is_nobodys() -> None:
    run = UnfinishedRun("0123456789", "acme", is_of_the_command_line=False, seconds=60.0)
    assert levels(list(judge_runs([run], ui_is_running=True))) == [Level.OK]
    first, _ = judge_runs([run], ui_is_running=False)
    assert first.sentence == (
        "run 01234567 of acme is marked as started and nothing runs it: 'forecaster up' starts it again."
    )


def test_a_command_that_runs_longer_than_any_run_may_is_named() -> None:
    young = UnfinishedRun("a" * 32, "acme", is_of_the_command_line=True, seconds=60.0)
    old = UnfinishedRun("b" * 32, "acme", is_of_the_command_line=True, seconds=LONGEST_RUN_SECONDS + 1)
    assert levels(list(judge_runs([young, old], ui_is_running=False))) == [Level.WARNING, Level.OK]


def test_weights_that_cannot_be_had_are_a_problem(
    elsewhere: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert levels(examine_weights(elsewhere)) in ([Level.WARNING], [Level.OK])
    monkeypatch.setenv("CHRONOS_MODEL_ID", str(tmp_path / "nothing"))
    (finding,) = examine_weights(Settings(_env_file=None))
    assert finding.level is Level.PROBLEM
    assert "CHRONOS_MODEL_ID" in finding.advice
