"""Stock levels for demo clients whose sales came without any, recorded as generated.

Belongs here: reading the sales, storing the levels, saying that they were made up. Does not belong here: how
they are made (``forecasting_lib.demo.m5_stock``), and clients that did not ask for it (``generate_stock``).
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

import polars as pl
from psycopg import sql

from forecasting_lib.demo.m5_stock import generate_m5_stock
from orchestration.clients import Client
from orchestration.landing.load import lock_client
from orchestration.landing.records import Identity, Outcome, is_loaded, record, record_audit
from orchestration.warehouse.bulk import copy_to_temporary, read_frame, render
from orchestration.warehouse.server import Warehouse

PATH = "(generated)/stock_levels"
"""What the records call it; no file has this name."""


def generate_stock(warehouse: Warehouse, client: Client, run_id: str | None = None) -> Outcome | None:
    """Bring a client's generated stock levels up to its sales.

    The levels depend on the sales alone, and earlier days keep theirs when later ones arrive. A level that
    the client delivered is never replaced.

    Returns:
        What was recorded; None where the sales are the ones it was generated from before, or none.
    """
    digest = sales_digest(warehouse, client.client_id)
    identity = Identity(client, PATH, digest or "", 0, run_id, is_generated=True)
    with warehouse.transaction() as connection:
        if digest is None or is_loaded(connection, identity):
            return None
    levels = generate_m5_stock(_daily_sales(warehouse, client.client_id))
    with warehouse.transaction() as connection:
        lock_client(connection, client.client_id)
        if is_loaded(connection, identity):
            return None
        copy_to_temporary(connection, "levels", "staging.stock_levels", levels)
        outcome = Outcome(
            path=PATH,
            kind="stock_levels",
            status="loaded",
            message="Made by the project from the sales, not delivered.",
            rows_read=levels.height,
            first_date=levels["date"].min(),  # type: ignore[arg-type]
            last_date=levels["date"].max(),  # type: ignore[arg-type]
        )
        file_id = record(connection, identity, outcome)
        written = connection.execute(
            sql.SQL(
                """
                insert into staging.stock_levels as staged (
                    client_id, file_id, item_id, location_id, date, on_hand_qty, is_generated
                )
                select {client}, {file_id}, item_id, location_id, date, on_hand_qty, true from levels
                on conflict (client_id, item_id, location_id, date) do update
                set on_hand_qty = excluded.on_hand_qty, file_id = excluded.file_id
                where staged.is_generated and staged.on_hand_qty is distinct from excluded.on_hand_qty
                """
            ).format(client=sql.Literal(client.client_id), file_id=sql.Literal(file_id))
        ).rowcount
        connection.execute(
            """
            update ops.landing_files set rows_loaded = %s, loaded_at = clock_timestamp()
            where client_id = %s and file_id = %s
            """,
            (written, client.client_id, file_id),
        )
        loaded = replace(outcome, file_id=file_id, rows_loaded=written)
        record_audit(connection, identity, loaded)
        return loaded


def sales_digest(warehouse: Warehouse, client_id: str) -> str | None:
    """What stands for the content the stock is generated from: the sales files loaded, in order."""
    with warehouse.transaction() as connection:
        row = connection.execute(
            """
            select string_agg(sha256, ' ' order by file_id)
            from ops.landing_files
            where client_id = %s and status = 'loaded' and units_loaded is not null
            """,
            (client_id,),
        ).fetchone()
    if row is None or row[0] is None:
        return None
    return hashlib.sha256(f"generated stock {row[0]}".encode()).hexdigest()


def _daily_sales(warehouse: Warehouse, client_id: str) -> pl.DataFrame:
    return read_frame(
        warehouse,
        render(
            """
            select date, item_id, location_id, sum(units_sold)::float8 as units_sold
            from staging.sales
            where client_id = {client}
            group by date, item_id, location_id
            """,
            client=client_id,
        ),
    )
