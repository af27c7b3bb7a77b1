"""Sources that a client's files are pulled from, and from where pulling goes on.

Revision ID: 0013
Revises: 0012
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.create_table(
        "pulled",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("item", sa.Text(), nullable=False),
        sa.Column("made_of", sa.Text(), nullable=False),
        sa.Column("state", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("landed_as", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("pulled_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("client_id", "source", "item", name=op.f("pk_pulled")),
        schema="ops",
    )
    op.add_column(
        "clients",
        sa.Column("sources", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        schema="ops",
    )


def downgrade() -> None:
    op.drop_column("clients", "sources", schema="ops")
    op.drop_table("pulled", schema="ops")
