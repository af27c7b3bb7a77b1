"""What a client may know of its registry entry and its deliveries, and what every gap means."""

from __future__ import annotations

from typing import get_args

from sqlalchemy import BigInteger, Column, Table, Text

from forecasting_lib.inventory import Severity
from orchestration.warehouse.gap_vocabulary import Concern
from orchestration.warehouse.tables.columns import (
    client_key,
    day,
    key,
    metadata,
    moment,
    one_of,
    whole,
    words,
    yes_no,
)

dim_client = Table(
    "dim_client",
    metadata,
    client_key(),
    words("name", "Name people use.", nullable=False),
    words("timezone", "IANA time zone of its days.", nullable=False),
    words("country", "ISO country code of the holiday calendar; NULL for none."),
    words("grain", "Period it is planned by: day, week or month; NULL until its first sales tell."),
    whole("horizon_days", "Days every forecast reaches ahead; NULL for 28 days, 13 weeks or 6 months."),
    whole("default_lead_time_days", "Lead time where nothing else gives one; NULL where there is none."),
    yes_no("intraday_feed", "The last delivered day is incomplete and not used yet."),
    yes_no("is_active", "Schedule and sensor run.", default=True),
    schema="analytics",
    comment="One row per client, whatever was delivered: what its registry entry says.",
)

feeds = Table(
    "feeds",
    metadata,
    client_key(),
    key("kind", "Kind of the data contract: sales, products ...; other where the file's name says none."),
    whole("files_loaded", "Files loaded.", nullable=False, default=0),
    whole("files_refused", "Files refused and neither made good nor dismissed.", nullable=False, default=0),
    Column("rows_read", BigInteger, nullable=False, server_default="0", comment="Rows of the files loaded."),
    Column("rows_loaded", BigInteger, nullable=False, server_default="0", comment="Of these, rows staged."),
    Column("rows_rejected", BigInteger, nullable=False, server_default="0", comment="Of these, rejected."),
    day("first_date", "Earliest day of the rows loaded; NULL where they have none."),
    day("last_date", "Latest day of the rows loaded; NULL where they have none."),
    moment("last_loaded_at", "When the last file was loaded."),
    whole(
        "usual_step_days",
        "Median of the days from the end of one file to the end of the next; NULL until two tell.",
    ),
    words("refusal", "Name of the last refused file that stands, and why; NULL where there is none."),
    schema="analytics",
    comment="One row per client and kind of which something was delivered.",
)

gap_meanings = Table(
    "gap_meanings",
    metadata,
    Column("gap", Text, primary_key=True, comment="Code of analytics.planning_gaps."),
    whole("place", "Order in which people read them.", nullable=False),
    one_of("severity", Severity, nullable=False),
    one_of("concerns", get_args(Concern), "{}: which answer it is about.", nullable=False),
    words("sentence", "What is the matter, with places for numbers.", nullable=False),
    words("costs", "What cannot be known for want of it.", nullable=False),
    words("remedy", "What to deliver or to decide.", nullable=False),
    words("command", "The next command; NULL where there is none."),
    schema="analytics",
    comment="One row per code of planning_gaps: what people are told of it.",
)
