"""A client's report: one HTML file that needs nothing else, for the screen and for paper.

Belongs here: what the report shows and its rendering. Does not belong here: the look
(``templates/report.html.j2``), the plots (``plots``), the questions (``questions``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from forecasting_lib.grain import Grain
from orchestration.clients import Client
from orchestration.errors import UserError
from orchestration.foreign_text import printable
from orchestration.reading.accuracy import latest_accuracy
from orchestration.reading.gaps import of_severity
from orchestration.reporting.accuracy_questions import best_items, value_added, worst_items
from orchestration.reporting.accuracy_words import how_good, leading_score
from orchestration.reporting.backtest_questions import model_comparison
from orchestration.reporting.checklist import Checklist, read_checklist
from orchestration.reporting.covariate_questions import covariate_worth, verdict_in_words
from orchestration.reporting.drift_questions import drift_episodes, drift_sentence
from orchestration.reporting.empty_shelves import empty_shelves
from orchestration.reporting.html_text import coded
from orchestration.reporting.numbers import number, percent
from orchestration.reporting.plots import (
    accuracy_plot,
    forecast_plot,
    reliability_plot,
    stock_plot,
    tradeoff_plot,
)
from orchestration.reporting.questions import (
    chosen_series,
    known_forecast,
    latest_models,
    leading_forecast,
    projection,
    recent_demand,
    urgent_lines,
    volumes,
)
from orchestration.reporting.service_questions import POLICY_NAMES, service_record
from orchestration.reporting.track_record import track_record
from orchestration.warehouse.server import Warehouse

LINES_SHOWN = 25
ITEMS_SHOWN = 10
EPISODES_SHOWN = 10

_TEMPLATES = Path(__file__).parent / "templates"


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
    checklist = read_checklist(warehouse, client)
    if models.is_empty():
        raise ReportError(f"There is no forecast of {client.client_id} to report on. {_why(checklist)}")
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        finalize=_shown,
    )
    environment.filters |= {
        "percent": percent,
        "number": number,
        "coded": coded,
        "verdict": verdict_in_words,
    }
    accuracy = latest_accuracy(warehouse, client.client_id)
    service = service_record(warehouse, client.client_id)
    about = volumes(warehouse, client.client_id)
    first = models.row(0, named=True)
    grain = Grain(first["grain"])
    horizon = grain.periods_between(
        first["as_of_date"], first["as_of_date"] + timedelta(days=first["horizon_days"])
    )
    html = environment.get_template("report.html.j2").render(
        client=client,
        about=about,
        checklist=checklist,
        models=models.to_dicts(),
        accuracy=accuracy.to_dicts(),
        service=service,
        policy_names=POLICY_NAMES,
        tradeoff_plot=tradeoff_plot(service.frontier, POLICY_NAMES, service.target or 0.0),
        worth=covariate_worth(warehouse, client.client_id),
        shelves=empty_shelves(warehouse, client.client_id, about["last_date"]).sentence(client.currency),
        accuracy_plot=accuracy_plot(accuracy) if accuracy.height else None,
        **_evidence(warehouse, client.client_id, models, accuracy),
        grain=grain,
        horizon=horizon,
        series=series_pages(warehouse, client.client_id, models["run_id"][0], grain, about["last_date"]),
        lines=urgent_lines(warehouse, client.client_id, LINES_SHOWN).to_dicts(),
        written_at=datetime.now(UTC),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(html, encoding="utf-8")


def _evidence(
    warehouse: Warehouse, client_id: str, models: pl.DataFrame, accuracy: pl.DataFrame
) -> dict[str, Any]:
    """What the report says of how good forecasts were, are likely to be, and what has changed since."""
    judged = model_comparison(warehouse, client_id)
    scores = accuracy.to_dicts()
    lead = leading_score(models.to_dicts(), scores)
    of_run = () if lead is None else (warehouse, client_id, lead["model"], lead["as_of_date"], ITEMS_SHOWN)
    episodes = drift_episodes(warehouse, client_id, EPISODES_SHOWN)
    return {
        "record": how_good(lead, scores) if lead else track_record(warehouse, client_id),
        "judged": judged,
        "reliability_plot": reliability_plot(judged.reliability.levels, judged.reliability.preferred)
        if judged.reliability
        else None,
        "lead": lead,
        "worst": worst_items(*of_run).to_dicts() if of_run else [],
        "best": best_items(*of_run).to_dicts() if of_run else [],
        "added": _added(value_added(warehouse, client_id, lead["model"])) if lead else [],
        "episodes": episodes,
        "drift_said": drift_sentence(episodes),
    }


def _added(added: pl.DataFrame) -> list[dict[str, Any]]:
    """Of value added, every month of the whole client, and the segments of the latest month."""
    latest = pl.col("month") == pl.col("month").max()
    return added.filter(latest | (pl.col("segment") == "client")).to_dicts()


def _why(checklist: Checklist) -> str:
    """The first thing that stands in the way of a forecast, and what to do."""
    in_the_way = of_severity(checklist.gaps, "error") or list(checklist.gaps)
    return in_the_way[0].advice if in_the_way else f"Next: {checklist.next_command}"


def _shown(value: Any) -> Any:
    """What a template shows of a value: of a text, nothing that turns the direction of what follows."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def series_pages(
    warehouse: Warehouse, client_id: str, run_id: str, grain: Grain, last_day: date
) -> list[SeriesPage]:
    """The series worth a page: half the most urgent to order, the rest those that sell for the most."""
    chosen = chosen_series(warehouse, client_id)
    if chosen.is_empty():
        return []
    keys = list(chosen.select("item_id", "location_id").iter_rows())
    known = known_forecast(warehouse, client_id, last_day, keys)
    demand = recent_demand(warehouse, client_id, grain, last_day, keys)
    ahead = leading_forecast(warehouse, client_id, run_id, keys)
    stock = projection(warehouse, client_id, keys)
    pages = []
    for row in chosen.to_dicts():
        mine = (pl.col("item_id") == row["item_id"]) & (pl.col("location_id") == row["location_id"])
        stock_ahead = stock.filter(mine)
        pages.append(
            SeriesPage(
                item_id=row["item_id"],
                name=row["name"],
                location_id=row["location_id"],
                why_shown=row["why_shown"],
                facts=_facts(row),
                forecast_plot=forecast_plot(
                    demand.filter(mine), known.filter(mine), ahead.filter(mine), grain
                ),
                stock_plot=None
                if stock_ahead["projected_qty"].drop_nulls().is_empty()
                else stock_plot(stock_ahead, row["reorder_point_qty"]),
            )
        )
    return pages


def _stockout(row: dict[str, Any]) -> str:
    """The day of the stock-out; what is not known is not far away."""
    if row["on_hand_qty"] is None:
        return "unknown: no stock"
    if row["stockout_date"] is not None and row["stockout_date"] <= row["as_of_date"]:
        return f"today, {row['stockout_date']}"
    return str(row["stockout_date"] or "not within the horizon")


def _order(row: dict[str, Any], units: str) -> str:
    """The units to order now; without any, whether none is due or none can be known."""
    if row["on_hand_qty"] is None:
        return "unknown: no stock"
    if row["lead_time_days"] is None:
        return "unknown: no lead time"
    return "none due" if row["order_qty"] is None else units


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
        ("Stock-out", _stockout(row)),
        ("Order now", _order(row, units(row["order_qty"]))),
        ("Planned later", units(row["later_qty"])),
        ("Class", " ".join(filter(None, (row["abc_class"], row["xyz_class"]))) or "-"),
    ]
