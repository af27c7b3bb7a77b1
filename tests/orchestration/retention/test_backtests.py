"""Retention of backtests: rows by item of those that another took the place of, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import uuid4

import psycopg

from orchestration.clients import Client
from orchestration.retention.retain import retain
from orchestration.stages.publishing import insert_row
from orchestration.warehouse.server import Warehouse
from orchestration.warehouse.tables import analytics
from orchestration.warehouse.tables.analytics.quality import COUNTS, SUMS


def add_backtest(
    connection: psycopg.Connection[Any], client_id: str, *, days_ago: int, is_current: bool
) -> str:
    """One model, origin and series, published so many days ago."""
    run_id = str(uuid4())
    run = {"client_id": client_id, "run_id": run_id, "model": "hist_q"}
    insert_row(
        connection,
        analytics.backtest_runs,
        {
            **run,
            **{"grain": "day", "status": "published", "is_current": is_current, "reason": "Judged."},
            **{"n_origins": 1, "stride_periods": 28, "horizon_periods": 28},
            **{"first_origin_date": date(2026, 1, 31), "last_origin_date": date(2026, 1, 31)},
            **{"code_version": "1", "input_digest": run_id, "dagster_run_id": "test"},
        },
    )
    connection.execute(
        "update analytics.backtest_runs set published_at = now() - make_interval(days => %s) "
        "where client_id = %s and run_id = %s",
        (days_ago, client_id, run_id),
    )
    series = {**run, "origin_date": date(2026, 1, 31), "item_id": "tea", "location_id": "n"}
    zeros = dict.fromkeys([*COUNTS, "n_on_bound_90", *SUMS, "sum_decile_losses_qty"], 0)
    insert_row(connection, analytics.backtest_scores, {**series, "lag_bucket": "1", **zeros})
    pinball = {column.name: 0 for column in analytics.backtest_totals.columns if "pinball" in column.name}
    facts = {"actual_qty": 1, "mean_qty": 1, "variance": 1, "pit_low": 0, "pit_high": 1}
    insert_row(connection, analytics.backtest_totals, {**series, "n_periods": 7, **facts, **pinball})
    return run_id


def test_a_superseded_backtest_keeps_what_it_found_and_loses_its_rows_by_item(
    warehouse: Warehouse, new_client: Callable[..., Client]
) -> None:
    client = new_client(keep_backtests_days=35)
    with warehouse.transaction() as connection:
        old, recent = (
            add_backtest(connection, client.client_id, days_ago=days, is_current=False) for days in (36, 34)
        )
        current = add_backtest(connection, client.client_id, days_ago=400, is_current=True)
    foreseen = retain(warehouse, client, is_dry=True)
    done = retain(warehouse, client)
    assert foreseen.rows_by_table == done.rows_by_table
    assert dict(done.rows_by_table) == {"analytics.backtest_scores": 1, "analytics.backtest_totals": 1}
    assert done.stays["details of backtests", "the one in use"] == 1
    assert done.stays["details of backtests", "made at most 35 days ago"] == 1
    with warehouse.transaction() as connection:
        for table in ("backtest_scores", "backtest_totals"):
            rows = connection.execute(
                f"select run_id::text from analytics.{table} where client_id = %s",
                (client.client_id,),
            ).fetchall()
            assert {run for (run,) in rows} == {recent, current}
        marked = connection.execute(
            "select run_id::text from analytics.backtest_runs "
            "where client_id = %s and details_thinned_at is not null",
            (client.client_id,),
        ).fetchall()
        assert marked == [(old,)]
        audit = connection.execute(
            "select details ->> 'policy' from ops.audit_log where client_id = %s and action = 'thin'",
            (client.client_id,),
        ).fetchall()
    assert audit == [("keep_backtests_days",)]
    assert not retain(warehouse, client).rows_by_table
