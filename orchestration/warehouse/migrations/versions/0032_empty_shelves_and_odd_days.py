"""Days that ran out have an index beside those that were stocked out, and odd days have verdicts.

Revision ID: 0032
Revises: 0031
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"

EMPTY = "not is_closed and (is_stocked_out or (demand_qty > 0 and on_hand_qty = 0))"


def upgrade() -> None:
    op.drop_index("ix_ts_demand_daily_stocked_out", table_name="ts_demand_daily", schema="analytics")
    op.create_index(
        "ix_ts_demand_daily_empty_shelf",
        "ts_demand_daily",
        ["client_id", "date"],
        unique=False,
        schema="analytics",
        postgresql_where=sa.text(EMPTY),
        postgresql_include=["item_id", "location_id", "lost_sales_qty", "unit_price"],
    )
    op.create_table(
        "outlier_verdicts",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("item_id", sa.Text(), nullable=False),
        sa.Column("location_id", sa.Text(), nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("keep", sa.Boolean(), nullable=False),
        sa.Column("clean_qty", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("file_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "client_id", "item_id", "location_id", "date", name=op.f("pk_outlier_verdicts")
        ),
        schema="staging",
    )
    op.create_table(
        "demand_outliers",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("item_id", sa.Text(), nullable=False),
        sa.Column("location_id", sa.Text(), nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("raw_qty", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("expected_qty", sa.Double(), nullable=True),
        sa.Column("cleaned_qty", sa.Double(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("keep", sa.Boolean(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "expected_qty >= 0 and expected_qty < 'infinity'::float8"
            " and cleaned_qty >= 0 and cleaned_qty < 'infinity'::float8",
            name=op.f("ck_demand_outliers_non_negative"),
        ),
        sa.CheckConstraint("reason in ('high', 'low', 'person')", name=op.f("ck_demand_outliers_reason")),
        sa.PrimaryKeyConstraint(
            "client_id", "item_id", "location_id", "date", name=op.f("pk_demand_outliers")
        ),
        schema="analytics",
    )
    op.create_table(
        "outlier_looks",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("judged_through", sa.Date(), nullable=False),
        sa.Column("judged_days", sa.Integer(), nullable=False),
        sa.Column("found_days", sa.Integer(), nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_outlier_looks")),
        schema="analytics",
    )
    op.add_column(
        "clients",
        sa.Column("outlier_handling", sa.Text(), server_default="report", nullable=False),
        schema="ops",
    )
    op.create_check_constraint(
        op.f("ck_clients_outlier_handling"),
        "clients",
        "outlier_handling in ('off', 'report', 'clean')",
        schema="ops",
    )


def downgrade() -> None:
    op.drop_column("clients", "outlier_handling", schema="ops")
    op.drop_table("outlier_looks", schema="analytics")
    op.drop_table("demand_outliers", schema="analytics")
    op.drop_table("outlier_verdicts", schema="staging")
    op.drop_index("ix_ts_demand_daily_empty_shelf", table_name="ts_demand_daily", schema="analytics")
    op.create_index(
        "ix_ts_demand_daily_stocked_out",
        "ts_demand_daily",
        ["client_id", "date"],
        unique=False,
        schema="analytics",
        postgresql_where=sa.text("is_stocked_out"),
        postgresql_include=["item_id", "location_id", "lost_sales_qty"],
    )
