"""The worklist is read by rank, and a line says what the plan before said of it.

Revision ID: 0017
Revises: 0016
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    for column in (
        sa.Column(
            "earlier_urgency",
            sa.Text(),
            comment="stocked_out, late, today, this_week or planned: of the same line of the plan of the "
            "as-of date before, as it was then; NULL where it had none.",
        ),
        sa.Column("earlier_order_qty", sa.Numeric(18, 4), comment="Units to order of that line."),
        sa.Column(
            "is_new",
            sa.Boolean(),
            comment="Whether the plan before had no such line; NULL where there was no plan before.",
        ),
    ):
        op.add_column("replenishment_plan", column, schema="analytics")
    # of the plans that are in use; of the others nobody asks
    op.execute(
        """
        with plans as (
            select
                client_id,
                run_id,
                lag(run_id) over of_the_client as earlier_run_id,
                row_number() over (partition by client_id order by as_of_date desc) as place
            from analytics.inventory_runs
            where is_current
            window of_the_client as (partition by client_id order by as_of_date)
        ),

        numbered as (
            select
                plan.*,
                row_number() over (
                    partition by client_id, run_id, item_id, location_id, action
                    order by line_no
                ) as action_no
            from analytics.replenishment_plan as plan
            inner join plans using (client_id, run_id)
            where plans.place <= 2
        ),

        compared as (
            select
                lines.*,
                earlier.urgency as urgency_before,
                earlier.order_qty as order_qty_before,
                earlier.action_no is null as had_none
            from plans
            inner join numbered as lines using (client_id, run_id)
            left join numbered as earlier
                on lines.client_id = earlier.client_id
                and plans.earlier_run_id = earlier.run_id
                and lines.item_id = earlier.item_id
                and lines.location_id = earlier.location_id
                and lines.action = earlier.action
                and lines.action_no = earlier.action_no
            where plans.place = 1 and plans.earlier_run_id is not null
        )

        update analytics.replenishment_plan as plan
        set
            earlier_urgency = urgency_before,
            earlier_order_qty = order_qty_before,
            is_new = had_none
        from compared
        where plan.client_id = compared.client_id
            and plan.run_id = compared.run_id
            and plan.item_id = compared.item_id
            and plan.location_id = compared.location_id
            and plan.line_no = compared.line_no
        """
    )
    op.create_index(
        "ix_replenishment_plan_priority",
        "replenishment_plan",
        ["client_id", "run_id", "priority_rank"],
        schema="analytics",
    )


def downgrade() -> None:
    op.drop_index("ix_replenishment_plan_priority", "replenishment_plan", schema="analytics")
    for name in ("is_new", "earlier_order_qty", "earlier_urgency"):
        op.drop_column("replenishment_plan", name, schema="analytics")
