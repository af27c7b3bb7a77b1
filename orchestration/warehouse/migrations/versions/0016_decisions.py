"""What planners decide about the worklist, the orders that leave, and the sessions of browsers.

Revision ID: 0016
Revises: 0015
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0015"


def _of_a_client(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["client_id"],
        ["ops.clients.client_id"],
        name=op.f(f"fk_{table}_client_id"),
        ondelete="CASCADE",
    )


def upgrade() -> None:
    op.create_table(
        "approved_orders",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("order_serial", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column(
            "order_number",
            sa.Text(),
            sa.Computed(
                "'FC' || lpad(order_serial::text, greatest(6, length(order_serial::text)), '0')",
                persisted=True,
            ),
        ),
        sa.Column("supplier_id", sa.Text()),
        sa.Column("n_lines", sa.Integer(), nullable=False),
        sa.Column("order_value", sa.Numeric(18, 4)),
        sa.Column("exported_by", sa.Text(), nullable=False),
        sa.Column("exported_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("order_serial > 0 and n_lines > 0", name=op.f("ck_approved_orders_counts")),
        _of_a_client("approved_orders"),
        sa.PrimaryKeyConstraint("client_id", "order_serial", name=op.f("pk_approved_orders")),
        schema="analytics",
    )
    op.create_table(
        "decision_ends",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("decision_id", sa.UUID(), nullable=False),
        sa.Column("ending", sa.Text(), nullable=False),
        sa.Column("order_serial", sa.Integer()),
        sa.Column("ended_by", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("ending in ('withdrawn', 'ordered')", name=op.f("ck_decision_ends_ending")),
        sa.CheckConstraint(
            "(ending = 'ordered') = (order_serial is not null)", name=op.f("ck_decision_ends_order_serial")
        ),
        _of_a_client("decision_ends"),
        sa.PrimaryKeyConstraint("client_id", "decision_id", name=op.f("pk_decision_ends")),
        schema="analytics",
    )
    op.create_table(
        "order_line_ends",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("decision_id", sa.UUID(), nullable=False),
        sa.Column("ending", sa.Text(), nullable=False),
        sa.Column("as_of_date", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("ended_by", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("ending in ('received', 'cancelled')", name=op.f("ck_order_line_ends_ending")),
        sa.CheckConstraint("btrim(reason) <> ''", name=op.f("ck_order_line_ends_reason")),
        _of_a_client("order_line_ends"),
        sa.PrimaryKeyConstraint("client_id", "decision_id", name=op.f("pk_order_line_ends")),
        schema="analytics",
    )
    op.create_table(
        "plan_decisions",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("decision_id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("run_id", sa.UUID(), nullable=False),
        sa.Column("as_of_date", sa.Date(), nullable=False),
        sa.Column("item_id", sa.Text(), nullable=False),
        sa.Column("location_id", sa.Text(), nullable=False),
        sa.Column("line_no", sa.Integer(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("po_ref", sa.Text()),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.Column("supplier_id", sa.Text()),
        sa.Column("proposed_qty", sa.Numeric(18, 4)),
        sa.Column("proposed_order_date", sa.Date()),
        sa.Column("proposed_receipt_date", sa.Date()),
        sa.Column("order_qty", sa.Numeric(18, 4)),
        sa.Column("order_date", sa.Date()),
        sa.Column("receipt_date", sa.Date()),
        sa.Column("unit_cost", sa.Numeric(18, 4)),
        sa.Column("reason", sa.Text()),
        sa.Column("until", sa.Date()),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column(
            "decided_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "action in ('order', 'expedite', 'decide')", name=op.f("ck_plan_decisions_action")
        ),
        sa.CheckConstraint(
            "decision in ('approve', 'reject', 'snooze')", name=op.f("ck_plan_decisions_decision")
        ),
        sa.CheckConstraint(
            "case when decision = 'approve' and action in ('order', 'decide')"
            " then num_nonnulls(order_qty, order_date, receipt_date) = 3"
            " and order_qty > 0 and receipt_date >= order_date"
            " else num_nonnulls(order_qty, order_date, receipt_date) = 0 end",
            name=op.f("ck_plan_decisions_ordered"),
        ),
        sa.CheckConstraint(
            "reason is not null or decision <> 'approve' or action <> 'order'"
            " or order_qty is not distinct from proposed_qty"
            " and order_date is not distinct from proposed_order_date"
            " and receipt_date is not distinct from proposed_receipt_date",
            name=op.f("ck_plan_decisions_change_has_a_reason"),
        ),
        sa.CheckConstraint(
            "reason is not null or decision <> 'reject'",
            name=op.f("ck_plan_decisions_rejection_has_a_reason"),
        ),
        sa.CheckConstraint("btrim(reason) <> ''", name=op.f("ck_plan_decisions_reason")),
        sa.CheckConstraint(
            "case when decision = 'snooze' then until is not null and until > as_of_date"
            " else until is null end",
            name=op.f("ck_plan_decisions_until"),
        ),
        _of_a_client("plan_decisions"),
        sa.PrimaryKeyConstraint("client_id", "decision_id", name=op.f("pk_plan_decisions")),
        sa.UniqueConstraint(
            "client_id",
            "item_id",
            "location_id",
            "attempt",
            name=op.f("uq_plan_decisions_client_id_item_id_location_id_attempt"),
        ),
        schema="analytics",
    )
    op.add_column(
        "inventory_runs", sa.Column("decisions_read_at", sa.DateTime(timezone=True)), schema="analytics"
    )
    op.add_column(
        "inventory_runs",
        sa.Column(
            "decisions_just_read",
            postgresql.ARRAY(sa.UUID()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        schema="analytics",
    )
    op.add_column(
        "refresh_tokens",
        sa.Column("purpose", sa.Text(), server_default="refresh", nullable=False),
        schema="ops",
    )
    op.create_check_constraint(
        op.f("ck_refresh_tokens_purpose"), "refresh_tokens", "purpose in ('refresh', 'page')", schema="ops"
    )


def downgrade() -> None:
    op.drop_constraint(op.f("ck_refresh_tokens_purpose"), "refresh_tokens", schema="ops", type_="check")
    op.drop_column("refresh_tokens", "purpose", schema="ops")
    op.drop_column("inventory_runs", "decisions_just_read", schema="analytics")
    op.drop_column("inventory_runs", "decisions_read_at", schema="analytics")
    for table in ("plan_decisions", "order_line_ends", "decision_ends", "approved_orders"):
        op.drop_table(table, schema="analytics")
