"""Digests of what a client has in the warehouse, to compare two moments or two ways of getting there."""

from __future__ import annotations

from psycopg import sql

from orchestration.warehouse.server import Warehouse
from orchestration.warehouse.tables import metadata

IDENTITY = frozenset(
    {
        "run_id",
        "scoring_id",
        "forecast_run_id",
        "dagster_run_id",
        "file_id",
        "replaced_file_id",
        "input_watermark",
        "input_digest",
        "published_at",
        "scored_at",
        "received_at",
        "loaded_at",
        "created_at",
        "updated_at",
        "duration_seconds",
        "client_id",
        "grain_key",
    }
)
"""Columns that name a run, a moment or the client, and so differ between two runs of the same work."""

KEPT_APART = frozenset({"ops.landing_files", "ops.audit_log", "ops.clients"})
"""Tables whose rows are about events rather than about what is known."""


def fingerprints(
    warehouse: Warehouse, client_id: str, *, ignore: frozenset[str] = frozenset(), current_only: bool = False
) -> dict[str, tuple[int, str]]:
    """(row count, digest of all rows) of every tenant table, for one client.

    Args:
        warehouse: where to look.
        client_id: whose rows.
        ignore: columns left out of the digest.
        current_only: of tables with runs, only the rows of runs that are in use.
    """
    found = {}
    with warehouse.transaction() as connection:
        for table in metadata.sorted_tables:
            name = f"{table.schema}.{table.name}"
            if "client_id" not in table.columns or name in KEPT_APART:
                continue
            columns = [column.name for column in table.columns if column.name not in ignore]
            condition = sql.SQL("true")
            if current_only:
                condition = _in_use(set(table.columns.keys()), table.name)
            row = connection.execute(
                sql.SQL(
                    "select count(*), coalesce(md5(string_agg(line, '|' order by line)), '') from ("
                    "select row({columns})::text as line from {table} "
                    "where client_id = {client} and {condition}"
                    ") as lines"
                ).format(
                    columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
                    table=sql.Identifier(str(table.schema), table.name),
                    client=sql.Literal(client_id),
                    condition=condition,
                )
            ).fetchone()
            assert row is not None
            found[name] = (row[0], row[1])
    return found


def _in_use(columns: set[str], table: str) -> sql.SQL:
    if "is_current" in columns:
        return sql.SQL("is_current")
    if table in ("forecast_series", "forecast_results"):
        return sql.SQL("run_id in (select run_id from analytics.forecast_runs where is_current)")
    if "run_id" in columns and table != "restated_sales":
        return sql.SQL("run_id in (select run_id from analytics.inventory_runs where is_current)")
    return sql.SQL("true")
