"""A plan names the backtest that its safety stocks are calibrated on.

Plans before this one were made without.

Revision ID: 0028
Revises: 0027
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    op.add_column(
        "inventory_runs",
        sa.Column("backtest_run_id", sa.UUID(as_uuid=False), nullable=True),
        schema="analytics",
    )


def downgrade() -> None:
    op.drop_column("inventory_runs", "backtest_run_id", schema="analytics")
