"""A forecast that stands can carry a remark too: COLD_START.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

BEFORE = "Why it was replaced or excluded: code of docs/data-model.md; NULL where the model's own."
AFTER = "Why it was replaced or excluded, or what to know of it: code of docs/data-model.md; else NULL."


def upgrade() -> None:
    op.alter_column("forecast_series", "reason", schema="analytics", comment=AFTER, existing_comment=BEFORE)


def downgrade() -> None:
    op.alter_column("forecast_series", "reason", schema="analytics", comment=BEFORE, existing_comment=AFTER)
