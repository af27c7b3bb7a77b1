"""Where every client stands, and what a run found, for the terminal and the report.

Belongs here: the few questions both ask of the output tables, and their rendering as rich tables. Does not
belong here: scoring (``quality``), plots (``report``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl
from psycopg.rows import class_row
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from orchestration.clients import Client
from orchestration.stages.quality import latest_accuracy
from orchestration.warehouse.bulk import read_frame, render
from orchestration.warehouse.server import Warehouse

URGENT = ("stocked_out", "late", "today")
STALE_DEMAND_DAYS = 7

ACCURACY_HELP = (
    "WAPE: sum of absolute errors over the sum of actuals. MAPE: over days with demand only. "
    "MAE, RMSE: units per day. Bias: positive is over-forecast."
)


@dataclass(frozen=True)
class ClientState:
    """How fresh one client's data, forecasts and scores are."""

    client_id: str
    is_active: bool
    last_delivery_at: datetime | None
    refused_files: int
    last_demand_date: date | None
    forecast_as_of: date | None
    champion: str | None
    skipped: str | None
    last_scored_at: datetime | None
    urgent_lines: int


def client_states(warehouse: Warehouse) -> list[ClientState]:
    """One entry per registered client, by slug."""
    with (
        warehouse.transaction() as connection,
        connection.cursor(row_factory=class_row(ClientState)) as cursor,
    ):
        return cursor.execute(
            """
            select
                client.client_id,
                client.is_active,
                delivery.last_delivery_at,
                coalesce(delivery.refused_files, 0)::int as refused_files,
                freshness.last_demand_date,
                forecast.as_of_date as forecast_as_of,
                forecast.champion,
                forecast.skipped,
                freshness.last_scored_at,
                plan.urgent_lines::int
            from ops.clients as client
            left join analytics.data_freshness as freshness on freshness.client_id = client.client_id
            left join lateral (
                select
                    max(loaded_at) as last_delivery_at,
                    count(*) filter (
                        where status = 'rejected' and not exists (
                            select from ops.landing_files as later
                            where later.client_id = file.client_id and later.path = file.path
                                and later.file_id > file.file_id and later.status <> 'rejected'
                        )
                    ) as refused_files
                from ops.landing_files as file
                where file.client_id = client.client_id
            ) as delivery on true
            left join lateral (
                select
                    as_of_date,
                    max(model) filter (where is_champion) as champion,
                    string_agg(model || ' - ' || reason, ' ') filter (where status = 'skipped') as skipped
                from analytics.forecast_runs as run
                where run.client_id = client.client_id
                    and run.run_id = (
                        select run_id from analytics.forecast_runs as latest
                        where latest.client_id = client.client_id and latest.is_current
                        order by as_of_date desc, published_at desc
                        limit 1
                    )
                group by as_of_date
            ) as forecast on true
            left join lateral (
                select count(*) filter (where urgency = any(%s)) as urgent_lines
                from analytics.replenishment_plan_current as line
                where line.client_id = client.client_id
            ) as plan on true
            order by client.client_id
            """,
            (list(URGENT),),
        ).fetchall()


def state_warnings(states: Sequence[ClientState], today: date) -> list[str]:
    """What needs a look, a sentence each."""
    warnings = []
    for state in states:
        if state.refused_files:
            warnings.append(
                f"{state.client_id}: {state.refused_files} file(s) refused; "
                "ops.landing_files.message says why and what to do."
            )
        if not state.is_active:
            continue
        if state.last_demand_date is None:
            warnings.append(f"{state.client_id}: no sales delivered yet.")
            continue
        age = (today - state.last_demand_date).days
        if age > STALE_DEMAND_DAYS:
            warnings.append(f"{state.client_id}: the last day of demand is {age} days ago; is the feed late?")
        if state.forecast_as_of is None or state.forecast_as_of < state.last_demand_date:
            warnings.append(
                f"{state.client_id}: newer demand than forecasts; run 'forecaster run --client "
                f"{state.client_id}'."
            )
        if state.skipped:
            warnings.append(f"{state.client_id}: {state.skipped}")
    return warnings


def latest_models(warehouse: Warehouse, client_id: str) -> pl.DataFrame:
    """The models of the latest current forecast run, the leading one first.

    Returns:
        ``run_id, model, as_of_date, horizon_days, status, is_champion, reason, n_series, n_replaced,
        weights_source, code_version, published_at``.
    """
    return read_frame(
        warehouse,
        render(
            """
            select
                run_id::text, model, as_of_date, horizon_days, status, is_champion, reason, n_series,
                n_replaced, weights_source, code_version, published_at
            from analytics.forecast_runs
            where client_id = {c}
                and run_id = (
                    select run_id from analytics.forecast_runs
                    where client_id = {c} and is_current
                    order by as_of_date desc, published_at desc
                    limit 1
                )
            order by is_champion desc, status, model
            """,
            c=client_id,
        ),
    )


def volumes(warehouse: Warehouse, client_id: str) -> dict[str, Any]:
    """How much there is of a client: series, items, locations, days, files, rows refused."""
    frame = read_frame(
        warehouse,
        render(
            """
            select
                (select count(*) from analytics.dim_series where client_id = {c}) as series,
                (select count(*) from analytics.dim_item where client_id = {c}) as items,
                (select count(*) from analytics.dim_location where client_id = {c}) as locations,
                demand.demand_rows,
                demand.first_date,
                demand.last_date,
                demand.units,
                file.files_loaded,
                file.files_refused,
                file.rows_loaded,
                file.rows_rejected,
                file.last_delivery_at
            from (
                select
                    count(*) as demand_rows,
                    min(date) as first_date,
                    max(date) as last_date,
                    coalesce(sum(demand_qty), 0)::float8 as units
                from analytics.ts_demand_daily where client_id = {c}
            ) as demand
            cross join (
                select
                    count(*) filter (where status = 'loaded') as files_loaded,
                    count(*) filter (where status = 'rejected') as files_refused,
                    coalesce(sum(rows_loaded), 0)::bigint as rows_loaded,
                    coalesce(sum(rows_rejected), 0)::bigint as rows_rejected,
                    max(loaded_at) as last_delivery_at
                from ops.landing_files where client_id = {c}
            ) as file
            """,
            c=client_id,
        ),
    )
    return frame.row(0, named=True)


def urgent_lines(warehouse: Warehouse, client_id: str, limit: int) -> pl.DataFrame:
    """The most urgent lines of the client's latest plan.

    Returns:
        ``priority_rank, urgency, action, item_id, name, location_id, order_qty, order_value, order_date,
        receipt_date, supplier_id, reason``.
    """
    return read_frame(
        warehouse,
        render(
            """
            select
                priority_rank, urgency, action, item_id, coalesce(item_name, item_id) as name, location_id,
                order_qty::float8 as order_qty, order_value::float8 as order_value, order_date, receipt_date,
                supplier_id, reason
            from analytics.planner_worklist
            where client_id = {c}
            order by priority_rank
            limit {limit}
            """,
            c=client_id,
            limit=limit,
        ),
    )


def print_summary(console: Console, warehouse: Warehouse, client: Client) -> None:
    """What a run found for one client: volumes, models and why, accuracy, the five most urgent lines."""
    about = volumes(warehouse, client.client_id)
    console.rule(f"[bold]{escape(client.name)}[/] ({client.client_id})")
    console.print(
        f"{about['series']:,} series ({about['items']:,} items, {about['locations']:,} locations), "
        f"{about['demand_rows']:,} days of demand from {about['first_date']} to {about['last_date']}; "
        f"{about['rows_loaded']:,} rows loaded from {about['files_loaded']} files, "
        f"{about['rows_rejected']:,} rejected."
    )
    console.print(_models_table(latest_models(warehouse, client.client_id)))
    console.print(_accuracy_table(latest_accuracy(warehouse, client.client_id)))
    console.print(_urgent_text(urgent_lines(warehouse, client.client_id, limit=5)), soft_wrap=True)


def _models_table(models: pl.DataFrame) -> Table:
    as_of = f" as of {models['as_of_date'][0]}" if models.height else ""
    table = Table("model", "series", "why", title=f"Forecast{as_of}", title_justify="left")
    for row in models.to_dicts():
        name = f"[bold]{row['model']}[/]" if row["is_champion"] else row["model"]
        table.add_row(name, f"{row['n_series']:,}", escape(row["reason"]))
    return table


def _accuracy_table(accuracy: pl.DataFrame) -> Table:
    title = "Accuracy of earlier forecasts: none scored yet"
    if accuracy.height:
        first = accuracy.row(0, named=True)
        title = (
            f"Accuracy of the forecast as of {first['as_of_date']}, "
            f"{first['days_known']} of its {first['horizon_days']} days known"
        )
    table = Table("model", title=title, caption=ACCURACY_HELP, title_justify="left", caption_justify="left")
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


def _urgent_text(lines: pl.DataFrame) -> str:
    """The lines as sentences; a table of them would not fit a terminal."""
    text = "[italic]Most urgent[/]" if lines.height else "Nothing needs to be ordered."
    for row in lines.to_dicts():
        name = "" if row["name"] == row["item_id"] else f" {row['name']}"
        units = f"{row['order_qty']:,.0f}"
        deed = f"expedite {units}" if row["action"] == "expedite" else f"order {units} by {row['order_date']}"
        arrival = f", arrives {row['receipt_date']}" if row["receipt_date"] else ""
        text += (
            f"\n{row['priority_rank']}. [bold]{escape(row['item_id'])}[/]{escape(name)}, "
            f"{escape(row['location_id'])}, {row['urgency'].replace('_', ' ')}: {deed}"
            f"{arrival}\n   [dim]{escape(row['reason'])}[/]"
        )
    return text


def percent(value: float | None, *, signed: bool = False) -> str:
    """A share as people read it; a dash where it is not defined."""
    return "-" if value is None else f"{value:{'+' if signed else ''}.1%}"


def number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.2f}"
