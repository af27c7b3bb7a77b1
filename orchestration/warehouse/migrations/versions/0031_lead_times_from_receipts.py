"""Lead times say what they rest on, suppliers are held against their word, goods move between locations.

Revision ID: 0031
Revises: 0030
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"


def _decided(actions: tuple[str, ...], which: str = "") -> None:
    """What a decision may be about."""
    listed = ", ".join(f"'{action}'" for action in actions)
    op.execute("alter table analytics.plan_decisions drop constraint ck_plan_decisions_action")
    op.execute(
        "alter table analytics.plan_decisions add constraint ck_plan_decisions_action"
        f" check (action in ({listed})) {which}"
    )


def upgrade() -> None:
    _decided(("order", "transfer", "expedite", "postpone", "reduce", "cancel", "decide"))
    op.add_column("clients", sa.Column("transfer_days", sa.Integer(), nullable=True), schema="ops")
    op.add_column(
        "inventory_metrics",
        sa.Column("lead_time_receipts", sa.Integer(), nullable=True),
        schema="analytics",
    )
    op.add_column(
        "inventory_metrics", sa.Column("excess_advice", sa.Text(), nullable=True), schema="analytics"
    )
    op.create_table(
        "purchase_priorities",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("item_id", sa.Text(), nullable=False),
        sa.Column("location_id", sa.Text(), nullable=False),
        sa.Column("lot_no", sa.Integer(), nullable=False),
        sa.Column("supplier_id", sa.Text(), nullable=True),
        sa.Column("priority_rank", sa.Integer(), nullable=False),
        sa.Column("order_qty", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("order_value", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("benefit_value", sa.Double(), nullable=False),
        sa.Column("benefit_per_money", sa.Double(), nullable=False),
        sa.Column("spent_value", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.CheckConstraint(
            " and ".join(
                f"{column} >= 0 and {column} < 'infinity'::float8"
                for column in ("benefit_value", "benefit_per_money")
            ),
            name=op.f("ck_purchase_priorities_non_negative"),
        ),
        sa.PrimaryKeyConstraint(
            *("client_id", "run_id", "item_id", "location_id", "lot_no"), name=op.f("pk_purchase_priorities")
        ),
        schema="analytics",
    )
    op.create_index(
        "ix_purchase_priorities_rank",
        "purchase_priorities",
        ["client_id", "run_id", "priority_rank"],
        unique=False,
        schema="analytics",
    )
    op.create_table(
        "supplier_lead_times",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("supplier_id", sa.Text(), nullable=False),
        sa.Column("stated_days", sa.Double(), nullable=True),
        sa.Column("stated_sd_days", sa.Double(), nullable=True),
        sa.Column("n_receipts", sa.Integer(), nullable=True),
        sa.Column("mean_days", sa.Double(), nullable=True),
        sa.Column("median_days", sa.Double(), nullable=True),
        sa.Column("sd_days", sa.Double(), nullable=True),
        sa.Column("n_promised", sa.Integer(), nullable=True),
        sa.Column("late_share", sa.Double(), nullable=True),
        sa.Column("mean_days_late", sa.Double(), nullable=True),
        sa.Column("n_open", sa.Integer(), nullable=True),
        sa.Column("n_overdue", sa.Integer(), nullable=True),
        sa.Column("longest_overdue_days", sa.Integer(), nullable=True),
        sa.Column("n_faulty", sa.Integer(), nullable=True),
        sa.Column("n_forgotten", sa.Integer(), nullable=True),
        sa.Column("expected_days", sa.Double(), nullable=True),
        sa.Column("expected_sd_days", sa.Double(), nullable=True),
        sa.CheckConstraint("late_share between 0 and 1", name=op.f("ck_supplier_lead_times_late_share")),
        sa.CheckConstraint(
            " and ".join(
                f"{column} >= 0 and {column} < 'Infinity'::double precision"
                for column in ("mean_days", "median_days", "sd_days", "expected_days", "expected_sd_days")
            ),
            name=op.f("ck_supplier_lead_times_non_negative"),
        ),
        sa.PrimaryKeyConstraint("client_id", "run_id", "supplier_id", name=op.f("pk_supplier_lead_times")),
        schema="analytics",
    )


def downgrade() -> None:
    # decisions about the actions that go stand as they are
    _decided(("order", "expedite", "decide"), "not valid")
    op.execute("drop view if exists analytics.inventory_metrics_current")
    op.drop_column("clients", "transfer_days", schema="ops")
    op.drop_table("purchase_priorities", schema="analytics")
    op.drop_table("supplier_lead_times", schema="analytics")
    op.drop_column("inventory_metrics", "excess_advice", schema="analytics")
    op.drop_column("inventory_metrics", "lead_time_receipts", schema="analytics")
