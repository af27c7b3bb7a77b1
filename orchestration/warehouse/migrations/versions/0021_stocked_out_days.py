"""Stocked-out days are found without reading the others.

Revision ID: 0021
Revises: 0020
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.create_index(
        "ix_ts_demand_daily_stocked_out",
        "ts_demand_daily",
        ["client_id", "date"],
        unique=False,
        schema="analytics",
        postgresql_where=sa.text("is_stocked_out"),
        postgresql_include=["item_id", "location_id", "lost_sales_qty"],
    )


def downgrade() -> None:
    op.drop_index("ix_ts_demand_daily_stocked_out", table_name="ts_demand_daily", schema="analytics")
