"""A file is known by its time of change, too; what only the demo used goes.

The time of change of earlier files is unknown: each is opened once more and remembered.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column(
        "landing_files",
        sa.Column(
            "modified_ns",
            sa.BigInteger(),
            nullable=True,
            comment="Time of change when last read, nanoseconds since 1970; NULL where the file was not opened.",
        ),
        schema="ops",
    )
    op.drop_column("landing_files", "is_generated", schema="ops")
    op.drop_column("stock_levels", "is_generated", schema="staging")
    op.drop_column("clients", "generate_stock", schema="ops")
    op.drop_column("clients", "date_shift_days", schema="ops")


def downgrade() -> None:
    op.add_column(
        "clients",
        sa.Column(
            "date_shift_days",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="Days added to every delivered date; demo clients only.",
        ),
        schema="ops",
    )
    op.add_column(
        "clients",
        _no("generate_stock", "True: stock levels are generated, and marked so; M5 demo clients only."),
        schema="ops",
    )
    op.add_column(
        "stock_levels",
        _no("is_generated", "True: made by the project for a demo, not delivered."),
        schema="staging",
    )
    op.add_column(
        "landing_files",
        _no("is_generated", "True: made by the project, not delivered by the client."),
        schema="ops",
    )
    op.drop_column("landing_files", "modified_ns", schema="ops")


def _no(name: str, comment: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), server_default=sa.text("false"), nullable=False, comment=comment)
