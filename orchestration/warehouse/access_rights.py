"""What the HTTP API's role and the writers may touch, and who may change a log: nobody.

Belongs here: grants by column, policies beside those of ``tenancy``, the roles that write for a client. Does
not belong here: rows of clients in ``analytics`` (``tenancy``), what a user may do (``access``).

* The API's role knows who gets in: users, keys, tokens. It reads no row that a client delivered or is told.
* A writer inserts what people of one client may decide, and reads it back. Its policy compares ``client_id``
  with the end of its own name, as the policy of readers does.
* Nobody logs in as one of them: the API becomes them for one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import sql

from orchestration.warehouse.server import Roles, role_exists

Connection = psycopg.Connection[Any]

Rights = Mapping[str, tuple[str, ...]]
"""What may be done to a table -> to which of its columns; none named is all of them."""

OF_THE_API: Mapping[str, Rights] = {
    "users": {
        "select": (),
        "insert": ("email", "password_hash"),
        "update": ("password_hash", "tokens_valid_from", "last_login_at"),
    },
    "memberships": {
        "select": (),
        "insert": ("client_id", "user_id", "role"),
        "update": ("role",),
        "delete": (),
    },
    "service_keys": {
        "select": (),
        "insert": ("client_id", "name", "prefix", "key_hash", "scopes", "created_by", "expires_at"),
        "update": ("last_used_at", "revoked_at"),
    },
    "refresh_tokens": {
        "select": (),
        "insert": ("user_id", "family_id", "token_hash", "issued_at", "expires_at", "purpose"),
        "update": ("used_at", "revoked_at"),
        "delete": (),
    },
    "revoked_tokens": {"select": (), "insert": (), "delete": ()},
    "clients": {"select": ("client_id", "name", "is_active")},
}
"""Who an operator is and whether a user is active is said on the machine, never over HTTP. Of a client it
knows what an operator chooses by."""

OF_WRITERS: Mapping[str, Rights] = {
    "run_requests": {"select": (), "insert": ("client_id", "job", "parameters", "asked_by")},
    "idempotent_answers": {
        "select": (),
        "insert": (
            *("client_id", "asked_by", "idempotency_key", "request_digest"),
            *("status", "location", "body"),
        ),
    },
    "landing_files": {"select": ()},
    "rejected_rows": {"select": ()},
}
"""What was delivered is read by them too: a client's own login is told of it in ``analytics.feeds``."""

LOGS: Mapping[str, Rights] = {
    "audit_log": {},
    "security_events": {
        "insert": (
            *("event", "user_id", "email", "client_id", "key_prefix"),
            *("actor", "address", "request_id", "details"),
        ),
        "select": ("event", "occurred_at", "email", "address"),
    },
}
"""Tables that belong to the auditor -> what the API may do to them; the pipeline reads and adds."""


def create_writer_role(connection: Connection, roles: Roles, client_id: str) -> None:
    """Create the role that writes for a client, and let the current login act as it.

    Args:
        connection: the administrative login; needs ``createrole``.
        roles: names of this database's roles.
        client_id: the client's slug.
    """
    role = sql.Identifier(roles.client_writer(client_id))
    if not role_exists(connection, roles.client_writer(client_id)):
        connection.execute(sql.SQL("create role {} nologin inherit").format(role))
    connection.execute(sql.SQL("grant {} to {}").format(sql.Identifier(roles.writer), role))
    connection.execute(sql.SQL("grant {} to current_user").format(role))


def drop_writer_role(connection: Connection, roles: Roles, client_id: str) -> None:
    """Drop the role that writes for a client; it owns nothing. Whoever writes as it at this moment fails."""
    connection.execute(
        sql.SQL("drop role if exists {}").format(sql.Identifier(roles.client_writer(client_id)))
    )


def grant_access(connection: Connection, roles: Roles) -> None:
    """Give the API and the writers their rights on the tables that are there, and their policies.

    Args:
        connection: works as the pipeline's role, inside a transaction.
        roles: names of this database's roles.
    """
    for role, rights in ((roles.api, OF_THE_API), (roles.writer, OF_WRITERS)):
        connection.execute(sql.SQL("grant usage on schema ops to {}").format(sql.Identifier(role)))
        for table in _there(connection, rights):
            _grant(connection, table, role, rights[table])
    everything = sql.SQL("using (true) with check (true)")
    for table in _there(connection, ["clients", "memberships", "service_keys"]):
        _provide_policy(connection, table, "api", sql.Identifier(roles.api), everything)
    own = sql.SQL(
        "client_id = case when starts_with(current_user, {}) then substr(current_user, {}) end"
    ).format(sql.Literal(roles.writer_prefix), sql.Literal(len(roles.writer_prefix) + 1))
    for table in _there(connection, OF_WRITERS):
        # of everybody, as the policy of readers is: whose name is no writer's has no row
        _provide_policy(
            connection,
            table,
            "writer",
            sql.SQL("public"),
            sql.SQL("using ({0}) with check ({0})").format(own),
        )


def protect_logs(connection: Connection, roles: Roles) -> None:
    """Hand the logs to the auditor: the pipeline may read them and add to them, nobody may change them.

    Args:
        connection: the administrative login, a member of both roles.
        roles: names of this database's roles.
    """
    pipeline, auditor = sql.Identifier(roles.pipeline), sql.Identifier(roles.auditor)
    for table in _there(connection, LOGS):
        owner = connection.execute(
            "select tableowner from pg_tables where schemaname = 'ops' and tablename = %s", (table,)
        ).fetchone()
        if owner == (roles.auditor,):
            continue
        name = sql.Identifier("ops", table)
        connection.execute(sql.SQL("grant usage, create on schema ops to {}").format(auditor))
        connection.execute(sql.SQL("alter table {} owner to {}").format(name, auditor))
        connection.execute(sql.SQL("revoke create on schema ops from {}").format(auditor))
        connection.execute(sql.SQL("revoke all on {} from {}").format(name, pipeline))
        connection.execute(sql.SQL("grant select, insert on {} to {}").format(name, pipeline))
        _grant(connection, table, roles.api, LOGS[table])


def _there(connection: Connection, tables: Mapping[str, Rights] | list[str]) -> list[str]:
    """Those that the database has: a restored older version is secured before it is migrated."""
    return [
        table
        for table in tables
        if connection.execute("select to_regclass(%s) is not null", (f"ops.{table}",)).fetchone() == (True,)
    ]


def _grant(connection: Connection, table: str, role: str, rights: Rights) -> None:
    for right, columns in rights.items():
        listed = sql.SQL(", ").join(map(sql.Identifier, columns))
        connection.execute(
            sql.SQL("grant {} {} on {} to {}").format(
                sql.SQL(right),
                sql.SQL("({})").format(listed) if columns else sql.SQL(""),
                sql.Identifier("ops", table),
                sql.Identifier(role),
            )
        )


def _provide_policy(
    connection: Connection, table: str, name: str, holder: sql.Composable, condition: sql.Composable
) -> None:
    known = connection.execute(
        "select from pg_policies where schemaname = 'ops' and tablename = %s and policyname = %s",
        (table, name),
    ).fetchone()
    if known is None:
        connection.execute(
            sql.SQL("create policy {} on {} to {} {}").format(
                sql.Identifier(name), sql.Identifier("ops", table), holder, condition
            )
        )
