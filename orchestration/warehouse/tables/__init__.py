"""The tables that Python owns and the shared tables dbt fills, as SQLAlchemy metadata.

This is the definition that alembic compares the database with; ``migrations/versions`` is how a database
gets there. Columns carry their unit in the name; NULL means unknown.
"""

from orchestration.warehouse.tables import access, analytics, ops, staging
from orchestration.warehouse.tables.columns import metadata

SCHEMAS = ("ops", "staging", "analytics")

__all__ = ["SCHEMAS", "access", "analytics", "metadata", "ops", "staging"]
