"""The plots of a report, as SVG elements.

Belongs here: what is drawn and how it looks. Does not belong here: what is plotted (``questions``), the page
(``report``).
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING

import polars as pl
from markupsafe import Markup

from forecasting_lib.grain import Grain
from orchestration.stages.pictures import BLUE, draw_forecast, draw_reliability

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK = "#1f2937"
_MUTED = "#6b7280"
_GRID = "#e5e7eb"
_PALE_BLUE = "#bfdbfe"
_ORANGE = "#c2410c"
_GREEN = "#15803d"
_PALE_GREEN = "#bbf7d0"


def forecast_plot(demand: pl.DataFrame, known: pl.DataFrame, ahead: pl.DataFrame, grain: Grain) -> Markup:
    """Demand, what was forecast for the periods now known, and what is forecast for those ahead.

    Args:
        demand: ``date, demand_qty, is_masked``.
        known: the earlier forecast, ``date, mean_qty, q10, q90``; may be empty.
        ahead: the latest forecast, the same columns.
        grain: what a period is.
    """
    figure, axes = _figure(7.4, 2.5)
    axes.plot(demand["date"], demand["demand_qty"], color=_INK, linewidth=1.0, label="demand")
    masked = demand.filter("is_masked")
    if masked.height:
        axes.plot(
            *(masked["date"], masked["demand_qty"]),
            linestyle="none",
            marker="x",
            markersize=3.5,
            color=_ORANGE,
            label="closed or out of stock",
        )
    for frame, label in ((known, "earlier forecast"), (ahead, "forecast")):
        if frame.height:
            colour = _GREEN if frame is known else BLUE
            pale = _PALE_GREEN if frame is known else _PALE_BLUE
            draw_forecast(
                axes,
                frame["date"],
                frame["mean_qty"],
                (frame["q10"], frame["q90"]),
                colours=(colour, pale),
                alpha=0.75,
                label=f"{label}, mean and 80 % band",
            )
    if ahead.height:
        axes.axvline(ahead["date"][0], color=_MUTED, linewidth=0.8, linestyle=":")
    axes.set_ylim(bottom=0)
    return _finish(figure, axes, f"units a {grain}")


def stock_plot(projection: pl.DataFrame, reorder_point: float | None) -> Markup:
    """Where the stock goes, without and with the proposed orders.

    Args:
        projection: ``date, projected_qty, with_plan_qty, p10_qty, p90_qty, safety_stock_qty``; the band is
            that of ``projected_qty``.
        reorder_point: units; None where it is not known.
    """
    figure, axes = _figure(7.4, 2.2)
    day = projection["date"]
    axes.fill_between(
        day, projection["p10_qty"], projection["p90_qty"], color=_PALE_BLUE, linewidth=0, alpha=0.75
    )
    axes.plot(day, projection["with_plan_qty"], color=BLUE, linewidth=1.5, label="with the proposed orders")
    axes.plot(
        day,
        projection["projected_qty"],
        color=_INK,
        linewidth=1.0,
        linestyle="--",
        label="without them, 80 % band",
    )
    if reorder_point is not None:
        axes.axhline(reorder_point, color=_MUTED, linewidth=0.9, linestyle="-.", label="reorder point")
    safety_stock = projection["safety_stock_qty"].drop_nulls()
    if len(safety_stock):
        axes.axhline(safety_stock[0], color=_ORANGE, linewidth=0.9, linestyle=":", label="safety stock")
    axes.axhline(0, color=_INK, linewidth=0.6)
    return _finish(figure, axes, "units on hand")


def accuracy_plot(accuracy: pl.DataFrame) -> Markup:
    """WAPE of each model, a bar each, and its bias beside it."""
    figure, axes = _figure(7.4, 0.55 + 0.42 * accuracy.height)
    rows = accuracy.sort("wape", descending=True, nulls_last=True).to_dicts()
    wape = [row["wape"] or 0.0 for row in rows]
    bias = [row["bias"] or 0.0 for row in rows]
    places = list(range(len(rows)))
    axes.barh(
        [place + 0.19 for place in places],
        wape,
        height=0.36,
        color=[BLUE if row["is_champion"] else "#93a4c8" for row in rows],
        label="WAPE",
    )
    axes.barh([place - 0.19 for place in places], bias, height=0.22, color=_ORANGE, label="bias")
    for place, value, low in zip(places, wape, bias, strict=True):
        axes.text(value, place + 0.19, f" {value:.1%}", va="center", fontsize=8, color=_INK)
        axes.text(max(low, 0), place - 0.19, f" {low:+.1%}", va="center", fontsize=7, color=_ORANGE)
    axes.set_yticks(places, [row["model"] for row in rows])
    axes.axvline(0, color=_INK, linewidth=0.6)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_xlim(min([0.0, *bias]) * 1.1, max([*wape, *bias, 0.05]) * 1.15)
    return _finish(figure, axes, None, legend=False)


def tradeoff_plot(frontier: pl.DataFrame, names: Mapping[str, str], target: float) -> Markup | None:
    """What service costs in stock: a curve per policy over the levels that were swept.

    Args:
        frontier: ``policy, achieved, cover_days``, the levels of a policy in their order.
        names: of the policies in words, the first the client's own.
        target: service that the client aims at.

    Returns:
        None where there is nothing to draw.
    """
    if frontier.is_empty():
        return None
    figure, axes = _figure(7.4, 2.8)
    for (policy, name), colour in zip(names.items(), (BLUE, _INK, _ORANGE), strict=True):
        points = frontier.filter(pl.col("policy") == policy).sort("cover_days")
        axes.plot(
            *(points["cover_days"], 100 * points["achieved"]),
            color=colour,
            linewidth=1.8 if colour == BLUE else 1.0,
            marker="o",
            markersize=2.5,
            label=name,
        )
    axes.axhline(100 * target, color=_MUTED, linewidth=0.8, linestyle=":", label=f"target {target:.0%}")
    axes.set_xlabel("days of demand in stock, on average", fontsize=7)
    return _finish(figure, axes, "% of cycles without stock-out", dates=False)


def reliability_plot(levels: pl.DataFrame, preferred: str) -> Markup:
    """What quantiles held beside what they name.

    Args:
        levels: ``level, published, raw``, ascending.
        preferred: the model that ``raw`` is of.
    """
    figure, axes = _figure(7.4, 3.6)
    draw_reliability(axes, levels, preferred)
    return _finish(figure, axes, None)


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def _finish(
    figure: Figure, axes: Axes, y_label: str | None, *, legend: bool = True, dates: bool = True
) -> Markup:
    """The figure as an SVG element; text stays text, so that it can be searched and is small."""
    import matplotlib as mpl
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    if y_label is not None:
        axes.set_ylabel(y_label, fontsize=8, color=_MUTED)
    if y_label is not None and dates:
        locator = AutoDateLocator(minticks=4, maxticks=9)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))  # type: ignore[no-untyped-call]
        axes.margins(x=0.01)
    axes.tick_params(labelsize=8, colors=_MUTED, length=2)
    axes.grid(axis="y" if y_label else "x", color=_GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_GRID)
    if legend:
        axes.legend(
            *axes.get_legend_handles_labels(),
            loc="lower left",
            bbox_to_anchor=(0, 1.0),
            ncols=5,
            fontsize=7.5,
            frameon=False,
            borderaxespad=0,
            handlelength=1.6,
            columnspacing=1.4,
        )
    buffer = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "forecaster", "font.family": "sans-serif"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None}, transparent=True)
    text = buffer.getvalue()
    return Markup(text[text.index("<svg") :])
