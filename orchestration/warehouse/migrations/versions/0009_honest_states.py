"""What could not be computed is said: deliveries that clients see, gaps, lines without a quantity.

``migrate`` fills the new tables when the structure is there.

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "dim_client",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("country", sa.Text()),
        sa.Column("grain", sa.Text()),
        sa.Column("horizon_days", sa.Integer()),
        sa.Column("default_lead_time_days", sa.Integer()),
        sa.Column("intraday_feed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_dim_client")),
        schema="analytics",
    )
    op.create_table(
        "feeds",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        *(
            sa.Column(name, kind, server_default=sa.text("0"), nullable=False)
            for name, kind in (
                ("files_loaded", sa.Integer()),
                ("files_refused", sa.Integer()),
                ("rows_read", sa.BigInteger()),
                ("rows_loaded", sa.BigInteger()),
                ("rows_rejected", sa.BigInteger()),
            )
        ),
        sa.Column("first_date", sa.Date()),
        sa.Column("last_date", sa.Date()),
        sa.Column("last_loaded_at", sa.DateTime(timezone=True)),
        sa.Column("refusal", sa.Text()),
        sa.PrimaryKeyConstraint("client_id", "kind", name=op.f("pk_feeds")),
        schema="analytics",
    )
    op.create_table(
        "gap_meanings",
        sa.Column("gap", sa.Text(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("severity", "concerns", "sentence", "costs", "remedy")
        ),
        sa.Column("command", sa.Text()),
        sa.PrimaryKeyConstraint("gap", name=op.f("pk_gap_meanings")),
        schema="analytics",
    )
    op.add_column("landing_files", sa.Column("dismissed_at", sa.DateTime(timezone=True)), schema="ops")
    op.alter_column("replenishment_plan", "order_qty", nullable=True, schema="analytics")


def downgrade() -> None:
    op.execute("delete from analytics.replenishment_plan where order_qty is null")
    op.alter_column("replenishment_plan", "order_qty", nullable=False, schema="analytics")
    op.drop_column("landing_files", "dismissed_at", schema="ops")
    for table in ("gap_meanings", "feeds", "dim_client"):
        op.drop_table(table, schema="analytics")
