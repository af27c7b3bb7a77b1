"""Small pictures for the Dagster UI: drawn with matplotlib, carried as Markdown."""

from __future__ import annotations

import base64
import io

import numpy as np

from forecasting_lib.panel import QUANTILE_LEVELS, Forecast, Panel

_HISTORY_DAYS = 84
_LOW, _HIGH = QUANTILE_LEVELS.index(0.1), QUANTILE_LEVELS.index(0.9)


def forecast_picture(panel: Panel, forecast: Forecast, titles: dict[str, str], *, count: int = 3) -> str:
    """Markdown with one image: recent history, mean and 80 % band of the series with the most demand.

    Args:
        panel: histories.
        forecast: of the same series.
        titles: series_id -> text above its plot.
        count: series drawn.
    """
    from matplotlib.figure import Figure

    busiest = np.argsort(-forecast.mean.sum(axis=1), kind="stable")[:count]
    figure = Figure(figsize=(9, 2.1 * max(len(busiest), 1)), layout="constrained")
    for place, row in enumerate(busiest, start=1):
        axes = figure.add_subplot(len(busiest), 1, place)
        history = panel.history[row][-_HISTORY_DAYS:]
        today = np.datetime64(panel.as_of_date)
        past = today + np.arange(1 - len(history), 1)
        ahead = today + np.arange(1, forecast.horizon + 1)
        axes.plot(past, history, color="#4b5563", linewidth=1, label="demand")
        axes.fill_between(
            ahead,
            forecast.quantiles[row, :, _LOW],
            forecast.quantiles[row, :, _HIGH],
            color="#93c5fd",
            linewidth=0,
            label="80 % band",
        )
        axes.plot(ahead, forecast.mean[row], color="#1d4ed8", linewidth=1.5, label="mean forecast")
        axes.set_title(titles[forecast.series_ids[row]], fontsize=9, loc="left")
        axes.tick_params(labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
        if place == 1:
            axes.legend(fontsize=7, frameon=False, ncols=3, loc="upper left")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=80)
    return f"![forecast](data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()})"
