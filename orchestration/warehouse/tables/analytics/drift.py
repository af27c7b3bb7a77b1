"""What has changed since models were judged: one row per episode of drift."""

from __future__ import annotations

from sqlalchemy import UUID, Column, Index, Table, text

from forecasting_lib.drift.findings import DriftKind
from orchestration.warehouse.tables.columns import (
    client_key,
    day,
    document,
    made_up,
    metadata,
    moment,
    one_of,
    only,
    words,
    yes_no,
)
from orchestration.warehouse.tables.vocabulary import DriftGrain

drift_events = Table(
    "drift_events",
    metadata,
    client_key(),
    made_up("event_id", "The episode."),
    Column(
        "part_of_event_id",
        UUID(as_uuid=False),
        comment="Episode of the same cause, which is told; NULL where this one is.",
    ),
    one_of("kind", DriftKind, "{}: what changed.", nullable=False),
    one_of("grain", DriftGrain, "{}: what it changed of.", nullable=False),
    words("grain_key", "The location, the demand class, or the client.", nullable=False),
    day("first_date", "First day concerned, as far as it can be told.", nullable=False),
    day("detected_date", "Last day of demand when it was first found.", nullable=False),
    day("seen_date", "Last day of demand when it was last found.", nullable=False),
    yes_no("is_current", "It goes on, or was found within the last fortnight.", nullable=False, default=None),
    words("sentence", "What it is, as a sentence, as it was first found.", nullable=False),
    document("evidence", "The numbers then, each limit beside them."),
    words("dagster_run_id", "Run in the Dagster UI that found it.", nullable=False),
    moment("detected_at", "When it was first found.", nullable=False, now=True),
    moment("told_at", "When the webhook took it; NULL where it has not, or none is set."),
    only("kind", DriftKind),
    only("grain", DriftGrain),
    Index(
        "uq_drift_events_current",
        "client_id",
        "kind",
        "grain",
        "grain_key",
        unique=True,
        postgresql_where=text("is_current"),
    ),
    schema="analytics",
    comment="One row per episode of drift: what changed, from when on, and by which numbers.",
)
