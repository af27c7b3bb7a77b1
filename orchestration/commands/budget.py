"""The command ``forecaster budget``: which units to buy first with a sum of money."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from orchestration.commands.terminal import ClientOption, open_warehouse, out
from orchestration.foreign_text import escape

LOTS_SHOWN = 30


def budget(
    client: ClientOption,
    amount: Annotated[float, typer.Option("--amount", min=0.0, help="The sum to spend, client currency.")],
    csv: Annotated[
        Path | None, typer.Option("--csv", dir_okay=False, help="Write the whole list to this file.")
    ] = None,
) -> None:
    """Say which units to buy first with a sum: each lot by the sales it saves for what it costs."""
    _, warehouse = open_warehouse()
    from orchestration.clients import get_client
    from orchestration.reading.purchase_candidates import best_purchases

    client_id = get_client(warehouse, client).client_id
    found = best_purchases(warehouse, client_id, amount)
    lots = found.lots
    if csv is not None:
        lots.write_csv(csv)
    if lots.height:
        table = Table(box=None, padding=(0, 1, 0, 0), show_edge=False)
        for name in ("#", "item", "location", "supplier"):
            table.add_column(name, justify="right" if name == "#" else "left", overflow="fold")
        for name in ("units", "value", "saves", "per money", "spent"):
            table.add_column(name, justify="right", no_wrap=True)
        for rank, lot in enumerate(lots.head(LOTS_SHOWN).iter_rows(named=True), start=1):
            table.add_row(
                str(rank),
                escape(lot["item_id"]),
                escape(lot["location_id"]),
                escape(lot["supplier_id"] or "-"),
                f"{lot['order_qty']:,.10g}",
                f"{lot['order_value']:,.2f}",
                f"{lot['benefit_value']:,.2f}",
                f"{lot['benefit_per_money']:,.2f}",
                f"{lot['spent_value']:,.2f}",
            )
        out.print(table)
    spent = float(lots["order_value"].sum())
    series = lots.select("item_id", "location_id").n_unique()
    out.print(
        f"As of {found.as_of_date}, {amount:,.2f} buys {lots.height:,} lots for {series:,} of "
        f"{found.series:,} series; they save {float(lots['benefit_value'].sum()):,.2f} that would be lost, "
        f"and {amount - spent:,.2f} is left."
    )
    if lots.height > LOTS_SHOWN:
        rest = "write all of them with --csv" if csv is None else f"all of them are in {csv}"
        out.print(f"The first {LOTS_SHOWN} are shown; {rest}.")
    if found.without_position or found.without_money:
        out.print(
            f"Not ranked: {found.without_position:,} series without a known stock or lead time, "
            f"{found.without_money:,} without a unit cost or price; 'forecaster status' says what to deliver."
        )
