"""The mean of a series as it is without the guard of the tail, beside the one that is published.

Revision ID: 0010
Revises: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

COMMENT = "Mean of mean_qty over the horizon without the guard of the tail; NULL where it changed nothing."


CHECK = "ck_forecast_series_non_negative"
BEFORE = " and ".join(
    f"{name} >= 0 and {name} < 'infinity'::float8" for name in ("mase_scale", "rmsse_scale")
)


def upgrade() -> None:
    op.add_column(
        "forecast_series",
        sa.Column("raw_mean_qty", sa.Double(), nullable=True, comment=COMMENT),
        schema="analytics",
    )
    op.drop_constraint(op.f(CHECK), "forecast_series", schema="analytics")
    op.create_check_constraint(
        op.f(CHECK),
        "forecast_series",
        f"{BEFORE} and raw_mean_qty >= 0 and raw_mean_qty < 'infinity'::float8",
        schema="analytics",
    )


def downgrade() -> None:
    op.drop_column("forecast_series", "raw_mean_qty", schema="analytics")
    op.create_check_constraint(op.f(CHECK), "forecast_series", BEFORE, schema="analytics")
