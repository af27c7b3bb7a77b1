"""The command ``doctor``: a line for each finding, from whatever state the installation is in."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import make_url
from typer.testing import CliRunner, Result

from orchestration.cli import app
from orchestration.diagnosis.examination import looked_at, needs_a_look
from orchestration.diagnosis.findings import Finding, Level
from orchestration.errors import UserError
from orchestration.settings import Settings
from orchestration.warehouse.server import Warehouse


def doctor(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["doctor", *arguments])


def broken(message: str) -> list[Finding]:
    raise UserError(message) if message else AssertionError


def test_a_part_that_breaks_is_a_finding_and_no_trace() -> None:
    (known,) = looked_at("the server", lambda: broken("it does not answer."))
    assert known.sentence == "the server cannot be looked at: it does not answer."
    (unknown,) = looked_at("the server", lambda: broken(""))
    assert "AssertionError: no message" in unknown.what
    assert {known.level, unknown.level} == {Level.PROBLEM}


@pytest.mark.usefixtures("warehouse")
def test_every_finding_of_a_sound_installation_is_a_line(settings: Settings) -> None:
    settings.home.chmod(0o711)
    result = doctor()
    lines = result.stdout.splitlines()
    assert not result.stderr
    assert all(line.split(":")[0] in ("ok", "warning", "problem") for line in lines)
    for words in ("PostgreSQL 1", "clock", "tables are up to date", "free for", "Chronos-2", "in progress"):
        assert words in result.stdout
    assert result.exit_code == any(line.startswith("problem") for line in lines)


def test_a_server_that_does_not_answer_is_a_problem_and_the_rest_is_looked_at(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert settings
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/warehouse")
    result = doctor()
    assert result.exit_code == 1
    assert "problem: the database server cannot be looked at: PostgreSQL does not answer" in result.stdout
    assert "free for" in result.stdout
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("database", "said"),
    [
        ("never_made", "problem: the database server cannot be looked at: The database has no tables yet."),
        ("postgres", "problem: the database has no tables yet: run 'forecaster migrate'."),
    ],
)
def test_a_database_that_was_never_made_or_never_migrated_is_a_problem(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, database: str, said: str
) -> None:
    url = make_url(warehouse.admin_url).set(database=database)
    monkeypatch.setenv("DATABASE_URL", url.render_as_string(hide_password=False))
    result = doctor()
    assert result.exit_code == 1
    assert said in result.stdout
    assert "Traceback" not in result.output
    assert doctor("--sql").exit_code == 1


def test_torn_files_of_the_embedded_server_end_in_findings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("")
    (tmp_path / "postgres" / "postmaster.pid").write_text("")
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("FORECASTER_HOME", str(tmp_path))
    result = doctor()
    assert result.exit_code == 1
    assert "postmaster.pid names no process" in result.stdout
    assert "Traceback" not in result.output


def test_the_statements_alone_can_be_piped(tcp_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", tcp_warehouse.admin_url)
    result = doctor("--sql")
    assert result.exit_code == 0
    first, *statements = result.stdout.splitlines()
    assert first == '\\connect "warehouse"'
    assert statements
    assert all(line.startswith(("grant ", "revoke ")) and line.endswith(";") for line in statements)


def test_other_commands_show_what_needs_a_look_and_nothing_else(
    settings: Settings, warehouse: Warehouse
) -> None:
    settings.home.chmod(0o755)
    try:
        findings = needs_a_look(settings, warehouse)
        assert [f for f in findings if str(settings.home) in f.what]
        assert not [f for f in findings if f.level is Level.OK]
        shown = CliRunner().invoke(app, ["status"])
        assert shown.exit_code == 0
        assert "chmod go-rw" in shown.stderr
    finally:
        settings.home.chmod(0o711)
