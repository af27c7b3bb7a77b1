"""The command ``doctor``, and the short form of it that other commands end with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.commands.terminal import err, out, waiting
from orchestration.foreign_text import escape

if TYPE_CHECKING:
    from orchestration.diagnosis.findings import Finding
    from orchestration.settings import Settings
    from orchestration.warehouse.public_rights import Statement
    from orchestration.warehouse.server import Warehouse

_COLOURS = {"ok": "green", "warning": "yellow", "problem": "red"}


def doctor(
    sql: Annotated[
        bool, typer.Option("--sql", help="Only the statements for a superuser, to be piped into psql.")
    ] = False,
) -> None:
    """Look at server, roles, limits, files, disk, clock, left-over state and weights; say what to do.

    A line each: ok, warning or problem, what was found, what to do. Nothing is changed. Ends with status 1
    where there is a problem.
    """
    from orchestration.settings import load_settings

    with waiting("Looking"):
        from orchestration.diagnosis.examination import examine, statements

    settings = load_settings()
    if sql:
        for line in psql_lines(statements(settings)):
            out.print(line, markup=False, soft_wrap=True)
        return
    problems = 0
    for finding in examine(settings):
        show_finding(finding)
        problems += finding.level == "problem"
    if problems:
        raise typer.Exit(1)


def psql_lines(found: list[Statement]) -> list[str]:
    """Statements as psql reads them, with the databases they are for."""
    lines = []
    database = None
    for statement in found:
        if statement.database != database:
            database = statement.database
            lines.append(f'\\connect "{database}"')
        lines.append(f"{statement.text};")
    return lines


def show_finding(finding: Finding) -> None:
    """One line of a finding; a part of the result."""
    out.print(_line(finding), soft_wrap=True)


def show_what_needs_a_look(settings: Settings, warehouse: Warehouse) -> None:
    """Problems and warnings, a line each; whatever they are, the command goes on."""
    with waiting("Looking after the installation"):
        from orchestration.diagnosis.examination import needs_a_look

        findings = needs_a_look(settings, warehouse)
    for finding in findings:
        err.print(_line(finding), soft_wrap=True)


def _line(finding: Finding) -> str:
    return f"[{_COLOURS[finding.level]}]{finding.level}:[/] {escape(finding.sentence)}"
