"""Deliveries can be taken back: whole rows that were replaced are kept, the same content may come again.

Revision ID: 0011
Revises: 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"

STATUSES = "status in ('loaded', 'rejected', 'duplicate', 'withdrawn', 'withdrawal')"
STATUSES_BEFORE = "status in ('loaded', 'rejected', 'duplicate')"


def upgrade() -> None:
    op.create_table(
        "replaced_rows",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("file_id", sa.BigInteger(), nullable=False),
        sa.Column("replaced_row_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("was", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("client_id", "file_id", "replaced_row_id", name=op.f("pk_replaced_rows")),
        schema="ops",
    )
    op.add_column(
        "landing_files",
        sa.Column("rows_removed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        schema="ops",
    )
    op.drop_index("uq_landing_files_loaded", table_name="landing_files", schema="ops")
    op.create_index(
        "ix_landing_files_client_id_sha256", "landing_files", ["client_id", "sha256"], schema="ops"
    )
    op.drop_constraint(op.f("ck_landing_files_status"), "landing_files", schema="ops")
    op.create_check_constraint(op.f("ck_landing_files_status"), "landing_files", STATUSES, schema="ops")
    op.alter_column("restated_sales", "new_units_sold", nullable=True, schema="ops")


def downgrade() -> None:
    op.alter_column("restated_sales", "new_units_sold", nullable=False, schema="ops")
    op.drop_constraint(op.f("ck_landing_files_status"), "landing_files", schema="ops")
    op.create_check_constraint(
        op.f("ck_landing_files_status"), "landing_files", STATUSES_BEFORE, schema="ops"
    )
    op.drop_index("ix_landing_files_client_id_sha256", table_name="landing_files", schema="ops")
    op.create_index(
        "uq_landing_files_loaded",
        "landing_files",
        ["client_id", "sha256"],
        unique=True,
        schema="ops",
        postgresql_where=sa.text("status = 'loaded'"),
    )
    op.drop_column("landing_files", "rows_removed", schema="ops")
    op.drop_table("replaced_rows", schema="ops")
