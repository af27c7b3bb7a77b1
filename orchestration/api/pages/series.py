"""The page of an item at a location: demand, forecast, stock, how each figure came about, and past accuracy.

Belongs here: what the page asks and hands to its template. Does not belong here: the plots
(``series_plots``), the sums (``reporting.order_arithmetic``, ``reporting.order_quantities``), what is missing
(``reporting.series_notes``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl

from forecasting_lib.grain import Grain
from orchestration.api.pages.series_plots import (
    MARKS,
    demand_plot,
    demand_rows,
    lead_time_plot,
    lead_time_rows,
    stock_plot,
    stock_rows,
)
from orchestration.api.pool import Connection
from orchestration.reading.gaps import FoundGap, find_gaps, of_severity
from orchestration.reporting.catalogue import DECISIONS, ITEM_QUALITY, PROJECTION
from orchestration.reporting.listings import Wish, read_page
from orchestration.reporting.order_arithmetic import (
    cover_sum,
    lead_time_sum,
    order_up_to_sum,
    position_sum,
    reorder_point_sum,
    safety_stock_sum,
)
from orchestration.reporting.order_quantities import order_sum, reason_figures
from orchestration.reporting.questions import known_forecast, latest_models
from orchestration.reporting.series_notes import series_notes
from orchestration.reporting.series_questions import (
    Series,
    series_calendar,
    series_demand,
    series_forecast,
    series_lines,
    series_plan,
)

Row = Mapping[str, Any]

_LINES_OPEN = 1
"""Lines that are shown in full; the later ones are a press away."""

_SCORES_READ = 400
_SCORES_SHOWN = 12
"""As-of dates."""

_DECISIONS_SHOWN = 50


def series_values(
    connection: Connection, client_id: str, item: Row, places: Sequence[Row], place: Row
) -> dict[str, Any]:
    """What the page of one series shows, by the names of its template.

    Args:
        connection: a transaction that works as the client.
        client_id: the client.
        item: of the listing.
        places: all locations of the item.
        place: the one that is shown, one of them.
    """
    series = Series(client_id, item["item_id"], place["location_id"])
    grain = Grain(place["grain"])
    models = latest_models(connection, client_id).filter(pl.col("grain") == grain).to_dicts()
    lead = next((row for row in models if row["is_champion"]), None)
    plan = series_plan(connection, series)
    planned = plan if plan and plan["is_planned"] else None
    projection = _projection(connection, series)
    lines = series_lines(connection, series, planned["run_id"]).to_dicts() if planned else []
    judged, demand = None, None
    since = lead["as_of_date"] if lead else place["last_sale_date"]
    if since is not None:
        judged, demand = _demand(connection, series, grain, lead, since)
    return {
        "item": item,
        "places": places,
        "place": place,
        "grain": grain,
        "lead": lead,
        "plan": planned,
        "lines": [_explained(line, lines, planned, projection) for line in lines if planned],
        "lines_open": _LINES_OPEN,
        "notes": series_notes(grain, lead, judged, plan, lines),
        "gaps": _gaps(connection, client_id) if lead is None or plan is None else [],
        "demand": demand.to_dicts() if demand is not None else [],
        "demand_plot": demand_plot(demand, grain) if demand is not None and demand.height else None,
        "marks": MARKS,
        "quality": _quality(connection, series, lead),
        "decisions": _decisions(connection, series),
        **(_stock(planned, projection) if planned else _NO_PLAN),
    }


_NO_PLAN: Mapping[str, Any] = {
    "sums": [],
    "stock": None,
    "stock_plot": None,
    "lead_time": [],
    "lead_time_plot": None,
}


def _demand(
    connection: Connection, series: Series, grain: Grain, lead: Row | None, since: date
) -> tuple[Row | None, pl.DataFrame]:
    """What became of the series in the leading forecast; its demand behind and ahead, a row per period."""
    demand = series_demand(connection, series, grain, since)
    ahead, judged, known = _NO_FORECAST, None, _NO_FORECAST
    if lead is not None:
        ahead, judged = series_forecast(connection, series, lead["run_id"], lead["model"])
        key = (series.item_id, series.location_id)
        known = known_forecast(connection, series.client_id, since, [key])
    days = [since, *demand["date"], *ahead["date"]]
    calendar = series_calendar(connection, series, min(days), max(days), since)
    return judged, demand_rows(demand, ahead, known, calendar, grain)


_NO_FORECAST = pl.DataFrame(
    schema={
        "date": pl.Date,
        **dict.fromkeys(("mean_qty", "q10", "q25", "q50", "q75", "q90"), pl.Float64),
    }
)


def _projection(connection: Connection, series: Series) -> pl.DataFrame:
    """The projected stock of the series, by date."""
    wish = Wish(10_000, equal=series.filters)
    return read_page(connection, PROJECTION, series.client_id, wish).rows


def _stock(plan: Row, projection: pl.DataFrame) -> dict[str, Any]:
    """Position, levels and projected stock of a planned series."""
    sums = [
        position_sum(plan),
        reorder_point_sum(plan),
        safety_stock_sum(plan),
        lead_time_sum(plan),
        order_up_to_sum(plan),
        cover_sum(plan, projection),
    ]
    is_projected = projection.height and projection["projected_qty"].null_count() == 0
    stock = stock_rows(projection, plan["as_of_date"], plan["net_stock_qty"]) if is_projected else None
    lead_time = lead_time_rows(plan)
    return {
        "sums": [found for found in sums if found is not None],
        "stock": stock,
        "stock_plot": stock and stock_plot(stock, plan["reorder_point_qty"], plan["safety_stock_qty"]),
        "lead_time": lead_time,
        "lead_time_plot": lead_time_plot(lead_time),
    }


def _explained(line: Row, lines: Sequence[Row], plan: Row, projection: pl.DataFrame) -> dict[str, Any]:
    """A line with the figures of its sentence and how its quantity came about."""
    return {
        **line,
        "figures": reason_figures(line, plan),
        "sum": order_sum(line, lines, plan, projection),
    }


def _decisions(connection: Connection, series: Series) -> list[dict[str, Any]]:
    """What was decided on the series, the latest first."""
    wish = Wish(_DECISIONS_SHOWN, equal=series.filters)
    return read_page(connection, DECISIONS, series.client_id, wish).rows.to_dicts()


def _gaps(connection: Connection, client_id: str) -> list[FoundGap]:
    """What stands in the way of the client's forecast and plan as a whole."""
    found = of_severity(find_gaps(connection, client_id), "error")
    return [gap for gap in found if gap.concerns in ("deliveries", "forecast", "orders")]


def _quality(connection: Connection, series: Series, lead: Row | None) -> dict[str, Any] | None:
    """The leading model's scores of the series, a row per as-of date; None where there are none."""
    if lead is None:
        return None
    equal = {**series.filters, "grain": ["series"], "model": [lead["model"]]}
    rows = read_page(connection, ITEM_QUALITY, series.client_id, Wish(_SCORES_READ, equal=equal)).rows
    scores = rows.filter(pl.col("period") == lead["grain"]).to_dicts()
    buckets = sorted({row["lag_bucket"] for row in scores} - {"all"}, key=_first_of)
    by_date: dict[date, dict[str, Row]] = {}
    for row in scores:
        by_date.setdefault(row["as_of_date"], {})[row["lag_bucket"]] = row
    shown = sorted(by_date.items(), reverse=True)[:_SCORES_SHOWN]
    rows_shown = [
        {"as_of_date": day, "all": found["all"], "by": found} for day, found in shown if "all" in found
    ]
    return {"buckets": buckets, "rows": rows_shown} if rows_shown else None


def _first_of(bucket: str) -> int:
    """The first period ahead of a lag bucket."""
    return int(bucket.partition("-")[0])
