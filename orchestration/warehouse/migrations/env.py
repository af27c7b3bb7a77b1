"""Alembic's entry: the connection it was given, compared with the project's tables but for their comments."""

from __future__ import annotations

from alembic import context

from orchestration.warehouse.comments import undescribed_tables
from orchestration.warehouse.migrate import comparison_options

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=undescribed_tables(),
    **comparison_options(),
)
with context.begin_transaction():
    context.run_migrations()
