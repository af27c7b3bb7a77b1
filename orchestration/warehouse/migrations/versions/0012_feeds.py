"""How the files of one source are read, the rows that its rules leave out, currencies and units of measure.

Revision ID: 0012
Revises: 0011
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"

FEEDS = "name -> how the files of one source are read, where it is not as above."
ROWS = "Rows of items that the feed's rules leave out."
UNITS = "Sum of their units_sold where it could be read; sales only."


CURRENCY = "Currency of its prices, costs and values, such as EUR; NULL for the first that its files name."
CARRIED = {
    "currency": ("sales", "products", "suppliers"),
    "uom": ("sales", "stock_levels", "purchase_orders"),
}


def upgrade() -> None:
    op.add_column("clients", sa.Column("currency", sa.Text(), comment=CURRENCY), schema="ops")
    for column, tables in CARRIED.items():
        for table in tables:
            op.add_column(table, sa.Column(column, sa.Text()), schema="staging")
    op.add_column(
        "clients",
        sa.Column(
            "feeds",
            postgresql.JSONB(),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
            comment=FEEDS,
        ),
        schema="ops",
    )
    op.add_column(
        "landing_files",
        sa.Column("rows_left_out", sa.Integer(), server_default=sa.text("0"), nullable=False, comment=ROWS),
        schema="ops",
    )
    op.add_column(
        "landing_files",
        sa.Column("units_left_out", sa.Numeric(18, 4), nullable=True, comment=UNITS),
        schema="ops",
    )


def downgrade() -> None:
    for column, tables in CARRIED.items():
        for table in tables:
            op.drop_column(table, column, schema="staging")
    op.drop_column("clients", "currency", schema="ops")
    op.drop_column("landing_files", "units_left_out", schema="ops")
    op.drop_column("landing_files", "rows_left_out", schema="ops")
    op.drop_column("clients", "feeds", schema="ops")
