"""What the plan before said of the lines of a plan, and how much of it the plan changed.

Belongs here: the plan before and its lines, which of them is the same line, how stable the two are. Does not
belong here: what a person is shown of it (``reporting.worklist``, ``inventory``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl
import psycopg

from orchestration.warehouse.bulk import fetched

_LINE = ["item_id", "location_id", "action"]
_PLACE = pl.col("line_no").rank("ordinal").over(_LINE).alias("place")


@dataclass(frozen=True)
class PlanBefore:
    """The current plan of the as-of date before.

    Attributes:
        run_id: its key.
        as_of_date: its date.
        forecast: (run id, model) of the forecast it started from.
        lines: ``item_id, location_id, action, line_no, urgency, order_qty, order_multiple_qty``.
    """

    run_id: str
    as_of_date: date
    forecast: tuple[str, str]
    lines: pl.DataFrame


def plan_before(connection: psycopg.Connection[Any], client_id: str, as_of_date: date) -> PlanBefore | None:
    """The current plan of the as-of date before; None where there is none, or it was thinned."""
    run = connection.execute(
        """
        select run_id::text, as_of_date, forecast_run_id::text, forecast_model, thinned_at
        from analytics.inventory_runs
        where client_id = %s and is_current and as_of_date < %s
        order by as_of_date desc
        limit 1
        """,
        (client_id, as_of_date),
    ).fetchone()
    if run is None or run[4] is not None:
        return None
    lines = fetched(
        connection.execute(
            """
            select
                item_id,
                location_id,
                action,
                line_no,
                urgency,
                order_qty::float8 as order_qty,
                order_multiple_qty::float8 as order_multiple_qty
            from analytics.replenishment_plan
            where client_id = %s and run_id = %s
            """,
            (client_id, run[0]),
        )
    )
    return PlanBefore(run[0], run[1], (run[2], run[3]), lines)


def compared(lines: pl.DataFrame, before: pl.DataFrame | None) -> pl.DataFrame:
    """The lines of a plan, each beside the same line of the plan before.

    Lines of one action of a series are told apart by their order: the first of today is compared with the
    first of the plan before.

    Args:
        lines: ``item_id, location_id, action, line_no`` and more.
        before: those of :func:`plan_before`.

    Returns:
        The lines in their order, with ``earlier_urgency``, ``earlier_order_qty`` and ``is_new``.
    """
    if before is None:
        return lines.with_columns(
            pl.lit(None, dtype=pl.String).alias("earlier_urgency"),
            pl.lit(None, dtype=pl.Float64).alias("earlier_order_qty"),
            pl.lit(None, dtype=pl.Boolean).alias("is_new"),
        )
    earlier = before.select(
        *_LINE,
        _PLACE,
        pl.col("urgency").alias("earlier_urgency"),
        pl.col("order_qty").alias("earlier_order_qty"),
        pl.lit(value=False).alias("is_new"),
    )
    return (
        lines.with_columns(_PLACE)
        .join(earlier, on=[*_LINE, "place"], how="left", maintain_order="left")
        .drop("place")
        .with_columns(pl.col("is_new").fill_null(value=True))
    )


@dataclass(frozen=True)
class ChangedLines:
    """How many lines of two plans are not the same.

    Attributes:
        lines: of either plan, a line of both counted once.
        changed: of these, the ones whose quantities differ by more than one pack.
    """

    lines: int
    changed: int


def changed_lines(lines: pl.DataFrame, before: pl.DataFrame) -> ChangedLines:
    """Count the lines that changed by more than one pack; a line of one plan only is nothing in the other.

    A pack is the order multiple, one unit where none is known. A quantity that nobody could propose differs
    from any other.

    Args:
        lines: ``item_id, location_id, action, line_no, order_qty, order_multiple_qty``.
        before: the same of the plan before.
    """
    now, then = (
        frame.select(
            *_LINE,
            _PLACE,
            pl.col("order_qty", "order_multiple_qty").cast(pl.Float64),
            pl.lit(value=True).alias("is_there"),
        )
        for frame in (lines, before)
    )
    both = now.join(then, on=[*_LINE, "place"], how="full", suffix="_then", coalesce=True)
    pack = pl.coalesce("order_multiple_qty", "order_multiple_qty_then", pl.lit(1.0))
    moved = _quantity("") - _quantity("_then")
    is_of_one = pl.col("is_there").is_null() | pl.col("is_there_then").is_null()
    is_unknown = is_of_one | (pl.col("order_qty").is_null() != pl.col("order_qty_then").is_null())
    changed = both.select((moved.abs() > pack).fill_null(is_unknown).sum()).item()
    return ChangedLines(both.height, int(changed))


def _quantity(suffix: str) -> pl.Expr:
    """Units of a line, nothing where the plan has no such line, null where nobody could propose any."""
    there, quantity = pl.col(f"is_there{suffix}"), pl.col(f"order_qty{suffix}")
    return pl.when(there.is_null()).then(0.0).otherwise(quantity)


def insert_stability(
    connection: psycopg.Connection[Any],
    key: Mapping[str, str],
    as_of_date: date,
    forecast: tuple[str, str],
    lines: pl.DataFrame,
    before: PlanBefore,
) -> None:
    """Write how much of the plan before a run changed.

    Args:
        connection: of the transaction that publishes the run.
        key: ``client_id`` and ``run_id`` of the run.
        as_of_date: its date.
        forecast: (run id, model) of the forecast it started from.
        lines: as for :func:`changed_lines`.
        before: the plan before.
    """
    count = changed_lines(lines, before.lines)
    connection.execute(
        """
        with moved as (
            select
                count(distinct date) as periods,
                coalesce(sum(earlier.mean_qty), 0) as earlier_qty,
                coalesce(sum(abs(later.mean_qty - earlier.mean_qty)), 0) as moved_qty
            from analytics.forecast_results as later
            inner join analytics.forecast_results as earlier
                using (client_id, item_id, location_id, date)
            where client_id = %(client_id)s
                and later.run_id = %(later_run)s
                and later.model = %(later_model)s
                and earlier.run_id = %(earlier_forecast)s
                and earlier.model = %(earlier_model)s
        )

        insert into analytics.plan_stability (
            client_id, run_id, earlier_run_id, as_of_date, earlier_as_of_date, overlap_periods,
            earlier_forecast_qty, moved_forecast_qty, forecast_churn, n_lines, n_lines_changed,
            lines_changed_share
        )
        select
            %(client_id)s, %(run_id)s, %(earlier_run)s, %(as_of)s, %(earlier_as_of)s, periods,
            earlier_qty, moved_qty, moved_qty / nullif(earlier_qty, 0), %(lines)s, %(changed)s,
            %(changed)s::float8 / nullif(%(lines)s, 0)
        from moved
        """,
        {
            **key,
            "later_run": forecast[0],
            "later_model": forecast[1],
            "earlier_forecast": before.forecast[0],
            "earlier_model": before.forecast[1],
            "earlier_run": before.run_id,
            "as_of": as_of_date,
            "earlier_as_of": before.as_of_date,
            "lines": count.lines,
            "changed": count.changed,
        },
    )
