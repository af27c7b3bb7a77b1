"""The command ``forecaster explain``: why the plan asks for what it asks for, one item at one location."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from orchestration.commands.terminal import ClientOption, open_warehouse, out
from orchestration.foreign_text import escape


def explain(
    client: ClientOption,
    item: Annotated[str, typer.Option("--item", help="The item.")],
    location: Annotated[
        str, typer.Option("--location", help="The location; main where files name none.")
    ] = "main",
) -> None:
    """Say why the latest plan asks for a quantity: its figures, forecast, models, files and decisions."""
    _, warehouse = open_warehouse()
    from orchestration.clients import get_client
    from orchestration.reporting.series_questions import Series
    from orchestration.reporting.why_this_order import explanation, lines_of

    series = Series(get_client(warehouse, client).client_id, item, location)
    lines = lines_of(warehouse, series)
    if not lines:
        out.print(f"The latest plan asks for nothing: {escape(item)} at {escape(location)} has no line.")
        return
    table = Table(box=None, padding=(0, 1, 0, 0), show_edge=False, show_header=False)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    before = ""
    for part, sentence in explanation(lines):
        table.add_row("" if part == before else part, escape(sentence))
        before = part
    out.print(f"[bold]{escape(item)} at {escape(location)}[/]")
    out.print(table)
