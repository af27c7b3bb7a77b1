"""The command ``forecaster model benchmark-m5``: models judged as the M5 competitions judged them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from orchestration.commands.terminal import counting, err, out
from orchestration.foreign_text import escape

if TYPE_CHECKING:
    from forecasting_lib.benchmark.m5_files import M5Sales
    from forecasting_lib.benchmark.m5_scores import M5Scores, M5Window
    from forecasting_lib.models.interface import Forecaster, Progress

TABLE_WIDTH = 130
"""Of the figures, on a narrow terminal and in a pipe, too."""

MEAN = "mean"
"""The row below those of several windows."""

Scores = Mapping[str, Mapping[str, "M5Scores"]]
"""Model -> days of the window, or ``MEAN`` -> scores."""


def benchmark_m5(
    data: Annotated[
        Path,
        typer.Option(
            "--data", help="Directory with M5's files, or with some of its series.", file_okay=False
        ),
    ],
    models: Annotated[
        list[str] | None,
        typer.Option("--model", help="A model to judge; repeatable. Without it all that can run here."),
    ] = None,
    skip: Annotated[
        list[str] | None, typer.Option("--skip", help="A model to leave out, such as auto_ets; repeatable.")
    ] = None,
    windows: Annotated[
        int, typer.Option("--windows", min=1, help="Windows of 28 days to judge, the last ones of the file.")
    ] = 1,
    max_series: Annotated[
        int | None, typer.Option("--max-series", min=1, help="Series to take, evenly spaced over the file.")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="File for all figures.")] = None,
) -> None:
    """Judge models by WRMSSE and WSPL, as the M5 competitions did, with percentage errors beside them.

    Means are added up to the sums of the twelve levels; a sum of several series takes its quantiles from mean
    and variance, as if the series were independent. No covariates are given. What was read, and whether the
    figures may be compared with the competition's, is said first.
    """
    from forecasting_lib.benchmark.m5_files import read_sales
    from forecasting_lib.benchmark.m5_scope import scope
    from forecasting_lib.benchmark.m5_scores import HORIZON, M5Window

    wanted = wanted_models(models or [], skip or [])
    try:
        sales = read_sales(data, max_series)
        judged = [M5Window.of(sales, data, days_left_off=HORIZON * number) for number in range(windows)]
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--data") from error
    said = scope(judged, sales)
    for sentence in said:
        out.print(escape(sentence), soft_wrap=True)

    scores: dict[str, dict[str, M5Scores]] = {}
    seconds: dict[str, float] = {}
    for name, made in runnable(wanted):
        begun = perf_counter()
        scores[name] = _judge(name, made, judged)
        seconds[name] = round(perf_counter() - begun, 1)
    if not scores:
        raise typer.BadParameter("none of these models can run here", param_hint="--model")
    _print_tables(scores)
    _print_published(scores, judged[0], sales)
    if json_file is not None:
        figures = _figures(sales, judged, scores)
        json_file.write_text(
            json.dumps({"data": data.name, "said": said, **figures, "seconds": seconds}, indent=2) + "\n",
            encoding="utf-8",
        )
        err.print(f"All figures: {escape(str(json_file))}")


def wanted_models(models: Sequence[str], skip: Sequence[str]) -> list[str]:
    """Names of the models to judge, the simplest first."""
    from forecasting_lib.models.registry import available_models, model_entry

    for option, names in (("--model", models), ("--skip", skip)):
        for name in names:
            try:
                model_entry(name)
            except ValueError as error:
                raise typer.BadParameter(str(error), param_hint=option) from error
    return [
        name for name in available_models() if name in (models or available_models()) and name not in skip
    ]


def runnable(names: Sequence[str]) -> Iterator[tuple[str, Callable[[Progress], Forecaster]]]:
    """Each model that can run here, with what makes it; a sentence for each that cannot."""
    from forecasting_lib.models.registry import create_model, missing_package, model_entry
    from forecasting_lib.models.weights import WeightsUnavailable
    from orchestration.reading.tuned_weights import base_weights
    from orchestration.settings import load_settings

    for name in names:
        entry, settings = model_entry(name), dict[str, Any]()
        if (missing := missing_package(name)) is not None:
            err.print(escape(missing), soft_wrap=True)
            continue
        if entry.needs_weights:
            try:
                weights = base_weights(load_settings())
            except WeightsUnavailable as error:
                err.print(escape(f"{name} is left out: {error}"), soft_wrap=True)
                continue
            out.print(escape(f"Weights of {name}: {weights.model_id}, sha256 {weights.digest[:12]}."))
            settings["path"] = weights.path

        def made(
            progress: Progress,
            name: str = name,
            settings: Mapping[str, Any] = settings,
            reports: bool = entry.reports_progress,
        ) -> Forecaster:
            return create_model(name, **settings, **({"progress": progress} if reports else {}))

        yield name, made


def _judge(
    name: str, made: Callable[[Progress], Forecaster], judged: Sequence[M5Window]
) -> dict[str, M5Scores]:
    """The scores of a model in each window, and their mean where there are several."""
    from forecasting_lib.benchmark.m5_scores import HORIZON, mean_scores, score
    from forecasting_lib.models.guards import guarded_predict

    scores = {}
    for window in judged:
        panel = window.origin.panel
        with counting(name, len(panel)) as show:
            model = made(lambda done, _total, show=show: show(done))  # type: ignore[misc]
            scores[window.days] = score(window, guarded_predict(model, panel, HORIZON))
    return scores if len(scores) == 1 else {**scores, MEAN: mean_scores(list(scores.values()))}


def _print_tables(scores: Scores) -> None:
    wide = Console(highlight=False, emoji=False, width=max(out.width, TABLE_WIDTH))
    one_window = all(len(rows) == 1 for rows in scores.values())

    def table(title: str, columns: Sequence[str], cells: Callable[[M5Scores], Sequence[str]]) -> None:
        shown = Table(title, *([] if one_window else ["days"]), box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
        for column in columns:
            shown.add_column(column, justify="right")
        for name, rows in scores.items():
            for days, found in rows.items():
                shown.add_row(name, *([] if one_window else [days]), *cells(found))
        wide.print(shown)

    numbers = [str(number) for number in range(1, 13)]
    for title, mean, by_level in (
        ("WRMSSE", lambda s: s.mean_wrmsse, lambda s: s.wrmsse),
        ("WSPL", lambda s: s.mean_wspl, lambda s: s.wspl),
    ):
        table(
            title,
            ["mean", *numbers],
            lambda s, mean=mean, by_level=by_level: [  # type: ignore[misc]
                f"{mean(s):.4f}", *(f"{value:.3f}" for value in by_level(s))
            ],
        )  # fmt: skip
    table("inside 95 %", numbers, lambda s: [f"{share:.0%}" for share in s.inside_95])
    added_up = list(next(iter(next(iter(scores.values())).values())).percentages)
    table(
        "errors",
        [f"{measure} {name}" for name in added_up for measure in ("WAPE", "MAPE")],
        lambda s: [
            cell
            for e in s.percentages.values()
            for cell in (f"{e.wape:.1%}", f"{e.mape:.1%} ({e.share_sold:.0%})")
        ],
    )


def _print_published(scores: Scores, latest: M5Window, sales: M5Sales) -> None:
    """The competition's benchmarks beside the latest window, where its series are the competition's."""
    from forecasting_lib.benchmark.m5_scope import JUDGED_TO, PUBLISHED, is_whole

    if not is_whole(latest, sales):
        return
    for name in (name for name in PUBLISHED if name in scores):
        benchmark, published = PUBLISHED[name]
        own = scores[name][latest.days].mean_wrmsse
        out.print(
            f"{name}: WRMSSE {own:.3f} over {latest.days}; the competition's {benchmark} {published:.3f} "
            f"over d_1942-{JUDGED_TO}.",
            soft_wrap=True,
        )


def _figures(sales: M5Sales, judged: Sequence[M5Window], scores: Scores) -> dict[str, Any]:
    """Everything measured, as JSON holds it; NaN is null."""
    latest = judged[0]
    return {
        "series": len(sales.rows),
        "series_in_file": sales.series_in_file,
        "weights": "dollars" if latest.priced else "units",
        "levels": [
            {"number": level.number, "name": level.name, "sums": len(level.members)}
            for level in latest.levels
        ],
        "scores": {
            name: {
                days: _without_nan(
                    {"mean_wrmsse": found.mean_wrmsse, "mean_wspl": found.mean_wspl, **asdict(found)}
                )
                for days, found in rows.items()
            }
            for name, rows in scores.items()
        },
    }


def _without_nan(figures: Any) -> Any:
    """The same with None in the place of NaN, which JSON does not know."""
    if isinstance(figures, Mapping):
        return {name: _without_nan(value) for name, value in figures.items()}
    if isinstance(figures, tuple):
        return [_without_nan(value) for value in figures]
    return None if math.isnan(figures) else figures
