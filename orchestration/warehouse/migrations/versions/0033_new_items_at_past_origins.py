"""A backtest says how far new series were off, with the profile of their relatives and without.

Revision ID: 0033
Revises: 0032
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"

SUMS = ("sum_actual_qty", "sum_forecast_qty", "sum_abs_total_error_qty", "sum_quantile_loss_qty")


def upgrade() -> None:
    op.create_table(
        "backtest_new_items",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("origin_date", sa.Date(), nullable=False),
        sa.Column("is_profiled", sa.Boolean(), nullable=False),
        sa.Column("n_series", sa.Integer(), nullable=False),
        sa.Column("n_actuals", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Double(), nullable=False) for name in SUMS),
        sa.Column("n_inside_80", sa.Integer(), nullable=False),
        sa.Column("n_inside_90", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            " and ".join(f"{name} >= 0 and {name} < 'infinity'::float8" for name in SUMS),
            name=op.f("ck_backtest_new_items_non_negative"),
        ),
        sa.PrimaryKeyConstraint(
            "client_id",
            "run_id",
            "model",
            "origin_date",
            "is_profiled",
            name=op.f("pk_backtest_new_items"),
        ),
        schema="analytics",
    )


def downgrade() -> None:
    op.drop_table("backtest_new_items", schema="analytics")
