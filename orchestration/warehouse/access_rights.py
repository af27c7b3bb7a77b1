"""What the HTTP API's role and the writers may touch, and who may change a log: nobody.

Belongs here: grants by column, policies beside those of ``tenancy``, the roles that write for a client. Does
not belong here: rows of clients in ``analytics`` (``tenancy``), what a user may do (``access``).

* The API's role knows who gets in: users, keys, tokens. It reads no row that a client delivered or is told.
* A writer inserts what people of one client may decide, and reads it back. Its policy compares ``client_id``
  with the end of its own name, as the policy of readers does.
* Nobody logs in as one of them: the API becomes them for one transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from orchestration.retention_policy import PERIODS
from orchestration.warehouse.policies import own_rows, provide_policy
from orchestration.warehouse.server import Roles, role_exists

Connection = psycopg.Connection[Any]

Rights = Mapping[str, tuple[str, ...]]
"""What may be done to a table or view -> to which of its columns; none named is all of them."""

OF_THE_API: Mapping[str, Rights] = {
    "ops.users": {
        "select": (),
        "insert": ("email", "password_hash"),
        "update": ("password_hash", "tokens_valid_from", "last_login_at"),
    },
    "ops.memberships": {
        "select": (),
        "insert": ("client_id", "user_id", "role"),
        "update": ("role",),
        "delete": (),
    },
    "ops.service_keys": {
        "select": (),
        "insert": ("client_id", "name", "prefix", "key_hash", "scopes", "created_by", "expires_at"),
        "update": ("last_used_at", "revoked_at"),
    },
    "ops.refresh_tokens": {
        "select": (),
        "insert": ("user_id", "family_id", "token_hash", "purpose", "issued_at", "expires_at"),
        "update": ("used_at", "revoked_at"),
        "delete": (),
    },
    "ops.revoked_tokens": {"select": (), "insert": (), "delete": ()},
    "ops.clients": {"select": ("client_id", "name", "is_active")},
}
"""Who an operator is and whether a user is active is said on the machine, never over HTTP. Of a client it
knows what an operator chooses by."""

_DELIVERED: Mapping[str, Rights] = {
    table: {"select": ()}
    for table in (
        *("ops.landing_files", "ops.rejected_rows"),
        *("staging.purchase_orders", "staging.suppliers"),
    )
}
"""A client's own login is told of it in ``analytics.feeds``."""

_DECIDED_ON: Mapping[str, Rights] = {
    f"analytics.{table}": {"select": ()}
    for table in (
        *("inventory_runs", "replenishment_plan", "inventory_metrics", "dim_item", "dim_location"),
        *("current_inventory_runs", "planner_worklist"),
    )
}

_OF_ITS_OWN_ENTRY: Mapping[str, Rights] = {
    "ops.clients": {
        "select": (
            *("client_id", "name", "timezone", "cron", "grain", "horizon_days", "country", "currency"),
            *("service_level", "review_days", "default_lead_time_days", "models", "returns_policy"),
            *("service_metric", "order_cost", "holding_rate", "shortage_cost_rate", "supplier_minimum"),
            *("unmet_demand", "negative_stock", "outlier_handling", "max_reject_rate"),
            *PERIODS,
        ),
        "update": ("service_level", "review_days", "default_lead_time_days", "updated_at"),
    },
    "analytics.dim_client": {
        "select": ("client_id", "default_lead_time_days"),
        "update": ("default_lead_time_days",),
    },
}
"""Not where its files are pulled from, nor how they are read; what it may change itself has a copy."""

OF_WRITERS: Mapping[str, Rights] = {
    "ops.run_requests": {"select": (), "insert": ("client_id", "job", "parameters", "asked_by")},
    "ops.idempotent_answers": {
        "select": (),
        "insert": (
            *("client_id", "asked_by", "idempotency_key", "request_digest"),
            *("status", "location", "body"),
        ),
    },
    "analytics.plan_decisions": {
        "select": (),
        "insert": (
            *("client_id", "run_id", "as_of_date", "item_id", "location_id", "line_no", "action", "po_ref"),
            *("decision", "supplier_id", "proposed_qty", "proposed_order_date", "proposed_receipt_date"),
            *("order_qty", "order_date", "receipt_date", "unit_cost", "reason", "until", "attempt"),
            "decided_by",
        ),
    },
    "analytics.decision_ends": {
        "select": (),
        "insert": ("client_id", "decision_id", "ending", "order_serial", "ended_by"),
    },
    "analytics.approved_orders": {
        "select": (),
        "insert": ("client_id", "order_serial", "supplier_id", "n_lines", "order_value", "exported_by"),
    },
    "analytics.order_line_ends": {
        "select": (),
        "insert": ("client_id", "decision_id", "ending", "as_of_date", "reason", "ended_by"),
    },
    **_DELIVERED,
    **_DECIDED_ON,
    **_OF_ITS_OWN_ENTRY,
}
"""What they add they never change. When, and under which number, the database says by itself."""

LOGS: Mapping[str, Rights] = {
    "ops.audit_log": {},
    "ops.security_events": {
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
        there = _there(connection, rights)
        for schema in sorted({relation.schema for relation in there}):
            connection.execute(
                sql.SQL("grant usage on schema {} to {}").format(sql.Identifier(schema), sql.Identifier(role))
            )
        for relation in there:
            _grant(connection, relation, role, rights[relation.name])
    everything = sql.SQL("to {} using (true) with check (true)").format(sql.Identifier(roles.api))
    for relation in _there(connection, ["ops.clients", "ops.memberships", "ops.service_keys"]):
        provide_policy(connection, relation.name, "api", everything)
    own = own_rows(roles.writer_prefix)
    for relation in _there(connection, OF_WRITERS):
        if relation.is_view:  # which shows its reader what the tables do
            continue
        # of everybody, as the policy of readers is: whose name is no writer's has no row
        provide_policy(
            connection,
            relation.name,
            "writer",
            sql.SQL("to public using ({0}) with check ({0})").format(own),
        )


def protect_logs(connection: Connection, roles: Roles) -> None:
    """Hand the logs to the auditor: the pipeline may read them and add to them, nobody may change them.

    Args:
        connection: the administrative login, a member of both roles.
        roles: names of this database's roles.
    """
    pipeline, auditor = sql.Identifier(roles.pipeline), sql.Identifier(roles.auditor)
    for log in _there(connection, LOGS):
        owner = connection.execute(
            "select pg_get_userbyid(relowner) from pg_class where oid = %s::regclass", (log.name,)
        ).fetchone()
        if owner == (roles.auditor,):
            continue
        schema = sql.Identifier(log.schema)
        connection.execute(sql.SQL("grant usage, create on schema {} to {}").format(schema, auditor))
        connection.execute(sql.SQL("alter table {} owner to {}").format(log.quoted, auditor))
        connection.execute(sql.SQL("revoke create on schema {} from {}").format(schema, auditor))
        connection.execute(sql.SQL("revoke all on {} from {}").format(log.quoted, pipeline))
        connection.execute(sql.SQL("grant select, insert on {} to {}").format(log.quoted, pipeline))
        _grant(connection, log, roles.api, LOGS[log.name])


@dataclass(frozen=True)
class _Relation:
    """A table or view that the database has."""

    name: str
    is_view: bool

    @property
    def schema(self) -> str:
        return self.name.partition(".")[0]

    @property
    def quoted(self) -> sql.Identifier:
        return sql.Identifier(*self.name.split("."))


def _there(connection: Connection, names: Iterable[str]) -> list[_Relation]:
    """Those that the database has: a restored older version is secured before it is migrated."""
    rows = connection.execute(
        """
        select name, relation.relkind = 'v'
        from unnest(%s::text[]) with ordinality as wanted (name, place)
        inner join pg_class as relation on relation.oid = to_regclass(name)
        order by place
        """,
        (list(names),),
    ).fetchall()
    return [_Relation(*row) for row in rows]


def _grant(connection: Connection, relation: _Relation, role: str, rights: Rights) -> None:
    for right, columns in rights.items():
        listed = sql.SQL(", ").join(map(sql.Identifier, columns))
        connection.execute(
            sql.SQL("grant {} {} on {} to {}").format(
                sql.SQL(right),
                sql.SQL("({})").format(listed) if columns else sql.SQL(""),
                relation.quoted,
                sql.Identifier(role),
            )
        )
