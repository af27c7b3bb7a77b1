"""Deliveries note from which day on they change demand, and a build keeps what the next one goes on from.

Revision ID: 0019
Revises: 0018
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.create_table(
        "demand_builds",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("last_date", sa.Date()),
        sa.Column("built_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_demand_builds")),
        schema="ops",
    )
    op.create_table(
        "demand_changes",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("change_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("first_date", sa.Date()),
        sa.Column("build_id", sa.Text()),
        sa.PrimaryKeyConstraint("client_id", "change_id", name=op.f("pk_demand_changes")),
        schema="ops",
    )
    op.create_table(
        "series",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("item_id", sa.Text(), nullable=False),
        sa.Column("location_id", sa.Text(), nullable=False),
        sa.Column("listed_date", sa.Date(), nullable=False),
        sa.Column("first_sale_date", sa.Date()),
        sa.Column("last_movement_date", sa.Date()),
        sa.Column("category", sa.Text()),
        sa.Column("list_price", sa.Numeric(18, 4)),
        sa.Column("first_date", sa.Date()),
        sa.Column("last_date", sa.Date()),
        sa.PrimaryKeyConstraint("client_id", "item_id", "location_id", name=op.f("pk_series")),
        schema="staging",
    )
    op.create_table(
        "location_sales",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("location_id", sa.Text(), nullable=False),
        sa.Column("sold_qty", sa.Numeric(18, 4), nullable=False),
        sa.PrimaryKeyConstraint("client_id", "date", "location_id", name=op.f("pk_location_sales")),
        schema="staging",
    )


def downgrade() -> None:
    op.drop_table("location_sales", schema="staging")
    op.drop_table("series", schema="staging")
    op.drop_table("demand_changes", schema="ops")
    op.drop_table("demand_builds", schema="ops")
