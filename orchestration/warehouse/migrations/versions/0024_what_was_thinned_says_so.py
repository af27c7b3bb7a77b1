"""Clients say for how long things are kept, and what was thinned bears the time of it.

Revision ID: 0024
Revises: 0023
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"

KEPT = {
    "keep_forecasts_days": 28,
    "keep_projections_days": 7,
    "keep_plans_days": 120,
    "keep_superseded_days": 14,
    "keep_item_scores_days": 180,
    "keep_delivery_details_days": 400,
    "keep_requests_days": 400,
}

THINNED = (
    ("analytics", "forecast_runs", "thinned_at"),
    ("analytics", "inventory_runs", "projection_thinned_at"),
    ("analytics", "inventory_runs", "thinned_at"),
    ("analytics", "scorings", "items_thinned_at"),
    ("ops", "landing_files", "thinned_at"),
)


def upgrade() -> None:
    for name, days in KEPT.items():
        op.add_column(
            "clients",
            sa.Column(name, sa.Integer(), server_default=sa.text(str(days)), nullable=False),
            schema="ops",
        )
    for schema, table, name in THINNED:
        op.add_column(table, sa.Column(name, sa.DateTime(timezone=True), nullable=True), schema=schema)


def downgrade() -> None:
    for schema, table, name in reversed(THINNED):
        # the shared views that read it are made anew after the migrations
        op.execute(f"alter table {schema}.{table} drop column {name} cascade")
    for name in reversed(KEPT):
        op.drop_column("clients", name, schema="ops")
