"""The migrations lead to exactly the tables that ``warehouse.tables`` defines, and may be run again."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from forecasting_lib.inventory import FLAG_VOCABULARY
from orchestration.warehouse import migrate
from orchestration.warehouse.comments import describe, undescribed_tables
from orchestration.warehouse.server import Warehouse
from orchestration.warehouse.tables import metadata
from orchestration.warehouse.tables.ops import audit_log


def test_migrated_database_has_no_drift_from_the_table_definitions(warehouse: Warehouse) -> None:
    with warehouse.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=migrate.comparison_options())
        assert compare_metadata(context, metadata) == []
        assert compare_metadata(context, undescribed_tables()) == []


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
