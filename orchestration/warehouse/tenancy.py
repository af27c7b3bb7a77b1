"""Who may see what: roles, grants, row-level security, partitions per client.

Belongs here: everything that keeps two clients apart inside one database. Every function is idempotent:
``secure`` brings any table to the rules below, however it was created.

* The pipeline's role owns the tables and sees all rows; row-level security is forced on it too, so that a
  table without a policy shows nothing to anybody.
* A client's login role is a member of the tenant group, which may read ``analytics`` and nothing else. The
  policy compares ``client_id`` with the role's own name, so a role needs no row anywhere to be confined.
* Partitions get policies of their own: a partition addressed directly does not pass through its parent's.
* The audit log belongs to a third role; the pipeline may read it and add to it.
"""

from __future__ import annotations

from typing import Any, LiteralString

import psycopg
from psycopg import sql

from orchestration.warehouse.server import Roles, Warehouse, WarehouseError
from orchestration.warehouse.tables import SCHEMAS
from orchestration.warehouse.tables.analytics import PARTITIONED

Connection = psycopg.Connection[Any]

PARTITION_SEPARATOR = "__"


def create_roles(connection: Connection, roles: Roles) -> None:
    """Create the pipeline's, the auditor's and the tenant role, and let the current login act as them.

    Args:
        connection: the administrative login; needs ``createrole``.
        roles: names of this database's roles.
    """
    for role in (roles.pipeline, roles.auditor, roles.tenant):
        if not _role_exists(connection, role):
            connection.execute(sql.SQL("create role {} nologin noinherit").format(sql.Identifier(role)))
        if role != roles.tenant:
            connection.execute(sql.SQL("grant {} to current_user").format(sql.Identifier(role)))
    database = sql.Identifier(connection.info.dbname)
    connection.execute(sql.SQL("revoke all on database {} from public").format(database))
    connection.execute(sql.SQL("revoke create on schema public from public"))
    connection.execute(
        sql.SQL("grant connect, create, temporary on database {} to {}").format(
            database, sql.Identifier(roles.pipeline)
        )
    )
    connection.execute(
        sql.SQL("grant connect on database {} to {}").format(database, sql.Identifier(roles.tenant))
    )


def secure(connection: Connection, roles: Roles) -> None:
    """Apply row-level security and grants to every table and view of the project's schemas.

    Args:
        connection: works as the pipeline's role, inside a transaction.
        roles: names of this database's roles.
    """
    tenant = sql.Identifier(roles.tenant)
    connection.execute(sql.SQL("grant usage on schema analytics to {}").format(tenant))
    for schema, table, has_client, is_partition in _tables(connection):
        if has_client and (schema, table) != ("ops", "audit_log"):
            secure_table(connection, roles, schema, table)
        if schema == "analytics" and not is_partition:
            connection.execute(
                sql.SQL("grant select on {} to {}").format(sql.Identifier(schema, table), tenant)
            )
    for schema, view in _views(connection):
        name = sql.Identifier(schema, view)
        connection.execute(sql.SQL("alter view {} set (security_invoker = true)").format(name))
        if schema == "analytics":
            connection.execute(sql.SQL("grant select on {} to {}").format(name, tenant))


def secure_table(connection: Connection, roles: Roles, schema: str, table: str) -> None:
    """Force row-level security on one tenant table: the pipeline sees all rows, a tenant its own."""
    name = sql.Identifier(schema, table)
    connection.execute(sql.SQL("alter table {} enable row level security").format(name))
    connection.execute(sql.SQL("alter table {} force row level security").format(name))
    existing = {
        row[0]
        for row in connection.execute(
            "select policyname from pg_policies where schemaname = %s and tablename = %s", (schema, table)
        )
    }
    if "pipeline" not in existing:
        connection.execute(
            sql.SQL("create policy pipeline on {} to {} using (true) with check (true)").format(
                name, sql.Identifier(roles.pipeline)
            )
        )
    if schema == "analytics" and "tenant" not in existing:
        connection.execute(
            sql.SQL(
                "create policy tenant on {} for select to {} using (client_id = substr(current_user, {}))"
            ).format(name, sql.Identifier(roles.tenant), sql.Literal(len(roles.client_prefix) + 1))
        )


def protect_audit_log(connection: Connection, roles: Roles) -> None:
    """Hand the audit log to the auditor: the pipeline may read it and add to it, nobody may change it.

    Args:
        connection: the administrative login, a member of both roles.
        roles: names of this database's roles.
    """
    pipeline, auditor = sql.Identifier(roles.pipeline), sql.Identifier(roles.auditor)
    connection.execute(sql.SQL("grant usage, create on schema ops to {}").format(auditor))
    connection.execute(sql.SQL("alter table ops.audit_log owner to {}").format(auditor))
    connection.execute(sql.SQL("revoke create on schema ops from {}").format(auditor))
    connection.execute(sql.SQL("revoke all on ops.audit_log from {}").format(pipeline))
    connection.execute(sql.SQL("grant select, insert on ops.audit_log to {}").format(pipeline))


def add_client_partitions(connection: Connection, roles: Roles, client_id: str) -> None:
    """Give a client its own partition of each large table; does nothing where they exist."""
    for table in PARTITIONED:
        partition = partition_name(table.name, client_id)
        if _relation_exists(connection, f"{table.schema}.{partition}"):
            continue
        connection.execute(
            sql.SQL("create table {} partition of {} for values in ({})").format(
                sql.Identifier(str(table.schema), partition),
                sql.Identifier(str(table.schema), table.name),
                sql.Literal(client_id),
            )
        )
        secure_table(connection, roles, str(table.schema), partition)


def partition_name(table: str, client_id: str) -> str:
    return f"{table}{PARTITION_SEPARATOR}{client_id}"


def create_client_role(connection: Connection, roles: Roles, client_id: str) -> None:
    """Create a client's login role, without a password: it cannot log in over TCP until one is set.

    Args:
        connection: the administrative login; needs ``createrole``.
        roles: names of this database's roles.
        client_id: the client's slug.

    Raises:
        WarehouseError: the login may not create roles.
    """
    role = roles.client(client_id)
    try:
        if not _role_exists(connection, role):
            connection.execute(sql.SQL("create role {} login inherit").format(sql.Identifier(role)))
        connection.execute(
            sql.SQL("grant {} to {}").format(sql.Identifier(roles.tenant), sql.Identifier(role))
        )
        connection.execute(
            sql.SQL("alter role {} set default_transaction_read_only = on").format(sql.Identifier(role))
        )
    except psycopg.errors.InsufficientPrivilege as error:
        raise WarehouseError(
            "The login of DATABASE_URL may not create roles; grant it CREATEROLE, "
            "or let a database administrator run 'forecaster client add'."
        ) from error


def set_client_password(warehouse: Warehouse, client_id: str, password: str) -> None:
    """Set the password of a client's role. Only its SCRAM hash travels, so no log can show it."""
    role = warehouse.roles.client(client_id)
    with warehouse.connect_admin() as connection:
        hashed = connection.pgconn.encrypt_password(
            password.encode(), role.encode(), b"scram-sha-256"
        ).decode()
        connection.execute(
            sql.SQL("alter role {} password {}").format(sql.Identifier(role), sql.Literal(hashed))
        )


def drop_client_role(connection: Connection, roles: Roles, client_id: str) -> None:
    role = roles.client(client_id)
    if _role_exists(connection, role):
        connection.execute(sql.SQL("drop role {}").format(sql.Identifier(role)))


def erase_client_rows(connection: Connection, client_id: str) -> dict[str, int]:
    """Drop a client's partitions and delete its rows everywhere but in the audit log.

    Returns:
        Rows deleted by table; a dropped partition counts the rows it held.
    """
    erased: dict[str, int] = {}
    partitioned = {table.name for table in PARTITIONED}
    for table in PARTITIONED:
        partition = sql.Identifier(str(table.schema), partition_name(table.name, client_id))
        if not _relation_exists(connection, f"{table.schema}.{partition_name(table.name, client_id)}"):
            continue
        erased[f"{table.schema}.{table.name}"] = _scalar(
            connection, sql.SQL("select count(*) from {}").format(partition)
        )
        connection.execute(sql.SQL("drop table {}").format(partition))
    for schema, table_name, has_client, is_partition in _tables(connection):
        if not has_client or is_partition or table_name in partitioned or table_name == "audit_log":
            continue
        deleted = connection.execute(
            sql.SQL("delete from {} where client_id = %s").format(sql.Identifier(schema, table_name)),
            (client_id,),
        ).rowcount
        if deleted:
            erased[f"{schema}.{table_name}"] = deleted
    return erased


def _tables(connection: Connection) -> list[tuple[str, str, bool, bool]]:
    """(schema, table, has a client_id column, is a partition) of every table of the project."""
    return connection.execute(
        """
        select
            namespace.nspname,
            relation.relname,
            exists (
                select from pg_attribute as attribute
                where attribute.attrelid = relation.oid and attribute.attname = 'client_id'
                    and not attribute.attisdropped
            ),
            relation.relispartition
        from pg_class as relation
        inner join pg_namespace as namespace on namespace.oid = relation.relnamespace
        where namespace.nspname = any(%s) and relation.relkind in ('r', 'p')
        order by 1, 2
        """,
        (list(SCHEMAS),),
    ).fetchall()


def _views(connection: Connection) -> list[tuple[str, str]]:
    return connection.execute(
        "select schemaname, viewname from pg_views where schemaname = any(%s) order by 1, 2", (list(SCHEMAS),)
    ).fetchall()


def _role_exists(connection: Connection, role: str) -> bool:
    return bool(_scalar(connection, "select count(*) from pg_roles where rolname = %s", (role,)))


def _relation_exists(connection: Connection, name: str) -> bool:
    return bool(_scalar(connection, "select count(to_regclass(%s))", (name,)))


def _scalar(
    connection: Connection, query: LiteralString | sql.SQL | sql.Composed, parameters: tuple[Any, ...] = ()
) -> int:
    row = connection.execute(query, parameters).fetchone()
    return int(row[0]) if row else 0
