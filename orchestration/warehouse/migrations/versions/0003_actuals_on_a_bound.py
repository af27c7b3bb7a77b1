"""Actuals that lie exactly on a bound of the 90 % interval are counted: with counts, many do.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

COMMENT = "Actuals exactly on a bound of the central 90 % interval, inside all the same; NULL before 0003."


def upgrade() -> None:
    op.add_column(
        "forecast_quality",
        sa.Column("n_on_bound_90", sa.Integer(), nullable=True, comment=COMMENT),
        schema="analytics",
    )


def downgrade() -> None:
    op.drop_column("forecast_quality", "n_on_bound_90", schema="analytics")
