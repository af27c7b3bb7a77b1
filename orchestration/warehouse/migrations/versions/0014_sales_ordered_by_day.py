"""Sales are found by day first: one index serves their key and their days, and a delivery is written in its order.

Revision ID: 0014
Revises: 0013
"""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.drop_constraint(op.f("pk_sales"), "sales", schema="staging", type_="primary")
    op.drop_index("ix_sales_client_id_date", table_name="sales", schema="staging")
    op.create_primary_key(
        op.f("pk_sales"),
        "sales",
        ["client_id", "date", "item_id", "location_id", "order_id", "reason"],
        schema="staging",
    )


def downgrade() -> None:
    op.drop_constraint(op.f("pk_sales"), "sales", schema="staging", type_="primary")
    op.create_primary_key(
        op.f("pk_sales"),
        "sales",
        ["client_id", "item_id", "location_id", "date", "order_id", "reason"],
        schema="staging",
    )
    op.create_index("ix_sales_client_id_date", "sales", ["client_id", "date"], unique=False, schema="staging")
