"""Schema ``ops``: who may get in over HTTP, with what, what they asked for, and the record of it.

Belongs here: users, their clients, keys and tokens, security events, requests of runs. Does not belong here:
which role may touch which column (``warehouse.access_rights``), what any of it means (``access``).

No row holds a secret: passwords are argon2id hashes, keys and tokens SHA-256 of random values.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Identity,
    Index,
    Table,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

from orchestration.warehouse.tables.columns import (
    client_key,
    document,
    key,
    labels,
    made_up,
    metadata,
    moment,
    of_a_client,
    one_of,
    only,
    whole,
    words,
    yes_no,
)
from orchestration.warehouse.tables.vocabulary import (
    KeyScope,
    MembershipRole,
    RequestedJob,
    RequestState,
    SecurityEvent,
    TokenPurpose,
    words_of,
)


def _identifier(name: str, comment: str, *, nullable: bool = False, primary_key: bool = False) -> Column[Any]:
    return Column(
        name,
        UUID(as_uuid=True),
        nullable=nullable and not primary_key,
        primary_key=primary_key,
        comment=comment,
    )


def _of_a_user() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["user_id"], ["ops.users.user_id"])


users = Table(
    "users",
    metadata,
    made_up("user_id", "The user."),
    words("email", "What the user logs in with, in lower case.", nullable=False),
    words("password_hash", "Argon2id; NULL where nobody can log in with a password."),
    yes_no("is_operator", "Belongs to the installation and may do everything for every client."),
    yes_no("is_active", "Whether the user gets in at all.", default=True),
    moment("tokens_valid_from", "Tokens issued before are refused.", nullable=False, now=True),
    moment("last_login_at", "When the user last logged in with the password."),
    moment("created_at", "When the user was added.", nullable=False, now=True),
    UniqueConstraint("email"),
    CheckConstraint("email = lower(email)", name="email"),
    schema="ops",
    comment="One row per person who may log in over HTTP. Not a client's: a person may belong to several.",
)

memberships = Table(
    "memberships",
    metadata,
    client_key(),
    _identifier("user_id", "The user.", primary_key=True),
    one_of("role", MembershipRole, "What the user may do for the client: {}.", nullable=False),
    moment("created_at", "When the user was let in.", nullable=False, now=True),
    only("role", MembershipRole),
    of_a_client(),
    _of_a_user(),
    Index("ix_memberships_user_id", "user_id"),
    schema="ops",
    comment="One row per user and client the user may work for.",
)

service_keys = Table(
    "service_keys",
    metadata,
    client_key(),
    made_up("key_id", "The key."),
    words("name", "What people call it: the program that uses it.", nullable=False),
    words("prefix", "The readable part of the key, by which it is found and named.", nullable=False),
    words("key_hash", "SHA-256 of the whole key, as hexadecimal digits.", nullable=False),
    labels("scopes", f"What it may be used for: {', '.join(words_of(KeyScope))}."),
    moment("created_at", "When it was made.", nullable=False, now=True),
    words("created_by", "Who made it: a user's id or a user of the operating system.", nullable=False),
    moment("expires_at", "From when on it is refused.", nullable=False),
    moment("last_used_at", "When it was last accepted, to the minute."),
    moment("revoked_at", "When somebody took it back."),
    UniqueConstraint("prefix"),
    CheckConstraint(
        f"scopes <@ array[{', '.join(repr(scope) for scope in words_of(KeyScope))}]"
        " and cardinality(scopes) > 0",
        name="scopes",
    ),
    of_a_client(),
    schema="ops",
    comment="One row per key that a client's program gets in with, revoked and expired ones included.",
)

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    made_up("token_id", "The token."),
    _identifier("user_id", "Whose it is."),
    _identifier("family_id", "The login it comes from; each use makes the next of the family."),
    words("token_hash", "SHA-256 of the token, as hexadecimal digits.", nullable=False),
    one_of(
        "purpose",
        TokenPurpose,
        "{}: exchanged for the next, or the session of a browser.",
        nullable=False,
        default="refresh",
    ),
    moment("issued_at", "When it was given out.", nullable=False, now=True),
    moment("expires_at", "From when on it is refused; of a family all the same.", nullable=False),
    moment("used_at", "When it was exchanged for the next; once more is a theft."),
    moment("revoked_at", "When it was taken back, by a logout or with its family."),
    UniqueConstraint("token_hash"),
    only("purpose", TokenPurpose),
    _of_a_user(),
    Index("ix_refresh_tokens_user_id", "user_id"),
    Index("ix_refresh_tokens_family_id", "family_id"),
    schema="ops",
    comment="One row per refresh token, and per session of a browser, until it expires.",
)

revoked_tokens = Table(
    "revoked_tokens",
    metadata,
    _identifier("token_id", "The access token's jti.", primary_key=True),
    moment("expires_at", "When the token ends by itself, and the row may go.", nullable=False),
    schema="ops",
    comment="One row per access token that is refused before its time.",
)

security_events = Table(
    "security_events",
    metadata,
    Column("event_id", BigInteger, Identity(always=True), primary_key=True, comment="Order of the events."),
    moment("occurred_at", "When.", nullable=False, now=True),
    one_of("event", SecurityEvent, nullable=False),
    _identifier("user_id", "The user it is about; NULL where none is known.", nullable=True),
    words("email", "The address that was given, where it has the shape of one; else of the user."),
    words("client_id", "Tenant concerned; NULL where none is. Outlives the client."),
    words("key_prefix", "The readable part of the service key, where one was used or changed."),
    words("actor", "Who did it, where it was somebody else: a user's id, a user of the operating system."),
    words("address", "Network address the request came from."),
    words("request_id", "Of the request, as in the logs."),
    document("details", "What was changed or asked for. Never a secret."),
    Index(
        "ix_security_events_failures",
        "email",
        "occurred_at",
        postgresql_where=text("event = 'login_failed'"),
    ),
    Index(
        "ix_security_events_failed_addresses",
        "address",
        "occurred_at",
        postgresql_where=text("event = 'login_failed'"),
    ),
    schema="ops",
    comment="Append-only: one row per event. Nobody may update or delete, the pipeline and the API included.",
)

run_requests = Table(
    "run_requests",
    metadata,
    client_key(),
    made_up("request_id", "The request, and the run key of its run; never chosen by who asks."),
    one_of("job", RequestedJob, "What is to be run: {}.", nullable=False),
    document("parameters", "Items, locations, model, as-of date and the like, as checked when asked."),
    words("asked_by", "A user's id or the prefix of a key.", nullable=False),
    moment("asked_at", "When.", nullable=False, now=True),
    one_of("state", RequestState, nullable=False, default="asked"),
    words("run_id", "Dagster run, once there is one."),
    words("message", "One sentence: what came of it, or why nothing does."),
    moment("started_at", "When its run began."),
    moment("ended_at", "When it ended, or was refused."),
    only("job", RequestedJob),
    only("state", RequestState),
    of_a_client(),
    Index(
        "ix_run_requests_open",
        "asked_at",
        postgresql_where=text("state in ('asked', 'started')"),
    ),
    schema="ops",
    comment="One row per run that somebody asked for over HTTP, and what came of it.",
)

idempotent_answers = Table(
    "idempotent_answers",
    metadata,
    client_key(),
    key("asked_by", "A user's id or the prefix of a key."),
    key("idempotency_key", "As sent in the header Idempotency-Key."),
    words(
        "request_digest", "SHA-256 of what was asked; another under the same key is refused.", nullable=False
    ),
    whole("status", "HTTP status of the answer.", nullable=False),
    words("location", "The answer's header Location, where it has one."),
    Column("body", JSONB, comment="The answer; NULL where it has none."),
    moment("created_at", "When it was given.", nullable=False, now=True),
    of_a_client(),
    Index("ix_idempotent_answers_created_at", "created_at"),
    schema="ops",
    comment="One row per answer that the same request gets again; written together with what was done.",
)
