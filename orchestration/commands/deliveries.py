"""``forecaster delivery``: what a client delivered, and taking a delivery back."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from orchestration.commands.terminal import ClientArgument, err, open_warehouse, out, show_waiting, waiting
from orchestration.foreign_text import escape

app = typer.Typer(no_args_is_help=True, help="List a client's deliveries, and take one back.")


@app.command("list", epilog="Example: forecaster delivery list acme --limit 50")
def list_deliveries(
    client: ClientArgument,
    limit: Annotated[int, typer.Option(min=1, help="Deliveries to show, from the latest back.")] = 20,
) -> None:
    """Show what a client delivered and what became of it, the latest first."""
    _, warehouse = open_warehouse()
    from orchestration.clients import get_client
    from orchestration.reporting.deliveries import latest_deliveries

    deliveries = latest_deliveries(warehouse, get_client(warehouse, client).client_id, limit)
    table = Table("delivery", "file", "kind", "result", "rows", "from", "to", "message")
    for entry in deliveries:
        table.add_row(
            str(entry.file_id),
            escape(entry.path),
            entry.kind or "-",
            entry.status,
            f"{entry.rows_loaded:,}",
            str(entry.first_date or "-"),
            str(entry.last_date or "-"),
            escape(entry.message or ""),
        )
    out.print(table)
    if not deliveries:
        err.print(f"Nothing was delivered; load a file with 'forecaster ingest FILE --client {client}'.")


@app.command(epilog="Example: forecaster delivery withdraw acme sales_2026-03.csv")
def withdraw(
    client: ClientArgument,
    delivery: Annotated[
        str, typer.Argument(metavar="DELIVERY", help="Its number, or its file, which means the latest of it.")
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Take a delivery back, as if its file had never come; demand and scores follow with the next run.

    What came later and is about the same days is loaded again from the landing folder. The file itself
    stays where it is and is not taken again under its name.
    """
    settings, warehouse = open_warehouse()
    from orchestration.clients import get_client
    from orchestration.landing.withdrawal import withdraw as take_back

    entry = get_client(warehouse, client)
    if not yes:
        typer.confirm(f"Take back delivery {delivery} of {client}?", abort=True, err=True)
    with waiting("Taking back"):
        done = take_back(
            warehouse, entry, delivery, settings.client_landing_dir(client), on_wait=show_waiting
        )
    out.print(f"[green]Taken back[/] {escape(done.taken_back.path)}, delivery {done.taken_back.file_id}.")
    for outcome in done.loaded_again:
        out.print(f"Loaded again: {escape(outcome.path)}, now delivery {outcome.file_id}.")
    err.print(f"Next: forecaster run --client {client}")
