"""The command ``forecaster model evaluate``: weights beside their baselines on genuine days held out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from orchestration.commands.terminal import counting, err, out, waiting
from orchestration.foreign_text import escape

if TYPE_CHECKING:
    from forecasting_lib.benchmark.baselines import Answer
    from forecasting_lib.benchmark.figures import Interval, SeriesScores
    from forecasting_lib.models.weights import ResolvedWeights
    from forecasting_lib.origins import Origin
    from forecasting_lib.panel import Panel

TABLE_WIDTH = 120
"""Of the figures, on a narrow terminal and in a pipe, too."""

SERIES_A_SECOND = 15
"""That AutoETS and Theta take on a core."""

Bars = Mapping[str, Mapping[str, "Interval"]]
"""Ratio -> model -> figure."""


def evaluate(
    data: Annotated[
        Path,
        typer.Option("--data", help="Directory with a sales_train*.csv of M5's layout.", file_okay=False),
    ],
    weights: Annotated[
        str | None,
        typer.Option("--weights", help="Directory or hub id; without it those the pipeline would use."),
    ] = None,
    windows: Annotated[
        int, typer.Option("--windows", min=1, help="Windows to hold out, one after the other, the last ones.")
    ] = 4,
    max_series: Annotated[
        int | None, typer.Option("--max-series", min=1, help="Series to take, evenly spaced over the file.")
    ] = None,
    horizon: Annotated[int, typer.Option("--horizon", min=1, help="Days of a window.")] = 28,
    with_flags: Annotated[
        bool,
        typer.Option("--with-flags", help="Ask again with the SNAP days and events of M5's calendar.csv."),
    ] = False,
    skip_statsforecast: Annotated[
        bool, typer.Option("--skip-statsforecast", help="Leave out AutoETS and Theta, the slowest baselines.")
    ] = False,
    skip_synthetic: Annotated[
        bool, typer.Option("--skip-synthetic", help="Leave out the two ratios on held-out synthetic demand.")
    ] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="File for all figures.")] = None,
) -> None:
    """Judge weights against seven baselines on the last windows of M5-format files.

    Histories begin with the first sale; each window is forecast from what lies before it. Point forecasts
    (medians where there are quantiles) answer for WAPE and MASE, means for RMSE, bias and totals. The figures
    are of all windows together, with a table by window and by demand class below. Intervals are the central
    95 % of a bootstrap over series in which model and baseline see the same series. No covariates are used,
    but where --with-flags asks for them.
    """
    from forecasting_lib.backtesting.segments import demand_classes
    from forecasting_lib.benchmark.card import RAW, TOLD, WHOLE
    from forecasting_lib.benchmark.figures import figures, score_series
    from forecasting_lib.benchmark.m5_calendar import told_of_flags
    from forecasting_lib.benchmark.m5_files import read_sales
    from forecasting_lib.benchmark.windows import Window, pooled

    try:
        sales = read_sales(data, max_series)
        days_left_off = [horizon * number for number in reversed(range(windows))]
        origins = [sales.origin(horizon, left_off) for left_off in days_left_off]
        told = [
            told_of_flags(origin, sales, data, sales.last_day - left_off - horizon)
            for origin, left_off in zip(origins if with_flags else (), days_left_off, strict=False)
        ]
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--data") from error
    resolved = _weights(weights)
    held_out = f"the last {horizon} days" if windows == 1 else f"the last {windows} windows of {horizon} days"
    out.print(
        f"{len(origins[0].panel)} series, {held_out} held out. Weights: {escape(resolved.model_id)}, "
        f"sha256 {resolved.digest[:12]}.",
        soft_wrap=True,
    )

    answers = _baselines([origin.panel for origin in origins], horizon, skip_statsforecast)
    for own, raw, whole in zip(answers, *_model_answers("Chronos-2", resolved, origins), strict=True):
        own.update({RAW: raw, WHOLE: whole})
    if told:
        for own, whole in zip(answers, _model_answers(TOLD, resolved, told)[1], strict=True):
            own[TOLD] = whole
    judged = [
        Window(
            origin.date,
            {name: score_series(origin, answer) for name, answer in own.items()},
            demand_classes(origin.panel),
        )
        for origin, own in zip(origins, answers, strict=True)
    ]
    table, bars = figures(pooled(judged)), _bars(pooled(judged))
    by_window = {str(window.seen_through): _bars(pooled([window])) for window in judged}
    by_class = {
        name: _bars(pooled(judged, name))
        for name in sorted({name for window in judged for name in window.classes})
    }
    counts = {name: sum(int(window.of_class(name).sum()) for window in judged) for name in by_class}
    wide = Console(highlight=False, emoji=False, width=max(out.width, TABLE_WIDTH))
    wide.print(_metrics_table(table))
    wide.print(_bars_table(bars))
    if windows > 1:
        wide.print(_parts_table("known through", {day: (None, own) for day, own in by_window.items()}))
    wide.print(_parts_table("class", {name: (counts[name], own) for name, own in by_class.items()}))
    synthetic = {} if skip_synthetic else _synthetic(resolved)
    if json_file is not None:
        found = {
            "data": data.name,
            "series": len(origins[0].panel),
            "horizon_days": horizon,
            "windows": {day: _plain(own) for day, own in by_window.items()},
            "classes": {
                name: {"series_windows": counts[name], "bars": _plain(own)} for name, own in by_class.items()
            },
            "weights": {"model_id": resolved.model_id, "digest": resolved.digest},
            "metrics": _plain(table),
            "bars": _plain(bars),
            "synthetic": {name: asdict(ratio) for name, ratio in synthetic.items()},
        }
        json_file.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        err.print(f"All figures with their intervals: {escape(str(json_file))}")


def _bars(scores: Mapping[str, SeriesScores]) -> Bars:
    """What the weights are judged by; what the flags are worth stands beside what is published."""
    from forecasting_lib.benchmark.card import FLAGS, RAW, TOLD, WHOLE
    from forecasting_lib.benchmark.figures import judge

    bars = judge(scores, (RAW, WHOLE))
    if TOLD in scores:
        worth = judge(scores, (TOLD,), (FLAGS,))[FLAGS.name]
        bars[FLAGS.name] = {WHOLE: worth[TOLD]} if TOLD in worth else {}
    return bars


def _baselines(panels: Sequence[Panel], horizon: int, skip_statsforecast: bool) -> list[dict[str, Answer]]:
    """The answers of the baselines for each window, by name."""
    from forecasting_lib.benchmark.baselines import classic_baselines, simple_baselines

    answers = [simple_baselines(panel, horizon) for panel in panels]
    if skip_statsforecast:
        return answers
    total = sum(map(len, panels))
    with waiting(f"AutoETS and Theta, {total} histories: about {total / SERIES_A_SECOND / 60:.0f} minutes"):
        try:
            for own, panel in zip(answers, panels, strict=True):
                own.update(classic_baselines(panel, horizon))
        except ModuleNotFoundError as error:
            raise typer.BadParameter(str(error), param_hint="--skip-statsforecast") from error
    return answers


def _model_answers(
    title: str, resolved: ResolvedWeights, origins: Sequence[Origin]
) -> tuple[list[Answer], list[Answer]]:
    """The model's answers for each window: as they are, and with quantiles of counts in whole units."""
    from forecasting_lib.benchmark.baselines import Answer
    from forecasting_lib.models.chronos2 import Chronos2
    from forecasting_lib.models.counts import counts_in_whole_units
    from forecasting_lib.models.guards import guarded_predict

    raw, whole = list[Answer](), list[Answer]()
    with counting(title, sum(len(origin.panel) for origin in origins)) as show:
        for origin in origins:
            before = sum(len(earlier.panel) for earlier in origins[: len(raw)])

            def shown(done: int, _total: int, before: int = before) -> None:
                show(before + done)

            model = Chronos2(resolved.path, progress=shown, in_whole_units=False)
            answered = guarded_predict(model, origin.panel, origin.horizon)
            raw.append(Answer.of(answered))
            whole.append(Answer.of(counts_in_whole_units(answered, origin.panel)))
    return raw, whole


def _weights(wanted: str | None) -> ResolvedWeights:
    """The weights asked for, or those the pipeline would use."""
    from forecasting_lib.models.weights import WeightsUnavailable, resolve_weights
    from orchestration.reading.tuned_weights import base_weights
    from orchestration.settings import load_settings

    settings = load_settings()
    try:
        if wanted is None:
            return base_weights(settings)
        return resolve_weights(wanted, offline=settings.hub_offline, explicit_from="--weights")
    except WeightsUnavailable as error:
        raise typer.BadParameter(str(error)) from error


def _synthetic(resolved: ResolvedWeights) -> dict[str, Interval]:
    """The ratios of losses on held-out synthetic demand, by name, and print them."""
    from forecasting_lib.benchmark.card import PROMOTIONS, WHOLE_UNITS
    from forecasting_lib.benchmark.synthetic import promotion_ratio, whole_units_ratio
    from forecasting_lib.models.chronos2 import load_pipeline

    with waiting("Synthetic demand"):
        model = load_pipeline(resolved.path).model
        ratios = {PROMOTIONS: promotion_ratio(model), WHOLE_UNITS: whole_units_ratio(model)}
    for name, ratio in ratios.items():
        out.print(f"{name} (synthetic, held out): {ratio}", soft_wrap=True)
    return ratios


def _metrics_table(table: Mapping[str, Mapping[str, Interval]]) -> Table:
    from forecasting_lib.benchmark.figures import METRICS

    shown = Table("model", box=SIMPLE_HEAD)
    for metric in METRICS:
        shown.add_column(metric, justify="right")
    for model, row in table.items():
        shown.add_row(model, *(f"{row[m].value:.4f}" if m in row else "-" for m in METRICS))
    return shown


def _bars_table(bars: Bars) -> Table:
    from forecasting_lib.benchmark.card import RAW, WHOLE

    shown = Table("ratio", box=SIMPLE_HEAD)
    for model in (RAW, WHOLE):
        shown.add_column(f"{model} (95 %)", justify="right")
    for bar, row in bars.items():
        shown.add_row(bar, *(str(row[model]) if model in row else "-" for model in (RAW, WHOLE)))
    return shown


def _parts_table(title: str, parts: Mapping[str, tuple[int | None, Bars]]) -> Table:
    """The ratios of what is published, a row for each window or class."""
    from forecasting_lib.benchmark.card import WHOLE

    shown = Table(title, box=SIMPLE_HEAD)
    if all(count is not None for count, _ in parts.values()):
        shown.add_column("histories", justify="right")
    names = list(next(iter(parts.values()))[1])
    for name in names:
        shown.add_column(name, justify="right")
    for part, (count, bars) in parts.items():
        figures = [bars[name].get(WHOLE) for name in names]
        shown.add_row(
            part,
            *(() if count is None else (f"{count:,}",)),
            *("-" if figure is None else f"{figure.value:.3f}" for figure in figures),
        )
    return shown


def _plain(figures: Bars) -> dict[str, dict[str, Any]]:
    return {name: {key: asdict(figure) for key, figure in row.items()} for name, row in figures.items()}
