"""No statistics of what clients deliver, in the tables that they read: ``explain`` showed them to others.

Switching statistics off keeps those that were collected. A column's are forgotten when its type is set, to the
same one here, which rewrites nothing but cannot be done below a view: the views go, and ``migrate`` builds them
again. A database that has collected none keeps its views.

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

KEPT = (
    *("client_id", "run_id", "forecast_run_id", "scoring_id", "model", "as_of_date", "status"),
    *("is_current", "is_champion", "grain", "lag_bucket"),
)

COLLECTED = sa.text(
    """
    select
        relation.relname,
        string_agg(
            format(
                'alter column %1$I set statistics 0, alter column %1$I type %2$s',
                attribute.attname, format_type(atttypid, atttypmod)
            ),
            ', ' order by attribute.attnum
        )
    from pg_attribute as attribute
    inner join pg_class as relation on relation.oid = attribute.attrelid
    where relation.relnamespace = to_regnamespace('analytics')
        and relation.relkind in ('r', 'p')
        and not relation.relispartition
        and relation.relname <> 'inventory_flags'
        and exists (
            select from pg_class as analyzed
            where analyzed.reltuples >= 0 and (
                analyzed.oid = relation.oid
                or analyzed.oid in (select inhrelid from pg_inherits where inhparent = relation.oid)
            )
        )
        and attribute.attnum > 0
        and not attribute.attisdropped
        and attribute.attname <> all(:kept)
    group by relation.relname
    """
)

VIEWS = sa.text("select viewname from pg_views where schemaname = 'analytics'")


def upgrade() -> None:
    connection = op.get_bind()
    collected = connection.execute(COLLECTED, {"kept": list(KEPT)}).all()
    if collected:
        for (view,) in connection.execute(VIEWS).all():
            op.execute(f'drop view if exists analytics."{view}" cascade')
    for table, same_types in collected:
        op.execute(f'alter table analytics."{table}" {same_types}')


def downgrade() -> None:
    """Statistics come back with the next analyze, once a column's target is set again."""
