"""What a covariate is worth to a model stands with the backtest that judged it.

Revision ID: 0034
Revises: 0033
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0034"
down_revision = "0033"


def upgrade() -> None:
    op.create_table(
        "covariate_worth",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("covariate", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("gain", sa.Double(), nullable=True),
        sa.Column("standard_error", sa.Double(), nullable=True),
        sa.Column("own_gain", sa.Double(), nullable=True),
        sa.Column("own_standard_error", sa.Double(), nullable=True),
        sa.Column("n_windows", sa.Integer(), nullable=False),
        sa.Column("n_series", sa.Integer(), nullable=False),
        sa.Column(
            "windows",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("first_origin_date", sa.Date(), nullable=False),
        sa.Column("last_origin_date", sa.Date(), nullable=False),
        sa.Column("duration_seconds", sa.Double(), nullable=True),
        sa.CheckConstraint(
            "gain > '-infinity'::float8 and gain < 'infinity'::float8 and standard_error > '-infinity'::float8 and standard_error < 'infinity'::float8 and own_gain > '-infinity'::float8 and own_gain < 'infinity'::float8 and own_standard_error > '-infinity'::float8 and own_standard_error < 'infinity'::float8",
            name=op.f("ck_covariate_worth_finite"),
        ),
        sa.CheckConstraint(
            "verdict in ('used', 'not_used', 'too_few_windows')", name=op.f("ck_covariate_worth_verdict")
        ),
        sa.PrimaryKeyConstraint("client_id", "run_id", "model", "covariate", name=op.f("pk_covariate_worth")),
        schema="analytics",
    )


def downgrade() -> None:
    op.drop_table("covariate_worth", schema="analytics")
