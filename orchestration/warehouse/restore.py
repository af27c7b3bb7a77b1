"""An installation from its backup: databases beside the old ones, roles, one step that puts them in place.

Belongs here: the order of that work. Does not belong here: the databases beside (``beside``), the file
(``archive``), tuned weights' meaning (``reading.tuned_weights``).

Owners, grants and policies are not taken from the dump but made by ``tenancy`` and ``migrate``, so that a
restore under another name has the roles of that name. No tenant may connect before they stand.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from orchestration.warehouse import beside, tenancy
from orchestration.warehouse.access_rights import protect_logs
from orchestration.warehouse.archive import CHUNK, Archive, Manifest, Told
from orchestration.warehouse.backup import INSTANCE_PART, MODELS, WAREHOUSE_PART, count_rows
from orchestration.warehouse.beside import Place, RestoreError
from orchestration.warehouse.dumps import load_dump
from orchestration.warehouse.migrate import knows_revision, migrate
from orchestration.warehouse.restored_roles import arrange_roles, drop_strangers
from orchestration.warehouse.server import Warehouse, database_answers
from orchestration.warehouse.tables import SCHEMAS

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Restored:
    """What came of a restore.

    Attributes:
        clients: the registered clients.
        rows: rows in all tables, as the backup counted them.
        without_password: clients that cannot log in until their passwords are set.
        notes: what could not be brought back, a sentence each.
    """

    clients: list[str]
    rows: int
    without_password: list[str]
    notes: list[str]


def holds_something(warehouse: Warehouse) -> str | None:
    """What a restore would replace, None where there is nothing.

    A database that was only just migrated holds nothing: no client, no user, no deed, no run.
    """
    if database_answers(make_url(warehouse.admin_url)):
        with warehouse.connect_admin() as connection:
            if any(_has_rows(connection, f"ops.{table}") for table in ("clients", "users", "audit_log")):
                return f"the database {warehouse.database!r} holds an installation"
            if _has_foreign_relations(connection):
                return f"the database {warehouse.database!r} holds tables that are not the project's"
    if database_answers(make_url(warehouse.instance_url)):
        with psycopg.connect(warehouse.instance_url) as connection:
            if _has_rows(connection, "public.runs"):
                return f"the database {connection.info.dbname!r} holds Dagster's runs"
    return None


def restore(
    warehouse: Warehouse,
    archive: Archive,
    models: Path,
    build_views: Callable[[Warehouse], object],
    tell: Told,
    record: Callable[[Connection], None],
) -> Restored:
    """Bring an installation back; what is there before is replaced in one step at the end.

    May be interrupted at any moment and done again: before that step everything is as it was, after it the
    rest is done by the next call with the same backup.

    Args:
        warehouse: where to.
        archive: the backup.
        models: folder of the tuned weights.
        build_views: creates the reporting views of a warehouse.
        tell: is told what is worked on, with the bytes read where there are any.
        record: adds the restore to the audit log, on a connection to what is restored.

    Raises:
        RestoreError: the backup is of a newer version, the login may not do it, somebody is connected, or a
            program failed.
    """
    manifest = archive.manifest
    places = beside.places_of(warehouse)
    notes: list[str] = []
    if not beside.is_finishing(places[0], archive.seal):
        _require_possible(warehouse, manifest, places)
        _clear(warehouse, places)
        try:
            notes = _replace_databases(warehouse, archive, places, build_views, tell, record)
        except BaseException:
            with contextlib.suppress(psycopg.Error):
                _clear(warehouse, places)
            raise
    tell("tuned weights", 0)
    _restore_models(archive, models)
    tell("removing what was there before", 0)
    _clear(warehouse, places)
    clients = _registered(warehouse)
    notes += drop_strangers(warehouse, clients)
    beside.forget(places[0])
    return Restored(clients, sum(manifest.rows.values()), [] if manifest.has_passwords else clients, notes)


def _require_possible(warehouse: Warehouse, manifest: Manifest, places: list[Place]) -> None:
    if not knows_revision(manifest.revision):
        raise RestoreError(
            f"The backup was made by a newer version, {manifest.project_version}, with tables of revision "
            f"{manifest.revision}; bring this installation up to that version first."
        )
    for place in places:
        beside.require_rights(place)
    if (who := beside.busy(warehouse.roles, places)) is not None:
        raise RestoreError(
            f"Somebody is at work ({who}); wait for the end of it, or stop it, and run the restore again."
        )


def _clear(warehouse: Warehouse, places: list[Place]) -> None:
    for place in places:
        beside.clear(warehouse.roles, place)


def _replace_databases(
    warehouse: Warehouse,
    archive: Archive,
    places: list[Place],
    build_views: Callable[[Warehouse], object],
    tell: Told,
    record: Callable[[Connection], None],
) -> list[str]:
    """Fill the databases beside and put them in place; returns what could not be brought back."""
    manifest = archive.manifest
    for place in places:
        beside.create(place)
    coming = Warehouse(places[0].beside_url, places[1].beside_url, named_as=warehouse.database)
    with coming.connect_admin() as connection:
        tenancy.create_roles(connection, coming.roles)
        # Until the policies stand; 'migrate' gives it back then.
        connection.execute(
            sql.SQL("revoke connect on database {} from {}").format(
                sql.Identifier(coming.database), sql.Identifier(coming.roles.tenant)
            )
        )
    load_dump(archive, WAREHOUSE_PART, coming.libpq_url(), tell, coming.roles.pipeline)
    if INSTANCE_PART in manifest.parts:
        load_dump(archive, INSTANCE_PART, coming.instance_url, tell)
    tell("counting rows", 0)
    with coming.transaction() as connection:
        tenancy.secure(connection, coming.roles)
    with coming.connect_admin() as connection:
        protect_logs(connection, coming.roles)
    with coming.connect_admin() as connection:
        counted = count_rows(connection)
    if counted != manifest.rows:
        wrong = sorted(name for name, _ in counted.items() ^ manifest.rows.items())
        raise RestoreError(
            f"Not every row came back in {', '.join(dict.fromkeys(wrong))}; use another backup."
        )
    tell("tables, views and policies", 0)
    migrate(coming, lambda: build_views(coming))
    with coming.transaction() as connection:
        record(connection)
    tell("statistics", 0)
    with coming.connect_admin(autocommit=True) as connection:
        connection.execute("analyze")
    clients = _registered(coming)
    notes: list[str] = []

    def arrange(connection: Connection) -> None:
        notes[:] = arrange_roles(connection, warehouse.roles, clients, manifest)

    beside.swap(warehouse.roles, places, archive.seal, arrange)
    return notes


def _restore_models(archive: Archive, models: Path) -> None:
    """Put the tuned weights of the backup in the place of those that are there."""
    coming = models.with_name(f"{models.name}.restoring")
    shutil.rmtree(coming, ignore_errors=True)
    for path, source in archive.files(MODELS):
        place = coming / path
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with place.open("xb") as file:
            shutil.copyfileobj(source, file, CHUNK)
    shutil.rmtree(models, ignore_errors=True)
    if coming.exists():
        coming.rename(models)


def _registered(warehouse: Warehouse) -> list[str]:
    with warehouse.transaction() as connection:
        return tenancy.registered_slugs(connection)


def _has_rows(connection: Connection, table: str) -> bool:
    if connection.execute("select to_regclass(%s)", (table,)).fetchone() == (None,):
        return False
    name = sql.Identifier(*table.split("."))
    return connection.execute(sql.SQL("select exists (select from {})").format(name)).fetchone() == (True,)


def _has_foreign_relations(connection: Connection) -> bool:
    row = connection.execute(
        """
        select exists (
            select from pg_class as relation
            inner join pg_namespace as namespace on namespace.oid = relation.relnamespace
            where namespace.nspname <> all(%s) and namespace.nspname <> 'information_schema'
                and not starts_with(namespace.nspname, 'pg_')
        )
        """,
        (list(SCHEMAS),),
    ).fetchone()
    return row == (True,)
