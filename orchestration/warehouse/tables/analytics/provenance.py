"""Where the figures come from: the files delivered, the builds of demand, what a line of the plan rests on.

Belongs here: what clients may know of deliveries and builds one by one, and which of them a plan used. Does
not belong here: their sums by kind (``feeds``), the figures themselves (``inventory``, ``forecasts``).
"""

from __future__ import annotations

from sqlalchemy import ARRAY, BigInteger, Column, Table, text
from sqlalchemy.dialects.postgresql import JSONB

from orchestration.warehouse.tables.columns import (
    client_key,
    day,
    key,
    metadata,
    moment,
    one_of,
    run_key,
    series_key,
    whole,
    words,
)
from orchestration.warehouse.tables.vocabulary import FileStatus


def _file(name: str, comment: str) -> Column[int]:
    return Column(name, BigInteger, comment=comment)


def _listed(name: str, comment: str) -> Column[object]:
    return Column(name, JSONB, nullable=False, server_default=text("'[]'::jsonb"), comment=comment)


delivered_files = Table(
    "delivered_files",
    metadata,
    client_key(),
    key("file_id", "Delivery number, as in ops.landing_files.", BigInteger),
    words("path", "Path below the client's landing folder.", nullable=False),
    words("kind", "Kind of the data contract: sales, products ...; NULL where the name says none."),
    one_of("status", FileStatus, nullable=False),
    words("sha256", "Content hash.", nullable=False),
    Column("size_bytes", BigInteger, nullable=False, comment="Size as delivered."),
    whole("rows_loaded", "Rows written to staging.", nullable=False),
    whole("rows_rejected", "Rows that were refused.", nullable=False),
    day("first_date", "Earliest day among the loaded rows; of a refused file among those that were read."),
    day("last_date", "Latest day among them."),
    moment("received_at", "When the pipeline first saw the file.", nullable=False),
    moment("loaded_at", "When its rows became visible."),
    schema="analytics",
    comment="One row per file seen and per withdrawal of one: what a client may know of ops.landing_files.",
)

demand_runs = Table(
    "demand_runs",
    metadata,
    client_key(),
    key("dagster_run_id", "Run in the Dagster UI that built it."),
    words("dbt_invocation_id", "Invocation of dbt that built it, as in dbt's log; NULL where none ran."),
    words("digest", "Digest of the models and the settings that concern all days.", nullable=False),
    words("code_version", "Version of this project that built it.", nullable=False),
    day("built_after", "Days after this one were built; NULL where all were."),
    day("last_date", "Last day that was built; NULL where there were no sales."),
    moment("ended_at", "When it came to its end.", nullable=False, now=True),
    schema="analytics",
    comment="One row per build of a client's demand that came to its end.",
)

plan_inputs = Table(
    "plan_inputs",
    metadata,
    client_key(),
    run_key("Inventory run."),
    *series_key(),
    day("sales_from", "First day of the sales named; the last one is the as-of date.", nullable=False),
    _listed("sales", "Per delivery of sales of these days: file_id, rows, units, first_date and last_date."),
    _file("stock_file_id", "Delivery of the stock level used; NULL where none was delivered."),
    _file("item_file_id", "Delivery of the item's supplier, order constraints and cost; NULL without."),
    _file("supplier_file_id", "Delivery of the supplier's entry; NULL where there is none."),
    Column(
        "lead_time_file_ids",
        ARRAY(BigInteger),
        nullable=False,
        server_default=text("'{}'"),
        comment="Deliveries that the lead time is measured on or stated in; empty of the client's default.",
    ),
    _listed(
        "open_orders",
        "Per order counted as under way: po_id, open_qty, days, and its file_id or decision_id.",
    ),
    schema="analytics",
    comment="One row per inventory run and series with a line: the deliveries staged when it was published.",
)
