"""What a person at the terminal sees: consoles, progress of a run, the opening of an installation.

Belongs here: display, and the two lines every command starts with. Does not belong here: commands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Any, Self

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

from orchestration.foreign_text import escape

if TYPE_CHECKING:
    from orchestration.running.runs import RunOutcome, StepUpdate
    from orchestration.settings import Settings
    from orchestration.warehouse.server import Warehouse

out = Console(highlight=False, emoji=False)
"""Results: what a pipe may read."""

err = Console(stderr=True, highlight=False, emoji=False)
"""Progress, hints and mistakes."""

ClientArgument = Annotated[str, typer.Argument(metavar="CLIENT", help="The client's slug.")]

ClientOption = Annotated[
    str, typer.Option("--client", help="The client's slug, as 'forecaster client list' shows it.")
]


@contextmanager
def waiting(message: str) -> Iterator[None]:
    """Show that something is going on, for as long as the block lasts."""
    with err.status(escape(message)):
        yield


@contextmanager
def counting(title: str, total: int) -> Iterator[Any]:
    """A progress bar on a terminal; yields a function to call with the number done."""
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=err,
        disable=not err.is_terminal,
    ) as progress:
        task = progress.add_task(title, total=total)
        yield lambda done: progress.update(task, completed=done)


def open_warehouse(*, migrated: bool = True) -> tuple[Settings, Warehouse]:
    """The installation's settings and warehouse; starts the embedded server where it is not running.

    Args:
        migrated: insist that the tables are there.

    Raises:
        WarehouseError: the database cannot be used.
    """
    from orchestration.settings import load_settings
    from orchestration.warehouse.server import locate_warehouse

    settings = load_settings()
    with waiting("Connecting to PostgreSQL"):
        warehouse = locate_warehouse(settings)
        if migrated:
            warehouse.require_tables()
    return settings, warehouse


def show_waiting(message: str) -> None:
    """A sentence about whom the command waits for."""
    err.print(f"[yellow]{escape(message)}[/]", soft_wrap=True)


def show_warning(warning: str) -> None:
    """A sentence about something that needs a look; a part of the result."""
    out.print(f"[yellow]warning:[/] {escape(warning)}", soft_wrap=True)


class RunProgress:
    """The steps of one run as they happen: a spinner each on a terminal, a line each elsewhere."""

    def __init__(self, console: Console, title: str) -> None:
        self._console = console
        self._title = title
        self._tasks: dict[str, TaskID] = {}
        self._progress = Progress(
            TextColumn(" "),
            SpinnerColumn(finished_text="[green]✓[/]"),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> Self:
        self._console.print(f"[bold]{escape(self._title)}[/]")
        self._progress.start()
        self._tasks[""] = self._progress.add_task("starting", total=1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if (opening := self._tasks.pop("", None)) is not None:
            self._progress.remove_task(opening)
        self._progress.stop()

    def show(self, update: StepUpdate) -> None:
        """Show what happened to a step."""
        if (opening := self._tasks.pop("", None)) is not None:
            self._progress.remove_task(opening)
        name = escape(update.step.split("__")[-1].replace("_", " "))
        if update.step not in self._tasks:
            self._tasks[update.step] = self._progress.add_task(name, total=1)
        task = self._tasks[update.step]
        mark = {
            "started": "",
            "done": "[green]✓[/]",
            "failed": "[red]✗[/]",
            "retrying": "[yellow]again[/]",
            "skipped": "[dim]skipped[/]",
        }[update.state]
        if update.state in ("failed", "retrying", "skipped"):
            self._progress.update(task, description=f"{name} {mark}")
        if update.state in ("done", "failed", "skipped"):
            self._progress.update(task, completed=1)
        if not self._console.is_terminal and mark:
            seconds = "" if update.seconds is None else f" {update.seconds:.1f} s"
            self._console.print(f"  {mark} {name}{seconds}")

    def note(self, message: str) -> None:
        """A sentence between the steps."""
        self._console.print(f"  [yellow]{escape(message)}[/]")


def run_clients(
    settings: Settings,
    warehouse: Warehouse,
    client_ids: Sequence[str],
    job_name: str,
    as_of: date | None = None,
    chosen: Mapping[str, Any] | None = None,
) -> list[RunOutcome]:
    """Run a job for clients one after the other, showing the steps; ends with a line for each run.

    Args:
        settings: the installation.
        warehouse: where its tables are.
        client_ids: whose.
        job_name: of the UI.
        as_of: last day the models may see.
        chosen: settings of the job's only step.

    Raises:
        RunError: there is no such job, or it takes no as-of date.
    """
    with waiting("Loading Dagster"):
        from orchestration.clients import registered_ids, sync_partitions
        from orchestration.running.instance import open_instance
        from orchestration.running.runs import find_job, output_sent_to, run_job

    outcomes = []
    with open_instance(settings, warehouse) as instance:
        with waiting("Loading the definitions"):
            job = find_job(job_name)
        sync_partitions(instance, registered_ids(warehouse))
        for client_id in client_ids:
            with output_sent_to(_log(settings)) as screen:
                console = Console(file=screen, highlight=False, emoji=False)
                with RunProgress(console, f"{client_id}: {job_name}") as progress:
                    outcome = run_job(
                        warehouse,
                        instance,
                        job,
                        client_id,
                        as_of=as_of,
                        chosen=chosen,
                        on_step=progress.show,
                        on_wait=progress.note,
                    )
            _show_outcome(outcome)
            outcomes.append(outcome)
    return outcomes


def show_where_to_look(settings: Settings) -> None:
    """After a failed run: where its details are."""
    log = escape(str(_log(settings)))
    err.print(f"What the steps printed is in {log}; 'forecaster up' shows the runs in the UI.")


def _log(settings: Settings) -> Path:
    return settings.home / "logs" / "runs.log"


def _show_outcome(outcome: RunOutcome) -> None:
    colour = "yellow" if outcome.succeeded else "red"
    for problem in outcome.problems:
        word = "warning" if outcome.succeeded else "problem"
        err.print(f"  [{colour}]{word}:[/] {escape(problem)}", soft_wrap=True)
    word = "[green]finished[/]" if outcome.succeeded else "[red]failed[/]"
    err.print(f"  {word} in {outcome.seconds:.0f} s, run {outcome.run_id}")
