"""Drift is told in episodes, and a plan says how much it changed.

Revision ID: 0027
Revises: 0026
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    op.create_table(
        "drift_events",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("event_id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("grain", sa.Text(), nullable=False),
        sa.Column("grain_key", sa.Text(), nullable=False),
        sa.Column("first_date", sa.Date(), nullable=False),
        sa.Column("detected_date", sa.Date(), nullable=False),
        sa.Column("seen_date", sa.Date(), nullable=False),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column(
            "evidence",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("dagster_run_id", sa.Text(), nullable=False),
        sa.Column("detected_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "grain in ('client', 'location', 'demand_class')", name=op.f("ck_drift_events_grain")
        ),
        sa.CheckConstraint(
            "kind in ('forecast_error', 'demand_level', 'zero_share', 'new_items', 'vanished_items', 'items_renamed', 'feed_frozen', 'price_level', 'weekly_pattern')",
            name=op.f("ck_drift_events_kind"),
        ),
        sa.PrimaryKeyConstraint("client_id", "event_id", name=op.f("pk_drift_events")),
        schema="analytics",
    )
    op.create_index(
        "uq_drift_events_current",
        "drift_events",
        ["client_id", "kind", "grain", "grain_key"],
        unique=True,
        schema="analytics",
        postgresql_where=sa.text("is_current"),
    )
    op.create_table(
        "plan_stability",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("earlier_run_id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("as_of_date", sa.Date(), nullable=False),
        sa.Column("earlier_as_of_date", sa.Date(), nullable=False),
        sa.Column("overlap_periods", sa.Integer(), nullable=False),
        sa.Column("earlier_forecast_qty", sa.Double(), nullable=False),
        sa.Column("moved_forecast_qty", sa.Double(), nullable=False),
        sa.Column("forecast_churn", sa.Double(), nullable=True),
        sa.Column("n_lines", sa.Integer(), nullable=False),
        sa.Column("n_lines_changed", sa.Integer(), nullable=False),
        sa.Column("lines_changed_share", sa.Double(), nullable=True),
        sa.CheckConstraint(
            "forecast_churn >= 0 and forecast_churn < 'infinity'::float8 and lines_changed_share >= 0 and lines_changed_share < 'infinity'::float8",
            name=op.f("ck_plan_stability_non_negative"),
        ),
        sa.PrimaryKeyConstraint("client_id", "run_id", name=op.f("pk_plan_stability")),
        schema="analytics",
    )


def downgrade() -> None:
    op.drop_table("plan_stability", schema="analytics")
    op.drop_index(
        "uq_drift_events_current",
        table_name="drift_events",
        schema="analytics",
        postgresql_where=sa.text("is_current"),
    )
    op.drop_table("drift_events", schema="analytics")
