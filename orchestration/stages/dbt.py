"""How dbt is called: its arguments, its environment, its manifest.

Belongs here: everything about running dbt that knows nothing of assets. Does not belong here: how its models
appear in Dagster (``demand``), what they compute (``dbt_project``).
"""

import fcntl
import hashlib
import importlib.metadata
import json
import os
import subprocess
import sysconfig
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg
from dagster_dbt import DbtCliResource
from packaging.version import Version

from orchestration.settings import INSTALLED, RESOURCES, load_settings
from orchestration.warehouse.ddl import LOCK_TIMEOUT_MS, until_unlocked
from orchestration.warehouse.locks import Purpose, ignore, lock_transaction
from orchestration.warehouse.server import Warehouse, WarehouseError

PROJECT_DIR = RESOURCES / "dbt_project"
DBT_EXECUTABLE = Path(sysconfig.get_path("scripts")) / "dbt"
REPORTING = "fqn:forecaster.reporting"

_VIEWS = "reporting views"


def build_arguments(
    client_id: str, *, standing_until: date | None = None, build_id: str | None = None
) -> list[str]:
    """Arguments of the dbt run that builds one client's demand and tests it.

    Without unit tests, which bring a client of their own, and without the reporting views, which all
    clients share: two runs that create the same view at once collide.

    Args:
        client_id: of whom.
        standing_until: the last day that is not built again; all are where it is None.
        build_id: under which changes are noted that are found on the way.
    """
    named = {
        "client_id": client_id,
        "standing_until": None if standing_until is None else standing_until.isoformat(),
        "build_id": build_id,
    }
    return [
        "build",
        "--exclude",
        REPORTING,
        "--exclude-resource-type",
        "unit_test",
        "--vars",
        json.dumps({name: value for name, value in named.items() if value is not None}),
    ]


def build_views(warehouse: Warehouse, *, on_wait: Callable[[str], None] = ignore) -> bool:
    """Create or replace the reporting views where they are not those of this project; False where they are.

    Two callers wait for each other. To replace a view is to wait for its readers, so nothing is replaced that
    is right.

    Args:
        warehouse: migrated.
        on_wait: told who is waited for, where somebody is.

    Raises:
        WarehouseError: dbt could not build them; the message is dbt's.
        LockedError: an open transaction stood in the way for too long.
    """
    environment = {
        **os.environ,
        **warehouse.dbt_environment(),
        "PGOPTIONS": f"-c lock_timeout={LOCK_TIMEOUT_MS}",
    }

    def build() -> bool:
        with warehouse.transaction() as connection, tempfile.TemporaryDirectory() as target:
            lock_transaction(connection, Purpose.VIEWS, on_wait=on_wait)
            built = connection.execute("select digest from ops.builds where thing = %s", (_VIEWS,)).fetchone()
            if built == (_digest_of_views(warehouse),):
                return False
            try:
                _run_dbt(["run", "--select", REPORTING], Path(target), environment)
            except WarehouseError as error:
                if "lock timeout" in str(error):
                    raise psycopg.errors.LockNotAvailable(str(error)) from error
                raise
            connection.execute(
                """
                insert into ops.builds (thing, digest) values (%s, %s)
                on conflict (thing) do update set digest = excluded.digest, built_at = now()
                """,
                (_VIEWS, _digest_of_views(warehouse)),
            )
            return True

    return until_unlocked(warehouse, build, on_wait=on_wait)


def _digest_of_views(warehouse: Warehouse) -> str:
    """Digest of the project, of the tables' revision, and of the views and their comments as they are.

    Read in a transaction of its own: it locks the views, which dbt is about to replace.
    """
    with warehouse.transaction() as connection:
        revision = connection.execute("select version_num from ops.alembic_version").fetchall()
        rows = _views_as_they_are(connection)
    return hashlib.sha256(json.dumps([project_digest(), revision, rows]).encode()).hexdigest()


def _views_as_they_are(connection: psycopg.Connection[Any]) -> list[Any]:
    return connection.execute(
        """
        select view.relname, pg_get_viewdef(view.oid), described.objsubid, described.description
        from pg_class as view
        left join pg_description as described
            on described.objoid = view.oid and described.classoid = 'pg_class'::regclass
        where view.relnamespace = 'analytics'::regnamespace and view.relkind = 'v'
        order by view.relname, described.objsubid
        """
    ).fetchall()


def _run_dbt(
    arguments: Sequence[str], target: Path, environment: Mapping[str, str], project_dir: Path = PROJECT_DIR
) -> None:
    paths = {"--project-dir": project_dir, "--profiles-dir": project_dir}
    outputs = {"--target-path": target, "--log-path": target}
    options = [str(part) for pair in {**paths, **outputs}.items() for part in pair]
    done = subprocess.run(
        [str(DBT_EXECUTABLE), "--quiet", "--no-use-colors", *arguments, *options],
        env=dict(environment),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise WarehouseError(f"dbt {arguments[0]} failed:\n{(done.stdout + done.stderr).strip()}")


def project_digest(project_dir: Path = PROJECT_DIR) -> str:
    """Digest of everything dbt parses: a manifest made from the same digest is still right."""
    digest = hashlib.sha256(importlib.metadata.version("dbt-core").encode())
    folders = (project_dir / name for name in ("macros", "models", "tests"))
    files = [*project_dir.glob("*.yml"), *(path for folder in folders for path in folder.rglob("*"))]
    for path in sorted(path for path in files if path.is_file()):
        digest.update(f"\0{path.relative_to(project_dir)}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def current_manifest(project_dir: Path = PROJECT_DIR) -> Path:
    """The manifest of the project as it is on disk; dbt parses only where none was made of these files.

    The file's name carries the digest and the file is renamed into place, so that whoever finds it finds
    it whole; the lock keeps processes that start together from parsing together. dbt parses without a
    database and without the installation's variables: the manifest is the same everywhere. It is kept in
    dbt's own place, or below ``FORECASTER_HOME`` where the project was installed from a wheel.
    """
    folder = (load_settings().home / "dbt" if INSTALLED else project_dir / "target") / "manifests"
    manifest = folder / f"{project_digest(project_dir)}.json"
    if manifest.exists():
        return manifest
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not manifest.exists():
            neutral = {name: value for name, value in os.environ.items() if "DBT_" not in name}
            with tempfile.TemporaryDirectory(dir=folder) as target:
                _run_dbt(["parse"], Path(target), neutral, project_dir)
                outdated = list(folder.glob("*.json"))
                (Path(target) / "manifest.json").rename(manifest)
            for path in outdated:
                path.unlink()
    return manifest


class OfflineDbt(DbtCliResource):
    """dbt that is not asked for its version by ``dbt --version``, which asks PyPI for the newest one."""

    @cached_property
    def _cli_version(self) -> Version:
        return Version(importlib.metadata.version("dbt-core"))


@contextmanager
def environment_of_dbt(variables: Mapping[str, str]) -> Iterator[None]:
    """Set variables for as long as dbt runs; dagster-dbt hands dbt the process's own environment."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
