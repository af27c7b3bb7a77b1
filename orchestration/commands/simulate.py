"""The command ``forecaster simulate``: past days replayed, and the service that levels would have kept."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from orchestration.commands.terminal import (
    ClientOption,
    open_warehouse,
    out,
    run_clients,
    show_where_to_look,
)
from orchestration.foreign_text import escape


def simulate(
    client: ClientOption,
    days: Annotated[
        int | None,
        typer.Option(
            min=7, help="Last days to judge, in whole weeks; without it 126, or as many as history allows."
        ),
    ] = None,
    series: Annotated[
        int | None,
        typer.Option(min=1, help="At most so many items at locations, drawn at random; without it 500."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", help="The model that forecasts; without it the first of the policy that runs."
        ),
    ] = None,
) -> None:
    """Replay past days: the service that the plan's levels would have kept, and what it would have cost."""
    settings, warehouse = open_warehouse()
    chosen = {
        name: value
        for name, value in (("days", days), ("series", series), ("model", model))
        if value is not None
    }
    [outcome] = run_clients(settings, warehouse, [client], "simulate", chosen=chosen)
    if not outcome.succeeded:
        show_where_to_look(settings)
        raise typer.Exit(1)
    from orchestration.reporting.service_questions import service_record

    found = service_record(warehouse, client)
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for title in ("levels", "chosen", "target", "cycles without stock-out", "units at once", "days of stock"):
        table.add_column(title, justify="left" if title in ("levels", "chosen") else "right")
    for row in found.rows:
        table.add_row(
            escape(row.policy),
            row.chosen,
            _percent(row.target),
            _percent(row.cycles),
            _percent(row.units),
            "-" if row.cover_days is None else f"{row.cover_days:.1f}",
        )
    out.print(table)
    out.print(escape(found.sentence), soft_wrap=True)


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"
