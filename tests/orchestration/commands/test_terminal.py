"""What a run shows: words of others are printed as they are, whatever they look like to the terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from orchestration.commands.terminal import RunProgress, _show_outcome, show_warning, waiting
from orchestration.running.runs import RunOutcome, StepUpdate

LOOKS_LIKE_MARKUP = "[/x] of [red]"


def test_titles_notes_and_steps_are_shown_as_they_are() -> None:
    screen = io.StringIO()
    with RunProgress(Console(file=screen, width=100), f"{LOOKS_LIKE_MARKUP} client") as progress:
        progress.note(f"{LOOKS_LIKE_MARKUP} waits")
        progress.show(StepUpdate(f"{LOOKS_LIKE_MARKUP} step", "done", 1.0))
    shown = screen.getvalue()
    for word in ("client", "waits", "step"):
        assert f"{LOOKS_LIKE_MARKUP} {word}" in shown


def test_steps_on_a_terminal_are_shown_as_they_are() -> None:
    screen = io.StringIO()
    console = Console(file=screen, width=100, force_terminal=True, color_system=None)
    with RunProgress(console, "client") as progress:
        progress.show(StepUpdate(f"{LOOKS_LIKE_MARKUP} step", "started"))
        progress.show(StepUpdate(f"{LOOKS_LIKE_MARKUP} step", "failed", 1.0))
    assert f"{LOOKS_LIKE_MARKUP} step" in screen.getvalue()


@pytest.mark.parametrize("succeeded", [True, False])
def test_problems_of_a_run_are_shown_as_they_are(succeeded: bool, capsys: pytest.CaptureFixture[str]) -> None:
    problem = f"demand: item {LOOKS_LIKE_MARKUP} has no sales"
    _show_outcome(RunOutcome("acme", "client_pipeline", "run-1", succeeded, 2.0, [problem]))
    assert problem in capsys.readouterr().err


def test_warnings_and_what_is_waited_for_are_shown_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    with waiting(f"Writing {LOOKS_LIKE_MARKUP}"):
        show_warning(f"{LOOKS_LIKE_MARKUP} is late")
    assert f"{LOOKS_LIKE_MARKUP} is late" in capsys.readouterr().out
