"""A migration made from the difference between the tables and a database that all migrations have run on.

``make migration MESSAGE="Returns have a reason"`` writes it.
Belongs here: the file, its number and its name. Does not belong here: what alembic compares and how a
migration is run (``migrate``).
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from alembic import command
from alembic.operations.ops import MigrationScript
from alembic.script import Script, ScriptDirectory
from sqlalchemy import make_url

from orchestration.warehouse.embedded import start_embedded, throw_away_folder
from orchestration.warehouse.migrate import SCRIPTS, alembic_config, upgrade
from orchestration.warehouse.server import (
    EMBEDDED_DATABASE,
    INSTANCE_DATABASE,
    Warehouse,
    libpq_spelling,
)


def write_migration(warehouse: Warehouse, message: str, scripts: Path = SCRIPTS) -> Path | None:
    """Write the migration that leads from the newest revision to the tables.

    Args:
        warehouse: a database for this alone; the migrations there are run on it first.
        message: one sentence, the migration's docstring; the name of the file is made of it.
        scripts: folder of the migrations.

    Returns:
        The new file, formatted; None where there is nothing to migrate.
    """
    upgrade(warehouse, scripts)
    newest = ScriptDirectory(str(scripts)).get_current_head()
    with warehouse.engine.begin() as connection:
        config = alembic_config(connection, scripts)
        config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
        config.set_main_option("truncate_slug_length", "60")
        made = command.revision(
            config,
            message=message,
            autogenerate=True,
            rev_id=f"{int(newest or 0) + 1:04d}",
            process_revision_directives=_leave_out_an_empty_one,
        )
    if not isinstance(made, Script):
        return None
    path = Path(made.path)
    for task in (["check", "--fix-only"], ["format"]):
        subprocess.run([sys.executable, "-m", "ruff", *task, "--quiet", path], check=True)
    return path


def _leave_out_an_empty_one(_context: object, _revision: object, made: list[MigrationScript]) -> None:
    if all(script.upgrade_ops is None or script.upgrade_ops.is_empty() for script in made):
        made.clear()


def main(arguments: list[str]) -> int:
    """Write a migration, on an embedded server for this alone; returns the exit status."""
    message = " ".join(arguments).strip()
    if not message:
        sys.stderr.write('Say what the migration changes: make migration MESSAGE="Returns have a reason"\n')
        return 2
    with throw_away_folder() as folder:
        base = make_url(start_embedded(folder / "postgres"))
        admin, instance = (base.set(database=name) for name in (EMBEDDED_DATABASE, INSTANCE_DATABASE))
        path = write_migration(Warehouse(libpq_spelling(admin), libpq_spelling(instance)), message)
    sys.stdout.write(
        f"Read {path} before it is committed.\n"
        if path
        else "There is nothing to migrate: the migrations lead to the tables as they are.\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
