"""``forecaster retain``: thin what is past its use, or say what would go and why the rest stays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from orchestration.commands.terminal import err, open_warehouse, out, show_warning, waiting
from orchestration.foreign_text import escape

if TYPE_CHECKING:
    from orchestration.retention.retain import Retained
    from orchestration.settings import Settings
    from orchestration.warehouse.server import Warehouse


def retain(
    client: Annotated[list[str] | None, typer.Option("--client", help="A client; repeatable.")] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Every active client, and Dagster's own old runs.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would go and why the rest stays; change nothing.")
    ] = False,
) -> None:
    """Thin what is past its use by each client's policies; decisions and the accuracy of forecasts stay.

    The policies are the --keep-...-days of 'forecaster client update'. The schedule 'retention' does the same
    for all clients every night.
    """
    if bool(client) == every:
        raise typer.BadParameter("name clients with --client, or take them all with --all")
    settings, warehouse = open_warehouse()
    from orchestration.clients import Registry, get_client, read_registry
    from orchestration.retention.retain import make_reusable
    from orchestration.retention.retain import retain as thin
    from orchestration.retention_policy import contradictions

    registry = (
        read_registry(warehouse, active_only=True)
        if every
        else Registry([get_client(warehouse, name) for name in client or ()], [])
    )
    done = []
    for entry in registry.clients:
        for sentence in contradictions(entry):
            show_warning(f"{entry.client_id}: {sentence}")
        with err.status(f"{entry.client_id}") as status:
            done.append(
                thin(
                    warehouse,
                    entry,
                    is_dry=dry_run,
                    on_progress=lambda subject: status.update(escape(subject)),
                )
            )
        _show(done[-1], is_dry=dry_run)
    if not dry_run and done:
        with waiting("Making the space reusable"):
            make_reusable(warehouse, done)
    if every:
        _forget_runs(settings, warehouse, is_dry=dry_run)
    for problem in registry.problems:
        err.print(f"[red]left out:[/] {escape(problem.message)}", soft_wrap=True)
    if registry.problems:
        raise typer.Exit(1)


def _show(retained: Retained, *, is_dry: bool) -> None:
    out.print(f"[bold]{retained.client_id}[/]")
    _print_rows(
        ("would go" if is_dry else "gone", "how many", "rows", "rows that stay", "by"),
        [
            (
                went.what,
                f"{went.things:,}",
                f"{went.rows.gone.total():,}",
                f"{went.rows.stay.total():,} decided about" if went.rows.stay.total() else "none",
                f"{went.policy} = {went.days}",
            )
            for went in retained.went
        ],
        "Nothing is past its use.",
    )
    _print_rows(
        ("stays whole", "how many", "why"),
        [(what, f"{count:,}", why) for (what, why), count in sorted(retained.stays.items())],
        "",
    )


def _forget_runs(settings: Settings, warehouse: Warehouse, *, is_dry: bool) -> None:
    from orchestration.retention.dagster_runs import WHY_LATEST, forget_runs, old_runs
    from orchestration.running.instance import open_instance

    days = settings.keep_dagster_runs_days
    with open_instance(settings, warehouse) as instance, waiting("Looking at Dagster's runs"):
        old = old_runs(instance, days)
        if not is_dry:
            forget_runs(warehouse, instance, old, days)
    out.print("[bold]Dagster[/]")
    _print_rows(
        ("would go" if is_dry else "gone", "how many", "by"),
        [("runs with their events and logs", f"{len(old.going):,}", f"kept for {days} days")]
        if old.going
        else [],
        f"No run that has ended is older than {days} days.",
    )
    if old.latest:
        _print_rows(("stays", "how many", "why"), [("runs", f"{old.latest:,}", WHY_LATEST)], "")


def _print_rows(titles: Sequence[str], rows: Sequence[Sequence[str]], nothing: str) -> None:
    if not rows:
        if nothing:
            out.print(nothing)
        return
    table = Table(*titles, box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for row in rows:
        table.add_row(*row)
    out.print(table)
