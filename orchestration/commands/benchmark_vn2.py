"""The command ``forecaster model benchmark-vn2``: orders by the rules of the VN2 inventory competition."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from orchestration.commands.terminal import out, waiting


def benchmark_vn2(
    data: Annotated[
        Path, typer.Option("--data", help="Directory with the competition's wide files.", file_okay=False)
    ],
    windows: Annotated[int, typer.Option("--windows", min=1, help="Windows of six weeks to play.")] = 10,
) -> None:
    """Play the last windows of the VN2 competition's published weeks: a fitted rule beside the simple one.

    The simple rule is a seasonal average of 13 weeks with 0.6 roots of it as buffer and lost sales projected;
    the other's level and season are those that were cheapest on the windows that end before each.
    """
    from polars.exceptions import PolarsError

    from forecasting_lib.benchmark.vn2 import read_vn2, replayed_windows

    try:
        sales = read_vn2(data)
        with waiting("Playing the windows and those before them"):
            figures = replayed_windows(sales, windows)
    except (ValueError, OSError, PolarsError) as error:
        raise typer.BadParameter(str(error), param_hint="--data") from error
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for title in ("first week", "simple rule", "fitted rule", "of it", "level", "season"):
        table.add_column(title, justify="right")
    played = zip(figures.starts, figures.simple, figures.fitted, figures.choices, strict=True)
    for start, simple, fitted, choice in played:
        season = "of its division" if choice.by_group else "of all"
        table.add_row(
            *(str(start), f"{simple:,.0f}", f"{fitted:,.0f}", f"{fitted / simple:.3f}"),
            *(f"{choice.level:.2f}", season),
        )
    out.print(table)
    low, high = figures.interval()
    out.print(
        f"All {windows} windows: {figures.fitted.sum():,.0f} for {figures.simple.sum():,.0f}, "
        f"{figures.ratio():.3f} of the simple rule's cost ({low:.3f} to {high:.3f} over windows)."
    )
