"""The command ``forecaster model benchmark-replay``: the service that a model's levels would have kept."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from orchestration.commands.terminal import counting, out
from orchestration.foreign_text import escape

if TYPE_CHECKING:
    import polars as pl

    from forecasting_lib.models.interface import Forecaster, Progress


def benchmark_replay(
    data: Annotated[
        Path,
        typer.Option(
            "--data", help="Directory with M5's files, or with some of its series.", file_okay=False
        ),
    ],
    model: Annotated[str, typer.Option("--model", help="The model that forecasts.")] = "chronos2",
    max_series: Annotated[
        int, typer.Option("--max-series", min=1, help="Series to take, evenly spaced over the file.")
    ] = 300,
    weeks: Annotated[int, typer.Option("--weeks", min=1, help="Last weeks to judge.")] = 18,
    lost: Annotated[
        bool, typer.Option("--lost", help="What stock does not serve is lost; otherwise customers wait.")
    ] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="File for all figures.")] = None,
) -> None:
    """Play the last weeks of sales with levels as they would have stood, beside two that need no model.

    Levels are as set, at the target, and fitted per demand class on the sixteen weeks before. Nothing is
    known of M5's suppliers: lead times of 7, 14 and 21 days in turn, spread by a fifth, and orders of two
    weeks' demand are made up.
    """
    from forecasting_lib.benchmark.m5_files import read_sales
    from forecasting_lib.benchmark.service_replay import replayed_service

    started = perf_counter()
    try:
        with counting("Forecasts", 1) as count:
            made = _made(model, lambda done, total: count(done / total))
            rows = replayed_service(
                read_sales(data, max_series), made, judged_weeks=weeks, sales_are_lost=lost
            )
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--data") from error
    for metric, title in (("csl_cycle", "Cycles without stock-out"), ("fill_rate", "Units at once")):
        out.print(_table(rows, metric, title))
    out.print(
        escape(
            f"{model}, {7 * weeks} days, {perf_counter() - started:.0f} s. Intervals are 95 % over series."
        )
    )
    if json_file is not None:
        json_file.write_text(rows.write_json() + "\n", encoding="utf-8")


def _made(name: str, progress: Progress) -> Forecaster:
    from forecasting_lib.models.registry import create_model, model_entry
    from forecasting_lib.models.weights import WeightsUnavailable
    from orchestration.reading.tuned_weights import base_weights
    from orchestration.settings import load_settings

    try:
        entry, settings = model_entry(name), dict[str, Any]()
        if entry.needs_weights:
            settings["path"] = base_weights(load_settings()).path
    except (ValueError, WeightsUnavailable) as error:
        raise typer.BadParameter(str(error), param_hint="--model") from error
    return create_model(name, **settings, **({"progress": progress} if entry.reports_progress else {}))


def _table(rows: pl.DataFrame, metric: str, title: str) -> Table:
    """What the levels kept by class and target, and the stock of the baselines at the same service."""
    table = Table(title=title, box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, title_justify="left")
    columns = ("class", "series", "target", "as set", "fitted", "interval", "days of stock")
    for name in (*columns, "textbook, same service", "MA7, same service"):
        table.add_column(name, justify="left" if name == "class" else "right")
    of_metric = rows.filter(metric=metric)
    fitted = of_metric.filter(basis="fitted", policy="forecast").sort("target", "segment")
    for row in fitted.iter_rows(named=True):
        same = of_metric.filter(segment=row["segment"], target=row["target"])
        as_set = same.filter(basis="as_set", policy="forecast")["achieved"]
        low, high = (_percent(row[f"achieved_{end}"]) for end in ("low", "high"))
        table.add_row(
            row["segment"],
            f"{row['n_items']:,}",
            f"{100 * row['target']:.0f} %",
            _percent(as_set[0] if len(as_set) else None),
            _percent(row["achieved"]),
            f"{low} to {high}",
            "-" if row["cover_days"] is None else f"{row['cover_days']:.1f}",
            *(_more(same, policy, row["on_hand_qty"]) for policy in ("textbook_normal", "ma7_factor")),
        )
    return table


def _more(same: pl.DataFrame, policy: str, stock: float) -> str:
    """Stock of a baseline at the service of the plan, against the plan's; nothing beyond its sweep."""
    found = same.filter(basis="equal_service", policy=policy)["on_hand_qty"]
    return f"{100 * (found[0] / stock - 1):+.0f} %" if len(found) and stock > 0 else "-"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"
