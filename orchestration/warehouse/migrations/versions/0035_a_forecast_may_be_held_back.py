"""A forecast whose bands do not hold may be held back, and drift of one cause is one episode.

A plan says of when its forecast is.

Of runs before this one nobody noted whether their bands held: they stand in for no other.

Revision ID: 0035
Revises: 0034
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"


def upgrade() -> None:
    op.add_column(
        "clients",
        sa.Column("when_bands_fail", sa.Text(), server_default=sa.text("'publish'"), nullable=False),
        schema="ops",
    )
    op.create_check_constraint(
        op.f("ck_clients_when_bands_fail"),
        "clients",
        "when_bands_fail in ('publish', 'keep_last_good')",
        schema="ops",
    )
    op.add_column("forecast_runs", sa.Column("bands_hold", sa.Boolean(), nullable=True), schema="analytics")
    op.add_column("forecast_runs", sa.Column("bands_problem", sa.Text(), nullable=True), schema="analytics")
    op.add_column(
        "forecast_runs",
        sa.Column("stand_in_run_id", sa.UUID(as_uuid=False), nullable=True),
        schema="analytics",
    )
    op.add_column(
        "inventory_runs", sa.Column("forecast_as_of_date", sa.Date(), nullable=True), schema="analytics"
    )
    op.add_column(
        "drift_events",
        sa.Column("part_of_event_id", sa.UUID(as_uuid=False), nullable=True),
        schema="analytics",
    )


def downgrade() -> None:
    op.drop_column("drift_events", "part_of_event_id", schema="analytics")
    op.drop_column("inventory_runs", "forecast_as_of_date", schema="analytics")
    op.drop_column("forecast_runs", "stand_in_run_id", schema="analytics")
    op.drop_column("forecast_runs", "bands_problem", schema="analytics")
    op.drop_column("forecast_runs", "bands_hold", schema="analytics")
    op.drop_constraint(op.f("ck_clients_when_bands_fail"), "clients", schema="ops", type_="check")
    op.drop_column("clients", "when_bands_fail", schema="ops")
