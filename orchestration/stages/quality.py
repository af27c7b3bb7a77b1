"""The quality stage: forecasts are scored as soon as the days they were about are known.

Belongs here: the asset, and what is said of the accuracy people read first. Does not belong here: which runs
are scored and how (``scoring``), the question of the latest accuracy (``reading.accuracy``).
"""

from collections.abc import Sequence
from typing import Any

import dagster as dg
import polars as pl

from forecasting_lib.grain import Grain
from orchestration.clients import CLIENT_PARTITIONS
from orchestration.reading.accuracy import latest_accuracy
from orchestration.resources import DATABASE_RETRIES, Installation
from orchestration.stages.scoring import score_due_runs
from orchestration.table_assets import OWNERS, table_key
from orchestration.warehouse.tables import analytics

QUALITY_KEY = dg.AssetKey(["analytics", "forecast_quality"])
"""The view that people read; a scoring fills the tables beneath it."""

ACTUALS_KEYS = [
    table_key(table) for table in (analytics.ts_demand_daily, analytics.ts_demand_periods, analytics.dim_item)
]

BIAS_BAND = 0.20
"""Relative bias beyond which a forecast misleads whoever orders on it."""

COVERAGE_90_BAND = (0.87, 0.93)
"""What the central 90 % interval may cover before the quantiles need calibration.

Of demand in counts many days lie exactly on a bound. A sound forecast has at least 90 % of the actuals
between its bounds with these days, and at most 90 % without them; so the lower limit is for the one share,
the upper limit for the other.
"""


_UNSCORED = ["Unknown: no forecast has been scored yet, since none of the days forecast is known."]


def bias_problems(accuracy: pl.DataFrame) -> list[str]:
    """Sentences about champions whose forecast misses the total by more than ``BIAS_BAND``.

    Only the champion is judged: it is what orders follow, the other models are there to compare with.

    Args:
        accuracy: as :func:`~orchestration.reading.accuracy.latest_accuracy` returns it.
    """
    biased = accuracy.filter(pl.col("is_champion") & (pl.col("bias").abs() > BIAS_BAND))
    return [
        f"{row['model']} as of {row['as_of_date']} forecast {abs(row['bias']):.0%} too "
        f"{'much' if row['bias'] > 0 else 'little'} in {row['periods_known']} {Grain(row['grain']).periods}."
        for row in biased.to_dicts()
    ]


def coverage_problems(accuracy: pl.DataFrame) -> list[str]:
    """Sentences about champions whose 90 % interval covers more or less than ``COVERAGE_90_BAND``.

    Args:
        accuracy: as :func:`~orchestration.reading.accuracy.latest_accuracy` returns it.
    """
    least, most = COVERAGE_90_BAND
    narrow, wide = pl.col("coverage_90") < least, pl.col("within_90") > most
    return [
        f"The 90 % interval of {row['model']} as of {row['as_of_date']} held {row['coverage_90']:.1%} of "
        f"{row['n_rows']} actuals in {row['periods_known']} {Grain(row['grain']).periods}, "
        f"{row['within_90']:.1%} without those on a "
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
    metadata={"dagster/table_name": ".".join(QUALITY_KEY.path)},
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
    scorings = score_due_runs(installation.warehouse, context.partition_key, context.run.run_id)
    accuracy = latest_accuracy(installation.warehouse, context.partition_key)
    return dg.MaterializeResult(
        metadata={
            "runs_scored": len({scoring.run.run_id for scoring in scorings}),
            "rows_scored": sum(scoring.rows for scoring in scorings),
            **_accuracy_metadata(accuracy),
        },
        check_results=[
            _warning("bias_within_band", _UNSCORED if accuracy.is_empty() else bias_problems(accuracy)),
            _warning("interval_90_covers", _UNSCORED if accuracy.is_empty() else coverage_problems(accuracy)),
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
        accuracy: as :func:`~orchestration.reading.accuracy.latest_accuracy` returns it.
    """
    if accuracy.is_empty():
        return "Nothing is scored yet: no day after the as-of date of a published forecast is known."
    metrics = ("wape", "mape", "mae", "rmse", "bias", "mase", "rmsse", "wql", "coverage_80", "coverage_90")
    lines = [
        "| " + " | ".join(("model", "as of", "known", "rows", *metrics)) + " |",
        "|---" * (4 + len(metrics)) + "|",
    ]
    for row in accuracy.to_dicts():
        known = f"{row['periods_known']} of {row['horizon']} {Grain(row['grain']).periods}"
        values = ["" if row[metric] is None else f"{row[metric]:.4f}" for metric in metrics]
        lines.append(
            f"| {' | '.join((row['model'], str(row['as_of_date']), known, str(row['n_rows']), *values))} |"
        )
    return "\n".join(lines)


def _warning(check_name: str, problems: Sequence[str]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=check_name,
        passed=not problems,
        severity=dg.AssetCheckSeverity.WARN,
        description=" ".join(problems) or None,
    )
