"""The quality stage: forecasts are scored as soon as the days they were about are known.

Belongs here: which runs are due, the transaction that scores them, the accuracy people read first. Does not
belong here: the arithmetic of the scores (``scoring.sql``), metrics over arrays
(``forecasting_lib.evaluation``).

A score is never changed: a re-score adds rows under a new ``scoring_id`` and takes ``is_current`` from the
old ones in the same transaction.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import psycopg
from psycopg import sql
from psycopg.rows import class_row

from orchestration import audit
from orchestration.clients import CLIENT_PARTITIONS
from orchestration.landing.kinds import KINDS
from orchestration.resources import DATABASE_RETRIES, Installation
from orchestration.table_assets import OWNERS, table_key, table_metadata
from orchestration.warehouse.bulk import read_frame, render
from orchestration.warehouse.server import Warehouse
from orchestration.warehouse.tables import analytics

QUALITY_KEY = table_key(analytics.forecast_quality)
ACTUALS_KEYS = [table_key(table) for table in (analytics.ts_demand_daily, analytics.dim_item)]

KINDS_WITH_ACTUALS = tuple(kind.name for kind in KINDS if kind.changes_actuals)
"""Deliveries that change actuals: sales their units, stock levels which zeros are masked.

Products change a category at most: a label, which the next scoring picks up.
"""

BIAS_BAND = 0.20
"""Relative bias beyond which a forecast misleads whoever orders on it."""

COVERAGE_90_BAND = (0.87, 0.93)
"""What the central 90 % interval may cover before the quantiles need calibration.

Of demand in counts many days lie exactly on a bound. A sound forecast has at least 90 % of the actuals
between its bounds with these days, and at most 90 % without them; so the lower limit is for the one share,
the upper limit for the other.
"""

_SCORE = (Path(__file__).parent / "scoring.sql").read_text(encoding="utf-8")

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class PublishedRun:
    """One model of a published forecast run, and how far it is scored.

    Attributes:
        run_id: the forecast run.
        model: its model.
        as_of_date: the day before the first day forecast.
        horizon_days: days forecast.
        scored_through: last day of actuals at the current scoring; None where it was never scored.
        scored_watermark: highest delivery visible to that scoring; None where it was never scored.
    """

    run_id: str
    model: str
    as_of_date: date
    horizon_days: int
    scored_through: date | None
    scored_watermark: int | None

    def last_known_day(self, actuals_through: date) -> date:
        """The last day of the horizon that is known when actuals reach ``actuals_through``."""
        return min(actuals_through, self.as_of_date + timedelta(days=self.horizon_days))


@dataclass(frozen=True)
class Delivery:
    """A loaded file that changes actuals, and the days it is about, both ends included."""

    file_id: int
    first_date: date
    last_date: date


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


def runs_due(
    runs: Iterable[PublishedRun], deliveries: Iterable[Delivery], actuals_through: date | None
) -> list[PublishedRun]:
    """The runs whose scores are not those of the actuals known now.

    A run is due when a day of its horizon is known and it was never scored, or more or fewer of its days
    are known than at its scoring, or a delivery since then is about one of its known days. The second case
    stands apart from the third because a delivery makes every day before its own last day an actual, the
    days nobody delivered a row for included.

    Args:
        runs: published runs.
        deliveries: loaded files that change actuals, at least those later than the oldest scoring.
        actuals_through: last complete day of demand; None before the first.
    """
    if actuals_through is None:
        return []
    delivered = list(deliveries)
    return [run for run in runs if _is_due(run, delivered, actuals_through)]


def _is_due(run: PublishedRun, deliveries: Sequence[Delivery], actuals_through: date) -> bool:
    if actuals_through <= run.as_of_date:
        return False
    if run.scored_through is None or run.scored_watermark is None:
        return True
    last_known = run.last_known_day(actuals_through)
    if last_known != run.last_known_day(run.scored_through):
        return True
    return any(
        delivery.file_id > run.scored_watermark
        and delivery.last_date > run.as_of_date
        and delivery.first_date <= last_known
        for delivery in deliveries
    )


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
    with warehouse.transaction() as connection:
        connection.execute("select pg_advisory_xact_lock(hashtext('score:' || %s))", (client_id,))
        _retire_superseded_runs(connection, client_id)
        # The watermark before the actuals: a file that lands in between is scored again, not forgotten.
        input_watermark = _input_watermark(connection, client_id)
        actuals_through = _last_demand_day(connection, client_id)
        due = runs_due(
            _published_runs(connection, client_id), _deliveries(connection, client_id), actuals_through
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


def _input_watermark(connection: Connection, client_id: str) -> int:
    row = connection.execute(
        "select coalesce(max(file_id), 0) from ops.landing_files where client_id = %s and status = 'loaded'",
        (client_id,),
    ).fetchone()
    return int(row[0]) if row else 0


def _last_demand_day(connection: Connection, client_id: str) -> date | None:
    row = connection.execute(
        "select max(date) from analytics.ts_demand_daily where client_id = %s", (client_id,)
    ).fetchone()
    return row[0] if row else None


def _published_runs(connection: Connection, client_id: str) -> list[PublishedRun]:
    with connection.cursor(row_factory=class_row(PublishedRun)) as cursor:
        return cursor.execute(
            """
            select
                run.run_id::text,
                run.model,
                run.as_of_date,
                run.horizon_days,
                scored.actuals_through as scored_through,
                scored.input_watermark as scored_watermark
            from analytics.forecast_runs as run
            left join analytics.forecast_quality as scored
                on scored.client_id = run.client_id
                and scored.run_id = run.run_id
                and scored.model = run.model
                and scored.grain = 'client'
                and scored.lag_bucket = 'all'
                and scored.is_current
            where run.client_id = %s and run.status = 'published' and run.is_current and run.n_series > 0
            order by run.as_of_date, run.model
            """,
            (client_id,),
        ).fetchall()


def _deliveries(connection: Connection, client_id: str) -> list[Delivery]:
    with connection.cursor(row_factory=class_row(Delivery)) as cursor:
        return cursor.execute(
            """
            select file_id, first_date, last_date
            from ops.landing_files
            where client_id = %s
                and status = 'loaded'
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
            select item_id, location_id, date, demand_qty::float8 as actual_qty, is_masked, is_closed
            from analytics.ts_demand_daily
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
    superseded_rows = connection.execute(
        """
        update analytics.forecast_quality set is_current = false
        where client_id = %s and run_id = %s and model = %s and is_current
        """,
        (client_id, run.run_id, run.model),
    ).rowcount
    scoring_id = str(uuid.uuid4())
    rows = connection.execute(
        sql.SQL(_SCORE).format(
            client_id=client_id,
            scoring_id=scoring_id,
            run_id=run.run_id,
            model=run.model,
            as_of_date=run.as_of_date,
            actuals_through=actuals_through,
            input_watermark=input_watermark,
        )
    ).rowcount
    audit.record(
        connection,
        "score",
        f"forecast run {run.run_id}",
        client_id=client_id,
        run_id=dagster_run_id,
        row_count=rows,
        model=run.model,
        as_of_date=run.as_of_date.isoformat(),
        scoring_id=scoring_id,
        actuals_through=actuals_through.isoformat(),
        input_watermark=input_watermark,
        superseded_rows=superseded_rows,
    )
    return Scoring(run, scoring_id, rows, superseded_rows)


def latest_accuracy(warehouse: Warehouse, client_id: str) -> pl.DataFrame:
    """How accurate each model was, all series and lags together, at the latest run that can tell.

    For each model that is the run with the largest known share of its horizon, and of those the latest: a
    run of last night has one known day, which says little beside a run whose four weeks are over.

    Returns:
        One row per model, by name: ``model, is_champion, as_of_date, days_known, horizon_days, n_series,
        n_rows, n_masked, wape, mape, mae, rmse, bias, mase, rmsse, wql, coverage_80, coverage_90,
        within_90``, the last without the actuals exactly on a bound. Empty before the first scoring; a metric
        that is undefined is null.
    """
    return read_frame(
        warehouse,
        render(
            """
            with scored as (
                select
                    quality.*,
                    run.is_champion,
                    run.horizon_days,
                    least(quality.actuals_through - run.as_of_date, run.horizon_days) as days_known
                from analytics.forecast_quality as quality
                inner join analytics.forecast_runs as run
                    on run.client_id = quality.client_id
                    and run.run_id = quality.run_id
                    and run.model = quality.model
                where quality.client_id = {client_id}
                    and quality.grain = 'client'
                    and quality.lag_bucket = 'all'
                    and quality.is_current
            )

            select distinct on (model)
                model,
                is_champion,
                as_of_date,
                days_known,
                horizon_days,
                n_series,
                n_rows,
                n_masked,
                wape,
                mape,
                mae_qty as mae,
                rmse_qty as rmse,
                bias,
                mase,
                rmsse,
                wql,
                coverage_80,
                coverage_90,
                (n_inside_90 - coalesce(n_on_bound_90, 0))::float8 / nullif(n_rows, 0) as within_90
            from scored
            order by model, days_known::float8 / horizon_days desc, as_of_date desc
            """,
            client_id=client_id,
        ),
    )


def bias_problems(accuracy: pl.DataFrame) -> list[str]:
    """Sentences about champions whose forecast misses the total by more than ``BIAS_BAND``.

    Only the champion is judged: it is what orders follow, the other models are there to compare with.

    Args:
        accuracy: as :func:`latest_accuracy` returns it.
    """
    biased = accuracy.filter(pl.col("is_champion") & (pl.col("bias").abs() > BIAS_BAND))
    return [
        f"{row['model']} as of {row['as_of_date']} forecast {abs(row['bias']):.0%} too "
        f"{'much' if row['bias'] > 0 else 'little'} in {row['days_known']} days."
        for row in biased.to_dicts()
    ]


def coverage_problems(accuracy: pl.DataFrame) -> list[str]:
    """Sentences about champions whose 90 % interval covers more or less than ``COVERAGE_90_BAND``.

    Args:
        accuracy: as :func:`latest_accuracy` returns it.
    """
    least, most = COVERAGE_90_BAND
    narrow, wide = pl.col("coverage_90") < least, pl.col("within_90") > most
    return [
        f"The 90 % interval of {row['model']} as of {row['as_of_date']} held {row['coverage_90']:.1%} of "
        f"{row['n_rows']} actuals in {row['days_known']} days, {row['within_90']:.1%} without those on a "
        "bound."
        for row in accuracy.filter(pl.col("is_champion") & (narrow | wide)).to_dicts()
    ]


@dg.asset(
    key=QUALITY_KEY,
    retry_policy=DATABASE_RETRIES,
    partitions_def=CLIENT_PARTITIONS,
    group_name="quality",
    kinds={"postgres", "sql"},
    owners=OWNERS,
    deps=ACTUALS_KEYS,
    metadata=table_metadata(analytics.forecast_quality),
    check_specs=[
        dg.AssetCheckSpec(
            "bias_within_band",
            asset=QUALITY_KEY,
            description=f"The champion's total is within {BIAS_BAND:.0%} of what was sold.",
        ),
        dg.AssetCheckSpec(
            "interval_90_covers",
            asset=QUALITY_KEY,
            description="The champion's central 90 % interval holds "
            f"{COVERAGE_90_BAND[0]:.0%} of the actuals or more, and {COVERAGE_90_BAND[1]:.0%} or less "
            "without those on a bound.",
        ),
    ],
)
def forecast_quality(context: dg.AssetExecutionContext, installation: Installation) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Scores of every published forecast whose actuals landed or were restated, by grain and lag.

    Reads demand, not the forecasts of the same run: those are about days nobody knows yet.
    """
    scorings = score_due_runs(installation.warehouse, context.partition_key, context.run_id)
    accuracy = latest_accuracy(installation.warehouse, context.partition_key)
    return dg.MaterializeResult(
        metadata={
            "runs_scored": len({scoring.run.run_id for scoring in scorings}),
            "rows_scored": sum(scoring.rows for scoring in scorings),
            **_accuracy_metadata(accuracy),
        },
        check_results=[
            _warning("bias_within_band", bias_problems(accuracy)),
            _warning("interval_90_covers", coverage_problems(accuracy)),
        ],
    )


def _accuracy_metadata(accuracy: pl.DataFrame) -> dict[str, dg.MetadataValue[Any]]:
    """One plottable number per model and metric that is defined, and a table of the same for reading."""
    numbers = {
        f"{row['model']}_{metric}": dg.MetadataValue.float(row[metric])
        for row in accuracy.to_dicts()
        for metric in ("wape", "bias", "mae", "rmse")
        if row[metric] is not None
    }
    return {**numbers, "accuracy": dg.MetadataValue.md(accuracy_table(accuracy))}


def accuracy_table(accuracy: pl.DataFrame) -> str:
    """The accuracy of each model as a Markdown table.

    Args:
        accuracy: as :func:`latest_accuracy` returns it.
    """
    if accuracy.is_empty():
        return "Nothing is scored yet: no day after the as-of date of a published forecast is known."
    metrics = ("wape", "mape", "mae", "rmse", "bias", "mase", "rmsse", "wql", "coverage_80", "coverage_90")
    lines = [
        "| " + " | ".join(("model", "as of", "days", "rows", *metrics)) + " |",
        "|---" * (4 + len(metrics)) + "|",
    ]
    for row in accuracy.to_dicts():
        days = f"{row['days_known']} of {row['horizon_days']}"
        values = ["" if row[metric] is None else f"{row[metric]:.4f}" for metric in metrics]
        lines.append(
            f"| {' | '.join((row['model'], str(row['as_of_date']), days, str(row['n_rows']), *values))} |"
        )
    return "\n".join(lines)


def _warning(check_name: str, problems: Sequence[str]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=check_name,
        passed=not problems,
        severity=dg.AssetCheckSeverity.WARN,
        description=" ".join(problems) or None,
    )
