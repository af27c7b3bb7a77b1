"""A client's report: one HTML file that needs nothing else, for the screen and for paper.

Belongs here: what the report shows, its plots, its rendering. Does not belong here: the look
(``templates/report.html.j2``), the questions it shares with the terminal (``summary``).
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from orchestration.clients import Client
from orchestration.errors import UserError
from orchestration.reporting.summary import latest_models, number, percent, urgent_lines, volumes
from orchestration.stages.quality import latest_accuracy
from orchestration.warehouse.bulk import read_frame, render
from orchestration.warehouse.server import Warehouse

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SERIES_SHOWN = 6
LINES_SHOWN = 25
HISTORY_DAYS = 84

_NO_RUN = "00000000-0000-0000-0000-000000000000"
_TEMPLATES = Path(__file__).parent / "templates"

_INK = "#1f2937"
_MUTED = "#6b7280"
_GRID = "#e5e7eb"
_BLUE = "#1d4ed8"
_PALE_BLUE = "#bfdbfe"
_ORANGE = "#c2410c"
_GREEN = "#15803d"
_PALE_GREEN = "#bbf7d0"


class ReportError(UserError):
    """There is nothing to report on yet; the message says what to do."""


@dataclass(frozen=True)
class SeriesPage:
    """One series of the report: its plots and the figures beside them."""

    item_id: str
    name: str
    location_id: str
    why_shown: str
    facts: list[tuple[str, str]]
    forecast_plot: Markup
    stock_plot: Markup | None


def write_report(warehouse: Warehouse, client: Client, path: Path) -> None:
    """Write a client's report, of its latest forecast and plan.

    Raises:
        ReportError: the client has no forecast yet.
    """
    models = latest_models(warehouse, client.client_id)
    if models.is_empty():
        raise ReportError(
            f"{client.client_id} has no forecast yet; run 'forecaster run --client {client.client_id}' first."
        )
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"percent": percent, "number": number}
    accuracy = latest_accuracy(warehouse, client.client_id)
    about = volumes(warehouse, client.client_id)
    html = environment.get_template("report.html.j2").render(
        client=client,
        about=about,
        models=models.to_dicts(),
        accuracy=accuracy.to_dicts(),
        accuracy_plot=accuracy_plot(accuracy) if accuracy.height else None,
        series=series_pages(warehouse, client.client_id, models["run_id"][0], about["last_date"]),
        lines=urgent_lines(warehouse, client.client_id, LINES_SHOWN).to_dicts(),
        written_at=datetime.now(UTC),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(html, encoding="utf-8")


def series_pages(warehouse: Warehouse, client_id: str, run_id: str, last_day: date) -> list[SeriesPage]:
    """The series worth a page: half the most urgent to order, the rest those that sell for the most."""
    chosen = _chosen_series(warehouse, client_id)
    if chosen.is_empty():
        return []
    keys = list(chosen.select("item_id", "location_id").iter_rows())
    known = _read_known_forecast(warehouse, client_id, last_day, keys)
    demand = _read_demand(warehouse, client_id, last_day, keys)
    ahead = _read_forecast(warehouse, client_id, run_id, keys)
    stock = _read_projection(warehouse, client_id, keys)
    pages = []
    for row in chosen.to_dicts():
        mine = (pl.col("item_id") == row["item_id"]) & (pl.col("location_id") == row["location_id"])
        projection = stock.filter(mine)
        pages.append(
            SeriesPage(
                item_id=row["item_id"],
                name=row["name"],
                location_id=row["location_id"],
                why_shown=row["why_shown"],
                facts=_facts(row),
                forecast_plot=forecast_plot(demand.filter(mine), known.filter(mine), ahead.filter(mine)),
                stock_plot=None
                if projection.is_empty()
                else stock_plot(projection, row["reorder_point_qty"]),
            )
        )
    return pages


def forecast_plot(demand: pl.DataFrame, known: pl.DataFrame, ahead: pl.DataFrame) -> Markup:
    """Demand, what was forecast for the days now known, and what is forecast for the days ahead.

    Args:
        demand: ``date, demand_qty, is_masked``.
        known: the earlier forecast, ``date, mean_qty, q10, q90``; may be empty.
        ahead: the latest forecast, the same columns.
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
            colour = _GREEN if frame is known else _BLUE
            pale = _PALE_GREEN if frame is known else _PALE_BLUE
            axes.fill_between(frame["date"], frame["q10"], frame["q90"], color=pale, linewidth=0, alpha=0.75)
            axes.plot(
                frame["date"],
                frame["mean_qty"],
                color=colour,
                linewidth=1.5,
                label=f"{label}, mean and 80 % band",
            )
    if ahead.height:
        axes.axvline(ahead["date"][0], color=_MUTED, linewidth=0.8, linestyle=":")
    axes.set_ylim(bottom=0)
    return _finish(figure, axes, "units a day")


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
    axes.plot(day, projection["with_plan_qty"], color=_BLUE, linewidth=1.5, label="with the proposed orders")
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
        color=[_BLUE if row["is_champion"] else "#93a4c8" for row in rows],
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


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def _finish(figure: Figure, axes: Axes, y_label: str | None, *, legend: bool = True) -> Markup:
    """The figure as an SVG element; text stays text, so that it can be searched and is small."""
    import matplotlib as mpl
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    if y_label is not None:
        axes.set_ylabel(y_label, fontsize=8, color=_MUTED)
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


def _facts(row: dict[str, Any]) -> list[tuple[str, str]]:
    """The figures a planner asks for first, with their units."""

    def units(value: float | None) -> str:
        return "-" if value is None else f"{value:,.0f}"

    cover = "-" if row["dir_days"] is None else f"{row['dir_days']:.0f} days"
    if row["dir_censored"]:
        cover = "past the horizon"
    lead_time = "-" if row["lead_time_days"] is None else f"{row['lead_time_days']:.0f} days"
    return [
        ("On hand", units(row["on_hand_qty"])),
        ("On order", units(row["on_order_qty"])),
        ("Safety stock", units(row["safety_stock_qty"])),
        ("Reorder point", units(row["reorder_point_qty"])),
        ("Lead time", lead_time),
        ("Cover", cover),
        ("Stock-out", str(row["stockout_date"] or "not within the horizon")),
        ("Order now", units(row["order_qty"])),
        ("Class", " ".join(filter(None, (row["abc_class"], row["xyz_class"]))) or "-"),
    ]


def _chosen_series(warehouse: Warehouse, client_id: str) -> pl.DataFrame:
    """The series shown, at most ``SERIES_SHOWN``: urgent ones first, then the biggest of the rest."""
    candidates = read_frame(
        warehouse,
        render(
            """
            with lines as (
                select item_id, location_id, min(priority_rank) as priority_rank, sum(order_qty) as order_qty
                from analytics.replenishment_plan_current
                where client_id = {c}
                group by item_id, location_id
            )

            select
                series.item_id,
                series.location_id,
                coalesce(item.name, series.item_id) as name,
                coalesce(series.revenue_365d_value, 0)::float8 as revenue_value,
                coalesce(series.mean_demand_qty, 0) as mean_demand_qty,
                lines.priority_rank,
                lines.order_qty::float8 as order_qty,
                metrics.on_hand_qty::float8 as on_hand_qty,
                metrics.on_order_qty::float8 as on_order_qty,
                metrics.safety_stock_qty,
                metrics.reorder_point_qty,
                metrics.lead_time_days,
                metrics.dir_days,
                metrics.dir_censored,
                metrics.stockout_date,
                metrics.abc_class,
                metrics.xyz_class
            from analytics.dim_series as series
            left join analytics.dim_item as item
                on item.client_id = series.client_id and item.item_id = series.item_id
            left join analytics.inventory_metrics_current as metrics
                on metrics.client_id = series.client_id
                and metrics.item_id = series.item_id and metrics.location_id = series.location_id
            left join lines
                on lines.item_id = series.item_id and lines.location_id = series.location_id
            where series.client_id = {c}
            """,
            c=client_id,
        ),
    )
    urgent = (
        candidates.filter(pl.col("priority_rank").is_not_null())
        .sort("priority_rank", "item_id", "location_id")
        .head(SERIES_SHOWN // 2)
        .with_columns(pl.lit("among the most urgent to order").alias("why_shown"))
    )
    biggest = (
        candidates.join(urgent, on=["item_id", "location_id"], how="anti")
        .sort(
            "revenue_value",
            "mean_demand_qty",
            "item_id",
            "location_id",
            descending=[True, True, False, False],
        )
        .head(SERIES_SHOWN - urgent.height)
        .with_columns(pl.lit("among the best sellers").alias("why_shown"))
    )
    return pl.concat([urgent, biggest])


def _wanted(keys: Sequence[tuple[str, str]]) -> str:
    """The series as a SQL list of rows."""
    return ", ".join(render("({item}, {location})", item=item, location=location) for item, location in keys)


def _read_demand(
    warehouse: Warehouse, client_id: str, last_day: date, keys: Sequence[tuple[str, str]]
) -> pl.DataFrame:
    """The demand of the last ``HISTORY_DAYS`` days."""
    return read_frame(
        warehouse,
        render(
            """
            select item_id, location_id, date, demand_qty::float8 as demand_qty, is_masked
            from analytics.ts_demand_daily
            where client_id = {c} and date >= {since}::date and (item_id, location_id) in (
            """,
            c=client_id,
            since=last_day - timedelta(days=HISTORY_DAYS - 1),
        )
        + _wanted(keys)
        + ") order by date",
    )


def _read_forecast(
    warehouse: Warehouse, client_id: str, run_id: str, keys: Sequence[tuple[str, str]]
) -> pl.DataFrame:
    """The leading model's forecast of a run."""
    return read_frame(
        warehouse,
        render(
            """
            select result.item_id, result.location_id, result.date, result.mean_qty, result.q10, result.q90
            from analytics.forecast_results as result
            inner join analytics.forecast_runs as run
                on run.client_id = result.client_id and run.run_id = result.run_id
                and run.model = result.model and run.is_champion
            where result.client_id = {c} and result.run_id = {run}::uuid
                and (result.item_id, result.location_id) in (
            """,
            c=client_id,
            run=run_id,
        )
        + _wanted(keys)
        + ") order by result.date",
    )


def _read_known_forecast(
    warehouse: Warehouse, client_id: str, last_day: date, keys: Sequence[tuple[str, str]]
) -> pl.DataFrame:
    """The leading model's forecast of the latest run whose whole horizon is known; empty without one."""
    runs = read_frame(
        warehouse,
        render(
            """
            select run_id::text as run_id
            from analytics.forecast_runs
            where client_id = {c} and is_current and is_champion and as_of_date + horizon_days <= {last}::date
            order by as_of_date desc
            limit 1
            """,
            c=client_id,
            last=last_day,
        ),
    )
    run_id = runs["run_id"][0] if runs.height else _NO_RUN
    return _read_forecast(warehouse, client_id, run_id, keys)


def _read_projection(warehouse: Warehouse, client_id: str, keys: Sequence[tuple[str, str]]) -> pl.DataFrame:
    return read_frame(
        warehouse,
        render(
            """
            select
                item_id, location_id, date, projected_qty, with_plan_qty, p10_qty, p90_qty, safety_stock_qty
            from analytics.stock_projection_current
            where client_id = {c} and (item_id, location_id) in (
            """,
            c=client_id,
        )
        + _wanted(keys)
        + ") order by date",
    )
