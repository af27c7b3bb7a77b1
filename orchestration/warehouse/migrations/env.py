"""Alembic's entry: the connection it was given, compared with the project's tables."""

from __future__ import annotations

from alembic import context

from orchestration.warehouse.migrate import comparison_options
from orchestration.warehouse.tables import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, **comparison_options()
)
with context.begin_transaction():
    context.run_migrations()
