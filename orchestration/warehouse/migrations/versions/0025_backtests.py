"""Backtests: what models would have said, which of them leads, what makes a forecast true.

Revision ID: 0025
Revises: 0024
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0025"
down_revision = "0024"

PARTITIONED = ("backtest_scores", "backtest_totals")
"""A client has a partition of each; its slug is letters, digits and underscores."""


def upgrade() -> None:
    op.create_table(
        "backtest_reliability",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("demand_class", sa.Text(), nullable=False),
        sa.Column("lag_bucket", sa.Text(), nullable=False),
        sa.Column("is_calibrated", sa.Boolean(), nullable=False),
        sa.Column("level", sa.Double(), nullable=False),
        sa.Column("n_series", sa.Integer(), nullable=False),
        sa.Column("n_actuals", sa.Integer(), nullable=False),
        sa.Column("n_below", sa.Double(), nullable=False),
        sa.CheckConstraint(
            "demand_class in ('smooth', 'erratic', 'intermittent', 'lumpy', 'none')",
            name=op.f("ck_backtest_reliability_demand_class"),
        ),
        sa.CheckConstraint(
            "lag_bucket in ('1', '2-7', '8-14', '15-28', '2-4', '5-13', '2-3', '4-6', 'beyond')",
            name=op.f("ck_backtest_reliability_lag_bucket"),
        ),
        sa.PrimaryKeyConstraint(
            "client_id",
            "run_id",
            "model",
            "demand_class",
            "lag_bucket",
            "is_calibrated",
            "level",
            name=op.f("pk_backtest_reliability"),
        ),
        schema="analytics",
    )
    op.create_table(
        "backtest_runs",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("grain", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("is_current", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("n_origins", sa.Integer(), nullable=False),
        sa.Column("stride_periods", sa.Integer(), nullable=False),
        sa.Column("horizon_periods", sa.Integer(), nullable=False),
        sa.Column("judged_from", sa.Date(), nullable=True),
        sa.Column("first_origin_date", sa.Date(), nullable=False),
        sa.Column("last_origin_date", sa.Date(), nullable=False),
        sa.Column("model_id", sa.Text(), nullable=True),
        sa.Column("weights_digest", sa.Text(), nullable=True),
        sa.Column("code_version", sa.Text(), nullable=False),
        sa.Column("input_digest", sa.Text(), nullable=False),
        sa.Column(
            "settings",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("n_series", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("dagster_run_id", sa.Text(), nullable=False),
        sa.Column("duration_seconds", sa.Double(), nullable=True),
        sa.Column(
            "published_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("details_thinned_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("grain in ('day', 'week', 'month')", name=op.f("ck_backtest_runs_grain")),
        sa.CheckConstraint(
            "status = 'published' or not is_current", name=op.f("ck_backtest_runs_only_published_is_used")
        ),
        sa.CheckConstraint("status in ('published', 'skipped')", name=op.f("ck_backtest_runs_status")),
        sa.PrimaryKeyConstraint("client_id", "run_id", "model", name=op.f("pk_backtest_runs")),
        schema="analytics",
    )
    op.create_index(
        "uq_backtest_runs_current",
        "backtest_runs",
        ["client_id", "model"],
        unique=True,
        schema="analytics",
        postgresql_where=sa.text("is_current"),
    )
    op.create_table(
        "backtest_scores",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("origin_date", sa.Date(), nullable=False),
        sa.Column("item_id", sa.Text(), nullable=False),
        sa.Column("location_id", sa.Text(), nullable=False),
        sa.Column("lag_bucket", sa.Text(), nullable=False),
        sa.Column("n_rows", sa.SmallInteger(), nullable=False),
        sa.Column("n_masked", sa.SmallInteger(), nullable=False),
        sa.Column("n_positive", sa.SmallInteger(), nullable=False),
        sa.Column("n_inside_50", sa.SmallInteger(), nullable=False),
        sa.Column("n_inside_80", sa.SmallInteger(), nullable=False),
        sa.Column("n_inside_90", sa.SmallInteger(), nullable=False),
        sa.Column("n_inside_98", sa.SmallInteger(), nullable=False),
        sa.Column("n_on_bound_90", sa.SmallInteger(), nullable=False),
        sa.Column("mase_scale", sa.Double(), nullable=True),
        sa.Column("rmsse_scale", sa.Double(), nullable=True),
        sa.Column("sum_actual_qty", sa.Double(), nullable=False),
        sa.Column("sum_forecast_qty", sa.Double(), nullable=False),
        sa.Column("sum_abs_error_qty", sa.Double(), nullable=False),
        sa.Column("sum_squared_error", sa.Double(), nullable=False),
        sa.Column("sum_abs_pct_error", sa.Double(), nullable=False),
        sa.Column("sum_decile_losses_qty", sa.Double(), nullable=False),
        sa.CheckConstraint(
            "lag_bucket in ('1', '2-7', '8-14', '15-28', '2-4', '5-13', '2-3', '4-6', 'beyond')",
            name=op.f("ck_backtest_scores_lag_bucket"),
        ),
        sa.PrimaryKeyConstraint(
            "client_id",
            "run_id",
            "model",
            "origin_date",
            "item_id",
            "location_id",
            "lag_bucket",
            name=op.f("pk_backtest_scores"),
        ),
        schema="analytics",
        postgresql_partition_by="LIST (client_id)",
    )
    op.create_table(
        "backtest_series",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("item_id", sa.Text(), nullable=False),
        sa.Column("location_id", sa.Text(), nullable=False),
        sa.Column("demand_class", sa.Text(), nullable=False),
        sa.Column("n_origins", sa.Integer(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("preferred_score", sa.Double(), nullable=True),
        sa.Column("own_weight", sa.Double(), nullable=False),
        sa.Column(
            "scores",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "demand_class in ('smooth', 'erratic', 'intermittent', 'lumpy', 'none')",
            name=op.f("ck_backtest_series_demand_class"),
        ),
        sa.CheckConstraint(
            "reason in ('BEST', 'SIMPLER', 'HEDGE', 'STAYS', 'SEGMENT')",
            name=op.f("ck_backtest_series_reason"),
        ),
        sa.CheckConstraint(
            "score >= 0 and score < 'infinity'::float8 and preferred_score >= 0 and preferred_score < 'infinity'::float8 and own_weight >= 0 and own_weight < 'infinity'::float8",
            name=op.f("ck_backtest_series_non_negative"),
        ),
        sa.PrimaryKeyConstraint(
            "client_id", "run_id", "item_id", "location_id", name=op.f("pk_backtest_series")
        ),
        schema="analytics",
    )
    op.create_table(
        "backtest_totals",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("origin_date", sa.Date(), nullable=False),
        sa.Column("item_id", sa.Text(), nullable=False),
        sa.Column("location_id", sa.Text(), nullable=False),
        sa.Column("n_periods", sa.SmallInteger(), nullable=False),
        sa.Column("actual_qty", sa.Double(), nullable=False),
        sa.Column("mean_qty", sa.Double(), nullable=False),
        sa.Column("variance", sa.Double(), nullable=False),
        sa.Column("pit_low", sa.REAL(), nullable=False),
        sa.Column("pit_high", sa.REAL(), nullable=False),
        sa.Column("pinball_q01", sa.REAL(), nullable=False),
        sa.Column("pinball_q05", sa.REAL(), nullable=False),
        sa.Column("pinball_q10", sa.REAL(), nullable=False),
        sa.Column("pinball_q15", sa.REAL(), nullable=False),
        sa.Column("pinball_q20", sa.REAL(), nullable=False),
        sa.Column("pinball_q25", sa.REAL(), nullable=False),
        sa.Column("pinball_q30", sa.REAL(), nullable=False),
        sa.Column("pinball_q35", sa.REAL(), nullable=False),
        sa.Column("pinball_q40", sa.REAL(), nullable=False),
        sa.Column("pinball_q45", sa.REAL(), nullable=False),
        sa.Column("pinball_q50", sa.REAL(), nullable=False),
        sa.Column("pinball_q55", sa.REAL(), nullable=False),
        sa.Column("pinball_q60", sa.REAL(), nullable=False),
        sa.Column("pinball_q65", sa.REAL(), nullable=False),
        sa.Column("pinball_q70", sa.REAL(), nullable=False),
        sa.Column("pinball_q75", sa.REAL(), nullable=False),
        sa.Column("pinball_q80", sa.REAL(), nullable=False),
        sa.Column("pinball_q85", sa.REAL(), nullable=False),
        sa.Column("pinball_q90", sa.REAL(), nullable=False),
        sa.Column("pinball_q95", sa.REAL(), nullable=False),
        sa.Column("pinball_q99", sa.REAL(), nullable=False),
        sa.CheckConstraint(
            "actual_qty >= 0 and actual_qty < 'infinity'::float8 and mean_qty >= 0 and mean_qty < 'infinity'::float8 and variance >= 0 and variance < 'infinity'::float8",
            name=op.f("ck_backtest_totals_non_negative"),
        ),
        sa.CheckConstraint(
            "0 <= pit_low and pit_low <= pit_high and pit_high <= 1", name=op.f("ck_backtest_totals_pit")
        ),
        sa.PrimaryKeyConstraint(
            "client_id",
            "run_id",
            "model",
            "origin_date",
            "item_id",
            "location_id",
            "n_periods",
            name=op.f("pk_backtest_totals"),
        ),
        schema="analytics",
        postgresql_partition_by="LIST (client_id)",
    )
    op.create_table(
        "calibrations",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("demand_class", sa.Text(), nullable=False),
        sa.Column("lag_bucket", sa.Text(), nullable=False),
        sa.Column("factor", sa.Double(), nullable=False),
        sa.Column("read_at", sa.ARRAY(sa.Double()), nullable=False),
        sa.Column("n_series", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "demand_class in ('smooth', 'erratic', 'intermittent', 'lumpy', 'none')",
            name=op.f("ck_calibrations_demand_class"),
        ),
        sa.CheckConstraint("factor > 0 and factor < 'infinity'::float8", name=op.f("ck_calibrations_factor")),
        sa.CheckConstraint(
            "lag_bucket in ('1', '2-7', '8-14', '15-28', '2-4', '5-13', '2-3', '4-6', 'beyond')",
            name=op.f("ck_calibrations_lag_bucket"),
        ),
        sa.CheckConstraint("cardinality(read_at) = 21", name=op.f("ck_calibrations_read_at")),
        sa.PrimaryKeyConstraint(
            "client_id", "run_id", "model", "demand_class", "lag_bucket", name=op.f("pk_calibrations")
        ),
        schema="analytics",
    )
    op.create_table(
        "error_inflation",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.UUID(as_uuid=False), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("demand_class", sa.Text(), nullable=False),
        sa.Column("n_periods", sa.SmallInteger(), nullable=False),
        sa.Column("kappa", sa.Double(), nullable=False),
        sa.Column("read_at", sa.ARRAY(sa.Double()), nullable=False),
        sa.Column("log_standard_error", sa.Double(), nullable=True),
        sa.Column("n_totals", sa.Integer(), nullable=False),
        sa.Column("held_80", sa.Double(), nullable=True),
        sa.Column("held_90", sa.Double(), nullable=True),
        sa.Column("held_95", sa.Double(), nullable=True),
        sa.Column("held_98", sa.Double(), nullable=True),
        sa.Column("n_held", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "demand_class in ('smooth', 'erratic', 'intermittent', 'lumpy', 'none')",
            name=op.f("ck_error_inflation_demand_class"),
        ),
        sa.CheckConstraint("kappa > 0 and kappa < 'infinity'::float8", name=op.f("ck_error_inflation_kappa")),
        sa.CheckConstraint("cardinality(read_at) = 21", name=op.f("ck_error_inflation_read_at")),
        sa.PrimaryKeyConstraint(
            "client_id", "run_id", "model", "demand_class", "n_periods", name=op.f("pk_error_inflation")
        ),
        schema="analytics",
    )
    op.add_column(
        "forecast_runs",
        sa.Column("backtest_run_id", sa.UUID(as_uuid=False), nullable=True),
        schema="analytics",
    )
    op.add_column("forecast_series", sa.Column("made_by", sa.Text(), nullable=True), schema="analytics")
    op.add_column("forecast_series", sa.Column("choice", sa.Text(), nullable=True), schema="analytics")
    op.add_column(
        "clients",
        sa.Column("backtest_cron", sa.Text(), server_default=sa.text("'30 1 * * 6'"), nullable=True),
        schema="ops",
    )
    op.add_column(
        "clients",
        sa.Column("keep_backtests_days", sa.Integer(), server_default=sa.text("35"), nullable=False),
        schema="ops",
    )
    op.add_column(
        "clients",
        sa.Column("champion", sa.Text(), server_default=sa.text("'backtest'"), nullable=False),
        schema="ops",
    )

    for (client_id,) in op.get_bind().execute(sa.text("select client_id from ops.clients")).all():
        for table in PARTITIONED:
            op.execute(
                f'create table analytics."{table}__{client_id}" partition of analytics.{table} '
                f"for values in ('{client_id}')"
            )


def downgrade() -> None:
    op.drop_column("clients", "champion", schema="ops")
    op.drop_column("clients", "keep_backtests_days", schema="ops")
    op.drop_column("clients", "backtest_cron", schema="ops")
    op.drop_column("forecast_series", "choice", schema="analytics")
    op.drop_column("forecast_series", "made_by", schema="analytics")
    op.drop_column("forecast_runs", "backtest_run_id", schema="analytics")
    op.drop_table("error_inflation", schema="analytics")
    op.drop_table("calibrations", schema="analytics")
    op.drop_table("backtest_totals", schema="analytics")
    op.drop_table("backtest_series", schema="analytics")
    op.drop_table("backtest_scores", schema="analytics")
    op.drop_index(
        "uq_backtest_runs_current",
        table_name="backtest_runs",
        schema="analytics",
        postgresql_where=sa.text("is_current"),
    )
    op.drop_table("backtest_runs", schema="analytics")
    op.drop_table("backtest_reliability", schema="analytics")
