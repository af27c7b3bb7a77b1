"""Scoring published forecasts: the transaction that scores the runs that are due.

Belongs here: the rows a scoring reads and writes. Does not belong here: what is due (``runs_due``), the
arithmetic of the scores (``scoring.sql``, ``dbt_project/macros/accuracy.sql``), metrics over arrays
(``forecasting_lib.accuracy``), what is said of the scores (``quality``).

A landed day is added to the sums of each run it is a day of; days whose actuals changed are scored anew, with
the lag bucket they are of. The totals over series follow in the same transaction.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from forecasting_lib.grain import Grain
from orchestration import audit
from orchestration.landing.known_files import newest_delivery
from orchestration.stages.publishing import claimed
from orchestration.stages.runs_due import PublishedRun, RunDue, runs_due
from orchestration.warehouse.formulas import render_formulas
from orchestration.warehouse.locks import Purpose
from orchestration.warehouse.server import Warehouse
from orchestration.warehouse.tables.vocabulary import SummedBucket, words_of

SUMMED_BUCKETS = words_of(SummedBucket)

_SCORE = {
    is_one_each: render_formulas(
        (Path(__file__).parent / "scoring.sql").read_text(encoding="utf-8"), is_one_each=is_one_each
    )
    for is_one_each in (True, False)
}
"""The statement, by whether no lag bucket gets more than one period."""

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Scoring:
    """One scoring that was written.

    Attributes:
        run: the forecast run and model, as it was before.
        scoring_id: its key.
        rows: sums and totals that were written.
    """

    run: PublishedRun
    scoring_id: str
    rows: int


def score_due_runs(warehouse: Warehouse, client_id: str, dagster_run_id: str) -> list[Scoring]:
    """Score every current run of a client whose actuals arrived or changed, in one transaction.

    A superseded run is not scored again and its scores are no longer current: another run answers for its
    as-of date, nobody orders on it, and two answers for one date would count twice in every average. One that
    was thinned keeps the scores it has: a day that is restated so late changes them no more.

    Args:
        warehouse: where to read and write.
        client_id: the client.
        dagster_run_id: recorded in the audit log.

    Returns:
        One entry per run and model scored, by as-of date and model.
    """
    with claimed(warehouse, Purpose.SCORE, client_id) as connection:
        # The watermark before the actuals, which may be of a later file.
        input_watermark = newest_delivery(connection, client_id) or 0
        actuals_through = _last_demand_day(connection, client_id)
        _retire_scores(connection, client_id, actuals_through)
        due = runs_due(
            _published_runs(connection, client_id), _digest_actuals(connection, client_id), actuals_through
        )
        if not due or actuals_through is None:
            return []
        days = sorted({day for run in due for bucket in run.buckets for day in bucket.dates})
        _collect_actuals(connection, client_id, Grain(due[0].run.grain), days)
        categories = _digest_categories(connection, client_id)
        # Forecasts are often younger than the planner's statistics. Expecting one row of them, it would join
        # by nested loops, and a store of 3,000 series would take ten seconds instead of one.
        connection.execute("set local enable_nestloop = off")
        return [
            _score(connection, client_id, run, actuals_through, input_watermark, categories, dagster_run_id)
            for run in due
        ]


def _last_demand_day(connection: Connection, client_id: str) -> date | None:
    row = connection.execute(
        "select max(last_date) from analytics.ts_demand where client_id = %s", (client_id,)
    ).fetchone()
    return row[0] if row else None


def _retire_scores(connection: Connection, client_id: str, actuals_through: date | None) -> None:
    """Scores of superseded runs, and of runs none of whose days is known any more, are no longer current.

    The delivery of those days was withdrawn. A forecast that was thinned cannot be scored again when they
    come back, so its scores stand as they are.
    """
    connection.execute(
        """
        update analytics.scorings as scoring
        set is_current = false
        from analytics.forecast_runs as run
        where run.client_id = %(client_id)s
            and scoring.client_id = %(client_id)s
            and scoring.run_id = run.run_id
            and scoring.model = run.model
            and scoring.is_current
            and (
                not run.is_current
                or run.thinned_at is null
                and (
                    %(actuals_through)s::date is null
                    or run.as_of_date >= %(actuals_through)s::date
                )
            )
        """,
        {"client_id": client_id, "actuals_through": actuals_through},
    )


def _published_runs(connection: Connection, client_id: str) -> list[PublishedRun]:
    with connection.cursor(row_factory=class_row(PublishedRun)) as cursor:
        return cursor.execute(
            """
            select
                run.run_id::text,
                run.model,
                run.as_of_date,
                run.grain,
                run.horizon_days,
                coalesce(scoring.actuals_digests, '{}') as scored_digests
            from analytics.forecast_runs as run
            left join analytics.scorings as scoring
                on scoring.client_id = run.client_id
                and scoring.run_id = run.run_id
                and scoring.model = run.model
                and scoring.is_current
            where run.client_id = %(client)s
                and run.status = 'published'
                and run.is_current
                and run.thinned_at is null
                and run.n_series > 0
                and run.grain = coalesce(
                    (select max(grain) from analytics.dim_series where client_id = %(client)s), 'day'
                )
            order by run.as_of_date, run.model
            """,
            {"client": client_id},
        ).fetchall()


def _digest_actuals(connection: Connection, client_id: str) -> dict[date, str]:
    """A digest of what scores are made of, by period and in any order of rows, later than the oldest run."""
    found = connection.execute(
        """
        with oldest as (
            select min(as_of_date) as as_of_date
            from analytics.forecast_runs
            where client_id = %(client)s and status = 'published' and is_current and thinned_at is null
        ),

        facts as (
            select
                date,
                hash_record_extended(row(item_id, location_id, date, demand_qty, is_masked, is_closed), 0)
                    as digest
            from analytics.ts_demand
            where client_id = %(client)s and date > (select as_of_date from oldest)
            union all
            select date, hash_record_extended(row(location_id, date), 0)
            from analytics.location_calendar
            where client_id = %(client)s and is_closed and date > (select as_of_date from oldest)
        )

        select date, sum(digest)::text from facts group by date
        """,
        {"client": client_id},
    ).fetchall()
    return dict(found)


def _digest_categories(connection: Connection, client_id: str) -> str:
    row = connection.execute(
        """
        select coalesce(sum(hash_record_extended(row(item_id, category), 0)), 0)::text
        from analytics.dim_item
        where client_id = %s and category is not null
        """,
        (client_id,),
    ).fetchone()
    assert row is not None
    return str(row[0])


def _collect_actuals(connection: Connection, client_id: str, grain: Grain, days: Sequence[date]) -> None:
    """Read the demand of some periods once, for all runs of the transaction, and what was closed or open.

    Of days the calendar says when a location was closed. Of weeks and months no calendar tells: a location
    was open where anything of it has a row that says so.
    """
    connection.execute(
        sql.SQL(
            """
            create temporary table actual on commit drop as
            select item_id, location_id, date, demand_qty::float8 as actual_qty, is_masked
            from analytics.ts_demand
            where client_id = {} and date = any({}::date[])
            """
        ).format(client_id, list(days))
    )
    marked = (
        "select location_id, date from analytics.location_calendar where is_closed and client_id = {} "
        if grain is Grain.DAY
        else "select distinct location_id, date from analytics.ts_demand_periods "
        "where not is_closed and client_id = {} "
    )
    connection.execute(
        sql.SQL(
            "create temporary table calendar_mark on commit drop as " + marked + "and date = any({}::date[])"
        ).format(client_id, list(days))
    )
    connection.execute("analyze actual")
    connection.execute("analyze calendar_mark")


def _score(
    connection: Connection,
    client_id: str,
    due: RunDue,
    actuals_through: date,
    input_watermark: int,
    categories_digest: str,
    dagster_run_id: str,
) -> Scoring:
    """Bring the sums of a run and its totals up to the actuals known now."""
    run, scoring_id = due.run, str(uuid.uuid4())
    key = {"client_id": client_id, "run_id": run.run_id, "model": run.model}
    anew = [bucket.lag_bucket for bucket in due.buckets if not bucket.is_added_to]
    touched = [bucket.lag_bucket for bucket in due.buckets]
    periods = [(day, bucket.lag_bucket) for bucket in due.buckets for day in bucket.dates]
    noted = connection.execute(
        """
        select categories_digest from analytics.scorings
        where client_id = %(client_id)s and run_id = %(run_id)s and model = %(model)s
        """,
        key,
    ).fetchone()
    stands = bool(run.scored_digests)
    # a label that changed moves what was scored before, too
    totalled = touched if stands and noted == (categories_digest,) else SUMMED_BUCKETS
    if noted is not None:
        _remove(connection, "score_sums", key, anew if stands else SUMMED_BUCKETS)
        _remove(connection, "score_totals", key, [*totalled, "all"])
    landed, written, totals = connection.execute(
        sql.SQL(_SCORE[len(periods) == len({bucket for _, bucket in periods})]).format(
            **key,
            grain=run.grain,
            dates=[day for day, _ in periods],
            buckets=[bucket for _, bucket in periods],
            added=[bucket.lag_bucket for bucket in due.buckets if bucket.is_added_to],
            totalled=list(totalled),
        )
    ).fetchone() or (0, 0, 0)
    if landed != written:
        raise RuntimeError(f"Of {landed} series of forecast run {run.run_id}, {written} have sums to add to.")
    connection.execute(
        """
        insert into analytics.scorings (
            client_id, run_id, model, scoring_id, as_of_date, scored_at, actuals_through, input_watermark,
            is_current, actuals_digests, categories_digest
        ) values (
            %(client_id)s, %(run_id)s, %(model)s, %(scoring_id)s, %(as_of_date)s, now(), %(actuals_through)s,
            %(input_watermark)s, true, %(actuals_digests)s, %(categories_digest)s
        )
        on conflict (client_id, run_id, model) do update set
            scoring_id = excluded.scoring_id,
            scored_at = excluded.scored_at,
            actuals_through = excluded.actuals_through,
            input_watermark = excluded.input_watermark,
            is_current = excluded.is_current,
            actuals_digests = excluded.actuals_digests,
            categories_digest = excluded.categories_digest
        """,
        {
            **key,
            "scoring_id": scoring_id,
            "as_of_date": run.as_of_date,
            "actuals_through": actuals_through,
            "input_watermark": input_watermark,
            "actuals_digests": list(due.digests),
            "categories_digest": categories_digest,
        },
    )
    audit.record(
        connection,
        "score",
        f"forecast run {run.run_id}",
        client_id=client_id,
        run_id=dagster_run_id,
        row_count=written + totals,
        model=run.model,
        as_of_date=run.as_of_date.isoformat(),
        scoring_id=scoring_id,
        actuals_through=actuals_through.isoformat(),
        input_watermark=input_watermark,
        scored_anew=anew,
    )
    return Scoring(run, scoring_id, written + totals)


def _remove(connection: Connection, table: str, key: Mapping[str, str], buckets: Sequence[str]) -> None:
    connection.execute(
        sql.SQL(
            """
            delete from {}
            where client_id = %(client_id)s
                and run_id = %(run_id)s
                and model = %(model)s
                and lag_bucket = any(%(buckets)s)
            """
        ).format(sql.Identifier("analytics", table)),
        {**key, "buckets": list(buckets)},
    )
