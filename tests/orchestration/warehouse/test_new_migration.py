"""A migration is made from what the tables have and the migrations do not lead to yet."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import make_url

from orchestration.settings import Settings
from orchestration.warehouse import migrate
from orchestration.warehouse.new_migration import main, write_migration
from orchestration.warehouse.server import Warehouse, libpq_spelling, locate_warehouse
from orchestration.warehouse.tables import metadata
from tests.conftest import drop_databases

_numbers = itertools.count(1)


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """A copy of the migrations, to be changed."""
    return Path(shutil.copytree(migrate.SCRIPTS, tmp_path / "migrations"))


@pytest.fixture
def fresh(settings: Settings) -> Iterator[Warehouse]:
    """A warehouse of the session's server that nothing has run on."""
    shared = locate_warehouse(settings)
    admin = make_url(shared.admin_url).set(database=f"{shared.database}_new_{next(_numbers)}")
    instance = admin.set(database=f"{admin.database}_dagster")
    warehouse = Warehouse(libpq_spelling(admin), libpq_spelling(instance))
    yield warehouse
    drop_databases(warehouse)


def test_nothing_is_written_where_the_migrations_lead_to_the_tables(fresh: Warehouse, scripts: Path) -> None:
    before = sorted((scripts / "versions").glob("*.py"))
    assert write_migration(fresh, "Nothing", scripts) is None
    assert sorted((scripts / "versions").glob("*.py")) == before


def test_a_missing_migration_is_written_numbered_and_leads_to_the_tables(
    fresh: Warehouse, scripts: Path
) -> None:
    versions = sorted((scripts / "versions").glob("0*.py"))
    newest = max(i for i, version in enumerate(versions) if "op.create_table(" in version.read_text("utf-8"))
    number, previous = versions[newest].name[:4], versions[newest - 1].name[:4]
    for version in versions[newest:]:
        version.unlink()
    path = write_migration(fresh, "What is missing, again", scripts)
    assert path == scripts / "versions" / f"{number}_what_is_missing_again.py"
    text = path.read_text(encoding="utf-8")
    heading = f"What is missing, again\n\nRevision ID: {number}\nRevises: {previous}\n"
    assert text.startswith(f'"""{heading}')
    upwards, _, _ = text.partition("def downgrade")
    assert "    op." in upwards
    assert "comment=" not in upwards
    migrate.upgrade(fresh, scripts)
    with fresh.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=migrate.comparison_options())
        assert compare_metadata(context, metadata) == []


def test_a_migration_without_a_sentence_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([" "]) == 2
    assert "MESSAGE" in capsys.readouterr().err


def test_the_command_says_that_there_is_nothing_to_migrate(capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted((migrate.SCRIPTS / "versions").glob("*.py"))
    assert main(["Nothing"]) == 0
    assert "nothing to migrate" in capsys.readouterr().out
    assert sorted((migrate.SCRIPTS / "versions").glob("*.py")) == before
