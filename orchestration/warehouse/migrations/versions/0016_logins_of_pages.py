"""A login of a browser stands beside the tokens of programs.

Revision ID: 0016
Revises: 0015
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.add_column(
        "refresh_tokens",
        sa.Column("purpose", sa.Text(), server_default="refresh", nullable=False),
        schema="ops",
    )


def downgrade() -> None:
    op.drop_column("refresh_tokens", "purpose", schema="ops")
