"""How often a client delivers is known of each of its feeds.

Revision ID: 0023
Revises: 0022
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"

STEPS = """
    with stepped as (
        select
            client_id,
            coalesce(kind, 'other') as kind,
            last_date - lag(last_date) over (
                partition by client_id, coalesce(kind, 'other') order by file_id
            ) as step_days
        from ops.landing_files
        where status = 'loaded' and last_date is not null
    ),

    usual as (
        select
            client_id,
            kind,
            ceil(percentile_cont(0.5) within group (order by step_days))::int as usual_step_days
        from stepped
        where step_days > 0
        group by client_id, kind
    )

    update analytics.feeds
    set usual_step_days = usual.usual_step_days
    from usual
    where feeds.client_id = usual.client_id and feeds.kind = usual.kind
"""


def upgrade() -> None:
    op.add_column(
        "feeds",
        sa.Column(
            "usual_step_days",
            sa.Integer(),
            nullable=True,
            comment="Median of the days from the end of one file to the end of the next; NULL until two tell.",
        ),
        schema="analytics",
    )
    op.execute(STEPS)


def downgrade() -> None:
    op.drop_column("feeds", "usual_step_days", schema="analytics")
