"""What a run found for one client, as the terminal shows it.

Belongs here: rich tables and sentences. Does not belong here: the questions behind them (``questions``).
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
from rich.console import Console
from rich.table import Table

from forecasting_lib.grain import Grain
from forecasting_lib.inventory.replenishment import Action
from orchestration.clients import Client
from orchestration.foreign_text import escape
from orchestration.reading.accuracy import latest_accuracy
from orchestration.reading.gaps import FoundGap, PlanningState, find_gaps, of_severity, planning_states
from orchestration.reporting.checklist import Checklist, Feed
from orchestration.reporting.numbers import number, percent
from orchestration.reporting.questions import latest_models, urgent_lines, volumes
from orchestration.warehouse.server import Warehouse

_SEVERITIES = {"error": ("red", "missing"), "warning": ("yellow", "warning"), "info": ("dim", "note")}

ACCURACY_HELP = (
    "WAPE: sum of absolute errors over the sum of actuals. MAPE: over {periods} with demand only. "
    "MAE, RMSE: units per {grain}. Bias: positive is over-forecast."
)


def print_summary(console: Console, warehouse: Warehouse, client: Client) -> None:
    """What a run found for one client: volumes, models and why, accuracy, the five most urgent lines."""
    about = volumes(warehouse, client.client_id)
    console.rule(f"[bold]{escape(client.name)}[/] ({client.client_id})")
    console.print(
        f"{about['series']:,} series ({about['items']:,} items, {about['locations']:,} locations), "
        f"{about['demand_rows']:,} {Grain(about['grain']).periods} of demand from {about['first_date']} "
        f"to {about['last_date']}; "
        f"{about['rows_loaded']:,} rows loaded from {about['files_loaded']} files, "
        f"{about['rows_rejected']:,} rejected."
    )
    console.print(_models_table(latest_models(warehouse, client.client_id)))
    console.print(_accuracy_table(latest_accuracy(warehouse, client.client_id)))
    state = planning_states(warehouse, client.client_id)[client.client_id]
    lines = urgent_lines(warehouse, client.client_id, limit=5)
    console.print(_urgent_text(lines, state), soft_wrap=True)
    for gap in of_severity(find_gaps(warehouse, client.client_id), "error", "warning"):
        console.print(_gap_line(gap), soft_wrap=True)


def print_checklist(console: Console, client: Client, checklist: Checklist) -> None:
    """What was delivered, what is missing, what is odd, and the next command."""
    console.rule(f"[bold]{escape(client.name)}[/] ({client.client_id})")
    console.print(_feeds_table(checklist.feeds) if checklist.feeds else "Nothing was delivered yet.")
    for kind, costs in checklist.missing:
        console.print(f"[dim]not delivered:[/] {kind}; {costs}", soft_wrap=True)
    for gap in checklist.gaps:
        console.print(_gap_line(gap), soft_wrap=True)
    for oddity in checklist.oddities:
        console.print(f"[yellow]odd:[/] {escape(oddity)}", soft_wrap=True)
    console.print(escape(checklist.state.sentence), soft_wrap=True)
    console.print(f"Next: {escape(checklist.next_command)}", soft_wrap=True)


def _gap_line(gap: FoundGap) -> str:
    colour, word = _SEVERITIES[gap.severity]
    text = f"[{colour}]{word}:[/] {escape(gap.sentence)} {escape(gap.costs)} {escape(gap.remedy)}"
    return f"{text} [dim]{escape(gap.command)}[/]" if gap.command else text


def _feeds_table(feeds: Sequence[Feed]) -> Table:
    table = Table("delivered", title="Deliveries", title_justify="left")
    for title in ("files", "refused", "rows", "rejected"):
        table.add_column(title, justify="right")
    table.add_column("days")
    for feed in feeds:
        days = "-" if feed.first_date is None else f"{feed.first_date} to {feed.last_date}"
        table.add_row(
            feed.kind,
            f"{feed.files_loaded:,}",
            f"{feed.files_refused:,}",
            f"{feed.rows_read:,}",
            f"{feed.rows_rejected:,}",
            days,
        )
    return table


def _models_table(models: pl.DataFrame) -> Table:
    as_of = f" as of {models['as_of_date'][0]}" if models.height else ""
    table = Table("model", "series", "why", title=f"Forecast{as_of}", title_justify="left")
    for row in models.to_dicts():
        name = f"[bold]{row['model']}[/]" if row["is_champion"] else row["model"]
        table.add_row(name, f"{row['n_series']:,}", escape(row["reason"]))
    return table


def _accuracy_table(accuracy: pl.DataFrame) -> Table:
    title, grain = "Accuracy of earlier forecasts: none scored yet", Grain.DAY
    if accuracy.height:
        first = accuracy.row(0, named=True)
        title = (
            f"Accuracy of the forecast as of {first['as_of_date']}, "
            f"{first['periods_known']} of its {first['horizon']} {Grain(first['grain']).periods} known"
        )
        grain = Grain(first["grain"])
    caption = ACCURACY_HELP.format(grain=grain, periods=grain.periods)
    table = Table("model", title=title, caption=caption, title_justify="left", caption_justify="left")
    for metric in ("WAPE", "MAPE", "MAE", "RMSE", "bias", "MASE", "80 % band holds"):
        table.add_column(metric, justify="right")
    for row in accuracy.to_dicts():
        table.add_row(
            f"[bold]{row['model']}[/]" if row["is_champion"] else row["model"],
            percent(row["wape"]),
            percent(row["mape"]),
            number(row["mae"]),
            number(row["rmse"]),
            percent(row["bias"], signed=True),
            number(row["mase"]),
            percent(row["coverage_80"]),
        )
    return table


def _urgent_text(lines: pl.DataFrame, state: PlanningState) -> str:
    """The lines as sentences, a table of them would not fit a terminal; without lines, why there are none."""
    text = "[italic]Most urgent[/]" if lines.height else escape(state.sentence)
    for row in lines.to_dicts():
        name = "" if row["name"] == row["item_id"] else f" {row['name']}"
        units = "" if row["order_qty"] is None else f"{row['order_qty']:,.0f}"
        deed = f"{row['action']} {units}".rstrip()
        if row["action"] == Action.ORDER:
            deed += f" by {row['order_date']}"
        arrival = f", arrives {row['receipt_date']}" if row["receipt_date"] else ""
        text += (
            f"\n{row['priority_rank']}. [bold]{escape(row['item_id'])}[/]{escape(name)}, "
            f"{escape(row['location_id'])}, {row['urgency'].replace('_', ' ')}: {deed}"
            f"{arrival}\n   [dim]{escape(row['reason'])}[/]"
        )
    return text
