"""The migrations lead to exactly the tables that ``warehouse.tables`` defines, and may be run again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import make_url

from forecasting_lib.inventory import FLAG_VOCABULARY
from orchestration.clients import add_client, validated
from orchestration.stages.dbt import build_client, build_views
from orchestration.warehouse import migrate
from orchestration.warehouse.comments import describe, undescribed_tables
from orchestration.warehouse.first_rows import lacks_partition
from orchestration.warehouse.server import Warehouse, libpq_spelling
from orchestration.warehouse.tables import metadata
from orchestration.warehouse.tables.ops import audit_log
from tests.conftest import drop_databases


@pytest.fixture
def fresh(warehouse: Warehouse) -> Iterator[Warehouse]:
    """A warehouse of the session's server that nothing has run on."""
    admin = make_url(warehouse.admin_url).set(database=f"{warehouse.database}_old")
    instance = admin.set(database=f"{admin.database}_dagster")
    made = Warehouse(libpq_spelling(admin), libpq_spelling(instance))
    yield made
    drop_databases(made)


def test_migrated_database_has_no_drift_from_the_table_definitions(warehouse: Warehouse) -> None:
    with warehouse.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=migrate.comparison_options())
        assert compare_metadata(context, metadata) == []
        assert compare_metadata(context, undescribed_tables()) == []


@pytest.mark.slow
def test_sales_of_all_clients_are_kept_when_they_are_partitioned(fresh: Warehouse, tmp_path: Path) -> None:
    scripts = Path(shutil.copytree(migrate.SCRIPTS, tmp_path / "migrations"))
    [partitions] = (scripts / "versions").glob("*_sales_by_client.py")
    later = [path for path in (scripts / "versions").glob("0*.py") if path.name >= partitions.name]
    for path in later:
        path.unlink()
    migrate.upgrade(fresh, scripts)
    with fresh.transaction() as connection:
        connection.execute(
            """
            insert into staging.sales (client_id, item_id, location_id, date, units_sold, file_id)
            select 'shop_' || number % 2, 'it''em' || number, 'main', date '2024-01-01' + number, number, 1
            from generate_series(1, 50) as number
            """
        )
        rows = connection.execute("select sales::text from staging.sales order by 1").fetchall()
    for direction in (command.upgrade, command.downgrade, command.upgrade):
        with fresh.engine.begin() as connection:
            target = "head" if direction is command.upgrade else f"{int(partitions.name[:4]) - 1:04d}"
            direction(migrate.alembic_config(connection, migrate.SCRIPTS), target)
        with fresh.transaction() as connection:
            assert connection.execute("select sales::text from staging.sales order by 1").fetchall() == rows
    with fresh.transaction() as connection:
        assert [lacks_partition(connection, "sales", f"shop_{number}") for number in range(3)] == [
            *(False, False, True)
        ]


@pytest.mark.slow
def test_months_that_a_migration_adds_up_are_those_of_a_build(fresh: Warehouse) -> None:
    migrate.migrate(fresh, lambda: build_views(fresh))
    client = validated(client_id="upgraded", name="Upgraded")
    add_client(fresh, client)
    with fresh.transaction() as connection:
        connection.execute(
            """
            insert into analytics.ts_demand_daily (
                client_id, item_id, location_id, date, demand_qty, net_sold_qty, clipped_qty, sold_qty,
                returned_qty, netted_qty, written_off_qty, unit_price, is_promotion, is_holiday, is_closed,
                is_stocked_out, is_masked, lost_sales_qty
            )
            select
                'upgraded', 'item ' || item, 'main', date '2024-01-10' + day, sold, sold - 1, 1, sold, 1, 1,
                0, nullif(day % 5, 0) * 1.25, day % 7 = 0, false, day % 11 = 0, day % 13 = 0,
                day % 11 = 0 or day % 13 = 0, case when day % 13 = 0 then sqrt(day) end
            from generate_series(1, 3) as item
            cross join generate_series(0, 99) as day
            cross join lateral (select (item * day) % 4 as sold) as sales
            """
        )
    assert [result.status for result in build_client(fresh, "upgraded", ["demand_by_month"])] == ["success"]

    def months() -> list[tuple[object, ...]]:
        with fresh.transaction() as connection:
            return connection.execute(
                "select to_jsonb(months) from analytics.demand_by_month as months order by item_id, month"
            ).fetchall()

    built = months()
    [migration] = (migrate.SCRIPTS / "versions").glob("*_demand_by_month.py")
    for direction, target in (
        (command.downgrade, f"{migration.name[:4]}-1"),
        (command.upgrade, "head"),
    ):
        with fresh.engine.begin() as migrating:
            direction(migrate.alembic_config(migrating, migrate.SCRIPTS), target)
    assert months() == built
    assert len(built) == 12


def test_migrating_again_changes_nothing(warehouse: Warehouse) -> None:
    def structure() -> list[tuple[object, ...]]:
        with warehouse.transaction() as connection:
            return connection.execute(
                """
                select relation.oid, relation.relname, relation.relacl::text, relation.reloptions
                from pg_class as relation
                inner join pg_namespace as namespace on namespace.oid = relation.relnamespace
                where namespace.nspname in ('ops', 'staging', 'analytics') order by 1
                """
            ).fetchall()

    before = structure()
    assert migrate.migrate(warehouse, lambda: None) == []
    assert structure() == before
    assert migrate.current_revision(warehouse) == migrate.newest_revision()


def test_every_table_and_column_is_described_in_the_database(warehouse: Warehouse) -> None:
    with warehouse.transaction() as connection:
        missing = connection.execute(
            """
            select namespace.nspname, relation.relname, attribute.attname
            from pg_class as relation
            inner join pg_namespace as namespace on namespace.oid = relation.relnamespace
            inner join pg_attribute as attribute
                on attribute.attrelid = relation.oid and attribute.attnum >= 0 and not attribute.attisdropped
            where namespace.nspname in ('ops', 'staging', 'analytics')
                and relation.relkind in ('r', 'p', 'v')
                and not relation.relispartition
                and relation.relname <> 'alembic_version'
                and (
                    col_description(relation.oid, attribute.attnum) is null
                    or obj_description(relation.oid) is null
                )
            """
        ).fetchall()
    assert missing == []


def test_the_flags_of_the_engine_are_explained_in_the_database(warehouse: Warehouse) -> None:
    with warehouse.transaction() as connection:
        explained = dict(connection.execute("select flag, meaning from analytics.inventory_flags").fetchall())
    assert explained == {str(flag): meaning.meaning for flag, meaning in FLAG_VOCABULARY.items()}


def test_comments_changed_by_hand_are_mended(warehouse: Warehouse) -> None:
    by_hand = {("ops", "audit_log"), ("ops", "audit_log", "actor"), ("analytics", "forecast_results", "q05")}
    with warehouse.connect_admin() as connection:
        connection.execute("comment on table ops.audit_log is null")
        connection.execute("comment on column ops.audit_log.actor is 'who it''s said to be'")
        connection.execute("comment on column analytics.forecast_results.q05 is '5 % of it'")
        assert set(describe(connection)) == by_hand
        connection.rollback()
        connection.execute("comment on column ops.audit_log.actor is 'somebody'")
    migrate.migrate(warehouse, lambda: None)
    with warehouse.transaction() as connection:
        (mended,) = connection.execute(
            "select col_description('ops.audit_log'::regclass, %s)",
            (list(audit_log.columns).index(audit_log.c.actor) + 1,),
        ).fetchone() or (None,)
    assert mended == audit_log.c.actor.comment


def test_migrating_again_writes_no_comment(warehouse: Warehouse) -> None:
    def written() -> list[tuple[object, ...]]:
        with warehouse.transaction() as connection:
            return connection.execute(
                "select objoid, objsubid, xmin::text from pg_description order by 1, 2"
            ).fetchall()

    before = written()
    migrate.migrate(warehouse, lambda: None)
    assert written() == before
