"""How dbt is called: its arguments, its environment, its manifest, the project as it parsed it.

Belongs here: everything about running dbt that knows nothing of assets. Does not belong here: calling it as a
library (``dbt_process``), how its models appear in Dagster (``dbt_assets``), what they compute
(``dbt_project``).
"""

import fcntl
import hashlib
import importlib.metadata
import json
import os
import subprocess
import sysconfig
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import psycopg

from orchestration.settings import INSTALLED, RESOURCES, load_settings
from orchestration.stages.dbt_process import DbtError, NodeResult, run_dbt
from orchestration.warehouse.ddl import LOCK_TIMEOUT_MS, until_unlocked
from orchestration.warehouse.locks import Purpose, ignore, lock_transaction
from orchestration.warehouse.server import Warehouse, WarehouseError

PROJECT_DIR = RESOURCES / "dbt_project"
DBT_EXECUTABLE = Path(sysconfig.get_path("scripts")) / "dbt"
REPORTING = "fqn:forecaster.reporting"

_VIEWS = "reporting views"


def build_arguments(
    client_id: str,
    selection: Sequence[str] | None = None,
    *,
    standing_until: date | None = None,
    build_id: str | None = None,
) -> list[str]:
    """Arguments of the dbt run that builds one client's demand and tests it.

    Without unit tests, which bring a client of their own, and without the reporting views, which all
    clients share: two runs that create the same view at once collide.

    Args:
        client_id: of whom.
        selection: dbt's names of the models and tests that are wanted; None means all of them.
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
        *([] if selection is None else ["--select", *selection, "--indirect-selection", "empty"]),
        *("--exclude", REPORTING),
        *("--exclude-resource-type", "unit_test"),
        *("--vars", json.dumps({name: value for name, value in named.items() if value is not None})),
    ]


def build_client(
    warehouse: Warehouse,
    client_id: str,
    selection: Sequence[str] | None = None,
    *,
    standing_until: date | None = None,
    build_id: str | None = None,
) -> Generator[NodeResult]:
    """Build one client's demand and test it; yields each model's and test's result when it ends.

    Args:
        warehouse: migrated.
        client_id: of whom.
        selection: dbt's names of the models and tests that are wanted; None means all of them.
        standing_until: the last day that is not built again; all are where it is None.
        build_id: under which changes are noted that are found on the way.

    Raises:
        DbtError: a model could not be built, or a test found something.
    """
    arguments = build_arguments(client_id, selection, standing_until=standing_until, build_id=build_id)
    yield from _run(arguments, warehouse, {})


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

    def build() -> bool:
        with warehouse.transaction() as connection:
            lock_transaction(connection, Purpose.VIEWS, on_wait=on_wait)
            built = connection.execute("select digest from ops.builds where thing = %s", (_VIEWS,)).fetchone()
            if built == (_digest_of_views(warehouse),):
                return False
            try:
                patience = {"PGOPTIONS": f"-c lock_timeout={LOCK_TIMEOUT_MS}"}
                for _ in _run(["run", "--quiet", "--select", REPORTING], warehouse, patience):
                    pass
            except DbtError as error:
                if "lock timeout" in str(error):
                    raise psycopg.errors.LockNotAvailable(str(error)) from error
                raise WarehouseError(str(error)) from error
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

    dbt parses without a database and without the installation's variables: the manifest is the same
    everywhere. It is kept in dbt's own place, or below ``FORECASTER_HOME`` where the project was installed
    from a wheel. A process of its own makes it: whoever loads the definitions has no other use for dbt.
    """
    folder = _home_of_dbt() if INSTALLED else project_dir / "target"
    neutral = {name: value for name, value in os.environ.items() if "DBT_" not in name}

    def parse(target: Path) -> Path:
        command = [str(DBT_EXECUTABLE), "--quiet", "--no-use-colors", "parse", *_places(target, project_dir)]
        done = subprocess.run(command, env=neutral, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise WarehouseError(f"dbt parse failed:\n{(done.stdout + done.stderr).strip()}")
        return target / "manifest.json"

    return _made_once(folder / "manifests" / f"{project_digest(project_dir)}.json", parse)


def parsed_project(warehouse: Warehouse) -> Path:
    """The project as dbt parsed it for a warehouse; parsed where it was not.

    The warehouse's database and roles are in it. No client is: what builds differ by is put into the SQL when
    it runs.
    """
    names = warehouse.dbt_environment()
    parts = [names[f"FORECASTER_DBT_{part}"] for part in ("DATABASE", "TENANT_ROLE", "WRITER_ROLE")]
    place = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]

    def parse(target: Path) -> Path:
        for _ in run_dbt(["parse", "--quiet", *_places(target)], None, names):
            pass
        return target / "partial_parse.msgpack"

    return _made_once(_home_of_dbt() / "parsed" / place / f"{project_digest()}.msgpack", parse)


def _home_of_dbt() -> Path:
    return load_settings().made_home() / "dbt"


def _made_once(file: Path, make: Callable[[Path], Path]) -> Path:
    """A file whose name is the digest of what it was made of, made where it is missing.

    It is renamed into place, so that whoever finds it finds it whole; the lock keeps processes that start
    together from making it together. What was made of something else before goes.
    """
    if file.exists():
        return file
    file.parent.mkdir(parents=True, exist_ok=True)
    with (file.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not file.exists():
            with tempfile.TemporaryDirectory(dir=file.parent) as target:
                made = make(Path(target))
                outdated = list(file.parent.glob(f"*{file.suffix}"))
                made.rename(file)
            for path in outdated:
                path.unlink()
    return file


def _run(
    arguments: Sequence[str], warehouse: Warehouse, environment: Mapping[str, str]
) -> Iterator[NodeResult]:
    """Run a command of dbt on a warehouse; it leaves nothing behind on the disk."""
    parsed = parsed_project(warehouse)
    with tempfile.TemporaryDirectory() as target:
        whole = [*arguments, "--no-write-json", *_places(Path(target))]
        yield from run_dbt(whole, parsed, {**warehouse.dbt_environment(), **environment})


def _places(target: Path, project_dir: Path = PROJECT_DIR) -> list[str]:
    """Where dbt reads and where it writes; its log is what it prints."""
    paths = {"--project-dir": project_dir, "--profiles-dir": project_dir}
    outputs = {"--target-path": target, "--log-path": target, "--log-level-file": "none"}
    return [str(part) for pair in {**paths, **outputs}.items() for part in pair]
