"""Scores are sums of each run, model, series and lag bucket, to which a landed day adds its own.

What people read as ``forecast_quality`` becomes a view of that name. The latest scores of each run are carried
over, so that they are read on; the next scoring of a client makes those of its runs in use anew from the
forecasts, exact to the last digit. Scores that a later scoring of the same run had replaced are dropped.

Revision ID: 0020
Revises: 0019
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0020"
down_revision = "0019"

COUNTS = (
    *("n_rows", "n_masked", "n_positive"),
    *("n_inside_50", "n_inside_80", "n_inside_90", "n_inside_98"),
)
SUMS = (
    *("sum_actual_qty", "sum_forecast_qty", "sum_abs_error_qty", "sum_squared_error"),
    "sum_abs_pct_error",
)

NEVER_NEGATIVE_BEFORE = ("mape", "wape", "mae_qty", "rmse_qty", "mase", "rmsse", "wql")
METRICS_BEFORE = (
    *(*NEVER_NEGATIVE_BEFORE, "mape_row_share", "bias", "bias_qty"),
    *("coverage_50", "coverage_80", "coverage_90", "coverage_98"),
)

BUCKETS = "lag_bucket in ('1', '2-7', '8-14', '15-28', '2-4', '5-13', '2-3', '4-6', 'beyond')"

CARRIED_SCORINGS = """
    insert into analytics.scorings (
        client_id, run_id, model, scoring_id, as_of_date, scored_at, actuals_through, input_watermark, is_current
    )
    select distinct on (client_id, run_id, model)
        client_id, run_id, model, scoring_id, as_of_date, scored_at, actuals_through, input_watermark, is_current
    from analytics.forecast_quality
    where grain = 'client' and lag_bucket = 'all'
    order by client_id, run_id, model, is_current desc, scored_at desc
"""

EXACT = ", ".join(f"quality.{name}::text::numeric" for name in SUMS)
"""The shortest text of a float8 is read as the same float8."""

COPIED = ", ".join((*(f"quality.{name}" for name in COUNTS), "quality.n_on_bound_90"))

CARRIED_TOTALS = f"""
    insert into analytics.score_totals (
        client_id, run_id, model, grain, lag_bucket, grain_key,
        {", ".join(COUNTS)}, n_on_bound_90, n_series, n_undefined, {", ".join(SUMS)},
        sum_pinball_qty, sum_mase, n_mase, sum_rmsse, n_rmsse
    )
    select
        client_id, run_id, model, quality.grain, quality.lag_bucket, quality.grain_key,
        {COPIED}, quality.n_series, quality.n_undefined, {EXACT},
        quality.sum_pinball_qty::text::numeric, quality.sum_mase::text::numeric, quality.n_mase,
        quality.sum_rmsse::text::numeric, quality.n_rmsse
    from analytics.scorings
    inner join analytics.forecast_quality as quality using (client_id, run_id, model, scoring_id)
    where quality.grain in ('location', 'category', 'client')
"""

CARRIED_SUMS = f"""
    insert into analytics.score_sums (
        client_id, run_id, model, item_id, location_id, lag_bucket,
        {", ".join(COUNTS)}, n_on_bound_90, {", ".join(SUMS)}, sum_decile_losses_qty, mase_scale, rmsse_scale
    )
    select
        client_id, run_id, model, item_id, location_id, quality.lag_bucket,
        {COPIED}, {EXACT}, quality.sum_pinball_qty::text::numeric * 9, series.mase_scale, series.rmsse_scale
    from analytics.scorings
    inner join analytics.forecast_quality as quality using (client_id, run_id, model, scoring_id)
    left join analytics.forecast_series as series using (client_id, run_id, model, item_id, location_id)
    where quality.grain = 'series' and quality.lag_bucket <> 'all'
"""

BEYOND = f"""
    insert into analytics.score_sums (
        client_id, run_id, model, item_id, location_id, lag_bucket,
        {", ".join(COUNTS)}, n_on_bound_90, {", ".join(SUMS)}, sum_decile_losses_qty, mase_scale, rmsse_scale
    )
    select
        client_id, run_id, model, item_id, location_id, 'beyond',
        {", ".join(f"quality.{name} - sums.{name}" for name in (*COUNTS, "n_on_bound_90"))},
        {", ".join(f"quality.{name}::text::numeric - sums.{name}" for name in SUMS)},
        quality.sum_pinball_qty::text::numeric * 9 - sums.sum_decile_losses_qty, sums.mase_scale,
        sums.rmsse_scale
    from analytics.scorings
    inner join analytics.forecast_quality as quality using (client_id, run_id, model, scoring_id)
    inner join (
        select
            client_id, run_id, model, item_id, location_id,
            {", ".join(f"sum({name}) as {name}" for name in (*COUNTS, "n_on_bound_90", *SUMS))},
            sum(sum_decile_losses_qty) as sum_decile_losses_qty, min(mase_scale) as mase_scale,
            min(rmsse_scale) as rmsse_scale
        from analytics.score_sums
        group by client_id, run_id, model, item_id, location_id
    ) as sums using (client_id, run_id, model, item_id, location_id)
    where quality.grain = 'series' and quality.lag_bucket = 'all'
        and quality.n_rows + quality.n_masked > sums.n_rows + sums.n_masked
"""
"""What the run forecast past the last bucket; its scores were part of all, and of no bucket."""

VIEWS = sa.text("select viewname from pg_views where schemaname = 'analytics'")
CLIENTS = sa.text("select client_id from ops.clients order by client_id")


def upgrade() -> None:
    _create_tables()
    connection = op.get_bind()
    for (client_id,) in connection.execute(CLIENTS).all():
        op.execute(
            f'create table analytics."score_sums__{client_id}" partition of analytics.score_sums '
            f"for values in ('{client_id}')"
        )
    for statement in (CARRIED_SCORINGS, CARRIED_TOTALS, CARRIED_SUMS, BEYOND):
        op.execute(statement)
    # the shared views, of which some read the table, are made anew after the migrations
    for (view,) in connection.execute(VIEWS).all():
        op.execute(f'drop view if exists analytics."{view}" cascade')
    op.drop_table("forecast_quality", schema="analytics")


def _create_tables() -> None:
    op.create_table(
        "scorings",
        *_run_key(),
        sa.Column("scoring_id", sa.UUID(), nullable=False),
        sa.Column("as_of_date", sa.Date(), nullable=False),
        sa.Column("scored_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actuals_through", sa.Date(), nullable=False),
        sa.Column("input_watermark", sa.Integer(), nullable=False),
        sa.Column("is_current", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column(
            "actuals_digests", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("categories_digest", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("client_id", "run_id", "model", name=op.f("pk_scorings")),
        schema="analytics",
    )
    op.create_table(
        "score_sums",
        *_run_key(),
        sa.Column("item_id", sa.Text(), nullable=False),
        sa.Column("location_id", sa.Text(), nullable=False),
        sa.Column("lag_bucket", sa.Text(), nullable=False),
        *[sa.Column(name, sa.SmallInteger(), nullable=False) for name in COUNTS],
        sa.Column("n_on_bound_90", sa.SmallInteger(), nullable=True),
        sa.Column("mase_scale", sa.Double(), nullable=True),
        sa.Column("rmsse_scale", sa.Double(), nullable=True),
        *[sa.Column(name, sa.Numeric(), nullable=False) for name in (*SUMS, "sum_decile_losses_qty")],
        sa.CheckConstraint(BUCKETS, name=op.f("ck_score_sums_lag_bucket")),
        sa.PrimaryKeyConstraint(
            *("client_id", "run_id", "model", "item_id", "location_id", "lag_bucket"),
            name=op.f("pk_score_sums"),
        ),
        schema="analytics",
        postgresql_partition_by="LIST (client_id)",
    )
    op.create_table(
        "score_totals",
        *_run_key(),
        sa.Column("grain", sa.Text(), nullable=False),
        sa.Column("lag_bucket", sa.Text(), nullable=False),
        sa.Column("grain_key", sa.Text(), nullable=False),
        *[sa.Column(name, sa.Integer(), nullable=False) for name in COUNTS],
        sa.Column("n_on_bound_90", sa.Integer(), nullable=True),
        sa.Column("n_series", sa.Integer(), nullable=False),
        sa.Column("n_undefined", sa.Integer(), nullable=False),
        *[sa.Column(name, sa.Numeric(), nullable=False) for name in (*SUMS, "sum_pinball_qty", "sum_mase")],
        sa.Column("n_mase", sa.Integer(), nullable=False),
        sa.Column("sum_rmsse", sa.Numeric(), nullable=False),
        sa.Column("n_rmsse", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(
            *("client_id", "run_id", "model", "grain", "lag_bucket", "grain_key"),
            name=op.f("pk_score_totals"),
        ),
        schema="analytics",
    )


def _run_key() -> list[sa.Column[object]]:
    return [
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.UUID(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
    ]


def downgrade() -> None:
    """The table as it was, without rows: the version before scores every current run again."""
    for (view,) in op.get_bind().execute(VIEWS).all():
        op.execute(f'drop view if exists analytics."{view}" cascade')
    for table in ("score_totals", "score_sums", "scorings"):
        op.drop_table(table, schema="analytics")
    op.create_table(
        "forecast_quality",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("scoring_id", sa.UUID(), nullable=False),
        sa.Column("grain", sa.Text(), nullable=False),
        sa.Column("grain_key", sa.Text(), nullable=False),
        sa.Column("lag_bucket", sa.Text(), nullable=False),
        sa.Column("run_id", sa.UUID(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("as_of_date", sa.Date(), nullable=False),
        *[sa.Column(name, sa.Text()) for name in ("item_id", "location_id", "category")],
        sa.Column("scored_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actuals_through", sa.Date(), nullable=False),
        sa.Column("input_watermark", sa.Integer(), nullable=False),
        sa.Column("actuals_digest", sa.Text()),
        sa.Column("is_current", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        *[
            sa.Column(name, sa.Integer(), nullable=False)
            for name in (*COUNTS, "n_series", "n_undefined", "n_mase", "n_rmsse")
        ],
        sa.Column("n_on_bound_90", sa.Integer()),
        *[
            sa.Column(name, sa.Double(), nullable=False)
            for name in (*SUMS, "sum_pinball_qty", "sum_mase", "sum_rmsse")
        ],
        *[sa.Column(name, sa.Double()) for name in METRICS_BEFORE],
        sa.CheckConstraint(
            " and ".join(f"{name} >= 0 and {name} < 'infinity'::float8" for name in NEVER_NEGATIVE_BEFORE),
            name=op.f("ck_forecast_quality_non_negative"),
        ),
        sa.PrimaryKeyConstraint(
            *("client_id", "scoring_id", "grain", "grain_key", "lag_bucket"), name=op.f("pk_forecast_quality")
        ),
        schema="analytics",
    )
    op.create_index(
        "uq_forecast_quality_current",
        "forecast_quality",
        ["client_id", "run_id", "model", "grain", "grain_key", "lag_bucket"],
        unique=True,
        schema="analytics",
        postgresql_where=sa.text("is_current"),
    )
