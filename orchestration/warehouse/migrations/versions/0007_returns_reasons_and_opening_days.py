"""Returns go back to their sale, sales have reasons, locations an opening calendar.

What moved on a day is unknown until a client's demand is built the next time.

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

MOVEMENTS = {
    "sold_qty": "Units sold, before returns.",
    "returned_qty": "Units that came back that day, whatever became of them.",
    "netted_qty": "Returned units taken off this day's sales: sold_qty - net_sold_qty.",
    "written_off_qty": "Units written off that day; no part of demand.",
}
KEYS = {
    ("staging", "sales"): ("client_id", "item_id", "location_id", "date", "order_id"),
    ("ops", "restated_sales"): ("client_id", "file_id", "item_id", "location_id", "date", "order_id"),
}


def upgrade() -> None:
    for (schema, table), key in KEYS.items():
        op.add_column(
            table,
            sa.Column("reason", sa.Text(), server_default=sa.text("''"), nullable=False),
            schema=schema,
        )
        _set_key(schema, table, (*key, "reason"))
    for name, comment in MOVEMENTS.items():
        op.add_column(
            "ts_demand_daily",
            sa.Column(name, sa.Numeric(18, 4), nullable=True, comment=comment),
            schema="analytics",
        )
    op.add_column(
        "forecast_quality", sa.Column("actuals_digest", sa.Text(), nullable=True), schema="analytics"
    )
    op.create_table(
        "opening_days",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("location_id", sa.Text(), nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("file_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("client_id", "location_id", "date", name=op.f("pk_opening_days")),
        schema="staging",
    )
    op.add_column(
        "clients",
        sa.Column(
            "write_off_reasons",
            sa.ARRAY(sa.Text()),
            server_default=sa.text("'{write_off}'"),
            nullable=False,
        ),
        schema="ops",
    )
    _set_policies("'net', 'net_back', 'drop'")


def downgrade() -> None:
    op.execute("update ops.clients set returns_policy = 'net' where returns_policy = 'net_back'")
    _set_policies("'net', 'drop'")
    op.drop_column("clients", "write_off_reasons", schema="ops")
    op.drop_table("opening_days", schema="staging")
    op.drop_column("forecast_quality", "actuals_digest", schema="analytics")
    for name in MOVEMENTS:
        op.drop_column("ts_demand_daily", name, schema="analytics")
    for (schema, table), key in KEYS.items():
        op.execute(f"delete from {schema}.{table} where reason <> ''")
        _set_key(schema, table, key)
        op.drop_column(table, "reason", schema=schema)


def _set_key(schema: str, table: str, columns: tuple[str, ...]) -> None:
    name = op.f(f"pk_{table}")
    op.drop_constraint(name, table, schema=schema)
    op.create_primary_key(name, table, list(columns), schema=schema)


def _set_policies(words: str) -> None:
    op.drop_constraint(op.f("ck_clients_returns_policy"), "clients", schema="ops")
    op.create_check_constraint(
        op.f("ck_clients_returns_policy"), "clients", f"returns_policy in ({words})", schema="ops"
    )
