"""Demand comes in days, weeks or months: the grain of a client, of its series and of each forecast run.

Everything there was before is daily. A horizon and a review period that nobody chose are no longer stored: they
follow the grain. What becomes of demand without stock is a setting.

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

GRAINS = "grain in ('day', 'week', 'month')"
QUANTITY = sa.Numeric(precision=18, scale=4)
NOT_STATED = sa.text("false")


def upgrade() -> None:
    op.create_table(
        "ts_demand_periods",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("grain", sa.Text(), nullable=False),
        sa.Column("item_id", sa.Text(), nullable=False),
        sa.Column("location_id", sa.Text(), nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("last_date", sa.Date(), nullable=False),
        sa.Column("demand_qty", QUANTITY, nullable=False),
        sa.Column("net_sold_qty", QUANTITY, nullable=False),
        sa.Column("clipped_qty", QUANTITY, nullable=False),
        sa.Column("sold_qty", QUANTITY, nullable=True),
        sa.Column("returned_qty", QUANTITY, nullable=True),
        sa.Column("netted_qty", QUANTITY, nullable=True),
        sa.Column("written_off_qty", QUANTITY, nullable=True),
        sa.Column("unit_price", QUANTITY, nullable=True),
        sa.Column("is_promotion", sa.Boolean(), server_default=NOT_STATED, nullable=False),
        sa.Column("is_closed", sa.Boolean(), server_default=NOT_STATED, nullable=False),
        sa.Column("is_stocked_out", sa.Boolean(), server_default=NOT_STATED, nullable=False),
        sa.Column("is_masked", sa.Boolean(), server_default=NOT_STATED, nullable=False),
        sa.Column("on_hand_qty", QUANTITY, nullable=True),
        sa.Column("lost_sales_qty", sa.Double(), nullable=True),
        sa.CheckConstraint("grain in ('week', 'month')", name=op.f("ck_ts_demand_periods_grain")),
        sa.CheckConstraint("demand_qty >= 0", name=op.f("ck_ts_demand_periods_demand")),
        sa.PrimaryKeyConstraint(
            "client_id", "item_id", "location_id", "date", name=op.f("pk_ts_demand_periods")
        ),
        schema="analytics",
    )
    for table in ("dim_series", "forecast_runs"):
        op.add_column(
            table, sa.Column("grain", sa.Text(), server_default="day", nullable=False), schema="analytics"
        )
        op.create_check_constraint(op.f(f"ck_{table}_grain"), table, GRAINS, schema="analytics")
    op.add_column("clients", sa.Column("grain", sa.Text(), nullable=True), schema="ops")
    op.create_check_constraint(op.f("ck_clients_grain"), "clients", GRAINS, schema="ops")
    op.add_column(
        "clients",
        sa.Column("unmet_demand", sa.Text(), server_default="backorder", nullable=False),
        schema="ops",
    )
    op.create_check_constraint(
        op.f("ck_clients_unmet_demand"), "clients", "unmet_demand in ('backorder', 'lost')", schema="ops"
    )
    for setting in ("horizon_days", "review_days"):
        op.alter_column("clients", setting, nullable=True, server_default=None, schema="ops")
    op.execute(
        """
        update ops.clients
        set
            grain = 'day',
            horizon_days = nullif(horizon_days, 28),
            review_days = nullif(review_days, 1)
        """
    )


def downgrade() -> None:
    for setting, default in (("horizon_days", 28), ("review_days", 1)):
        op.execute(f"update ops.clients set {setting} = {default} where {setting} is null")
        op.alter_column(
            "clients", setting, nullable=False, server_default=sa.text(str(default)), schema="ops"
        )
    op.drop_column("clients", "unmet_demand", schema="ops")
    op.drop_column("clients", "grain", schema="ops")
    op.drop_column("forecast_runs", "grain", schema="analytics")
    op.drop_column("dim_series", "grain", schema="analytics")
    op.drop_table("ts_demand_periods", schema="analytics")
