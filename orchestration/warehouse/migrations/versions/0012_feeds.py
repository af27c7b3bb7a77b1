"""How the files of one source are read, and the rows that a source's rules leave out.

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


def upgrade() -> None:
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
    op.drop_column("landing_files", "units_left_out", schema="ops")
    op.drop_column("landing_files", "rows_left_out", schema="ops")
    op.drop_column("clients", "feeds", schema="ops")
