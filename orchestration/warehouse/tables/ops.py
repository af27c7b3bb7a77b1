"""Schema ``ops``: the tenant registry, what was delivered, what was refused, who did what."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Identity, Index, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from orchestration.warehouse.tables.columns import (
    book,
    client_key,
    day,
    document,
    key,
    metadata,
    moment,
    one_of,
    only,
    whole,
    words,
)
from orchestration.warehouse.tables.registry_columns import registry_checks, registry_columns
from orchestration.warehouse.tables.vocabulary import AuditAction, FileStatus

clients = Table(
    "clients",
    metadata,
    *registry_columns(),
    moment("created_at", "When the client was added.", nullable=False, now=True),
    moment("updated_at", "When the registry entry last changed.", nullable=False, now=True),
    *registry_checks(),
    schema="ops",
    comment="One row per client (tenant).",
)

locks = Table(
    "locks",
    metadata,
    key("purpose", "What is kept apart: migration, landing and others."),
    key("subject", "The client; empty where the lock is the installation's."),
    whole("holder_pid", "Server process of the session that holds a client's turn; NULL where none has yet."),
    words("holder_name", "Name of that session."),
    words("holder_login", "Login of that session."),
    moment("taken_at", "When that session took it."),
    schema="ops",
    comment="One row per lock: a transaction locks the row, a session leaves its name. Not for tenants.",
)

builds = Table(
    "builds",
    metadata,
    key("thing", "What was built."),
    words("digest", "Digest of what it was built from and of what was there afterwards.", nullable=False),
    moment("built_at", "When.", nullable=False, now=True),
    schema="ops",
    comment="One row per thing that is built anew only where it has changed: the reporting views.",
)

demand_builds = Table(
    "demand_builds",
    metadata,
    client_key(),
    words("digest", "Digest of everything that concerns all of the client's days.", nullable=False),
    day("last_date", "Last day that was built; NULL where there were no sales."),
    moment("built_at", "When.", nullable=False, now=True),
    schema="ops",
    comment="One row per client whose demand was built whole: from there on it follows what changes.",
)

demand_changes = Table(
    "demand_changes",
    metadata,
    client_key(),
    Column("change_id", BigInteger, Identity(always=True), primary_key=True, comment="Number of the change."),
    words("table_name", "Table of the schema staging or analytics that changed.", nullable=False),
    day("first_date", "First day whose demand it may concern; NULL where that may be any."),
    words("build_id", "Build that found the change on its way and follows it; NULL where landing noted it."),
    schema="ops",
    comment="One row per change that a client's demand has yet to follow.",
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
    words("sha256", "Content hash.", nullable=False),
    Column("size_bytes", BigInteger, nullable=False, comment="Size as delivered."),
    Column(
        "modified_ns",
        BigInteger,
        comment="Time of change when last read, nanoseconds since 1970; NULL where the file was not opened.",
    ),
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
    whole(
        "rows_removed", "Rows of its days that a snapshot took out, lacking them.", nullable=False, default=0
    ),
    whole("rows_left_out", "Rows of items that the feed's rules leave out.", nullable=False, default=0),
    book("units_left_out", "Sum of their units_sold where it could be read; sales only."),
    book("units_loaded", "Sum of units_sold of the loaded rows; sales only."),
    day("first_date", "Earliest day among the loaded rows; of a refused file among those that were read."),
    day("last_date", "Latest day among them."),
    words("run_id", "Dagster run that took the file."),
    moment("received_at", "When the pipeline first saw the file.", nullable=False, now=True),
    moment("loaded_at", "When its rows became visible."),
    moment("dismissed_at", "When a person said of a refused file that nobody needs it; else NULL."),
    moment(
        "thinned_at",
        "When its rejected rows and what it replaced went; NULL where they are there.",
    ),
    only("status", FileStatus),
    Index("ix_landing_files_client_id_sha256", "client_id", "sha256"),
    schema="ops",
    comment="One row per file seen and per withdrawal of one, with what became of it.",
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
    Column(
        "reason",
        Text,
        primary_key=True,
        server_default=text("''"),
        comment="Why the units moved; empty where no reason is.",
    ),
    Column("replaced_file_id", BigInteger, nullable=False, comment="The delivery the old value came in."),
    book("old_units_sold", "Value before.", nullable=False),
    book("new_units_sold", "Value after; NULL where a snapshot took the row out."),
    schema="ops",
    comment="One row per sales value that a later delivery replaced.",
)

replaced_rows = Table(
    "replaced_rows",
    metadata,
    client_key(),
    key("file_id", "The delivery that changed or took out the row.", BigInteger),
    Column(
        "replaced_row_id", BigInteger, Identity(always=True), primary_key=True, comment="Number of the row."
    ),
    words("table_name", "Table of the schema staging.", nullable=False),
    Column("was", JSONB, nullable=False, comment="The row as it was."),
    schema="ops",
    comment="One row per staging row that a delivery replaced; what withdrawing the delivery brings back.",
)

pulled = Table(
    "pulled",
    metadata,
    client_key(),
    key("source", "The client's source."),
    key("item", "Path of the file there; empty for a query's rows."),
    words("made_of", "Digest of the source's settings then; with others it begins anew.", nullable=False),
    document(
        "state",
        "Of a file: size, time of change and ETag as listed. Of rows: watermark, its type and their digest.",
    ),
    words("landed_as", "Path below the client's landing folder.", nullable=False),
    Column("size_bytes", BigInteger, nullable=False, comment="Size of the file that landed."),
    moment("pulled_at", "When it landed.", nullable=False, now=True),
    schema="ops",
    comment="One row per remote file or query pulled, as last seen: from where pulling goes on.",
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
