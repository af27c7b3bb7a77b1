"""A line of the plan can be followed to the files, the build and the models it comes from.

Runs before this one have no row of what they rest on, and builds before it none at all.

Revision ID: 0026
Revises: 0025
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    op.create_table(
        "delivered_files",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("file_id", sa.BigInteger(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("rows_loaded", sa.Integer(), nullable=False),
        sa.Column("rows_rejected", sa.Integer(), nullable=False),
        sa.Column("first_date", sa.Date(), nullable=True),
        sa.Column("last_date", sa.Date(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("loaded_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("client_id", "file_id", name=op.f("pk_delivered_files")),
        schema="analytics",
    )
    op.create_table(
        "demand_runs",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("dagster_run_id", sa.Text(), nullable=False),
        sa.Column("dbt_invocation_id", sa.Text(), nullable=True),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("code_version", sa.Text(), nullable=False),
        sa.Column("built_after", sa.Date(), nullable=True),
        sa.Column("last_date", sa.Date(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("client_id", "dagster_run_id", name=op.f("pk_demand_runs")),
        schema="analytics",
    )
    op.create_table(
        "plan_inputs",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("item_id", sa.Text(), nullable=False),
        sa.Column("location_id", sa.Text(), nullable=False),
        sa.Column("sales_from", sa.Date(), nullable=False),
        sa.Column("sales", postgresql.JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.Column("stock_file_id", sa.BigInteger(), nullable=True),
        sa.Column("item_file_id", sa.BigInteger(), nullable=True),
        sa.Column("supplier_file_id", sa.BigInteger(), nullable=True),
        sa.Column(
            "lead_time_file_ids",
            postgresql.ARRAY(sa.BigInteger()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("open_orders", postgresql.JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.PrimaryKeyConstraint(
            *("client_id", "run_id", "item_id", "location_id"), name=op.f("pk_plan_inputs")
        ),
        schema="analytics",
    )
    op.create_index(
        "ix_replenishment_plan_series",
        "replenishment_plan",
        ["client_id", "item_id", "location_id"],
        unique=False,
        schema="analytics",
    )


def downgrade() -> None:
    op.execute("drop view if exists analytics.why_this_order")
    op.execute("drop view if exists analytics.forecast_runs_as_known")
    op.drop_index("ix_replenishment_plan_series", table_name="replenishment_plan", schema="analytics")
    op.drop_table("plan_inputs", schema="analytics")
    op.drop_table("demand_runs", schema="analytics")
    op.drop_table("delivered_files", schema="analytics")
