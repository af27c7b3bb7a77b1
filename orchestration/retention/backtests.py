"""Backtests that another took the place of: their rows by series go, what they chose and found stays.

Belongs here: which they are, and their rows. Does not belong here: the transaction (``thinning``).
"""

from __future__ import annotations

from datetime import date
from typing import LiteralString

from orchestration.registry import Client
from orchestration.retention.thinning import Connection, Judged, Part, Thinning
from orchestration.warehouse.locks import Purpose
from orchestration.warehouse.tables import analytics

_OF_RUN: LiteralString = "thinned.client_id = %(client)s and thinned.run_id = %(run)s"

_DETAILS = tuple(Part(table, _OF_RUN) for table in (analytics.backtest_scores, analytics.backtest_totals))


def backtest_details(connection: Connection, client: Client, today: date) -> Judged:
    """The backtests whose scores and totals by series go; leaders, calibrations and reliability stay."""
    days = client.keep_backtests_days
    found = connection.execute(
        """
        select
            run_id::text,
            bool_or(is_current),
            max((published_at at time zone %(timezone)s)::date) + %(days)s < %(today)s::date
        from analytics.backtest_runs
        where client_id = %(client)s and details_thinned_at is null
        group by run_id
        order by max(published_at), run_id
        """,
        {"client": client.client_id, "timezone": client.timezone, "days": days, "today": today},
    ).fetchall()
    return Judged(
        "details of backtests",
        [
            Thinning(
                client_id=client.client_id,
                what="details of backtests",
                subject=f"backtest {run_id}",
                policy="keep_backtests_days",
                days=days,
                parts=_DETAILS,
                mark="""
                    update analytics.backtest_runs set details_thinned_at = now()
                    where client_id = %(client)s and run_id = %(run)s and details_thinned_at is null
                        and not is_current
                """,
                values={"client": client.client_id, "run": run_id},
                purposes=(Purpose.BACKTEST,),
            )
            for run_id, is_current, is_old in found
            if is_old and not is_current
        ],
        [
            "the one in use" if is_current else f"made at most {days} days ago"
            for _, is_current, is_old in found
            if is_current or not is_old
        ],
    )
