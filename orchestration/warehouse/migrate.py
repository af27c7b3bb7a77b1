"""Bringing a database to the schema of ``warehouse.tables``: alembic, then dbt's views, then tenancy.

``migrate`` is idempotent and safe to run while others read: roles and tables first (alembic), the shared
views next (dbt, through a callback so that this package knows nothing of it), grants, policies and comments
last. How a migration is made is in ``new_migration``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from forecasting_lib.inventory import FLAG_VOCABULARY
from orchestration.warehouse import comments, tenancy
from orchestration.warehouse.locks import Purpose, lock_transaction
from orchestration.warehouse.server import Warehouse, create_missing_databases
from orchestration.warehouse.tables import SCHEMAS
from orchestration.warehouse.tenancy import PARTITION_SEPARATOR

SCRIPTS = Path(__file__).parent / "migrations"


def migrate(warehouse: Warehouse, build_views: Callable[[], None]) -> list[str]:
    """Create or upgrade both databases' structure.

    Args:
        warehouse: the installation's warehouse; its login needs ``createrole`` and, for databases that do
            not exist yet, ``createdb``.
        build_views: creates the reporting views; called once the tables are there.

    Returns:
        Names of the databases that were created.
    """
    created = upgrade(warehouse)
    _secure(warehouse)
    build_views()
    _secure(warehouse)
    return created


def upgrade(warehouse: Warehouse, scripts: Path = SCRIPTS) -> list[str]:
    """Create databases and roles where they are missing, and run alembic to the newest revision.

    Args:
        warehouse: as for :func:`migrate`. The migrations run as the pipeline's role, in one transaction.
        scripts: folder of the migrations.

    Returns:
        Names of the databases that were created.
    """
    created = create_missing_databases(warehouse)
    with warehouse.connect_admin() as connection:
        lock_transaction(connection, Purpose.MIGRATION)
        tenancy.create_roles(connection, warehouse.roles)
    with warehouse.engine.begin() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        lock_transaction(driver, Purpose.MIGRATION)
        for schema in SCHEMAS:
            connection.execute(text(f"create schema if not exists {schema}"))
        command.upgrade(alembic_config(connection, scripts), "head")
    return created


def current_revision(warehouse: Warehouse) -> str | None:
    """The revision the database is at; None where it was never migrated."""
    with warehouse.engine.begin() as connection:
        if connection.execute(text("select to_regclass('ops.alembic_version')")).scalar() is None:
            return None
        return connection.execute(text("select version_num from ops.alembic_version")).scalar()


def newest_revision() -> str | None:
    """The revision this version of the project expects."""
    return ScriptDirectory(str(SCRIPTS)).get_current_head()


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


def _secure(warehouse: Warehouse) -> None:
    """Policies and grants, the flag vocabulary, the audit log handed to its owner, the comments."""
    with warehouse.transaction() as connection:
        lock_transaction(connection, Purpose.MIGRATION)
        tenancy.secure(connection, warehouse.roles)
        for flag, description in FLAG_VOCABULARY.items():
            connection.execute(
                """
                insert into analytics.inventory_flags (flag, severity, meaning) values (%s, %s, %s)
                on conflict (flag) do update set severity = excluded.severity, meaning = excluded.meaning
                """,
                (str(flag), description.severity, description.meaning),
            )
    with warehouse.connect_admin() as connection:
        tenancy.protect_audit_log(connection, warehouse.roles)
        comments.describe(connection)
