"""Bringing a database to the schema of ``warehouse.tables``: alembic, then dbt's views, then tenancy.

``migrate`` is idempotent and safe to run while others read: roles and tables first (alembic), the shared
views next (dbt, through a callback so that this package knows nothing of it), grants, policies and comments
last. How a migration is made is in ``new_migration``.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from forecasting_lib.inventory import FLAG_VOCABULARY
from orchestration.warehouse import access_rights, client_facts, comments, limits, tenancy
from orchestration.warehouse.ddl import LOCK_TIMEOUT_MS, change_structure, until_unlocked
from orchestration.warehouse.locks import LockedError, Purpose, ignore, lock_transaction, provide
from orchestration.warehouse.public_rights import restrict_everybody
from orchestration.warehouse.server import Warehouse, WarehouseError, create_missing_databases
from orchestration.warehouse.statistics import hide_statistics
from orchestration.warehouse.tables import SCHEMAS, ops
from orchestration.warehouse.tenancy import PARTITION_SEPARATOR

SCRIPTS = Path(__file__).parent / "migrations"


def migrate(
    warehouse: Warehouse,
    build_views: Callable[[], object],
    *,
    on_wait: Callable[[str], None] = ignore,
) -> list[str]:
    """Create or upgrade both databases' structure.

    Args:
        warehouse: the installation's warehouse; its login needs ``createrole`` and, for databases that do
            not exist yet, ``createdb``.
        build_views: creates the reporting views; called once the tables are there.
        on_wait: told who is waited for, where somebody is.

    Returns:
        Names of the databases that were created.

    Raises:
        LockedError: another migration, or an open transaction, stood in the way for too long.
    """
    created = upgrade(warehouse, on_wait=on_wait)
    _secure(warehouse, on_wait)
    build_views()
    _secure(warehouse, on_wait)
    _let_the_login_act(warehouse, on_wait)
    return created


def upgrade(
    warehouse: Warehouse, scripts: Path = SCRIPTS, *, on_wait: Callable[[str], None] = ignore
) -> list[str]:
    """Create databases and roles where they are missing, and run alembic to the newest revision.

    Args:
        warehouse: as for :func:`migrate`. The migrations run as the pipeline's role, in one transaction.
        scripts: folder of the migrations.
        on_wait: as for :func:`migrate`.

    Returns:
        Names of the databases that were created.

    Raises:
        LockedError: as for :func:`migrate`.
        WarehouseError: the name of a role would be too long.
    """
    limits.refuse_long_names(warehouse.roles)
    created = create_missing_databases(warehouse)
    _provide_the_lock(warehouse)
    with warehouse.connect_admin() as connection:
        lock_transaction(connection, Purpose.MIGRATION, on_wait=on_wait)
        tenancy.create_roles(connection, warehouse.roles)
        limits.limit_clients(connection, warehouse.roles)
        restrict_everybody(connection, warehouse)

    def run_scripts() -> None:
        with warehouse.engine.begin() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None
            lock_transaction(driver, Purpose.MIGRATION, on_wait=on_wait)
            connection.execute(text(f"set local lock_timeout = {LOCK_TIMEOUT_MS}"))
            for schema in SCHEMAS:
                connection.execute(text(f"create schema if not exists {schema}"))
            limits.refuse_long_names(warehouse.roles, tenancy.registered_slugs(driver))
            command.upgrade(alembic_config(connection, scripts), "head")

    until_unlocked(warehouse, run_scripts, on_wait=on_wait)
    return created


def _provide_the_lock(warehouse: Warehouse) -> None:
    """Make the table of locks, without which no migration can wait for another.

    In a database without it, one that is new or comes from a version before it, an advisory lock keeps two
    migrations apart this once. There may be a tenant who holds it, so it is not waited for long.

    Raises:
        LockedError: somebody holds that lock.
    """
    with warehouse.connect_admin(autocommit=True) as connection:
        connection.execute(f"set lock_timeout = {5 * LOCK_TIMEOUT_MS}")
        there = "select to_regclass('ops.locks') is not null"
        if connection.execute(there).fetchone() == (True,):
            return
        try:
            connection.execute("select pg_advisory_lock(hashtextextended('ops.locks', 0))")
        except psycopg.errors.LockNotAvailable as error:
            raise LockedError(
                "Another session migrates this database, or keeps its advisory lock: "
                "see pg_locks where locktype is advisory. End it and run the command again."
            ) from error
        if connection.execute(there).fetchone() == (True,):
            return
        tenancy.create_roles(connection, warehouse.roles)
        with warehouse.engine.begin() as pipeline:
            pipeline.execute(text("create schema if not exists ops"))
            ops.locks.create(pipeline)
            pipeline.execute(ops.locks.insert().values(purpose=Purpose.MIGRATION.value, subject=""))


def current_revision(warehouse: Warehouse) -> str | None:
    """The revision the database is at; None where it was never migrated."""
    with warehouse.engine.begin() as connection:
        if connection.execute(text("select to_regclass('ops.alembic_version')")).scalar() is None:
            return None
        return connection.execute(text("select version_num from ops.alembic_version")).scalar()


def newest_revision() -> str | None:
    """The revision this version of the project expects."""
    return ScriptDirectory(str(SCRIPTS)).get_current_head()


def require_current(warehouse: Warehouse) -> None:
    """Insist that the database is at the revision this version of the project expects.

    Raises:
        WarehouseError: it is not.
    """
    current = current_revision(warehouse)
    if current == newest_revision():
        return
    if current is not None and not knows_revision(current):
        raise WarehouseError("The database is newer than this program; install the program's newer version.")
    raise WarehouseError("The database is older than this program. Run 'forecaster migrate' first.")


def knows_revision(revision: str) -> bool:
    """Whether this version of the project has the migration; a newer one's it has not."""
    return any(script.revision == revision for script in ScriptDirectory(str(SCRIPTS)).walk_revisions())


def comparison_options() -> dict[str, Any]:
    """How alembic compares a database with the tables: our schemas, without partitions and comments."""

    def ours(name: str | None, kind: str, _parents: object) -> bool:
        return name in SCHEMAS if kind == "schema" else True

    def not_a_partition(_item: object, name: str | None, kind: str, reflected: bool, _match: object) -> bool:
        return not (kind == "table" and reflected and PARTITION_SEPARATOR in (name or ""))

    return {
        "include_schemas": True,
        "include_name": ours,
        "include_object": not_a_partition,
        "version_table_schema": "ops",
        "compare_type": True,
        "autogenerate_plugins": ["alembic.autogenerate.*", "~alembic.autogenerate.comments"],
    }


def alembic_config(connection: Connection, scripts: Path) -> Config:
    """Alembic's configuration for the scripts of a folder; ``env.py`` there takes the connection from it."""
    config = Config()
    config.set_main_option("script_location", str(scripts))
    config.attributes["connection"] = connection
    return config


def _secure(warehouse: Warehouse, on_wait: Callable[[str], None]) -> None:
    """Policies and grants, the vocabularies, what clients know of themselves, the locks, the comments."""

    def secure(connection: psycopg.Connection[Any]) -> None:
        tenancy.secure(connection, warehouse.roles)
        hide_statistics(connection)
        provide(connection)
        for flag, description in FLAG_VOCABULARY.items():
            connection.execute(
                """
                insert into analytics.inventory_flags (flag, severity, meaning) values (%s, %s, %s)
                on conflict (flag) do update set severity = excluded.severity, meaning = excluded.meaning
                """,
                (str(flag), description.severity, description.meaning),
            )
        client_facts.publish_meanings(connection)
        client_facts.publish_clients(connection)
        client_facts.publish_feeds(connection)

    def describe() -> None:
        with warehouse.connect_admin() as connection:
            connection.execute(f"set local lock_timeout = {LOCK_TIMEOUT_MS}")
            access_rights.protect_logs(connection, warehouse.roles)
            comments.describe(connection)

    change_structure(warehouse, secure, on_wait=on_wait)
    until_unlocked(warehouse, describe, on_wait=on_wait)


def _let_the_login_act(warehouse: Warehouse, on_wait: Callable[[str], None]) -> None:
    """Give every client its writer, and let the login read and write for it, as the HTTP API does.

    A role that another login made, and that this one may not have, stays as it is; ``doctor`` names it.
    """
    if warehouse.named_as is not None:  # its roles come when it takes the other's place
        return
    with warehouse.transaction() as connection:
        slugs = tenancy.registered_slugs(connection)
    with warehouse.connect_admin() as connection:
        lock_transaction(connection, Purpose.MIGRATION, on_wait=on_wait)
        for client_id in slugs:
            with suppress(psycopg.errors.InsufficientPrivilege), connection.transaction():
                access_rights.create_writer_role(connection, warehouse.roles, client_id)
            with (
                suppress(psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedObject),
                connection.transaction(),
            ):
                tenancy.act_as_client(connection, warehouse.roles, client_id)
