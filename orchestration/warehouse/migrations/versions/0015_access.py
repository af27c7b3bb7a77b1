"""Who may get in over HTTP: users, keys, tokens, security events, and the runs they ask for.

Revision ID: 0015
Revises: 0014
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.create_table(
        "revoked_tokens",
        sa.Column("token_id", sa.UUID(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("token_id", name=op.f("pk_revoked_tokens")),
        schema="ops",
    )
    op.create_table(
        "security_events",
        sa.Column("event_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("user_id", sa.UUID()),
        sa.Column("email", sa.Text()),
        sa.Column("client_id", sa.Text()),
        sa.Column("key_prefix", sa.Text()),
        sa.Column("actor", sa.Text()),
        sa.Column("address", sa.Text()),
        sa.Column("request_id", sa.Text()),
        sa.Column(
            "details",
            postgresql.JSONB(),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_security_events")),
        schema="ops",
    )
    op.create_index(
        "ix_security_events_failed_addresses",
        "security_events",
        ["address", "occurred_at"],
        schema="ops",
        postgresql_where=sa.text("event = 'login_failed'"),
    )
    op.create_index(
        "ix_security_events_failures",
        "security_events",
        ["email", "occurred_at"],
        schema="ops",
        postgresql_where=sa.text("event = 'login_failed'"),
    )
    op.create_table(
        "users",
        sa.Column("user_id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text()),
        sa.Column("is_operator", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column(
            "tokens_valid_from", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("last_login_at", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("email = lower(email)", name=op.f("ck_users_email")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_users")),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
        schema="ops",
    )
    op.create_table(
        "idempotent_answers",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("request_digest", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("location", sa.Text()),
        sa.Column("body", postgresql.JSONB()),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["client_id"],
            ["ops.clients.client_id"],
            name=op.f("fk_idempotent_answers_client_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "client_id", "asked_by", "idempotency_key", name=op.f("pk_idempotent_answers")
        ),
        schema="ops",
    )
    op.create_index("ix_idempotent_answers_created_at", "idempotent_answers", ["created_at"], schema="ops")
    op.create_table(
        "memberships",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.UUID(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("role in ('viewer', 'planner', 'manager')", name=op.f("ck_memberships_role")),
        sa.ForeignKeyConstraint(
            ["client_id"],
            ["ops.clients.client_id"],
            name=op.f("fk_memberships_client_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["user_id"], ["ops.users.user_id"], name=op.f("fk_memberships_user_id")),
        sa.PrimaryKeyConstraint("client_id", "user_id", name=op.f("pk_memberships")),
        schema="ops",
    )
    op.create_index("ix_memberships_user_id", "memberships", ["user_id"], schema="ops")
    op.create_table(
        "refresh_tokens",
        sa.Column("token_id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("user_id", sa.UUID(), nullable=False),
        sa.Column("family_id", sa.UUID(), nullable=False),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True)),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(["user_id"], ["ops.users.user_id"], name=op.f("fk_refresh_tokens_user_id")),
        sa.PrimaryKeyConstraint("token_id", name=op.f("pk_refresh_tokens")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_refresh_tokens_token_hash")),
        schema="ops",
    )
    op.create_index("ix_refresh_tokens_family_id", "refresh_tokens", ["family_id"], schema="ops")
    op.create_index("ix_refresh_tokens_user_id", "refresh_tokens", ["user_id"], schema="ops")
    op.create_table(
        "run_requests",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("request_id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column(
            "parameters",
            postgresql.JSONB(),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("state", sa.Text(), server_default="asked", nullable=False),
        sa.Column("run_id", sa.Text()),
        sa.Column("message", sa.Text()),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("job in ('forecast', 'inventory', 'pipeline')", name=op.f("ck_run_requests_job")),
        sa.CheckConstraint(
            "state in ('asked', 'started', 'succeeded', 'failed', 'refused')",
            name=op.f("ck_run_requests_state"),
        ),
        sa.ForeignKeyConstraint(
            ["client_id"],
            ["ops.clients.client_id"],
            name=op.f("fk_run_requests_client_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("client_id", "request_id", name=op.f("pk_run_requests")),
        schema="ops",
    )
    op.create_index(
        "ix_run_requests_open",
        "run_requests",
        ["asked_at"],
        schema="ops",
        postgresql_where=sa.text("state in ('asked', 'started')"),
    )
    op.create_table(
        "service_keys",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("key_id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("key_hash", sa.Text(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True)),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "scopes <@ array['read', 'plan', 'deliver', 'run'] and cardinality(scopes) > 0",
            name=op.f("ck_service_keys_scopes"),
        ),
        sa.ForeignKeyConstraint(
            ["client_id"],
            ["ops.clients.client_id"],
            name=op.f("fk_service_keys_client_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("client_id", "key_id", name=op.f("pk_service_keys")),
        sa.UniqueConstraint("prefix", name=op.f("uq_service_keys_prefix")),
        schema="ops",
    )


def downgrade() -> None:
    op.drop_table("service_keys", schema="ops")
    op.drop_index(
        "ix_run_requests_open",
        table_name="run_requests",
        schema="ops",
        postgresql_where=sa.text("state in ('asked', 'started')"),
    )
    op.drop_table("run_requests", schema="ops")
    op.drop_table("refresh_tokens", schema="ops")
    op.drop_table("memberships", schema="ops")
    op.drop_table("idempotent_answers", schema="ops")
    op.drop_table("users", schema="ops")
    op.drop_table("security_events", schema="ops")
    op.drop_table("revoked_tokens", schema="ops")
