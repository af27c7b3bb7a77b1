"""The command ``forecaster model benchmark-service``: whether reorder points keep their promise."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from orchestration.commands.terminal import counting, err, out
from orchestration.foreign_text import escape

if TYPE_CHECKING:
    from forecasting_lib.benchmark.service import Kept

TABLE_WIDTH = 120
"""Of the figures, on a narrow terminal and in a pipe, too."""

HORIZON = 28


def benchmark_service(
    data: Annotated[
        Path,
        typer.Option("--data", help="Directory with a sales_train*.csv of M5's layout.", file_okay=False),
    ],
    model: Annotated[str, typer.Option("--model", help="Whose forecasts are planned on.")] = "chronos2",
    origins: Annotated[
        int, typer.Option("--origins", min=5, help="Past days to plan from, four weeks apart.")
    ] = 8,
    max_series: Annotated[
        int | None, typer.Option("--max-series", min=1, help="Series to take, evenly spaced over the file.")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="File for all figures.")] = None,
) -> None:
    """Judge reorder points by the demand that followed, on the last four of some past days.

    What a backtest fits is fitted on the days before those. Beside each share of cycles served stand the
    share that was predicted, and the stock that the textbook's formula on history and a seven-day average
    need to serve as many, each with the factor that does so.
    """
    from forecasting_lib.benchmark.m5_files import read_sales
    from forecasting_lib.benchmark.service import service_kept
    from forecasting_lib.models.guards import guarded_predict
    from orchestration.commands.benchmark_m5 import runnable, wanted_models

    names = wanted_models([model], [])
    try:
        sales = read_sales(data, max_series)
        past = [sales.origin(HORIZON, HORIZON * number) for number in reversed(range(origins))]
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--data") from error
    found = list(runnable(names))
    if not found:
        raise typer.BadParameter(f"{model} cannot run here", param_hint="--model")
    _, made = found[0]
    out.print(f"{len(sales.rows):,} series, {origins} origins, the last four judged.", soft_wrap=True)
    forecasts = []
    for number, origin in enumerate(past, 1):
        with counting(f"{model}, origin {number} of {origins}", len(origin.panel)) as show:
            forecaster = made(lambda done, _total, show=show: show(done))  # type: ignore[misc]
            forecasts.append(guarded_predict(forecaster, origin.panel, HORIZON))
    kept = service_kept(past, forecasts)
    Console(highlight=False, emoji=False, width=max(out.width, TABLE_WIDTH)).print(_table(kept))
    if json_file is not None:
        json_file.write_text(json.dumps([asdict(one) for one in kept], indent=2) + "\n", encoding="utf-8")
        err.print(f"All figures: {escape(str(json_file))}")


def _table(kept: Sequence[Kept]) -> Table:
    shown = Table("class", "days", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in ("target", "cycles", "served (95 %)", "predicted", "stock", "textbook", "average"):
        shown.add_column(column, justify="right")
    for one in kept:
        shown.add_row(
            one.demand_class,
            one.interval,
            f"{one.target:.0%}",
            f"{one.cycles:,}",
            f"{one.achieved:.1%} ({one.low:.1%} to {one.high:.1%})",
            f"{one.predicted:.1%}",
            f"{one.stock:,.0f}",
            *(
                "never" if other is None else f"{one.stock / other[0] - 1.0:+.1%}"
                for other in (one.textbook, one.average)
            ),
        )
    return shown
