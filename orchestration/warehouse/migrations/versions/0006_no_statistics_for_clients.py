"""No statistics of what clients deliver, in the tables that they read: ``explain`` showed them to others.

Switching statistics off keeps those that were collected. A column's are forgotten when its type is set, to the
same one here, which rewrites nothing but cannot be done below a view: the views go, and ``migrate`` builds them
again. A database that has collected none keeps its views.

The type of a column that a generated one is made of cannot be set. Those are amounts of stock and name nothing;
PostgreSQL 18 can forget their statistics, an earlier one keeps what it has collected of them.

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
            format('alter column %1$I set statistics 0', attribute.attname) || case
                when attribute.attgenerated = '' and not exists (
                    select from pg_depend as dependency
                    left join pg_attrdef as expression
                        on dependency.classid = 'pg_attrdef'::regclass
                        and expression.oid = dependency.objid
                    inner join pg_attribute as generated
                        on generated.attrelid = relation.oid
                        and generated.attgenerated <> ''
                        and generated.attnum = coalesce(expression.adnum, dependency.objsubid)
                    where dependency.refclassid = 'pg_class'::regclass
                        and dependency.refobjid = relation.oid
                        and dependency.refobjsubid = attribute.attnum
                )
                    then format(
                        ', alter column %1$I type %2$s',
                        attribute.attname, format_type(attribute.atttypid, attribute.atttypmod)
                    )
                else ''
            end,
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

LEFT = sa.text(
    """
    select pg_clear_attribute_stats('analytics', relation.relname::text, attribute.attname::text, of_partitions)
    from pg_class as relation
    inner join pg_attribute as attribute on attribute.attrelid = relation.oid
    cross join (values (false), (true)) as kind (of_partitions)
    where relation.relnamespace = 'analytics'::regnamespace
        and relation.relkind in ('r', 'p')
        and relation.relname <> 'inventory_flags'
        and attribute.attnum > 0
        and not attribute.attisdropped
        and attribute.attname <> all(:kept)
    """
)
"""PostgreSQL 18's way to forget."""

VIEWS = sa.text("select viewname from pg_views where schemaname = 'analytics'")


def upgrade() -> None:
    connection = op.get_bind()
    collected = connection.execute(COLLECTED, {"kept": list(KEPT)}).all()
    if collected:
        for (view,) in connection.execute(VIEWS).all():
            op.execute(f'drop view if exists analytics."{view}" cascade')
    for table, same_types in collected:
        op.execute(f'alter table analytics."{table}" {same_types}')
    if connection.execute(sa.text("select current_setting('server_version_num')::int >= 180000")).scalar():
        connection.execute(LEFT, {"kept": list(KEPT)})


def downgrade() -> None:
    """Statistics come back with the next analyze, once a column's target is set again."""
