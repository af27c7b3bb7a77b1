"""Schema ``ops``: the tenant registry, what was delivered, what was refused, who did what."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Identity, Index, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from orchestration.warehouse.tables.columns import (
    BOOK_QUANTITY,
    book,
    client_key,
    day,
    document,
    key,
    labels,
    metadata,
    model,
    moment,
    one_of,
    only,
    whole,
    words,
    yes_no,
)
from orchestration.warehouse.tables.vocabulary import AuditAction, FileStatus

clients = Table(
    "clients",
    metadata,
    Column(
        "client_id",
        Text,
        primary_key=True,
        comment="Slug: lower-case letters, digits and _, starts with a letter.",
    ),
    words("name", "Name people use.", nullable=False),
    words("timezone", "IANA time zone of the client's days and schedule.", nullable=False, default="UTC"),
    words("cron", "When the pipeline runs by itself; NULL means only on new files."),
    whole("horizon_days", "Days every forecast reaches ahead.", nullable=False, default=28),
    Column(
        "service_level",
        BOOK_QUANTITY,
        nullable=False,
        server_default=text("0.95"),
        comment="Target cycle service level, between 0 and 1.",
    ),
    whole(
        "review_days",
        "Days between two order reviews, unless the supplier says otherwise.",
        nullable=False,
        default=1,
    ),
    whole("default_lead_time_days", "Lead time where neither receipts, item nor supplier give one."),
    words("country", "ISO country code of the holiday calendar; NULL means none."),
    labels("models", "Models to run, the preferred first.", default="'{chronos2,ma7,seasonal_naive}'"),
    document("column_map", "kind -> our column -> the client's column name."),
    words("date_format", "strptime format of the client's dates; NULL means ISO."),
    words(
        "returns_policy",
        "net: netted on the day of the return; drop: left out.",
        nullable=False,
        default="net",
    ),
    words(
        "negative_stock",
        "backorder or zero: what a negative on-hand means.",
        nullable=False,
        default="backorder",
    ),
    model("max_reject_rate", "Share of bad rows above which a file is refused whole."),
    whole(
        "max_gap_days",
        "A date this far after the last delivered day is rejected.",
        nullable=False,
        default=366,
    ),
    whole(
        "date_shift_days", "Days added to every delivered date; demo clients only.", nullable=False, default=0
    ),
    yes_no("intraday_feed", "True: the last delivered day is incomplete and not yet used."),
    yes_no("generate_stock", "True: stock levels are generated, and marked so; M5 demo clients only."),
    yes_no("is_active", "False: no schedule, no sensor; history stays readable.", default=True),
    moment("created_at", "When the client was added.", nullable=False, now=True),
    moment("updated_at", "When the registry entry last changed.", nullable=False, now=True),
    CheckConstraint("client_id ~ '^[a-z][a-z0-9_]{0,31}$'", name="slug"),
    CheckConstraint("service_level > 0 and service_level < 1", name="service_level"),
    CheckConstraint("horizon_days between 1 and 365", name="horizon"),
    CheckConstraint("returns_policy in ('net', 'drop')", name="returns_policy"),
    CheckConstraint("negative_stock in ('backorder', 'zero')", name="negative_stock"),
    schema="ops",
    comment="One row per client (tenant).",
)

landing_files = Table(
    "landing_files",
    metadata,
    client_key(),
    Column(
        "file_id",
        BigInteger,
        Identity(always=True),
        primary_key=True,
        comment="Delivery number; the input watermark.",
    ),
    words("path", "Path below the client's landing folder.", nullable=False),
    words("sha256", "Content hash, the file's identity.", nullable=False),
    Column("size_bytes", BigInteger, nullable=False, comment="Size as delivered."),
    words("kind", "Kind of the data contract: sales, products ...; NULL where the name says none."),
    one_of("status", FileStatus, nullable=False),
    words("message", "One sentence for the operator: why rejected, or what was unusual."),
    words("config_digest", "Digest of the registry settings the file was read with.", nullable=False),
    whole("rows_read", "Data rows seen.", nullable=False, default=0),
    whole("rows_loaded", "Rows written to staging.", nullable=False, default=0),
    whole("rows_rejected", "Rows in ops.rejected_rows.", nullable=False, default=0),
    whole(
        "rows_restated", "Rows that replaced an earlier delivery of the same key.", nullable=False, default=0
    ),
    book("units_loaded", "Sum of units_sold of the loaded rows; sales only."),
    day("first_date", "Earliest day among the loaded rows."),
    day("last_date", "Latest day among the loaded rows."),
    yes_no("is_generated", "True: made by the project, not delivered by the client."),
    words("run_id", "Dagster run that took the file."),
    moment("received_at", "When the pipeline first saw the file.", nullable=False, now=True),
    moment("loaded_at", "When its rows became visible."),
    only("status", FileStatus),
    Index(
        "uq_landing_files_loaded",
        "client_id",
        "sha256",
        unique=True,
        postgresql_where=text("status = 'loaded'"),
    ),
    schema="ops",
    comment="One row per file seen, with what became of it.",
)

rejected_rows = Table(
    "rejected_rows",
    metadata,
    client_key(),
    key("file_id", "The delivery the row came in.", BigInteger),
    key("line_number", "Line of the file, the header being line 1.", BigInteger),
    words("reason", "Closed vocabulary; see docs/data-contracts.md.", nullable=False),
    words("column_name", "The column at fault, where one is."),
    words("message", "One sentence saying what is wrong with the value.", nullable=False),
    words("raw", "The row as delivered, cut at 2,000 characters."),
    book("units", "units_sold of the row where it could be read; sales only."),
    schema="ops",
    comment="One row per rejected row; the rest of its file was loaded, unless the file was refused whole.",
)

restated_sales = Table(
    "restated_sales",
    metadata,
    client_key(),
    key("file_id", "The delivery that brought the new value.", BigInteger),
    key("item_id", "Item."),
    key("location_id", "Location."),
    Column("date", day("date", "").type, primary_key=True, comment="Day of the sale."),
    key("order_id", "Order line, empty where the feed is daily."),
    Column("replaced_file_id", BigInteger, nullable=False, comment="The delivery the old value came in."),
    book("old_units_sold", "Value before.", nullable=False),
    book("new_units_sold", "Value after.", nullable=False),
    schema="ops",
    comment="One row per sales value that a later delivery replaced.",
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("audit_id", BigInteger, Identity(always=True), primary_key=True, comment="Order of the entries."),
    words("client_id", "Tenant concerned; NULL for the installation. Outlives the client."),
    moment("occurred_at", "When.", nullable=False, now=True),
    Column(
        "role_name",
        Text,
        nullable=False,
        server_default=text("session_user"),
        comment="Database login that acted.",
    ),
    words("actor", "User of the operating system whose process acted; unknown where it has no name."),
    words("run_id", "Dagster run, where there is one."),
    one_of("action", AuditAction, nullable=False),
    words("object", "What it was done to: a file, a run, a client.", nullable=False),
    Column("row_count", BigInteger, comment="Rows concerned."),
    Column(
        "details",
        JSONB,
        nullable=False,
        server_default=text("'{}'::jsonb"),
        comment="Digests and values before and after.",
    ),
    Index("ix_audit_log_client_id_occurred_at", "client_id", "occurred_at"),
    schema="ops",
    comment="Append-only: one row per action. Nobody may update or delete, the pipeline's role included.",
)
