"""Small pictures for the Dagster UI: drawn with matplotlib, carried as Markdown."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from forecasting_lib.grain import Grain
from forecasting_lib.panel import QUANTILE_LEVELS, Forecast, Panel
from orchestration.foreign_text import code_span, printable

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HISTORY_PERIODS: Mapping[Grain, int] = {Grain.DAY: 84, Grain.WEEK: 78, Grain.MONTH: 36}
"""Periods of demand shown before a forecast: twelve weeks, a year and a half, three years."""

BLUE = "#1d4ed8"
"""The latest forecast."""

_TITLE_CHARACTERS = 100
"""As many as fit above a plot."""

_LOW, _HIGH = QUANTILE_LEVELS.index(0.1), QUANTILE_LEVELS.index(0.9)


def picture_or_why_not(panel: Panel, forecast: Forecast, titles: dict[str, str], *, count: int = 3) -> str:
    """Markdown with the picture of ``forecast_picture``; a picture that fails is a sentence and no failure.

    It shows what is published already: a step that failed for it would fail again, and for ever.
    """
    try:
        return forecast_picture(panel, forecast, titles, count=count)
    except Exception as error:
        problem = code_span(f"{type(error).__name__}: {error}")
        return f"There is no picture, and nothing else is missing: {problem}"


def forecast_picture(panel: Panel, forecast: Forecast, titles: dict[str, str], *, count: int = 3) -> str:
    """Markdown with one image: recent history, mean and 80 % band of the series with the most demand.

    Args:
        panel: histories.
        forecast: of the same series.
        titles: series_id -> text above its plot.
        count: series drawn.
    """
    from matplotlib.figure import Figure

    busiest = np.argsort(-forecast.mean.sum(axis=1), kind="stable")[:count].tolist()
    figure = Figure(figsize=(9, 2.1 * max(len(busiest), 1)), layout="constrained")
    for place, row in enumerate(busiest, start=1):
        axes = figure.add_subplot(len(busiest), 1, place)
        history = panel.history[row][-HISTORY_PERIODS[panel.grain] :]
        past = np.array(
            [panel.grain.shift(panel.as_of_date, lag) for lag in range(1 - len(history), 1)],
            dtype="datetime64[D]",
        )
        ahead = panel.grain.starts_after(panel.as_of_date, forecast.horizon)
        axes.plot(past, history, color="#4b5563", linewidth=1, label="demand")
        draw_forecast(
            axes,
            ahead,
            forecast.mean[row],
            (forecast.quantiles[row, :, _LOW], forecast.quantiles[row, :, _HIGH]),
            colours=(BLUE, "#93c5fd"),
            label="mean forecast",
            band_label="80 % band",
        )
        title = drawable(titles[forecast.series_ids[row]])
        axes.set_title(title, fontsize=9, loc="left", parse_math=False)
        axes.tick_params(labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
        if place == 1:
            axes.legend(fontsize=7, frameon=False, ncols=3, loc="upper left")
    return _image("forecast", figure)


def reliability_picture(levels: pl.DataFrame, preferred: str) -> str:
    """Markdown with one image: the share of actuals below each quantile beside the level that it names.

    Args:
        levels: as :func:`draw_reliability` takes them.
        preferred: the model whose quantiles are shown as they came.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6, 4.2), layout="constrained")
    axes = figure.add_subplot()
    draw_reliability(axes, levels, preferred)
    axes.tick_params(labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=7, frameon=False, loc="upper left")
    return _image("reliability", figure)


def _image(name: str, figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=80)
    return f"![{name}](data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()})"


def drawable(text: str) -> str:
    """A text as a plot can show it: one line, not too long, a box for what the font does not have."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    known = get_font(findfont(FontProperties())).get_charmap()
    shown = printable(text)
    if len(shown) > _TITLE_CHARACTERS:
        shown = f"{shown[: _TITLE_CHARACTERS - 3]}..."
    return "".join(char if ord(char) in known else "\N{WHITE SQUARE}" for char in shown)


def draw_forecast(
    axes: Axes,
    days: Any,
    mean: Any,
    band: tuple[Any, Any],
    *,
    colours: tuple[str, str],
    label: str,
    band_label: str | None = None,
    alpha: float | None = None,
) -> None:
    """A forecast of one series: its mean over its band.

    Args:
        axes: where to.
        days: (h,) dates, the first of each period.
        mean: (h,) units a period.
        band: (h,) lower and upper bound.
        colours: of the mean and of the band.
        label: of the mean.
        band_label: of the band; None leaves it out of the legend.
        alpha: opacity of the band.
    """
    axes.fill_between(days, *band, color=colours[1], linewidth=0, alpha=alpha, label=band_label)
    axes.plot(days, mean, color=colours[0], linewidth=1.5, label=label)


def draw_reliability(axes: Axes, levels: pl.DataFrame, preferred: str) -> None:
    """What quantiles held beside what they name; those of a true forecast lie on the diagonal.

    Args:
        axes: where to.
        levels: ``level, published, raw``, ascending: shares of one; null where unknown.
        preferred: the model that ``raw`` is of.
    """
    axes.plot([0, 1], [0, 1], color="#9ca3af", linewidth=1, linestyle="--", label="as named")
    for column, colour, label in (
        ("raw", "#c2410c", f"{preferred}, as it came"),
        ("published", BLUE, "published"),
    ):
        if levels[column].null_count() < levels.height:
            axes.plot(
                *(levels["level"], levels[column]),
                color=colour,
                linewidth=1.4,
                marker="o",
                markersize=3,
                label=label,
            )
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_xlabel("level of the quantile", fontsize=8)
    axes.set_ylabel("share of actuals below it", fontsize=8)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: f"{value:.0%}")
