"""Alembic's entry: which connection, which metadata, and row-level security in the same transaction."""

from __future__ import annotations

from alembic import context

from orchestration.warehouse.tables import SCHEMAS, metadata

connection = context.config.attributes["connection"]


def _ours(name: str | None, kind: str, _parent: object) -> bool:
    return name in SCHEMAS if kind == "schema" else True


def _not_a_partition(_table: object, name: str | None, kind: str, reflected: bool, _match: object) -> bool:
    return not (kind == "table" and reflected and "__" in (name or ""))


context.configure(
    connection=connection,
    target_metadata=metadata,
    include_schemas=True,
    include_name=_ours,
    include_object=_not_a_partition,
    version_table_schema="ops",
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
