"""Locks are rows that tenants cannot take; what is built anew only where it has changed.

``ops.locks`` is there before the first migration, which waits for its lock there.

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "locks",
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("holder_pid", sa.Integer(), nullable=True),
        sa.Column("holder_name", sa.Text(), nullable=True),
        sa.Column("holder_login", sa.Text(), nullable=True),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("purpose", "subject", name=op.f("pk_locks")),
        schema="ops",
        if_not_exists=True,
    )
    op.create_table(
        "builds",
        sa.Column("thing", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("built_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("thing", name=op.f("pk_builds")),
        schema="ops",
    )


def downgrade() -> None:
    op.drop_table("builds", schema="ops")
