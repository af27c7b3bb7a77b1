"""Replays of past days: the service that levels would have kept.

Revision ID: 0029
Revises: 0028
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    op.create_table(
        "service_backtest",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("line_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("segment", sa.Text(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("target", sa.Double(), nullable=True),
        sa.Column("nominal", sa.Double(), nullable=True),
        sa.Column("predicted", sa.Double(), nullable=True),
        sa.Column("achieved", sa.Double(), nullable=True),
        sa.Column("achieved_low", sa.Double(), nullable=True),
        sa.Column("achieved_high", sa.Double(), nullable=True),
        sa.Column("cover_days", sa.Double(), nullable=True),
        sa.Column("on_hand_qty", sa.Double(), nullable=True),
        sa.Column("stock_value", sa.Double(), nullable=True),
        sa.Column("orders_per_year", sa.Double(), nullable=True),
        sa.Column("unserved_qty", sa.Double(), nullable=True),
        sa.Column("unserved_margin", sa.Double(), nullable=True),
        sa.Column("n_items", sa.Integer(), nullable=False),
        sa.Column("n_cycles", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "basis in ('as_set', 'fitted', 'sweep', 'equal_service', 'equal_stock')",
            name=op.f("ck_service_backtest_basis"),
        ),
        sa.CheckConstraint(
            "unserved_margin < 'infinity'::float8",
            name=op.f("ck_service_backtest_margin"),
        ),
        sa.CheckConstraint(
            "metric in ('csl_cycle', 'csl_period', 'fill_rate', 'ready_rate')",
            name=op.f("ck_service_backtest_metric"),
        ),
        sa.CheckConstraint(
            "cover_days >= 0 and cover_days < 'infinity'::float8 and on_hand_qty >= 0 and on_hand_qty < 'infinity'::float8 and stock_value >= 0 and stock_value < 'infinity'::float8 and orders_per_year >= 0 and orders_per_year < 'infinity'::float8 and unserved_qty >= 0 and unserved_qty < 'infinity'::float8",
            name=op.f("ck_service_backtest_non_negative"),
        ),
        sa.CheckConstraint(
            "policy in ('forecast', 'textbook_normal', 'ma7_factor')",
            name=op.f("ck_service_backtest_policy"),
        ),
        sa.CheckConstraint(
            "segment in ('smooth', 'erratic', 'intermittent', 'lumpy', 'none', 'all')",
            name=op.f("ck_service_backtest_segment"),
        ),
        sa.CheckConstraint(
            "achieved >= 0 and achieved <= 1 and achieved_low >= 0 and achieved_low <= 1 "
            "and achieved_high >= 0 and achieved_high <= 1",
            name=op.f("ck_service_backtest_shares"),
        ),
        sa.PrimaryKeyConstraint("client_id", "run_id", "line_no", name=op.f("pk_service_backtest")),
        schema="analytics",
    )
    op.create_table(
        "service_backtest_runs",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("is_current", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("first_date", sa.Date(), nullable=False),
        sa.Column("last_date", sa.Date(), nullable=False),
        sa.Column("fitted_from", sa.Date(), nullable=True),
        sa.Column("n_origins", sa.Integer(), nullable=False),
        sa.Column("n_series", sa.Integer(), nullable=False),
        sa.Column("n_series_of", sa.Integer(), nullable=False),
        sa.Column("n_without_lead_time", sa.Integer(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("service_target", sa.Double(), nullable=False),
        sa.Column("unmet_demand", sa.Text(), nullable=False),
        sa.Column("code_version", sa.Text(), nullable=False),
        sa.Column("input_digest", sa.Text(), nullable=False),
        sa.Column("dagster_run_id", sa.Text(), nullable=False),
        sa.Column("duration_seconds", sa.Double(), nullable=True),
        sa.Column(
            "published_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint(
            "0 < service_target and service_target < 1",
            name=op.f("ck_service_backtest_runs_target"),
        ),
        sa.CheckConstraint(
            "unmet_demand in ('backorder', 'lost')",
            name=op.f("ck_service_backtest_runs_unmet_demand"),
        ),
        sa.PrimaryKeyConstraint("client_id", "run_id", name=op.f("pk_service_backtest_runs")),
        schema="analytics",
    )
    op.create_index(
        "uq_service_backtest_runs_current",
        "service_backtest_runs",
        ["client_id"],
        unique=True,
        schema="analytics",
        postgresql_where=sa.text("is_current"),
    )


def downgrade() -> None:
    op.drop_index(
        "uq_service_backtest_runs_current",
        table_name="service_backtest_runs",
        schema="analytics",
        postgresql_where=sa.text("is_current"),
    )
    op.drop_table("service_backtest_runs", schema="analytics")
    op.drop_table("service_backtest", schema="analytics")
