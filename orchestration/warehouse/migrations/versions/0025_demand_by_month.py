"""Demand is added up by month and found by day, so that a year is read without its days.

Revision ID: 0025
Revises: 0023
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0023"

_EXACT = ("demand_qty", "squared_demand_qty", "known_qty", "clipped_qty", "promoted_qty")
_COUNTS = (
    *("n_periods", "n_days", "known_periods", "demand_periods", "masked_days", "closed_days"),
    *("stocked_out_days", "promoted_periods"),
)


def upgrade() -> None:
    op.create_table(
        "demand_by_month",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("client_id", "item_id", "location_id")),
        sa.Column("month", sa.Date(), nullable=False),
        *(sa.Column(name, sa.Date()) for name in ("first_sale_date", "last_sale_date", "last_priced_date")),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in _COUNTS),
        *(sa.Column(name, sa.Numeric(), nullable=False) for name in _EXACT),
        *(
            sa.Column(name, sa.Numeric())
            for name in ("sold_qty", "returned_qty", "netted_qty", "written_off_qty", "revenue_value")
        ),
        sa.Column("lost_sales_qty", sa.Double()),
        sa.PrimaryKeyConstraint(
            *("client_id", "item_id", "location_id", "month"), name=op.f("pk_demand_by_month")
        ),
        schema="analytics",
    )
    op.execute(
        """
        insert into analytics.demand_by_month (
            client_id, item_id, location_id, month, n_periods, n_days, first_sale_date, last_sale_date,
            known_periods, demand_periods, demand_qty, squared_demand_qty, known_qty, sold_qty, returned_qty,
            netted_qty, clipped_qty, written_off_qty, last_priced_date, revenue_value, masked_days,
            closed_days, stocked_out_days, promoted_periods, promoted_qty, lost_sales_qty
        )
        select
            client_id, item_id, location_id, date_trunc('month', date::timestamp)::date, count(*),
            sum(last_date - date + 1), min(date) filter (where sold_qty <> 0 or netted_qty <> 0),
            max(date) filter (where demand_qty > 0), count(*) filter (where not is_masked),
            count(*) filter (where demand_qty > 0), sum(demand_qty), sum(demand_qty * demand_qty),
            coalesce(sum(demand_qty) filter (where not is_masked), 0), sum(sold_qty), sum(returned_qty),
            sum(netted_qty), sum(clipped_qty), sum(written_off_qty),
            max(date) filter (where unit_price is not null), sum(demand_qty * unit_price),
            coalesce(sum(last_date - date + 1) filter (where is_masked), 0),
            coalesce(sum(last_date - date + 1) filter (where is_closed), 0),
            coalesce(sum(last_date - date + 1) filter (where is_stocked_out), 0),
            count(*) filter (where is_promotion and not is_masked),
            coalesce(sum(demand_qty) filter (where is_promotion and not is_masked), 0),
            sum(lost_sales_qty order by date)
        from (
            select
                client_id, item_id, location_id, date, date as last_date, demand_qty, clipped_qty, sold_qty,
                returned_qty, netted_qty, written_off_qty, unit_price, is_promotion, is_closed,
                is_stocked_out, is_masked, lost_sales_qty
            from analytics.ts_demand_daily
            union all
            select
                client_id, item_id, location_id, date, last_date, demand_qty, clipped_qty, sold_qty,
                returned_qty, netted_qty, written_off_qty, unit_price, is_promotion, is_closed,
                is_stocked_out, is_masked, lost_sales_qty
            from analytics.ts_demand_periods
        ) as demand
        group by client_id, item_id, location_id, date_trunc('month', date::timestamp)::date
        """
    )
    op.create_index(
        "ix_ts_demand_daily_date",
        "ts_demand_daily",
        ["date"],
        unique=False,
        schema="analytics",
    )


def downgrade() -> None:
    op.execute("drop view if exists analytics.demand_summary")
    op.drop_index("ix_ts_demand_daily_date", table_name="ts_demand_daily", schema="analytics")
    op.drop_table("demand_by_month", schema="analytics")
