"""The commands that make files to try the product with: ``forecaster generate`` m5."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from orchestration.commands.terminal import out, waiting
from orchestration.foreign_text import escape

app = typer.Typer(no_args_is_help=True)


@app.callback()
def files() -> None:
    """Generated files, to try the product at any size."""


@app.command(epilog="Example: forecaster generate m5 large/ --series 30490 --days 1941")
def m5(
    folder: Annotated[Path, typer.Argument(help="New folder for the files.")],
    series: Annotated[
        int, typer.Option("--series", min=1, help="Items in stores; M5 has 30490, one of its stores 3049.")
    ] = 3_049,
    days: Annotated[int, typer.Option("--days", min=56, help="Days of sales; M5 has 1941.")] = 437,
    last_day: Annotated[
        datetime, typer.Option("--last-day", formats=["%Y-%m-%d"], help="Last day with sales.")
    ] = datetime(2016, 5, 22),  # noqa: DTZ001
) -> None:
    """Write sales, calendar and prices in the layout of the M5 competition, every number of them drawn.

    The same size gives the same files. Load them with 'forecaster ingest'.
    """
    from orchestration.demo.files import write_m5

    day = date(last_day.year, last_day.month, last_day.day)
    with waiting(f"Drawing {series:,} series of {days:,} days"):
        write_m5(folder, series, days, day)
    size = sum(path.stat().st_size for path in folder.iterdir())
    out.print(f"{series:,} series of {days:,} days lie in {escape(str(folder))}: {size / 1e6:,.1f} MB.")
