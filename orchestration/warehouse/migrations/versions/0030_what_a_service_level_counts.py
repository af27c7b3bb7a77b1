"""A client says what its service level counts, what orders, stock and shortages cost it, and what minimums do.

Revision ID: 0030
Revises: 0029
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"

COSTS = ("order_cost", "holding_rate")


def upgrade() -> None:
    op.add_column(
        "clients",
        sa.Column("service_metric", sa.Text(), server_default="csl_cycle", nullable=False),
        schema="ops",
    )
    op.create_check_constraint(
        op.f("ck_clients_service_metric"),
        "clients",
        "service_metric in ('csl_cycle', 'fill_rate', 'cost')",
        schema="ops",
    )
    for name in COSTS:
        op.add_column("clients", sa.Column(name, sa.Double(), nullable=True), schema="ops")
    op.add_column(
        "clients",
        sa.Column("shortage_cost_rate", sa.Double(), server_default=sa.text("1.0"), nullable=False),
        schema="ops",
    )
    op.add_column(
        "clients",
        sa.Column("supplier_minimum", sa.Text(), server_default="note", nullable=False),
        schema="ops",
    )
    op.create_check_constraint(
        op.f("ck_clients_supplier_minimum"),
        "clients",
        "supplier_minimum in ('note', 'fill')",
        schema="ops",
    )


def downgrade() -> None:
    for name in ("supplier_minimum", "shortage_cost_rate", *reversed(COSTS), "service_metric"):
        op.drop_column("clients", name, schema="ops")
