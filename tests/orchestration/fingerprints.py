"""Digests of what a client has in the warehouse, to compare two moments or two ways of getting there."""

from __future__ import annotations

from datetime import date
from types import ModuleType

from psycopg import sql
from sqlalchemy import Table

from orchestration.warehouse.server import Warehouse
from orchestration.warehouse.tables import access, metadata
from orchestration.warehouse.tables.analytics import decisions

RUN = frozenset(
    {"run_id", "scoring_id", "forecast_run_id", "backtest_run_id", "dagster_run_id", "earlier_run_id"}
    | {"file_id", "replaced_file_id"}
)
"""Columns that name a run or a delivery."""

MOMENT = frozenset(
    {"published_at", "scored_at", "last_loaded_at", "duration_seconds", "input_watermark"}
    | {"decisions_read_at", "decisions_just_read"}
)
"""Columns that say when something was done, in time or in the order of deliveries."""

OWNER = frozenset({"client_id", "grain_key", "input_digest"})
"""Columns made with the client's name; a score's key beside it is in columns of its own."""

IDENTITY = RUN | MOMENT | OWNER
"""What may differ between two clients with the same work; every other column is compared."""


def _tables_of(module: ModuleType) -> set[str]:
    return {f"{table.schema}.{table.name}" for table in vars(module).values() if isinstance(table, Table)}


OF_PEOPLE = frozenset(_tables_of(decisions))
"""Tables of what people decided."""

KEPT_APART = frozenset(
    {
        *("ops.landing_files", "ops.replaced_rows", "ops.audit_log", "ops.clients", "analytics.dim_client"),
        *("ops.demand_builds", "ops.demand_changes", "analytics.drift_events"),
        "analytics.outlier_looks",
        *("analytics.delivered_files", "analytics.demand_runs", "analytics.plan_inputs"),
        *_tables_of(access),
        *OF_PEOPLE,
    }
)
"""Tables whose rows are about events, say who a client is and who may get in, or what people decided, rather
than what is known."""

_RUNS_OF = {
    **dict.fromkeys(("forecast_series", "forecast_results"), "forecast_runs"),
    **dict.fromkeys(("score_sums", "score_totals"), "scorings"),
    **dict.fromkeys(
        (
            *("inventory_metrics", "lead_time_demand", "replenishment_plan", "stock_projection"),
            *("plan_stability", "supplier_lead_times", "purchase_priorities"),
        ),
        "inventory_runs",
    ),
    **dict.fromkeys(
        (
            *("backtest_series", "backtest_scores", "backtest_totals", "backtest_reliability"),
            *("backtest_new_items", "calibrations", "error_inflation", "covariate_worth"),
        ),
        "backtest_runs",
    ),
    "service_backtest": "service_backtest_runs",
}

_DAY_OF = {"backtest_runs": "last_origin_date", "service_backtest_runs": "last_date"}
"""The day that a run is as of, where its column is not called so."""


def compared_columns(ignore: frozenset[str] = frozenset()) -> dict[str, list[str]]:
    """The columns that a fingerprint covers, of every table it covers."""
    return {
        f"{table.schema}.{table.name}": [column.name for column in table.columns if column.name not in ignore]
        for table in metadata.sorted_tables
        if "client_id" in table.columns and f"{table.schema}.{table.name}" not in KEPT_APART
    }


def fingerprints(
    warehouse: Warehouse,
    client_id: str,
    *,
    ignore: frozenset[str] = frozenset(),
    current_only: bool = False,
    as_of: date | None = None,
) -> dict[str, tuple[int, str]]:
    """(row count, digest of all rows) of every tenant table, for one client.

    Args:
        warehouse: where to look.
        client_id: whose rows.
        ignore: columns left out of the digest.
        current_only: of tables with runs, only the rows of runs that are in use.
        as_of: of tables with runs, only the rows of runs in use as of this day.
    """
    found = {}
    with warehouse.transaction() as connection:
        for name, columns in compared_columns(ignore).items():
            row = connection.execute(
                sql.SQL(
                    "select count(*), coalesce(md5(string_agg(line, '|' order by line)), '') from ("
                    "select row({columns})::text as line from {table} "
                    "where client_id = {client} and {in_use}"
                    ") as lines"
                ).format(
                    columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
                    table=sql.Identifier(*name.split(".")),
                    client=sql.Literal(client_id),
                    in_use=_in_use(name, as_of) if current_only or as_of else sql.SQL("true"),
                )
            ).fetchone()
            assert row is not None
            found[name] = (row[0], row[1])
    return found


def _in_use(name: str, as_of: date | None) -> sql.Composable:
    """The condition for rows of a run in use; a table with runs that is not known here is an error."""
    table = metadata.tables[name]
    if "run_id" not in table.columns:
        return sql.SQL("true")
    day = sql.Identifier(_DAY_OF.get(_RUNS_OF.get(table.name, table.name), "as_of_date"))
    condition = sql.SQL("is_current and {0} = coalesce({1}, {0})").format(day, sql.Literal(as_of))
    if "is_current" in table.columns:
        return condition
    runs = sql.Identifier("analytics", _RUNS_OF[table.name])
    return sql.SQL("run_id in (select run_id from {} where {})").format(runs, condition)
