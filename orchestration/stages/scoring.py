"""Scoring published forecasts: the transaction that scores the runs that are due.

Belongs here: the rows a scoring reads and replaces. Does not belong here: what is due (``runs_due``), the
arithmetic of the scores (``scoring.sql``, ``dbt_project/macros/accuracy.sql``), metrics over arrays
(``forecasting_lib.accuracy``), what is said of the scores (``quality``).

A score is never changed: a re-score adds rows under a new ``scoring_id`` and takes ``is_current`` from the
old ones in the same transaction.
"""

import uuid
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from forecasting_lib.grain import Grain
from orchestration.landing.kinds import KINDS
from orchestration.landing.known_files import newest_delivery
from orchestration.stages.publishing import claimed, supersede
from orchestration.stages.runs_due import Delivery, PublishedRun, runs_due
from orchestration.warehouse.formulas import render_formulas
from orchestration.warehouse.locks import Purpose
from orchestration.warehouse.server import Warehouse
from orchestration.warehouse.tables import analytics

KINDS_WITH_ACTUALS = tuple(kind.name for kind in KINDS if kind.changes_actuals)
"""Deliveries that change actuals: sales their units, stock levels which zeros are masked.

Products change a category at most: a label, which the next scoring picks up.
"""

_SCORE = render_formulas(
    (Path(__file__).parent / "scoring.sql").read_text(encoding="utf-8"),
    columns=analytics.forecast_quality.columns.keys(),
)

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Scoring:
    """One scoring that was written.

    Attributes:
        run: the forecast run and model, as it was before.
        scoring_id: key of the new rows.
        rows: rows written to ``forecast_quality``.
        superseded_rows: rows of the scoring it replaces as the current one.
    """

    run: PublishedRun
    scoring_id: str
    rows: int
    superseded_rows: int


def score_due_runs(warehouse: Warehouse, client_id: str, dagster_run_id: str) -> list[Scoring]:
    """Score every current run of a client whose actuals arrived or changed, in one transaction.

    A superseded run is not scored again and its scores are no longer current: another run answers for its
    as-of date, nobody orders on it, and two answers for one date would count twice in every average.

    Args:
        warehouse: where to read and write.
        client_id: the client.
        dagster_run_id: recorded in the audit log.

    Returns:
        One entry per run and model scored, by as-of date and model.
    """
    with claimed(warehouse, Purpose.SCORE, client_id) as connection:
        _retire_superseded_runs(connection, client_id)
        # The watermark before the actuals: a file that lands in between is scored again, not forgotten.
        input_watermark = newest_delivery(connection, client_id) or 0
        actuals_through = _last_demand_day(connection, client_id)
        _retire_scores_without_actuals(connection, client_id, actuals_through)
        _digest_actuals(connection, client_id)
        due = runs_due(
            _published_runs(connection, client_id, actuals_through),
            _deliveries(connection, client_id),
            actuals_through,
        )
        if not due or actuals_through is None:
            return []
        _collect_actuals(connection, client_id, min(run.as_of_date for run in due))
        # Forecasts are often younger than the planner's statistics. Expecting one row of them, it would join
        # by nested loops, and a store of 3,000 series would take ten seconds instead of one.
        connection.execute("set local enable_nestloop = off")
        return [
            _score(connection, client_id, run, actuals_through, input_watermark, dagster_run_id)
            for run in due
        ]


def _retire_superseded_runs(connection: Connection, client_id: str) -> None:
    connection.execute(
        """
        update analytics.forecast_quality as quality
        set is_current = false
        from analytics.forecast_runs as run
        where run.client_id = %(client_id)s
            and not run.is_current
            and quality.client_id = %(client_id)s
            and quality.run_id = run.run_id
            and quality.model = run.model
            and quality.is_current
        """,
        {"client_id": client_id},
    )


def _retire_scores_without_actuals(
    connection: Connection, client_id: str, actuals_through: date | None
) -> None:
    """Scores of runs none of whose days is known any more: the delivery of those days was withdrawn."""
    connection.execute(
        """
        update analytics.forecast_quality
        set is_current = false
        where client_id = %(client_id)s
            and is_current
            and (%(actuals_through)s::date is null or as_of_date >= %(actuals_through)s::date)
        """,
        {"client_id": client_id, "actuals_through": actuals_through},
    )


def _last_demand_day(connection: Connection, client_id: str) -> date | None:
    row = connection.execute(
        "select max(last_date) from analytics.ts_demand where client_id = %s", (client_id,)
    ).fetchone()
    return row[0] if row else None


def _digest_actuals(connection: Connection, client_id: str) -> None:
    """Digest what scores are made of, day by day and in any order of rows, into ``actuals_of_day``."""
    connection.execute(
        sql.SQL(
            """
            create temporary table actuals_of_day on commit drop as
            with oldest as (
                select min(as_of_date) as as_of_date
                from analytics.forecast_runs
                where client_id = {client} and status = 'published' and is_current
            ),

            facts as (
                select
                    date,
                    hash_record_extended(row(item_id, location_id, date, demand_qty, is_masked), 0) as digest
                from analytics.ts_demand
                where client_id = {client} and date > (select as_of_date from oldest)
                union all
                select date, hash_record_extended(row(location_id, date), 0)
                from analytics.location_calendar
                where client_id = {client} and is_closed and date > (select as_of_date from oldest)
            )

            select date, sum(digest) as digest from facts group by date
            """
        ).format(client=client_id)
    )


def _published_runs(
    connection: Connection, client_id: str, actuals_through: date | None
) -> list[PublishedRun]:
    with connection.cursor(row_factory=class_row(PublishedRun)) as cursor:
        return cursor.execute(
            """
            select
                run.run_id::text,
                run.model,
                run.as_of_date,
                run.grain,
                run.horizon_days,
                scored.actuals_through as scored_through,
                scored.input_watermark as scored_watermark,
                (
                    select sum(digest)::text
                    from actuals_of_day
                    where date > run.as_of_date
                        and date <= least(run.as_of_date + run.horizon_days, %(through)s::date)
                ) as actuals_digest,
                scored.actuals_digest as scored_digest
            from analytics.forecast_runs as run
            left join analytics.forecast_quality as scored
                on scored.client_id = run.client_id
                and scored.run_id = run.run_id
                and scored.model = run.model
                and scored.grain = 'client'
                and scored.lag_bucket = 'all'
                and scored.is_current
            where run.client_id = %(client)s
                and run.status = 'published'
                and run.is_current
                and run.n_series > 0
                and run.grain = coalesce(
                    (select max(grain) from analytics.dim_series where client_id = %(client)s), 'day'
                )
            order by run.as_of_date, run.model
            """,
            {"client": client_id, "through": actuals_through},
        ).fetchall()


def _deliveries(connection: Connection, client_id: str) -> list[Delivery]:
    with connection.cursor(row_factory=class_row(Delivery)) as cursor:
        return cursor.execute(
            """
            select file_id, first_date, last_date
            from ops.landing_files
            where client_id = %s
                and status in ('loaded', 'withdrawal')
                and kind = any(%s)
                and first_date is not null
                and last_date is not null
            order by file_id
            """,
            (client_id, list(KINDS_WITH_ACTUALS)),
        ).fetchall()


def _collect_actuals(connection: Connection, client_id: str, after: date) -> None:
    """Read the demand later than a day once, for all runs of the transaction, into ``actual``."""
    connection.execute(
        sql.SQL(
            """
            create temporary table actual on commit drop as
            select item_id, location_id, date, demand_qty::float8 as actual_qty, is_masked
            from analytics.ts_demand
            where client_id = {} and date > {}
            """
        ).format(client_id, after)
    )
    connection.execute("analyze actual")


def _score(
    connection: Connection,
    client_id: str,
    run: PublishedRun,
    actuals_through: date,
    input_watermark: int,
    dagster_run_id: str,
) -> Scoring:
    """Supersede the run's current scoring, if it has one, by a new one."""
    scoring_id = str(uuid.uuid4())
    score = sql.SQL(_SCORE).format(
        client_id=client_id,
        scoring_id=scoring_id,
        run_id=run.run_id,
        model=run.model,
        as_of_date=run.as_of_date,
        grain=run.grain,
        first_period_days=Grain(run.grain).lag_days(run.as_of_date, 1)[0],
        actuals_through=actuals_through,
        input_watermark=input_watermark,
        actuals_digest=run.actuals_digest,
    )
    rows = supersede(
        connection,
        analytics.forecast_quality,
        {"client_id": client_id, "run_id": run.run_id, "model": run.model},
        lambda: connection.execute(score).rowcount,
        action="score",
        subject=f"forecast run {run.run_id}",
        dagster_run_id=dagster_run_id,
        model=run.model,
        as_of_date=run.as_of_date.isoformat(),
        scoring_id=scoring_id,
        actuals_through=actuals_through.isoformat(),
        input_watermark=input_watermark,
    )
    return Scoring(run, scoring_id, rows.written, rows.retired)
