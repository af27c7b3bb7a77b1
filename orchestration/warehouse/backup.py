"""Everything that brings an installation back, into one file: both databases, roles, tuned weights.

Belongs here: what a backup holds, and reading all of it as of one moment. Does not belong here: the file
itself (``archive``) and the way back (``restore``).

Row-level security is forced on owners, too. A login that row-level security does not hold for dumps without
it; any other sees every row through the policy of the pipeline's role, which is looked for on every table
before anything is written. Rows are counted in the snapshot that is dumped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from orchestration.warehouse.archive import ArchiveWriter, Manifest, RoleFacts, Told, new_archive
from orchestration.warehouse.dumps import LOCK_SECONDS, BackupError, write_dump
from orchestration.warehouse.programs import Programs, programs_for
from orchestration.warehouse.server import Roles, Warehouse, database_answers
from orchestration.warehouse.tables import SCHEMAS
from orchestration.warehouse.tenancy import registered_slugs

WAREHOUSE_PART = "warehouse.dump"
INSTANCE_PART = "dagster.dump"
MODELS = "models"
"""Folder of the tuned weights in the file of a backup."""

Connection = psycopg.Connection[Any]


def write_backup(warehouse: Warehouse, models: Path, path: Path, version: str, tell: Told) -> Manifest:
    """Write an installation's backup to a file; work may go on meanwhile.

    Args:
        warehouse: the installation's, with its tables.
        models: folder of the tuned weights; it need not exist.
        path: the new file.
        version: of the project.
        tell: is told of each part as it grows.

    Raises:
        BackupError: the login does not see every row, or a program failed.
        ArchiveError: the file cannot be written.
    """
    with ExitStack() as stack:
        connection = stack.enter_context(_still(warehouse.libpq_url()))
        sees_all = _require_all_rows(connection, warehouse.roles)
        _lock_tables(connection)
        snapshot = _snapshot(connection)
        instance = None
        if database_answers(make_url(warehouse.instance_url)):
            instance = _snapshot(stack.enter_context(_still(warehouse.instance_url)))
        programs = programs_for(connection.info.server_version // 10_000)
        manifest = _facts(connection, warehouse, version, programs)
        archive = stack.enter_context(new_archive(path, tell))
        options = [f"--schema={schema}" for schema in SCHEMAS]
        if not sees_all:
            options.append("--enable-row-security")
        write_dump(archive, WAREHOUSE_PART, programs, warehouse.libpq_url(), snapshot, *options)
        if instance is not None:
            write_dump(archive, INSTANCE_PART, programs, warehouse.instance_url, instance)
        for file in _whole_weights(models):
            _add_file(archive, f"{MODELS}/{file.relative_to(models).as_posix()}", file)
        return archive.finish(manifest)


def count_rows(connection: Connection) -> dict[str, int]:
    """Rows of every table of the project's schemas, partitions by themselves."""
    counts = {}
    for schema, table in _tables(connection):
        name = sql.Identifier(schema, table)
        row = connection.execute(sql.SQL("select count(*) from {}").format(name)).fetchone()
        counts[f"{schema}.{table}"] = int(row[0]) if row else 0
    return counts


@contextmanager
def _still(url: str) -> Iterator[Connection]:
    """A connection that sees the database as of its first query, and is not ended for being idle."""
    with psycopg.connect(url, connect_timeout=10) as connection:
        connection.execute("set idle_in_transaction_session_timeout = 0")
        connection.execute("set statement_timeout = 0")
        connection.execute(f"set lock_timeout = '{LOCK_SECONDS}s'")
        connection.commit()
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        yield connection


def _snapshot(connection: Connection) -> str:
    try:
        row = connection.execute("select pg_export_snapshot()").fetchone()
    except psycopg.errors.InsufficientPrivilege as error:
        login = connection.info.user
        raise BackupError(
            f"The login {login!r} may not call pg_export_snapshot, by which all is read as of one moment; "
            f"let an administrator run: grant execute on function pg_export_snapshot() to {login}."
        ) from error
    return str(row[0]) if row else ""


def _lock_tables(connection: Connection) -> None:
    """Keep the tables from being dropped while they are dumped; the snapshot is taken after it.

    Raises:
        BackupError: somebody changes the tables at this moment.
    """
    names = [sql.Identifier(*name) for name in _tables(connection)]
    connection.commit()
    try:
        connection.execute(sql.SQL("lock table {} in access share mode").format(sql.SQL(", ").join(names)))
    except (psycopg.errors.UndefinedTable, psycopg.errors.LockNotAvailable) as error:
        raise BackupError(
            "Another command is changing the tables, such as 'forecaster migrate' or 'forecaster client "
            "remove'; wait for its end and run 'forecaster backup' again."
        ) from error


def _require_all_rows(connection: Connection, roles: Roles) -> bool:
    """Whether row-level security does not hold for the login; where it holds, that it hides no row.

    Raises:
        BackupError: it may hide one.
    """
    row = connection.execute(
        "select rolsuper or rolbypassrls from pg_roles where rolname = current_user"
    ).fetchone()
    if row == (True,):
        return True
    hidden = connection.execute(
        """
        select namespace.nspname || '.' || relation.relname
        from pg_class as relation
        inner join pg_namespace as namespace on namespace.oid = relation.relnamespace
        inner join pg_roles as pipeline on pipeline.rolname = %(pipeline)s
        where namespace.nspname = any(%(schemas)s) and relation.relkind in ('r', 'p')
            and relation.relrowsecurity
            and (
                not pg_has_role(current_user, pipeline.oid, 'usage')
                or not exists (
                    select from pg_policy as policy
                    where policy.polrelid = relation.oid and policy.polpermissive
                        and policy.polcmd in ('*', 'r')
                        and pg_get_expr(policy.polqual, policy.polrelid) = 'true'
                        and pipeline.oid = any(policy.polroles)
                )
                or exists (
                    select from pg_policy as policy
                    where policy.polrelid = relation.oid and not policy.polpermissive
                )
            )
        order by 1
        """,
        {"schemas": list(SCHEMAS), "pipeline": roles.pipeline},
    ).fetchall()
    if hidden:
        raise BackupError(
            f"The login of DATABASE_URL may not see every row of {', '.join(name for (name,) in hidden)}; "
            "run 'forecaster migrate', which lets it, and then 'forecaster backup' again."
        )
    return False


def _facts(connection: Connection, warehouse: Warehouse, version: str, programs: Programs) -> Manifest:
    row = connection.execute("select version_num from ops.alembic_version").fetchone()
    allowed = connection.execute("select has_table_privilege('pg_authid', 'select')").fetchone()
    has_passwords = allowed == (True,)
    return Manifest(
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        project_version=version,
        revision=str(row[0]) if row else "",
        database=warehouse.database,
        server_version=connection.info.server_version,
        programs_version=programs.major,
        database_settings=_settings(connection, role=None, everywhere=False),
        has_passwords=has_passwords,
        roles=_roles(connection, warehouse.roles, has_passwords=has_passwords),
        rows=count_rows(connection),
    )


def _roles(connection: Connection, roles: Roles, *, has_passwords: bool) -> dict[str, RoleFacts]:
    names = [roles.pipeline, roles.auditor, roles.tenant, roles.api, roles.writer]
    for client_id in registered_slugs(connection):
        names += [roles.client(client_id), roles.client_writer(client_id)]
    password = "rolpassword" if has_passwords else "null"
    catalog = "pg_authid" if has_passwords else "pg_roles"
    found = connection.execute(
        sql.SQL(
            "select rolname, rolcanlogin, rolconnlimit, nullif(rolvaliduntil, 'infinity')::text, {} "
            "from {} where rolname = any(%s) order by rolname"
        ).format(sql.SQL(password), sql.SQL(catalog)),
        (names,),
    ).fetchall()
    return {
        name.removeprefix(roles.database): RoleFacts(
            can_login=can_login,
            connection_limit=limit,
            valid_until=until,
            password=secret,
            settings=_settings(connection, role=name, everywhere=True),
            settings_in_database=_settings(connection, role=name, everywhere=False),
            members=_members(connection, name, names),
        )
        for name, can_login, limit, until, secret in found
    }


def _settings(connection: Connection, *, role: str | None, everywhere: bool) -> list[str]:
    """What is set for a role or, where there is none, for the database: ``name=value`` each."""
    row = connection.execute(
        """
        select setconfig from pg_db_role_setting
        where setrole = coalesce((select oid from pg_roles where rolname = %s), 0)
            and setdatabase = case when %s then 0
                else (select oid from pg_database where datname = current_database()) end
        """,
        (role, everywhere),
    ).fetchone()
    return list(row[0]) if row else []


def _members(connection: Connection, role: str, ours: Sequence[str]) -> list[str]:
    rows = connection.execute(
        """
        select distinct member.rolname
        from pg_auth_members as membership
        inner join pg_roles as granted on granted.oid = membership.roleid
        inner join pg_roles as member on member.oid = membership.member
        where granted.rolname = %s and member.rolname <> current_user and member.rolname <> all(%s)
        order by 1
        """,
        (role, list(ours)),
    ).fetchall()
    return [name for (name,) in rows]


def _whole_weights(models: Path) -> Iterator[Path]:
    """Files of tuned weights that are in their place; what is being tuned has a name with a dot before it."""
    for path in sorted(models.glob("*/*/*")):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(models).parts):
            yield path


def _add_file(archive: ArchiveWriter, name: str, path: Path) -> None:
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        archive.add(name, file)


def _tables(connection: Connection) -> list[tuple[str, str]]:
    return connection.execute(
        """
        select namespace.nspname, relation.relname
        from pg_class as relation
        inner join pg_namespace as namespace on namespace.oid = relation.relnamespace
        where namespace.nspname = any(%s) and relation.relkind = 'r'
        order by 1, 2
        """,
        (list(SCHEMAS),),
    ).fetchall()
