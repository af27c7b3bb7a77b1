"""Who may see what: roles, grants, row-level security, partitions per client.

Belongs here: everything that keeps two clients apart inside one database. Every function is idempotent:
``secure`` brings any table to the rules below, however it was created.

* The pipeline's role owns the tables and sees all rows; row-level security is forced on it too, so that a
  table without a policy shows nothing to anybody.
* A client's login role is a member of the tenant group, which may read ``analytics`` and nothing else. The
  policy compares ``client_id`` with the role's own name, so a role needs no row anywhere to be confined, and
  one that is no client's sees nothing.
* Partitions get policies of their own: a partition addressed directly does not pass through its parent's.
* The logs belong to a third role; the pipeline may read them and add to them. What the HTTP API may touch is
  in ``access_rights``, whose roles are made and dropped here with the others.
"""

from __future__ import annotations

import time
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from orchestration.warehouse import access_rights, limits
from orchestration.warehouse.policies import own_rows, provide_policy
from orchestration.warehouse.server import Roles, Warehouse, WarehouseError, role_exists
from orchestration.warehouse.sessions import end_sessions
from orchestration.warehouse.statistics import hide_statistics
from orchestration.warehouse.tables import SCHEMAS, analytics, staging

Connection = psycopg.Connection[Any]

PARTITION_SEPARATOR = "__"

_END_SECONDS = 30.0
"""How long the sessions of a role may take to end."""


def create_roles(connection: Connection, roles: Roles) -> None:
    """Create the roles that are nobody's in particular, and let the current login act as those that act.

    Args:
        connection: the administrative login; needs ``createrole``.
        roles: names of this database's roles.
    """
    for role in (roles.pipeline, roles.auditor, roles.tenant, roles.api, roles.writer):
        if not role_exists(connection, role):
            connection.execute(sql.SQL("create role {} nologin noinherit").format(sql.Identifier(role)))
        if role not in (roles.tenant, roles.writer):
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
        if has_client and f"{schema}.{table}" not in access_rights.LOGS:
            secure_table(connection, roles, schema, table)
        if schema == "analytics" and not is_partition:
            connection.execute(
                sql.SQL("grant select on {} to {}").format(sql.Identifier(schema, table), tenant)
            )
    for schema, view, is_invoker in _views(connection):
        name = sql.Identifier(schema, view)
        if not is_invoker:
            connection.execute(sql.SQL("alter view {} set (security_invoker = true)").format(name))
        if schema == "analytics":
            connection.execute(sql.SQL("grant select on {} to {}").format(name, tenant))
    access_rights.grant_access(connection, roles)


def secure_table(connection: Connection, roles: Roles, schema: str, table: str) -> None:
    """Force row-level security on one tenant table: the pipeline sees all rows, a tenant its own."""
    name = sql.Identifier(schema, table)
    flags = connection.execute(
        "select relrowsecurity, relforcerowsecurity from pg_class where oid = to_regclass(%s)",
        (name.as_string(connection),),
    ).fetchone()
    # an alter waits for every reader, even where it changes nothing
    if flags != (True, True):
        connection.execute(sql.SQL("alter table {} enable row level security").format(name))
        connection.execute(sql.SQL("alter table {} force row level security").format(name))
    everything = sql.SQL("to {} using (true) with check (true)").format(sql.Identifier(roles.pipeline))
    provide_policy(connection, f"{schema}.{table}", "pipeline", everything)
    # of everybody, not of the tenant group: its members may drop policies that name it ('drop owned')
    if schema == "analytics":
        own = sql.SQL("for select to public using ({})").format(own_rows(roles.client_prefix))
        provide_policy(connection, f"{schema}.{table}", "tenant", own)


def add_client_partitions(connection: Connection, roles: Roles, client_id: str) -> None:
    """Give a client its own partition of each large table of ``analytics``; does nothing where they exist.

    Each is made apart and attached, which no reader of the table stands in the way of.
    """
    for table in analytics.PARTITIONED:
        name = partition_name(table.name, client_id)
        if relation_exists(connection, f"{table.schema}.{name}"):
            continue
        partition = sql.Identifier(str(table.schema), name)
        parent = sql.Identifier(str(table.schema), table.name)
        connection.execute(
            sql.SQL("create table {} (like {} including all excluding comments)").format(partition, parent)
        )
        secure_table(connection, roles, str(table.schema), name)
        connection.execute(
            sql.SQL("alter table {} attach partition {} for values in ({})").format(
                parent, partition, sql.Literal(client_id)
            )
        )
    hide_statistics(connection)


def partition_name(table: str, client_id: str) -> str:
    return f"{table}{PARTITION_SEPARATOR}{client_id}"


def registered_slugs(connection: Connection) -> list[str]:
    """The slugs of the registered clients, in order; none where there are no tables yet.

    Args:
        connection: of a role that sees all rows, which is the pipeline's or a superuser.
    """
    if not relation_exists(connection, "ops.clients"):
        return []
    rows = connection.execute("select client_id from ops.clients order by client_id").fetchall()
    return [client_id for (client_id,) in rows]


def create_client_role(connection: Connection, roles: Roles, client_id: str) -> None:
    """Create a client's login role, without a password, which TCP wants, and the role that writes for it.

    Args:
        connection: the administrative login; needs ``createrole``.
        roles: names of this database's roles.
        client_id: the client's slug.

    Raises:
        WarehouseError: the login may not create roles, or the role's name would be too long.
    """
    limits.refuse_long_names(roles, [client_id])
    role = roles.client(client_id)
    try:
        if not role_exists(connection, role):
            connection.execute(sql.SQL("create role {} login inherit").format(sql.Identifier(role)))
        connection.execute(
            sql.SQL("grant {} to {}").format(sql.Identifier(roles.tenant), sql.Identifier(role))
        )
        connection.execute(
            sql.SQL("alter role {} set default_transaction_read_only = on").format(sql.Identifier(role))
        )
        act_as_client(connection, roles, client_id)
        limits.limit_clients(connection, roles)
        access_rights.create_writer_role(connection, roles, client_id)
    except psycopg.errors.InsufficientPrivilege as error:
        raise WarehouseError(
            "The login of DATABASE_URL may not create roles; grant it CREATEROLE, "
            "or let a database administrator run 'forecaster client add'."
        ) from error


def act_as_client(connection: Connection, roles: Roles, client_id: str) -> None:
    """Let the login read as a client, for the HTTP API, and see its sessions, which ``doctor`` asks about."""
    connection.execute(sql.SQL("grant {} to current_user").format(sql.Identifier(roles.client(client_id))))


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
    """Refuse the client's logins, end its sessions, drop what it owns, and then its roles.

    The clients that stay share what connections it had.

    Args:
        connection: the administrative login, in autocommit mode: a role that cannot be dropped is shut out.
        roles: names of this database's roles.
        client_id: the client's slug.

    Raises:
        WarehouseError: something in another database belongs to the role, or its sessions do not end.
    """
    access_rights.drop_writer_role(connection, roles, client_id)
    role = roles.client(client_id)
    if not role_exists(connection, role):
        return
    name = sql.Identifier(role)
    connection.execute(sql.SQL("grant {} to current_user").format(name))
    connection.execute(sql.SQL("alter role {} nologin").format(name))
    deadline = time.monotonic() + _END_SECONDS
    while end_sessions(connection, roles, role=role):
        if time.monotonic() > deadline:
            raise WarehouseError(f"The sessions of {role} do not end; end them and remove the client again.")
        time.sleep(0.1)
    connection.execute(sql.SQL("drop owned by {}").format(name))
    try:
        connection.execute(sql.SQL("drop role {}").format(name))
    except psycopg.errors.DependentObjectsStillExist as error:
        raise WarehouseError(
            f"The role {role} can no longer log in, but something in another database belongs to it "
            f"({error.diag.message_detail}). Run 'drop owned by {role}' there and remove the client again."
        ) from error
    limits.limit_clients(connection, roles)


def erase_client_rows(connection: Connection, client_id: str) -> dict[str, int]:
    """Drop a client's partitions and delete its rows everywhere but in the logs, in the registry last.

    Returns:
        Rows deleted by table; a dropped partition counts the rows it held.
    """
    erased: dict[str, int] = {}
    partitioned = {(table.schema, table.name) for table in (*analytics.PARTITIONED, *staging.PARTITIONED)}
    for table in (*analytics.PARTITIONED, *staging.PARTITIONED):
        partition = sql.Identifier(str(table.schema), partition_name(table.name, client_id))
        if not relation_exists(connection, f"{table.schema}.{partition_name(table.name, client_id)}"):
            continue
        erased[f"{table.schema}.{table.name}"] = _scalar(
            connection, sql.SQL("select count(*) from {}").format(partition)
        )
        connection.execute(sql.SQL("drop table {}").format(partition))
    # whoever lets a user in meanwhile has locked the entry in the registry, whose end takes that along
    tables = sorted(_tables(connection), key=lambda table: table[:2] == ("ops", "clients"))
    for schema, table_name, has_client, is_partition in tables:
        is_log = f"{schema}.{table_name}" in access_rights.LOGS
        if not has_client or is_partition or (schema, table_name) in partitioned or is_log:
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


def _views(connection: Connection) -> list[tuple[str, str, bool]]:
    """(schema, view, works with the rights of its reader) of every view of the project."""
    return connection.execute(
        """
        select
            namespace.nspname,
            view.relname,
            'security_invoker=true' = any(coalesce(view.reloptions, '{}'))
        from pg_class as view
        inner join pg_namespace as namespace on namespace.oid = view.relnamespace
        where namespace.nspname = any(%s) and view.relkind = 'v'
        order by 1, 2
        """,
        (list(SCHEMAS),),
    ).fetchall()


def relation_exists(connection: Connection, name: str) -> bool:
    return bool(_scalar(connection, "select count(to_regclass(%s))", (name,)))


def _scalar(
    connection: Connection, query: LiteralString | sql.SQL | sql.Composed, parameters: tuple[Any, ...] = ()
) -> int:
    row = connection.execute(query, parameters).fetchone()
    return int(row[0]) if row else 0
